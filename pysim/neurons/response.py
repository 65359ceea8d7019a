"""Response of single neurons to an input current that is constant between given times."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from pysim.errors import ModelError
from pysim.integrators import TOLERANCE, Problem, State, Trains, integrate
from pysim.neurons.dpi import DpiNeuron
from pysim.synapses.dpi import Backend


def response(
    neuron: DpiNeuron,
    steps: Sequence[tuple[float, float]],
    until: float,
    *,
    tolerance: float = TOLERANCE,
    backend: Backend = "numba",
) -> Trains:
    """Spike times (s) of a batch of neurons, one train an instance, from rest at time 0.

    Parameters
    ----------
    neuron
        Neurons of any shape.
    steps
        (time, current) pairs: from this time on the input is this current (s, A); zero before the first.
    until
        Duration (s).

    Raises
    ------
    ModelError
        When times do not ascend, or a value is not finite.
    """
    times = np.array([time for time, _ in steps] + [until])
    values = np.array([0.0] + [current for _, current in steps])
    if not (np.isfinite(times).all() and np.isfinite(values).all()) or (np.diff(times) < 0.0).any():
        raise ModelError("response: steps need finite currents at finite, ascending times up to the end")
    n = int(np.prod(neuron.shape))
    none = Trains(np.empty(0), np.zeros(1, dtype=np.int64))
    problem = Problem.build(neuron, 0.0, (), (), np.empty((0, n), dtype=np.int64))
    state = State.rest(problem)
    state.y = np.log(problem.neuron[7])
    index: list[np.ndarray] = []
    found: list[np.ndarray] = []
    for value, end in zip(values, np.maximum(times, 0.0), strict=True):
        driven = dataclasses.replace(problem, i_in=np.full(n, value))
        rows, at = integrate(driven, state, none, float(end), tolerance=tolerance, backend=backend)
        index.append(rows)
        found.append(at)
    return Trains.from_events(np.concatenate(index), np.concatenate(found), n)
