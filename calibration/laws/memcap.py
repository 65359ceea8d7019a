"""Law of a voltage-dependent capacitance without hysteresis: the reference of the hysteretic ones."""

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
LAWS = (VARACTOR,)
