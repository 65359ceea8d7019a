"""Characterise: run a plan on a pool, streaming to a journal, and write one netCDF file at the end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from circuits.characterisation import Characterisation, Results, partial_path, write_netcdf
from circuits.journal import Journal, Record
from circuits.ngspice.errors import SimulationError, SimulatorCrash
from circuits.plan import Plan, PlanPoint
from circuits.provenance import code_digest, package_provenance


class PointOutcome(Protocol):
    """What a pool says of one item (:class:`circuits.ngspice.pool.Outcome`)."""

    @property
    def item(self) -> Any:
        """The item."""

    @property
    def value(self) -> Any:
        """What the function returned, or None."""

    @property
    def error(self) -> SimulationError | None:
        """Why there is no value."""

    @property
    def cached(self) -> bool:
        """Nothing was simulated for it."""


class Workers(Protocol):
    """Anything that runs a picklable function over items: the local pool, or a scheduler of a cluster.

    ``simulator`` is the sha256 of the simulator's library, ``simulator_version`` what it calls itself.
    """

    simulator: str

    @property
    def simulator_version(self) -> str:
        """``"ngspice-39"``."""

    def imap(self, fn: Callable[[Any, Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """Outcomes (:class:`PointOutcome`) as they come, in any order, drawing items as there is room."""


class Progress(Protocol):
    """Told after every point."""

    def update(self, done: int, failed: int, cached: int, total: int, eta: float | None) -> None:
        """Points done, failed, taken from cache or journal so far; ``eta`` in seconds, None when unknown."""


class OutputError(ValueError):
    """The output cannot be written where it was asked for."""


def journal_path(out: Path) -> Path:
    """Journal of an unfinished run that will write ``out``."""
    return out.with_name(f".{out.name}.journal")


def characterise(
    plan: Plan, out: Path, pool: Workers, *, progress: Progress | None = None, resume: bool = True
) -> Characterisation:
    """Run every point of ``plan`` and write ``out`` (netCDF-4).

    Finished points go to a journal beside ``out`` at once. A run that was interrupted at any moment and is
    started again with the same plan takes them from there and gives the same bytes as one that was not. A
    point whose worker died is tried a second time at the end; whatever else fails is kept with its reason.

    Parameters
    ----------
    plan, out, pool
        What to run, the file to write, and who runs it.
    progress : Progress, optional
        Told after every point.
    resume : bool
        Continue an interrupted run of the same plan; otherwise start anew.

    Raises
    ------
    OutputError
        The folder of ``out`` is missing or not writable, or ``out`` is not a file. Nothing was simulated.
    JournalError
        The interrupted run had another plan or simulator, is still running, or its journal is damaged.
    OSError
        The disk is full: ``out`` is as it was, and the journal holds every point before this one.
    """
    _check_output(out)
    made_by = _made_by(plan, pool)
    with Journal(journal_path(out), _header(plan, made_by), resume=resume) as journal:
        partial_path(out).unlink(missing_ok=True)  # of a run that was killed while it wrote
        results = Results(plan)
        for record in journal.records(results.names, len(plan)):
            results.put(record)
        tally = _Tally(results, progress)
        for record in _run(plan, pool, results, tally):
            journal.add(record)
            results.put(record)
            tally.tell()
        write_netcdf(out, results, made_by)
        journal.remove()
    return Characterisation.open(out)


def _made_by(plan: Plan, pool: Workers) -> dict[str, str]:
    """What computes the results, as attributes of the file."""
    return {
        "simulator": pool.simulator_version,
        "simulator_sha256": pool.simulator,
        "code_sha256": code_digest(type(plan.testbench), type(plan.testbench.dut), type(plan.process)),
        **package_provenance(),
    }


def _header(plan: Plan, made_by: Mapping[str, str]) -> dict[str, str]:
    """What must be the same for points of an interrupted run to be taken over.

    The code counts by its content and not by its commit: an edited checkout is another code, a commit that
    touches only documents is not.
    """
    return {
        "plan": plan.digest,
        "simulator": made_by["simulator_sha256"],
        "package version": made_by["package_version"],
        "code": made_by["code_sha256"],
    }


def _run(plan: Plan, pool: Workers, results: Results, tally: _Tally) -> Iterator[Record]:
    """Records of the points without a result; those whose worker died come last, after a second try."""
    names, crashed = results.names, list[PlanPoint]()
    missing = (point for point in plan.points() if not results.done(point.index))
    for outcome in pool.imap(plan.runner(), missing):
        if isinstance(outcome.error, SimulatorCrash):
            crashed.append(outcome.item)
            continue
        tally.cached += outcome.cached
        yield _record(outcome, names)
    if crashed:
        for outcome in pool.imap(plan.runner(), sorted(crashed, key=lambda point: point.index)):
            yield _record(outcome, names)


def _record(outcome: PointOutcome, names: tuple[str, ...]) -> Record:
    """Record of an outcome: an observable that is missing or not finite is a failure, never a silent NaN."""
    index = outcome.item.index
    if outcome.error is not None:
        return Record(index, None, f"{outcome.error.reason}: {outcome.error.message}")
    given: dict[str, float] = outcome.value
    if set(given) != set(names):
        return Record(index, None, f"measure failed: observables {sorted(given)}, declared {sorted(names)}")
    for name in names:
        if not math.isfinite(given[name]):
            return Record(index, None, f"measure failed: {name} = {given[name]}")
    return Record(index, tuple(float(given[name]) for name in names), "")


class _Tally:
    """Counts for the progress display; the remaining time is that of the points this run made."""

    def __init__(self, results: Results, progress: Progress | None) -> None:
        self._results = results
        self._progress = progress
        self._resumed = results.finished
        self._begin = time.monotonic()
        self.cached = self._resumed
        self.tell()

    def tell(self) -> None:
        """Tell the display."""
        if self._progress is None:
            return
        done, total = self._results.finished, self._results.size
        fresh = done - self._resumed
        eta = (time.monotonic() - self._begin) / fresh * (total - done) if fresh else None
        self._progress.update(done, self._results.failed, self.cached, total, eta)


def _check_output(out: Path) -> None:
    """Try what writing will need, before hours of simulation."""
    if not out.parent.is_dir():
        raise OutputError(f"{out}: the folder {out.parent} does not exist")
    if out.exists() and not out.is_file():
        raise OutputError(f"{out}: is not a file")
    probe = out.with_name(f".{out.name}.probe")
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(f"{out}: cannot be written ({error.strerror})") from error
