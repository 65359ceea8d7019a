"""Laws of a transistor in weak inversion and across to strong inversion."""

from __future__ import annotations

import numpy as np

from calibration.laws.law import FloatArray, Law, LawParam, Values, softplus, thermal_voltage

LOG_CURRENT = (1e-30, 1.0)


def subthreshold_fet(
    v_gs: Values,
    v_ds: Values,
    temperature: Values,
    i0: Values,
    kappa: Values,
    i_floor: Values,
) -> FloatArray:
    """Drain current in weak inversion, plus a floor."""
    u_t = thermal_voltage(temperature)
    gate = np.exp(np.asarray(kappa) * v_gs / u_t)
    return np.asarray(i0 * gate * -np.expm1(-np.asarray(v_ds) / u_t) + i_floor, dtype=np.float64)


def ekv_fet(
    v_gs: Values,
    v_ds: Values,
    temperature: Values,
    i0: Values,
    kappa: Values,
    i_spec: Values,
    i_floor: Values,
) -> FloatArray:
    """Drain current from weak to strong inversion (EKV interpolation), plus a floor."""
    u_t = thermal_voltage(temperature)
    forward = 0.5 * (np.asarray(kappa) * v_gs / u_t + np.log(np.asarray(i0) / i_spec))
    reverse = forward - 0.5 * np.asarray(v_ds) / u_t
    return np.asarray(i_spec * (softplus(forward) ** 2 - softplus(reverse) ** 2) + i_floor, dtype=np.float64)


I0 = LawParam("A", 1e-13, LOG_CURRENT, "log", "current at V_gs = 0, extrapolated from weak inversion")
KAPPA = LawParam("1", 0.7, (0.2, 1.2), description="gate coupling")
I_FLOOR = LawParam("A", 1e-14, LOG_CURRENT, "log", "leakage and instrument floor")
INPUTS = {"v_gs": "V", "v_ds": "V", "temperature": "K"}

SUBTHRESHOLD_FET = Law(
    "subthreshold_fet",
    subthreshold_fet,
    INPUTS,
    "A",
    {"i0": I0, "kappa": KAPPA, "i_floor": I_FLOOR},
    "I = I0 exp(kappa V_gs/U_T) (1 - exp(-V_ds/U_T)) + I_floor",
    "Enz, Krummenacher and Vittoz 1995, weak inversion, source and bulk at 0 V, n-type convention of signs",
)
EKV_FET = Law(
    "ekv_fet",
    ekv_fet,
    INPUTS,
    "A",
    {
        "i0": I0,
        "kappa": KAPPA,
        "i_spec": LawParam("A", 1e-7, LOG_CURRENT, "log", "specific current: where weak inversion ends"),
        "i_floor": I_FLOOR,
    },
    "I = I_s {ln^2[1 + exp(v/2)] - ln^2[1 + exp((v - V_ds/U_T)/2)]} + I_floor, "
    "v = kappa V_gs/U_T + ln(I0/I_s)",
    "Enz, Krummenacher and Vittoz 1995; weak inversion is subthreshold_fet; no mobility degradation",
)
LAWS = (SUBTHRESHOLD_FET, EKV_FET)
