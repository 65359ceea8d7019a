"""Times from release to threshold of the behavioural neuron, for many intervals at once.

The membrane is a scalar equation; the adaptation current enters as the transistor level has it, so that the
fit of the neuron does not inherit the errors of the adaptation's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pysim.neurons.dpi import DpiNeuron, rate
from pysim.synapses.dpi import Backend
from spicetwin.calibrate.neuron_trace import STEP, NeuronTrace

FloatArray = NDArray[np.float64]

#: Runge-Kutta steps of an interval; 1600 move an interval by 0.07 % (rms of 376), the slowest by 0.7 %.
STEPS = 200

#: Smallest dy/dt (1/s) by which an error of the current counts as one of time.
SLOWEST = 5.0

#: Intervals of a train that count; later ones repeat the steady state.
MOST = 8


@dataclass(frozen=True)
class Intervals:
    """Intervals of the transistor level, one an element.

    Attributes
    ----------
    at
        Biases (A) and temperature (K) by name, each of shape (n,).
    i_in
        Constant input current (A), shape (n,).
    begin, end
        Spike or input step that begins the interval, spike that ends it (s), shape (n,).
    shunt
        Adaptation current (A), shape (n, samples), at equidistant times from 0 to ``duration``.
    duration
        Time of the last sample (s), shape (n,).
    """

    at: Mapping[str, FloatArray]
    i_in: FloatArray
    begin: FloatArray
    end: FloatArray
    shunt: FloatArray
    duration: FloatArray

    @property
    def length(self) -> FloatArray:
        """Length of each interval (s)."""
        return self.end - self.begin

    def shunt_at(self, times: FloatArray) -> FloatArray:
        """Adaptation current at one time for each interval (A)."""
        position = times * ((self.shunt.shape[1] - 1) / self.duration)
        k = np.clip(position.astype(np.int64), 0, self.shunt.shape[1] - 2)
        f = position - k
        rows = np.arange(k.size)
        return np.asarray((1.0 - f) * self.shunt[rows, k] + f * self.shunt[rows, k + 1])


def between_spikes(traces: Sequence[NeuronTrace]) -> Intervals:
    """The inter-spike intervals of traces with a constant input."""
    return _intervals(
        [
            (trace, float(first), float(second))
            for trace in traces
            for first, second in zip(trace.spikes[:MOST], trace.spikes[1 : MOST + 1], strict=False)
        ]
    )


def to_first_spike(traces: Sequence[NeuronTrace]) -> Intervals:
    """From the middle of the input step to the first spike."""
    return _intervals([(trace, 0.5 * STEP, float(trace.spikes[0])) for trace in traces])


def _intervals(found: Sequence[tuple[NeuronTrace, float, float]]) -> Intervals:
    requests = [trace.request for trace, _, _ in found]
    names = requests[0].biases
    at = {name: np.array([r.biases[name] for r in requests]) for name in names}
    return Intervals(
        at | {"temperature": np.array([r.conditions.temperature for r in requests])},
        np.array([r.levels[-1][1] for r in requests]),
        np.array([begin for _, begin, _ in found]),
        np.array([end for _, _, end in found]),
        np.array([trace.i_ahp for trace, _, _ in found]),
        np.array([r.duration for r in requests]),
    )


def relative_error(
    neuron: DpiNeuron, intervals: Intervals, *, from_rest: bool = False, backend: Backend = "numba"
) -> FloatArray:
    """Time by which the neuron's crossing is late, over the length of the interval, shape (n,).

    The neuron starts at its reset current when it is released (``from_rest``: at its floor, at once), is
    integrated to the end of the interval, and what is then missing to the threshold counts by its rate there.
    """
    q, grid, code = neuron.parameters(), neuron.feedback_grid(), neuron.feedback.code
    y = np.log(q[7]) if from_rest else q[5].copy()
    start = intervals.begin + (0.0 if from_rest else q[6])
    span = intervals.end - start
    if backend == "numpy":
        y = _rise(neuron, intervals, y, start, span)
    else:
        from pysim.kernels.dpi import rise_all

        rise: Callable[..., FloatArray] = rise_all
        y = rise(q, code, grid, intervals.i_in, y, start, span, intervals.shunt, intervals.duration, STEPS)
    at_end = rate(code, q, grid, q[4], intervals.i_in, intervals.shunt_at(start + span))
    return np.asarray((q[4] - y) / np.maximum(at_end, SLOWEST) / intervals.length)


def _rise(
    neuron: DpiNeuron, intervals: Intervals, y: FloatArray, start: FloatArray, span: FloatArray
) -> FloatArray:
    """Definition of :func:`pysim.kernels.dpi.rise_all`."""
    q, grid, h = neuron.parameters(), neuron.feedback_grid(), span / STEPS

    def slope(state: FloatArray, shunt: FloatArray) -> FloatArray:
        return rate(neuron.feedback.code, q, grid, state, intervals.i_in, shunt)

    before = intervals.shunt_at(start)
    for step in range(STEPS):
        middle = intervals.shunt_at(start + (step + 0.5) * h)
        after = intervals.shunt_at(start + (step + 1.0) * h)
        k1 = slope(y, before)
        k2 = slope(y + 0.5 * h * k1, middle)
        k3 = slope(y + 0.5 * h * k2, middle)
        k4 = slope(y + h * k3, after)
        y = y + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        before = after
    return y
