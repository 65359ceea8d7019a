"""Testbench: a dut with its stimulus, analyses and measures, giving named observables with units."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self

from circuits.circuit import Circuit, ParameterError, Parametrised
from circuits.deck import Deck, SimulationResult, Simulator

if TYPE_CHECKING:
    from circuits.process import Process


@dataclass(frozen=True)
class Observable:
    """A named result of a testbench: its unit and what it is (one line, with the definition)."""

    name: str
    unit: str
    description: str


@dataclass(frozen=True)
class Conditions:
    """Where a point is simulated: corner, temperature (K), supply (V; ``None`` = the process's nominal), mismatch draw.

    ``mismatch`` maps a transistor instance of the dut to (threshold shift in volt, mobility factor).
    """

    corner: str = "tt"
    temperature: float = 300.15
    supply: float | None = None
    mismatch: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Testbench(Parametrised):
    """Base class. A subclass declares stimulus parameters with ``param``, a ``dut`` field, and the two methods below.

    ``observables`` names everything :meth:`measure` returns; a point that cannot give one raises ``MeasureFailed``.
    Sweeps and ``--set`` address stimulus and dut parameters by name; the names are disjoint.
    """

    __test__ = False  # keeps pytest from collecting the class

    name: ClassVar[str]
    family: ClassVar[str]
    description: ClassVar[str]
    observables: ClassVar[tuple[Observable, ...]]

    dut: Circuit

    def at(self, values: Mapping[str, float]) -> Self:
        """Copy with stimulus and dut parameters set by name; unknown names raise ``ParameterError``."""
        mine, theirs = self.declarations(), self.dut.declarations()
        for name in values:
            if name not in mine and name not in theirs:
                raise ParameterError(
                    f"{self.name}: unknown parameter {name!r}; known: {', '.join([*mine, *theirs])}"
                )
        dut = self.dut.replace({n: v for n, v in values.items() if n in theirs})
        own = {n: v for n, v in values.items() if n in mine}
        return dataclasses.replace(self, dut=dut, **own)

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """Deck of this point."""
        raise NotImplementedError

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Observables of this point, SI units."""
        raise NotImplementedError

    def run(self, simulator: Simulator, process: Process, conditions: Conditions) -> dict[str, float]:
        """Simulate and measure one point."""
        return self.measure(simulator.run(self.deck(process, conditions)), process, conditions)
