"""Law of a delay cell's voltage levels; the delays themselves follow from them in ``pysim.delays.element``."""

from __future__ import annotations

import numpy as np

from calibration.laws.generic import T_REF
from calibration.laws.law import FloatArray, Law, LawParam, Values


def level(
    level: Values,
    temperature: Values,
    slope: Values,
    offset: Values,
    coefficient: Values,
    temperature_ref: Values,
) -> FloatArray:
    """Voltage inside a cell that follows a rail, with an offset that drifts linearly with temperature."""
    rise = np.asarray(temperature, dtype=np.float64) - temperature_ref
    return np.asarray(np.asarray(slope) * level + offset + np.asarray(coefficient) * rise, dtype=np.float64)


LAWS = (
    Law(
        "delay_level",
        level,
        {"level": "V", "temperature": "K"},
        "V",
        {
            "slope": LawParam("1", 1.0, (-2.0, 2.0), description="change per volt of the rail"),
            "offset": LawParam("V", 0.0, (-2.0, 2.0), description="at the reference temperature"),
            "coefficient": LawParam("V/K", 0.0, (-0.1, 0.1), description="drift of the offset"),
            "temperature_ref": T_REF,
        },
        "V = slope V_rail + offset + coefficient (T - T_ref)",
        "charge injection and offset of a threshold stage, to first order",
    ),
)
