"""Laws of a transistor as a switch: on-resistance near zero drain voltage, and leakage when it is off."""

from __future__ import annotations

import numpy as np

from calibration.laws.law import (
    BOLTZMANN,
    CHARGE,
    FloatArray,
    Law,
    LawParam,
    Values,
    softplus,
    thermal_voltage,
)

V_DS = 0.05
"""Drain voltage in V at which the on-resistance V_ds/I_d is defined."""
T_REF = 300.15
"""Reference temperature in K of the gain, the threshold and the leakage."""
V_FULL = 0.6
"""Drain voltage in V at which the band-to-band leakage is stated: half the supply."""


def switch_on(
    v_gs: Values,
    v_sb: Values,
    temperature: Values,
    w: Values,
    l: Values,  # noqa: E741 - the name of the channel length everywhere
    v_t: Values,
    gain: Values,
    exponent: Values,
    theta1: Values,
    theta2: Values,
    l_end: Values,
    dw: Values,
    v_offset: Values,
    tc_vt: Values,
    body: Values,
    phi: Values,
    slope: Values,
) -> FloatArray:
    """On-resistance V_ds/I_d at V_ds = 0.05 V from weak to strong inversion."""
    kelvin = np.asarray(temperature, dtype=np.float64)
    depletion = np.sqrt(np.asarray(phi) + v_sb) - np.sqrt(phi)
    threshold = np.asarray(v_t) + v_offset + np.asarray(tc_vt) * (kelvin - T_REF) + body * depletion
    width = 2.0 * np.asarray(slope) * thermal_voltage(kelvin)
    forward = (np.asarray(v_gs) - threshold) / width
    reverse = forward - 0.5 * V_DS / thermal_voltage(kelvin)
    charge = width * softplus(forward)
    degraded = 1.0 + np.asarray(theta1) * charge + np.asarray(theta2) * charge**2
    # The EKV current without its factor W/L; width^2/(2 slope) = 2 slope U_T^2.
    per_square = (
        gain * width**2 / (2.0 * np.asarray(slope)) * (softplus(forward) ** 2 - softplus(reverse) ** 2)
    )
    length = np.asarray(l) * (kelvin / T_REF) ** exponent + l_end
    return np.asarray(V_DS * length * degraded / ((np.asarray(w) - dw) * per_square), dtype=np.float64)


def switch_off(
    temperature: Values,
    v_ds: Values,
    w: Values,
    i_ref: Values,
    activation: Values,
    dibl: Values,
    i_band: Values,
) -> FloatArray:
    """Drain current at V_gs = 0: weak inversion and a part that does not depend on temperature."""
    kelvin = np.asarray(temperature, dtype=np.float64)
    u_t = thermal_voltage(kelvin)
    drain = np.asarray(v_ds, dtype=np.float64)
    heat = np.asarray(activation) * CHARGE / BOLTZMANN * (1.0 / T_REF - 1.0 / kelvin)
    channel = i_ref * -np.expm1(-drain / u_t) * np.exp(heat + np.asarray(dibl) * drain / u_t)
    return np.asarray(w * (channel + np.asarray(i_band) * drain / V_FULL), dtype=np.float64)


SWITCH_ON = Law(
    "switch_on",
    switch_on,
    {"v_gs": "V", "v_sb": "V", "temperature": "K", "w": "m", "l": "m", "v_t": "V"},
    "ohm",
    {
        "gain": LawParam("A/V^2", 2e-4, (1e-6, 1e-2), "log", "mu Cox at T_ref, W = L"),
        "exponent": LawParam("1", 1.5, (-1.0, 4.0), description="the mobility falls as T^-exponent"),
        "theta1": LawParam("1/V", 0.2, (-2.0, 5.0), description="mobility loss, linear in the overdrive"),
        "theta2": LawParam(
            "1/V^2", 0.1, (-2.0, 5.0), description="mobility loss, quadratic in the overdrive"
        ),
        "l_end": LawParam(
            "m", 5e-8, (-1e-6, 1e-6), description="length that the ends add, independent of temperature"
        ),
        "dw": LawParam("m", 0.0, (-1e-7, 1e-7), description="drawn minus electrical width"),
        "v_offset": LawParam("V", 0.03, (-0.3, 0.3), description="V_T of this law minus the input v_t"),
        "tc_vt": LawParam("V/K", -6e-4, (-5e-3, 5e-3), description="change of V_T per kelvin"),
        "body": LawParam("V^0.5", 0.2, (0.0, 2.0), description="body-effect coefficient"),
        "phi": LawParam("V", 0.5, (0.05, 2.0), description="surface potential in the body effect"),
        "slope": LawParam("1", 1.4, (1.0, 2.0), description="slope factor n of weak inversion"),
    },
    "R_on = V_ds (1 + theta1 q + theta2 q^2) [L (T/T_ref)^m + l_end] / {(W - dW) 2 n gain U_T^2 [F(v) - F(v - V_ds)]}, "
    "F(v) = ln^2[1 + exp((v - V_T)/(2 n U_T))], q = 2 n U_T ln[1 + exp((V_gs - V_T)/(2 n U_T))], "
    "V_T = v_t + v_offset + tc_vt (T - T_ref) + body [sqrt(phi + V_sb) - sqrt(phi)]",
    "EKV interpolation; in strong inversion R_on = L/[W gain (V_gs - V_T - n V_ds/2)]; V_ds = 0.05 V, T_ref = "
    "300.15 K. v_t is the threshold of the device at T_ref and V_sb = 0 by constant current",
)
SWITCH_OFF = Law(
    "switch_off",
    switch_off,
    {"temperature": "K", "v_ds": "V", "w": "m"},
    "A",
    {
        "i_ref": LawParam("A/m", 1e-5, (1e-15, 1.0), "log", "channel leakage per width at T_ref"),
        "activation": LawParam("eV", 0.4, (0.0, 2.0), description="activation energy"),
        "dibl": LawParam("1", 0.02, (0.0, 0.5), description="drain voltage acting on the barrier"),
        "i_band": LawParam(
            "A/m", 3e-7, (1e-15, 1.0), "log", "leakage per width at V_ds = 0.6 V that heat does not raise"
        ),
    },
    "I = W {i_ref (1 - exp(-V_ds/U_T)) exp[dibl V_ds/U_T - (E_a/k)(1/T - 1/T_ref)] + i_band V_ds/0.6 V}",
    "weak inversion at V_gs = 0 (E_a near the threshold at T = 0) and gate-induced drain leakage; "
    "T_ref = 300.15 K",
)
LAWS = (SWITCH_ON, SWITCH_OFF)
