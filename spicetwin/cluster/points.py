"""Characterisation points on a cluster: every worker has a simulator process of its own."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from circuits.ngspice.cache import default_cache_dir
from circuits.ngspice.errors import SimulationError, SimulatorCrash
from circuits.ngspice.library import find_library, library_digest, library_version
from circuits.ngspice.pool import Outcome, Pool
from spicetwin.boundary import InputError
from spicetwin.cluster.flow import flow

if TYPE_CHECKING:
    from distributed import Client, Future

#: Points of a task: a task costs about a millisecond of the scheduler, a point some ten of a worker.
TOGETHER = 8


@dataclass(frozen=True)
class Limits:
    """What workers are told: limit of a point (s), and whether they keep a result cache."""

    timeout: float
    cache: bool


class WorkerPool:
    """The simulator pool of one worker process: started by its first task, used by one at a time.

    The pool's own process runs ngspice, so a crash or a hang costs a point and not the worker.
    """

    def __init__(self) -> None:
        """Start nothing yet."""
        self._lock = threading.Lock()
        self._pool: Pool | None = None
        self._limits: Limits | None = None

    def map(self, fn: Callable[[Any, Any], Any], items: list[Any], limits: Limits) -> list[Outcome[Any, Any]]:
        """Outcomes of some points."""
        with self._lock:
            if self._pool is None or self._limits != limits:
                if self._pool is not None:
                    self._pool.close()
                folder = default_cache_dir() if limits.cache else None
                self._pool, self._limits = Pool(1, timeout=limits.timeout, cache=folder), limits
            return self._pool.map(fn, items)


_here = WorkerPool()


class ClusterSimulators:
    """Runs points on the workers of a scheduler; :class:`circuits.characterise.Workers`.

    Parameters
    ----------
    client
        Connection.
    timeout
        Limit of one point (s).
    cache
        Workers take known points from the result caches of their machines.

    Attributes
    ----------
    simulator
        sha256 of the simulator's library, the same on all workers.

    Raises
    ------
    InputError
        When a worker has no simulator or another one, or may not start processes.
    """

    def __init__(self, client: Client, *, timeout: float, cache: bool) -> None:
        """Ask every worker what it has."""
        self._client, self._limits = client, Limits(timeout, cache)
        found = client.run(simulator_identity)
        for worker, answer in found.items():
            if isinstance(answer, str):
                raise InputError(f"worker {worker}: {answer}")
        known = sorted(set(found.values()))
        if len(known) > 1:
            raise InputError(
                f"workers have different simulators: {', '.join(f'{v} ({d[:8]})' for d, v in known)}; accepted: one"
            )
        self.simulator: str = known[0][0]
        self._version: str = known[0][1]

    @property
    def simulator_version(self) -> str:
        """What the simulator calls itself."""
        return self._version

    def imap(self, fn: Callable[[Any, Any], Any], items: Iterable[Any]) -> Iterator[Outcome[Any, Any]]:
        """Outcomes as they come, drawing items as there is room."""
        from distributed import KilledWorker

        run = uuid4().hex
        numbered = enumerate(items)

        def groups() -> Iterator[list[tuple[int, Any]]]:
            while group := list(islice(numbered, TOGETHER)):
                yield group

        def submit(group: list[tuple[int, Any]]) -> Future[Any]:
            points = [item for _, item in group]
            key = f"points-{run}-{group[0][0]}"
            return self._client.submit(run_points, fn, points, self._limits, key=key)

        for group, future in flow(self._client, groups(), submit):
            try:
                found = future.result()
            except KilledWorker:
                crash = SimulatorCrash("the workers of the cluster that ran it died")
                found = [Outcome(0, item, None, crash, False, 0.0, 0.0) for _, item in group]
            for (index, item), outcome in zip(group, found, strict=True):
                yield Outcome(
                    index,
                    item,
                    outcome.value,
                    outcome.error,
                    outcome.cached,
                    outcome.seconds,
                    outcome.solve_seconds,
                )


def run_points(fn: Callable[[Any, Any], Any], items: list[Any], limits: Limits) -> list[Outcome[Any, Any]]:
    """Outcomes of some points, on a worker."""
    return _here.map(fn, items, limits)


def simulator_identity() -> tuple[str, str] | str:
    """Digest and version of a worker's simulator, or why it cannot simulate."""
    if multiprocessing.current_process().daemon:
        return (
            "may not start simulator processes; start workers with 'dask worker ADDRESS --nthreads 1 --no-nanny', or "
            "with DASK_DISTRIBUTED__WORKER__DAEMON=False"
        )
    try:
        library = find_library()
        return library_digest(library), library_version(library)
    except SimulationError as error:
        return str(error)
