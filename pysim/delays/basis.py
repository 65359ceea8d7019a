"""Time constants of their own for every synapse, out of a few fixed exponentials per neuron.

    exp(-t / tau)  ~  sum over k of  alpha_k(tau) exp(-t / T_k),   T_k spaced evenly in ln T,

with alpha by least squares over times from 0 to eight time constants. A synapse of time constant tau and weight w
then adds w alpha_k to the k-th current of its neuron: K states a neuron replace one a synapse. This is linear, so it
holds for any spike train up to the error of the kernel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pysim.delays.soma import coupling

FloatArray = NDArray[np.float64]

#: Largest sum of weight codes on one neuron: every sum of weights is then exact in 32-bit integers.
_FULL_SCALE = 2**30
#: Exponentials of a neuron: their kernels err by some 2e-6 of the peak over time constants of 5 to 20 ms.
EXPONENTIALS = 8
_TIMES = 400
#: Coefficients are found on this many time constants and interpolated: they are smooth in ln tau.
_POINTS = 257


@dataclass(frozen=True)
class Basis:
    """Fixed exponentials of a layer.

    Attributes
    ----------
    tau
        Their time constants (s), shape (K,).
    weights
        Weights of every synapse on each of them, shape (K, *weights), multiples of ``grid``.
    decay, gain
        Of each current in a step; voltage that a unit of it leaves (:func:`pysim.delays.soma.coupling`).
    grid
        Power of two.
    error
        Largest error of the kernels that make up the synapses, of a peak of 1.
    """

    tau: FloatArray
    weights: FloatArray
    decay: FloatArray
    gain: FloatArray
    grid: float
    error: float


def exponents(tau: FloatArray, k: int) -> tuple[FloatArray, FloatArray, float]:
    """Fixed time constants (k,), coefficients (k, *tau.shape), and the largest error of the kernels."""
    low, high = float(tau.min()), float(tau.max())
    if high < 1.02 * low:
        # A single value still gets a range: equal exponentials would have no solution.
        low, high = low / 1.01, high * 1.01
    fixed = np.geomspace(low, high, k)
    time = np.concatenate([[0.0], np.geomspace(low / 100, 8 * high, _TIMES)])
    points = np.geomspace(low, high, _POINTS)
    shapes = np.exp(-time[:, None] / fixed)
    wanted = np.exp(-time[:, None] / points)
    alpha, *_ = np.linalg.lstsq(shapes, wanted, rcond=1e-10)
    flat = np.log(tau).ravel()
    coefficient = np.stack([np.interp(flat, np.log(points), a) for a in alpha])
    some = np.linspace(0, flat.size - 1, min(flat.size, 2000)).astype(np.int64)
    error = np.abs(shapes @ coefficient[:, some] - np.exp(-time[:, None] / np.exp(flat[some]))).max()
    return fixed, coefficient.reshape(k, *tau.shape), float(error)


def basis_of(weights: FloatArray, tau: FloatArray, dt: float, tau_membrane: float) -> Basis:
    """Exponentials for synapses of these weights and time constants (s)."""
    fixed, coefficient, error = exponents(tau, EXPONENTIALS)
    on_each = coefficient * weights
    grid = max(power_grid(w) for w in on_each)
    return Basis(
        fixed,
        np.rint(on_each / grid) * grid,
        np.exp(-dt / fixed),
        coupling(dt, tau_membrane, fixed),
        grid,
        error,
    )


def power_grid(weights: FloatArray) -> float:
    """Power of two of which 2^30 hold the largest sum of absolute weights of a neuron (axis 1)."""
    axes = tuple(k for k in range(weights.ndim) if k != 1)
    largest = float(np.abs(weights).sum(axis=axes).max())
    return 1.0 if largest == 0 else 2.0 ** math.ceil(math.log2(largest / _FULL_SCALE))
