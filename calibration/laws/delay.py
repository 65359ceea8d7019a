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


def pulse(
    supply: Values,
    temperature: Values,
    per_volt: Values,
    v_switch: Values,
    coefficient: Values,
    temperature_ref: Values,
) -> FloatArray:
    """Width of a pulse that a constant current makes of a capacitor charged to the supply."""
    rise = np.asarray(temperature, dtype=np.float64) - temperature_ref
    swing = np.asarray(supply, dtype=np.float64) - v_switch
    return np.asarray(per_volt * swing * np.exp(np.asarray(coefficient) * rise), dtype=np.float64)


def weight(
    conductance: Values, i_ref: Values, r_access: Values, exponent: Values, g_ref: Values
) -> FloatArray:
    """Current of a weight cell; ``i_ref`` at ``g_ref``, ``r_access`` in series with the memory."""
    series = 1.0 / np.asarray(conductance, dtype=np.float64) + r_access
    return np.asarray(
        i_ref * (series / (1.0 / np.asarray(g_ref) + r_access)) ** -np.asarray(exponent), dtype=np.float64
    )


def weight_drift(
    conductance: Values,
    temperature: Values,
    i_ref: Values,
    r_access: Values,
    exponent: Values,
    coefficient: Values,
    exponent_drift: Values,
    g_ref: Values,
    temperature_ref: Values,
) -> FloatArray:
    """Current of a weight cell as :func:`weight`, whose scale and exponent drift with temperature."""
    rise = np.asarray(temperature, dtype=np.float64) - temperature_ref
    own = np.asarray(exponent) + np.asarray(exponent_drift) * rise
    return weight(conductance, i_ref, r_access, own, g_ref) * np.exp(np.asarray(coefficient) * rise)


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
    Law(
        "delay_pulse",
        pulse,
        {"supply": "V", "temperature": "K"},
        "s",
        {
            "per_volt": LawParam("s/V", 1e-5, (1e-12, 1.0), "log", "capacitance over current"),
            "v_switch": LawParam("V", 0.4, (-2.0, 2.0), description="voltage that ends the pulse"),
            "coefficient": LawParam("1/K", 0.0, (-0.1, 0.1), description="relative drift"),
            "temperature_ref": T_REF,
        },
        "t = (C/I) (V_DD - V_sw) exp(tc (T - T_ref))",
        "current-starved monostable",
    ),
    Law(
        "delay_weight",
        weight,
        {"conductance": "S"},
        "A",
        {
            "i_ref": LawParam("A", 3e-8, (1e-15, 1e-3), "log", "current at the reference conductance"),
            "r_access": LawParam("ohm", 1e3, (0.0, 1e6), description="of access transistor and clamp"),
            "exponent": LawParam(
                "1", 1.0, (0.1, 2.0), description="below 1: the clamp yields with the current"
            ),
            "g_ref": LawParam("S", 3e-5, (1e-9, 1.0), "log", "reference conductance: hold fixed"),
        },
        "I = I_ref [(1/G + R_a) / (1/G_ref + R_a)]^-n",
        "read voltage over memory and access transistor; the read voltage falls with the clamp's V_GS",
    ),
    Law(
        "delay_weight_drift",
        weight_drift,
        {"conductance": "S", "temperature": "K"},
        "A",
        {
            "i_ref": LawParam("A", 3e-8, (1e-15, 1e-3), "log", "current at the reference conductance"),
            "r_access": LawParam("ohm", 1e3, (0.0, 1e6), description="of access transistor and clamp"),
            "exponent": LawParam(
                "1", 1.0, (0.1, 2.0), description="below 1: the clamp yields with the current"
            ),
            "coefficient": LawParam("1/K", 0.0, (-0.05, 0.05), description="relative drift of the current"),
            "exponent_drift": LawParam("1/K", 0.0, (-0.01, 0.01), description="drift of the exponent"),
            "g_ref": LawParam("S", 3e-5, (1e-9, 1.0), "log", "reference conductance: hold fixed"),
            "temperature_ref": T_REF,
        },
        "I = I_ref [(1/G + R_a) / (1/G_ref + R_a)]^-(n + n' dT) exp(tc dT)",
        "the clamp's V_GS falls with temperature, and less so at larger currents",
    ),
)
