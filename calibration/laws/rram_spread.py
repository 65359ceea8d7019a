"""Laws of the spread of resistive memory cells: distributions with censoring, relaxation, bake, pulses."""

from __future__ import annotations

import numpy as np

from calibration.laws.generic import T_REF
from calibration.laws.law import BOLTZMANN, CHARGE, FloatArray, Law, LawParam, Values, normal_share

SMALLEST = 1e-300


def _log_score(r: Values, median: Values, sigma: Values) -> FloatArray:
    """Normal score of a resistance in a log-normal distribution; far below where there is none."""
    safe = np.maximum(np.asarray(r, dtype=np.float64), SMALLEST)
    return np.asarray((np.log(safe) - np.log(median)) / sigma, dtype=np.float64)


def low_state_counts(
    low: Values, high: Values, total: Values, r_series: Values, median: Values, sigma: Values
) -> FloatArray:
    """Expected cells between two resistances: a fixed series resistance and a log-normal filament."""
    upper = normal_share(_log_score(np.asarray(high) - r_series, median, sigma))
    lower = normal_share(_log_score(np.asarray(low) - r_series, median, sigma))
    return np.asarray(np.asarray(total) * (upper - lower), dtype=np.float64)


def high_state_counts(
    low: Values,
    high: Values,
    total: Values,
    median: Values,
    sigma: Values,
    failed: Values,
    median_failed: Values,
    sigma_failed: Values,
) -> FloatArray:
    """Expected cells between two resistances: a log-normal high state and cells that did not RESET."""
    share = np.asarray(failed)
    counts = np.zeros(())
    for weight, middle, spread in ((1.0 - share, median, sigma), (share, median_failed, sigma_failed)):
        counts = counts + weight * (
            normal_share(_log_score(high, middle, spread)) - normal_share(_log_score(low, middle, spread))
        )
    return np.asarray(np.asarray(total) * counts, dtype=np.float64)


def pair_share(share: Values, rho: Values) -> FloatArray:
    """Share of cells below a level in both of two cycles, when a share is below it in one."""
    from scipy.special import ndtri, owens_t

    inside = np.clip(np.asarray(share, dtype=np.float64), 1e-6, 1.0 - 1e-6)
    slope = np.sqrt((1.0 - np.asarray(rho)) / (1.0 + np.asarray(rho)))
    return np.asarray(inside - 2.0 * owens_t(ndtri(inside), slope), dtype=np.float64)


def read_current(v_read: Values, g: Values, v_sinh: Values, i_offset: Values) -> FloatArray:
    """Read current of a cell with the offset current of its array."""
    x = np.clip(np.asarray(v_read, dtype=np.float64) / v_sinh, -500.0, 500.0)
    return np.asarray(np.asarray(g) * v_sinh * np.sinh(x) + i_offset, dtype=np.float64)


def relaxation_spread(time: Values, scale: Values, t_zero: Values) -> FloatArray:
    """Standard deviation of the change of conductance since programming."""
    decades = np.log10(np.maximum(np.asarray(time, dtype=np.float64) / t_zero, 1.0 + 1e-9))
    return np.asarray(np.asarray(scale) * np.sqrt(decades), dtype=np.float64)


def relaxation_level(
    time: Values,
    conductance: Values,
    floor: Values,
    rise: Values,
    g_middle: Values,
    g_width: Values,
    t_zero: Values,
) -> FloatArray:
    """Standard deviation of the change of conductance since programming, against the programmed level."""
    place = (np.asarray(conductance, dtype=np.float64) - g_middle) / g_width
    scale = np.asarray(floor) + np.asarray(rise) * np.exp(-0.5 * np.minimum(place**2, 600.0))
    return relaxation_spread(time, scale, t_zero)


def level_error(
    conductance: Values, sigma_filament: Values, r_series: Values, sigma_rest: Values
) -> FloatArray:
    """Relative spread of a conductance that compliance sets: the filament's, less where R_s carries the level."""
    share = np.clip(1.0 - np.asarray(conductance, dtype=np.float64) * r_series, 0.0, 1.0)
    return np.asarray(np.hypot(np.asarray(sigma_filament) * share, sigma_rest), dtype=np.float64)


def level_noise(conductance: Values, share: Values, g_scale: Values) -> FloatArray:
    """Standard deviation of readings of a level: a share of the conductance that thick filaments lose exponentially."""
    g = np.asarray(conductance, dtype=np.float64)
    return np.asarray(np.asarray(share) * g * np.exp(-np.clip(g / g_scale, 0.0, 600.0)), dtype=np.float64)


def bake_loss(
    temperature: Values,
    duration: Values,
    rate_ref: Values,
    activation: Values,
    lost_zero: Values,
    temperature_ref: Values,
) -> FloatArray:
    """Share of the conductance lost in a bake: a thermally activated decay, over a part that heat does not raise."""
    rate = np.asarray(rate_ref) * _activated(temperature, activation, temperature_ref)
    return np.asarray(lost_zero - np.expm1(-np.minimum(rate * duration, 600.0)), dtype=np.float64)


def bake_spread(
    temperature: Values, spread_ref: Values, activation: Values, spread_zero: Values, temperature_ref: Values
) -> FloatArray:
    """Standard deviation of the change in a bake: two independent parts, one thermally activated."""
    hot = np.asarray(spread_ref) * _activated(temperature, activation, temperature_ref)
    return np.asarray(np.hypot(hot, spread_zero), dtype=np.float64)


def _activated(temperature: Values, activation: Values, temperature_ref: Values) -> FloatArray:
    """Arrhenius factor against the reference temperature, clipped before it overflows."""
    inverse = 1.0 / np.asarray(temperature, dtype=np.float64) - 1.0 / np.asarray(temperature_ref)
    exponent = -np.asarray(activation) * CHARGE / BOLTZMANN * inverse
    return np.asarray(np.exp(np.clip(exponent, -300.0, 300.0)), dtype=np.float64)


def soft_bound(pulse: Values, start: Values, bound: Values, pulses: Values) -> FloatArray:
    """Conductance after a number of equal pulses whose step shrinks towards a bound."""
    left = np.exp(-np.clip(np.asarray(pulse, dtype=np.float64) / pulses, -600.0, 600.0))
    return np.asarray(np.asarray(bound) - (np.asarray(bound) - start) * left, dtype=np.float64)


BINS = {"low": "ohm", "high": "ohm", "total": "1"}
LAWS = (
    Law(
        "low_state_counts",
        low_state_counts,
        BINS,
        "1",
        {
            "r_series": LawParam("ohm", 6000.0, (0.0, 1e6), description="resistance that no pulse changes"),
            "median": LawParam("ohm", 1200.0, (1.0, 1e9), "log", "of the filament"),
            "sigma": LawParam("1", 0.4, (1e-3, 10.0), "log", "standard deviation of its logarithm"),
        },
        "N [Phi(z(high)) - Phi(z(low))], z(R) = ln[(R - R_s)/median]/sigma",
        "histogram of a shifted log-normal quantity; a last bin that reaches up holds the censored cells",
    ),
    Law(
        "high_state_counts",
        high_state_counts,
        BINS,
        "1",
        {
            "median": LawParam("ohm", 1.5e5, (1.0, 1e15), "log", "of the high state"),
            "sigma": LawParam("1", 1.0, (1e-3, 10.0), "log", "standard deviation of its logarithm"),
            "failed": LawParam("1", 0.05, (0.0, 0.9), description="share of cells that RESET did not switch"),
            "median_failed": LawParam("ohm", 9000.0, (1.0, 1e9), "log", "of those"),
            "sigma_failed": LawParam("1", 0.2, (1e-3, 10.0), "log", "standard deviation of their logarithm"),
        },
        "N sum_k w_k [Phi(z_k(high)) - Phi(z_k(low))], z_k(R) = ln(R/median_k)/sigma_k, weights failed and 1 - failed",
        "histogram of two log-normal populations; the last bin holds the cells above the read ceiling",
    ),
    Law(
        "pair_share",
        pair_share,
        {"share": "1"},
        "1",
        {
            "rho": LawParam(
                "1", 0.5, (-0.99, 0.99), description="correlation of a cell's normal scores in two cycles"
            )
        },
        "P(both) = Phi_2(h, h; rho) = p - 2 T(h, sqrt[(1 - rho)/(1 + rho)]), h = Phi^-1(p)",
        "Owen's T; normal scores z = sqrt(rho) z_cell + sqrt(1 - rho) z_cycle: levels alone count, so censoring above "
        "them does not matter",
    ),
    Law(
        "read_current",
        read_current,
        {"v_read": "V"},
        "A",
        {
            "g": LawParam("S", 5e-5, (1e-15, 1.0), "log", "conductance at low voltage"),
            "v_sinh": LawParam("V", 0.7, (0.02, 100.0), "log", "voltage of the exponential"),
            "i_offset": LawParam("A", 5e-7, (-1e-3, 1e-3), description="offset current of the array"),
        },
        "I = G V_0 sinh(V/V_0) + I_off",
        "hopping between traps: I_0 = G V_0",
    ),
    Law(
        "relaxation_spread",
        relaxation_spread,
        {"time": "s"},
        "S",
        {
            "scale": LawParam("S", 3e-6, (1e-12, 1.0), "log", "standard deviation after one decade"),
            "t_zero": LawParam("s", 2e-3, (1e-9, 9e-3), "log", "time at which relaxation begins"),
        },
        "sigma = scale sqrt(log10(t/t_0))",
        "relaxation times spread evenly over decades: the variance grows with log t, as for 1/f noise",
    ),
    Law(
        "relaxation_level",
        relaxation_level,
        {"time": "s", "conductance": "S"},
        "S",
        {
            "floor": LawParam(
                "S", 4e-7, (1e-12, 1.0), "log", "standard deviation after one decade, far from g_middle"
            ),
            "rise": LawParam("S", 4e-6, (1e-12, 1.0), "log", "what is added at g_middle"),
            "g_middle": LawParam("S", 4.5e-5, (1e-9, 1.0), "log", "conductance of the largest relaxation"),
            "g_width": LawParam("S", 2.5e-5, (1e-9, 1.0), "log", "width of the levels that relax"),
            "t_zero": LawParam("s", 1e-3, (1e-9, 9e-3), "log", "time at which relaxation begins"),
        },
        "sigma = {floor + rise exp[-(G - g_middle)^2/(2 g_width^2)]} sqrt(log10(t/t_0))",
        "filaments between states relax most; thick ones keep their conductance",
    ),
    Law(
        "level_error",
        level_error,
        {"conductance": "S"},
        "1",
        {
            "sigma_filament": LawParam("1", 0.4, (1e-3, 5.0), "log", "relative spread of the filament"),
            "r_series": LawParam("ohm", 6000.0, (0.0, 1e7), description="resistance that no pulse changes"),
            "sigma_rest": LawParam("1", 0.07, (1e-6, 5.0), "log", "spread of that resistance"),
        },
        "sigma_G/G = hypot[sigma_f (1 - G R_s), sigma_r]",
        "R = R_s + filament: d ln R = (1 - R_s/R) d ln(filament)",
    ),
    Law(
        "level_noise",
        level_noise,
        {"conductance": "S"},
        "S",
        {
            "share": LawParam("1", 0.05, (1e-6, 5.0), "log", "relative noise of thin filaments"),
            "g_scale": LawParam("S", 7e-5, (1e-9, 1.0), "log", "conductance of the largest noise"),
        },
        "sigma_G = share G exp(-G/g_scale)",
        "empirical: a trap gates a thin filament as a whole and a thick one at its rim only",
    ),
    Law(
        "bake_loss",
        bake_loss,
        {"temperature": "K", "duration": "s"},
        "1",
        {
            "rate_ref": LawParam(
                "1/s", 3e-5, (1e-15, 1.0), "log", "rate of loss at the reference temperature"
            ),
            "activation": LawParam("eV", 0.9, (0.05, 3.0), description="activation energy"),
            "lost_zero": LawParam("1", 0.01, (-0.5, 0.5), description="part that heat does not raise"),
            "temperature_ref": T_REF,
        },
        "lost = lost_zero + 1 - exp{-t rate_ref exp[-(E_a/k)(1/T - 1/T_ref)]}",
        "first-order decay of a filament; bakes of one to two hours",
    ),
    Law(
        "bake_spread",
        bake_spread,
        {"temperature": "K"},
        "S",
        {
            "spread_ref": LawParam(
                "S", 1e-5, (1e-15, 1.0), "log", "activated part at the reference temperature"
            ),
            "activation": LawParam("eV", 0.5, (0.01, 3.0), description="activation energy"),
            "spread_zero": LawParam("S", 1e-6, (1e-15, 1.0), "log", "part that heat does not raise"),
            "temperature_ref": T_REF,
        },
        "sigma^2 = spread_zero^2 + {spread_ref exp[-(E_a/k)(1/T - 1/T_ref)]}^2",
        "one bake time: spread_ref holds the time",
    ),
    Law(
        "soft_bound",
        soft_bound,
        {"pulse": "1"},
        "*",
        {
            "start": LawParam("*", 0.0, description="value before the first pulse"),
            "bound": LawParam("*", 1.0, description="value that pulses cannot cross"),
            "pulses": LawParam("1", 300.0, (1.0, 1e7), "log", "pulses in which the rest falls to 1/e"),
        },
        "g = bound - (bound - start) exp(-n/pulses)",
        "soft bounds: each step is proportional to what is left",
    ),
)
