"""Joint fit of the behavioural DPI synapse to transistor-level traces over a box of biases and temperatures.

All traces share one set of law parameters (``calibration.laws.dpi_bias``): the result is no look-up
table of fits but one physical model of the block, whose covariance covers the whole box.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from calibration.fit import Criteria, Dataset, FitParameter, FitResult, fit
from circuits.families.dpi import DpiSynapse as DpiSynapseCircuit
from pysim.synapses.dpi import DpiSynapse
from spicetwin.calibrate.block import T_REF, Quantities, Quantity, leak, leak_start, mirror, mirror_start
from spicetwin.calibrate.design import Box, Range
from spicetwin.calibrate.synapse_trace import SynapseTrace

FloatArray = NDArray[np.float64]

#: Biases and temperature over which the synapse is calibrated.
BOX: Box = {
    "i_tau": Range(0.5e-12, 50e-12, "A"),
    "i_gain": Range(8e-12, 60e-12, "A"),
    "i_weight": Range(8e-9, 50e-9, "A"),
    "i_pulse": Range(2e-9, 4.5e-9, "A"),
    "temperature": Range(258.15, 328.15, "K", log=False),
}

#: Twin error expected of a trace, relative to its peak; sets the scale of the residuals.
MODEL_ERROR = 0.003

#: Independent values in the residual of one trace: it is smooth, so its samples are not independent.
EFFECTIVE_POINTS = 8

#: Data set of the resting currents, and the error expected of their law (in ln).
REST = "i_rest"
REST_ERROR = 0.05


def block_quantities(capacitor: float) -> Quantities:
    """Table quantities of a DPI block with this state capacitor (F)."""
    return {
        **leak(capacitor),
        "i_gain": mirror("gain", "dpi_gain", 2e-11, i_floor="gain_floor", activation="floor_activation"),
        "i_weight": mirror("weight", "dpi_weight", 1e-8),
        "t_pulse": Quantity(
            "s",
            "dpi_pulse_width",
            {
                "offset": 0.0,
                "charge": "pulse_charge",
                "coefficient": "pulse_coefficient",
                "temperature_ref": T_REF,
            },
        ),
        "i_floor": Quantity(
            "A",
            "arrhenius",
            {"value_ref": "i_floor", "activation": "floor_activation", "temperature_ref": T_REF},
        ),
        "slope_ratio": Quantity("1", "constant", {"value": "slope_ratio"}),
        "kappa": Quantity("1", "constant", {"value": "rest_kappa"}),
        "i_spec": Quantity("A", "constant", {"value": "i_spec"}),
    }


QUANTITIES = block_quantities(DpiSynapseCircuit().c_syn)

#: Start value, unit, bounds and scale of every parameter of the trace fit.
START: Mapping[str, FitParameter] = {
    **leak_start(),
    **mirror_start("gain", 1.1),
    "gain_floor": FitParameter(3e-13, "A", (1e-17, 1e-10), scale="log"),
    **mirror_start("weight", 1.1),
    "i_floor": FitParameter(3.5e-13, "A", (1e-17, 1e-10), scale="log"),
    "floor_activation": FitParameter(0.5, "eV", (0.05, 1.5)),
    "slope_ratio": FitParameter(1.06, "1", (0.5, 2.0)),
    "rest_kappa": FitParameter(0.72, "1", (0.3, 1.5)),
    "i_spec": FitParameter(4e-7, "A", (1e-9, 1e-3), scale="log"),
}

PULSE_START: Mapping[str, FitParameter] = {
    "pulse_charge": FitParameter(1.4e-13, "C", (1e-15, 1e-11), scale="log"),
    "pulse_coefficient": FitParameter(1e-3, "1/K", (-0.05, 0.05)),
}


def twin(
    parameters: Mapping[str, float], at: Mapping[str, float], quantities: Quantities = QUANTITIES
) -> DpiSynapse:
    """Behavioural synapse at biases and temperature ``at``."""
    return DpiSynapse(**{name: q.value(parameters, at) for name, q in quantities.items()})


def fit_pulse_width(traces: Sequence[SynapseTrace]) -> FitResult:
    """Width of the extended pulse against its bias and temperature, as measured in the traces."""
    data = Dataset(
        "t_pulse",
        x={
            "i_pulse": np.array([t.request.biases["i_pulse"] for t in traces]),
            "temperature": np.array([t.request.conditions.temperature for t in traces]),
        },
        y=np.array([t.t_pulse for t in traces]),
        sigma=0.005,
        likelihood="lognormal",
    )
    width = QUANTITIES["t_pulse"]

    def model(parameters: Mapping[str, float], dataset: Dataset) -> FloatArray:
        points = zip(dataset.x["i_pulse"], dataset.x["temperature"], strict=True)
        return np.array([width.value(parameters, {"i_pulse": i, "temperature": t}) for i, t in points])

    return fit(model, [data], PULSE_START)


def trace_dataset(trace: SynapseTrace, number: int) -> Dataset:
    """Data set of one trace; its noise is the expected twin error, spread over correlated samples."""
    n = trace.current.size
    peak = float(trace.current.max())
    request = trace.request
    return Dataset(
        f"trace{number}",
        x={"spikes": np.asarray(request.spikes), "times": np.asarray(request.times)},
        y=trace.current,
        sigma=MODEL_ERROR * peak * np.sqrt(n / EFFECTIVE_POINTS),
        conditions={**request.biases, "temperature": request.conditions.temperature},
    )


def rest_dataset(traces: Sequence[SynapseTrace]) -> Dataset:
    """Resting currents of all traces: without them the floor hides under the peaks."""
    return Dataset(
        REST,
        x={"temperature": np.array([t.request.conditions.temperature for t in traces])},
        y=np.array([t.i_rest for t in traces]),
        sigma=REST_ERROR,
        likelihood="lognormal",
    )


def fit_traces(
    traces: Sequence[SynapseTrace],
    fixed: Mapping[str, float],
    quantities: Quantities = QUANTITIES,
    start: Mapping[str, FitParameter] = START,
    *,
    tolerance: float = 1e-9,
) -> FitResult:
    """Fit all traces jointly; parameters of ``fixed`` (here the pulse width's) are known already.

    ``tolerance``: relative change of the deviance at which the fit ends.
    """
    rest = quantities["i_floor"]

    def model(parameters: Mapping[str, float], dataset: Dataset) -> FloatArray:
        if dataset.name == REST:
            temperatures = dataset.x["temperature"]
            return np.array([rest.value(parameters, {"temperature": float(t)}) for t in temperatures])
        at = {k: float(v) for k, v in dataset.conditions.items()}
        return twin({**fixed, **parameters}, at, quantities).run(dataset.x["spikes"], dataset.x["times"])

    datasets = [*(trace_dataset(t, k) for k, t in enumerate(traces)), rest_dataset(traces)]
    return fit(model, datasets, start, step=1e-5, tolerance=tolerance, criteria=Criteria(max_redchi=4.0))
