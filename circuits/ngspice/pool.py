"""Worker processes, each with its own libngspice: a crash, a hang or a failed point costs that point alone."""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import pickle
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from circuits.deck import Simulator
from circuits.ngspice.errors import SimulationError, SimulatorCrash, SimulatorTimeout
from circuits.ngspice.library import find_library, library_digest
from circuits.ngspice.worker import WorkerSettings, save_deck, serve

I = TypeVar("I")  # noqa: E741
R = TypeVar("R")

#: Seconds a worker may take to start, or to load the library, on a busy machine.
START_LIMIT = 120.0

#: Items a worker holds: one running and one waiting, so that it never idles for the pipe.
HELD = 2


@dataclass(frozen=True)
class Outcome(Generic[I, R]):
    """What became of one item.

    Attributes
    ----------
    index, item
        Position in the input and the item itself.
    value
        What the function returned; None when ``error`` is set.
    error
        Why there is no value.
    cached : bool
        True when the item needed results and all of them came from the cache.
    seconds, solve_seconds : float
        Wall time in the worker, and the part inside ngspice's analyses (s).
    """

    index: int
    item: I
    value: R | None
    error: SimulationError | None
    cached: bool
    seconds: float
    solve_seconds: float


@dataclass
class _Worker:
    process: Any
    pipe: Connection
    settings: WorkerSettings
    held: deque[tuple[int, Any]] = field(default_factory=deque)
    ready: bool = False
    spent: bool = False
    deadline: float = 0.0


class Pool:
    """Runs ``fn(simulator, item)`` over items in worker processes.

    Parameters
    ----------
    jobs : int, optional
        Number of workers; the number of usable cores when not given.
    timeout : float
        Wall-clock limit of one item, seconds; the worker that passes it is ended and replaced.
    recycle_after : int
        Simulations after which a worker is replaced, so that memory cannot creep up.
    cache : Path, optional
        Folder of the result cache; no cache when not given.
    failures : Path, optional
        Folder where the deck of a failed item is saved for ``ngspice -b``.

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
        self.jobs = jobs if jobs is not None else len(os.sched_getaffinity(0))
        if self.jobs < 1:
            raise ValueError(f"jobs = {jobs} is out of bounds; accepted: 1 or more")
        self.timeout = timeout
        self._folder = tempfile.TemporaryDirectory(prefix="spicetwin-")
        library = find_library()
        self.simulator = library_digest(library)
        self._settings = {
            "library": library,
            "simulator": self.simulator,
            "cache": cache.resolve() if cache else None,
            "failures": failures.resolve() if failures else None,
            "recycle_after": recycle_after,
        }
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["__main__", "circuits.ngspice.worker"])
        self._workers: list[_Worker] = []
        self._started = 0
        self._running = False

    def __enter__(self) -> Self:
        """Return the pool; workers start with the first item."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the workers."""
        self.close()

    def close(self) -> None:
        """End every worker, at once."""
        workers, self._workers = self._workers, []
        for worker in workers:
            _end(worker)
        self._folder.cleanup()

    def map(self, fn: Callable[[Simulator, I], R], items: Iterable[I]) -> list[Outcome[I, R]]:
        """Outcomes in the order of the items."""
        return sorted(self.imap(fn, items), key=lambda outcome: outcome.index)

    def imap(self, fn: Callable[[Simulator, I], R], items: Iterable[I]) -> Iterator[Outcome[I, R]]:
        """Outcomes as they come. Items are drawn as workers have room, so a long plan streams with flat memory.

        ``fn`` is a top-level function (it travels by name) called as ``fn(simulator, item)`` in a worker.
        """
        if self._running:
            raise RuntimeError("this pool is already running a plan; finish or close that iterator first")
        self._running = True
        code = pickle.dumps(fn)
        source = enumerate(items)
        again: deque[tuple[int, I]] = deque()
        exhausted = False
        try:
            while True:
                self._staff()
                for slot in range(HELD):
                    for worker in self._workers:
                        if worker.spent or len(worker.held) > slot:
                            continue
                        if again:
                            entry = again.popleft()
                        elif not exhausted:
                            try:
                                entry = next(source)
                            except StopIteration:
                                exhausted = True
                                continue
                        else:
                            continue
                        self._give(worker, code, entry)
                if exhausted and not again and not any(worker.held for worker in self._workers):
                    return
                yield from self._collect(again)
        finally:
            self._running = False
            for worker in [w for w in self._workers if w.held]:  # abandoned: their answers belong to nobody
                self._drop(worker)

    def _staff(self) -> None:
        """Start workers up to the number of jobs."""
        while len(self._workers) < self.jobs:
            self._started += 1
            current = Path(self._folder.name) / f"{self._started}.cir"
            settings = WorkerSettings(current=current, **self._settings)
            ours, theirs = self._context.Pipe()
            process = self._context.Process(target=serve, args=(theirs, settings), daemon=True)
            process.start()
            theirs.close()
            worker = _Worker(process, ours, settings)
            worker.deadline = time.monotonic() + START_LIMIT
            self._workers.append(worker)

    def _give(self, worker: _Worker, code: bytes, entry: tuple[int, I]) -> None:
        if worker.ready and not worker.held:
            worker.deadline = time.monotonic() + self.timeout
        worker.held.append(entry)
        with contextlib.suppress(OSError):  # a dead worker is found by its closed pipe
            worker.pipe.send_bytes(pickle.dumps((code, entry[0], pickle.dumps(entry[1]))))

    def _collect(self, again: deque[tuple[int, Any]]) -> Iterator[Outcome[Any, Any]]:
        """Wait for something to happen and yield what it decides."""
        now = time.monotonic()
        busy = [w for w in self._workers if w.held]
        nearest = min((w.deadline for w in busy), default=now + 1.0)
        by_pipe = {w.pipe: w for w in self._workers}
        for pipe in wait(list(by_pipe), timeout=max(0.0, nearest - now)):
            worker = by_pipe[pipe]  # type: ignore[index]
            try:
                message = pickle.loads(worker.pipe.recv_bytes())
            except (EOFError, OSError):
                yield from self._died(worker, again)
                continue
            if message[0] in ("ready", "loaded"):
                worker.ready = True
                worker.deadline = time.monotonic() + self.timeout
                continue
            _, index, answer, spent = message
            held_index, item = worker.held.popleft()
            assert held_index == index
            worker.deadline = time.monotonic() + self.timeout
            if spent:
                again.extend(worker.held)
                self._drop(worker)
            yield Outcome(index, item, **answer)
        now = time.monotonic()
        for worker in [w for w in self._workers if w.held and w.deadline < now]:
            if not worker.pipe.poll():
                yield from self._lost(
                    worker,
                    again,
                    SimulatorTimeout(f"no result within {self.timeout:g} s; the worker was ended"),
                )

    def _died(self, worker: _Worker, again: deque[tuple[int, Any]]) -> Iterator[Outcome[Any, Any]]:
        worker.process.join(5)
        code = worker.process.exitcode
        how = f"signal {-code}" if code is not None and code < 0 else f"exit status {code}"
        yield from self._lost(worker, again, SimulatorCrash(f"the worker process ended with {how}"))

    def _lost(
        self, worker: _Worker, again: deque[tuple[int, Any]], error: SimulationError
    ) -> Iterator[Outcome[Any, Any]]:
        """Report the running item of a lost worker, and give the waiting one to another."""
        self._drop(worker)
        if not worker.held:
            return
        index, item = worker.held.popleft()
        again.extend(worker.held)
        worker.held.clear()
        failures = worker.settings.failures
        if failures is not None and worker.settings.current.exists():
            text = worker.settings.current.read_text()
            error.deck = save_deck(failures, hashlib.sha256(text.encode()).hexdigest(), text)
        yield Outcome(index, item, None, error, False, self.timeout, 0.0)

    def _drop(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        _end(worker)


def _end(worker: _Worker) -> None:
    """Kill: a worker holds nothing worth saving, and one inside libngspice does not answer gentler signals."""
    worker.process.kill()
    worker.process.join()
    worker.pipe.close()
    worker.process.close()
