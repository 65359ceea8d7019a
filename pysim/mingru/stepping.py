"""NumPy definition of a network: layer after layer on short chunks of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pysim.mingru import reference
from pysim.mingru.chip import MinGruChip
from pysim.mingru.layer import MinGruLayer
from pysim.mingru.reference import Chunk, LayerState
from pysim.mingru.run import LayerTrace, pack
from pysim.mingru.streams import Noise

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Input = NDArray[np.uint8] | FloatArray

#: Steps of a chunk: its arrays stay in the cache.
STEPS = 16


@dataclass(frozen=True)
class Found:
    """What both backends return; fields as in :class:`~pysim.mingru.run.MinGruRun`, ``summed`` states of the last
    layer.
    """

    words: NDArray[np.uint64]
    states: tuple[FloatArray, ...]
    ones: tuple[IntArray, ...]
    gates: tuple[IntArray, ...]
    summed: FloatArray
    trace: tuple[LayerTrace, ...] | None


def run_layers(
    layers: Sequence[MinGruLayer], x: Input, chip: MinGruChip | None, record: bool, seed: int, first: int
) -> Found:
    """Run checked inputs through the layers."""
    samples, steps = x.shape[:2]
    states = [LayerState.start(samples, layer.columns) for layer in layers]
    noises = [
        Noise(seed, k, first, samples, layer.columns) if chip is not None and chip.cores[k].noisy else None
        for k, layer in enumerate(layers)
    ]
    ones = [np.zeros((samples, layer.columns), dtype=np.int64) for layer in layers]
    gates = [np.zeros(samples, dtype=np.int64) for _ in layers]
    words = np.empty((samples, steps, -(-layers[-1].columns // 64)), dtype=np.uint64)
    summed = np.zeros((samples, layers[-1].columns))
    kept: list[list[Chunk]] = [[] for _ in layers]
    for start in range(0, steps, STEPS):
        y: Input = x[:, start : start + STEPS]
        for k, layer in enumerate(layers):
            if chip is None:
                chunk = reference.ideal(layer, y, states[k])
            else:
                noise = noises[k]
                numbers = None if noise is None else noise.take(y.shape[1])
                chunk = reference.effective(layer, chip.cores[k], y, states[k], numbers)
            ones[k] += chunk.outputs.sum(axis=1)
            if k == len(layers) - 1:
                summed += chunk.states.sum(axis=1)
            gates[k] += chunk.codes.sum(axis=(1, 2), dtype=np.int64)
            y = chunk.outputs.view(np.uint8)
            if record:
                kept[k].append(chunk)
        words[:, start : start + STEPS] = pack(y.view(np.uint8))
    trace = tuple(_joined(chunks) for chunks in kept) if record else None
    return Found(words, tuple(s.h for s in states), tuple(ones), tuple(gates), summed, trace)


def _joined(chunks: list[Chunk]) -> LayerTrace:
    return LayerTrace(
        np.concatenate([c.codes for c in chunks], axis=1),
        np.concatenate([c.states for c in chunks], axis=1),
        np.concatenate([c.outputs for c in chunks], axis=1).view(np.uint8),
    )
