"""Layers with delays in NumPy float64: the definition that the compiled kernels must equal spike for spike.

An event of step t on input i reaches the synapse (i, j) in step t + d_ij; within a step the state first moves on by
dt, then the soma is looked at, then what arrives is added. Events that would arrive behind the last step are lost.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pysim.delays.crossing import advance, first_crossing
from pysim.delays.events import Events
from pysim.delays.layer import DelayLayer
from pysim.delays.soma import IntegratingSoma, SpikingSoma, coupling

FloatArray = NDArray[np.float64]


def drive(events: Events, delays: NDArray[np.uint16], weights: FloatArray, sample: int) -> FloatArray:
    """Sum of the weights that arrive in each step, shape (steps, neurons).

    Exact, and of no order, when the weights are multiples of a power of two (:class:`DelayLayer`).
    """
    steps, neurons = events.steps, weights.shape[1]
    first = sample * steps
    begin, end = events.start[first], events.start[first + steps]
    step = np.repeat(np.arange(steps), np.diff(events.start[first : first + steps + 1]))
    arriving = np.zeros(steps * neurons)
    # Pieces of some 1e6 synaptic events: the arrays stay small however many events there are.
    piece = max(1, 1_000_000 * weights.shape[0] // weights.size)
    column = np.arange(neurons).reshape((1, -1, 1)[: weights.ndim])
    for k in range(begin, end, piece):
        channel = events.channel[k : min(k + piece, end)]
        when = step[k - begin : k - begin + len(channel)]
        place = (when.reshape((-1,) + (1,) * (weights.ndim - 1)) + delays[channel]) * neurons + column
        inside = place < steps * neurons
        arriving += np.bincount(place[inside], weights[channel][inside], steps * neurons)
    return arriving.reshape(steps, neurons)


def spiking(layer: DelayLayer, soma: SpikingSoma, events: Events) -> NDArray[np.bool_]:
    """Spikes (samples, steps, neurons) with one time constant for all synapses, threshold on the grid."""
    tau = float(np.asarray(layer.tau_synapse))
    keep, decay = math.exp(-layer.dt / soma.tau_membrane), math.exp(-layer.dt / tau)
    gain = float(coupling(layer.dt, soma.tau_membrane, tau))
    spikes = np.zeros((events.samples, events.steps, layer.neurons), np.bool_)
    for n in range(events.samples):
        arriving = drive(events, layer.delays, layer.weights, n)
        voltage, current = np.zeros(layer.neurons), np.zeros(layer.neurons)
        for t in range(events.steps):
            voltage = keep * voltage + gain * current
            spikes[n, t] = voltage >= soma.threshold
            voltage = np.where(spikes[n, t], soma.reset, voltage)
            current = decay * current + arriving[t]
    return spikes


def located(layer: DelayLayer, soma: SpikingSoma, events: Events) -> tuple[NDArray[np.bool_], FloatArray]:
    """Spikes (samples, steps, neurons) with crossings located inside the step, and rows (sample, neuron, time).

    A spike in the open step before t is one of step t; times (s) count from step 0. A neuron may spike several times
    in a step.
    """
    dt, tau_m, tau_s = layer.dt, soma.tau_membrane, float(np.asarray(layer.tau_synapse))
    keep, decay = math.exp(-dt / tau_m), math.exp(-dt / tau_s)
    gain = float(coupling(dt, tau_m, tau_s))
    spikes = np.zeros((events.samples, events.steps, layer.neurons), np.bool_)
    rows = []
    for n in range(events.samples):
        arriving = drive(events, layer.delays, layer.weights, n)
        voltage, current = np.zeros(layer.neurons), np.zeros(layer.neurons)
        for t in range(events.steps):
            after = keep * voltage + gain * current
            for j in np.flatnonzero((current > soma.threshold) | (voltage >= soma.threshold)):
                v, i, left = float(voltage[j]), float(current[j]), dt
                v_end, i_end = float(after[j]), decay * i
                wait = first_crossing(v, i, v_end, i_end, left, tau_m, tau_s, soma.threshold)
                while wait >= 0.0:
                    left -= wait
                    v, i = soma.reset, i * math.exp(-wait / tau_s)
                    spikes[n, t, j] = True
                    rows.append((n, j, t * dt - left))
                    v_end, i_end = advance(v, i, left, tau_m, tau_s)
                    after[j] = v_end
                    wait = first_crossing(v, i, v_end, i_end, left, tau_m, tau_s, soma.threshold)
            voltage = after
            current = decay * current + arriving[t]
    return spikes, np.array(sorted(rows), np.float64).reshape(-1, 3)


def integrating(layer: DelayLayer, soma: IntegratingSoma, events: Events) -> FloatArray:
    """Largest voltage of every neuron, shape (samples, neurons)."""
    keep = math.exp(-layer.dt / soma.tau_membrane)
    peak = np.zeros((events.samples, layer.neurons))
    for n in range(events.samples):
        voltage = np.zeros(layer.neurons)
        for arriving in drive(events, layer.delays, layer.weights, n):
            voltage = np.maximum(keep * voltage + arriving, 0.0)
            peak[n] = np.maximum(peak[n], voltage)
    return peak


def exponentials(layer: DelayLayer, soma: SpikingSoma, events: Events) -> NDArray[np.bool_]:
    """Spikes with a time constant per synapse, made of the layer's fixed exponentials."""
    basis = layer.basis
    keep = math.exp(-layer.dt / soma.tau_membrane)
    spikes = np.zeros((events.samples, events.steps, layer.neurons), np.bool_)
    for n in range(events.samples):
        arriving = [drive(events, layer.delays, w, n) for w in basis.weights]
        voltage = np.zeros(layer.neurons)
        current = np.zeros((len(basis.weights), layer.neurons))
        for t in range(events.steps):
            voltage = keep * voltage
            for k in range(len(current)):
                voltage = voltage + basis.gain[k] * current[k]
                current[k] = basis.decay[k] * current[k] + arriving[k][t]
            spikes[n, t] = voltage >= soma.threshold
            voltage = np.where(spikes[n, t], soma.reset, voltage)
    return spikes


def dense(layer: DelayLayer, soma: SpikingSoma, events: Events) -> NDArray[np.bool_]:
    """Spikes with a time constant and a state per synapse: the exact form, for layers without copies."""
    tau = np.broadcast_to(np.asarray(layer.tau_synapse), layer.weights.shape)
    keep, decay = math.exp(-layer.dt / soma.tau_membrane), np.exp(-layer.dt / tau)
    gain = coupling(layer.dt, soma.tau_membrane, tau)
    rows = layer.rows
    column = np.arange(layer.neurons)
    spikes = np.zeros((events.samples, events.steps, layer.neurons), np.bool_)
    for n in range(events.samples):
        ring = np.zeros((rows, *layer.weights.shape))
        voltage, current = np.zeros(layer.neurons), np.zeros(layer.weights.shape)
        for t in range(events.steps):
            voltage = keep * voltage + np.einsum("ij,ij->j", gain, current)
            spikes[n, t] = voltage >= soma.threshold
            voltage[spikes[n, t]] = soma.reset
            k = n * events.steps + t
            channel = events.channel[events.start[k] : events.start[k + 1], None]
            ring[(t + layer.delays[channel, column]) % rows, channel, column] += layer.weights[
                channel, column
            ]
            current *= decay
            current += ring[t % rows]
            ring[t % rows] = 0.0
    return spikes
