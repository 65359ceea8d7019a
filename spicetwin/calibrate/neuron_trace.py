"""Transistor-level spike times and adaptation current of the DPI neuron for constant input currents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from circuits.deck import Simulator
from circuits.families.dpi_deck import LEAD
from circuits.families.dpi_neuron import BEFORE, NeuronResponse
from circuits.ngspice.errors import MeasureFailed
from circuits.process import get_process
from circuits.testbench import Conditions

FloatArray = NDArray[np.float64]

#: Rise time of an input step (s).
STEP = 1e-6


@dataclass(frozen=True)
class NeuronRequest:
    """One simulation: biases (A), conditions, input current as (time, value) corners (s, A), duration (s).

    Times count from the end of the lead-in. ``spikes`` is the number that the result must hold.
    """

    biases: Mapping[str, float]
    conditions: Conditions
    process: str
    levels: tuple[tuple[float, float], ...]
    duration: float
    spikes: int = 1
    samples: int = 0


@dataclass(frozen=True)
class NeuronTrace:
    """What a simulation gave.

    ``spikes`` from the end of the lead-in (s); sampled ``times`` (s), ``i_mem`` and ``i_ahp`` (A); resting
    currents (A); ``i_threshold``, the membrane current just before the last spike (A), NaN without spikes.
    """

    request: NeuronRequest
    spikes: FloatArray
    times: FloatArray
    i_mem: FloatArray
    i_ahp: FloatArray
    i_rest: float
    i_ahp_rest: float
    i_threshold: float
    solve_seconds: float


def constant(value: float) -> tuple[tuple[float, float], ...]:
    """Input step at time 0."""
    return ((0.0, 0.0), (STEP, float(value)))


def simulate_neuron(simulator: Simulator, request: NeuronRequest) -> NeuronTrace:
    """Run the request; called in a worker."""
    process = get_process(request.process)
    shifted = tuple((LEAD + float(t), float(i)) for t, i in request.levels)
    bench = replace(
        NeuronResponse().at(request.biases),
        input_levels=((0.0, shifted[0][1]), *shifted),
        t_stop=LEAD + float(request.duration),
    )
    result = simulator.run(bench.deck(process, request.conditions))
    waves = bench.traces(result, process, request.conditions)
    spikes = waves.spikes - LEAD
    if spikes.size < request.spikes:
        raise MeasureFailed(f"{spikes.size} spikes within {request.duration:g} s; needed: {request.spikes}")
    times = np.linspace(0.0, request.duration, request.samples)
    rest = 0.5 * LEAD
    i_threshold = float("nan")
    if spikes.size:
        i_threshold = float(np.interp(float(waves.spikes[-1]) - BEFORE, waves.t, waves.i_mem))
    return NeuronTrace(
        request,
        spikes,
        times,
        np.interp(times + LEAD, waves.t, waves.i_mem),
        np.interp(times + LEAD, waves.t, waves.i_ahp),
        float(np.interp(rest, waves.t, waves.i_mem)),
        float(np.interp(rest, waves.t, waves.i_ahp)),
        i_threshold,
        result.solve_seconds,
    )
