"""Laws of the DPI synapse: decay, membrane ramp, time constant, turn-on, increment per spike."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from calibration.laws.law import (
    FloatArray,
    Law,
    LawDomainError,
    LawParam,
    Values,
    relaxed_log,
    softplus,
    thermal_voltage,
)

LOG_CURRENT = (1e-18, 1e-3)
DPI_SOURCE = "Bartolozzi and Indiveri 2007; off and on phase solved exactly, weak inversion"
NEWTON_STEPS = 60
QUADRATURE = 32
NEWTON_TOLERANCE = 1e-14


def decay(time: Values, amplitude: Values, tau: Values, kappa: Values, i_floor: Values) -> FloatArray:
    """Output current ``time`` seconds after the pulse; ``amplitude`` at time 0, ``i_floor`` at rest."""
    start = np.log(np.asarray(amplitude) / i_floor) / kappa
    elapsed = np.asarray(time, dtype=np.float64) / (np.asarray(kappa) * tau)
    return np.asarray(i_floor * np.exp(kappa * relaxed_log(start, elapsed)), dtype=np.float64)


def vsyn_ramp(
    time: Values, temperature: Values, v_start: Values, v_rest: Values, slope: Values
) -> FloatArray:
    """Capacitor voltage ``time`` seconds after the pulse: a ramp of ``slope`` that settles at ``v_rest``."""
    u_t = thermal_voltage(temperature)
    start = (np.asarray(v_rest) - v_start) / u_t
    elapsed = np.asarray(slope) * time / u_t
    return np.asarray(v_rest - u_t * relaxed_log(start, elapsed), dtype=np.float64)


def tau(i_tau: Values, temperature: Values, c_syn: Values, kappa: Values, i_leak: Values) -> FloatArray:
    """Time constant C U_T / (kappa (I_tau + I_leak))."""
    return np.asarray(
        c_syn * thermal_voltage(temperature) / (kappa * (np.asarray(i_tau) + i_leak)), dtype=np.float64
    )


def turn_on(
    time: Values,
    i_start: Values,
    tau: Values,
    i_gain: Values,
    drive_ratio: Values,
    slope_ratio: Values,
) -> FloatArray:
    """Current after ``time`` seconds of input, from ``i_start``: the implicit solution inverted.

    With u = (x/I_g)^m = (r - 1)/(1 + exp(-w)) the solution reads
    r softplus(w) - softplus(-w) = const + m (r - 1) t / tau, whose left side is convex with slope between 1
    and r: Newton's method converges from any start.

    Raises
    ------
    LawDomainError
        Where r <= 1, or the start is not below the final value I_g (r - 1)^(1/m): no turn-on.
    """
    t, start, tau_, gain, r, m = np.broadcast_arrays(
        *(np.asarray(a, dtype=np.float64) for a in (time, i_start, tau, i_gain, drive_ratio, slope_ratio))
    )
    log_u = m * np.log(start / gain)
    if np.any(r <= 1) or np.any(log_u >= np.log(np.where(r > 1, r - 1, 1.0))):
        raise LawDomainError(
            "dpi_turn_on: needs drive_ratio > 1 and a start below the final current I_g (r-1)^(1/m)"
        )
    share = log_u - np.log(r - 1)
    w_start = share - np.log(-np.expm1(share))
    target = r * softplus(w_start) - softplus(-w_start) + m * (r - 1) * t / tau_
    w = np.maximum(w_start, target / r)
    for _ in range(NEWTON_STEPS):
        upper = 0.5 * (1 + np.tanh(w / 2))
        step = (r * softplus(w) - softplus(-w) - target) / (1 + (r - 1) * upper)
        w = w - step
        if np.all(np.abs(step) <= NEWTON_TOLERANCE * (1 + np.abs(w))):
            break
    return np.asarray(gain * np.exp((np.log(r - 1) - softplus(-w)) / m), dtype=np.float64)


def increment(t_pulse: Values, i_weight: Values, i_tau: Values, i_gain: Values, charge: Values) -> FloatArray:
    """Current added by one pulse of ``t_pulse`` at I >> I_g."""
    current = np.asarray(i_tau, dtype=np.float64)
    return np.asarray(
        i_gain * i_weight / current * -np.expm1(-np.asarray(t_pulse) * current / charge), dtype=np.float64
    )


@lru_cache(maxsize=1)
def _quadrature() -> tuple[FloatArray, FloatArray]:
    """Gauss-Legendre nodes and weights on 0 to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(QUADRATURE)
    return 0.5 * (nodes + 1.0), 0.5 * weights


def counts(
    time: Values,
    interval: Values,
    temperature: Values,
    v_start: Values,
    v_rest: Values,
    slope: Values,
    kappa: Values,
    rate: Values,
    v_ref: Values,
    background: Values,
) -> FloatArray:
    """Counts of a current-to-frequency converter over ``interval`` after ``time``.

    The current follows the ramp of V_syn; its integral has no elementary form for kappa < 1 and is taken by
    Gauss-Legendre quadrature (1e-9 for intervals up to 30 time constants).
    """
    share, weights = _quadrature()
    span = np.asarray(interval, dtype=np.float64)[..., None]
    moments = np.asarray(time, dtype=np.float64)[..., None] + span * share
    u_t = np.asarray(thermal_voltage(temperature))[..., None]
    v_syn = v_rest - u_t * relaxed_log((v_rest - v_start) / u_t, slope * moments / u_t)
    current = np.exp(kappa * (v_ref - v_syn) / u_t)
    mean = np.sum(weights * current, axis=-1)
    return np.asarray((rate * mean + background) * interval, dtype=np.float64)


KAPPA = LawParam("1", 0.7, (0.3, 1.0), description="gate coupling of the tau transistor")
TAU = LawParam("s", 1e-2, (1e-8, 1e4), "log", "time constant C U_T/(kappa I_tau)")
I_GAIN = LawParam("A", 1e-11, LOG_CURRENT, "log", "gain current I_g set by the threshold voltage")

DPI_DECAY = Law(
    "dpi_decay",
    decay,
    {"time": "s"},
    "A",
    {
        "amplitude": LawParam("A", 1e-10, LOG_CURRENT, "log", "current at time 0"),
        "tau": TAU,
        "kappa": LawParam(
            "1", 1.0, (0.3, 1.0), description="leaving saturation near rest; 1: floor + exponential"
        ),
        "i_floor": LawParam("A", 1e-14, LOG_CURRENT, "log", "current at rest"),
    },
    "I(t) = I_fl [1 + ((A/I_fl)^(1/kappa) - 1) exp(-t/(kappa tau))]^kappa",
    f"{DPI_SOURCE}; kappa = 1 is the sum of floor and exponential",
)
DPI_VSYN_RAMP = Law(
    "dpi_vsyn_ramp",
    vsyn_ramp,
    {"time": "s", "temperature": "K"},
    "V",
    {
        "v_start": LawParam("V", 1.3, (-10.0, 10.0), description="voltage at time 0"),
        "v_rest": LawParam("V", 1.8, (-10.0, 10.0), description="voltage at rest"),
        "slope": LawParam("V/s", 10.0, (1e-6, 1e9), "log", "I_tau/C"),
    },
    "C dV/dt = I_tau (1 - exp(-(V_rest - V)/U_T)): "
    "V = V_rest - U_T ln[1 + (exp((V_rest - V_0)/U_T) - 1) exp(-slope t/U_T)]",
    DPI_SOURCE,
)
DPI_TAU = Law(
    "dpi_tau",
    tau,
    {"i_tau": "A", "temperature": "K"},
    "s",
    {
        "c_syn": LawParam("F", 1e-12, (1e-16, 1e-6), "log", "synapse capacitor"),
        "kappa": KAPPA,
        "i_leak": LawParam("A", 1e-14, LOG_CURRENT, "log", "leakage parallel to I_tau"),
    },
    "tau = C U_T / (kappa (I_tau + I_leak))",
    f"{DPI_SOURCE}; C and kappa enter as a quotient: fix one of them",
)
DPI_TURN_ON = Law(
    "dpi_turn_on",
    turn_on,
    {"time": "s"},
    "A",
    {
        "i_start": LawParam("A", 1e-13, LOG_CURRENT, "log", "current when the input starts"),
        "tau": TAU,
        "i_gain": I_GAIN,
        "drive_ratio": LawParam("1", 10.0, (1.0 + 1e-9, 1e9), "log", "r = I_w/I_tau"),
        "slope_ratio": LawParam("1", 1.0, (0.3, 3.0), description="m = kappa_n/kappa_p"),
    },
    "t/tau = (1/m) {ln(u/u_i)/(r-1) + (r/(r-1)) ln[(r-1-u_i)/(r-1-u)]}, u = (I/I_g)^m",
    f"{DPI_SOURCE}; from below the final current, r > 1",
)
DPI_INCREMENT = Law(
    "dpi_increment",
    increment,
    {"t_pulse": "s", "i_weight": "A", "i_tau": "A"},
    "A",
    {
        "i_gain": I_GAIN,
        "charge": LawParam("C", 1e-13, (1e-20, 1e-3), "log", "tau I_tau = C U_T/kappa"),
    },
    "dI = (I_g I_w/I_tau) (1 - exp(-t_p I_tau/Q)), Q = C U_T/kappa",
    f"{DPI_SOURCE}; linear regime I >> I_g",
)
DPI_COUNTS = Law(
    "dpi_counts",
    counts,
    {"time": "s", "interval": "s", "temperature": "K"},
    "1",
    {
        **DPI_VSYN_RAMP.params,
        "kappa": LawParam("1", 0.7, (0.3, 1.0), description="gate coupling of the output transistor"),
        "rate": LawParam("1/s", 1e4, (1e-6, 1e12), "log", "count rate at V_syn = v_ref"),
        "v_ref": LawParam("V", 1.3, (-10.0, 10.0), description="reference voltage of the rate: hold fixed"),
        "background": LawParam("1/s", 1.0, (1e-9, 1e6), "log", "count rate without current"),
    },
    "n = integral over the interval of rate exp(kappa (v_ref - V_syn(t))/U_T) + background",
    f"{DPI_SOURCE}; current-to-frequency converter of unknown gain",
)
LAWS = (DPI_COUNTS, DPI_DECAY, DPI_VSYN_RAMP, DPI_TAU, DPI_TURN_ON, DPI_INCREMENT)
