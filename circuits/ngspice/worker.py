"""The worker process: takes items from a pipe, calls the function with a simulator, answers."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from circuits.deck import Deck, SimulationResult
from circuits.ngspice.cache import ResultCache
from circuits.ngspice.errors import SimulationError
from circuits.ngspice.session import Session
from circuits.ngspice.stepping import AtStop, SteppedResult


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker is told when it starts.

    Attributes
    ----------
    library, simulator
        The ngspice library, and its identity for cache keys.
    cache, failures
        Folders of the result cache and of the decks of failed items.
    current
        File where this worker leaves the deck it is about to run, for the pool to find if the process dies.
    recycle_after
        Simulations after which the worker asks to be replaced.
    """

    library: Path
    simulator: str
    cache: Path | None
    failures: Path | None
    current: Path
    recycle_after: int


@dataclass(frozen=True)
class Started:
    """The time limit starts now: start-up, imports and library loading are behind the worker."""


@dataclass(frozen=True)
class Answer:
    """What became of one item, and what the pool should know about the worker."""

    index: int
    value: Any
    error: SimulationError | None
    cached: bool
    seconds: float
    solve_seconds: float
    spent: bool
    problem: str | None


class WorkerSimulator:
    """The simulator of a worker: the cache first, then libngspice, loaded on the first miss."""

    def __init__(self, settings: WorkerSettings, started: Callable[[], None]) -> None:
        """Load nothing yet; ``started`` is called when the library has been."""
        self.settings = settings
        self._started = started
        self._cache = ResultCache(settings.cache, settings.simulator) if settings.cache else None
        self._session: Session | None = None
        self.begin_item()

    def begin_item(self) -> None:
        """Count from zero for a new item."""
        self.runs = 0
        self.hits = 0
        self.solve_seconds = 0.0
        self.deck: Deck | None = None

    @property
    def spent(self) -> bool:
        """Whether this process should be replaced before the next item."""
        session = self._session
        return session is not None and (not session.healthy or session.runs >= self.settings.recycle_after)

    @property
    def problem(self) -> str | None:
        """Why the cache is not written, if so."""
        return self._cache.problem if self._cache else None

    def run(self, deck: Deck) -> SimulationResult:
        """Run ``deck``, or take its stored result."""
        self.deck = deck
        stored = self._cache.load(deck) if self._cache else None
        if stored is not None:
            self.hits += 1
            return stored
        session = self._live(deck)
        self.runs += 1
        result = session.run(deck)
        self.solve_seconds += result.solve_seconds
        if self._cache:
            self._cache.store(deck, result)
        return result

    def run_in_steps(self, deck: Deck, stops: Sequence[float], at_stop: AtStop) -> SteppedResult:
        """Run the transient of ``deck`` with halts; never cached, since the deck does not say what is set there."""
        self.deck = deck
        session = self._live(deck)
        self.runs += 1
        result = session.run_in_steps(deck, stops, at_stop)
        self.solve_seconds += result.solve_seconds
        return result

    def _live(self, deck: Deck) -> Session:
        """The session, loaded on first use, with ``deck`` left for replay."""
        if self._session is None:
            self._session = Session(self.settings.library, self.settings.current.parent)
            self._started()
        self._leave(deck)
        return self._session

    def _leave(self, deck: Deck) -> None:
        """Leave the deck where the pool finds it, should this process die or hang in it."""
        if self.settings.failures is not None:
            with contextlib.suppress(OSError):
                self.settings.current.write_text(deck.text())


def save_deck(folder: Path, digest: str, text: str) -> Path | None:
    """Write a replayable deck into ``folder``; None when the disk refuses."""
    path = folder / f"{digest[:16]}.cir"
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part.write_text(text)
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        return None
    return path


def serve(pipe: Connection, settings: WorkerSettings) -> None:
    """Run a worker process: it ends when the pipe closes, when it is spent, or when the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    simulator = WorkerSimulator(settings, started=lambda: pipe.send(Started()))
    code, function = b"", None
    while not simulator.spent:
        try:
            wanted, index, item = pickle.loads(pipe.recv_bytes())
        except (EOFError, OSError):
            return
        simulator.begin_item()
        begin = time.perf_counter()
        value, error = None, None
        try:
            if wanted != code or function is None:
                code, function = wanted, pickle.loads(wanted)
                pipe.send(Started())
            begin = time.perf_counter()
            value = function(simulator, pickle.loads(item))
            packed = pickle.dumps(value)
        except Exception as failure:
            packed, error = pickle.dumps(None), _failure(failure, simulator)
        seconds = time.perf_counter() - begin
        cached = simulator.hits > 0 and simulator.runs == 0
        solve, spent, problem = simulator.solve_seconds, simulator.spent, simulator.problem
        pipe.send((Answer(index, None, error, cached, seconds, solve, spent, problem), packed))


def _failure(failure: Exception, simulator: WorkerSimulator) -> SimulationError:
    """``failure`` as a typed error with its deck saved; other exceptions keep their name and place."""
    if isinstance(failure, SimulationError):
        error = failure
    else:
        place = traceback.extract_tb(failure.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        error = SimulationError(f"{type(failure).__name__} in {place.name} ({where}): {failure}")
    folder, deck = simulator.settings.failures, simulator.deck
    if folder is not None and deck is not None and error.deck is None:
        error.deck = save_deck(folder, deck.digest(), deck.text())
    return error


def _end_with_parent() -> None:
    """End this process when the parent is gone, even while ngspice is busy: no orphan computes for hours."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
