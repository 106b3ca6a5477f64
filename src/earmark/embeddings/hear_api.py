"""A Python module that follows the HEAR API, imported, and what can be known of where it comes from.

The API (neuralaudio.ai/hear2021-holistic-evaluation-of-audio-representations.html, section "Common API"): a module with
``load_model(model_file_path="")``, ``get_timestamp_embeddings(audio, model)`` and ``get_scene_embeddings(audio,
model)``; the model carries ``sample_rate``, ``timestamp_embedding_size`` and ``scene_embedding_size``; audio is
(sounds, samples) float32, timestamps are the frames' centres in milliseconds.

The code is not ours, so nothing is taken for granted: whatever it raises becomes an error of ours that names it, and
what it gives is checked.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.errors import AudioError, EarmarkError, SettingsError

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

__all__ = [
    "PREFIX",
    "RATES",
    "SCENE",
    "TIMESTAMPS",
    "HearModule",
    "described",
    "file_sha256",
    "foreign_code",
    "package_of",
    "source_sha256",
    "state_sha256",
]

#: Stands before the name of a module where embeddings are named.
PREFIX = "hear:"
TIMESTAMPS, SCENE = "get_timestamp_embeddings", "get_scene_embeddings"
#: The sample rates that HEAR knows, in Hz.
RATES = (16000, 22050, 32000, 44100, 48000)
SIZES = ("timestamp_embedding_size", "scene_embedding_size")


@contextmanager
def foreign_code(name: str, doing: str, error: type[EarmarkError]) -> Iterator[None]:
    """Turn whatever the code of somebody else raises into an error of ours that names it.

    Parameters
    ----------
    name : str
        Whose code it is.
    doing : str
        What failed, to follow the name in the message.
    error : type
        What is raised instead; errors of ours pass as they are.
    """
    try:
        yield
    except EarmarkError:
        raise
    except (Exception, SystemExit) as caught:  # nobody can know what code that is not ours raises
        raise error(
            f"{name} {doing} ({type(caught).__name__}: {caught}). Its own code says so; "
            "look into its documentation, or tell its authors."
        ) from caught


class HearModule:
    """A module that follows the HEAR API, imported, its model loaded and in evaluation mode.

    Parameters
    ----------
    name : str
        Name of the module.
    weights : str
        Handed to ``load_model``, unless empty.

    Attributes
    ----------
    name : str
        ``hear:`` and the name of the module.
    model : torch.nn.Module
        What ``load_model`` gave.
    sample_rate, timestamp_size, scene_size : int
        Its attributes.
    came_in_training : bool
        Whether ``load_model`` left any part of it in training mode.

    Raises
    ------
    SettingsError
        If the module cannot be imported or loaded, lacks a function or an attribute, or is not made with PyTorch.
    """

    def __init__(self, name: str, weights: str = "") -> None:
        self.name = PREFIX + name
        self._module = _imported(name)
        for function in ("load_model", TIMESTAMPS, SCENE):
            if not callable(getattr(self._module, function, None)):
                raise SettingsError(
                    f"{self.name} does not follow the HEAR API: it has no function {function}. Name the module that "
                    "has load_model, get_timestamp_embeddings and get_scene_embeddings."
                )
        with foreign_code(self.name, "could not load its model", SettingsError):
            model = self._module.load_model(weights) if weights else self._module.load_model()
            _require_torch(self.name, model)
            self.came_in_training = any(part.training for part in model.modules())
            self.model: torch.nn.Module = model.cpu().eval()
        self.sample_rate, self.timestamp_size, self.scene_size = (
            _positive(self.name, model, attribute) for attribute in ("sample_rate", *SIZES)
        )

    def run(self, function: str, audio: torch.Tensor) -> Any:
        """Call one of the module's functions, on one thread and without gradients, and give what it gives.

        Raises
        ------
        AudioError
            If it raises anything.
        """
        import torch

        from earmark.runtime import one_thread

        with (
            foreign_code(self.name, f"failed in {function} on audio of shape {tuple(audio.shape)}", AudioError),
            one_thread(),
            torch.inference_mode(),
        ):
            return getattr(self._module, function)(audio, self.model)

    def frames(self, samples: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Embed the frames of one clip.

        Parameters
        ----------
        samples : ndarray of shape (n,), float32
            At the module's rate.

        Returns
        -------
        values : ndarray of shape (frames, dimension), float32
        times : ndarray of shape (frames,), float64
            In seconds.

        Raises
        ------
        AudioError
            If the module fails.
        SettingsError
            If what it gives is not what the HEAR API says.
        """
        import torch

        given = self.run(TIMESTAMPS, torch.tensor(samples)[None])
        if not (isinstance(given, tuple | list) and len(given) == 2 and all(torch.is_tensor(each) for each in given)):
            raise self.broken(f"{TIMESTAMPS} gave {described(given)}", "two tensors, embeddings and timestamps")
        values, stamps = (each.detach() for each in given)
        shape = (1, stamps.shape[-1] if stamps.ndim else 0, self.timestamp_size)
        if values.shape != shape or stamps.shape != shape[:2] or not shape[1] or not values.is_floating_point():
            raise self.broken(
                f"{TIMESTAMPS} gave {described(given)}",
                f"floating point embeddings of shape (1, frames, {self.timestamp_size}) and timestamps of (1, frames)",
            )
        times = stamps[0].to("cpu", torch.float64).numpy() / 1000
        self._check_times(times, len(samples) / self.sample_rate)
        return values[0].to("cpu", torch.float32).contiguous().numpy(), times

    def _check_times(self, times: NDArray[np.float64], duration: float) -> None:
        """Refuse timestamps that cannot be centres of frames, in milliseconds, of a clip of that many seconds."""
        found = f"timestamps from {times[0] * 1000:g} to {times[-1] * 1000:g} ms for {duration:g} s of audio"
        if not np.isfinite(times).all() or (np.diff(times) <= 0).any():
            raise self.broken(f"{found}, not increasing", "centres of consecutive frames in milliseconds")
        if len(times) == 1:
            return  # a single frame may be longer than the clip, its centre anywhere
        hop = (times[-1] - times[0]) / (len(times) - 1)
        # The centres of windows that lie within a clip end in its second half, whatever the window is.
        if hop > duration or times[0] < -hop or not duration / 2 - hop <= times[-1] <= duration + hop:
            raise self.broken(found, "centres of frames in milliseconds, within the clip")

    def broken(self, found: str, expected: str) -> SettingsError:
        """Make the error that says what the module gave and what it should have given."""
        return SettingsError(
            f"{self.name} does not keep to the HEAR API: {found}; expected {expected}. "
            f"See all that is wrong with it by: earmark embeddings check {self.name}"
        )


def _imported(name: str) -> Any:
    with foreign_code(PREFIX + name, "could not be imported", SettingsError):
        try:
            return import_module(name)
        except ModuleNotFoundError as error:
            if error.name and f"{name}.".startswith(f"{error.name}."):
                raise SettingsError(
                    f"{PREFIX}{name}: there is no Python module {error.name}. Install the package that has it where "
                    "earmark is installed, or mend the name."
                ) from error
            raise


def _require_torch(name: str, model: object) -> None:
    import torch

    if isinstance(model, torch.nn.Module):
        return
    if any(kind.__module__.partition(".")[0] in ("tensorflow", "keras", "tf_keras") for kind in type(model).__mro__):
        raise SettingsError(f"{name} is made with TensorFlow; earmark uses HEAR modules made with PyTorch only.")
    raise SettingsError(
        f"{name} does not follow the HEAR API: its load_model gave {described(model)}, expected a torch.nn.Module."
    )


def _positive(name: str, model: object, attribute: str) -> int:
    value = getattr(model, attribute, None)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise SettingsError(
            f"{name} does not follow the HEAR API: the {attribute} of its model is {value!r}, expected an int above 0."
        )
    return value


def described(given: object) -> str:
    """Say in few words what something is."""
    if isinstance(given, tuple | list):
        return "(" + ", ".join(described(each) for each in given[:4]) + (", ...)" if len(given) > 4 else ")")
    shape = getattr(given, "shape", None)
    details = "" if shape is None else f" {tuple(shape)} {getattr(given, 'dtype', '')}"
    return type(given).__name__ + details


def state_sha256(model: torch.nn.Module) -> str:
    """SHA-256 over all tensors of a model."""
    import torch

    from earmark.weights import tensors_digest

    found: dict[str, NDArray[Any]] = {}
    state: Mapping[str, object] = model.state_dict()
    for name, tensor in state.items():
        if isinstance(tensor, torch.Tensor):  # others are extra state of any kind
            numbers = tensor.detach().cpu()
            # NumPy has no bfloat16, nor what is shorter; as float32 they are the same numbers.
            small = numbers.is_floating_point() and numbers.dtype not in (torch.float16, torch.float32, torch.float64)
            found[name] = (numbers.float() if small else numbers).numpy()
    return tensors_digest(found)


def package_of(name: str) -> str:
    """Names and versions of the installed packages that a module comes from; empty if it comes from none."""
    from importlib.metadata import packages_distributions, version

    names = sorted(set(packages_distributions().get(name.partition(".")[0], [])))
    return ", ".join(f"{each} {version(each)}" for each in names)


def source_sha256(name: str) -> str:
    """SHA-256 over the Python files of the outermost package that a module lies in, namespaces aside."""
    levels = (sys.modules[level] for level in accumulate(name.split("."), lambda outer, part: f"{outer}.{part}"))
    files = [Path(file) for level in levels if (file := getattr(level, "__file__", None))]
    if not files:
        return ""
    folder = files[0].parent
    sources = sorted(folder.rglob("*.py")) if files[0].stem == "__init__" else files[:1]
    lines = [f"{source.relative_to(folder).as_posix()} {file_sha256(source)}" for source in sources if source.is_file()]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
