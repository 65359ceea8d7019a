"""Finished chips of an interval on the disk: an interrupted run goes on where it was."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import pysim
from circuits.journal import Journal, Record
from pysim.interval import Design, Metric
from pysim.mingru.streams import digest

#: Journals are checked against a size; runs of an ensemble have none, this is beyond any.
_SIZE = 2**53


class RunStore:
    """Journal of one metric and design beside ``output``; a :class:`pysim.interval.Store`.

    Parameters
    ----------
    output
        File that the run will write.
    metric, design
        What runs; a journal of anything else is refused.
    resume
        Take over what is there.

    Raises
    ------
    JournalError
        Another run holds the journal, or it is of another network, design or version.
    """

    def __init__(self, output: Path, metric: Metric, design: Design, *, resume: bool = True) -> None:
        """Open the journal."""
        output.parent.mkdir(parents=True, exist_ok=True)
        self._width = len(metric.names)
        self._journal = Journal(
            output.with_name(f".{output.name}.journal"), header(metric, design), resume=resume
        )

    def __enter__(self) -> Self:
        """Return the store."""
        self._journal.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the journal; it stays on the disk until :meth:`remove`."""
        self._journal.__exit__(kind, error, trace)

    def known(self) -> Iterable[tuple[int, tuple[float, ...]]]:
        """Finished runs."""
        names = [""] * self._width
        return [(r.index, r.values) for r in self._journal.records(names, _SIZE) if r.values is not None]

    def add(self, index: int, values: tuple[float, ...]) -> None:
        """Keep a finished run."""
        self._journal.add(Record(index, values, ""))

    def remove(self) -> None:
        """Delete the journal: the result is written."""
        self._journal.remove()


def header(metric: Metric, design: Design) -> dict[str, str]:
    """What must be equal for finished runs to be taken over; the number of chips may grow."""
    ensemble = digest(
        design.seed, sorted(design.sources), list(design.shared), list(design.temperature), list(design.time)
    )
    return {
        "network": metric.fingerprint(),
        "ensemble": ensemble,
        "package version": importlib.metadata.version("spicetwin"),
        "code": simulator_digest(),
    }


def simulator_digest() -> str:
    """sha256 of the behavioural simulator's sources."""
    content = hashlib.sha256()
    folder = Path(pysim.__file__).resolve().parent
    for path in sorted(folder.rglob("*.py")):
        content.update(f"{path.relative_to(folder)}\n".encode() + path.read_bytes())
    return content.hexdigest()
