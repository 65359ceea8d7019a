"""Transistor-level output current of the DPI synapse for given input spikes, sampled for a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from circuits.deck import Simulator
from circuits.families.dpi_deck import LEAD, rough_tau
from circuits.families.dpi_synapse import SynapseResponse
from circuits.measure import pulse_width
from circuits.ngspice.errors import MeasureFailed
from circuits.process import get_process
from circuits.testbench import Conditions

FloatArray = NDArray[np.float64]


#: Calibration spikes, in time constants after the first.
PATTERN = (0.0, 1.0, 1.3, 1.5, 1.6, 3.0, 3.2, 5.0)


@dataclass(frozen=True)
class SynapseRequest:
    """One simulation: biases of the dut (A), conditions, spike times after rest (s), sample times (s).

    Times count from the end of the lead-in, in which the circuit rests.
    """

    biases: Mapping[str, float]
    conditions: Conditions
    process: str
    spikes: tuple[float, ...]
    times: tuple[float, ...]


@dataclass(frozen=True)
class SynapseTrace:
    """Sampled output current (A), first pulse width (s; NaN if not alone), rest (A), solve time (s)."""

    request: SynapseRequest
    current: FloatArray
    t_pulse: float
    i_rest: float
    solve_seconds: float


def simulate_synapse(simulator: Simulator, request: SynapseRequest) -> SynapseTrace:
    """Run the request; called in a worker."""
    process = get_process(request.process)
    bench = replace(
        SynapseResponse().at(request.biases),
        spike_times=tuple(LEAD + float(t) for t in request.spikes),
        t_stop=LEAD + float(request.times[-1]),
    )
    result = simulator.run(bench.deck(process, request.conditions))
    waves = bench.traces(result, process, request.conditions)
    current = np.maximum(waves.i_syn, 1e-30)
    sampled = np.exp(np.interp(np.asarray(request.times) + LEAD, waves.t, np.log(current)))
    pulse = result.analyses[0]["xdut.pulse"]
    half = 0.5 * (process.supply if request.conditions.supply is None else request.conditions.supply)
    # The first pulse starts from rest; where the second comes too soon, it has no width of its own.
    until = request.spikes[1] if len(request.spikes) > 1 else request.times[-1]
    alone = waves.t < LEAD + until
    try:
        width = pulse_width(waves.t[alone], pulse[alone], half)
    except MeasureFailed:
        width = float("nan")
    return SynapseTrace(
        request,
        sampled,
        width,
        float(np.interp(0.5 * LEAD, waves.t, current)),
        result.solve_seconds,
    )


def calibration_request(
    biases: Mapping[str, float], conditions: Conditions, process: str, samples: int = 300
) -> SynapseRequest:
    """Spikes that visit floor, low-current regime, summation in a burst, and recovery, in units of tau."""
    dut = SynapseResponse().at(biases).dut
    tau = rough_tau(dut.c_syn, dut.i_tau, conditions.temperature)
    pulse = dut.c_pulse * 1.8 / dut.i_pulse
    first = 2 * pulse
    spikes = tuple(first + gap * max(tau, 6 * pulse) for gap in PATTERN)
    times = tuple(np.linspace(0.0, spikes[-1] + 4 * tau, samples).tolist())
    return SynapseRequest(dict(biases), conditions, process, spikes, times)
