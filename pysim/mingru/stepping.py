"""NumPy definition of a network: layer after layer on short chunks of time."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pysim.mingru import reference
from pysim.mingru.chip import MinGruChip
from pysim.mingru.layer import MinGruLayer
from pysim.mingru.reference import Chunk, LayerState, Room
from pysim.mingru.run import LayerTrace, pack
from pysim.mingru.streams import Noise

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Input = NDArray[np.uint8] | FloatArray

#: Steps of a chunk: the arrays of one layer, which all of them use in turn, stay near the processor.
STEPS = 16
#: Most samples of a piece: each of its steps is one product, below the size for which BLAS starts threads of its own,
#: which would wait for each other.
SAMPLES = 128


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
    """Run checked inputs through the layers, in pieces of some samples, as many at once as there are processors."""
    parts = -(-len(x) // SAMPLES)
    bounds = [round(n * len(x) / parts) for n in range(parts + 1)]

    def part(low: int, high: int) -> Found:
        return _run_part(layers, x[low:high], chip, record, seed, first + low)

    if parts == 1:
        return part(0, len(x))
    with ThreadPoolExecutor(min(os.cpu_count() or 1, parts)) as pool:
        return _together(list(pool.map(part, bounds[:-1], bounds[1:])))


def _run_part(
    layers: Sequence[MinGruLayer], x: Input, chip: MinGruChip | None, record: bool, seed: int, first: int
) -> Found:
    samples, steps = x.shape[:2]
    last = len(layers) - 1
    states = [LayerState.start(samples, layer.columns) for layer in layers]
    room = Room()
    advance = [_advance(layer, k, chip, samples, record, seed, first, room) for k, layer in enumerate(layers)]
    ones = [np.zeros((samples, layer.columns), dtype=np.int64) for layer in layers]
    gates = [np.zeros(samples, dtype=np.int64) for _ in layers]
    words = np.empty((samples, steps, -(-layers[-1].columns // 64)), dtype=np.uint64)
    summed = np.zeros((samples, layers[-1].columns))
    kept: list[list[Chunk]] = [[] for _ in layers]
    for start in range(0, steps, STEPS):
        y: Input = x[:, start : start + STEPS]
        for k in range(len(layers)):
            chunk = advance[k](y, states[k])
            y = chunk.outputs.view(np.uint8)
            # A chunk has fewer than 256 steps, so that octets can count them.
            ones[k] += y.sum(axis=1, dtype=np.uint8)
            gates[k] += chunk.gates
            if k == last:
                summed += chunk.summed
            if record:
                kept[k].append(replace(chunk, outputs=chunk.outputs.copy()))
        words[:, start : start + STEPS] = pack(y)
    trace = tuple(_joined(chunks) for chunks in kept) if record else None
    return Found(words, tuple(s.h for s in states), tuple(ones), tuple(gates), summed, trace)


def _advance(
    layer: MinGruLayer,
    k: int,
    chip: MinGruChip | None,
    samples: int,
    record: bool,
    seed: int,
    first: int,
    room: Room,
) -> Callable[[Input, LayerState], Chunk]:
    """The layer's step over a chunk."""
    if chip is None:
        return reference.IdealCore(layer, samples, record, room).advance
    core = chip.cores[k]
    noise = Noise(seed, k, first, samples, layer.columns) if core.noisy else None

    def advance(x: Input, state: LayerState) -> Chunk:
        return reference.effective(layer, core, x, state, None if noise is None else noise.take(x.shape[1]))

    return advance


def _joined(chunks: list[Chunk]) -> LayerTrace:
    return LayerTrace(
        np.concatenate([c.codes for c in chunks if c.codes is not None], axis=1),
        np.concatenate([c.states for c in chunks if c.states is not None], axis=1),
        np.concatenate([c.outputs for c in chunks], axis=1).view(np.uint8),
    )


def _together(parts: list[Found]) -> Found:
    """Samples of several parts."""

    def columns(name: str) -> tuple[NDArray[Any], ...]:
        return tuple(np.concatenate(of) for of in zip(*(getattr(p, name) for p in parts), strict=True))

    traces = [p.trace for p in parts if p.trace is not None]
    return Found(
        np.concatenate([p.words for p in parts]),
        columns("states"),
        columns("ones"),
        columns("gates"),
        np.concatenate([p.summed for p in parts]),
        tuple(
            LayerTrace(*(np.concatenate([getattr(t, n) for t in of]) for n in ("codes", "states", "outputs")))
            for of in zip(*traces, strict=True)
        )
        if traces
        else None,
    )
