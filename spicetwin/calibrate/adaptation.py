"""Joint fit of the neuron's adaptation: a DPI block that the neuron's own spikes drive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from calibration.fit import FitParameter, FitResult
from circuits.families.dpi import DpiNeuron as DpiNeuronCircuit
from circuits.families.dpi_deck import rough_tau
from circuits.testbench import Conditions
from spicetwin.calibrate.block import T_REF, Quantities, Quantity, mirror, mirror_start
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

#: Samples of a trace that the fit sees.
FITTED_SAMPLES = 80

#: Relative change of the deviance at which the fit ends.
TOLERANCE = 1e-7

QUANTITIES: Quantities = {
    **block_quantities(DpiNeuronCircuit().c_ahp),
    "tau": mirror("leak", "dpi_tau_mirrored", 1e-12, c_syn=DpiNeuronCircuit().c_ahp, kappa="kappa", unit="s"),
    "i_tau": mirror("leak", "dpi_leak_mirrored", 1e-12),
    "i_weight": mirror("weight", "dpi_weight", 4e-9),
    "t_pulse": Quantity(
        "s",
        "dpi_pulse_width",
        {
            "offset": "pulse_offset",
            "charge": "pulse_charge",
            "coefficient": "pulse_coefficient",
            "temperature_ref": T_REF,
        },
    ),
    "slope_ratio": Quantity(
        "1",
        "dpi_slope_ratio",
        {
            "ratio": "slope_ratio",
            "coefficient": "slope_coefficient",
            "bend": "slope_bend",
            "current_ref": 4e-9,
            "temperature_ref": T_REF,
        },
    ),
}

#: The trace shows I_w t_pulse and I_w / I_tau only: ratio and drift of the mirrors of weight and leak are held
#: ideal, pulse charge and kappa absorb them.
START: Mapping[str, FitParameter] = {
    "kappa": FitParameter(0.74, "1", (0.3, 1.0)),
    **mirror_start("leak"),
    "leak_scale": FitParameter(1.0, "1", (0.2, 5.0), vary=False, scale="log"),
    **mirror_start("gain", 1.03),
    "gain_floor": FitParameter(3e-15, "A", (1e-18, 1e-11), vary=False, scale="log"),
    "weight_scale": FitParameter(1.0, "1", (0.2, 5.0), vary=False, scale="log"),
    "weight_exponent": FitParameter(1.0, "1", (0.5, 1.5)),
    "weight_coefficient": FitParameter(0.0, "1/K", (-0.05, 0.05), vary=False),
    "pulse_offset": FitParameter(0.0, "s", (-1e-5, 1e-5)),
    "pulse_charge": FitParameter(1.5e-13, "C", (1e-15, 1e-11), scale="log"),
    "pulse_coefficient": FitParameter(1e-3, "1/K", (-0.05, 0.05)),
    "i_floor": FitParameter(1e-14, "A", (1e-18, 1e-11), scale="log"),
    "floor_activation": FitParameter(0.5, "eV", (0.05, 1.5)),
    "slope_ratio": FitParameter(1.07, "1", (0.5, 2.0)),
    "slope_coefficient": FitParameter(3e-4, "1/K", (-0.01, 0.01)),
    "slope_bend": FitParameter(0.03, "1", (-0.5, 0.5)),
    "rest_kappa": FitParameter(0.72, "1", (0.3, 1.5), vary=False),
    "i_spec": FitParameter(1e-8, "A", (1e-9, 1e-3), scale="log"),
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
    times = np.linspace(0.0, float(trace.times[-1]), FITTED_SAMPLES)
    current = np.maximum(np.interp(times, trace.times, trace.i_ahp), 1e-30)
    stimulus = SynapseRequest(biases, request.conditions, request.process, spikes, tuple(times.tolist()))
    return SynapseTrace(stimulus, current, float("nan"), trace.i_ahp_rest, trace.solve_seconds)


def fit_adaptation(traces: Sequence[NeuronTrace]) -> FitResult:
    """Fit the adaptation currents of all traces jointly: bursts with their decay, and long trains."""
    return fit_traces([as_synapse(t) for t in traces], {}, QUANTITIES, START, tolerance=TOLERANCE)
