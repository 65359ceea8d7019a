"""Compiled layers with delays and a time constant per synapse: :func:`pysim.delays.reference.exponentials`.

As :mod:`pysim.kernels.delays`, with K currents a neuron: an event adds K codes that lie side by side, as one vector.
Blocks have 32 neurons, so that their weights stay in the second cache.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir
from numba import njit, prange, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from pysim.delays.basis import EXPONENTIALS

if TYPE_CHECKING:
    from pysim.delays.events import Events
    from pysim.delays.layer import DelayLayer
    from pysim.delays.soma import SpikingSoma

Array = Any
BLOCK = 32


def run(layer: DelayLayer, soma: SpikingSoma, events: Events) -> NDArray[np.uint64]:
    """Spikes of a layer as bits, shape (samples, steps, blocks of 64 neurons)."""
    basis = layer.basis
    codes, offsets = _packed(layer)
    words = np.empty((events.samples, events.steps, len(codes)), np.uint32)
    knob = np.array([basis.grid, math.exp(-layer.dt / soma.tau_membrane), soma.threshold, soma.reset])
    _spiking(
        events.start, events.channel, events.steps, codes, offsets, layer.rows, knob,
        np.tile(basis.decay, BLOCK), basis.gain, words,
    )  # fmt: skip
    return words.view(np.uint64)


def _packed(layer: DelayLayer) -> tuple[NDArray[np.int32], NDArray[Any]]:
    """Codes (blocks, inputs, K synapses of a block), K of a synapse side by side; offsets, in units of a code."""
    basis = layer.basis
    on_each = [layer.blocked(w / basis.grid, BLOCK).astype(np.int32) for w in basis.weights]
    codes = np.stack(on_each, axis=-1)
    offsets = layer.offsets(BLOCK).astype(np.int64) * EXPONENTIALS
    width = np.uint16 if offsets.max() < 2**16 else np.uint32
    return codes.reshape(*codes.shape[:2], -1), offsets.astype(width)


def _addition(typing: Any, to: Any, at: Any, what: Any, where: Any) -> Any:
    """``to[at : at + K] += what[where : where + K]`` of contiguous int32 arrays, as one vector.

    The compiler does not find it in a loop over K, as it cannot know that the arrays do not overlap.
    """
    signature = types.void(to, at, what, where)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = ir.VectorType(ir.IntType(32), EXPONENTIALS).as_pointer()
        pointers = []
        for array, place in ((0, 1), (2, 3)):
            data = context.make_array(signature.args[array])(context, builder, arguments[array]).data
            pointers.append(builder.bitcast(builder.gep(data, [arguments[place]]), vector))
        total = builder.add(builder.load(pointers[0], align=4), builder.load(pointers[1], align=4))
        builder.store(total, pointers[0], align=4)
        return context.get_dummy_value()

    return signature, generate


_add: Any = intrinsic(_addition)


@njit(cache=True, parallel=True, error_model="numpy")
def _spiking(
    start: Array, channel: Array, steps: int, codes: Array, offsets: Array, rows: int, knob: Array,
    decay: Array, gain: Array, words: Array,
) -> None:  # fmt: skip
    """As ``delays.spiking``; ``decay`` of all currents of a block, ``gain`` of those of a neuron."""
    samples = words.shape[0]
    grid, keep, threshold, reset = knob[0], knob[1], knob[2], knob[3]
    for task in prange(codes.shape[0] * samples):
        b, n = task // samples, task % samples
        code, offset = codes[b], offsets[b]
        ring = np.zeros(2 * rows * BLOCK * EXPONENTIALS, np.int32)
        voltage, current = np.zeros(BLOCK), np.zeros(BLOCK * EXPONENTIALS)
        for t in range(steps):
            here = (t & (rows - 1)) * BLOCK * EXPONENTIALS
            ahead, other = ring[here:], ring[here + rows * BLOCK * EXPONENTIALS :]
            for e in range(start[n * steps + t], start[n * steps + t + 1]):
                i = channel[e]
                of_input = code[i]
                for m in range(offset.shape[1]):
                    _add(ahead, np.uint64(offset[i, m]), of_input, np.uint64(m * EXPONENTIALS))
            for j in range(BLOCK):
                v = keep * voltage[j]
                for q in range(EXPONENTIALS):
                    v = v + gain[q] * current[j * EXPONENTIALS + q]
                voltage[j] = v
            for s in range(BLOCK * EXPONENTIALS):
                current[s] = decay[s] * current[s] + grid * np.float64(ahead[s] + other[s])
                ahead[s] = 0
                other[s] = 0
            word = np.uint64(0)
            for j in range(BLOCK):
                over = voltage[j] >= threshold
                voltage[j] = reset if over else voltage[j]
                word |= (np.uint64(1) << np.uint64(j)) if over else np.uint64(0)
            words[n, t, b] = np.uint32(word)
