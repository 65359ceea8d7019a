"""Compiled minGRU networks: arrays in the layout of the kernels, one layer after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pysim.kernels import mingru_effective, mingru_ideal
from pysim.kernels.mingru_ideal import BLOCK
from pysim.mingru.chip import MinGruChip
from pysim.mingru.effects import CoreEffects
from pysim.mingru.layer import MAX_BITS, MinGruLayer
from pysim.mingru.run import LayerTrace, pack, unpack
from pysim.mingru.stepping import Found
from pysim.mingru.streams import KINDS, Noise

FloatArray = NDArray[np.float64]
Input = NDArray[np.uint8] | FloatArray

#: Steps for which temporal noise is drawn at a time.
NOISE_STEPS = 16
#: Bias that keeps the gate of a column which only fills a block at 0.
SHUT = -1e9


@dataclass
class Buffers:
    """What a layer's kernel fills in; columns in whole blocks."""

    h: FloatArray
    ones: NDArray[np.int64]
    gates: NDArray[np.int64]
    summed: FloatArray
    out: NDArray[np.uint64]
    codes: NDArray[np.uint8]
    states: FloatArray

    @classmethod
    def of(cls, samples: int, steps: int, columns: int, record: bool) -> Buffers:
        """Room for a run from rest."""
        blocks = -(-columns // BLOCK)
        kept = (samples, steps, BLOCK * blocks) if record else (0, 0, 0)
        return cls(
            np.zeros((samples, BLOCK * blocks)),
            np.zeros((samples, BLOCK * blocks), dtype=np.int64),
            np.zeros((samples, blocks), dtype=np.int64),
            np.zeros((samples, BLOCK * blocks)),
            np.empty((samples, steps, blocks), dtype=np.uint64),
            np.empty(kept, dtype=np.uint8),
            np.empty(kept),
        )

    def arrays(self) -> tuple[Any, ...]:
        """As the kernels take them."""
        return self.h, self.ones, self.gates, self.summed, self.out, self.codes, self.states

    def trace(self, columns: int) -> LayerTrace:
        """What was recorded."""
        codes, states = self.codes[..., :columns], self.states[..., :columns]
        return LayerTrace(codes, states, unpack(self.out, columns))


def run_layers(
    layers: Sequence[MinGruLayer], x: Input, chip: MinGruChip | None, record: bool, seed: int, first: int
) -> Found:
    """Run checked inputs through the layers; as :func:`pysim.mingru.stepping.run_layers`."""
    samples, steps = x.shape[:2]
    filled: list[Buffers] = []
    given: NDArray[Any] = x if layers[0].analog else pack(x.astype(np.uint8, copy=False))
    for k, layer in enumerate(layers):
        b = Buffers.of(samples, steps, layer.columns, record)
        if chip is None:
            _ideal(layer, given, b)
        else:
            core = chip.cores[k]
            noise = Noise(seed, k, first, samples, layer.columns) if core.noisy else None
            _effective(layer, core, given, b, noise)
        filled.append(b)
        given = b.out
    sizes = [layer.columns for layer in layers]
    return Found(
        given,
        tuple(b.h[:, :n] for b, n in zip(filled, sizes, strict=True)),
        tuple(b.ones[:, :n] for b, n in zip(filled, sizes, strict=True)),
        tuple(b.gates.sum(axis=1) for b in filled),
        filled[-1].summed[:, : sizes[-1]],
        tuple(b.trace(n) for b, n in zip(filled, sizes, strict=True)) if record else None,
    )


def blocked(values: ArrayLike, fill: float = 0.0) -> NDArray[Any]:
    """Last axis padded to whole blocks with ``fill``, and the blocks in front: (blocks, ..., 64)."""
    array = np.asarray(values)
    missing = -array.shape[-1] % BLOCK
    padded = np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, missing)], constant_values=fill)
    parts = padded.reshape(*array.shape[:-1], -1, BLOCK)
    return np.ascontiguousarray(np.moveaxis(parts, -2, 0))


def _ideal(layer: MinGruLayer, x: NDArray[Any], b: Buffers) -> None:
    share, gain = 1.0 / (3 * layer.rows), layer.gate_gain
    rows = ((layer.b_h, 0.0), (gain * layer.b_z + layer.gate_zero, SHUT), (layer.theta, np.inf))
    column = np.stack([blocked(values, fill) for values, fill in rows], axis=1)
    knob = np.array([share, share * gain, layer.top, 2.0**-layer.bits])
    if layer.analog:
        signal, (h, z) = _driven(x, layer.levels_h, layer.levels_z)
        levels = blocked(np.stack([h, z], axis=1))
        mingru_ideal.analog(signal, levels, column, knob, *b.arrays())
    else:
        planes = [_plane(w, bit) for w in (layer.weight_h, layer.weight_z) for bit in (0, 1)]
        mingru_ideal.binary(x, blocked(np.stack(planes, axis=1)), column, knob, *b.arrays())


def _driven(x: NDArray[Any], *matrices: NDArray[Any]) -> tuple[FloatArray, list[FloatArray]]:
    """Analog inputs and matrices; a signal that drives all rows is one row with the sums of the columns."""
    signal = np.ascontiguousarray(x, dtype=np.float64)
    if signal.ndim == 3:
        return signal, [m.astype(np.float64) for m in matrices]
    return signal[..., None], [m.sum(axis=0, keepdims=True).astype(np.float64) for m in matrices]


def _plane(codes: NDArray[np.uint8], bit: int) -> NDArray[np.uint64]:
    """One bit of the codes as words of rows, (words, columns)."""
    return np.ascontiguousarray(pack(((codes.T >> bit) & 1).astype(np.uint8)).T)


def _effective(
    layer: MinGruLayer, core: CoreEffects, x: NDArray[Any], b: Buffers, noise: Noise | None
) -> None:
    gain, zero = core.gate(layer)
    rows = [
        (core.bias_h(layer), 0.0), (core.bias_z(layer), 0.0),
        (core.array("memory_h"), 0.0), (core.array("memory_z"), 0.0),
        (gain, 0.0), (zero, SHUT),
        (layer.theta + core.array("comparator_offset"), np.inf),
        (core.array("leak_level"), 0.0), (core.array("retention"), 0.0),
        (core.array("injection_base"), 0.0), (core.array("injection_swap"), 0.0),
        (core.array("injection_state"), 0.0),
        (core.array("state_noise"), 0.0), (core.array("gate_noise"), 0.0), (core.array("comparator_noise"), 0.0),
    ]  # fmt: skip
    # Bits that the layer has not: a weight that nothing reaches.
    missing = [(0, 0), (0, MAX_BITS - layer.bits)]
    rows += [(weight, np.inf) for weight in np.pad(core.thresholds, missing, constant_values=np.inf).T]
    rows += [(share, 0.0) for share in np.pad(core.shares, missing).T]
    column = np.stack([blocked(values, fill) for values, fill in rows], axis=1)
    inl = core.array("gate_inl")
    curve = np.zeros((0, 0, 0))
    if inl.any():
        curve = np.ascontiguousarray(blocked(np.pad(inl, [(0, 0), (1, 0)]).T).transpose(0, 2, 1))
    lines = np.zeros((len(x), 2, b.h.shape[1]))
    knob = np.array([2.0**-layer.bits, layer.bits, core.grid(layer)])
    matrices = core.matrix(layer, "h"), core.matrix(layer, "z")
    kernel: Any = mingru_effective.analog if layer.analog else mingru_effective.binary
    if layer.analog:
        signal, (h, z) = _driven(x, *matrices)
        weights = blocked(np.stack([h, z], axis=1))
    else:
        signal, weights = x, _partial_sums(*matrices, core.grid(layer))
    steps = x.shape[1]
    stride = steps if noise is None else NOISE_STEPS
    for start in range(0, steps, stride):
        part = slice(start, min(start + stride, steps))
        numbers = np.zeros((0, 0, KINDS, 0))
        if noise is not None:
            numbers = _padded(noise.take(part.stop - start), b.h.shape[1])
        kernel(
            signal[:, part], weights, column, curve, knob, numbers, lines, b.h, b.ones, b.gates, b.summed,
            b.out[:, part], b.codes[:, part], b.states[:, part],
        )  # fmt: skip


def _padded(numbers: FloatArray, width: int) -> FloatArray:
    missing = width - numbers.shape[-1]
    return np.pad(numbers, [(0, 0)] * 3 + [(0, missing)]) if missing else numbers


def _partial_sums(h: FloatArray, z: FloatArray, grid: float) -> NDArray[np.int32]:
    """Sums of each four rows for their 16 patterns in steps of ``grid``, (blocks, fours of rows, 16, 2, 64)."""
    rows = h.shape[0]
    both = np.pad(np.stack([h, z], axis=1) / grid, [(0, -rows % 64), (0, 0), (0, 0)])
    fours = both.reshape(-1, 4, 2, h.shape[1])
    pattern = ((np.arange(16)[:, None] >> np.arange(4)) & 1).astype(np.float64)
    return blocked(np.einsum("pr,frcj->fpcj", pattern, fours)).astype(np.int32)
