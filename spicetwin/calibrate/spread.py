"""Spread of a block's quantities: mismatch by Pelgrom's law carried through the mirrors, corners as dies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from calibration.entry import Variation
from calibration.laws.law import thermal_voltage
from circuits.circuit import Circuit
from circuits.process import Process

#: A corner counts as this many standard deviations of the dies (assumed).
CORNER_SIGMAS = 3.0


@dataclass(frozen=True)
class Pair:
    """Transistors whose thresholds enter a quantity alike, and the sign of a current increase in it.

    ``factor`` names the random number: quantities that hang on the same transistors share it.
    """

    transistors: tuple[str, ...]
    factor: str = ""
    sign: int = 1


#: Which transistors set which quantity; names as in the netlists.
SYNAPSE: Mapping[str, Pair] = {
    "tau": Pair(("taub", "tau"), "tau_mirror", -1),
    "i_tau": Pair(("taub", "tau"), "tau_mirror"),
    "i_gain": Pair(("thrb", "syn", "thr", "s")),
    "i_weight": Pair(("wb", "w")),
    "t_pulse": Pair(("ppb", "pp"), sign=-1),
    "i_floor": Pair(("syn",)),
}
NEURON: Mapping[str, Pair] = {
    "tau": Pair(("taub", "tau"), "tau_mirror", -1),
    "i_tau": Pair(("taub", "tau"), "tau_mirror"),
    "i_gain": Pair(("thrb", "mem", "thr", "s")),
    "i_threshold": Pair(("spkb", "spk")),
    "t_refractory": Pair(("refb", "rd"), sign=-1),
    "i_floor": Pair(("mem",), "floor"),
    "i_reset": Pair(("mem",), "floor"),
}
ADAPTATION: Mapping[str, Pair] = {
    "tau": Pair(("atb", "at"), "tau_mirror", -1),
    "i_tau": Pair(("atb", "at"), "tau_mirror"),
    "i_gain": Pair(("agb", "ahp", "athr", "as")),
    "i_weight": Pair(("awb", "aw")),
    "t_pulse": Pair(("pnb", "app"), sign=-1),
    "i_floor": Pair(("ahp",)),
}


def log_sigma(
    transistors: tuple[str, ...], circuit: Circuit, process: Process, kappa: float, temperature: float
) -> float:
    """Standard deviation of ln I: sqrt(sum (kappa sigma_VT / U_T)^2 + sigma_mu^2) over the transistors.

    Weak inversion; an overestimate of a few percent where the inversion coefficient reaches 0.1.
    """
    slope = kappa / float(thermal_voltage(temperature))
    geometries = circuit.geometries()
    variance = 0.0
    for name in transistors:
        polarity, width, length = geometries[name]
        variance += (slope * process.pelgrom.sigma_vt(polarity, width, length)) ** 2
        variance += process.pelgrom.sigma_mu(polarity, width, length) ** 2
    return math.sqrt(variance)


def within_die(
    pairs: Mapping[str, Pair], circuit: Circuit, process: Process, kappa: float, temperature: float
) -> dict[str, Variation]:
    """Mismatch term of every quantity of a block."""
    return {
        name: _mismatch(pair, log_sigma(pair.transistors, circuit, process, kappa, temperature))
        for name, pair in pairs.items()
    }


def _mismatch(pair: Pair, sigma: float) -> Variation:
    signed = pair.sign * sigma if pair.factor else sigma
    return Variation("within_die", "lognormal", signed, factor=pair.factor, kind="virtual")


def die(ratios: Mapping[str, float]) -> Variation:
    """Die term of a quantity from its corner values relative to tt: the largest is CORNER_SIGMAS away."""
    widest = max(abs(math.log(ratio)) for ratio in ratios.values())
    return Variation("die", "lognormal", widest / CORNER_SIGMAS, n=len(ratios), kind="virtual")
