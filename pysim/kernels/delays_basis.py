"""Compiled layers with delays and a time constant per synapse: :func:`pysim.delays.reference.exponentials`.

As :mod:`pysim.kernels.delays`, with K currents a neuron, so that an event adds K codes that lie side by side. Blocks
have 16 neurons: their weights stay in the second cache and their ring nearly in the first.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pysim.delays.events import Events
    from pysim.delays.layer import DelayLayer
    from pysim.delays.soma import SpikingSoma

Array = Any
BLOCK = 16


def run(layer: DelayLayer, soma: SpikingSoma, events: Events) -> NDArray[np.uint64]:
    """Spikes of a layer as bits, shape (samples, steps, blocks of 64 neurons)."""
    basis = layer.basis
    codes = np.stack([layer.blocked(w / basis.grid, BLOCK) for w in basis.weights], axis=-1).astype(np.int32)
    words = np.empty((events.samples, events.steps, len(codes)), np.uint16)
    knob = np.array([basis.grid, math.exp(-layer.dt / soma.tau_membrane), soma.threshold, soma.reset])
    kernel = {4: _run4, 8: _run8, 16: _run16}[len(basis.tau)]
    kernel(
        events.start, events.channel, events.steps, codes, layer.offsets(BLOCK), layer.rows, knob,
        basis.decay, basis.gain, words,
    )  # fmt: skip
    return words.view(np.uint64)


def _compiled(k: int) -> Any:
    """The kernel for ``k`` exponentials: a number known to the compiler, which then unrolls the loops over them."""

    @njit(cache=True, parallel=True, error_model="numpy")
    def run(
        start: Array, channel: Array, steps: int, codes: Array, offsets: Array, rows: int, knob: Array,
        decay: Array, gain: Array, words: Array,
    ) -> None:  # fmt: skip
        samples = words.shape[0]
        grid, keep, threshold, reset = knob[0], knob[1], knob[2], knob[3]
        for task in prange(codes.shape[0] * samples):
            b, n = task // samples, task % samples
            code, offset = codes[b], offsets[b]
            ring = np.zeros((rows * BLOCK, k), np.int32)
            voltage, current = np.zeros(BLOCK), np.zeros((BLOCK, k))
            mask = np.uint32(rows * BLOCK - 1)
            for t in range(steps):
                here = np.uint32(t * BLOCK)
                for e in range(start[n * steps + t], start[n * steps + t + 1]):
                    i = channel[e]
                    for m in range(code.shape[1]):
                        place = (here + np.uint32(offset[i, m])) & mask
                        for q in range(k):
                            ring[place, q] += code[i, m, q]
                first = (t & (rows - 1)) * BLOCK
                word = np.uint16(0)
                for j in range(BLOCK):
                    v = keep * voltage[j]
                    for q in range(k):
                        v = v + gain[q] * current[j, q]
                        current[j, q] = decay[q] * current[j, q] + grid * np.float64(ring[first + j, q])
                        ring[first + j, q] = 0
                    over = v >= threshold
                    voltage[j] = reset if over else v
                    word |= np.uint16(over) << np.uint16(j)
                words[n, t, b] = word

    return run


_run4, _run8, _run16 = _compiled(4), _compiled(8), _compiled(16)
