"""NumPy definition of a layer on a chunk of time: the ideal core, and one with every effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
    """What a layer did in some steps.

    Attributes
    ----------
    outputs
        (samples, steps, columns).
    gates, summed
        Codes summed over steps and columns, (samples,); states summed over steps, (samples, columns).
    codes, states
        (samples, steps, columns); ``None`` where not kept.
    """

    outputs: BoolArray
    gates: NDArray[np.int64]
    summed: FloatArray
    codes: NDArray[np.uint8] | None = None
    states: FloatArray | None = None


class Room:
    """Arrays for one chunk, which the layers of a network use in turn: together they stay in the cache."""

    def __init__(self) -> None:
        """Without arrays."""
        self._held: dict[str, NDArray[np.uint8]] = {}

    def array(self, name: str, shape: tuple[int, ...], kind: type) -> NDArray[Any]:
        """Array of any content; those of one name share their memory."""
        size = int(np.prod(shape)) * np.dtype(kind).itemsize
        if name not in self._held or self._held[name].size < size:
            self._held[name] = np.empty(size, dtype=np.uint8)
        return self._held[name][:size].view(kind).reshape(shape)


class IdealCore:
    """The equations of :mod:`pysim.mingru.layer`, time first, in arrays that are used again for every chunk.

    Sums over binary inputs are integers below 2^24, hence exact even in single precision. What is added to every
    sample is kept once for each of them: one long addition costs less than many of one row.
    """

    def __init__(self, layer: MinGruLayer, samples: int, keep: bool, room: Room) -> None:
        """Constants of the layer; ``keep``: codes and states of every step."""
        self.layer, self.keep, self._room = layer, keep, room
        kind = np.float64 if layer.analog else np.float32
        self._levels = [levels.astype(kind) for levels in (layer.levels_h, layer.levels_z)]
        gain = layer.gate_gain
        self._factors = (1.0 / (3 * layer.rows), 1.0 / (3 * layer.rows) * gain)
        constants = (layer.b_h, gain * layer.b_z + layer.gate_zero, layer.theta)
        self._constants = [
            np.ascontiguousarray(np.broadcast_to(c, (samples, layer.columns))) for c in constants
        ]

    def advance(self, x: Input, state: LayerState) -> Chunk:
        """Steps of ``x``: (samples, steps, rows), or (samples, steps) of a signal that drives all rows.

        Outputs are valid until the room is used again.
        """
        layer, (samples, steps) = self.layer, x.shape[:2]
        shape = (steps, samples, layer.columns)
        driven = self._driven(x)
        b_h, zero, theta = self._constants
        a = self._scaled("a", driven, 0, shape)
        a += b_h
        z = self._scaled("z", driven, 1, shape)
        z += zero
        np.floor(z, out=z)
        np.clip(z, 0.0, layer.top, out=z)
        gates = (z @ np.ones(layer.columns)).sum(axis=0)
        codes = z.astype(np.uint8) if self.keep else None
        z *= 2.0**-layer.bits
        # States take the place of the candidates.
        h = state.h
        for now, share in zip(a, z, strict=True):
            now -= h
            now *= share
            now += h
            h = now
        state.h = h.copy()
        y = np.greater(a, theta, out=self._room.array("y", shape, np.bool_))
        kept = (None, None) if codes is None else (codes.swapaxes(0, 1), a.swapaxes(0, 1).copy())
        return Chunk(y.swapaxes(0, 1), gates.astype(np.int64), a.sum(axis=0), *kept)

    def _driven(self, x: Input) -> NDArray[Any]:
        """Inputs, time first; a signal for all rows as one row."""
        if x.ndim == 2:
            return np.ascontiguousarray(x.T)[..., None]
        samples, steps, rows = x.shape
        driven = self._room.array("x", (steps, samples, rows), self._levels[0].dtype.type)
        np.copyto(driven, x.swapaxes(0, 1), casting="unsafe")
        return driven

    def _scaled(self, name: str, driven: NDArray[Any], which: int, shape: tuple[int, ...]) -> FloatArray:
        """Sums of one line's weights in double precision, scaled."""
        levels, scaled = self._levels[which], self._room.array(name, shape, np.float64)
        if driven.shape[2] == 1 and self.layer.rows > 1:
            np.multiply(driven, levels.sum(axis=0), out=scaled)
            scaled *= self._factors[which]
            return scaled
        sums = self._room.array("sums", shape, levels.dtype.type)
        np.matmul(driven, levels, out=sums)
        np.multiply(sums, self._factors[which], out=scaled, dtype=np.float64)
        return scaled


def effective(
    layer: MinGruLayer,
    core: CoreEffects,
    x: Input,
    state: LayerState,
    noise: FloatArray | None,
    told: NDArray[np.int64] | None = None,
) -> Chunk:
    """The equations of :mod:`pysim.mingru.effects`; ``noise``: numbers of :class:`~pysim.mingru.streams.Noise`.

    ``told``: gate codes of somebody else's decisions, (samples, steps, columns), -1 where the converter decides.
    """
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
        if told is not None:
            codes[:, t] = np.where(told[:, t] < 0, codes[:, t], told[:, t])
            z = swapped(codes[:, t], core)
        state.h = _after_swap(core, codes[:, t], z, state, None if noise is None else noise[:, t, 0])
        states[:, t] = state.h
        seen = state.h if noise is None else state.h + core.array("comparator_noise") * noise[:, t, 2]
        outputs[:, t] = seen > level
    gates = codes.sum(axis=(1, 2), dtype=np.int64)
    return Chunk(outputs, gates, states.sum(axis=1), codes, states)


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


def swapped(codes: NDArray[np.integer[Any]], core: CoreEffects) -> FloatArray:
    """Share z of the row capacitors that gate codes (.., columns) swap."""
    bits = codes[..., None].astype(np.int64) >> np.arange(core.bits) & 1
    return np.asarray((bits * core.shares).sum(axis=-1))


def _after_swap(
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
