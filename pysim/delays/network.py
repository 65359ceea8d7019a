"""Runs of layers with delays, by events."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pysim.delays import reference
from pysim.delays.events import Events
from pysim.delays.layer import DelayLayer
from pysim.delays.soma import IntegratingSoma, SpikingSoma, coupling
from pysim.errors import ModelError
from pysim.synapses.dpi import Backend


@dataclass(frozen=True)
class LayerRun:
    """What a layer did.

    Attributes
    ----------
    spikes
        Of spiking somata, one channel a neuron.
    peak
        Largest voltages of integrating somata, shape (samples, neurons).
    located
        Rows (sample, neuron, time in s from step 0) of spikes whose crossings were located, sorted.
    kernel_error
        Largest error of the kernels that fixed exponentials make up; 0 without them.
    """

    spikes: Events | None = None
    peak: NDArray[np.float64] | None = None
    located: NDArray[np.float64] | None = None
    kernel_error: float = 0.0

    @property
    def decision(self) -> NDArray[np.int64]:
        """Neuron with the largest voltage, for each sample."""
        if self.peak is None:
            raise ModelError("spiking somata have no largest voltage; accepted: an integrating layer")
        return np.asarray(np.argmax(self.peak, axis=1))


def run_layer(layer: DelayLayer, events: Events, backend: Backend = "numba") -> LayerRun:
    """Run a batch of samples through a layer.

    Parameters
    ----------
    layer, events
        Layer, and its input; channels must fit.
    backend
        ``numba``, or ``numpy``: the definition.

    Raises
    ------
    ModelError
        When the events are on another number of channels than the layer has inputs.
    """
    if events.channels != layer.inputs:
        raise ModelError(f"events on {events.channels} channels for a layer of {layer.inputs} inputs")
    if isinstance(layer.soma, IntegratingSoma):
        if backend == "numpy":
            return LayerRun(peak=reference.integrating(layer, layer.soma, events))
        return LayerRun(peak=_integrating(layer, layer.soma, events))
    if isinstance(layer.tau_synapse, np.ndarray):
        return _exponentials(layer, layer.soma, events, backend)
    if layer.soma.located:
        return _located(layer, layer.soma, events, backend)
    if backend == "numpy":
        return LayerRun(spikes=Events.from_dense(reference.spiking(layer, layer.soma, events)))
    return LayerRun(spikes=_spiking(layer, layer.soma, events))


def _spiking(layer: DelayLayer, soma: SpikingSoma, events: Events) -> Events:
    from pysim.kernels import delays as kernel

    tau = float(np.asarray(layer.tau_synapse))
    knob = np.array(
        [
            layer.grid,
            math.exp(-layer.dt / soma.tau_membrane),
            float(coupling(layer.dt, soma.tau_membrane, tau)),
            math.exp(-layer.dt / tau),
            soma.threshold,
            soma.reset,
        ]
    )
    codes, offsets = layer.packed
    words = np.empty((events.samples, events.steps, len(codes)), np.uint64)
    kernel.spiking(events.start, events.channel, events.steps, codes, offsets, layer.rows, knob, words)
    return spikes_of(words, layer.neurons)


def _integrating(layer: DelayLayer, soma: IntegratingSoma, events: Events) -> NDArray[np.float64]:
    from pysim.kernels import delays as kernel

    codes, offsets = layer.packed
    peak = np.empty((events.samples, len(codes), layer.block))
    knob = np.array([layer.grid, math.exp(-layer.dt / soma.tau_membrane)])
    kernel.integrating(events.start, events.channel, events.steps, codes, offsets, layer.rows, knob, peak)
    return np.ascontiguousarray(peak.reshape(events.samples, -1)[:, : layer.neurons])


def _exponentials(layer: DelayLayer, soma: SpikingSoma, events: Events, backend: Backend) -> LayerRun:
    basis = layer.basis
    if backend == "numpy":
        spikes = Events.from_dense(reference.exponentials(layer, soma, events))
        return LayerRun(spikes=spikes, kernel_error=basis.error)
    from pysim.kernels import delays_basis as kernel

    words = kernel.run(layer, soma, events)
    return LayerRun(spikes=spikes_of(words, layer.neurons), kernel_error=basis.error)


def _located(layer: DelayLayer, soma: SpikingSoma, events: Events, backend: Backend) -> LayerRun:
    if backend == "numpy":
        spikes, rows = reference.located(layer, soma, events)
        return LayerRun(spikes=Events.from_dense(spikes), located=rows)
    from pysim.kernels import delays_located as kernel

    words, rows = kernel.run(layer, soma, events)
    return LayerRun(spikes=spikes_of(words, layer.neurons), located=rows)


def spikes_of(words: NDArray[np.uint64], neurons: int) -> Events:
    """Events of spikes stored as bits (samples, steps, blocks of 64 neurons); neurons beyond ``neurons`` are none."""
    from pysim.kernels.delays import events_of

    samples, steps, blocks = words.shape
    rows = words.reshape(-1, blocks)
    if neurons % 64:
        # Neurons that only fill up the last block have no weights, but their threshold could be a reset away.
        rows[:, -1] &= np.uint64((1 << (neurons % 64)) - 1)
    start = np.concatenate([[0], np.cumsum(np.bitwise_count(rows).sum(axis=1, dtype=np.int64))])
    channel = np.empty(start[-1], np.int32)
    events_of(rows, start, channel)
    return Events(start, channel, samples, steps, neurons)
