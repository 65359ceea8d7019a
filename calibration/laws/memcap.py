"""Laws of memcapacitive cells: time constant, step and write against state; varactor without hysteresis."""

from __future__ import annotations

import numpy as np

from calibration.laws.law import FloatArray, Law, LawParam, Values


def varactor_capacitance(
    v: Values,
    c_middle: Values,
    slope: Values,
    step_1: Values,
    v_1: Values,
    w_1: Values,
    step_2: Values,
    v_2: Values,
    w_2: Values,
    step_3: Values,
    v_3: Values,
    w_3: Values,
) -> FloatArray:
    """Capacitance of a MOS varactor: three tanh transitions and a line."""
    bias = np.asarray(v, dtype=np.float64)
    steps = sum(
        np.asarray(step) * np.tanh((bias - centre) / width)
        for step, centre, width in ((step_1, v_1, w_1), (step_2, v_2, w_2), (step_3, v_3, w_3))
    )
    return np.asarray(c_middle * (1.0 + np.asarray(slope) * bias + steps), dtype=np.float64)


def memcap_tau(x: Values, tau_low: Values, window: Values) -> FloatArray:
    """Time constant R C(x) at state ``x``."""
    return np.asarray(np.asarray(tau_low) * _window(x, window), dtype=np.float64)


def memcap_step(x: Values, step_low: Values, window: Values) -> FloatArray:
    """Step q/C(x) that a spike makes at state ``x``."""
    return np.asarray(np.asarray(step_low) / _window(x, window), dtype=np.float64)


def memcap_write(v: Values, width: Values, edge: Values, rate: Values, threshold: Values) -> FloatArray:
    """Share of the remaining way that one trapezoidal pulse moves the state."""
    over = np.maximum(np.asarray(v, dtype=np.float64) - threshold, 0.0)
    area = over * np.asarray(width) + over**2 / np.maximum(np.asarray(v), 1e-12) * np.asarray(edge)
    return np.asarray(-np.expm1(-np.asarray(rate) * area), dtype=np.float64)


def memcap_retention(time: Values, x_start: Values, x_rest: Values, tau: Values) -> FloatArray:
    """State that relaxes towards ``x_rest``."""
    left = np.exp(-np.asarray(time, dtype=np.float64) / tau)
    return np.asarray(x_rest + (np.asarray(x_start) - x_rest) * left, dtype=np.float64)


def _window(x: Values, window: Values) -> FloatArray:
    """Capacitance over that at x = 0."""
    return np.asarray(1.0 + (np.asarray(window) - 1.0) * np.asarray(x, dtype=np.float64))


def _transition(number: str, step: float, centre: float, width: float) -> dict[str, LawParam]:
    """Parameters of one transition."""
    return {
        f"step_{number}": LawParam("1", step, (-3.0, 3.0), description="half height over c_middle"),
        f"v_{number}": LawParam("V", centre, (-5.0, 5.0), description="voltage of its middle"),
        f"w_{number}": LawParam("V", width, (0.02, 10.0), "log", "its width"),
    }


VARACTOR = Law(
    "varactor_capacitance",
    varactor_capacitance,
    {"v": "V"},
    "F",
    {
        "c_middle": LawParam("F", 6e-12, (1e-15, 1e-6), "log", "capacitance between the plateaus"),
        "slope": LawParam("1/V", 0.0, (-0.5, 0.5), description="line over c_middle"),
        **_transition("1", 0.6, 0.0, 0.3),
        **_transition("2", 0.2, 0.5, 1.0),
        **_transition("3", -0.1, -0.8, 0.4),
    },
    "C = c_middle {1 + slope V + sum of step_i tanh[(V - v_i)/w_i]}",
    "empirical: depletion to accumulation, the slow approach to the oxide capacitance, and the dip below flat band; "
    "no claim on doping or oxide",
)
_WINDOW = LawParam("1", 1.3, (1.0, 100.0), description="C(1)/C(0) with what hangs on the membrane")
_CELL = "leaky integrator of memcapacitor and memristor, docs/memcap-twin.md"

TAU = Law(
    "memcap_tau",
    memcap_tau,
    {"x": "1"},
    "s",
    {"tau_low": LawParam("s", 7.5e-3, (1e-9, 1e4), "log", "R C(0)"), "window": _WINDOW},
    "tau = tau_low [1 + (window - 1) x]",
    _CELL,
)
STEP = Law(
    "memcap_step",
    memcap_step,
    {"x": "1"},
    "V",
    {"step_low": LawParam("V", 0.01, (1e-9, 10.0), "log", "q/C(0)"), "window": _WINDOW},
    "dV = step_low / [1 + (window - 1) x]",
    _CELL,
)
WRITE = Law(
    "memcap_write",
    memcap_write,
    {"v": "V", "width": "s", "edge": "s"},
    "1",
    {
        "rate": LawParam("1/(V s)", 1e5, (1.0, 1e12), "log", "rate per volt beyond the threshold"),
        "threshold": LawParam("V", 1.2, (0.0, 10.0), description="voltage, as a magnitude"),
    },
    "share = 1 - exp(-rate A), A = (V - threshold) width + (V - threshold)^2 edge / V",
    "threshold programming of a two-state mixture; a trapezoid of full-height width and two edges",
)
RETENTION = Law(
    "memcap_retention",
    memcap_retention,
    {"time": "s", "x_start": "1"},
    "1",
    {
        "x_rest": LawParam("1", 0.5, (0.0, 1.0), description="state that it relaxes to"),
        "tau": LawParam("s", 1e5, (1e-9, 1e15), "log", "time constant"),
    },
    "x = x_rest + (x_start - x_rest) exp(-t/tau)",
    "linear relaxation; real films relax over many decades of time",
)
LAWS = (VARACTOR, TAU, STEP, WRITE, RETENTION)
