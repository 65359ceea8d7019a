"""Deck and waveforms: what goes into the simulator and what comes out, free of any simulator object."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

#: Settled options of every deck: the default gmin shifts time constants of picoampere circuits by 60 %.
DEFAULT_OPTIONS: Mapping[str, str] = {
    "gmin": "1e-15",
    "abstol": "1e-15",
    "reltol": "1e-4",
    "chgtol": "1e-17",
    "method": "trap",
}


@dataclass(frozen=True)
class Deck:
    """A complete simulation: circuit text, analyses to run in order, vectors to keep.

    Attributes
    ----------
    title : str
        First line of the deck.
    lines : tuple of str
        Element, subcircuit, model and ``.param`` lines, one an entry; no ``.control``, analysis or ``.end``.
    analyses : tuple of str
        ngspice analysis commands (``"tran 1u 10m 0 50u"``, ``"dc vin 0 1 0.1"``, ``"op"``, ``"noise ..."``).
    save : tuple of str
        Vectors to keep (``"vsyn"``, ``"vout#branch"``, ``"@m.x1.m1[id]"``); the scale is always kept.
    options : mapping
        ngspice options; the settled ones unless a testbench has a stated reason.
    temperature : float
        Kelvin.
    """

    title: str
    lines: tuple[str, ...]
    analyses: tuple[str, ...]
    save: tuple[str, ...]
    options: Mapping[str, str] = field(default_factory=lambda: dict(DEFAULT_OPTIONS))
    temperature: float = 300.15

    def circuit_lines(self) -> list[str]:
        """Lines handed to the simulator: title, options, circuit, ``.end``."""
        options = " ".join(f"{name}={value}" for name, value in self.options.items())
        celsius = self.temperature - 273.15
        return [f"* {self.title}", f".options {options}", f".temp {celsius:.9g}", *self.lines, ".end"]

    def text(self) -> str:
        """Replayable deck for ``ngspice -b``: the same circuit and a ``.control`` block that runs the analyses."""
        *circuit, end = self.circuit_lines()
        saves = [f"save {' '.join(self.save)}"] if self.save else []
        runs: list[str] = []
        for analysis in self.analyses:
            noise = analysis.lower().startswith("noise")  # a list of nodes would refuse every noise vector
            runs += ["delete all", analysis, *saves] if noise else [analysis]
        control = [".control", "set num_threads=1", *saves, *runs, "setplot", ".endc"]
        return "\n".join([*circuit, *control, end]) + "\n"

    def digest(self) -> str:
        """sha256 over everything that decides the result, apart from the simulator itself."""
        content = [self.circuit_lines()[1:], self.analyses, self.save]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


@dataclass(frozen=True)
class Waveforms:
    """Vectors of one analysis: ``waves["time"]``, ``waves["vsyn"]``; all of equal length, SI units.

    An ``ac`` analysis gives complex128 over a real ``frequency``; a ``noise`` analysis has its totals
    (``onoise_total``, ``inoise_total``) as vectors of one element beside the spectra.
    """

    analysis: str
    vectors: Mapping[str, FloatArray]

    def __getitem__(self, name: str) -> FloatArray:
        """Vector by (case-insensitive) name; ``KeyError`` lists what there is."""
        try:
            return self.vectors[name.lower()]
        except KeyError:
            raise KeyError(f"no vector {name!r} in {self.analysis!r}; have {sorted(self.vectors)}") from None


@dataclass(frozen=True)
class SimulationResult:
    """Waveforms of every analysis of a deck, in order, the simulator's remarks, its own solve time (s)."""

    analyses: tuple[Waveforms, ...]
    log: str
    solve_seconds: float
    cached: bool = False


class Simulator(Protocol):
    """Anything that runs a deck: a live ngspice session, or the cache in front of one."""

    def run(self, deck: Deck) -> SimulationResult:
        """Run ``deck``; raises a :class:`circuits.ngspice.errors.SimulationError` subclass on failure."""
        ...
