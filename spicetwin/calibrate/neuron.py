"""Joint fit of the behavioural DPI neuron to transistor-level spike times over a box of biases.

The membrane is a scalar equation, so the time to threshold under a constant input is one integral,
t = integral of dy / (dy/dt); latencies and intervals of all bias points share one set of laws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from calibration.fit import Criteria, Dataset, FitParameter, FitResult, fit
from circuits.families.dpi import DpiNeuron as DpiNeuronCircuit
from circuits.testbench import Conditions
from pysim.neurons.dpi import DpiNeuron, rate
from spicetwin.calibrate.block import (
    T_REF,
    Quantities,
    Quantity,
    leak,
    leak_start,
    mirror,
    mirror_start,
)
from spicetwin.calibrate.design import Box, Range
from spicetwin.calibrate.neuron_trace import NeuronRequest, NeuronTrace, constant

FloatArray = NDArray[np.float64]

#: Biases and temperature over which the neuron is calibrated.
BOX: Box = {
    "i_tau": Range(3e-12, 15e-12, "A"),
    "i_gain": Range(70e-12, 150e-12, "A"),
    "i_threshold": Range(0.7e-9, 1.5e-9, "A"),
    "i_refractory": Range(0.2e-9, 1e-9, "A"),
    "temperature": Range(263.15, 323.15, "K", log=False),
}

#: Leak over which the neuron is fitted: adaptation adds to it, so the fit must know more than the table admits.
DESIGN_BOX: Box = {**BOX, "i_tau": Range(3e-12, 30e-12, "A")}

#: Input current over the rheobase of the start values.
OVERDRIVE = Range(1.05, 7.0, "1")

#: Weight current that switches the adaptation off (A).
NO_ADAPTATION = 1e-15

#: Errors that a fit counts as one sigma (in ln): interval, first latency, rest, threshold.
INTERVAL_ERROR = 0.003
LATENCY_ERROR = 0.01
REST_ERROR = 0.05
THRESHOLD_ERROR = 0.1

#: Data set -> table quantity of what a trace shows directly.
DIRECT: Mapping[str, str] = {"i_rest": "i_floor", "threshold": "i_threshold"}

#: Simulated time over that of two intervals of the uncalibrated twin.
ROOM = 3.4

#: Smallest dy/dt, in 1/tau, of a bounded time to threshold.
SLOWEST = 1e-3

#: Points of the time-to-threshold integral; its error is below 1e-5.
QUADRATURE = 400
NODES, WEIGHTS = np.polynomial.legendre.leggauss(QUADRATURE // 4)

QUANTITIES: Quantities = {
    **leak(DpiNeuronCircuit().c_mem),
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
            "offset": 0.0,
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
    "slope_ratio": Quantity("1", "constant", {"value": "slope_ratio"}),
    "input_exponent": Quantity("1", "constant", {"value": "input_exponent"}),
}

START: Mapping[str, FitParameter] = {
    **leak_start(),
    **mirror_start("gain", 1.23),
    "gain_coefficient": FitParameter(0.0, "1/K", (-0.05, 0.05), vary=False),
    "gain_floor": FitParameter(1e-13, "A", (1e-17, 1e-10), vary=False, scale="log"),
    "threshold_scale": FitParameter(1.1, "1", (0.2, 5.0), scale="log"),
    "refractory_charge": FitParameter(7e-13, "C", (1e-14, 1e-11), scale="log"),
    "refractory_coefficient": FitParameter(0.0, "1/K", (-0.05, 0.05)),
    "i_floor": FitParameter(4.7e-13, "A", (1e-17, 1e-10), scale="log"),
    "floor_activation": FitParameter(0.5, "eV", (0.05, 1.5)),
    "reset_release": FitParameter(0.6, "1", (-3.0, 10.0)),
    "reset_exponent": FitParameter(0.8, "1", (-2.0, 3.0)),
    "input_exponent": FitParameter(1.01, "1", (0.8, 1.2)),
    "slope_ratio": FitParameter(1.14, "1", (0.5, 2.0)),
}


def start_values() -> dict[str, float]:
    """Start values of all parameters."""
    return {name: float(p.value) for name, p in START.items() if not isinstance(p.value, Mapping)}


def twin(parameters: Mapping[str, float], at: Mapping[str, float]) -> DpiNeuron:
    """Behavioural neuron without adaptation at biases and temperature ``at``."""
    v = {name: q.value(parameters, at) for name, q in QUANTITIES.items()}
    return DpiNeuron(
        tau=v["tau"],
        i_tau=v["i_tau"],
        i_gain=v["i_gain"],
        i_threshold=v["i_threshold"],
        i_reset=v["i_reset"],
        i_floor=v["i_floor"],
        t_refractory=v["t_refractory"],
        slope_ratio=v["slope_ratio"],
        input_exponent=v["input_exponent"],
    )


def time_to_threshold(
    neuron: DpiNeuron, i_in: float, *, from_rest: bool = False, bounded: bool = False
) -> float:
    """Seconds from reset (or from rest) to threshold under a constant input; infinite below rheobase.

    ``bounded`` gives a long finite time there instead, so that a fit finds its way back above rheobase.
    Gauss-Legendre quadrature of 1 / (dy/dt) over y = ln(I_m / I_g), split where the growth ends.
    """
    q = neuron.parameters()
    start = float(neuron.array("i_floor" if from_rest else "i_reset"))
    low, high = np.log(start / float(neuron.array("i_gain"))), float(q[4, 0])
    edges = np.linspace(low, high, 5)
    half = 0.5 * np.diff(edges)[:, None]
    y = (edges[:-1, None] + half * (NODES + 1.0)).ravel()
    speed = rate(0, q, neuron.feedback_grid(), y, np.full_like(y, i_in), np.zeros_like(y))
    if (speed <= 0.0).any() and not bounded:
        return float("inf")
    slowest = SLOWEST / float(q[0, 0])
    return float((half * WEIGHTS).ravel() @ (1.0 / np.maximum(speed, slowest)))


def calibration_request(point: Mapping[str, float], process: str, temperature: float) -> NeuronRequest:
    """Constant input long enough for two spikes, judged by the uncalibrated twin."""
    biases = {k: v for k, v in point.items() if k not in ("temperature", "overdrive")}
    neuron = twin(start_values(), {**biases, "temperature": temperature})
    i_in = point["overdrive"] * float(neuron.rheobase())
    interval = time_to_threshold(neuron, i_in) + float(neuron.array("t_refractory"))
    return NeuronRequest(
        {**biases, "i_weight_ahp": NO_ADAPTATION},
        Conditions(temperature=temperature),
        process,
        constant(i_in),
        ROOM * interval,
        spikes=2,
    )


def fit_intervals(traces: Sequence[NeuronTrace]) -> FitResult:
    """Joint fit of intervals, latencies, thresholds and resting currents of all traces."""

    def model(parameters: Mapping[str, float], dataset: Dataset) -> FloatArray:
        if dataset.name in DIRECT:
            law = QUANTITIES[DIRECT[dataset.name]]
            names = tuple(dataset.x)
            rows = zip(*dataset.x.values(), strict=True)
            return np.array([law.value(parameters, dict(zip(names, row, strict=True))) for row in rows])
        neuron = twin(parameters, {k: float(v) for k, v in dataset.conditions.items()})
        i_in = float(dataset.x["i_in"][0])
        first = time_to_threshold(neuron, i_in, from_rest=True, bounded=True)
        later = time_to_threshold(neuron, i_in, bounded=True) + float(neuron.array("t_refractory"))
        return np.array([first, later])

    datasets = [_interval_dataset(trace, k) for k, trace in enumerate(traces)]
    return fit(
        model,
        [*datasets, *_direct_datasets(traces)],
        START,
        step=1e-5,
        tolerance=1e-9,
        max_evaluations=200,
        criteria=Criteria(max_redchi=4.0),
    )


def _direct_datasets(traces: Sequence[NeuronTrace]) -> list[Dataset]:
    """Quantities that a trace shows directly."""
    temperature = np.array([t.request.conditions.temperature for t in traces])

    def direct(name: str, values: list[float], sigma: float, bias: str | None = None) -> Dataset:
        x = {"temperature": temperature}
        if bias is not None:
            x = {bias: np.array([t.request.biases[bias] for t in traces]), **x}
        return Dataset(name, x=x, y=np.array(values), sigma=sigma, likelihood="lognormal")

    return [
        direct("i_rest", [t.i_rest for t in traces], REST_ERROR),
        direct("threshold", [t.i_threshold for t in traces], THRESHOLD_ERROR, "i_threshold"),
    ]


def _interval_dataset(trace: NeuronTrace, number: int) -> Dataset:
    request = trace.request
    biases = {k: v for k, v in request.biases.items() if k in BOX}
    return Dataset(
        f"intervals{number}",
        x={"i_in": np.array([request.levels[-1][1]])},
        y=np.array([trace.spikes[0], trace.spikes[1] - trace.spikes[0]]),
        sigma=np.array([LATENCY_ERROR, INTERVAL_ERROR]),
        likelihood="lognormal",
        conditions={**biases, "temperature": request.conditions.temperature},
    )
