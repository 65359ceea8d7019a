"""Process: model cards of a technology at a corner, its supply, corner sets and Pelgrom mismatch."""

from __future__ import annotations

import hashlib
import importlib.metadata
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from circuits.circuit import Circuit

#: (polarity ``"n"`` or ``"p"``, W in metres, L in metres) of a transistor.
Geometry = tuple[str, float, float]

#: Per transistor instance: (increase of |threshold| in volt, mobility factor). Per capacitor: (0, factor).
Mismatch = Mapping[str, tuple[float, float]]

ENTRY_POINTS = "spicetwin.processes"

#: Named corner sets; the two letters of a corner are the n and the p transistor.
CORNER_SETS: Mapping[str, tuple[str, ...]] = {
    "nominal": ("tt",),
    "slow": ("ss", "sf", "fs"),
    "fast": ("ff", "sf", "fs"),
    "skewed": ("sf", "fs"),
    "extremes": ("tt", "ss", "ff"),
    "all": ("tt", "ff", "ss", "sf", "fs"),
}


class ProcessError(ValueError):
    """Unknown process, corner or geometry, or a process whose package is not installed."""


@dataclass(frozen=True)
class Pelgrom:
    r"""Mismatch of one transistor against its nominal value: :math:`\sigma = A/\sqrt{(W-w_0)(L-l_0)}`.

    The coefficients are those of a single transistor; the difference of a pair has :math:`\sqrt 2` times as
    much, and that is what many papers and vendor files quote.

    Attributes
    ----------
    a_vt_n, a_vt_p : float
        Threshold coefficients in V m (1 mV um = 1e-9 V m).
    a_mu_n, a_mu_p : float
        Coefficients of the relative mobility in m (1 % um = 1e-8 m).
    source : str
        ``assumed``, ``derived`` or where the coefficients come from.
    width_offset, length_offset : float
        :math:`w_0` and :math:`l_0` in metres, for a vendor that counts effective sizes.
    """

    a_vt_n: float
    a_vt_p: float
    a_mu_n: float
    a_mu_p: float
    source: str
    width_offset: float = 0.0
    length_offset: float = 0.0

    def sigma_vt(self, polarity: str, width: float, length: float) -> float:
        """Standard deviation of the threshold of one transistor, in volt."""
        return (self.a_vt_n if polarity == "n" else self.a_vt_p) / self._root_area(width, length)

    def sigma_mu(self, polarity: str, width: float, length: float) -> float:
        """Standard deviation of the logarithm of the mobility factor of one transistor."""
        return (self.a_mu_n if polarity == "n" else self.a_mu_p) / self._root_area(width, length)

    def _root_area(self, width: float, length: float) -> float:
        return math.sqrt((width - self.width_offset) * (length - self.length_offset))


@dataclass(frozen=True)
class Process:
    """A technology: its cards define the models ``nfet`` and ``pfet`` for M-lines with W and L in metres.

    Subclasses set the fields and :meth:`_cards`. Instances are plain data and cross process borders.

    Attributes
    ----------
    name, description : str
        Registry name and one line for people.
    supply, supply_range : float, (float, float)
        Nominal supply and the range in which the models are meant to be used, in volt.
    corners : tuple of str
        Corners the process has, letters in the order n, p.
    min_length, min_width : float
        Smallest gate for which the cards hold, in metres.
    pelgrom : Pelgrom
        Mismatch coefficients.
    """

    name: str
    description: str
    supply: float
    supply_range: tuple[float, float]
    corners: tuple[str, ...]
    min_length: float
    min_width: float
    pelgrom: Pelgrom

    def cards(self, corner: str, geometries: Iterable[Geometry]) -> tuple[str, ...]:
        """Deck lines that define ``nfet`` and ``pfet`` at ``corner`` for these transistors.

        Raises
        ------
        ProcessError
            Unknown corner, a geometry outside the models, or the package of the process is not installed.
        """
        if corner not in self.corners:
            raise ProcessError(f"{self.name}: unknown corner {corner!r}; known: {', '.join(self.corners)}")
        wanted = tuple(sorted(set(geometries)))
        for polarity, width, length in wanted:
            self._check(polarity, width, length)
        return self._cards(corner, wanted)

    def digest(self, corner: str, geometries: Iterable[Geometry]) -> str:
        """sha256 of the cards, for provenance."""
        return hashlib.sha256("\n".join(self.cards(corner, geometries)).encode()).hexdigest()

    def _check(self, polarity: str, width: float, length: float) -> None:
        if polarity not in ("n", "p"):
            raise ProcessError(f"{self.name}: polarity {polarity!r} is neither 'n' nor 'p'")
        slack = 1.0 - 1e-9
        if width < self.min_width * slack or length < self.min_length * slack:
            raise ProcessError(
                f"{self.name}: {polarity}fet W={width:g} m, L={length:g} m is below the smallest gate;"
                f" accepted: W >= {self.min_width:g} m, L >= {self.min_length:g} m"
            )

    def _cards(self, corner: str, geometries: tuple[Geometry, ...]) -> tuple[str, ...]:
        raise NotImplementedError


def _generic130() -> Process:
    from circuits.processes.generic130 import Generic130

    return Generic130()


def _sky130() -> Process:
    from circuits.processes.sky130 import Sky130

    return Sky130()


def _gf180() -> Process:
    from circuits.processes.gf180 import Gf180

    return Gf180()


_BUILT_IN: Mapping[str, Callable[[], Process]] = {
    "generic130": _generic130,
    "sky130": _sky130,
    "gf180": _gf180,
}


def _third_party() -> dict[str, importlib.metadata.EntryPoint]:
    return {point.name: point for point in importlib.metadata.entry_points(group=ENTRY_POINTS)}


def process_names() -> tuple[str, ...]:
    """Names :func:`get_process` accepts: the built-in ones, then those of installed third-party packages."""
    return (*_BUILT_IN, *(name for name in _third_party() if name not in _BUILT_IN))


def get_process(name: str) -> Process:
    """Process by name; a third-party package offers one as entry point of group ``spicetwin.processes``.

    The entry point names a :class:`Process` or a function without arguments that returns one.

    Raises
    ------
    ProcessError
        Unknown name (the message lists the known ones), or an entry point that gives no process.
    """
    if name in _BUILT_IN:
        return _BUILT_IN[name]()
    point = _third_party().get(name)
    if point is None:
        raise ProcessError(f"unknown process {name!r}; known: {', '.join(process_names())}")
    loaded = point.load()
    process = loaded() if callable(loaded) else loaded
    if not isinstance(process, Process):
        raise ProcessError(
            f"entry point {point.value!r} of process {name!r} gives no Process, but {process!r}"
        )
    return process


def resolve_corners(text: str, process: Process) -> tuple[str, ...]:
    """Corners of a comma-separated list of corner names and set names, in order, without repeats.

    The sets are ``nominal`` (tt), ``slow`` (ss sf fs: a slow transistor somewhere), ``fast`` (ff sf fs),
    ``skewed`` (sf fs), ``extremes`` (tt ss ff) and ``all``; a set leaves out corners the process lacks.

    Raises
    ------
    ProcessError
        A word that is neither a set nor a corner of the process, or an empty list.
    """
    chosen: dict[str, None] = {}
    for word in (part.strip().lower() for part in text.split(",")):
        if word in process.corners:
            chosen[word] = None
        elif word in CORNER_SETS:
            chosen.update(dict.fromkeys(c for c in CORNER_SETS[word] if c in process.corners))
        else:
            raise ProcessError(
                f"{process.name}: unknown corner {word!r}; accepted: corners {', '.join(process.corners)};"
                f" sets {', '.join(CORNER_SETS)}"
            )
    return tuple(chosen)


def draw_mismatch(
    circuit: Circuit, process: Process, rng: np.random.Generator
) -> dict[str, tuple[float, float]]:
    r"""Draw one chip's mismatch: transistor instance -> (increase of \|threshold\| in volt, mobility factor).

    Independent normal draws by Pelgrom's law, in the order of the circuit's declaration: equal generators
    give equal draws. The mobility factor is drawn log-normally (median 1), so that it stays positive; so is
    the factor of every capacitor in :meth:`~circuits.circuit.Circuit.capacitor_spreads`, drawn after them.
    """
    drawn: dict[str, tuple[float, float]] = {}
    for instance, (polarity, width, length) in circuit.geometries().items():
        threshold, mobility = rng.standard_normal(2)
        drawn[instance] = (
            float(threshold * process.pelgrom.sigma_vt(polarity, width, length)),
            math.exp(float(mobility) * process.pelgrom.sigma_mu(polarity, width, length)),
        )
    for instance, spread in circuit.capacitor_spreads().items():
        drawn[instance] = (0.0, math.exp(float(rng.standard_normal()) * spread))
    return drawn


def mismatch_parameters(circuit: Circuit, mismatch: Mismatch) -> dict[str, float]:
    r"""Subcircuit parameters ``dvt_<instance>`` and ``mu_<instance>`` that put a draw into a netlist.

    ``dvt_*`` goes to BSIM4's ``delvto=``, which adds to the *signed* threshold; a draw counts increases of
    \|threshold\|, so the p transistors change sign here and nowhere else.

    Raises
    ------
    ProcessError
        The draw names an instance that the circuit does not have.
    """
    geometries = circuit.geometries()
    parameters: dict[str, float] = {}
    for instance, (threshold, mobility) in mismatch.items():
        if instance not in geometries:
            raise ProcessError(
                f"{circuit.name}: mismatch of unknown transistor {instance!r}; known: {', '.join(geometries)}"
            )
        sign = -1.0 if geometries[instance][0] == "p" else 1.0
        parameters[f"dvt_{instance}"] = sign * threshold
        parameters[f"mu_{instance}"] = mobility
    return parameters
