"""Networks made of named stages, and their intermediate activations as embeddings: an open question of the paper.

With ``layers=`` the embedding of a frame is made of the activations of the stages that are asked for, each averaged
over time and frequency within the frame, one behind the other. In networks with a fixed window a row is a frame
(`stages_of`); in those that run over a whole clip a frame is a stretch of the activations (`steps_of`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import nn

    from earmark.embeddings.card import EmbeddingCard
    from earmark.embeddings.convolutional import Cell

__all__ = ["layered", "stages_of", "steps_of"]


def layered(card: EmbeddingCard, sizes: Mapping[str, int], layers: Sequence[str]) -> EmbeddingCard:
    """Return the card with as many values as some layers have; as it is, if none are asked for.

    Parameters
    ----------
    card : EmbeddingCard
        Of the model.
    sizes : mapping of str to int
        Values, or channels, of each layer that may be asked for.
    layers : sequence of str
        Those that are.
    """
    return replace(card, dimension=sum(sizes[name] for name in layers)) if layers else card


def stages_of(stages: Mapping[str, nn.Module], layers: Sequence[str] = ()) -> nn.Module:
    """Make a network of its stages, or one that gives the averaged activations of some of them.

    Parameters
    ----------
    stages : mapping of str to torch.nn.Module
        In order; the first takes (rows, ...), all give (rows, channels, ...) or (rows, values).
    layers : sequence of str
        Stages whose activations are wanted; none for the output of the last one.

    Returns
    -------
    torch.nn.Module
        From (rows, ...) to what the last stage gives, or to (rows, sum of the layers' channels): each activation
        averaged over all axes but the first two, in the order of the stages.
    """
    from torch import nn

    if not layers:
        return nn.Sequential(*stages.values()).requires_grad_(False)
    last = max(position for position, name in enumerate(stages) if name in layers)
    return _averages()([(stage, name in layers) for name, stage in list(stages.items())[: last + 1]])


def steps_of(stages: Mapping[str, nn.Module], cells: Mapping[str, Cell]) -> nn.Module:
    """Make a network that runs over a whole clip of its stages, and steps of the activations of some of them.

    Parameters
    ----------
    stages : mapping of str to torch.nn.Module
        In order; the first takes (batch, 1, rows, ...), all give (batch, channels, activations, ...).
    cells : mapping of str to Cell
        For each stage that is wanted, which activations make a step; the stages after the last of them are left out.

    Returns
    -------
    torch.nn.Module
        From (batch, rows, ...) to (batch, steps, sum of the wanted stages' channels): activations averaged over all
        axes but the first three and within the cells, in the order of the stages. The number of rows is to be one
        that gives all of them the same number of steps.
    """
    last = max(position for position, name in enumerate(stages) if name in cells)
    return _steps()([(stage, cells.get(name)) for name, stage in list(stages.items())[: last + 1]])


def _averages() -> type[nn.Module]:
    """Define the module where torch is loaded already."""
    import torch
    from torch import nn

    class Averages(nn.Module):
        def __init__(self, stages: Sequence[tuple[nn.Module, bool]]) -> None:
            super().__init__()
            self.stages = nn.ModuleList(stage for stage, _ in stages)
            self.wanted = [wanted for _, wanted in stages]
            self.requires_grad_(False)

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            found = []
            for stage, wanted in zip(self.stages, self.wanted, strict=True):
                rows = stage(rows)
                if wanted:
                    found.append(rows.flatten(2).mean(2) if rows.ndim > 2 else rows)
            return torch.cat(found, dim=1)

    return Averages


def _steps() -> type[nn.Module]:
    """Define the module where torch is loaded already."""
    import torch
    from torch import nn
    from torch.nn.functional import avg_pool1d

    class Steps(nn.Module):
        def __init__(self, stages: Sequence[tuple[nn.Module, Cell | None]]) -> None:
            super().__init__()
            self.stages = nn.ModuleList(stage for stage, _ in stages)
            self.cells = [cell for _, cell in stages]
            self.requires_grad_(False)

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            maps, found = rows.unsqueeze(1), []
            for stage, cell in zip(self.stages, self.cells, strict=True):
                maps = stage(maps)
                if cell is not None:
                    activations = maps.flatten(3).mean(3) if maps.ndim > 3 else maps
                    found.append(avg_pool1d(activations[..., cell.skip :], cell.width, cell.hop))
            return torch.cat(found, dim=1).transpose(1, 2)

    return Steps
