"""What every layer of a mixed network offers, whatever circuit family it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from calibration.table import CalibrationTable
from pysim.errors import ModelError
from pysim.seeds import SourceSeeds
from pysim.system.signal import Signal

FloatArray = NDArray[np.float64]

#: All sources of spread, in the order in which they are shown.
SOURCES = ("fit", "die", "within_die", "cycle", "noise", "drift", "temperature")

T_REFERENCE = 300.15


@dataclass(frozen=True)
class Conditions:
    """Under which a chip runs: temperature (K), time since programming (s), and the number of the reading."""

    temperature: float = T_REFERENCE
    time: float = 1.0
    reading: int = 0

    def __post_init__(self) -> None:
        """Refuse what is no temperature, no time or no number."""
        if not (np.isfinite(self.temperature) and self.temperature > 0.0):
            raise ModelError(f"temperature {self.temperature!r} K; accepted: finite, above 0")
        if not (np.isfinite(self.time) and self.time > 0.0):
            raise ModelError(f"time since programming {self.time!r} s; accepted: finite, above 0")
        if self.reading < 0:
            raise ModelError(f"reading {self.reading}; accepted: 0 or more")


@dataclass(frozen=True)
class Drawing:
    """What a layer is drawn with: seeds of the sources, which of them are on, and the conditions."""

    seeds: SourceSeeds
    sources: tuple[str, ...]
    conditions: Conditions = field(default_factory=Conditions)

    def among(self, drawable: tuple[str, ...]) -> tuple[str, ...]:
        """The sources that are on and that a family has."""
        return tuple(s for s in self.sources if s in drawable)


@dataclass(frozen=True)
class Footprint:
    """Static size of a layer.

    Attributes
    ----------
    bits
        Of all parameters that are stored or programmed.
    connections, absent
        Connections, and how many of them have no weight.
    """

    bits: int
    connections: int
    absent: int


@dataclass(frozen=True)
class LayerRun:
    """What a drawn layer did on a batch.

    Attributes
    ----------
    output
        Bits of its neurons.
    features
        Numbers per sample and neuron that a read-out may use, e.g. ``mean_output``, shape (samples, neurons).
    operations
        Additions of a weight that an input of 1 caused, per sample; absent connections do not count.
    energy
        In J per sample, ``None`` where the table has no energy.
    trace
        States per sample, step and neuron where they were asked for; ``state`` is its name and unit.
    """

    output: Signal
    features: Mapping[str, FloatArray]
    operations: FloatArray
    energy: FloatArray | None = None
    trace: FloatArray | None = None
    state: str = ""


class Circuit(Protocol):
    """A layer as drawn: frozen, at given conditions."""

    def run(self, signal: Signal, *, record: bool = False, first: int = 0) -> LayerRun:
        """Run a batch whose first sample has the number ``first``; ``record`` keeps the states."""


class Layer(Protocol):
    """A layer as designed: weights and knobs, without a chip.

    ``family`` is the first part of the entries that it draws from, ``drawable`` the sources that its entries can
    hold, ``needs`` the entries that it cannot do without, ``command`` what makes a table that has them.
    """

    family: ClassVar[str]
    drawable: ClassVar[tuple[str, ...]]
    needs: ClassVar[tuple[str, ...]]
    command: ClassVar[str]

    @property
    def inputs(self) -> int:
        """Number of input channels."""

    @property
    def outputs(self) -> int:
        """Number of neurons."""

    @property
    def analog(self) -> bool:
        """Takes levels, not bits: only a first layer may."""

    @property
    def footprint(self) -> Footprint:
        """Static size."""

    def width(self, feature: str) -> int:
        """How many numbers a sample has of a feature of its run."""

    def fingerprint(self) -> str:
        """Digest of everything that determines the layer."""

    def draw(self, table: CalibrationTable | None, drawing: Drawing) -> Circuit:
        """The layer on a chip; ``None``: the mathematical layer, or the family's assumed values."""


def check_entries(layer: Layer, table: CalibrationTable, name: str) -> None:
    """Refuse a table without an entry that the layer needs.

    Raises
    ------
    ModelError
        Naming the layer, the entry, and the command that makes it.
    """
    missing = [entry for entry in layer.needs if entry not in table.entries]
    if missing:
        raise ModelError(
            f"layer {name}: table {table.reference} lacks the entry {missing[0]}; make one with '{layer.command}'"
        )
