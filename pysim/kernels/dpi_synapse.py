"""Compiled DPI synapse: the arithmetic of :mod:`pysim.synapses.dpi`, one instance after the other.

Parameter rows: 0 tau, 1 I_g, 2 r, 3 t_pulse, 4 m, 5 k, 6 I_fl, 7 I_spec.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@njit(cache=True, error_model="numpy")
def pulse(x: float, dt: float, tau: float, i_gain: float, r: float, m: float) -> float:
    """State after a pulse of length ``dt``; see :func:`pysim.synapses.dpi.pulse`."""
    total = m * dt / tau
    v = min(max(m * math.log(x / i_gain), -700.0), 700.0)
    a = r - 1.0
    size = abs(a)
    p = total / (1.0 + math.exp(v))
    if p > 0.0:
        for _ in range(200):
            q = size * p
            ratio = p if q < 1e-12 else -math.expm1(-q) / size
            level = v + max(a * p, 0.0) + math.log(ratio)
            soft = max(level, 0.0) + math.log1p(math.exp(-abs(level)))
            step = (p + soft - total) / (1.0 + math.exp(v + a * p - soft))
            p = min(max(p - step, 1e-3 * p), total)
            if abs(step) <= 1e-9 * p:
                break
    return x * math.exp((r * p - total) / m)


@njit(cache=True, error_model="numpy")
def decay(x: float, dt: float, tau: float, k: float, floor: float) -> float:
    """State after a time ``dt`` without a pulse."""
    e = math.exp(-dt / (k * tau))
    if k == 1.0:
        return floor * (1.0 - e) + x * e
    rest: float = (floor ** (1 / k) * (1.0 - e) + x ** (1 / k) * e) ** k
    return rest


@njit(cache=True, error_model="numpy")
def output(x: float, i_spec: float) -> float:
    """Output current of the state x."""
    if math.isfinite(i_spec):
        root = math.log1p(math.sqrt(x / i_spec))
        return i_spec * root * root
    return x


@njit(cache=True, error_model="numpy")
def after_spike(q: FloatArray, i: int, x: float, dt: float) -> float:
    """State of instance ``i``, ``dt`` seconds after a spike that found ``x``."""
    on = min(dt, q[3, i])
    x = max(pulse(x, on, q[0, i], q[1, i], q[2, i], q[4, i]), q[6, i])
    if dt > on:
        x = decay(x, dt - on, q[0, i], q[5, i], q[6, i])
    return x


@njit(cache=True, parallel=True, error_model="numpy")
def run(q: FloatArray, spikes: FloatArray, times: FloatArray) -> FloatArray:
    """Output currents, shape (instances, len(times)), from spike times of shape (instances, n)."""
    size, n = spikes.shape
    out = np.empty((size, times.size))
    order = np.argsort(times)
    for i in prange(size):
        x = q[6, i]
        k = -1
        for s in range(times.size):
            j = order[s]
            t = times[j]
            while k + 1 < n and spikes[i, k + 1] <= t:
                if k >= 0:
                    x = after_spike(q, i, x, spikes[i, k + 1] - spikes[i, k])
                k += 1
            now = x if k < 0 else after_spike(q, i, x, t - spikes[i, k])
            out[i, j] = output(now, q[7, i])
    return out
