"""A transient that halts at given times: what it takes and what it gives."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from circuits.deck import Deck, SimulationResult, Simulator, Waveforms
from circuits.ngspice.errors import NetlistSyntax, SimulationError

#: Last value of a saved vector (volt for a node) while the run is halted.
Read = Callable[[str], float]

#: Called at every stop with its time (s) and a reader; gives the sources to change, name -> volt.
AtStop = Callable[[float, Read], Mapping[str, float]]


@dataclass(frozen=True)
class SteppedResult:
    """Waveforms of a transient with halts, up to the time reached (s), and what ended it early, if anything."""

    waves: Waveforms
    log: str
    solve_seconds: float
    reached: float
    error: SimulationError | None


@runtime_checkable
class SteppingSimulator(Protocol):
    """A simulator that also runs a transient with halts: a session, or the simulator of a pool's worker."""

    def run(self, deck: Deck) -> SimulationResult:
        """Run ``deck`` without halts."""
        ...

    def run_in_steps(self, deck: Deck, stops: Sequence[float], at_stop: AtStop) -> SteppedResult:
        """Run the one transient of ``deck``, calling ``at_stop`` at every stop."""
        ...


def stepping(simulator: Simulator) -> SteppingSimulator:
    """``simulator`` as one that halts; :class:`NetlistSyntax` when it only runs whole decks."""
    if not isinstance(simulator, SteppingSimulator):
        raise NetlistSyntax(f"{type(simulator).__name__} runs whole decks only; a co-simulation needs halts")
    return simulator


def check_stops(deck: Deck, stops: Sequence[float]) -> None:
    """Raise :class:`NetlistSyntax` unless ``deck`` is one transient and ``stops`` ascend inside it."""
    words = deck.analyses[0].split() if len(deck.analyses) == 1 else [""]
    if words[0].lower() != "tran" or len(words) < 3:
        raise NetlistSyntax(f"analyses {deck.analyses}; a run with halts needs exactly one 'tran'")
    end, before = float(words[2]), 0.0
    for stop in stops:
        if not math.isfinite(stop) or not before < stop < end:
            raise NetlistSyntax(f"stop at {stop!r} s; accepted: ascending times between 0 and {end:g} s")
        before = stop


@contextlib.contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back until the block is over, then raise it as usual.

    ngspice calls back into Python to print; an exception raised there by a signal would be printed and lost.
    """
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or usual is not signal.default_int_handler:
        yield
        return
    asked: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: asked.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
    if asked:
        raise KeyboardInterrupt
