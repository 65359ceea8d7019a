"""Synapses with delays on a mixed network's chip: cells drawn from a table, delays and weights that follow from them.

A synapse has three cells: one sets its delay, two its weight, w ~ G+ - G-, one of which stays off, programmed once
with an error, relaxing since, and read with noise. No measured memory makes milliseconds on a picofarad, so the
table gives the delays' distribution and the layer their mean: that scale is assumed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from calibration.table import CalibrationTable
from pysim.delays import draw as cells
from pysim.delays.chip import DelayChip
from pysim.delays.element import DelayElement, sinh_delay
from pysim.delays.layer import DelayLayer
from pysim.delays.network import run_layer
from pysim.delays.soma import SpikingSoma
from pysim.errors import ModelError
from pysim.mingru.streams import digest, stream
from pysim.synapses.dpi import Backend
from pysim.system.layer import Drawing, Footprint, LayerRun
from pysim.system.signal import Signal

FloatArray = NDArray[np.float64]

#: Conductance of the largest |weight| (S) where the layer does not say it; assumed.
G_MAX = 100e-6
#: Cells over which the mean delay of a table is taken.
_CELLS = 20_000
#: Bits of a programmed conductance and of a delay, for the footprint.
_WEIGHT_BITS, _DELAY_BITS = 16, 8


@dataclass(frozen=True)
class DelayCircuit:
    """A layer with the delays and weights of its chip."""

    layer: DelayLayer
    backend: Backend = "numba"

    def run(self, signal: Signal, *, record: bool = False, first: int = 0) -> LayerRun:
        """Spikes of the somata; these layers keep no states."""
        del record, first
        events = signal.bits
        run = run_layer(self.layer, events, self.backend)
        assert run.spikes is not None
        shape = (events.samples, self.layer.neurons)
        sample = run.spikes.step // events.steps
        counts = np.bincount(sample * shape[1] + run.spikes.channel, minlength=shape[0] * shape[1])
        fan_out = np.count_nonzero(self.layer.weights, axis=tuple(range(1, self.layer.weights.ndim)))
        operations = np.bincount(
            events.step // events.steps, weights=fan_out[events.channel], minlength=events.samples
        )
        features = {"mean_output": counts.reshape(shape) / events.steps}
        return LayerRun(Signal(events=run.spikes, dt=signal.dt), features, operations.astype(np.float64))


@dataclass(frozen=True)
class DelayedSpikes:
    """Spiking somata behind synapses with a delay each.

    Attributes
    ----------
    weights
        As designed, in thresholds, shape (inputs, neurons).
    mean_delay
        Mean of the chip's delays (s); the table gives their spread.
    buffer
        Longest delay a chip can hold (s); longer ones are cut.
    soma, tau_synapse, dt
        Membrane, decay of the synaptic current (s), step (s).
    tau_spread
        Deviation of ln tau between synapses of a chip, 0: all alike. Assumed where it is not from a table.
    g_max
        Conductance of the largest |weight| (S).
    extrapolate
        Evaluate the laws of the cells outside their fitted range: small weights are small conductances.
    scales
        Factors from a table's delays to these, by the table's digest; filled as they are needed.
    """

    weights: FloatArray
    mean_delay: float
    buffer: float
    soma: SpikingSoma
    tau_synapse: float = 10e-3
    dt: float = 1e-3
    tau_spread: float = 0.0
    g_max: float = G_MAX
    extrapolate: bool = False
    scales: dict[str, float] = field(default_factory=dict, init=False, repr=False, compare=False)
    backend: Backend = "numba"
    family: ClassVar[str] = "denram"
    drawable: ClassVar[tuple[str, ...]] = ("fit", "die", "within_die", "cycle", "noise", "drift")
    needs: ClassVar[tuple[str, ...]] = tuple(
        f"denram.{n}" for n in (*cells.NEEDED, "g_weight", "relaxation", "read_noise")
    )
    command: ClassVar[str] = "spicetwin table build denram"

    def __post_init__(self) -> None:
        """Check.

        Raises
        ------
        ModelError
            Naming what is not accepted.
        """
        weights = np.asarray(self.weights, np.float64)
        if weights.ndim != 2 or not weights.size or not np.isfinite(weights).all():
            raise ModelError(
                f"delay layer: weights of shape {weights.shape}; accepted: (inputs, neurons), finite"
            )
        for name in ("mean_delay", "buffer", "tau_synapse", "dt", "g_max"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0.0):
                raise ModelError(f"delay layer: {name} = {value!r}; accepted: finite, above 0")
        if not 0.0 <= self.tau_spread <= 1.0:
            raise ModelError(f"delay layer: tau_spread = {self.tau_spread!r}; accepted: 0 to 1")
        object.__setattr__(self, "weights", weights)

    @property
    def inputs(self) -> int:
        """Number of input channels."""
        return int(self.weights.shape[0])

    @property
    def outputs(self) -> int:
        """Number of somata."""
        return int(self.weights.shape[1])

    @property
    def analog(self) -> bool:
        """Events drive the synapses."""
        return False

    @property
    def footprint(self) -> Footprint:
        """Conductance and delay of every synapse."""
        size = self.weights.size
        return Footprint(
            size * (_WEIGHT_BITS + _DELAY_BITS), size, int(np.count_nonzero(self.weights == 0.0))
        )

    def width(self, feature: str) -> int:
        """Of every feature one number a neuron."""
        del feature
        return self.outputs

    def fingerprint(self) -> str:
        """Digest of weights and knobs."""
        knobs = [self.mean_delay, self.buffer, self.tau_synapse, self.dt, self.tau_spread, self.g_max]
        soma = [self.soma.tau_membrane, self.soma.threshold, self.soma.reset, self.soma.located]
        return digest(self.family, self.weights.shape, self._weights_digest, knobs, soma)

    @cached_property
    def _weights_digest(self) -> str:
        return hashlib.sha256(np.ascontiguousarray(self.weights).tobytes()).hexdigest()

    def draw(self, table: CalibrationTable | None, drawing: Drawing) -> DelayCircuit:
        """Cells of the chip, programmed and aged; without a table every delay is the mean."""
        size = self.weights.size
        if table is None:
            delays = np.full(self.weights.shape, self.mean_delay)
            return self._circuit(self.weights, delays, drawing, spread=False)
        c = drawing.conditions
        sources = drawing.among(self.drawable)
        # The cell that is off adds nothing: a pair is the one that is on, with the sign of the weight.
        chip = cells.draw(
            table,
            (1, size),
            drawing.seeds,
            (*sources, "temperature"),
            at={"temperature": c.temperature},
            time=c.time,
            extrapolate=self.extrapolate,
        )
        seconds = delays_of(chip, c.reading) * self._scale(table)
        largest = float(np.abs(self.weights).max()) or 1.0
        flat = self.weights.ravel()
        g = chip.conductance(np.abs(flat) * (self.g_max / largest), reading=c.reading)[0]
        weights = (np.sign(flat) * g * (largest / self.g_max)).reshape(self.weights.shape)
        return self._circuit(
            weights, seconds.reshape(self.weights.shape), drawing, spread="within_die" in sources
        )

    def _circuit(
        self, weights: FloatArray, seconds: FloatArray, drawing: Drawing, *, spread: bool
    ) -> DelayCircuit:
        longest = round(self.buffer / self.dt)
        steps = np.minimum(np.rint(seconds / self.dt), longest)
        tau: float | FloatArray = self.tau_synapse
        if spread and self.tau_spread > 0.0:
            z = stream(drawing.seeds, "within_die", self.family, "tau_synapse").standard_normal(weights.shape)
            tau = self.tau_synapse * np.exp(self.tau_spread * np.clip(z, -3.0, 3.0))
        layer = DelayLayer(
            weights=weights,
            delays=steps.astype(np.uint16),
            soma=self.soma,
            dt=self.dt,
            tau_synapse=tau,
            buffer=longest,
        )
        return DelayCircuit(layer, self.backend)

    def _scale(self, table: CalibrationTable) -> float:
        """Factor that gives the table's delays the wanted mean; the same for every chip, hence kept."""
        if table.digest not in self.scales:
            drawn = cells.draw(table, (1, _CELLS), 0, ("within_die", "cycle"))
            self.scales[table.digest] = self.mean_delay / float(delays_of(drawn).mean())
        return self.scales[table.digest]


def delays_of(chip: DelayChip, reading: int = 0) -> FloatArray:
    """Delays of all cells (s): in closed form where nothing leaks and nothing lags, else by quadrature."""
    if any(name in chip.values for name in ("i_leak", "g_leak", "lag")):
        return chip.delay(reading)
    element: DelayElement = chip.element(reading)
    charges = element.topology == "charge"
    low = np.asarray(element.v_start) - np.asarray(element.v_trip) if charges else element.v_trip
    r, c = np.asarray(element.resistance), np.asarray(element.capacitance)
    if "sinh_v" in chip.values:
        time = sinh_delay(r, c, element.v_start, low, element.v_sinh)
    else:
        time = r * c * np.log(np.asarray(element.v_start) / np.asarray(low))
    return np.asarray(time + np.asarray(element.t_stage))
