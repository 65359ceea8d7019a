"""Event-driven integration of DPI neurons with DPI synapses: adaptive steps between events, located
crossings.

Synapses are advanced exactly from event to event; the membrane y = ln(I_m / I_g), a scalar equation driven
by them, by the Dormand-Prince 5(4) pair. No step crosses an event (spike arrival, end of a pulse, end of a
refractory time), so every step sees a smooth right-hand side, and there is no time grid. A threshold
crossing is located by Newton on the step length, with the same fifth-order formula; a crossing and return
inside one step is found by the maximum of the cubic through its ends. :func:`advance` is the
NumPy definition, vectorised over neurons; :mod:`pysim.kernels.dpi` is its compiled twin.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pysim.neurons.dpi import DpiNeuron, rate
from pysim.synapses.dpi import Backend, DpiSynapse, decay, output, pulse

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

TOLERANCE = 1e-6

# Dormand and Prince (1980), doi:10.1016/0771-050X(80)90013-3: nodes, stage weights, error weights.
C = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0)
A = (
    (0.0, 0.0, 0.0, 0.0, 0.0),
    (1 / 5, 0.0, 0.0, 0.0, 0.0),
    (3 / 40, 9 / 40, 0.0, 0.0, 0.0),
    (44 / 45, -56 / 15, 32 / 9, 0.0, 0.0),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729, 0.0),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
)
B = (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84)
E = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)

SAFETY, SHRINK, GROW = 0.9, 0.2, 5.0
LOCATE = 4


@dataclass(frozen=True)
class Trains:
    """Spike trains in compressed rows: row k is ``times[offsets[k]:offsets[k + 1]]``, ascending (s)."""

    times: FloatArray
    offsets: IntArray

    @classmethod
    def from_events(cls, rows: IntArray, times: FloatArray, n: int) -> Trains:
        """Trains of ``n`` rows out of unordered events."""
        order = np.lexsort((times, rows))
        offsets = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))]).astype(np.int64)
        return cls(np.ascontiguousarray(times[order]), offsets)

    def row(self, k: int) -> FloatArray:
        """Spike times of row ``k``."""
        return self.times[self.offsets[k] : self.offsets[k + 1]]

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.offsets.size - 1


@dataclass(frozen=True)
class Problem:
    """Parameters and input of N neurons with S synapses each, flattened.

    ``row[s, i]`` is the train that drives synapse s of neuron i; ``inhibitory[s]`` says on which side it
    acts. The synapse ``own``, always the last, is driven by the neuron's own spikes (adaptation) and has no
    row; -1: there is none.
    """

    neuron: FloatArray
    feedback: int
    grid: FloatArray
    synapse: FloatArray
    inhibitory: NDArray[np.bool_]
    i_in: FloatArray
    row: IntArray
    own: int = -1

    @classmethod
    def build(
        cls,
        neuron: DpiNeuron,
        i_in: FloatArray | float,
        synapses: tuple[DpiSynapse, ...],
        inhibitory: tuple[bool, ...],
        row: IntArray,
    ) -> Problem:
        """Flatten parameters; ``row`` has shape (S, N)."""
        n = int(np.prod(neuron.shape))
        own = -1
        if neuron.adaptation is not None:
            own = len(synapses)
            synapses, inhibitory = (*synapses, neuron.adaptation), (*inhibitory, True)
        stacked = np.empty((8, len(synapses), n))
        for s, synapse in enumerate(synapses):
            stacked[:, s] = synapse.parameters()
        current = np.ascontiguousarray(
            np.broadcast_to(np.asarray(i_in, dtype=np.float64), neuron.shape).ravel()
        )
        return cls(
            neuron.parameters(),
            neuron.feedback.code,
            neuron.feedback_grid(),
            stacked,
            np.array(inhibitory, dtype=np.bool_),
            current,
            np.ascontiguousarray(row, dtype=np.int64),
            own,
        )

    def part(self, index: IntArray) -> Problem:
        """The neurons ``index`` alone."""
        return dataclasses.replace(
            self,
            neuron=np.ascontiguousarray(self.neuron[:, index]),
            synapse=np.ascontiguousarray(self.synapse[:, :, index]),
            i_in=np.ascontiguousarray(self.i_in[index]),
            row=np.ascontiguousarray(self.row[:, index]),
        )


@dataclass
class State:
    """Mutable state of N neurons and their S synapses; every neuron has its own time.

    ``x`` is the synapse state at time ``since``; a pulse is on until ``end`` where ``end > since``.
    """

    t: FloatArray
    y: FloatArray
    h: FloatArray
    held: FloatArray
    x: FloatArray
    since: FloatArray
    end: FloatArray
    steps: IntArray

    @classmethod
    def rest(cls, problem: Problem) -> State:
        """At time zero: membranes at reset, synapses and adaptation at their floor."""
        q = problem.neuron
        n = q.shape[1]
        zero = np.zeros_like(problem.synapse[0])
        return cls(
            np.zeros(n),
            q[5].copy(),
            0.01 * q[0],
            np.zeros(n),
            problem.synapse[6].copy(),
            zero.copy(),
            zero.copy(),
            np.zeros(n, dtype=np.int64),
        )


def integrate(
    problem: Problem,
    state: State,
    trains: Trains,
    until: float,
    *,
    tolerance: float = TOLERANCE,
    backend: Backend = "numba",
) -> tuple[IntArray, FloatArray]:
    """Advance every neuron to time ``until``; ``trains`` holds the arrivals from its present time on.

    Returns
    -------
    tuple
        Neuron index and time (s) of every spike, by neuron, then time.
    """
    first, stop = trains.offsets[:-1][problem.row], trains.offsets[1:][problem.row]
    if problem.own >= 0:
        none = np.zeros((1, problem.row.shape[1]), dtype=np.int64)
        first, stop = np.concatenate([first, none]), np.concatenate([stop, none])
    first, stop = np.ascontiguousarray(first), np.ascontiguousarray(stop)
    if backend == "numpy":
        return advance(problem, state, trains.times, first, stop, until, tolerance)
    from pysim.kernels import dpi

    kernel: Callable[..., None] = dpi.advance_all
    n = state.t.size
    found_index: list[IntArray] = []
    found_time: list[FloatArray] = []
    capacity = 64
    while True:
        buffer = np.empty((n, capacity))
        count = np.zeros(n, dtype=np.int64)
        kernel(
            problem.neuron,
            problem.feedback,
            problem.grid,
            problem.synapse,
            problem.inhibitory,
            problem.own,
            problem.i_in,
            trains.times,
            first,
            stop,
            *(getattr(state, f.name) for f in dataclasses.fields(state)),
            until,
            tolerance,
            buffer,
            count,
        )
        filled = np.arange(capacity) < count[:, None]
        found_index.append(np.repeat(np.arange(n), count))
        found_time.append(buffer[filled])
        if not (state.t < until).any():
            break
    index, time = np.concatenate(found_index), np.concatenate(found_time)
    order = np.lexsort((time, index))
    return index[order], time[order]


def advance(
    problem: Problem,
    state: State,
    times: FloatArray,
    first: IntArray,
    stop: IntArray,
    until: float,
    tolerance: float,
) -> tuple[IntArray, FloatArray]:
    """NumPy definition of the integration; arguments and result as in :func:`integrate`."""
    padded = np.append(times, np.inf)
    index: list[IntArray] = []
    found: list[FloatArray] = []
    while True:
        lanes = np.flatnonzero(state.t < until)
        if lanes.size == 0:
            break
        boundary = _events(problem, state, padded, first, stop, lanes, until)
        waiting = state.t[lanes] < state.held[lanes]
        idle = lanes[waiting]
        state.t[idle] = np.minimum(boundary[waiting], state.held[idle])
        lanes, boundary = lanes[~waiting], boundary[~waiting]
        if lanes.size:
            fired, at = _step(problem, state, lanes, boundary, tolerance)
            index.append(fired)
            found.append(at)
    flat = np.concatenate([np.empty(0, dtype=np.int64), *index])
    time = np.concatenate([np.empty(0), *found])
    order = np.lexsort((time, flat))
    return flat[order], time[order]


def _events(
    problem: Problem,
    state: State,
    times: FloatArray,
    first: IntArray,
    stop: IntArray,
    lanes: IntArray,
    until: float,
) -> FloatArray:
    """Apply the events that are due and return the time of the next one, per lane."""
    boundary = np.full(lanes.size, until)
    t = state.t[lanes]
    for s in range(problem.synapse.shape[1]):
        q = problem.synapse[:, s, lanes]
        x, since, end = state.x[s, lanes], state.since[s, lanes], state.end[s, lanes]
        over = (end > since) & (end <= t)
        x = np.where(over, _present(q, x, since, end, np.where(over, end, since)), x)
        since = np.where(over, end, since)
        while True:
            k = first[s, lanes]
            due = (k < stop[s, lanes]) & (times[k] <= t)
            if not due.any():
                break
            x = np.where(due, _present(q, x, since, end, np.where(due, t, since)), x)
            since = np.where(due, t, since)
            end = np.where(due, t + q[3], end)
            first[s, lanes] = k + due
        state.x[s, lanes], state.since[s, lanes], state.end[s, lanes] = x, since, end
        arrival = np.where(first[s, lanes] < stop[s, lanes], times[first[s, lanes]], np.inf)
        boundary = np.minimum(boundary, np.minimum(arrival, np.where(end > since, end, np.inf)))
    return boundary


def _present(q: FloatArray, x: FloatArray, since: FloatArray, end: FloatArray, t: FloatArray) -> FloatArray:
    """Synapse state at time t, at most the end of a running pulse."""
    on = end > since
    risen = np.maximum(pulse(x, np.where(on, t - since, 0.0), q[0], q[1], q[2], q[4]), q[6])
    return np.where(on, risen, decay(x, np.where(on, 0.0, t - since), q[0], q[5], q[6]))


def _slope(problem: Problem, state: State, lanes: IntArray, t: FloatArray, y: FloatArray) -> FloatArray:
    """dy/dt of the lanes at time t."""
    q = problem.neuron[:, lanes]
    i_in = problem.i_in[lanes].copy()
    shunt = np.zeros_like(i_in)
    for s in range(problem.synapse.shape[1]):
        p = problem.synapse[:, s, lanes]
        x = _present(p, state.x[s, lanes], state.since[s, lanes], state.end[s, lanes], t)
        current = output(x, p[7])
        if problem.inhibitory[s]:
            shunt += current
        else:
            i_in += current
    return rate(problem.feedback, q, problem.grid, y, i_in, shunt)


def _trial(
    problem: Problem, state: State, lanes: IntArray, first: FloatArray, h: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """One Dormand-Prince step of length h: new y, slope there, error estimate."""
    t, y = state.t[lanes], state.y[lanes]
    k = [first]
    for stage in range(1, 6):
        increment = sum((A[stage][j] * k[j] for j in range(stage)), start=np.zeros_like(y))
        k.append(_slope(problem, state, lanes, t + C[stage] * h, y + h * increment))
    new = y + h * sum((B[j] * k[j] for j in range(6)), start=np.zeros_like(y))
    k.append(_slope(problem, state, lanes, t + h, new))
    error = np.abs(h * sum((E[j] * k[j] for j in range(7)), start=np.zeros_like(y)))
    return new, k[6], error


def _step(
    problem: Problem, state: State, lanes: IntArray, boundary: FloatArray, tolerance: float
) -> tuple[IntArray, FloatArray]:
    """One attempted step per lane; returns the lanes that spiked, and when."""
    q = problem.neuron[:, lanes]
    t, y = state.t[lanes], state.y[lanes]
    room = boundary - t
    clipped = state.h[lanes] >= room
    h = np.where(clipped, room, state.h[lanes])
    first = _slope(problem, state, lanes, t, y)
    new, final, error = _trial(problem, state, lanes, first, h)
    state.steps[lanes] += 1
    ratio = error / tolerance
    accepted = (ratio <= 1.0) | (h <= 1e-13 * (t + q[0]))
    peak, height = _peak(y, new, h * first, h * final)
    hidden = accepted & (new < q[4]) & (first > 0) & (final < 0) & (height >= q[4]) & (peak < 0.99)
    accepted &= ~hidden
    factor = np.clip(SAFETY * np.maximum(ratio, 1e-10) ** -0.2, SHRINK, GROW)
    proposed = h * np.where(hidden, peak, factor)
    state.h[lanes] = np.where(accepted & clipped, np.maximum(state.h[lanes], proposed), proposed)
    crossed = accepted & (new >= q[4])
    plain = accepted & ~crossed
    state.t[lanes[plain]] = np.where(clipped, boundary, t + h)[plain]
    state.y[lanes[plain]] = new[plain]
    fired = lanes[crossed]
    if fired.size == 0:
        return fired, np.empty(0)
    at = t[crossed] + _locate(problem, state, fired, first[crossed], h[crossed], new[crossed])
    q = q[:, crossed]
    state.t[fired] = at
    state.y[fired] = q[5]
    state.held[fired] = at + q[6]
    if problem.own >= 0:
        _start_pulse(problem, state, fired, at)
    return fired, at


def _start_pulse(problem: Problem, state: State, lanes: IntArray, at: FloatArray) -> None:
    """Start the pulse of the block that the lanes' own spikes drive."""
    s = problem.own
    p = problem.synapse[:, s, lanes]
    state.x[s, lanes] = _present(p, state.x[s, lanes], state.since[s, lanes], state.end[s, lanes], at)
    state.since[s, lanes] = at
    state.end[s, lanes] = at + p[3]


def _peak(y: FloatArray, new: FloatArray, d0: FloatArray, d1: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Place (0 to 1) and height of the maximum of the cubic through a step that rises, then falls."""
    rise = new - y
    a2, a3 = 3.0 * rise - 2.0 * d0 - d1, d0 + d1 - 2.0 * rise
    with np.errstate(invalid="ignore", divide="ignore"):
        s = d0 / (np.sqrt(a2 * a2 - 3.0 * a3 * d0) - a2)
        return s, y + s * (d0 + s * (a2 + s * a3))


def _locate(
    problem: Problem, state: State, lanes: IntArray, first: FloatArray, h: FloatArray, new: FloatArray
) -> FloatArray:
    """Step length at which the lanes cross the threshold, by safeguarded Newton."""
    threshold = problem.neuron[4, lanes]
    y = state.y[lanes]
    low, high = np.zeros_like(h), h
    guess = h * (threshold - y) / (new - y)
    for _ in range(LOCATE):
        value, slope, _ = _trial(problem, state, lanes, first, guess)
        above = value >= threshold
        high = np.where(above, guess, high)
        low = np.where(above, low, guess)
        better = guess - (value - threshold) / np.where(slope > 0, slope, 1.0)
        inside = (slope > 0) & (better >= low) & (better <= high)
        guess = np.where(inside, better, 0.5 * (low + high))
    return np.asarray(guess)
