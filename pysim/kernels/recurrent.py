"""Compiled steps of a recurrent DPI network; :mod:`pysim.recurrent.reference` is the definition."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

Array = Any


@njit(cache=True, error_model="numpy")
def forward(
    decay: Array,
    jump: Array,
    keep: Array,
    threshold: Array,
    x: Array,
    forced: bool,
    voltage: Array,
    fired: Array,
) -> None:
    """Fill ``voltage`` and ``fired`` in the arithmetic of ``jump``.

    ``forced``: the neurons' spikes are those already in ``fired``, observed elsewhere, instead of the crossings.
    """
    samples, steps, inputs = x.shape
    sources, targets = jump.shape
    neurons = threshold.size
    number = jump.dtype.type
    zero = number(0)
    for n in range(samples):
        current = np.zeros((sources, targets), jump.dtype)
        active = np.zeros(sources, np.bool_)
        v = np.zeros(targets, jump.dtype)
        drive = np.empty(targets, jump.dtype)
        for t in range(steps):
            for m in range(targets):
                drive[m] = zero
            for k in range(sources):
                if active[k]:
                    for m in range(targets):
                        drive[m] += current[k, m]
                        current[k, m] *= decay[k, m]
            for m in range(targets):
                v[m] = keep[m] * v[m] + drive[m]
                voltage[n, t, m] = v[m]
            for k in range(inputs):
                if x[n, t, k] != 0:
                    active[k] = True
                    times = number(x[n, t, k])
                    for m in range(targets):
                        current[k, m] += times * jump[k, m]
            for i in range(neurons):
                if not forced:
                    fired[n, t, i] = 1 if v[i] >= threshold[i] else 0
                if fired[n, t, i] != 0:
                    v[i] = zero
                    k = inputs + i
                    active[k] = True
                    for m in range(targets):
                        current[k, m] += jump[k, m]
