"""A whole delay cell: memory, core of either topology, threshold stage of either kind, pulse generator."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from circuits.circuit import Circuit, ParameterError, param
from circuits.families import denram
from circuits.process import Mismatch

#: Role of a cell in the delay cell -> its instance name.
CORE, MEMORY, STAGE, PULSE = "core", "r", "th", "p"


@dataclass(frozen=True, kw_only=True)
class DelayCell(Circuit):
    """One delay cell; the subclasses choose topology and threshold stage. All values assumed.

    The scale of the delay is ``r_read`` times ``c_delay`` (GOhm x pF = ms): it is a parameter, and measured
    high-resistance states (0.1 to 1 MOhm) do not give milliseconds on 1 pF.
    """

    family: ClassVar[str] = "denram"
    netlist: ClassVar[str] = ""
    ports: ClassVar[tuple[str, ...]] = ()
    topology: ClassVar[str]
    stage: ClassVar[str]

    r_read: float = param(
        10e9, "Ohm", (1e3, 1e13), "resistance of the memory at small voltage", denram.R_READ_SOURCE
    )
    v_sinh: float = param(
        0.3, "V", (0.02, 1e4), "voltage of the memory's sinh; 1000 makes it linear", "derived: 0.1 to 0.5"
    )
    c_delay: float = param(1e-12, "F", (1e-15, 1e-9), "delay capacitor")
    v_set: float = param(
        0.8, "V", (0.05, 3.6), "level that sets or charges the capacitor, and reads the memory"
    )
    v_th: float = param(0.3, "V", (0.05, 3.0), "threshold of the comparator; the Schmitt trigger has its own")
    i_bias: float = param(10e-9, "A", (1e-12, 1e-6), "tail current of the comparator")
    c_pulse: float = param(100e-15, "F", (1e-15, 1e-9), "capacitor of the output pulse")
    i_pulse: float = param(10e-9, "A", (1e-12, 1e-6), "current of the output pulse")
    w_reset: float = param(0.5e-6, "m", (0.42e-6, 100e-6), "width of the reset transistor (charge-through)")
    l_reset: float = param(0.5e-6, "m", (0.5e-6, 50e-6), "length of the reset transistor (charge-through)")

    def instances(self) -> dict[str, Circuit]:
        """Cells by instance name, nominal."""
        core = denram.DecayCore if self.topology == "decay" else denram.ChargeCore
        stage = denram.Schmitt if self.stage == "schmitt" else denram.Comparator
        return {
            CORE: self._cell(core),
            MEMORY: self._cell(denram.RramRead),
            STAGE: self._cell(stage),
            PULSE: self._cell(denram.PulseGenerator),
        }

    def _cell(self, kind: type[Circuit]) -> Circuit:
        known = kind.declarations()
        return kind(**{name: value for name, value in self.values().items() if name in known})

    def nodes(self) -> dict[str, tuple[str, ...]]:
        """Nodes of every instance in the order of its ports; ``spk`` in, ``out`` out, ``vc`` the capacitor."""
        rails = ("vdd", "0")
        stage = ("vc", "vth", "h", "vdd", "vddb", "0") if self.stage == "comparator" else ("vc", "h", *rails)
        if self.topology == "decay":
            core: tuple[str, ...] = ("spk", "bot", "vc", "vset", *rails)
            memory, trigger = ("vc", "bot"), "h"
        else:
            core = ("spk", "h", "q", "top", "bot", "vc", "vset", *rails)
            memory, trigger = ("top", "bot"), "q"
        return {CORE: core, MEMORY: memory, STAGE: stage, PULSE: (trigger, "out", "vdd", "vddb", "0")}

    def netlist_files(self) -> tuple[str, ...]:
        """Files of the cells."""
        return tuple(cell.netlist for cell in self.instances().values())

    def geometries(self) -> dict[str, tuple[str, float, float]]:
        """Every transistor as ``<instance>.<transistor>``."""
        return {
            f"{name}.{transistor}": geometry
            for name, cell in self.instances().items()
            for transistor, geometry in cell.geometries().items()
        }

    def split(self, mismatch: Mismatch) -> dict[str, dict[str, tuple[float, float]]]:
        """Mismatch of every instance.

        Raises
        ------
        ParameterError
            For an instance that the cell does not have.
        """
        parts: dict[str, dict[str, tuple[float, float]]] = {name: {} for name in self.instances()}
        for name, value in mismatch.items():
            instance, _, transistor = name.partition(".")
            if instance not in parts:
                raise ParameterError(f"{self.name}: mismatch of unknown instance {instance!r}")
            parts[instance][transistor] = value
        return parts

    def trip(self, supply: float) -> float:
        """Trip level by hand (V): ``v_th``, or the Schmitt trigger's by the square law with 0.45 V thresholds."""
        if self.stage == "comparator":
            return self.v_th
        return 0.5 * (supply - 0.5) if self.topology == "decay" else 0.5 * (supply + 0.45)

    def delay(self, supply: float) -> float:
        """Delay by hand without leakage (s), to choose times and steps.

        Raises
        ------
        ParameterError
            When the trip level does not lie between rest and the set level.
        """
        trip = self.trip(supply)
        if not 0.0 < trip < self.v_set:
            raise ParameterError(
                f"{self.name}: trip level {trip:g} V with v_set = {self.v_set:g} V; accepted: below v_set"
            )
        start, end = (self.v_set, trip) if self.topology == "decay" else (self.v_set, self.v_set - trip)
        tau = self.r_read * self.c_delay
        return tau * (_ln_tanh(start / (2 * self.v_sinh)) - _ln_tanh(end / (2 * self.v_sinh)))


def _ln_tanh(x: float) -> float:
    """ln tanh x, also where tanh x rounds to 1."""
    return math.log(math.tanh(x)) if x < 10 else -2.0 * math.exp(-2.0 * x)


@dataclass(frozen=True, kw_only=True)
class DecayComparator(DelayCell):
    """Set-and-decay with a starved comparator."""

    name: ClassVar[str] = "denram_decay_comparator"
    topology: ClassVar[str] = "decay"
    stage: ClassVar[str] = "comparator"


@dataclass(frozen=True, kw_only=True)
class DecaySchmitt(DelayCell):
    """Set-and-decay with a Schmitt trigger: the memory is set to the whole supply."""

    name: ClassVar[str] = "denram_decay_schmitt"
    topology: ClassVar[str] = "decay"
    stage: ClassVar[str] = "schmitt"

    v_set: float = param(1.8, "V", (0.05, 3.6), "level that sets the capacitor, and reads the memory")


@dataclass(frozen=True, kw_only=True)
class ChargeComparator(DelayCell):
    """Charge-through with a starved comparator."""

    name: ClassVar[str] = "denram_charge_comparator"
    topology: ClassVar[str] = "charge"
    stage: ClassVar[str] = "comparator"

    v_th: float = param(0.5, "V", (0.05, 3.0), "threshold of the comparator")


@dataclass(frozen=True, kw_only=True)
class ChargeSchmitt(DelayCell):
    """Charge-through with a Schmitt trigger: the memory charges from the whole supply."""

    name: ClassVar[str] = "denram_charge_schmitt"
    topology: ClassVar[str] = "charge"
    stage: ClassVar[str] = "schmitt"

    v_set: float = param(1.8, "V", (0.05, 3.6), "level that charges the capacitor, and reads the memory")


#: Every delay cell by what distinguishes it.
VARIANTS: Mapping[str, type[DelayCell]] = {
    "decay_comparator": DecayComparator,
    "decay_schmitt": DecaySchmitt,
    "charge_comparator": ChargeComparator,
    "charge_schmitt": ChargeSchmitt,
}
