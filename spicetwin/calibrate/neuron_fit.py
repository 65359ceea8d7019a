"""Joint fit of the behavioural DPI neuron to transistor-level spike times and currents over a box of biases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from calibration.fit import Criteria, Dataset, FitResult, fit
from pysim.neurons.dpi import pair_share
from spicetwin.calibrate.interval import Intervals, between_spikes, relative_error, to_first_spike
from spicetwin.calibrate.neuron import START, twins
from spicetwin.calibrate.neuron_trace import NeuronTrace

FloatArray = NDArray[np.float64]

#: What counts as one sigma, relative: interval, latency, rest, threshold, leak, current of the input pair.
INTERVAL_ERROR = 0.003
LATENCY_ERROR = 0.01
REST_ERROR = 0.05
THRESHOLD_ERROR = 0.01
LEAK_ERROR = 0.001
PAIR_ERROR = 0.003

#: Largest relative error of an interval that counts in full; the fit starts far away.
LARGEST = 0.5


def fit_neuron(traces: Sequence[NeuronTrace]) -> FitResult:
    """Joint fit of intervals, latencies, thresholds, resting currents, leak and input pair of all traces."""
    later, first = between_spikes(traces), to_first_spike(traces)
    currents = _currents(traces, first)

    def model(parameters: Mapping[str, float], dataset: Dataset) -> FloatArray:
        if dataset.name == "intervals":
            return 1.0 + _late(parameters, later, from_rest=False)
        if dataset.name == "latencies":
            return 1.0 + _late(parameters, first, from_rest=True)
        neuron = twins(parameters, dataset.x)
        if dataset.name == "i_rest":
            return neuron.array("i_floor")
        if dataset.name == "threshold":
            return neuron.array("i_threshold")
        q, y = neuron.parameters(), np.log(neuron.extrapolated(dataset.x["i_mem"]) / neuron.array("i_gain"))
        if dataset.name == "leak":
            return np.asarray(q[1] * (1.0 + q[11] * (y - q[4])))
        return pair_share(q, y, dataset.x["i_in"])

    per_trace = first.at
    datasets = [
        Dataset("intervals", x=later.at, y=np.ones(later.length.size), sigma=INTERVAL_ERROR),
        Dataset("latencies", x=first.at, y=np.ones(first.length.size), sigma=LATENCY_ERROR),
        _direct("i_rest", per_trace, np.array([t.i_rest for t in traces]), REST_ERROR),
        _direct("threshold", per_trace, np.array([t.i_threshold for t in traces]), THRESHOLD_ERROR),
        _direct("leak", currents, np.concatenate([t.rise.i_leak for t in traces]), LEAK_ERROR),
        _direct("pair", currents, np.concatenate([t.rise.i_pair for t in traces]), PAIR_ERROR),
    ]
    return fit(
        model,
        datasets,
        START,
        step=1e-5,
        tolerance=1e-8,
        max_evaluations=60,
        criteria=Criteria(max_redchi=4.0),
    )


def _late(parameters: Mapping[str, float], intervals: Intervals, *, from_rest: bool) -> FloatArray:
    neuron = twins(parameters, intervals.at)
    return np.clip(relative_error(neuron, intervals, from_rest=from_rest), -LARGEST, LARGEST)


def _currents(traces: Sequence[NeuronTrace], first: Intervals) -> dict[str, FloatArray]:
    """Biases, temperature, input and membrane current of every sample of every rise."""
    sizes = [t.rise.i_mem.size for t in traces]
    repeated = {name: np.repeat(values, sizes) for name, values in {**first.at, "i_in": first.i_in}.items()}
    return repeated | {"i_mem": np.concatenate([t.rise.i_mem for t in traces])}


def _direct(name: str, x: Mapping[str, FloatArray], values: FloatArray, sigma: float) -> Dataset:
    return Dataset(name, x=x, y=values, sigma=sigma, likelihood="lognormal")
