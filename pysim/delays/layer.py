"""A layer of synapses with a delay each: what it is, checked, and packed for the kernels."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pysim.delays.basis import Basis, basis_of, power_grid
from pysim.delays.soma import IntegratingSoma, SpikingSoma
from pysim.errors import ModelError

FloatArray = NDArray[np.float64]

#: Neurons of a block, which keeps its events in a ring of its own.
BLOCK = 64
MAX_DELAY = 65535


@dataclass(frozen=True, kw_only=True)
class DelayLayer:
    """Synapses with a delay and a weight each, onto somata.

    Weights are held as multiples of a power of two, 2^30 of which are the largest sum of absolute weights of a neuron:
    sums of weights are then exact and do not depend on their order, so every kernel gives the same spikes.

    Attributes
    ----------
    weights
        Shape (inputs, neurons) or (inputs, neurons, copies): what an event adds to the synaptic current of a spiking
        soma, or to the voltage of an integrating one.
    delays
        Whole steps, shape of ``weights``: an event of step t arrives in step t + delay.
    soma
        The somata, all alike.
    dt
        Step (s).
    tau_synapse
        Decay of the synaptic current (s): one number, or one per synapse. Integrating somata have none.
    buffer
        Longest delay the delay line can hold (steps); the longest of ``delays`` when left out.
    window
        Weights that the conductances can make (lowest, highest); no limit when left out.
    origin
        Calibration table that it was drawn from, with its digest; empty when from none.
    grid
        The power of two that all weights are multiples of.
    """

    weights: FloatArray
    delays: NDArray[np.uint16]
    soma: SpikingSoma | IntegratingSoma
    dt: float = 1e-3
    tau_synapse: float | FloatArray | None = None
    buffer: int | None = None
    window: tuple[float, float] | None = None
    origin: str = ""
    grid: float = field(init=False, default=1.0)

    def __post_init__(self) -> None:
        """Check all of it and round the weights to their grid.

        Raises
        ------
        ModelError
            Naming the synapse, its value and what is accepted.
        """
        weights = np.array(self.weights, np.float64)
        if weights.ndim not in (2, 3) or weights.size == 0:
            raise ModelError(
                f"weights have shape {weights.shape}; accepted: (inputs, neurons) or (inputs, neurons, copies)"
            )
        if not (math.isfinite(self.dt) and self.dt > 0):
            raise ModelError(f"dt = {self.dt}; accepted: a time > 0 s")
        _check_weights(weights, self.window)
        delays = whole_steps(self.delays, self.buffer)
        if delays.shape != weights.shape:
            raise ModelError(f"delays of shape {delays.shape} for weights of shape {weights.shape}")
        grid = power_grid(weights)
        weights = np.rint(weights / grid) * grid
        for array in (weights, delays):
            array.setflags(write=False)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "delays", delays)
        object.__setattr__(self, "grid", grid)
        self._check_tau()

    def _check_tau(self) -> None:
        """Synaptic time constants belong to spiking somata, and must be positive."""
        if isinstance(self.soma, IntegratingSoma):
            if self.tau_synapse is not None:
                raise ModelError("an integrating soma adds weights to its voltage: it takes no tau_synapse")
            return
        if self.tau_synapse is None:
            raise ModelError("a spiking soma needs tau_synapse (s)")
        tau = np.array(self.tau_synapse, np.float64)
        if tau.shape not in ((), self.weights.shape):
            raise ModelError(
                f"tau_synapse of shape {tau.shape}; accepted: one number, or {self.weights.shape}"
            )
        if not (np.isfinite(tau).all() and (tau > 0).all()):
            raise ModelError(f"tau_synapse holds {_first_bad(tau, tau > 0)}; accepted: times > 0 s")
        if tau.ndim and self.soma.located:
            raise ModelError("crossings are located for one tau_synapse; this layer has one per synapse")
        object.__setattr__(self, "tau_synapse", tau if tau.ndim else float(tau))

    @property
    def inputs(self) -> int:
        """Number of input channels."""
        return int(self.weights.shape[0])

    @property
    def neurons(self) -> int:
        """Number of somata."""
        return int(self.weights.shape[1])

    @property
    def copies(self) -> int:
        """Synapses between an input and a neuron."""
        return int(self.weights.shape[2]) if self.weights.ndim == 3 else 1

    @cached_property
    def rows(self) -> int:
        """Steps of the ring that holds what is under way, a power of two."""
        return 1 << int(self.delays.max()).bit_length()

    def blocked(self, values: NDArray[np.float64], block: int = BLOCK) -> NDArray[np.float64]:
        """Values of synapses (inputs, neurons[, copies]) by blocks of neurons: (blocks, inputs, block copies)."""
        full = values.reshape(self.inputs, self.neurons, self.copies)
        # Spikes are stored in words of 64 neurons, so smaller blocks of spiking ones come in whole words.
        whole = max(block, BLOCK) if isinstance(self.soma, SpikingSoma) else block
        blocks = -(-self.neurons // whole) * (whole // block)
        padded = np.zeros((self.inputs, blocks * block, self.copies), values.dtype)
        padded[:, : self.neurons] = full
        order = padded.reshape(self.inputs, blocks, block * self.copies).transpose(1, 0, 2)
        return np.ascontiguousarray(order)

    def offsets(self, block: int = BLOCK) -> NDArray[Any]:
        """Where in its block's ring a synapse writes, counted from the ring's present row; uint16 where it fits."""
        neuron = np.arange(self.neurons).reshape((1, -1, 1)[: self.delays.ndim])
        place = self.delays.astype(np.float64) * block + neuron % block
        width = np.uint16 if place.max() < 2**16 else np.uint32
        return self.blocked(place, block).astype(width)

    @property
    def block(self) -> int:
        """Neurons of a block: a word of spikes, or fewer integrating somata."""
        return BLOCK if isinstance(self.soma, SpikingSoma) else min(BLOCK, self.neurons)

    @cached_property
    def packed(self) -> tuple[NDArray[np.int32], NDArray[Any]]:
        """Weights in units of the grid, and offsets, by blocks."""
        codes = self.blocked(self.weights / self.grid, self.block)
        return codes.astype(np.int32), self.offsets(self.block)

    @cached_property
    def basis(self) -> Basis:
        """Fixed exponentials of synapses with time constants of their own."""
        if not isinstance(self.tau_synapse, np.ndarray) or not isinstance(self.soma, SpikingSoma):
            raise ModelError("this layer has no time constants of its synapses' own")
        return basis_of(self.weights, self.tau_synapse, self.dt, self.soma.tau_membrane)


def delay_steps(seconds: ArrayLike, dt: float) -> NDArray[np.float64]:
    """Delays in whole steps, round(delay / dt); not yet checked against a buffer (:class:`DelayLayer` does)."""
    return np.asarray(np.rint(np.asarray(seconds, np.float64) / dt))


def whole_steps(delays: ArrayLike, buffer: int | None = None) -> NDArray[np.uint16]:
    """Delays as whole steps that fit the buffer.

    Raises
    ------
    ModelError
        For a delay that is not finite, negative, no whole number, or longer than the buffer.
    """
    values = np.asarray(delays)
    longest = MAX_DELAY if buffer is None else buffer
    if not 0 <= longest <= MAX_DELAY:
        raise ModelError(f"a buffer of {buffer} steps; accepted: 0 to {MAX_DELAY}")
    number = values.astype(np.float64)
    for good, accepted in (
        (np.isfinite(number), "finite numbers"),
        (number >= 0, ">= 0 steps"),
        (number == np.rint(number), "whole steps"),
        (number <= longest, f"at most {longest} steps, what the buffer holds"),
    ):
        if not good.all():
            raise ModelError(f"delay {_first_bad(number, good)}; accepted: {accepted}")
    return number.astype(np.uint16)


def _check_weights(weights: FloatArray, window: tuple[float, float] | None) -> None:
    if not np.isfinite(weights).all():
        raise ModelError(f"weight {_first_bad(weights, np.isfinite(weights))}; accepted: finite numbers")
    if window is not None:
        low, high = window
        inside = (weights >= low) & (weights <= high)
        if not inside.all():
            raise ModelError(
                f"weight {_first_bad(weights, inside)} is beyond the conductance window; "
                f"accepted: {low:g} to {high:g}"
            )


def _first_bad(values: FloatArray, good: NDArray[np.bool_]) -> str:
    """First value that is not good, with its place."""
    place = tuple(int(k) for k in np.argwhere(~good)[0])
    return f"{values[place]:g} at {place}" if place else f"{float(values):g}"
