"""Laws of a metal-insulator-metal capacitor: voltage dependence, and capacitance from its geometry."""

from __future__ import annotations

import numpy as np

from calibration.laws.law import FloatArray, Law, LawParam, Values


def mim_cv(v: Values, c0: Values, vcc1: Values, vcc2: Values) -> FloatArray:
    """Small-signal capacitance against bias, a parabola."""
    bias = np.asarray(v, dtype=np.float64)
    return np.asarray(c0 * (1.0 + vcc1 * bias + vcc2 * bias**2), dtype=np.float64)


def mim_geometry(
    area: Values, perimeter: Values, c_area: Values, c_perim: Values, c_fixed: Values
) -> FloatArray:
    """Capacitance at zero bias of a capacitor, or of an array, from its total area and perimeter."""
    return np.asarray(np.asarray(c_area) * area + np.asarray(c_perim) * perimeter + c_fixed, dtype=np.float64)


MIM_CV = Law(
    "mim_cv",
    mim_cv,
    {"v": "V"},
    "F",
    {
        "c0": LawParam("F", 1e-11, (1e-18, 1e-6), "log", "capacitance at zero bias"),
        "vcc1": LawParam("1/V", 0.0, (-1e-2, 1e-2), description="linear voltage coefficient"),
        "vcc2": LawParam("1/V^2", 3e-5, (-1e-2, 1e-2), description="quadratic voltage coefficient"),
    },
    "C = C0 (1 + VCC1 V + VCC2 V^2)",
    "definition of the voltage coefficients; the sign of VCC1 follows the sign of V",
)
MIM_GEOMETRY = Law(
    "mim_geometry",
    mim_geometry,
    {"area": "m^2", "perimeter": "m"},
    "F",
    {
        "c_area": LawParam("F/m^2", 2e-3, (1e-6, 1.0), "log", "capacitance per area"),
        "c_perim": LawParam("F/m", 1e-10, (-1e-8, 1e-8), description="edge capacitance per perimeter"),
        "c_fixed": LawParam("F", 0.0, (-1e-9, 1e-9), description="pads and wiring left in the measurement"),
    },
    "C0 = c_area A + c_perim P + c_fixed",
    "parallel plate with fringing edges; a plate drawn too small by d on every side reads as c_perim -d c_area",
)
LAWS = (MIM_CV, MIM_GEOMETRY)
