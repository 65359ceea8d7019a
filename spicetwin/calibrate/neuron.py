"""The behavioural DPI neuron over a box of biases: laws of its quantities, start values, what to simulate."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from calibration.fit import FitParameter
from circuits.families.dpi import DpiNeuron as DpiNeuronCircuit
from circuits.testbench import Conditions
from pysim.neurons.dpi import DpiNeuron, rate
from spicetwin.calibrate.block import (
    T_REF,
    Quantities,
    Quantity,
    mirror,
    mirror_start,
)
from spicetwin.calibrate.design import Box, Range
from spicetwin.calibrate.neuron_trace import NeuronRequest, constant

FloatArray = NDArray[np.float64]

#: Biases and temperature over which the neuron is calibrated.
BOX: Box = {
    "i_tau": Range(3e-12, 15e-12, "A"),
    "i_gain": Range(70e-12, 150e-12, "A"),
    "i_threshold": Range(0.7e-9, 1.5e-9, "A"),
    "i_refractory": Range(0.2e-9, 1e-9, "A"),
    "temperature": Range(263.15, 323.15, "K", log=False),
}

#: Input current over the rheobase of the start values: without and with adaptation.
OVERDRIVE = Range(1.05, 7.0, "1")
ADAPTING_OVERDRIVE = Range(1.3, 6.0, "1")

#: Weight current that switches the adaptation off (A).
NO_ADAPTATION = 1e-15

#: Simulated time over that of two intervals of the uncalibrated twin; longest with adaptation (s).
ROOM = 3.4
ADAPTING_DURATION = 0.1

#: Samples of the adaptation current.
SAMPLES = 1500

#: Points of the time-to-threshold integral; its error is below 1e-5.
QUADRATURE = 400
NODES, WEIGHTS = np.polynomial.legendre.leggauss(QUADRATURE // 4)

QUANTITIES: Quantities = {
    "tau": mirror("leak", "dpi_tau_mirrored", 5e-12, c_syn=DpiNeuronCircuit().c_mem, kappa="kappa", unit="s"),
    "i_tau": mirror("leak", "dpi_leak_mirrored", 5e-12),
    "i_gain": mirror("gain", "dpi_gain", 1e-10, i_floor="gain_floor", activation="floor_activation"),
    "i_threshold": Quantity(
        "A",
        "dpi_threshold",
        {
            "scale": "threshold_scale",
            "coefficient": 0.0,
            "temperature_ref": T_REF,
        },
    ),
    "t_refractory": Quantity(
        "s",
        "dpi_refractory_time",
        {
            "offset": "refractory_offset",
            "charge": "refractory_charge",
            "coefficient": "refractory_coefficient",
            "temperature_ref": T_REF,
        },
    ),
    "i_floor": Quantity(
        "A",
        "arrhenius",
        {"value_ref": "i_floor", "activation": "floor_activation", "temperature_ref": T_REF},
    ),
    "i_reset": Quantity(
        "A",
        "dpi_reset_current",
        {
            "i_floor": "i_floor",
            "activation": "floor_activation",
            "release": "reset_release",
            "exponent": "reset_exponent",
            "current_ref": 4e-10,
            "temperature_ref": T_REF,
        },
    ),
    "slope_ratio": Quantity(
        "1",
        "linear_temperature",
        {"value_ref": "slope_ratio", "coefficient": "slope_coefficient", "temperature_ref": T_REF},
    ),
    "i_spec": Quantity("A", "constant", {"value": "i_spec"}),
    "i_spec_pair": Quantity("A", "constant", {"value": "i_spec_pair"}),
    "leak_slope": Quantity("1", "constant", {"value": "leak_slope"}),
}

START: Mapping[str, FitParameter] = {
    "kappa": FitParameter(0.74, "1", (0.3, 1.0)),
    **mirror_start("leak", 1.01),
    **mirror_start("gain", 1.09),
    "gain_floor": FitParameter(1e-13, "A", (1e-17, 1e-10), vary=False, scale="log"),
    "threshold_scale": FitParameter(0.957, "1", (0.2, 5.0), scale="log"),
    "refractory_offset": FitParameter(2e-5, "s", (-1e-2, 1e-2)),
    "refractory_charge": FitParameter(7e-13, "C", (1e-14, 1e-11), scale="log"),
    "refractory_coefficient": FitParameter(0.0, "1/K", (-0.05, 0.05)),
    "i_floor": FitParameter(4.7e-13, "A", (1e-17, 1e-10), scale="log"),
    "floor_activation": FitParameter(0.5, "eV", (0.05, 1.5)),
    "reset_release": FitParameter(0.6, "1", (-3.0, 10.0)),
    "reset_exponent": FitParameter(0.8, "1", (-2.0, 3.0)),
    "slope_ratio": FitParameter(1.107, "1", (0.5, 2.0)),
    "slope_coefficient": FitParameter(0.0, "1/K", (-0.01, 0.01)),
    "i_spec": FitParameter(8e-8, "A", (1e-9, 1e-4), scale="log"),
    "i_spec_pair": FitParameter(1e-7, "A", (1e-9, 1e-4), scale="log"),
    "leak_slope": FitParameter(0.004, "1", (-0.05, 0.05)),
}


def start_values() -> dict[str, float]:
    """Start values of all parameters."""
    return {name: float(p.value) for name, p in START.items() if not isinstance(p.value, Mapping)}


def twin(parameters: Mapping[str, float], at: Mapping[str, float]) -> DpiNeuron:
    """Behavioural neuron without adaptation at biases and temperature ``at``."""
    return twins(parameters, {name: np.array([value]) for name, value in at.items()})


def twins(parameters: Mapping[str, float], at: Mapping[str, FloatArray]) -> DpiNeuron:
    """Behavioural neurons without adaptation at arrays of biases and temperatures."""
    v = {name: q.values(parameters, at) for name, q in QUANTITIES.items()}
    return DpiNeuron(
        tau=v["tau"],
        i_tau=v["i_tau"],
        i_gain=v["i_gain"],
        i_threshold=v["i_threshold"],
        i_reset=v["i_reset"],
        i_floor=v["i_floor"],
        t_refractory=v["t_refractory"],
        slope_ratio=v["slope_ratio"],
        i_spec=v["i_spec"],
        i_spec_pair=v["i_spec_pair"],
        leak_slope=v["leak_slope"],
    )


def time_to_threshold(neuron: DpiNeuron, i_in: float, *, from_rest: bool = False) -> float:
    """Seconds from reset (or from rest) to threshold under a constant input; infinite below rheobase.

    One neuron. Gauss-Legendre quadrature of 1 / (dy/dt) over y = ln(x / I_g), split where the growth ends.
    """
    q = neuron.parameters()
    low, high = float(np.log(q[7, 0]) if from_rest else q[5, 0]), float(q[4, 0])
    edges = np.linspace(low, high, 5)
    half = 0.5 * np.diff(edges)[:, None]
    y = (edges[:-1, None] + half * (NODES + 1.0)).ravel()
    speed = rate(0, q, neuron.feedback_grid(), y, np.full_like(y, i_in), np.zeros_like(y))
    if (speed <= 0.0).any():
        return float("inf")
    return float((half * WEIGHTS).ravel() @ (1.0 / speed))


def calibration_request(
    point: Mapping[str, float], process: str, adapting: Mapping[str, float] | None = None
) -> NeuronRequest:
    """Constant input for two spikes, or with the biases of the adaptation (A) for ADAPTING_DURATION.

    ``point`` holds the biases of BOX, ``temperature`` (K) and ``overdrive``, the input over the rheobase as the
    uncalibrated twin has it.
    """
    temperature = point["temperature"]
    biases = {k: v for k, v in point.items() if k not in ("temperature", "overdrive")}
    neuron = twin(start_values(), {**biases, "temperature": temperature})
    i_in = point["overdrive"] * float(neuron.rheobase()[0])
    interval = time_to_threshold(neuron, i_in) + float(neuron.array("t_refractory")[0])
    off = {"i_weight_ahp": NO_ADAPTATION}
    return NeuronRequest(
        {**biases, **(off if adapting is None else adapting)},
        Conditions(temperature=temperature),
        process,
        constant(i_in),
        ROOM * interval if adapting is None else max(ADAPTING_DURATION, ROOM * interval),
        spikes=2,
        samples=SAMPLES,
    )
