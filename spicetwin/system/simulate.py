"""A description run to its result: chips on workers, finished ones on the disk."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path

from circuits.ngspice.pool import usable_cores
from pysim.interval import Interval, Serial, Workers, interval
from pysim.system import Conditions
from spicetwin.boundary import InputError
from spicetwin.system.build import System
from spicetwin.system.processes import Processes
from spicetwin.system.store import RunStore
from spicetwin.system.summary import Result


class IntervalProgress:
    """Tells on stderr how far an interval is; silent where stderr is no terminal."""

    def __init__(self) -> None:
        """Find out whether anybody looks."""
        from rich.console import Console

        self._console = Console(stderr=True)

    def tell(self, found: Interval) -> None:
        """One line an estimate."""
        if self._console.is_terminal:
            m = found.mean
            self._console.print(f"{m.n} chips: {100 * m.mean:.2f} +- {100 * m.half_width:.2f} %")


@contextlib.contextmanager
def workers(jobs: int | None, scheduler: str | None) -> Iterator[Workers]:
    """Who runs the chips: processes of this machine, this process alone for one job, or a Dask scheduler.

    Raises
    ------
    InputError
        For both, or a scheduler that cannot be used.
    """
    if scheduler is not None:
        if jobs is not None:
            raise InputError("--jobs and --scheduler exclude each other; accepted: one")
        from spicetwin.cluster import Cluster

        with Cluster(scheduler) as cluster:
            yield cluster.chips()
        return
    number = usable_cores() if jobs is None else jobs
    yield Serial() if number == 1 else Processes(number)


def simulate_system(
    system: System, output: Path | None, workers: Workers | None = None, *, resume: bool = True
) -> Result:
    """Run the chips of a description.

    With an ``output`` finished chips are kept in a journal beside it, and a run that was interrupted goes on there; the
    journal goes when :func:`spicetwin.system.files.write_result` has written the output.
    """
    stored = RunStore(output, system.metric, system.design, resume=resume) if output is not None else None
    with stored if stored is not None else contextlib.nullcontext():
        found = interval(
            system.metric,
            system.design,
            system.chips,
            half_width=system.half_width,
            workers=workers,
            store=stored,
            tell=IntervalProgress().tell,
        )
    metric, design = system.metric, system.design
    middle = Conditions(sum(design.temperature) / 2.0, math.sqrt(math.prod(design.time)))
    typical = metric.of(metric.network.draw(metric.tables, 0, ()), middle)
    return Result(system, found, typical)
