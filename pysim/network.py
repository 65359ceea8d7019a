"""Population of drawn DPI neurons with DPI synapses, fed by spike sources and optionally its own spikes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pysim.errors import ModelError
from pysim.integrators import TOLERANCE, Problem, State, Trains, integrate
from pysim.neurons.dpi import DpiNeuron
from pysim.population import Spikes
from pysim.synapses.dpi import Backend, DpiSynapse

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

PROBES = 16
FINER = 1e-3


@dataclass(frozen=True)
class SpikeSource:
    """External spikes: ``source`` k fires at ``time`` (s), in any order."""

    source: IntArray
    time: FloatArray
    count: int

    def __post_init__(self) -> None:
        """Refuse what is no spike train.

        Raises
        ------
        ModelError
            For NaN, negative or infinite times, or a source outside 0..count-1.
        """
        if self.source.shape != self.time.shape or self.time.ndim != 1:
            raise ModelError("spike source: one time per source index is needed")
        if not np.isfinite(self.time).all() or (self.time < 0).any():
            raise ModelError("spike source: times must be finite and not negative")
        if self.source.size and not (self.source.min() >= 0 and self.source.max() < self.count):
            raise ModelError(f"spike source: indices must lie in 0..{self.count - 1}")


def poisson(count: int, rate: float, duration: float, rng: np.random.Generator) -> SpikeSource:
    """``count`` independent Poisson trains of ``rate`` (Hz) over ``duration`` (s)."""
    numbers = rng.poisson(rate * duration, count)
    source = np.repeat(np.arange(count), numbers)
    return SpikeSource(source, rng.uniform(0.0, duration, source.size), count)


@dataclass(frozen=True)
class Projection:
    """One DPI synapse on every neuron.

    Attributes
    ----------
    name
        Label.
    synapse
        Parameters, shape (chips, neurons).
    connection
        Boolean matrix, shape (neurons, sources); the spikes of all connected sources drive the one circuit.
    source
        External spikes, the same on every chip; ``None``: the population itself.
    delay
        Time from spike to arrival (s); > 0 for recurrent projections.
    inhibitory
        Shunts the membrane instead of driving it.
    """

    name: str
    synapse: DpiSynapse
    connection: NDArray[np.bool_]
    source: SpikeSource | None
    delay: float = 0.0
    inhibitory: bool = False


@dataclass(frozen=True)
class IntegrationError:
    """Effect of the step control: the same neurons again with 1000 times smaller tolerance.

    ``spike_shift``: largest shift of a spike time over the median interval of its neuron; ``miscounted``:
    probed neurons whose number of spikes changed; ``probed``: neurons compared.
    """

    spike_shift: float
    miscounted: int
    probed: int


@dataclass(frozen=True)
class NetworkResult:
    """Spikes with the integration error and the number of steps per neuron."""

    spikes: Spikes
    error: IntegrationError
    steps: IntArray


@dataclass(frozen=True)
class Network:
    """Neurons of shape (chips, neurons) with constant input ``i_in`` (A) and any number of projections.

    Raises
    ------
    ModelError
        When shapes do not fit, or a recurrent projection has no delay.
    """

    neuron: DpiNeuron
    projections: tuple[Projection, ...]
    i_in: FloatArray | float = 0.0

    def __post_init__(self) -> None:
        """Check the shapes."""
        if len(self.neuron.shape) != 2:
            raise ModelError(f"network: neurons of shape {self.neuron.shape}; accepted: (chips, neurons)")
        n = self.neuron.shape[1]
        for p in self.projections:
            sources = n if p.source is None else p.source.count
            if p.connection.shape != (n, sources):
                raise ModelError(
                    f"projection {p.name}: connection of shape {p.connection.shape}; accepted: {(n, sources)}"
                )
            if p.synapse.shape != self.neuron.shape:
                raise ModelError(
                    f"projection {p.name}: synapses of shape {p.synapse.shape}; accepted: {self.neuron.shape}"
                )
            if not np.isfinite(p.delay) or p.delay < 0.0 or (p.source is None and p.delay == 0.0):
                raise ModelError(
                    f"projection {p.name}: delay = {p.delay!r}; accepted: >= 0 s, > 0 s if recurrent"
                )

    @cached_property
    def size(self) -> int:
        """Instances: chips times neurons."""
        return int(np.prod(self.neuron.shape))

    @cached_property
    def window(self) -> float:
        """Time for which arrivals are known ahead: the shortest recurrent delay (s)."""
        return min((p.delay for p in self.projections if p.source is None), default=np.inf)

    def problem(self) -> Problem:
        """Flat parameters; feed-forward trains are shared by all chips, recurrent ones are not."""
        n = self.neuron.shape[1]
        neuron_of = np.arange(self.size) % n
        rows = np.empty((len(self.projections), self.size), dtype=np.int64)
        for s, (p, base) in enumerate(zip(self.projections, self._bases, strict=True)):
            rows[s] = base + (np.arange(self.size) if p.source is None else neuron_of)
        synapses = tuple(p.synapse for p in self.projections)
        return Problem.build(
            self.neuron, self.i_in, synapses, tuple(p.inhibitory for p in self.projections), rows
        )

    @cached_property
    def _bases(self) -> list[int]:
        """First train row of every projection."""
        widths = [self.size if p.source is None else self.neuron.shape[1] for p in self.projections]
        return [sum(widths[:k]) for k in range(len(widths))]

    @cached_property
    def _rows(self) -> int:
        widths = [self.size if p.source is None else self.neuron.shape[1] for p in self.projections]
        return max(sum(widths), 1)

    def _external(self) -> tuple[IntArray, FloatArray]:
        """Arrivals from external sources: train row and time, by time."""
        rows, times = [np.empty(0, dtype=np.int64)], [np.empty(0)]
        for p, base in zip(self.projections, self._bases, strict=True):
            if p.source is not None:
                spike, target = _fan_out(p.connection, p.source.source)
                rows.append(base + target)
                times.append(p.source.time[spike] + p.delay)
        row, time = np.concatenate(rows), np.concatenate(times)
        order = np.argsort(time, kind="stable")
        return row[order], time[order]

    def _internal(self, index: IntArray, time: FloatArray) -> tuple[IntArray, FloatArray]:
        """Arrivals that the population's own spikes cause."""
        n = self.neuron.shape[1]
        rows, times = [np.empty(0, dtype=np.int64)], [np.empty(0)]
        for p, base in zip(self.projections, self._bases, strict=True):
            if p.source is None:
                spike, target = _fan_out(p.connection, index % n)
                rows.append(base + (index[spike] // n) * n + target)
                times.append(time[spike] + p.delay)
        return np.concatenate(rows), np.concatenate(times)

    def run(
        self, duration: float, *, tolerance: float = TOLERANCE, backend: Backend = "numba"
    ) -> NetworkResult:
        """Simulate from rest for ``duration`` (s).

        Feed-forward networks run in one piece; recurrent ones in windows of the shortest recurrent delay, in
        which every arrival is known beforehand, so nothing is approximated by the windows.

        Raises
        ------
        ModelError
            For a duration or tolerance that is not positive.
        """
        if not (np.isfinite(duration) and duration > 0.0 and 0.0 < tolerance < 1.0):
            raise ModelError(f"duration = {duration!r} s, tolerance = {tolerance!r}: accepted > 0, 0 to 1")
        problem = self.problem()
        state = State.rest(problem)
        outside_row, outside_time = self._external()
        probes = np.unique(np.linspace(0, self.size - 1, min(PROBES, self.size)).astype(np.int64))
        heard = np.zeros(self._rows, dtype=np.bool_)
        heard[problem.row[:, probes]] = True
        pending = (np.empty(0, dtype=np.int64), np.empty(0))
        kept: list[tuple[IntArray, FloatArray]] = []
        found: list[tuple[IntArray, FloatArray]] = []
        start, step = 0.0, 0
        while start < duration:
            step += 1
            end = min(step * self.window, duration)
            low, high = np.searchsorted(outside_time, [start, end])
            due = pending[1] < end
            row = np.concatenate([outside_row[low:high], pending[0][due]])
            time = np.concatenate([outside_time[low:high], pending[1][due]])
            kept.append((row[heard[row]], time[heard[row]]))
            trains = Trains.from_events(row, time, self._rows)
            spikes = integrate(problem, state, trains, end, tolerance=tolerance, backend=backend)
            found.append(spikes)
            caused = self._internal(*spikes)
            pending = (
                np.concatenate([pending[0][~due], caused[0]]),
                np.concatenate([pending[1][~due], caused[1]]),
            )
            start = end
        index, at = _joined(found)
        order = np.lexsort((at, index))
        shape = (self.neuron.shape[0], self.neuron.shape[1])
        result = Spikes(index[order], at[order], shape, duration)
        error = self._error(problem.part(probes), probes, _joined(kept), result, tolerance, backend)
        return NetworkResult(result, error, state.steps.reshape(shape))

    def membrane(
        self, times: FloatArray, *, tolerance: float = TOLERANCE, backend: Backend = "numba"
    ) -> FloatArray:
        """Membrane current (A) at ascending ``times`` (s), shape (chips, neurons, len(times)); feed-forward
        only.

        Raises
        ------
        ModelError
            For recurrent networks or times that do not ascend from zero.
        """
        at = np.asarray(times, dtype=np.float64)
        if np.isfinite(self.window) or (np.diff(at, prepend=0.0) < 0).any():
            raise ModelError("membrane traces need a feed-forward network and ascending times >= 0")
        problem = self.problem()
        state = State.rest(problem)
        row, time = self._external()
        gain = problem.neuron[2]
        traces = np.empty((at.size, self.size))
        low = 0
        for k, end in enumerate(at):
            high = int(np.searchsorted(time, end))
            trains = Trains.from_events(row[low:high], time[low:high], self._rows)
            integrate(problem, state, trains, float(end), tolerance=tolerance, backend=backend)
            traces[k] = gain * np.exp(state.y)
            low = high
        return np.ascontiguousarray(traces.T).reshape(*self.neuron.shape, at.size)

    def _error(
        self,
        problem: Problem,
        probes: IntArray,
        arrivals: tuple[IntArray, FloatArray],
        spikes: Spikes,
        tolerance: float,
        backend: Backend,
    ) -> IntegrationError:
        """Probed neurons again, with the arrivals they had and a finer tolerance."""
        trains = Trains.from_events(*arrivals, self._rows)
        finer = max(tolerance * FINER, 1e-13)
        index, time = integrate(
            problem, State.rest(problem), trains, spikes.duration, tolerance=finer, backend=backend
        )
        worst, miscounted = 0.0, 0
        for k, instance in enumerate(probes):
            mine = spikes.of(*divmod(int(instance), spikes.shape[1]))
            exact = time[index == k]
            if mine.size != exact.size:
                miscounted += 1
            elif mine.size > 1:
                worst = max(worst, float(np.abs(mine - exact).max() / np.median(np.diff(exact))))
        return IntegrationError(worst, miscounted, probes.size)


def _joined(parts: list[tuple[IntArray, FloatArray]]) -> tuple[IntArray, FloatArray]:
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def _fan_out(connection: NDArray[np.bool_], source: IntArray) -> tuple[IntArray, IntArray]:
    """Pairs (position in ``source``, target neuron) of every spike with every target of its source."""
    by_source, targets = np.nonzero(connection.T)
    offsets = np.searchsorted(by_source, np.arange(connection.shape[1] + 1))
    counts = np.diff(offsets)[source]
    spike = np.repeat(np.arange(source.size), counts)
    within = np.arange(spike.size) - np.repeat(np.cumsum(counts) - counts, counts)
    return spike, np.asarray(targets[offsets[source][spike] + within])
