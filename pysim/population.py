"""Spikes of a population on an ensemble of chips, and their statistics with intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pysim.errors import ModelError
from pysim.integrators import TOLERANCE, Problem, State, Trains, integrate
from pysim.neurons.dpi import DpiNeuron
from pysim.synapses.dpi import Backend

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Estimate:
    """A statistic over an ensemble of chips.

    ``mean`` has a 95 % t interval ``low``..``high`` (uncertainty of the mean); 95 % of the chips lie between
    the percentiles ``p2_5`` and ``p97_5`` (spread of the chips). Arrays of the shape of the statistic. With
    one chip the interval of the mean is NaN: one chip says nothing about the others.
    """

    mean: FloatArray
    low: FloatArray
    high: FloatArray
    median: FloatArray
    p2_5: FloatArray
    p97_5: FloatArray
    n: int


def over_chips(values: FloatArray) -> Estimate:
    """Statistics over the first axis (chips), shape (chips, ...)."""
    from scipy.special import stdtrit

    n = values.shape[0]
    mean = values.mean(axis=0)
    half = np.full_like(mean, np.nan)
    if n > 1:
        half = stdtrit(n - 1, 0.975) * values.std(axis=0, ddof=1) / np.sqrt(n)
    p2_5, median, p97_5 = np.percentile(values, [2.5, 50.0, 97.5], axis=0)
    return Estimate(mean, mean - half, mean + half, median, p2_5, p97_5, n)


@dataclass(frozen=True)
class Spikes:
    """Spikes of (chips, neurons), by instance ``index`` = chip * neurons + neuron, then by ``time`` (s)."""

    index: IntArray
    time: FloatArray
    shape: tuple[int, int]
    duration: float

    @property
    def chip(self) -> IntArray:
        """Chip of every spike."""
        return np.asarray(self.index // self.shape[1])

    @property
    def neuron(self) -> IntArray:
        """Neuron of every spike."""
        return np.asarray(self.index % self.shape[1])

    def of(self, chip: int, neuron: int) -> FloatArray:
        """Spike times of one neuron (s)."""
        low, high = np.searchsorted(self.index, chip * self.shape[1] + neuron + np.array([0, 1]))
        return self.time[low:high]

    def counts(self) -> IntArray:
        """Spikes per neuron, shape (chips, neurons)."""
        return np.bincount(self.index, minlength=self.shape[0] * self.shape[1]).reshape(self.shape)

    def rates(self) -> FloatArray:
        """Mean rate per neuron over the duration (Hz)."""
        return self.counts() / self.duration

    def intervals(self) -> tuple[IntArray, FloatArray]:
        """Instance and length (s) of every inter-spike interval."""
        same = self.index[1:] == self.index[:-1]
        return self.index[1:][same], np.diff(self.time)[same]

    def isi_mean(self) -> FloatArray:
        """Mean inter-spike interval per neuron (s); NaN below two spikes."""
        index, gap = self.intervals()
        return _per_instance(index, gap, self.shape)

    def isi_cv(self) -> FloatArray:
        """Coefficient of variation of the intervals per neuron; NaN below three spikes."""
        index, gap = self.intervals()
        mean = _per_instance(index, gap, self.shape)
        square = _per_instance(index, gap**2, self.shape)
        n = np.bincount(index, minlength=mean.size).reshape(self.shape)
        with np.errstate(invalid="ignore", divide="ignore"):
            variance = np.maximum(square - mean**2, 0.0) * n / (n - 1)
            return np.where(n > 1, np.sqrt(variance) / mean, np.nan)


def _per_instance(index: IntArray, values: FloatArray, shape: tuple[int, int]) -> FloatArray:
    size = shape[0] * shape[1]
    total = np.bincount(index, weights=values, minlength=size)
    count = np.bincount(index, minlength=size)
    with np.errstate(invalid="ignore"):
        return np.where(count > 0, total / np.maximum(count, 1), np.nan).reshape(shape)


@dataclass(frozen=True)
class RateResponse:
    """Steady firing rate of every neuron under constant input.

    ``rate`` has shape (chips, neurons, currents): inverse mean interval after the first spike, 0 where the
    neuron fires fewer than twice in ``duration``.
    """

    current: FloatArray
    rate: FloatArray
    duration: float

    def spread(self) -> Estimate:
        """Statistics over chips of the population mean rate, per current."""
        return over_chips(self.rate.mean(axis=1))


def rate_response(
    neuron: DpiNeuron,
    currents: FloatArray,
    duration: float,
    *,
    tolerance: float = TOLERANCE,
    backend: Backend = "numba",
) -> RateResponse:
    """f-I curve of a batch of neurons of shape (chips, neurons).

    Parameters
    ----------
    currents
        Constant input currents (A), shape (k,).
    duration
        Simulated time per current (s).

    Raises
    ------
    ModelError
        When the batch is not two-dimensional.
    """
    if len(neuron.shape) != 2:
        raise ModelError(f"rate response: the neurons have shape {neuron.shape}; accepted: (chips, neurons)")
    current = np.asarray(currents, dtype=np.float64)
    size = int(np.prod(neuron.shape))
    spikes = run_neurons(neuron, current[:, None, None], duration, tolerance=tolerance, backend=backend)
    rate = 1.0 / spikes.isi_mean().reshape(current.size, size)
    rate = np.nan_to_num(rate, nan=0.0)
    return RateResponse(current, np.moveaxis(rate.reshape(current.size, *neuron.shape), 0, -1), duration)


def run_neurons(
    neuron: DpiNeuron,
    i_in: FloatArray | float,
    duration: float,
    *,
    tolerance: float = TOLERANCE,
    backend: Backend = "numba",
) -> Spikes:
    """Spikes of neurons under constant current, without synapses.

    ``i_in`` broadcasts against the neurons; the result counts instances of the broadcast batch, one "chip"
    each row of its leading axes.
    """
    shape = np.broadcast_shapes(neuron.shape, np.shape(i_in))
    batch = neuron.broadcast(shape)
    problem = Problem.build(
        batch,
        np.asarray(i_in, dtype=np.float64),
        (),
        (),
        np.empty((0, batch.array("tau").size), dtype=np.int64),
    )
    none = Trains(np.empty(0), np.zeros(1, dtype=np.int64))
    index, time = integrate(
        problem, State.rest(problem), none, duration, tolerance=tolerance, backend=backend
    )
    last = shape[-1] if shape else 1
    return Spikes(index, time, (batch.array("tau").size // last, last), duration)
