"""Decks and top-level functions that the tests of the pool send to workers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from circuits.deck import Deck, Simulator, Waveforms

DIVIDER = ("v1 a 0 dc 1", "r1 a b 1k", "r2 b 0 {r2}", ".param r2=1k")


def deck(
    lines: Sequence[str], analyses: Sequence[str] = ("op",), save: Sequence[str] = (), title: str = "test"
) -> Deck:
    return Deck(title, tuple(lines), tuple(analyses), tuple(save))


def divider(ohms: float) -> Deck:
    return deck((*DIVIDER[:-1], f".param r2={ohms!r}"), save=("b",), title="divider")


#: Endless: ngspice 39 loops on a DC sweep without a step.
HANGS = deck(("v1 a 0 dc 1", "r1 a 0 1k"), ("dc v1 0 1",), title="hangs")

#: ngspice 39.3 breaks a memory bound on external sources and dies (SIGSEGV).
CRASHES = deck(("v1 a 0 dc 0 external", "r1 a 0 1k"), title="crashes")

#: Refuses to load, and makes the session refuse every later circuit.
POISON = deck(("v1 a 0 dc 1", "r1 a 0 {nowhere}"), title="poison")


def divide(simulator: Simulator, ohms: float) -> float:
    return float(simulator.run(divider(ohms)).analyses[0]["b"][0])


def divided(ohms: float) -> float:
    return ohms / (1000.0 + ohms)


def last_b(simulator: Simulator, item: Deck) -> float:
    return float(simulator.run(item).analyses[0]["b"][-1])


def waveforms(simulator: Simulator, item: Deck) -> tuple[Waveforms, ...]:
    return simulator.run(item).analyses


def either(simulator: Simulator, item: Deck | float) -> float:
    return last_b(simulator, item) if isinstance(item, Deck) else divide(simulator, item)


def kill_self_at_13(simulator: Simulator, ohms: float) -> float:
    value = divide(simulator, ohms)
    if ohms == 13.0:
        os.kill(os.getpid(), signal.SIGKILL)
    return value


def kill_self_until_marked(simulator: Simulator, item: tuple[Path, float]) -> float:
    mark, ohms = item
    if ohms == 13.0 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return divide(simulator, ohms)


def process_id(simulator: Simulator, ohms: float) -> int:
    divide(simulator, ohms)
    return os.getpid()


def raises(simulator: Simulator, ohms: float) -> float:
    divide(simulator, ohms)
    raise LookupError("the peak is missing")


def unpicklable(simulator: Simulator, ohms: float) -> object:
    divide(simulator, ohms)
    return lambda: ohms


def loaded_pyspice(simulator: Simulator, ohms: float) -> bool:
    import sys

    divide(simulator, ohms)
    return any(name.startswith("PySpice") for name in sys.modules)


def grown_by(simulator: Simulator, runs: int) -> float:
    """Growth of this worker's resident memory over ``runs`` transients, after a warm-up (MB)."""
    rc = deck(("v1 a 0 dc 1", "r1 a b 1k", "c1 b 0 1n ic=0"), ("tran 1n 1u 0 1n uic",), ("b",))
    for _ in range(50):
        simulator.run(rc)
    before = resident_megabytes()
    for _ in range(runs):
        simulator.run(rc)
    return resident_megabytes() - before


def resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def sleep(simulator: Simulator, seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def noise_floor(simulator: Simulator, item: Deck) -> np.ndarray:
    return np.asarray(simulator.run(item).analyses[0]["onoise_spectrum"])
