"""DPI neurons behind DPI synapses as a layer of a mixed network, in continuous time between its steps.

A projection is one synapse circuit on every neuron that serves all its inputs in turn, as on the chips: an input of 1
at step t is a spike at t dt. A spike of a neuron at time s makes its output 1 in step floor(s / dt); two in one step
count once.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from calibration.table import CalibrationTable
from pysim import chip as drawing_of
from pysim.delays.events import Events
from pysim.errors import ModelError
from pysim.integrators import TOLERANCE, Problem, State, Trains, integrate
from pysim.mingru.streams import digest
from pysim.neurons.dpi import DpiNeuron
from pysim.synapses.dpi import Backend, DpiSynapse
from pysim.system.layer import Drawing, Footprint, LayerRun
from pysim.system.signal import Signal

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Bits of a bias current, for the footprint; assumed.
_BIAS_BITS = 8


@dataclass(frozen=True)
class DpiProjection:
    """One synapse circuit on every neuron.

    Attributes
    ----------
    name
        Label, unique in the layer.
    connection
        Shape (neurons, inputs): whether an input drives a neuron.
    bias
        Bias currents of the synapse (A), the inputs of its laws.
    inhibitory
        Shunts the membrane.
    """

    name: str
    connection: NDArray[np.bool_]
    bias: Mapping[str, float]
    inhibitory: bool = False


@dataclass(frozen=True)
class DpiCircuit:
    """Neurons and synapses of a chip, shape (1, neurons)."""

    neuron: DpiNeuron
    synapses: tuple[DpiSynapse, ...]
    projections: tuple[DpiProjection, ...]
    i_in: float
    tolerance: float
    backend: Backend = "numba"

    def run(self, signal: Signal, *, record: bool = False, first: int = 0) -> LayerRun:
        """Spikes of all samples from rest; membranes between events are not kept."""
        del record, first
        events = signal.bits
        samples, neurons = events.samples, self.neuron.shape[1]
        size = samples * neurons
        shape = (samples, neurons)
        rows = np.arange(len(self.projections) * size).reshape(len(self.projections), size)
        problem = Problem.build(
            self.neuron.broadcast(shape),
            self.i_in,
            tuple(synapse.broadcast(shape) for synapse in self.synapses),
            tuple(p.inhibitory for p in self.projections),
            rows,
        )
        row, time, operations = self._arrivals(events, signal.dt)
        trains = Trains.from_events(row, time, max(rows.size, 1))
        index, at = integrate(
            problem,
            State.rest(problem),
            trains,
            events.steps * signal.dt,
            tolerance=self.tolerance,
            backend=self.backend,
        )
        output = _binned(index, at, shape, events.steps, signal.dt)
        counts = np.bincount(index, minlength=size).reshape(shape)
        duration = events.steps * signal.dt
        return LayerRun(
            Signal(events=output, dt=signal.dt),
            {"mean_output": _counts(output) / events.steps, "rate": counts / duration},
            operations,
        )

    def _arrivals(self, events: Events, dt: float) -> tuple[IntArray, FloatArray, FloatArray]:
        """Train and time of every arrival, and their number per sample."""
        neurons = self.neuron.shape[1]
        sample, step = np.divmod(events.step, events.steps)
        rows, times = [np.empty(0, np.int64)], [np.empty(0)]
        operations = np.zeros(events.samples)
        for k, p in enumerate(self.projections):
            _, targets = np.nonzero(p.connection.T)
            fan = np.count_nonzero(p.connection, axis=0)
            number = fan[events.channel]
            # Arrivals of an event are its channel's targets: their places in the list, one after the other.
            begin = np.repeat((np.cumsum(fan) - fan)[events.channel], number)
            within = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
            target = targets[begin + within]
            base = k * events.samples * neurons + np.repeat(sample, number) * neurons
            rows.append(base + target.astype(np.int64))
            times.append(np.repeat(step, number) * dt)
            operations += np.bincount(sample, weights=number, minlength=events.samples)
        return np.concatenate(rows), np.concatenate(times), operations


@dataclass(frozen=True)
class DpiPopulation:
    """DPI neurons with any number of projections from the layer before.

    Attributes
    ----------
    bias
        Bias currents of the neurons (A), the inputs of their laws.
    projections
        Synapses.
    i_in
        Constant input current of every neuron (A).
    tolerance
        Of the integration.
    """

    bias: Mapping[str, float]
    projections: tuple[DpiProjection, ...]
    i_in: float = 0.0
    tolerance: float = TOLERANCE
    backend: Backend = "numba"
    family: ClassVar[str] = "dpi"
    drawable: ClassVar[tuple[str, ...]] = drawing_of.SOURCES
    needs: ClassVar[tuple[str, ...]] = (
        *(f"neuron.{n}" for n in drawing_of.NEURON_REQUIRED),
        *(f"synapse.{n}" for n in drawing_of.SYNAPSE_REQUIRED),
    )
    command: ClassVar[str] = "spicetwin table build dpi"

    def __post_init__(self) -> None:
        """Check that the projections fit each other.

        Raises
        ------
        ModelError
            Naming the projection.
        """
        if not self.projections:
            raise ModelError("DPI layer: no projection; accepted: one at least")
        shape = self.projections[0].connection.shape
        names = [p.name for p in self.projections]
        for k, p in enumerate(self.projections):
            if p.connection.ndim != 2 or p.connection.shape != shape or not p.connection.size:
                raise ModelError(
                    f"DPI layer: projection {p.name} connects {p.connection.shape}; accepted: {shape}"
                )
            if names.index(p.name) != k:
                raise ModelError(f"DPI layer: projection {p.name!r} is there twice; accepted: a name each")

    @property
    def inputs(self) -> int:
        """Number of input channels."""
        return int(self.projections[0].connection.shape[1])

    @property
    def outputs(self) -> int:
        """Number of neurons."""
        return int(self.projections[0].connection.shape[0])

    @property
    def analog(self) -> bool:
        """Spikes drive the synapses."""
        return False

    @property
    def footprint(self) -> Footprint:
        """A bit per possible connection, and the biases."""
        connections = sum(p.connection.size for p in self.projections)
        biases = len(self.bias) + sum(len(p.bias) for p in self.projections)
        absent = sum(int(np.count_nonzero(~p.connection)) for p in self.projections)
        return Footprint(connections + _BIAS_BITS * biases, connections, absent)

    def width(self, feature: str) -> int:
        """Of every feature one number a neuron."""
        del feature
        return self.outputs

    def fingerprint(self) -> str:
        """Digest of connections and biases."""
        knobs = [sorted(self.bias.items()), self.i_in, self.tolerance]
        return digest(self.family, knobs, self._projections_digest)

    @cached_property
    def _projections_digest(self) -> list[object]:
        return [
            [
                p.name,
                p.inhibitory,
                sorted(p.bias.items()),
                p.connection.shape,
                hashlib.sha256(np.packbits(p.connection).tobytes()).hexdigest(),
            ]
            for p in self.projections
        ]

    def draw(self, table: CalibrationTable | None, drawing: Drawing) -> DpiCircuit:
        """Neurons and synapses of the chip.

        Raises
        ------
        ModelError
            Without a table: a DPI circuit has no mathematical form but its own.
        """
        if table is None:
            raise ModelError("DPI layer: no table; accepted: one with neuron.* and synapse.* entries")
        shape, sources = (1, self.outputs), drawing.among(self.drawable)
        warm = {"temperature": drawing.conditions.temperature}
        neuron = drawing_of.draw(
            table, shape, drawing.seeds, sources, block="neuron", at={**warm, **self.bias}
        ).neuron()
        synapses = tuple(
            drawing_of.draw(
                table, shape, drawing.seeds, sources, label=p.name, at={**warm, **p.bias}
            ).synapse()
            for p in self.projections
        )
        return DpiCircuit(neuron, synapses, self.projections, self.i_in, self.tolerance, self.backend)


def _binned(index: IntArray, at: FloatArray, shape: tuple[int, int], steps: int, dt: float) -> Events:
    """Spikes by (sample, neuron) instance and time as events, one a step at most."""
    sample, neuron = np.divmod(index, shape[1])
    step = np.minimum((at / dt * (1 + 1e-12)).astype(np.int64), steps - 1)
    key = np.unique((sample * steps + step) * shape[1] + neuron)
    count = np.bincount(key // shape[1], minlength=shape[0] * steps)
    start = np.concatenate([[0], np.cumsum(count)])
    merged = len(index) - len(key)
    return Events(start, (key % shape[1]).astype(np.int32), shape[0], steps, shape[1], merged)


def _counts(events: Events) -> IntArray:
    """Bits of every neuron, shape (samples, neurons)."""
    sample = events.step // events.steps
    size = events.samples * events.channels
    flat = np.bincount(sample * events.channels + events.channel, minlength=size)
    return flat.reshape(events.samples, math.prod((events.channels,)))
