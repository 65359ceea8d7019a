"""Laws of a resistive memory cell: programming levels, switching probability, conduction, pulse response."""

from __future__ import annotations

import numpy as np

from calibration.laws.law import FloatArray, Law, LawParam, Values, normal_share

SMALLEST_DRIVE = 1e-3
"""Overdrive in V below which a selector does not set: the compliance law stays finite there."""
V_FULL = 3.0
"""Word-line voltage in V at which the time of a RESET is stated."""
V_MID = 2.0
"""Line voltage in V at which the word-line threshold of switching is stated."""


def lrs_compliance(v_wl: Values, r_series: Values, a: Values, v_t: Values, exponent: Values) -> FloatArray:
    """Low resistance after a SET whose current the selector limits."""
    drive = np.maximum(np.asarray(v_wl, dtype=np.float64) - v_t, SMALLEST_DRIVE)
    return np.asarray(r_series + np.asarray(a) * drive ** -np.asarray(exponent), dtype=np.float64)


def set_probability(
    v_line: Values,
    v_wl: Values,
    width: Values,
    v_set: Values,
    sigma_v: Values,
    per_decade: Values,
    drop: Values,
    v_word: Values,
    sigma_w: Values,
    v_gate: Values,
    p_false: Values,
) -> FloatArray:
    """Probability that one pulse halves the resistance."""
    line = np.asarray(v_line, dtype=np.float64)
    lower = np.asarray(per_decade) * np.log10(np.asarray(width, dtype=np.float64) / 1e-6)
    word = np.asarray(v_wl, dtype=np.float64)
    lost = np.asarray(drop) / np.maximum(word, 0.1)
    field = normal_share((line - v_set - lost + lower) / sigma_v)
    level = np.asarray(v_word) - np.asarray(v_gate) * np.log(np.maximum(line, SMALLEST_DRIVE) / V_MID)
    compliance = normal_share((word - level) / sigma_w)
    return np.asarray(p_false + (1.0 - np.asarray(p_false)) * field * compliance, dtype=np.float64)


def reset_probability(
    v_wl: Values,
    width: Values,
    v_word: Values,
    sigma_w: Values,
    t_half: Values,
    sigma_t: Values,
    slope: Values,
) -> FloatArray:
    """Probability that one pulse of fixed line voltage raises the resistance."""
    word = np.asarray(v_wl, dtype=np.float64)
    current = normal_share((word - v_word) / sigma_w)
    decades = np.log10(np.asarray(width, dtype=np.float64) / t_half) + np.asarray(slope) * (word - V_FULL)
    return np.asarray(current * normal_share(decades / sigma_t), dtype=np.float64)


LAWS = (
    Law(
        "lrs_compliance",
        lrs_compliance,
        {"v_wl": "V"},
        "ohm",
        {
            "r_series": LawParam("ohm", 6000.0, (1.0, 1e6), "log", "floor: electrodes and selector fully on"),
            "a": LawParam("ohm*V", 2500.0, (1e-3, 1e9), "log", "rise above the floor at 1 V of overdrive"),
            "v_t": LawParam(
                "V", 0.2, (-1.0, 0.55), description="word-line voltage at which no current is left"
            ),
            "exponent": LawParam("1", 2.5, (0.1, 10.0), "log", "2 for a square-law selector"),
        },
        "R = R_s + a/(V_WL - V_t)^n",
        "the filament grows until the selector's saturation current is reached: R ~ V_c/I_sat, I_sat ~ (V_WL - V_t)^n",
    ),
    Law(
        "set_probability",
        set_probability,
        {"v_line": "V", "v_wl": "V", "width": "s"},
        "1",
        {
            "v_set": LawParam("V", 1.15, (0.0, 6.0), description="median threshold for a pulse of 1 us"),
            "sigma_v": LawParam("V", 0.15, (1e-3, 2.0), "log", "spread of the threshold"),
            "per_decade": LawParam(
                "V", 0.05, (-1.0, 1.0), description="fall of the threshold per decade of width"
            ),
            "drop": LawParam("V^2", 0.05, (-2.0, 2.0), description="voltage lost in the selector times V_WL"),
            "v_word": LawParam(
                "V", 0.6, (-2.0, 5.0), description="word-line voltage that half the cells need at 2 V"
            ),
            "sigma_w": LawParam("V", 0.1, (1e-3, 2.0), "log", "spread of that word-line voltage"),
            "v_gate": LawParam("V", 0.2, (-5.0, 5.0), description="fall of it per e-fold of line voltage"),
            "p_false": LawParam("1", 0.01, (0.0, 0.3), description="share that halves without a SET"),
        },
        "P = p_f + (1 - p_f) Phi[(V - V_set - drop/V_WL + d log10(t/1 us))/s] Phi[(V_WL - V_w + g ln(V/2 V))/s_w]",
        "threshold of the field with a logarithmic dependence on time, normally distributed over cells; the second "
        "factor is the compliance: a weak selector leaves the resistance above half of what it was",
    ),
    Law(
        "reset_probability",
        reset_probability,
        {"v_wl": "V", "width": "s"},
        "1",
        {
            "v_word": LawParam(
                "V", 2.4, (-2.0, 6.0), description="word line at which half the cells get the current"
            ),
            "sigma_w": LawParam("V", 0.1, (1e-3, 2.0), "log", "spread of that word-line voltage"),
            "t_half": LawParam(
                "s", 1.2e-6, (1e-10, 1.0), "log", "width that half of them need at V_WL = 3 V"
            ),
            "sigma_t": LawParam("1", 0.4, (1e-2, 10.0), "log", "spread of that width in decades"),
            "slope": LawParam(
                "1/V", 0.3, (-10.0, 10.0), description="decades of width gained per volt of word line"
            ),
        },
        "P = Phi[(V_WL - V_w)/s_w] Phi{[log10(t/t_50) + b (V_WL - 3 V)]/s_t}",
        "the selector must pass the current that heats the filament; then the time decides; one line voltage",
    ),
)
