"""A transient that halts at given times: what it takes and what it gives."""

from __future__ import annotations

import contextlib
import math
import re
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from circuits.deck import Deck, SimulationResult, Simulator, Waveforms
from circuits.ngspice.errors import NetlistSyntax, SimulationError

_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(meg|[tgkmunpfa])?s?", re.IGNORECASE)
_SUFFIXES = {
    "": 1.0,
    "t": 1e12,
    "g": 1e9,
    "meg": 1e6,
    "k": 1e3,
    "m": 1e-3,
    "u": 1e-6,
    "n": 1e-9,
    "p": 1e-12,
    "f": 1e-15,
    "a": 1e-18,
}

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
    end, before = transient_end(deck), 0.0
    for stop in stops:
        if not math.isfinite(stop) or not before < stop < end:
            raise NetlistSyntax(f"stop at {stop!r} s; accepted: ascending times between 0 and {end:g} s")
        before = stop


def transient_end(deck: Deck) -> float:
    """End of the deck's one transient in seconds, from a number with or without SPICE's suffix.

    Raises
    ------
    NetlistSyntax
        Another analysis or more than one, or an end that is no positive number.
    """
    words = deck.analyses[0].split() if len(deck.analyses) == 1 else [""]
    if words[0].lower() != "tran" or len(words) < 3:
        raise NetlistSyntax(
            f"analyses {deck.analyses}; a run with halts needs exactly one 'tran step stop ...'"
        )
    match = _NUMBER.fullmatch(words[2])
    end = float(match[1]) * _SUFFIXES[(match[2] or "").lower()] if match else 0.0
    if not 0.0 < end < math.inf:
        raise NetlistSyntax(
            f"{deck.analyses[0]!r} ends at {words[2]!r}; accepted: a positive time such as 400n"
        )
    return end


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
