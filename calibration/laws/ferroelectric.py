"""Laws of ferroelectric switching: polarisation on a ramp, reversal curves, the current that does not switch."""

from __future__ import annotations

import numpy as np

from calibration.laws.law import FloatArray, Law, LawParam, Values

STEEPEST = 500.0
"""Clamp of exponents; beyond it a share is 0 or 1 to every digit."""


def share(v: Values, v_c: Values, width: Values, skew: Values) -> FloatArray:
    """Share of the hysterons whose coercive voltage is below ``v``: half at ``v_c``.

    F = [1 + (2^(1/s) - 1) exp(-(V - V_c)/w)]^-s; s = 1 is (1 + tanh[(V - V_c)/2w])/2, the tanh hysteron; s above 1
    has its long tail at high voltages.
    """
    power = 1.0 / np.asarray(skew, dtype=np.float64)
    z = np.clip((np.asarray(v, dtype=np.float64) - v_c) / width, -STEEPEST, STEEPEST)
    # ln(2^(1/s) - 1) without overflow for a small s.
    odds = power * np.log(2.0) + np.log(-np.expm1(-power * np.log(2.0)))
    return np.asarray(np.exp(-np.logaddexp(0.0, odds - z) * np.asarray(skew)), dtype=np.float64)


def switched_polarisation(v: Values, p_s: Values, v_c: Values, width: Values, skew: Values) -> FloatArray:
    """Polarisation that a ramp from the other state has switched at ``v`` (both counted along the drive)."""
    return np.asarray(p_s * share(v, v_c, width, skew), dtype=np.float64)


def loop_branch(
    v: Values, p_s: Values, v_c: Values, width: Values, skew: Values, p_0: Values, line: Values
) -> FloatArray:
    """Branch of a plain loop: switched polarisation on a line of dielectric and leakage."""
    return np.asarray(
        p_0 + np.asarray(line) * np.asarray(v) + p_s * share(v, v_c, width, skew), dtype=np.float64
    )


def reversal_curve(
    v: Values,
    v_r: Values,
    rising: Values,
    p_0: Values,
    p_s: Values,
    v_down: Values,
    width_down: Values,
    skew_down: Values,
    v_up: Values,
    width_up: Values,
    skew_up: Values,
    link: Values,
) -> FloatArray:
    """Polarisation on a first-order reversal curve: down from saturation to ``v_r``, then up to ``v``."""
    here, turn = np.asarray(v, dtype=np.float64), np.asarray(v_r, dtype=np.float64)
    lowest = np.where(np.asarray(rising) > 0.5, np.minimum(turn, here), here)
    left = 1.0 - share(-lowest, -np.asarray(v_down), width_down, skew_down)
    threshold = np.asarray(v_up) + np.asarray(link) * (turn - v_down)
    back = np.where(np.asarray(rising) > 0.5, share(here, threshold, width_up, skew_up), 0.0)
    return np.asarray(p_0 + np.asarray(p_s) * (left + (1.0 - left) * back), dtype=np.float64)


def ferro_background(
    v: Values, rate: Values, c: Values, bow: Values, g: Values, i_offset: Values
) -> FloatArray:
    """Current of a pulse that switches nothing: dielectric, leakage, offset of the meter."""
    bias, ramp = np.asarray(v, dtype=np.float64), np.asarray(rate, dtype=np.float64)
    return np.asarray(c * (1.0 + np.asarray(bow) * bias) * ramp + np.asarray(g) * bias + i_offset)


def butterfly_capacitance(
    v: Values, c: Values, bow: Values, q_s: Values, v_c: Values, width: Values, skew: Values
) -> FloatArray:
    """Capacitance of a branch of a butterfly: dielectric, and the peak where hysterons switch."""
    bias = np.asarray(v, dtype=np.float64)
    power = 1.0 / np.asarray(skew, dtype=np.float64)
    z = np.clip((bias - v_c) / width, -STEEPEST, STEEPEST)
    odds = power * np.log(2.0) + np.log(-np.expm1(-power * np.log(2.0)))
    # d share/dV = s/w share (1 - share^(1/s)).
    left = np.exp(odds - z - np.logaddexp(0.0, odds - z))
    density = np.asarray(skew) / np.asarray(width) * share(bias, v_c, width, skew) * left
    return np.asarray(c * (1.0 + np.asarray(bow) * bias) + np.asarray(q_s) * density, dtype=np.float64)


def nls_switched(
    v: Values, time: Values, p_s: Values, t_inf: Values, v_activation: Values, m: Values, n: Values
) -> FloatArray:
    """Polarisation that a constant voltage has switched after a time, by nucleation-limited kinetics."""
    size = np.maximum(np.abs(np.asarray(v, dtype=np.float64)), 1e-12)
    exponent = np.minimum((np.asarray(v_activation) / size) ** np.asarray(m), STEEPEST)
    done = np.asarray(time) / (np.asarray(t_inf) * np.exp(exponent))
    return np.asarray(-np.asarray(p_s) * np.expm1(-(done ** np.asarray(n))), dtype=np.float64)


_WIDTH = LawParam("V", 0.2, (5e-3, 5.0), "log", "volts per e-fold of the tail of coercive voltages")
_SKEW = LawParam("1", 1.0, (0.05, 50.0), "log", "1: symmetric; above 1: long tail at high voltages")
_SOURCE = (
    "tanh hysterons (Miller) with a skew; the distribution is that of one ramp rate: slower ramps switch at lower "
    "voltages"
)

#: Parameters of the switched polarisation, which every law of a branch has.
_HYSTERONS = {
    "p_s": LawParam("C/m^2", 0.5, (1e-4, 100.0), "log", "polarisation that switches, 2 P_r"),
    "v_c": LawParam("V", 1.0, (-10.0, 10.0), description="coercive voltage: half has switched"),
    "width": _WIDTH,
    "skew": _SKEW,
}

SWITCHED = Law(
    "switched_polarisation",
    switched_polarisation,
    {"v": "V"},
    "C/m^2",
    _HYSTERONS,
    "P = p_s [1 + (2^(1/s) - 1) exp(-(V - V_c)/w)]^-s",
    _SOURCE,
)
BRANCH = Law(
    "loop_branch",
    loop_branch,
    {"v": "V"},
    "C/m^2",
    {
        **_HYSTERONS,
        "p_0": LawParam("C/m^2", 0.0, (-100.0, 100.0), description="level at 0 V before anything switches"),
        "line": LawParam("F/m^2", 0.0, (-100.0, 100.0), description="dielectric and leakage per volt"),
    },
    "P = p_0 + line V + p_s F(V), F the share of hysterons below V",
    _SOURCE,
)
REVERSAL = Law(
    "reversal_curve",
    reversal_curve,
    {"v": "V", "v_r": "V", "rising": "1"},
    "1",
    {
        "p_0": LawParam("1", 0.0, (-10.0, 10.0), description="polarisation of the negative state"),
        "p_s": LawParam("1", 1.0, (1e-3, 100.0), "log", "height of the saturated loop"),
        "v_down": LawParam("V", -1.0, (-10.0, 10.0), description="voltage at which half has switched down"),
        "width_down": _WIDTH,
        "skew_down": _SKEW,
        "v_up": LawParam(
            "V", 0.8, (-10.0, 10.0), description="voltage at which half switches up again, v_r = v_down"
        ),
        "width_up": _WIDTH,
        "skew_up": _SKEW,
        "link": LawParam("1", 0.0, (-1.0, 1.0), description="change of that voltage per volt of reversal"),
    },
    "P = p_0 + p_s {G + (1 - G) F(V)}, G = 1 - F_down(-min(V, V_r)), F at v_up + link (V_r - v_down)",
    "Preisach with a factored density: of the hysterons that V_r has switched down, the share F(V) is up again; "
    "from positive saturation, one reversal",
)
BACKGROUND = Law(
    "ferro_background",
    ferro_background,
    {"v": "V", "rate": "V/s"},
    "A",
    {
        "c": LawParam("F", 1e-9, (1e-15, 1e-3), "log", "capacitance at 0 V"),
        "bow": LawParam("1/V", 0.0, (-1.0, 1.0), description="relative change of the capacitance per volt"),
        "g": LawParam("S", 1e-9, (-1e-3, 1e-3), description="leakage conductance"),
        "i_offset": LawParam("A", 0.0, (-1e-3, 1e-3), description="offset of the current meter"),
    },
    "I = c (1 + bow V) dV/dt + g V + i_offset",
    "second pulse of a pair (U, D), after the first has switched everything",
)
BUTTERFLY = Law(
    "butterfly_capacitance",
    butterfly_capacitance,
    {"v": "V"},
    "F",
    {
        "c": LawParam("F", 1e-9, (1e-16, 1e-3), "log", "dielectric at 0 V"),
        "bow": LawParam("1/V", 0.0, (-1.0, 1.0), description="relative change of the dielectric per volt"),
        "q_s": LawParam("C", 1e-9, (1e-18, 1e-3), "log", "charge that switches under the peak"),
        "v_c": LawParam("V", 1.0, (-10.0, 10.0), description="coercive voltage: half has switched"),
        "width": _WIDTH,
        "skew": _SKEW,
    },
    "C = c (1 + bow V) + q_s dF/dV, F the share of hysterons below V",
    _SOURCE,
)
NLS = Law(
    "nls_switched",
    nls_switched,
    {"v": "V", "time": "s"},
    "1",
    {
        "p_s": LawParam("1", 1.0, (1e-6, 1e3), "log", "what switches in the end"),
        "t_inf": LawParam("s", 1e-9, (1e-15, 1e3), "log", "switching time at infinite voltage"),
        "v_activation": LawParam("V", 10.0, (1e-3, 1e4), "log", "activation voltage"),
        "m": LawParam("1", 1.5, (0.1, 10.0), "log", "exponent of the voltage; Merz: 1"),
        "n": LawParam("1", 1.0, (0.05, 4.0), "log", "exponent of the time; below 1: distributed times"),
    },
    "P = p_s {1 - exp[-(t/t_0)^n]}, t_0 = t_inf exp[(v_activation/|V|)^m]",
    "nucleation-limited switching (Tagantsev et al. 2002); says what a small read voltage disturbs",
)
LAWS = (SWITCHED, BRANCH, REVERSAL, BACKGROUND, BUTTERFLY, NLS)
