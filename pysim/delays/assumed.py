"""The assumed table of delay elements: the scale of the published network model, fitted to nothing."""

from __future__ import annotations

import math

from calibration.table import CalibrationTable, Entry, Interval, Parameter, Provenance, Variation
from pysim.delays.chip import BLOCK

#: Scale of the published network model: mean 500 GOhm, standard deviation of the logarithm 0.4, on 1 pF, with a delay
#: of R C (a trip at 1/e). Assumed: no transistor leaks so little, see docs/physics-denram.md.
R_MEAN, R_SIGMA, C_DELAY = 500e9, 0.4, 1e-12
#: Part of that spread that every programming draws anew; assumed.
_CYCLE = 0.1


def assumed_table() -> CalibrationTable:
    """Table at the scale of the published network model: a place to start from, fitted to nothing.

    A delay of R C with R log-normal (mean 500 GOhm) and C 1 pF; conductances with 10 % programming error, 3 %
    relaxation at 1 s, 1 % read noise.
    """
    median = R_MEAN * math.exp(-0.5 * R_SIGMA**2)
    cell = math.sqrt(R_SIGMA**2 - _CYCLE**2)
    entries = {
        "r_hrs": _constant("r_hrs", "ohm", median, (("within_die", cell), ("cycle", _CYCLE))),
        "c_delay": _constant("c_delay", "F", C_DELAY, (("within_die", 0.01),)),
        "v_start": _constant("v_start", "V", 0.8),
        "v_trip": _constant("v_trip", "V", 0.8 / math.e),
        "g_weight": _proportional("g_weight", 0.10),
        "relaxation": _relaxation(0.03),
        "read_noise": _constant("read_noise", "1", 0.01),
    }
    return CalibrationTable(
        "denram_assumed",
        "0.0.0",
        "2026-11-21T00:00:00Z",
        {f"{BLOCK}.{name}": entry for name, entry in entries.items()},
        Provenance("virtual", plan="published scale and hand estimates, fitted to nothing"),
        "Assumed delay elements at the scale of the published network model.",
    )


def _constant(name: str, unit: str, value: float, spread: tuple[tuple[str, float], ...] = ()) -> Entry:
    variation = tuple(
        Variation("cycle" if source == "cycle" else "within_die", "lognormal", sigma)
        for source, sigma in spread
    )
    return Entry(
        name,
        unit,
        "constant",
        {"value": Parameter(value, unit, vary=False)},
        scale="log",
        variation=variation,
        reference={"tag": "assumed"},
    )


def _proportional(name: str, share: float) -> Entry:
    """Standard deviation proportional to the conductance."""
    return Entry(
        name,
        "S",
        "line",
        {"slope": Parameter(share, "1", vary=False), "offset": Parameter(0.0, "S", vary=False)},
        domain={"conductance": Interval(0.0, 1e-3, "S")},
        arguments={"conductance": "x"},
        reference={"tag": "assumed"},
    )


def _relaxation(at_one_second: float) -> Entry:
    """Relative relaxation, growing slowly with time."""
    parameters = {
        "scale": Parameter(at_one_second, "1", vary=False),
        "x_ref": Parameter(1.0, "s", vary=False),
        "exponent": Parameter(0.1, "1", vary=False),
    }
    return Entry(
        "relaxation",
        "1",
        "power_law",
        parameters,
        domain={"time": Interval(1e-3, 1e8, "s")},
        arguments={"time": "x"},
        reference={"tag": "assumed"},
    )
