"""Recurrent DPI neurons in the linear limit as the last layer of a mixed network; its outputs are voltages, not bits.

The read-out takes the largest voltage of every output over the run, feature ``peak``; see :mod:`pysim.recurrent`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from calibration.table import CalibrationTable
from pysim import chip as drawing_of
from pysim.delays.events import Events
from pysim.errors import ModelError
from pysim.mingru.streams import digest
from pysim.recurrent.chip import NEEDED, Design, TableDraw, typical
from pysim.recurrent.network import RecurrentDpi
from pysim.synapses.dpi import Backend
from pysim.system.layer import Drawing, Footprint, LayerRun
from pysim.system.signal import Signal

FloatArray = NDArray[np.float64]

_WEIGHT_BITS = 16


@dataclass(frozen=True)
class RecurrentCircuit:
    """Weights on the synapses and neurons of a chip; ``merge`` steps of the input make one of the network."""

    network: RecurrentDpi
    merge: int
    backend: Backend = "numba"

    def run(self, signal: Signal, *, record: bool = False, first: int = 0) -> LayerRun:
        """Spikes of the neurons, the outputs' peaks, and with ``record`` all voltages."""
        del first
        bits = signal.dense()
        steps = bits.shape[1] // self.merge
        counts = bits[:, : steps * self.merge].reshape(len(bits), steps, self.merge, -1).sum(axis=2)
        run = self.network.run(counts.astype(np.uint8), backend=self.backend)
        inputs = self.network.chip.inputs
        fan_out = np.count_nonzero(self.network.weights * (self.network.chip.strength > 0.0), axis=1)
        operations = counts.sum(axis=1) @ fan_out[:inputs] + run.spikes.sum(axis=1) @ fan_out[inputs:]
        output = Signal(events=Events.from_dense(run.spikes), dt=signal.dt * self.merge)
        features = {"mean_output": run.spikes.mean(axis=1), "peak": run.peaks}
        trace = run.voltage if record else None
        return LayerRun(output, features, operations.astype(np.float64), None, trace, "Voltage (thresholds)")


@dataclass(frozen=True)
class RecurrentPopulation:
    """Recurrent neurons with a synapse circuit per connection, and outputs that do not spike.

    Attributes
    ----------
    design
        Sizes and typical time constants.
    weights
        As trained, shape (inputs + neurons, neurons + outputs).
    dt
        Step of the input (s).
    merge
        Steps of the input that make one of the network.
    """

    design: Design
    weights: FloatArray
    dt: float
    merge: int = 1
    backend: Backend = "numba"
    family: ClassVar[str] = "recurrent"
    drawable: ClassVar[tuple[str, ...]] = drawing_of.SOURCES
    needs: ClassVar[tuple[str, ...]] = tuple(
        f"{block}.{name}" for block, names in NEEDED.items() for name in names
    )
    command: ClassVar[str] = "spicetwin table build dpi"

    def __post_init__(self) -> None:
        """Check.

        Raises
        ------
        ModelError
            For weights that do not fit the design, or no whole number of steps.
        """
        weights = np.asarray(self.weights, np.float64)
        if self.merge < 1:
            raise ModelError(f"recurrent layer: merge = {self.merge}; accepted: 1 or more")
        object.__setattr__(self, "weights", weights)
        RecurrentDpi(weights, typical(self.design), self.dt * self.merge)

    @property
    def inputs(self) -> int:
        """Number of input channels."""
        return self.design.inputs

    @property
    def outputs(self) -> int:
        """Number of neurons that spike."""
        return self.design.neurons

    @property
    def analog(self) -> bool:
        """Spikes drive the synapses."""
        return False

    @property
    def footprint(self) -> Footprint:
        """A weight per connection."""
        there = self.design.connected()
        absent = int(np.count_nonzero(self.weights[there] == 0.0))
        return Footprint(int(there.sum()) * _WEIGHT_BITS, int(there.sum()), absent)

    def width(self, feature: str) -> int:
        """Outputs for ``peak``, else neurons."""
        return self.design.outputs if feature == "peak" else self.design.neurons

    def fingerprint(self) -> str:
        """Digest of design and weights."""
        return digest(self.family, repr(self.design), self._weights_digest, self.dt, self.merge)

    @cached_property
    def _weights_digest(self) -> str:
        return hashlib.sha256(np.ascontiguousarray(self.weights).tobytes()).hexdigest()

    def draw(self, table: CalibrationTable | None, drawing: Drawing) -> RecurrentCircuit:
        """Synapses and neurons of the chip; without a table those that the design assumes."""
        chip = typical(self.design)
        if table is not None:
            draw = TableDraw(
                table,
                self.design,
                sources=drawing.among(self.drawable),
                temperature=drawing.conditions.temperature,
            )
            chip = draw.chip(drawing.seeds)
        return RecurrentCircuit(
            RecurrentDpi(self.weights, chip, self.dt * self.merge), self.merge, self.backend
        )
