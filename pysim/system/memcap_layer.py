"""Leaky integrators on memcapacitors as a layer of a mixed network: time constants programmed neuron by neuron.

    v <- exp(-dt / tau_j) v + sum of the weights of the inputs that are 1;  spike and v <- 0 where v >= 1

with tau_j as programmed on the chip, verified by noisy readings, and relaxed since, and the weights of a neuron times
the drawn charge of its spikes. Devices are those of a table with ``memcap.*`` entries, else assumed ones, see
``docs/physics-memcap.md``.
"""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from calibration.table import CalibrationTable
from pysim.delays.events import Events
from pysim.errors import ModelError
from pysim.memcap import draw as devices
from pysim.memcap.draw import MemcapChip, MemcapModel
from pysim.memcap.program import check_target, program
from pysim.memcap.table import memcap_model
from pysim.mingru.streams import digest, stream
from pysim.system.layer import Drawing, Footprint, LayerRun
from pysim.system.signal import Signal

FloatArray = NDArray[np.float64]

_WEIGHT_BITS, _TAU_BITS = 16, 8


@dataclass(frozen=True)
class MemcapCircuit:
    """Integrators with the time constants of their chip (s), shape (neurons,)."""

    weights: FloatArray
    tau: FloatArray
    dt: float

    def run(self, signal: Signal, *, record: bool = False, first: int = 0) -> LayerRun:
        """Spikes, and with ``record`` the membranes before a reset, in thresholds."""
        del first
        x = signal.dense().astype(np.float64)
        samples, steps, neurons = len(x), signal.steps, len(self.tau)
        keep = np.exp(-self.dt / self.tau)
        v = np.zeros((samples, neurons))
        spikes = np.zeros((samples, steps, neurons), np.bool_)
        trace = np.empty((samples, steps, neurons)) if record else None
        for t in range(steps):
            v = keep * v + x[:, t] @ self.weights
            spikes[:, t] = v >= 1.0
            if trace is not None:
                trace[:, t] = v
            v[spikes[:, t]] = 0.0
        fan_out = np.count_nonzero(self.weights, axis=1)
        return LayerRun(
            Signal(events=Events.from_dense(spikes), dt=signal.dt),
            {"mean_output": spikes.mean(axis=1)},
            x.sum(axis=1) @ fan_out,
            None,
            trace,
            "Membrane (thresholds)",
        )


@dataclass(frozen=True)
class MemcapSpikes:
    """Spiking leaky integrators with a time constant each.

    Attributes
    ----------
    weights
        Step of the membrane in thresholds that an input makes, shape (inputs, neurons).
    tau
        Time constants to be programmed (s), shape (neurons,).
    dt
        Step (s).
    model
        Typical device and its spreads, where no table is given; the range that ``tau`` is checked against.
    tolerance
        Relative, at which programming stops.
    """

    weights: FloatArray
    tau: FloatArray
    dt: float = 1e-3
    model: MemcapModel = field(default_factory=MemcapModel)
    tolerance: float = 0.05
    family: ClassVar[str] = "memcap"
    drawable: ClassVar[tuple[str, ...]] = ("die", *devices.SOURCES)
    needs: ClassVar[tuple[str, ...]] = tuple(
        f"memcap.{name}"
        for name in (
            "tau",
            "step",
            "window_excess",
            "retention",
            "rate_up",
            "rate_down",
            "write_up",
            "v_up",
            "v_down",
        )
    )
    command: ClassVar[str] = "spicetwin table build memcap"

    def __post_init__(self) -> None:
        """Check.

        Raises
        ------
        ModelError
            For shapes that do not fit, or time constants out of the devices' range.
        """
        weights, tau = np.asarray(self.weights, np.float64), np.asarray(self.tau, np.float64)
        if weights.ndim != 2 or tau.shape != weights.shape[1:] or not np.isfinite(weights).all():
            raise ModelError(
                f"memcap layer: weights {weights.shape}, tau {tau.shape}; accepted: (inputs, neurons), (neurons,)"
            )
        if not (np.isfinite(self.dt) and self.dt > 0.0):
            raise ModelError(f"memcap layer: dt = {self.dt!r}; accepted: a time > 0 s")
        check_target(self.model, tau)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "tau", tau)

    @property
    def inputs(self) -> int:
        """Number of input channels."""
        return int(self.weights.shape[0])

    @property
    def outputs(self) -> int:
        """Number of integrators."""
        return int(self.weights.shape[1])

    @property
    def analog(self) -> bool:
        """Events drive the integrators."""
        return False

    @property
    def footprint(self) -> Footprint:
        """A weight per synapse, a time constant per neuron."""
        size = self.weights.size
        absent = int(np.count_nonzero(self.weights == 0.0))
        return Footprint(size * _WEIGHT_BITS + self.outputs * _TAU_BITS, size, absent)

    def width(self, feature: str) -> int:
        """Of every feature one number a neuron."""
        del feature
        return self.outputs

    def fingerprint(self) -> str:
        """Digest of weights, time constants and devices."""
        knobs = [self.tau.tolist(), self.dt, self.tolerance, dataclasses.asdict(self.model)]
        return digest(self.family, self.weights.shape, self._weights_digest, knobs)

    @cached_property
    def _weights_digest(self) -> str:
        return hashlib.sha256(np.ascontiguousarray(self.weights).tobytes()).hexdigest()

    def draw(self, table: CalibrationTable | None, drawing: Drawing) -> MemcapCircuit:
        """Devices of the chip, programmed, and relaxed since; no source on: the targets themselves.

        Raises
        ------
        ModelError
            For time constants that the table's devices cannot have.
        """
        sources = drawing.among(self.drawable)
        if not sources:
            return MemcapCircuit(self.weights, self.tau, self.dt)
        model = self.model if table is None else memcap_model(table)
        own = tuple(s for s in sources if s in devices.SOURCES)
        chip = MemcapChip(model, (1, self.outputs), drawing.seeds, own)
        program(chip, self.tau, tolerance=self.tolerance)
        chip.wait(drawing.conditions.time)
        weights = self.weights
        if table is not None:
            weights = weights * np.exp(_charge(table, drawing, sources, self.outputs))
        return MemcapCircuit(weights, chip.tau()[0], self.dt)


def _charge(table: CalibrationTable, drawing: Drawing, sources: tuple[str, ...], neurons: int) -> FloatArray:
    """Drawn logarithm of the charge of a spike, per chip and neuron."""
    total = np.zeros(neurons)
    for term in table.entry("memcap.step").variation:
        if term.source in sources:
            size = 1 if term.source == "die" else neurons
            total = total + term.sigma * stream(
                drawing.seeds, term.source, "memcap", "charge"
            ).standard_normal(size)
    return total
