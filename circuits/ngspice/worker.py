"""The worker process: takes (index, item) from a pipe, calls the function with a simulator, answers with the outcome."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from circuits.deck import Deck, SimulationResult
from circuits.ngspice.cache import ResultCache
from circuits.ngspice.errors import SimulationError
from circuits.ngspice.session import Session


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker is told when it starts."""

    library: Path
    simulator: str
    cache: Path | None
    failures: Path | None
    current: Path
    recycle_after: int


class WorkerSimulator:
    """The simulator that a worker hands to the function: cache first, then libngspice, loaded on the first miss."""

    def __init__(self, settings: WorkerSettings, loaded: Callable[[], None]) -> None:
        self._settings = settings
        self._loaded = loaded
        self._cache = ResultCache(settings.cache, settings.simulator) if settings.cache else None
        self._session: Session | None = None
        self.begin()

    def begin(self) -> None:
        """Start counting for a new item."""
        self.runs = 0
        self.hits = 0
        self.solve_seconds = 0.0
        self.deck: Deck | None = None

    @property
    def spent(self) -> bool:
        """Whether this process should be replaced before the next item."""
        session = self._session
        return session is not None and (not session.healthy or session.runs >= self._settings.recycle_after)

    def run(self, deck: Deck) -> SimulationResult:
        """Run ``deck`` or take its stored result."""
        self.deck = deck
        stored = self._cache.load(deck) if self._cache else None
        if stored is not None:
            self.hits += 1
            return stored
        if self._session is None:
            self._session = Session(self._settings.library)
            self._loaded()
        self._note(deck)
        result = self._session.run(deck)
        self.runs += 1
        self.solve_seconds += result.solve_seconds
        if self._cache:
            self._cache.store(deck, result)
        return result

    def _note(self, deck: Deck) -> None:
        """Leave the deck where the pool finds it should this process die in it."""
        if self._settings.failures is not None:
            self._settings.current.write_text(deck.text())


def save_deck(folder: Path, digest: str, text: str) -> Path | None:
    """Write a replayable deck into ``folder``; None when the disk refuses."""
    path = folder / f"{digest[:16]}.cir"
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part.write_text(text)
        os.replace(part, path)
    except OSError:
        return None
    return path


def serve(pipe: Connection, settings: WorkerSettings) -> None:
    """Main loop of a worker process; ends when the pipe closes, or when the parent process is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=_end_with_parent, daemon=True).start()
    simulator = WorkerSimulator(settings, loaded=lambda: pipe.send(("loaded",)))
    functions: dict[bytes, Callable[..., Any]] = {}
    pipe.send(("ready",))
    while True:
        try:
            code, index, item = pickle.loads(pipe.recv_bytes())
        except (EOFError, OSError):
            return
        if code not in functions:
            functions = {code: pickle.loads(code)}
        answer = _call(functions[code], simulator, pickle.loads(item), settings)
        spent = simulator.spent
        pipe.send_bytes(_pack(index, answer, spent))
        if spent:
            return


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _pack(index: int, answer: dict[str, Any], spent: bool) -> bytes:
    try:
        return pickle.dumps(("done", index, answer, spent))
    except Exception as error:  # a value that cannot be pickled is the function's fault, not the pool's
        failed = {
            **answer,
            "value": None,
            "error": SimulationError(f"the result cannot be sent back: {error}"),
        }
        return pickle.dumps(("done", index, failed, spent))


def _call(
    function: Callable[..., Any], simulator: WorkerSimulator, item: Any, settings: WorkerSettings
) -> dict[str, Any]:
    simulator.begin()
    start = time.perf_counter()
    value, error = None, None
    try:
        value = function(simulator, item)
    except SimulationError as failure:
        error = failure
    except Exception as failure:
        where = traceback.extract_tb(failure.__traceback__)[-1]
        error = SimulationError(
            f"{type(failure).__name__}: {failure} (in {where.name}, {Path(where.filename).name}:{where.lineno})"
        )
    if (
        error is not None
        and error.deck is None
        and simulator.deck is not None
        and settings.failures is not None
    ):
        error.deck = save_deck(settings.failures, simulator.deck.digest(), simulator.deck.text())
    return {
        "value": value,
        "error": error,
        "cached": simulator.runs == 0 and simulator.hits > 0,
        "seconds": time.perf_counter() - start,
        "solve_seconds": simulator.solve_seconds,
    }
