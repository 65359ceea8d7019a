"""Compiled scan of one minGRU layer, forward and backward, one sample after the other, columns vectorised.

A layer is one matrix product over (samples x steps), done by the caller, and this scan:

    a_t = h_gain u_h,t + h_bias               candidate
    s_t = z_gain u_z,t + z_bias               gate in LSB of the converter
    k_t = clip(s_t, 0, K), rounded where the gate is quantised
    h_t = h_{t-1} + z_t (a_t - h_{t-1}) + sqrt(z_t (2 - z_t)) noise_t,   z_t = k_t z_unit,   h_0 = start
    y_t = output(h_t)

Backward runs in reverse time and recomputes a, s and z from u, so that only u and h are kept. Rounding passes
gradients unchanged (straight through); outside [0, K] the gate passes ``LEAK`` of them, and only where they
move the gate back, so that a closed gate can open again.

The factor of the noise keeps the variance of the state at that of the noise for every gate, as charge sharing does
(kT / N C). Sequences come as float32, float64, or bfloat16 seen as uint16: sums of a row of 64 bits with weights in
{-3, -1, 1, 3} stay below 256 and are exact in the 8 bits of bfloat16.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, prange, types
from numba.extending import intrinsic, overload
from numpy.typing import NDArray

Array = NDArray[Any]

#: Outputs of a layer: the state, the state clipped to [0, 1] around 1/2, one bit.
LINEAR, CLIPPED, BINARY = 0, 1, 2
#: Share of the gradient that a gate outside its range passes.
LEAK = 0.1


def _float_code(context: Any, bits: Any) -> Any:
    """Bits as a float32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.uint32), generate


def _bits_code(context: Any, value: Any) -> Any:
    """Float32 as bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.uint32(types.float32), generate


_float_of: Any = intrinsic(_float_code)
_bits_of: Any = intrinsic(_bits_code)


def widen(stored: Any) -> Any:
    """Number of a stored element; compiled code only."""
    raise NotImplementedError


def narrow(value: Any, like: Any) -> Any:
    """``value`` in the storage type of ``like``, rounded to nearest; compiled code only."""
    raise NotImplementedError


@overload(widen, inline="always")
def _widen(stored: Any) -> Any:
    def same(stored: Any) -> Any:
        return stored

    def widened(stored: Any) -> Any:
        return _float_of(np.uint32(stored) << np.uint32(16))

    return widened if stored == types.uint16 else same


@overload(narrow, inline="always")
def _narrow(value: Any, like: Any) -> Any:
    def same(value: Any, like: Any) -> Any:
        return value

    def rounded(value: Any, like: Any) -> Any:
        bits = _bits_of(np.float32(value))
        even = (bits >> np.uint32(16)) & np.uint32(1)
        return np.uint16((bits + np.uint32(0x7FFF) + even) >> np.uint32(16))

    return rounded if like == types.uint16 else same


@njit(cache=True, parallel=True, fastmath={"contract", "nsz", "arcp", "reassoc"}, error_model="numpy")
def scan_forward(
    drive: Array,
    column: Array,
    levels: float,
    rounded: bool,
    output: int,
    steepness: float,
    noise: Array,
    where: Array,
    state: Array,
    out: Array,
) -> None:
    """Fill ``state`` and ``out``, both (samples, steps, columns).

    ``drive``: u_h and u_z side by side, (samples, steps, 2 columns). ``column``: rows h_gain, h_bias, z_gain,
    z_bias, start, z_unit. ``levels``: K. ``noise``: pool of numbers, of which step t of sample n takes the piece from
    ``where[n, t]`` on; without ``where`` (size 0) there is none.
    """
    samples, steps, width = state.shape
    number = column.dtype.type
    zero, one, half, two = number(0), number(1), number(0.5), number(2)
    top, steep = number(levels), number(steepness)
    like = out.dtype.type(0)
    for n in prange(samples):
        h = column[4].copy()
        z = np.empty(width, column.dtype)
        for t in range(steps):
            if rounded:
                for j in range(width):
                    a = column[0, j] * widen(drive[n, t, j]) + column[1, j]
                    s = column[2, j] * widen(drive[n, t, width + j]) + column[3, j]
                    k = min(max(np.floor(s + half), zero), top)
                    z[j] = k * column[5, j]
                    h[j] += z[j] * (a - h[j])
            else:
                for j in range(width):
                    a = column[0, j] * widen(drive[n, t, j]) + column[1, j]
                    s = column[2, j] * widen(drive[n, t, width + j]) + column[3, j]
                    k = min(max(s, zero), top)
                    z[j] = k * column[5, j]
                    h[j] += z[j] * (a - h[j])
            if where.size:
                start = where[n, t]
                for j in range(width):
                    h[j] += np.sqrt(z[j] * (two - z[j])) * noise[start + j]
            for j in range(width):
                state[n, t, j] = h[j]
            if output == BINARY:
                for j in range(width):
                    out[n, t, j] = narrow(one if h[j] > zero else zero, like)
            elif output == CLIPPED:
                for j in range(width):
                    out[n, t, j] = narrow(min(max(steep * h[j] + half, zero), one), like)
            else:
                for j in range(width):
                    out[n, t, j] = narrow(steep * h[j], like)


@njit(cache=True, parallel=True, fastmath={"contract", "nsz", "arcp", "reassoc"}, error_model="numpy")
def scan_backward(
    drive: Array,
    column: Array,
    levels: float,
    rounded: bool,
    output: int,
    steepness: float,
    leak: float,
    state: Array,
    out_gradient: Array,
    state_gradient: Array,
    drive_gradient: Array,
    column_gradient: Array,
) -> None:
    """Fill ``drive_gradient`` like ``drive`` and ``column_gradient`` (samples, 5, columns).

    ``state_gradient`` (samples, columns) belongs to the state after the last step. A binary output passes
    gradients through the fast sigmoid's slope, steepness / (1 + steepness |h|)^2; a clipped one through its
    own slope.
    """
    samples, steps, width = state.shape
    number = column.dtype.type
    zero, one, half = number(0), number(1), number(0.5)
    top, steep, some = number(levels), number(steepness), number(leak)
    like = drive_gradient.dtype.type(0)
    for n in prange(samples):
        g = np.zeros(width, column.dtype)
        before = np.zeros(width, column.dtype)
        total = np.zeros((5, width), column.dtype)
        for j in range(width):
            g[j] = state_gradient[n, j]
        for t in range(steps - 1, -1, -1):
            if output == BINARY:
                for j in range(width):
                    slope = one / (one + steep * abs(state[n, t, j]))
                    g[j] += widen(out_gradient[n, t, j]) * steep * slope * slope
            elif output == CLIPPED:
                for j in range(width):
                    open_ = abs(steep * state[n, t, j]) < half
                    g[j] += widen(out_gradient[n, t, j]) * (steep if open_ else zero)
            else:
                for j in range(width):
                    g[j] += widen(out_gradient[n, t, j]) * steep
            for j in range(width):
                before[j] = state[n, t - 1, j] if t > 0 else column[4, j]
            for j in range(width):
                u, v = widen(drive[n, t, j]), widen(drive[n, t, width + j])
                a = column[0, j] * u + column[1, j]
                s = column[2, j] * v + column[3, j]
                k = min(max(s, zero), top)
                if rounded:
                    k = min(max(np.floor(s + half), zero), top)
                z = k * column[5, j]
                toward = g[j] * z
                gate = g[j] * (a - before[j]) * column[5, j]
                # A descent step moves s against the gradient: below the range only a negative one helps.
                helps = ((s < zero) & (gate < zero)) | ((s > top) & (gate > zero))
                gate *= one if (s >= zero) & (s <= top) else (some if helps else zero)
                g[j] *= one - z
                drive_gradient[n, t, j] = narrow(toward * column[0, j], like)
                drive_gradient[n, t, width + j] = narrow(gate * column[2, j], like)
                total[0, j] += toward * u
                total[1, j] += toward
                total[2, j] += gate * v
                total[3, j] += gate
        total[4] = g
        column_gradient[n] = total
