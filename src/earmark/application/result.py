"""What a comparison gives back: two tables, the protocol, the report made of them, and the folder that keeps them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.errors import ClipFailure, EarmarkError
from earmark.evaluation import compare_pairs, summarise
from earmark.files import advice, replacing
from earmark.store import Extraction

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Comparison"]

_TABLES = {"results": "results.parquet", "predictions": "predictions.parquet"}


@dataclass(frozen=True)
class Comparison:
    """Result of `compare`.

    Attributes
    ----------
    results : DataFrame
        One row for each data set, embedding, classifier, fusion, train fraction, split, repeat and fold, with
        ``n_train``, ``n_test``, ``accuracy``, ``balanced_accuracy``, ``macro_f1`` (0 to 1) and ``seconds``.
    predictions : DataFrame
        One row for each clip of each test fold: ``path``, ``label``, ``predicted``, ``likelihood:CLASS``.
    protocol : dict
        Everything that decided the scores.
    extractions : dict of str to Extraction
        What embedding the clips took, by name of the embedding; empty when loaded from a folder.
    """

    results: pd.DataFrame
    predictions: pd.DataFrame
    protocol: dict[str, Any]
    extractions: dict[str, Extraction] = field(default_factory=dict)

    @property
    def failures(self) -> list[ClipFailure]:
        """Clips that were left out, with reasons."""
        return [ClipFailure(Path(clip["path"]), clip["reason"]) for clip in self.protocol["left_out"]]

    def table(self) -> pd.DataFrame:
        """Bring folds and repeats together: one row for each system, with mean, deviation and 95 % interval."""
        return summarise(self.results, self.predictions)

    def pairs(self) -> pd.DataFrame:
        """Test every pair of systems on the same folds and clips; see `earmark.evaluation.compare_pairs`."""
        return compare_pairs(self.results, self.predictions)

    def to_html(self, path: str | Path | None = None) -> str:
        """Make the report: one page that stands alone, with tables, figures and players.

        Parameters
        ----------
        path : str or Path, optional
            Where to write it as well.

        Returns
        -------
        str
            The page.
        """
        from earmark.report import render_page, write_page

        page = render_page(self.results, self.table(), self.predictions, self.protocol, audio=self._audio)
        if path is not None:
            write_page(path, page)
        return page

    def save(self, folder: str | Path) -> Path:
        """Write results, predictions, protocol, report, tables and paired comparisons into a folder.

        Parameters
        ----------
        folder : str or Path
            Made if need be; files of an earlier comparison are replaced.

        Returns
        -------
        Path
            The report.

        Raises
        ------
        EarmarkError
            If the folder cannot be written.
        """
        from earmark.report import pairs_to_markdown, to_latex, to_markdown

        folder = Path(folder)
        try:
            self.save_tables(folder)
            summary, pairs = self.table(), self.pairs()
            facts = self.protocol["dataset"]
            synthetic = [facts["name"]] if facts["synthetic"] else []
            texts = {
                "table.md": to_markdown(summary, synthetic=synthetic),
                "table.tex": to_latex(summary, synthetic=synthetic),
                "comparisons.csv": pairs.to_csv(index=False),
                "comparisons.md": pairs_to_markdown(pairs, summary, synthetic=synthetic),
            }
            for file, text in texts.items():
                _write_text(text, folder / file)
            self.to_html(folder / "report.html")
        except OSError as error:
            raise EarmarkError(
                f"{folder}: the results could not be written ({error.strerror}). {advice(error)}, or name another "
                "folder; the embeddings are kept, so a second run is quicker."
            ) from error
        return folder / "report.html"

    def save_tables(self, folder: Path) -> None:
        """Write results, predictions and protocol into a folder: what `load` reads, and all else is made of.

        Raises
        ------
        OSError
            If the folder cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for name, file in _TABLES.items():
            _write_table(getattr(self, name), folder / file, self.protocol)
        _write_text(json.dumps(self.protocol, indent=2, ensure_ascii=False) + "\n", folder / "protocol.json")

    @classmethod
    def load(cls, folder: str | Path) -> Comparison:
        """Read a comparison that `save` has written.

        Raises
        ------
        EarmarkError
            If the folder holds none.
        """
        import pandas as pd
        import pyarrow as pa

        folder = Path(folder)
        try:
            results, predictions = (pd.read_parquet(folder / file) for file in _TABLES.values())
            protocol = json.loads((folder / "protocol.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, pa.ArrowException) as error:
            raise EarmarkError(
                f"{folder}: holds no comparison that can be read ({error}). Make one with earmark compare -o {folder}."
            ) from error
        return cls(results, predictions, protocol)

    def _audio(self, path: str) -> Path | None:
        file = Path(self.protocol["dataset"]["root"]) / path
        return file if file.is_file() else None


def _write_table(table: pd.DataFrame, file: Path, protocol: dict[str, Any]) -> None:
    """Write a table with the protocol in its metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrow = pa.Table.from_pandas(table, preserve_index=False)
    metadata = (arrow.schema.metadata or {}) | {b"earmark_protocol": json.dumps(protocol).encode()}
    with replacing(file) as temporary:
        pq.write_table(arrow.replace_schema_metadata(metadata), temporary)


def _write_text(text: str, file: Path) -> None:
    with replacing(file) as temporary:
        temporary.write_text(text, encoding="utf-8")
