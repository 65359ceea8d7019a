"""NumPy definition of a layer on a chunk of time: first the ideal core, then one with every effect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pysim.mingru.effects import CoreEffects
from pysim.mingru.layer import MinGruLayer

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Input = NDArray[np.uint8] | FloatArray


@dataclass
class LayerState:
    """State and lines of one layer, in V_FS / 2, shape (samples, columns)."""

    h: FloatArray
    line_h: FloatArray
    line_z: FloatArray

    @classmethod
    def start(cls, samples: int, columns: int) -> LayerState:
        """Everything at V_cm."""
        shape = (samples, columns)
        return cls(np.zeros(shape), np.zeros(shape), np.zeros(shape))


@dataclass(frozen=True)
class Chunk:
    """Codes, states after each step, and outputs, each (samples, steps, columns)."""

    codes: NDArray[np.uint8]
    states: FloatArray
    outputs: BoolArray


def ideal(layer: MinGruLayer, x: Input, state: LayerState) -> Chunk:
    """The equations of :mod:`pysim.mingru.layer`; ``state`` is advanced.

    ``x``: (samples, steps, rows), or (samples, steps) of an analog signal that drives all rows. Sums over
    binary inputs are integers, hence exact.
    """
    share = 1.0 / (3 * layer.rows)
    a_h = _sums(layer.levels_h, x) * share + layer.b_h
    scale = _sums(layer.levels_z, x) * (share * layer.gate_gain) + (
        layer.gate_gain * layer.b_z + layer.gate_zero
    )
    codes = np.clip(np.floor(scale), 0.0, layer.top)
    z = codes * 2.0**-layer.bits
    states = np.empty_like(a_h)
    h = state.h
    for t in range(a_h.shape[1]):
        h = h + z[:, t] * (a_h[:, t] - h)
        states[:, t] = h
    state.h = h
    return Chunk(codes.astype(np.uint8), states, states > layer.theta)


def _sums(levels: NDArray[np.int64], x: Input) -> FloatArray:
    if x.ndim == 2:
        return np.asarray(x[..., None] * levels.sum(axis=0).astype(np.float64))
    return np.asarray(x @ levels.astype(np.float64))


def effective(
    layer: MinGruLayer, core: CoreEffects, x: Input, state: LayerState, noise: FloatArray | None
) -> Chunk:
    """The equations of :mod:`pysim.mingru.effects`; ``noise``: numbers of :class:`~pysim.mingru.streams.Noise`."""
    means = [_means(core.matrix(layer, which), x) for which in "hz"]
    bias_h, bias_z = core.bias_h(layer), core.bias_z(layer)
    gain, zero = core.gate(layer)
    samples, steps, columns = means[0].shape
    codes = np.empty((samples, steps, columns), dtype=np.uint8)
    states = np.empty((samples, steps, columns))
    outputs = np.empty((samples, steps, columns), dtype=np.bool_)
    level = layer.theta + core.array("comparator_offset")
    for t in range(steps):
        state.line_h = means[0][:, t] + bias_h + core.array("memory_h") * state.line_h
        state.line_z = means[1][:, t] + bias_z + core.array("memory_z") * state.line_z
        scale = gain * state.line_z + zero
        if noise is not None:
            scale += core.array("gate_noise") * noise[:, t, 1]
        codes[:, t] = converted(scale, core.array("gate_inl"), layer.bits)
        state.h = _swapped(core, layer.bits, codes[:, t], state, None if noise is None else noise[:, t, 0])
        states[:, t] = state.h
        seen = state.h if noise is None else state.h + core.array("comparator_noise") * noise[:, t, 2]
        outputs[:, t] = seen > level
    return Chunk(codes, states, outputs)


def _means(matrix: FloatArray, x: Input) -> FloatArray:
    return np.asarray(x[..., None] * matrix.sum(axis=0) if x.ndim == 2 else x @ matrix)


def converted(scale: FloatArray, inl: FloatArray, bits: int) -> NDArray[np.uint8]:
    """Codes of a successive approximation: bit by bit from the top, a bit stays if ``scale`` >= c + INL[c]."""
    column = np.arange(inl.shape[0])
    code = np.zeros(scale.shape, dtype=np.int64)
    for bit in reversed(range(bits)):
        trial = code + (1 << bit)
        code = np.where(scale >= trial + inl[column, trial - 1], trial, code)
    return code.astype(np.uint8)


def _swapped(
    core: CoreEffects, bits: int, codes: NDArray[np.uint8], state: LayerState, noise: FloatArray | None
) -> FloatArray:
    """State after droop, swap and share."""
    k = codes.astype(np.int64)
    leak = core.array("leak_level")
    held = leak + (state.h - leak) * core.array("retention")
    z = core.array("swap_gain") * core.array("swap_share")[np.arange(core.columns), k]
    injected = core.array("injection_swap") + core.array("injection_state") * held
    h = held + z * (state.line_h - held) + (core.array("injection_base") + (k * 2.0**-bits) * injected)
    if noise is not None:
        h += np.sqrt(z * (2.0 - z)) * core.array("state_noise") * noise
    return np.asarray(h)
