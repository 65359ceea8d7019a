"""Spiking delay layers as lists of synapses, the form that simulators of spiking networks take."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pysim.delays.events import Events
from pysim.delays.layer import DelayLayer
from pysim.delays.network import run_layer
from pysim.delays.soma import SpikingSoma
from pysim.export.exporter import ExportError
from pysim.export.stimulus import delay_events

Arrays = dict[str, NDArray[Any]]

#: Spikes that a comparison needs, and densities of the random events that are tried for them.
FEWEST, DENSER = 100, (1.0, 4.0, 16.0, 64.0)


def refuse_soma(layer: DelayLayer, form: str) -> SpikingSoma:
    """Soma of a layer whose thresholds hold on the grid.

    Raises
    ------
    ExportError
        For an integrating soma, or crossings located inside the step.
    """
    if not isinstance(layer.soma, SpikingSoma):
        raise ExportError(
            f"{form} cannot hold an integrating soma: it has no spikes and its answer is a maximum; use npz, brian2, "
            "or a layer of spiking somata"
        )
    if layer.soma.located:
        raise ExportError(
            f"{form} cannot hold thresholds that are located inside the step; use npz, or located = False and a "
            "shorter step"
        )
    return layer.soma


def synapse_list(layer: DelayLayer, form: str) -> Arrays:
    """Arrays of a spiking layer: K currents a neuron, and every synapse that has a weight.

    ``tau`` (K,) in s; ``weight`` (K, synapses) in whole multiples of ``grid``, in units of the threshold's voltage;
    ``source``, ``target``, ``delay`` (steps) of each synapse; ``inputs``, ``neurons``, ``dt``, ``tau_membrane``,
    ``threshold``, ``reset``. One current where all synapses share a time constant, else the layer's exponentials.
    """
    soma = refuse_soma(layer, form)
    if isinstance(layer.tau_synapse, np.ndarray):
        tau, on_each, grid = layer.basis.tau, layer.basis.weights, layer.basis.grid
    else:
        tau, on_each, grid = np.array([layer.tau_synapse], np.float64), layer.weights[None], layer.grid
    own = {"tau": np.asarray(tau), "threshold": np.array(soma.threshold), "reset": np.array(soma.reset)}
    return {**own, **weight_list(layer, on_each, grid)}


def weight_list(layer: DelayLayer, on_each: NDArray[np.float64], grid: float) -> Arrays:
    """Arrays of a layer's synapses that have a weight: those of :func:`synapse_list` that every soma has."""
    place = np.nonzero(layer.weights)
    return {
        "weight": np.rint(np.stack([one[place] for one in on_each]) / grid).astype(np.int32),
        "grid": np.array(grid),
        "source": place[0].astype(np.uint32),
        "target": place[1].astype(np.uint32),
        "delay": layer.delays[place],
        "inputs": np.array(layer.inputs),
        "neurons": np.array(layer.neurons),
        "dt": np.array(layer.dt),
        "tau_membrane": np.array(layer.soma.tau_membrane),
    }


def event_arrays(events: Events) -> Arrays:
    """Events as sample, step and channel."""
    counts = np.diff(events.start)
    row = np.repeat(np.arange(counts.size), counts)
    return {
        "sample": row // events.steps,
        "step": row % events.steps,
        "channel": events.channel.astype(np.int64),
        "samples": np.array(events.samples),
        "steps": np.array(events.steps),
    }


def dense_spikes(found: Arrays, shape: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Spikes (samples, steps, neurons) of arrays sample, step, neuron; those behind the last step are left out."""
    spikes = np.zeros(shape, np.bool_)
    keep = (found["step"] >= 0) & (found["step"] < shape[1])
    spikes[found["sample"][keep], found["step"][keep], found["neuron"][keep]] = True
    return spikes


def spiking_run(layer: DelayLayer) -> tuple[Events, NDArray[np.bool_]]:
    """Random events, and the spikes (samples, steps, neurons) that the layer itself makes of them.

    Raises
    ------
    ExportError
        When it makes hardly any, however dense the events are: a comparison would say nothing.
    """
    for factor in DENSER:
        events = delay_events(layer, factor)
        run = run_layer(layer, events).spikes
        spikes = np.zeros((1, 1, 1), np.bool_) if run is None else np.asarray(run.dense())
        if spikes.sum() >= FEWEST:
            return events, spikes
    raise ExportError(
        f"the layer makes fewer than {FEWEST} spikes of random events: nothing to compare; accepted: weights that "
        "reach the threshold"
    )
