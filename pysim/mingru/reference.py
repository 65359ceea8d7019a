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
        codes[:, t], z = converted(scale, core)
        state.h = _swapped(core, codes[:, t], z, state, None if noise is None else noise[:, t, 0])
        states[:, t] = state.h
        seen = state.h if noise is None else state.h + core.array("comparator_noise") * noise[:, t, 2]
        outputs[:, t] = seen > level
    return Chunk(codes, states, outputs)


def _means(matrix: FloatArray, x: Input) -> FloatArray:
    return np.asarray(x[..., None] * matrix.sum(axis=0) if x.ndim == 2 else x @ matrix)


def converted(scale: FloatArray, core: CoreEffects) -> tuple[NDArray[np.uint8], FloatArray]:
    """Codes of the successive approximation of ``scale``, and z of what they swap."""
    column = np.arange(core.columns)
    inl = np.concatenate([np.zeros((core.columns, 1)), core.array("gate_inl")], axis=1)
    code = np.zeros(scale.shape, dtype=np.int64)
    level, z = np.zeros(scale.shape), np.zeros(scale.shape)
    for bit in reversed(range(core.bits)):
        trial, above = code + (1 << bit), level + core.thresholds[:, bit]
        stays = scale >= above + inl[column, trial]
        code, level = np.where(stays, trial, code), np.where(stays, above, level)
        z = np.where(stays, z + core.shares[:, bit], z)
    return code.astype(np.uint8), z


def _swapped(
    core: CoreEffects, codes: NDArray[np.uint8], z: FloatArray, state: LayerState, noise: FloatArray | None
) -> FloatArray:
    """State after droop, swap and share."""
    leak = core.array("leak_level")
    held = leak + (state.h - leak) * core.array("retention")
    injected = core.array("injection_swap") + core.array("injection_state") * held
    rest = core.array("injection_base") + (codes * 2.0**-core.bits) * injected
    h = held + z * (state.line_h - held) + rest
    if noise is not None:
        h += np.sqrt(z * (2.0 - z)) * core.array("state_noise") * noise
    return np.asarray(h)
