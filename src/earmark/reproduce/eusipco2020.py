"""The study of Grollmisch, Cano, Kehling and Taenzer (EUSIPCO 2020), and its stand-in on sounds made by code.

The design is that of the paper: six tasks, three embeddings with three classifiers and late fusion against networks
trained from scratch (Experiment 1, Table II); early against late fusion (Experiment 2, Figure 1); domain of the
pre-training, size of the embedding and amount of training data (Experiment 3, Figure 2).

The stand-in suite has the structure of the six tasks. It is heard by the embeddings that can be had without asking
anybody, and by the paper's with random weights, which show what the networks' shape alone is worth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from earmark.datasets.standin import LARGEST_SCALE
from earmark.errors import SettingsError
from earmark.reproduce.study import FROM_SCRATCH, Bar, Chart, Panel, Settings, Study, Task, Unit, merged

__all__ = ["BASELINES", "EMBEDDINGS", "LEAD", "eusipco2020", "standin"]

VERSION = 1

#: Name, title, data set, way of splitting: Table I. Where there is a fixed test set, it is used.
TASKS = (
    Task("T1", "Ensemble size in music", "acmus-mir", "clips"),
    Task("T2", "Musical instrument family", "db-mtc", "clips"),
    Task("T3", "Speech and music", "field-recordings", "clips"),
    Task("T4", "Operational states of electric engines", "idmt-electric-engine", "fixed"),
    Task("T5", "Metal surfaces", "idmt-metal-balls", "fixed"),
    Task("T6", "Plastic materials", "idmt-pucks", "fixed"),
)
#: The network trained from scratch for each task.
BASELINES = {
    "T1": "cnn-ensemble",
    "T2": "cnn-instruments",
    "T3": "cnn-speech-music",
    "T4": "net-engine",
    "T5": "net-engine",
    "T6": "cnn-plastics",
}
EMBEDDINGS = ("vggish", "openl3-music-mel256-512", "kumar")
CLASSIFIERS = ("svm", "d128", "d512")
LEAD = "openl3-music-mel256-512"
ENVIRONMENTAL, LARGE = "openl3-env-mel256-512", "openl3-music-mel256-6144"

#: Windows of the paper's embedding overlap by nine tenths; here they lie apart, so that two cores hear them in minutes.
STANDIN_OPENL3 = ":hop=2"
STANDIN_TRAINED = ("yamnet", "soundnet-conv5")
RANDOM = " (random weights)"


def eusipco2020() -> Study:
    """Return the study as it is in the paper."""
    units = [
        *_table2(TASKS, dict.fromkeys(EMBEDDINGS, False)),
        *_fusions(TASKS, {LEAD: False}),
        *_amounts(TASKS, LEAD),
        *(Unit(task.name, each, "svm", experiments=(3,)) for task in TASKS for each in (ENVIRONMENTAL, LARGE)),
    ]
    title = "Pre-trained embeddings for audio classification (EUSIPCO 2020)"
    charts = (_figure1({LEAD: "OpenL3"}), _figure2("OpenL3", LEAD, LEAD, ENVIRONMENTAL, LARGE))
    return Study("eusipco2020", VERSION, title, TASKS, merged(units), Settings("eusipco2020"), charts, published=True)


def standin(scale: float = 1.0) -> Study:
    """Return the study on the stand-in suite.

    Parameters
    ----------
    scale : float
        Size of its tasks, in (0, 10]; 1 takes a quarter of an hour on two cores.

    Raises
    ------
    SettingsError
        If the scale is out of its range.
    """
    if not 0 < scale <= LARGEST_SCALE:
        raise SettingsError(f"--scale must lie above 0 and up to {LARGEST_SCALE:g}, got {scale:g}.")
    tasks = tuple(Task(task.name, task.title, f"standin-{task.name.lower()}", task.split) for task in TASKS)
    trained = dict.fromkeys(STANDIN_TRAINED, False)
    untrained = {_standin(each): True for each in EMBEDDINGS}
    units = [
        *_table2(tasks, trained | untrained),
        *_fusions(tasks, trained | untrained),
        *_amounts(tasks, STANDIN_TRAINED[0]),
        *(
            Unit(task.name, _standin(each), "svm", untrained=True, experiments=(3,))
            for task in tasks
            for each in (LEAD, ENVIRONMENTAL, LARGE)
        ),
    ]
    # The paper's protocol but for the epochs: a small task needs no 500, which would take hours.
    settings = Settings("earmark", 10, 2, 0.1, 0.2, balanced_test=True, net_epochs=40, baseline_epochs=12)
    title = "The design of EUSIPCO 2020 on synthetic stand-in tasks"
    first = STANDIN_TRAINED[0]
    random = f"OpenL3, a window every 2 s{RANDOM}"
    titles = {each: each for each in STANDIN_TRAINED} | {_standin(each): f"{each}{RANDOM}" for each in EMBEDDINGS}
    charts = (
        _figure1(titles | {_standin(LEAD): random}),
        _figure2(first, first, _standin(LEAD), _standin(ENVIRONMENTAL), _standin(LARGE), remark=RANDOM),
    )
    return Study("eusipco2020", VERSION, title, tasks, merged(units), settings, charts, synthetic=True, scale=scale)


def _table2(tasks: Sequence[Task], embeddings: Mapping[str, bool]) -> Iterator[Unit]:
    for task in tasks:
        for embedding, untrained in embeddings.items():
            for classifier in CLASSIFIERS:
                yield Unit(task.name, embedding, classifier, untrained=untrained, experiments=(1,))
        yield Unit(task.name, FROM_SCRATCH, BASELINES[task.name], experiments=(1,))


def _fusions(tasks: Sequence[Task], embeddings: Mapping[str, bool]) -> Iterator[Unit]:
    for task in tasks:
        for embedding, untrained in embeddings.items():
            yield Unit(task.name, embedding, "svm", ("late", "early"), untrained=untrained, experiments=(2,))


def _amounts(tasks: Sequence[Task], lead: str) -> Iterator[Unit]:
    for task in tasks:
        # The paper has 80 % and 10 %; two more cost a linear SVM nothing, and make a learning curve.
        yield Unit(task.name, lead, "svm", train_fractions=(0.8, 0.4, 0.2, 0.1), experiments=(3,))
        yield Unit(task.name, FROM_SCRATCH, BASELINES[task.name], train_fractions=(0.8, 0.1), experiments=(3,))


def _standin(embedding: str) -> str:
    return embedding + STANDIN_OPENL3 if embedding.startswith("openl3") else embedding


def _figure1(embeddings: Mapping[str, str]) -> Chart:
    """Early against late fusion; Figure 1 of the paper."""
    panels = [
        Panel(f"{title}, linear SVM", (Bar("early fusion", embedding, "early"), Bar("late fusion", embedding)))
        for embedding, title in embeddings.items()
    ]
    return Chart("figure1", "Figure 1: early against late fusion", tuple(panels))


def _figure2(title: str, lead: str, music: str, environmental: str, large: str, remark: str = "") -> Chart:
    """Domain and size of the embedding, amount of training data; Figure 2 of the paper."""
    panels = (
        Panel(f"Domain of the pre-training: OpenL3{remark}", (Bar("music", music), Bar("environment", environmental))),
        Panel(f"Size of the embedding: OpenL3{remark}", (Bar("512 values", music), Bar("6144 values", large))),
        Panel(
            f"Amount of training data: {title} with linear SVM, and networks trained from scratch",
            (
                Bar("from scratch, 80 %", FROM_SCRATCH),
                Bar(f"{title}, 80 %", lead),
                Bar("from scratch, 10 %", FROM_SCRATCH, train_fraction=0.1),
                Bar(f"{title}, 10 %", lead, train_fraction=0.1),
            ),
        ),
    )
    return Chart("figure2", "Figure 2: training domain, embedding size and amount of data", panels)
