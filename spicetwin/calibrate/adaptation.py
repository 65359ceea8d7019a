"""Joint fit of the neuron's adaptation: a DPI block that the neuron's own spikes drive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from calibration.fit import FitParameter, FitResult
from circuits.families.dpi import DpiNeuron as DpiNeuronCircuit
from circuits.families.dpi_deck import rough_tau
from circuits.testbench import Conditions
from spicetwin.calibrate.block import leak_start, mirror_start
from spicetwin.calibrate.design import Box, Range
from spicetwin.calibrate.neuron_trace import STEP, NeuronRequest, NeuronTrace
from spicetwin.calibrate.synapse import block_quantities, fit_traces
from spicetwin.calibrate.synapse_trace import SynapseRequest, SynapseTrace

#: Biases and temperature over which the adaptation is calibrated, under the names of a synapse.
BOX: Box = {
    "i_tau": Range(0.5e-12, 3e-12, "A"),
    "i_gain": Range(1e-12, 6e-12, "A"),
    "i_weight": Range(2e-9, 8e-9, "A"),
    "i_pulse": Range(2.5e-9, 4e-9, "A"),
    "temperature": Range(263.15, 323.15, "K", log=False),
}

#: Bias of a synapse -> bias of the neuron's adaptation.
CIRCUIT_NAMES: Mapping[str, str] = {
    "i_tau": "i_tau_ahp",
    "i_gain": "i_gain_ahp",
    "i_weight": "i_weight_ahp",
    "i_pulse": "i_pulse",
}

#: Input current of the neuron that drives it, and how long it lasts (A, s).
DRIVE, DRIVEN = 250e-12, 70e-3

SAMPLES = 300

QUANTITIES = block_quantities(DpiNeuronCircuit().c_ahp)

#: The trace shows I_w t_pulse only: the weight mirror is held ideal, the pulse charge absorbs its ratio.
START: Mapping[str, FitParameter] = {
    **leak_start(),
    **mirror_start("gain", 1.1),
    "gain_floor": FitParameter(3e-15, "A", (1e-18, 1e-11), vary=False, scale="log"),
    **{name: replace(p, vary=False) for name, p in mirror_start("weight").items()},
    "pulse_charge": FitParameter(1.5e-13, "C", (1e-15, 1e-11), scale="log"),
    "pulse_coefficient": FitParameter(1e-3, "1/K", (-0.05, 0.05)),
    "i_floor": FitParameter(1e-14, "A", (1e-18, 1e-11), scale="log"),
    "floor_activation": FitParameter(0.5, "eV", (0.05, 1.5)),
    "slope_ratio": FitParameter(0.95, "1", (0.5, 2.0)),
    "rest_kappa": FitParameter(0.72, "1", (0.3, 1.5), vary=False),
    "i_spec": FitParameter(1.0, "A", (1e-9, 1.0), vary=False, scale="log"),
}


def calibration_request(point: Mapping[str, float], process: str) -> NeuronRequest:
    """A burst of spikes, then silence in which the adaptation decays."""
    biases = {CIRCUIT_NAMES[name]: value for name, value in point.items() if name in CIRCUIT_NAMES}
    circuit = DpiNeuronCircuit()
    tau = rough_tau(circuit.c_ahp, point["i_tau"], point["temperature"])
    levels = ((0.0, 0.0), (STEP, DRIVE), (DRIVEN, DRIVE), (DRIVEN + STEP, 0.0))
    return NeuronRequest(
        biases,
        Conditions(temperature=point["temperature"]),
        process,
        levels,
        DRIVEN + 1.5 * tau,
        spikes=2,
        samples=SAMPLES,
    )


def as_synapse(trace: NeuronTrace) -> SynapseTrace:
    """The adaptation current as the response of a synapse to the neuron's spikes."""
    request = trace.request
    biases = {name: request.biases[own] for name, own in CIRCUIT_NAMES.items()}
    spikes = tuple(float(t) for t in trace.spikes)
    times = tuple(float(t) for t in trace.times)
    stimulus = SynapseRequest(biases, request.conditions, request.process, spikes, times)
    return SynapseTrace(
        stimulus, np.maximum(trace.i_ahp, 1e-30), float("nan"), trace.i_ahp_rest, trace.solve_seconds
    )


def fit_adaptation(traces: Sequence[NeuronTrace]) -> FitResult:
    """Fit the adaptation currents of all traces jointly."""
    return fit_traces([as_synapse(t) for t in traces], {}, QUANTITIES, START)
