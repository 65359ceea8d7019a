"""Transistor-level spike times and currents of the DPI neuron for constant input currents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from circuits.deck import Simulator
from circuits.families.dpi_deck import LEAD
from circuits.families.dpi_neuron import NeuronResponse, NeuronTraces
from circuits.ngspice.errors import MeasureFailed
from circuits.process import get_process
from circuits.testbench import Conditions

FloatArray = NDArray[np.float64]

#: Rise time of an input step (s).
STEP = 1e-6

#: Membrane currents, over the bias i_threshold, at which the currents of a rise are read.
LEVELS = (0.03, 0.07, 0.15, 0.3, 0.45, 0.6, 0.7, 0.8, 0.87, 0.93)

#: Lead on the output spike at which the membrane current counts as the threshold (s). Later the positive
#: feedback drives it; a comparator that switches at once would not know of it.
TAKE_OFF = 30e-6


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
class Rise:
    """Currents (A) while the membrane rises to the last spike, at the times that reach ``LEVELS``."""

    i_mem: FloatArray
    i_leak: FloatArray
    i_pair: FloatArray


@dataclass(frozen=True)
class NeuronTrace:
    """What a simulation gave.

    ``spikes`` from the end of the lead-in (s); sampled ``times`` (s), ``i_mem`` and ``i_ahp`` (A); the last
    rise; resting currents (A); ``i_threshold``, the membrane current before its last take-off (A), NaN
    without spikes.
    """

    request: NeuronRequest
    spikes: FloatArray
    times: FloatArray
    i_mem: FloatArray
    i_ahp: FloatArray
    rise: Rise
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
        i_threshold = float(np.interp(float(waves.spikes[-1]) - TAKE_OFF, waves.t, waves.i_mem))
    return NeuronTrace(
        request,
        spikes,
        times,
        np.interp(times + LEAD, waves.t, waves.i_mem),
        np.interp(times + LEAD, waves.t, waves.i_ahp),
        _last_rise(waves, bench.dut.i_threshold),
        float(np.interp(rest, waves.t, waves.i_mem)),
        float(np.interp(rest, waves.t, waves.i_ahp)),
        i_threshold,
        result.solve_seconds,
    )


def _last_rise(waves: NeuronTraces, i_threshold: float) -> Rise:
    """Currents at the simulator's first time point above each level; empty without spikes."""
    levels = i_threshold * np.array(LEVELS)
    if waves.spikes.size == 0:
        return Rise(np.empty(0), np.empty(0), np.empty(0))
    end = int(np.searchsorted(waves.t, waves.spikes[-1] - TAKE_OFF))
    start = int(np.flatnonzero(waves.i_mem[:end] < levels[0])[-1])
    at = start + np.searchsorted(np.maximum.accumulate(waves.i_mem[start:end]), levels)
    at = at[at < end]
    return Rise(waves.i_mem[at], waves.i_leak[at], waves.i_pair[at])
