"""Result of a run of a minGRU network."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class LayerTrace:
    """What one layer did in every step, (samples, steps, columns): gate codes, states (V_FS / 2), outputs 0 or 1."""

    codes: NDArray[np.uint8]
    states: FloatArray
    outputs: NDArray[np.uint8]


@dataclass(frozen=True)
class MinGruRun:
    """Outputs, last states and counts of a run.

    Attributes
    ----------
    words
        Outputs of the last layer, bit j % 64 of word j // 64, uint64, (samples, steps, words); see ``outputs``.
    states
        State of each layer after the last step, in V_FS / 2, (samples, columns).
    ones
        Steps in which an output was 1, per layer, (samples, columns).
    gates
        Sum of the gate codes over steps and columns, per layer, (samples,).
    mean_state
        Mean of the last layer's states over time, in V_FS / 2, (samples, columns).
    energy
        Energy of each sample in J, (samples,).
    scores
        Readout, (samples, classes); ``None`` without one.
    trace
        Every step of every layer, where it was asked for.
    steps
        Time steps.
    """

    words: NDArray[np.uint64]
    states: tuple[FloatArray, ...]
    ones: tuple[IntArray, ...]
    gates: tuple[IntArray, ...]
    mean_state: FloatArray
    energy: FloatArray
    scores: FloatArray | None
    trace: tuple[LayerTrace, ...] | None
    steps: int

    @cached_property
    def outputs(self) -> NDArray[np.uint8]:
        """Outputs of the last layer, 0 or 1, (samples, steps, columns)."""
        return unpack(self.words, self.ones[-1].shape[1])

    @property
    def mean_output(self) -> FloatArray:
        """Mean of the last layer's outputs over time, (samples, columns)."""
        return np.asarray(self.ones[-1] / self.steps)

    @property
    def classes(self) -> IntArray:
        """Class of the highest score, (samples,).

        Raises
        ------
        ValueError
            When the network has no readout.
        """
        if self.scores is None:
            raise ValueError("the network has no readout, hence no classes")
        return np.asarray(self.scores.argmax(axis=1))


def pack(bits: NDArray[Any]) -> NDArray[np.uint64]:
    """Bits of the last axis as little-endian uint64 words."""
    count = bits.shape[-1]
    width = -(-count // 64)
    packed = np.packbits(bits, axis=-1, bitorder="little")
    whole = np.zeros((*bits.shape[:-1], 8 * width), dtype=np.uint8)
    whole[..., : packed.shape[-1]] = packed
    return whole.view("<u8").astype(np.uint64, copy=False)


def unpack(words: NDArray[np.uint64], count: int) -> NDArray[np.uint8]:
    """The first ``count`` bits of each row of words."""
    octets = np.ascontiguousarray(words).astype("<u8", copy=False).view(np.uint8)
    return np.unpackbits(octets, axis=-1, count=count, bitorder="little")
