"""What is known of each baseline before any of it runs: its spectrogram, its layers, how it is trained.

The networks of T1 and T3 are known exactly, from the models that their authors released
(github.com/ACMUS-MIR/ACMus-Models, MIT licence). Of the others the paper says in words what they are, and cites where
they come from; their exact layers are not public in text. Those cards are a reading of the paper, and say so.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from difflib import get_close_matches
from numbers import Integral
from typing import Any, Literal

from earmark.errors import SettingsError

__all__ = ["BaselineCard", "FrontEnd", "Layer", "check_epochs", "find_baseline", "list_baselines"]

Layer = tuple[str | int | float, ...]
"""What a layer does, and its one number where it has one: see `earmark.classifiers.baselines.network`."""


@dataclass(frozen=True)
class FrontEnd:
    """The spectrogram that a baseline sees: log(1 + gain * magnitude), of linear bins or mel bands.

    Attributes
    ----------
    sample_rate : int
        In Hz.
    fft_size, hop : int
        Length of the transform and of its Hann window, and step, in samples.
    bands : int or None
        Mel bands (Slaney's, from 0 Hz to half the sample rate); None for the linear bins themselves.
    gain : float
        The larger, the more of what is quiet is seen. 1 as the authors have it.
    """

    sample_rate: int
    fft_size: int
    hop: int
    bands: int | None
    gain: float = 1.0

    @property
    def dimension(self) -> int:
        """Values in a frame."""
        return self.bands or self.fft_size // 2 + 1


@dataclass(frozen=True, kw_only=True)
class BaselineCard:
    """Facts about one baseline.

    Attributes
    ----------
    name : str
        The name users type.
    title : str
        What it is, in a line.
    tasks : tuple of str
        Tasks of the paper in which it is the baseline.
    source : str
        Where it comes from.
    standing : {"exact", "our reading of the paper"}
        Whether it is the network behind the published numbers, or one of the same kind.
    front_end : FrontEnd
        Its spectrogram.
    patch_frames, patch_hop : int
        Frames that the network sees at once, and step from one patch to the next, in frames.
    layers : tuple of Layer
        What the network does with a patch, in order; a dense layer with a softmax follows.
    l2 : float
        This times the sum of squares of all kernels but the last layer's is added to the loss.
    clip_norm : float or None
        Length to which the gradient of each tensor is cut.
    learning_rate : float
        Step size of Adam.
    batch_size : int
        Patches a step.
    epochs : int
        Most passes over the patches.
    patience : int
        Training ends when the validation clips have not been told apart better for so many epochs.
    """

    name: str
    title: str
    tasks: tuple[str, ...]
    source: str
    standing: Literal["exact", "our reading of the paper"]
    front_end: FrontEnd
    patch_frames: int
    patch_hop: int
    layers: tuple[Layer, ...]
    l2: float = 0.0
    clip_norm: float | None = None
    learning_rate: float = 1e-3
    batch_size: int = 32
    epochs: int = 100
    patience: int = 25

    @property
    def settings(self) -> dict[str, Any]:
        """All that decides its numbers, ready for JSON."""
        facts = {name: value for name, value in asdict(self).items() if name not in ("name", "title", "tasks")}
        return facts | {"layers": [list(layer) for layer in (*self.layers, ("dense", "classes"), ("softmax",))]}


_ACMUS = (
    "models of github.com/ACMUS-MIR/ACMus-Models (MIT licence), read from the stored "
    "configuration; S. Grollmisch, E. Cano, C. Kehling, M. Taenzer, EUSIPCO 2020"
)

_ACMUS_LAYERS: tuple[Layer, ...] = (
    ("noise", 0.1),
    *(("convolution", 16), ("relu",), ("max pooling", 2), ("dropout", 0.25)),
    *(("convolution", 32), ("relu",), ("max pooling", 2), ("dropout", 0.25)),
    *(("convolution", 64), ("relu",), ("max pooling", 2), ("dropout", 0.25)),
    *(("convolution", 128), ("relu",), ("global max pooling",), ("dropout", 0.25)),
    *(("dense", 64), ("relu",), ("dropout", 0.5)),
)

_CARDS = (
    BaselineCard(
        name="cnn-ensemble",
        title="Convolutional network for the size of an ensemble, on a linear spectrogram",
        tasks=("T1",),
        source=_ACMUS,
        standing="exact",
        front_end=FrontEnd(12000, 512, 512, None),
        patch_frames=34,
        patch_hop=17,
        layers=_ACMUS_LAYERS,
        l2=1e-3,
        clip_norm=1.0,
    ),
    BaselineCard(
        name="cnn-speech-music",
        title="Convolutional network for speech and music, on mel bands",
        tasks=("T3",),
        source=_ACMUS,
        standing="exact",
        front_end=FrontEnd(22050, 1024, 342, 80),
        patch_frames=140,
        patch_hop=140,
        layers=_ACMUS_LAYERS,
        l2=1e-3,
    ),
    BaselineCard(
        name="cnn-instruments",
        title="Convolutional network for instruments, the first two of four blocks",
        tasks=("T2",),
        source="after Y. Han, J. Kim, K. Lee: Deep Convolutional Neural Networks for Predominant Instrument "
        "Recognition in Polyphonic Music. IEEE/ACM TASLP 25(1), 2017, as EUSIPCO 2020 shortens it",
        standing="our reading of the paper",
        front_end=FrontEnd(22050, 1024, 512, 128, gain=1e4),
        patch_frames=43,
        patch_hop=43,
        layers=(
            *(("convolution", 32), ("leaky relu", 0.33), ("convolution", 32), ("leaky relu", 0.33)),
            *(("max pooling", 3), ("batch normalisation",)),
            *(("convolution", 64), ("leaky relu", 0.33), ("convolution", 64), ("leaky relu", 0.33)),
            *(("batch normalisation",), ("global max pooling",)),
            *(("dense", 1024), ("leaky relu", 0.33), ("dropout", 0.5)),
        ),
    ),
    BaselineCard(
        name="net-engine",
        title="Feed-forward network on single mel spectra, for engines and metal surfaces",
        tasks=("T4", "T5"),
        source="of the kind of S. Grollmisch, J. Abesser, J. Liebetrau, H. Lukashevich: Sounding Industry: Challenges "
        "and Datasets for Industrial Sound Analysis. EUSIPCO 2019",
        standing="our reading of the paper",
        front_end=FrontEnd(44100, 2048, 1024, 128, gain=1e4),
        patch_frames=1,
        patch_hop=1,
        layers=(
            ("noise", 0.1),
            ("flatten",),
            *(("dense", 256), ("relu",), ("dropout", 0.5)),
            *(("dense", 128), ("relu",), ("dropout", 0.5)),
        ),
        batch_size=256,
    ),
    BaselineCard(
        name="cnn-plastics",
        title="Small convolutional network for the sound of plastics, on mel bands",
        tasks=("T6",),
        source="of the kind of S. Grollmisch, D. Johnson, T. Krueger, J. Liebetrau: Plastic Material Classification "
        "using Neural Network based Audio Signal Analysis. SMSI 2020",
        standing="our reading of the paper",
        front_end=FrontEnd(44100, 2048, 1024, 64, gain=1e4),
        patch_frames=43,
        patch_hop=43,
        layers=(
            ("noise", 0.1),
            *(("convolution", 16), ("relu",), ("max pooling", 2), ("batch normalisation",)),
            *(("convolution", 32), ("relu",), ("max pooling", 2), ("batch normalisation",)),
            *(("convolution", 64), ("relu",), ("global max pooling",), ("dropout", 0.25)),
            *(("dense", 64), ("relu",), ("dropout", 0.5)),
        ),
        l2=1e-3,
    ),
)


def list_baselines() -> tuple[BaselineCard, ...]:
    """Return the cards of all baselines.

    Examples
    --------
    >>> [card.name for card in list_baselines()]
    ['cnn-ensemble', 'cnn-speech-music', 'cnn-instruments', 'net-engine', 'cnn-plastics']
    """
    return _CARDS


def find_baseline(name: str) -> BaselineCard:
    """Return the card of a baseline.

    Parameters
    ----------
    name : str
        Its name.

    Raises
    ------
    SettingsError
        No baseline has this name.

    Examples
    --------
    >>> find_baseline("cnn-speech-music").standing
    'exact'
    """
    cards = {card.name: card for card in _CARDS}
    if name not in cards:
        close = get_close_matches(str(name).lower(), cards, n=1, cutoff=0.4)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise SettingsError(f"There is no baseline {name!r}. Known are: {', '.join(cards)}.{hint}")
    return cards[name]


def check_epochs(epochs: object) -> None:
    """Refuse what is no number of epochs.

    Raises
    ------
    SettingsError
        It is not a whole number of at least 1.
    """
    if isinstance(epochs, bool) or not isinstance(epochs, Integral) or epochs < 1:
        raise SettingsError(f"epochs is {epochs!r}. It must be a whole number of at least 1.")
