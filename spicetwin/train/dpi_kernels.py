"""Compiled gradient of a recurrent DPI network; its forward pass is :func:`pysim.kernels.recurrent.forward`.

Synapses are linear, so the gradient of a weight is what later steps want of its current, summed over the spikes of
its source: no current of the forward pass is kept.
"""

from __future__ import annotations

from typing import Any

from numba import njit
from numpy import float64, zeros

Array = Any


@njit(cache=True, error_model="numpy")
def backward(
    decay: Array,
    jump: Array,
    keep: Array,
    threshold: Array,
    steepness: float,
    x: Array,
    voltage: Array,
    fired: Array,
    wanted: Array,
    slope: Array,
) -> None:
    """Add the gradient of ``jump`` to ``slope`` (sources, targets), float64.

    ``voltage``, ``fired``: of the forward pass. ``wanted`` (samples, steps, outputs): gradient of the outputs'
    voltages. A spike passes gradients through 1 / (1 + steepness |V / theta - 1|)^2 / theta, the reset
    included.
    """
    samples, steps, inputs = x.shape
    sources, targets = jump.shape
    neurons = threshold.size
    number = jump.dtype.type
    zero, one, steep = number(0), number(1), number(steepness)
    for n in range(samples):
        later = zeros((sources, targets), jump.dtype)
        own = zeros((sources, targets), jump.dtype)
        g = zeros(targets, jump.dtype)
        toward = zeros(sources, jump.dtype)
        for t in range(steps - 1, -1, -1):
            for k in range(sources):
                for m in range(targets):
                    later[k, m] = g[m] + decay[k, m] * later[k, m]
            for k in range(inputs):
                if x[n, t, k] != 0:
                    times = number(x[n, t, k])
                    for m in range(targets):
                        own[k, m] += times * later[k, m]
            for i in range(neurons):
                k = inputs + i
                total = zero
                for m in range(targets):
                    total += jump[k, m] * later[k, m]
                toward[k] = total
                if fired[n, t, i] != 0:
                    for m in range(targets):
                        own[k, m] += later[k, m]
            for i in range(neurons):
                v = voltage[n, t, i]
                gone = number(fired[n, t, i])
                want = toward[inputs + i] - g[i] * keep[i] * v
                away = one + steep * abs(v / threshold[i] - one)
                g[i] = want / (away * away * threshold[i]) + g[i] * keep[i] * (one - gone)
            for j in range(neurons, targets):
                g[j] = wanted[n, t, j - neurons] + g[j] * keep[j]
        for k in range(sources):
            for m in range(targets):
                slope[k, m] += float64(own[k, m])
