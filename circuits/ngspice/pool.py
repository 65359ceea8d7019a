"""Worker processes, each with its own libngspice: a crash, hang or failed point costs that point alone."""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import pickle
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from circuits.deck import Simulator
from circuits.ngspice.cache import ResultCache
from circuits.ngspice.errors import SimulationError, SimulatorCrash, SimulatorTimeout
from circuits.ngspice.library import find_library, library_digest, library_version
from circuits.ngspice.scratch import Scratch
from circuits.ngspice.worker import Answer, Started, WorkerSettings, save_deck, serve

Item = TypeVar("Item")
Value = TypeVar("Value")

#: Seconds a worker may take to start and to import the function's module on a busy machine.
START_LIMIT = 120.0

#: Items shorter than this (s) are handed out one ahead, so that a worker never waits for the pipe.
SHORT = 0.05


@dataclass(frozen=True)
class Outcome(Generic[Item, Value]):
    """What became of one item.

    Attributes
    ----------
    index, item
        Position in the input, and the item itself.
    value
        What the function returned; None when ``error`` is set.
    error
        Why there is no value.
    cached : bool
        The item asked for simulations and all of them came from the cache.
    seconds, solve_seconds : float
        Wall time of the function in the worker, and the part inside ngspice's analyses (s).
    """

    index: int
    item: Item
    value: Value | None
    error: SimulationError | None
    cached: bool
    seconds: float
    solve_seconds: float


@dataclass(eq=False)
class _Worker:
    """A worker process, its pipe, and the items it holds: the first is running, others wait."""

    process: BaseProcess
    pipe: Connection
    settings: WorkerSettings
    deadline: float
    held: deque[tuple[int, Any]] = field(default_factory=deque)
    room: int = 1
    started: bool = False

    def end(self) -> None:
        """Kill the process: it holds nothing worth saving, and libngspice does not hear gentler signals."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


@dataclass
class _Plan:
    """The items of one run: still to draw, and handed back by a worker that ended."""

    code: bytes
    source: Iterator[tuple[int, Any]]
    again: deque[tuple[int, Any]] = field(default_factory=deque)
    exhausted: bool = False

    def draw(self) -> tuple[int, Any] | None:
        """Next item to hand out; None when there is none now."""
        if self.again:
            return self.again.popleft()
        entry = None if self.exhausted else next(self.source, None)
        self.exhausted = entry is None
        return entry

    def waiting(self) -> bool:
        """Whether there is an item to hand out: worth starting a worker for."""
        entry = self.draw()
        if entry is not None:
            self.again.appendleft(entry)
        return entry is not None


class Pool:
    """Runs ``fn(simulator, item)`` over items in worker processes.

    ``fn`` is a top-level function (it travels by name); ``simulator.run(deck)`` inside it goes through the
    cache. Results do not depend on the number of workers. Workers start with the first item and load ngspice
    with the first cache miss. A script that runs a plan needs the usual ``if __name__ == "__main__":``.

    Parameters
    ----------
    jobs : int, optional
        Number of workers; the number of usable cores when not given.
    timeout : float
        Wall-clock limit of one item in seconds; the worker that passes it is ended and replaced.
    recycle_after : int
        Simulations after which a worker is replaced, so that memory cannot creep up.
    cache : Path, optional
        Folder of the result cache (:func:`circuits.ngspice.cache.default_cache_dir`); none when not given.
    failures : Path, optional
        Folder where the deck of a failed item is saved, to be replayed with ``ngspice -b``.

    Attributes
    ----------
    simulator : str
        sha256 of the ngspice library, for provenance and cache keys.

    Raises
    ------
    SimulatorMissing
        The ngspice library is not installed.
    """

    def __init__(
        self,
        jobs: int | None = None,
        *,
        timeout: float = 60.0,
        recycle_after: int = 2000,
        cache: Path | None = None,
        failures: Path | None = None,
    ) -> None:
        """Find the library; no worker starts yet."""
        if jobs is not None and jobs < 1:
            raise ValueError(f"jobs = {jobs} is out of bounds; accepted: 1 or more")
        if not timeout > 0 or recycle_after < 1:
            raise ValueError(
                f"timeout = {timeout}, recycle_after = {recycle_after}; accepted: positive numbers"
            )
        self.jobs = jobs or usable_cores()
        self.timeout = timeout
        library = find_library()
        self.simulator = library_digest(library)
        self._scratch = Scratch()
        self._settings = WorkerSettings(
            library=library,
            simulator=self.simulator,
            cache=cache.resolve() if cache else None,
            failures=failures.resolve() if failures else None,
            current=self._scratch.path,
            recycle_after=recycle_after,
        )
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["__main__", "circuits.ngspice.worker"])
        self._workers: list[_Worker] = []
        self._starts = 0
        self._simulated = False
        self._warned = False
        self._busy = False
        self._closed = False

    def __enter__(self) -> Self:
        """Return the pool."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the workers."""
        self.close()

    def close(self) -> None:
        """End every worker at once and keep the cache within its limit. A closed pool runs nothing more."""
        self._closed = True
        while self._workers:
            self._workers.pop().end()
        self._scratch.remove()
        if self._simulated and self._settings.cache is not None:
            ResultCache(self._settings.cache, self.simulator).prune()
            self._simulated = False

    @property
    def simulator_version(self) -> str:
        """What ngspice calls itself (``"ngspice-39"``); asked once, for provenance."""
        return library_version(self._settings.library)

    def pids(self) -> tuple[int, ...]:
        """Process ids of the live workers."""
        return tuple(worker.process.pid for worker in self._workers if worker.process.pid is not None)

    def map(
        self, fn: Callable[[Simulator, Item], Value], items: Iterable[Item]
    ) -> list[Outcome[Item, Value]]:
        """Outcomes in the order of the items."""
        return sorted(self.imap(fn, items), key=lambda outcome: outcome.index)

    def imap(
        self, fn: Callable[[Simulator, Item], Value], items: Iterable[Item]
    ) -> Iterator[Outcome[Item, Value]]:
        """Outcomes as they come, unordered.

        Items are drawn as workers have room, at most two a worker, so that a long plan streams with flat
        memory. A failed item has ``error`` set; nothing is raised for it.
        """
        if self._closed:
            raise RuntimeError("this pool is closed")
        if self._busy:
            raise RuntimeError("this pool is running a plan; finish or close that iterator first")
        plan = _Plan(pickle.dumps(fn), iter(enumerate(items)))
        self._busy = True
        try:
            while not self._closed:
                self._hand_out(plan)
                if plan.exhausted and not plan.again and not any(worker.held for worker in self._workers):
                    return
                yield from self._collect(plan)
        finally:
            self._busy = False
            for worker in [w for w in self._workers if w.held]:  # abandoned: their answers belong to nobody
                self._drop(worker)

    def _hand_out(self, plan: _Plan) -> None:
        """Give every worker as many items as it has room for, idle workers first."""
        for depth in (0, 1):
            while len(self._workers) < self.jobs and plan.waiting():
                self._start()
            for worker in self._workers:
                if len(worker.held) == depth < worker.room:
                    entry = plan.draw()
                    if entry is None:
                        return
                    self._give(worker, plan.code, entry)

    def _start(self) -> None:
        """Start one worker."""
        self._starts += 1
        values = {**vars(self._settings), "current": self._settings.current / f"{self._starts}.cir"}
        settings = WorkerSettings(**values)
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=serve, args=(theirs, settings), daemon=True)
        try:
            process.start()
        except (OSError, EOFError) as error:
            raise SimulatorCrash(
                f"worker processes do not start ({error!r}); a script needs 'if __name__ == \"__main__\":'"
            ) from error
        theirs.close()
        self._workers.append(_Worker(process, ours, settings, time.monotonic() + START_LIMIT))

    def _give(self, worker: _Worker, code: bytes, entry: tuple[int, Any]) -> None:
        message = pickle.dumps((code, entry[0], pickle.dumps(entry[1])))
        if worker.started and not worker.held:
            worker.deadline = time.monotonic() + self.timeout
        worker.held.append(entry)
        with contextlib.suppress(OSError):  # a dead worker is found by its closed pipe
            worker.pipe.send_bytes(message)

    def _collect(self, plan: _Plan) -> Iterator[Outcome[Any, Any]]:
        """Wait until something happens, and yield the outcomes it decides."""
        busy = {worker.pipe: worker for worker in self._workers if worker.held}
        pause = max(0.0, min(worker.deadline for worker in busy.values()) - time.monotonic())
        for pipe in wait(list(busy), timeout=pause):
            worker = busy[pipe]  # type: ignore[index]
            try:
                message = worker.pipe.recv()
            except (EOFError, OSError):
                yield self._lose(worker, plan, _death(worker))
                continue
            worker.started = True
            worker.deadline = time.monotonic() + self.timeout
            if not isinstance(message, Started):
                yield self._finish(worker, plan, *message)
        now = time.monotonic()
        for worker in [w for w in self._workers if w.held and w.deadline < now and not w.pipe.poll()]:
            limit = self.timeout if worker.started else START_LIMIT
            yield self._lose(
                worker, plan, SimulatorTimeout(f"no result within {limit:g} s; the worker was ended"), limit
            )

    def _finish(self, worker: _Worker, plan: _Plan, answer: Answer, packed: bytes) -> Outcome[Any, Any]:
        """Outcome of the item that a worker answered for."""
        index, item = worker.held.popleft()
        worker.room = 2 if answer.seconds < SHORT else 1
        self._simulated |= not answer.cached
        if answer.spent:
            plan.again.extend(worker.held)
            worker.held.clear()
            self._drop(worker)
        if answer.problem is not None and not self._warned:
            self._warned = True
            warnings.warn(answer.problem, RuntimeWarning, stacklevel=2)
        return Outcome(
            index,
            item,
            pickle.loads(packed),
            answer.error,
            answer.cached,
            answer.seconds,
            answer.solve_seconds,
        )

    def _lose(
        self, worker: _Worker, plan: _Plan, error: SimulationError, seconds: float = 0.0
    ) -> Outcome[Any, Any]:
        """Drop a dead or hung worker: its running item fails with ``error``, a waiting one is handed on."""
        self._drop(worker)
        index, item = worker.held.popleft()
        plan.again.extend(worker.held)
        worker.held.clear()
        if worker.settings.failures is not None:
            with contextlib.suppress(OSError):  # no deck: it died outside ngspice
                text = worker.settings.current.read_text()
                error.deck = save_deck(
                    worker.settings.failures, hashlib.sha256(text.encode()).hexdigest(), text
                )
        return Outcome(index, item, None, error, False, seconds, 0.0)

    def _drop(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.end()


def usable_cores() -> int:
    """Number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _death(worker: _Worker) -> SimulatorCrash:
    """What ended a worker whose pipe closed."""
    worker.process.join(5)
    code = worker.process.exitcode
    how = f"signal {-code}" if code is not None and code < 0 else f"exit status {code}"
    return SimulatorCrash(f"the worker process ended with {how}")
