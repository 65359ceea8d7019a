"""Cells of the resistive-memory delay circuits, beside ``netlists/denram``, and the delay cells made of them.

The netlist headers hold ports and hand analysis; ``docs/physics-denram.md`` compares it with simulation. The
topologies are two ways to make a delay of a resistive memory and a capacitor; every value is *assumed*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from circuits.circuit import Circuit, param

Sizes = Mapping[str, tuple[str, str | float, str | float]]

#: Delays of the published network model are 500 GOhm x 1 pF; measured memories reach 1 GOhm. The default lies
#: between: a delay of 10 ms, far enough above the leakage of the process.
R_READ_SOURCE = "assumed: no published measurement of this cell's resistance at 10 GOhm"


def _capacitor(value: float, description: str) -> Any:
    return param(value, "F", (1e-15, 1e-9), description)


def _current(value: float, description: str) -> Any:
    return param(value, "A", (1e-12, 1e-6), description)


def _width(value: float, description: str) -> Any:
    return param(value, "m", (0.42e-6, 100e-6), f"gate width of {description}")


def _length(value: float, description: str) -> Any:
    return param(value, "m", (0.5e-6, 50e-6), f"gate length of {description}")


def _resistance(value: float, description: str) -> Any:
    return param(value, "Ohm", (1e3, 1e13), description, R_READ_SOURCE)


def _sinh(value: float) -> Any:
    return param(
        value, "V", (0.02, 1e4), "voltage of the memory's sinh; 1000 makes it linear", "derived: 0.1 to 0.5"
    )


def _inverter(p: str, n: str) -> dict[str, tuple[str, str | float, str | float]]:
    return {p: ("p", "w_logic_p", "l_logic"), n: ("n", "w_logic", "l_logic")}


def _nor(name: str) -> dict[str, tuple[str, str | float, str | float]]:
    return {
        **{f"{name}{k}": ("p", "w_logic_p", "l_logic") for k in (1, 2)},
        **{f"{name}{k}": ("n", "w_logic", "l_logic") for k in (3, 4)},
    }


@dataclass(frozen=True, kw_only=True)
class RramRead(Circuit):
    """Resistive memory in one state, read only: I = (V_0/R) sinh(V/V_0)."""

    name: ClassVar[str] = "rram_read"
    family: ClassVar[str] = "denram"
    netlist: ClassVar[str] = "denram/rram_read.cir"
    ports: ClassVar[tuple[str, ...]] = ("top", "bot")

    r_read: float = _resistance(10e9, "resistance at small voltage")
    v_sinh: float = _sinh(0.3)


@dataclass(frozen=True, kw_only=True)
class _Logic(Circuit):
    """A cell with gates of minimum length."""

    family: ClassVar[str] = "denram"

    w_logic: float = _width(0.5e-6, "the n transistors of the gates")
    w_logic_p: float = _width(1e-6, "the p transistors of the gates")
    l_logic: float = _length(0.5e-6, "the gates")


@dataclass(frozen=True, kw_only=True)
class DecayCore(_Logic):
    """Set-and-decay: a spike sets the capacitor, the memory discharges it."""

    name: ClassVar[str] = "denram_decay"
    netlist: ClassVar[str] = "denram/denram_decay.cir"
    ports: ClassVar[tuple[str, ...]] = ("spk", "bot", "vc", "vset", "vdd", "gnd")
    transistors: ClassVar[Sizes] = {
        **_inverter("ip", "in"),
        "tn": ("n", "w_switch", "l_switch"),
        "tp": ("p", "w_switch", "l_switch"),
        "sel": ("n", "w_select", "l_switch"),
    }

    c_delay: float = _capacitor(1e-12, "delay capacitor")
    w_switch: float = _width(0.5e-6, "the transmission gate that sets the capacitor")
    w_select: float = _width(0.65e-6, "the selector of the memory")
    l_switch: float = _length(0.5e-6, "switch and selector")


@dataclass(frozen=True, kw_only=True)
class ChargeCore(_Logic):
    """Charge-through: a latched spike charges the capacitor through the memory."""

    name: ClassVar[str] = "denram_charge"
    netlist: ClassVar[str] = "denram/denram_charge.cir"
    ports: ClassVar[tuple[str, ...]] = ("spk", "h", "q", "top", "bot", "vc", "vread", "vdd", "gnd")
    transistors: ClassVar[Sizes] = {
        **_nor("b"),
        **_nor("q"),
        **_inverter("dp", "dn"),
        "sel": ("n", "w_select", "l_switch"),
        "rst": ("n", "w_reset", "l_reset"),
    }

    c_delay: float = _capacitor(1e-12, "delay capacitor")
    c_wire: float = _capacitor(2e-15, "wiring of each latch node")
    w_reset: float = _width(0.5e-6, "the transistor that shorts the capacitor at rest")
    l_reset: float = _length(0.5e-6, "the transistor that shorts the capacitor at rest")
    w_select: float = _width(0.65e-6, "the selector of the memory")
    l_switch: float = _length(0.5e-6, "the selector")


@dataclass(frozen=True, kw_only=True)
class Schmitt(_Logic):
    """Schmitt trigger and inverter: threshold stage without bias current."""

    name: ClassVar[str] = "denram_schmitt"
    netlist: ClassVar[str] = "denram/denram_schmitt.cir"
    ports: ClassVar[tuple[str, ...]] = ("vc", "h", "vdd", "gnd")
    transistors: ClassVar[Sizes] = {
        "n1": ("n", "w_n", "l_stack"),
        "n2": ("n", "w_n", "l_stack"),
        "n3": ("n", "w_n_feedback", "l_stack"),
        "p1": ("p", "w_p", "l_stack"),
        "p2": ("p", "w_p", "l_stack"),
        "p3": ("p", "w_p_feedback", "l_stack"),
        **_inverter("hp", "hn"),
    }

    c_wire: float = _capacitor(2e-15, "wiring of the stack's and the inverter's output")
    w_n: float = _width(0.5e-6, "the n transistors of the stack")
    w_n_feedback: float = _width(0.5e-6, "the n transistor that sets V_+")
    w_p: float = _width(1e-6, "the p transistors of the stack")
    w_p_feedback: float = _width(1e-6, "the p transistor that sets V_-")
    l_stack: float = _length(0.5e-6, "the stack")


@dataclass(frozen=True, kw_only=True)
class Comparator(_Logic):
    """Starved comparator: threshold stage of 1.5 ``i_bias``."""

    name: ClassVar[str] = "denram_comparator"
    netlist: ClassVar[str] = "denram/denram_comparator.cir"
    ports: ClassVar[tuple[str, ...]] = ("vc", "vth", "h", "vdd", "vddb", "gnd")
    transistors: ClassVar[Sizes] = {
        "bias": ("p", "w_tail", "l_tail"),
        "t": ("p", "w_tail", "l_tail"),
        "a": ("p", "w_pair", "l_pair"),
        "b": ("p", "w_pair", "l_pair"),
        "c": ("n", "w_mirror", "l_mirror"),
        "d": ("n", "w_mirror", "l_mirror"),
        "e": ("n", "w_mirror", "l_mirror"),
        "f": ("p", "w_load", "l_tail"),
        **_inverter("gp", "gn"),
        **_inverter("hp", "hn"),
    }

    i_bias: float = _current(10e-9, "tail current")
    c_bias: float = _capacitor(10e-12, "capacitance of the bias line")
    w_pair: float = _width(2e-6, "the input pair")
    l_pair: float = _length(1e-6, "the input pair")
    w_mirror: float = _width(1e-6, "the mirror and the second stage")
    l_mirror: float = _length(2e-6, "the mirror and the second stage")
    w_tail: float = _width(2e-6, "the tail transistor and its diode")
    w_load: float = _width(1e-6, "the load of the second stage")
    l_tail: float = _length(2e-6, "tail, diode and load")


@dataclass(frozen=True, kw_only=True)
class PulseGenerator(_Logic):
    """One output pulse a falling edge."""

    name: ClassVar[str] = "denram_pulse"
    netlist: ClassVar[str] = "denram/denram_pulse.cir"
    ports: ClassVar[tuple[str, ...]] = ("g", "out", "vdd", "vddb", "gnd")
    transistors: ClassVar[Sizes] = {
        "pb": ("p", "w_pulse", "l_pulse"),
        "pm": ("p", "w_pulse", "l_pulse"),
        "nb": ("n", "w_pulse", "l_pulse"),
        **_inverter("gp", "gn"),
        "c": ("p", "w_logic_p", "l_logic"),
        "d": ("n", "w_pulse", "l_pulse"),
        "l": ("p", "w_limit", "l_limit"),
        **_inverter("ip", "in"),
        **_nor("o"),
    }

    c_pulse: float = _capacitor(100e-15, "capacitor of the output pulse")
    i_pulse: float = _current(10e-9, "current that empties it")
    c_bias: float = _capacitor(10e-12, "capacitance of each bias line")
    w_pulse: float = _width(0.5e-6, "the current mirrors")
    l_pulse: float = _length(2e-6, "the current mirrors")
    w_limit: float = _width(2e-6, "the transistor that limits the inverter's current")
    l_limit: float = _length(2e-6, "the transistor that limits the inverter's current")


@dataclass(frozen=True, kw_only=True)
class Weight(_Logic):
    """Weight: reads a memory during a pulse and sinks a fraction of its current."""

    name: ClassVar[str] = "denram_weight"
    netlist: ClassVar[str] = "denram/denram_weight.cir"
    ports: ClassVar[tuple[str, ...]] = ("on", "top", "bot", "vclamp", "sink", "vdd", "gnd")
    transistors: ClassVar[Sizes] = {
        "cl": ("n", "w_clamp", "l_access"),
        "acc": ("n", "w_access", "l_access"),
        "i": ("p", "w_in", "l_in"),
        "o": ("p", "w_out", "l_out"),
        "nb": ("n", "w_mirror", "l_mirror"),
        "sw": ("n", "w_logic", "l_logic"),
        "keep": ("p", "w_logic_p", "l_logic"),
        "w": ("n", "w_mirror", "l_mirror"),
    }

    w_clamp: float = _width(20e-6, "the clamp")
    w_access: float = _width(0.65e-6, "the access transistor")
    l_access: float = _length(0.5e-6, "clamp and access transistor")
    w_in: float = _width(10e-6, "the mirror's diode")
    l_in: float = _length(0.5e-6, "the mirror's diode")
    w_out: float = _width(0.5e-6, "the mirror's output")
    l_out: float = _length(5e-6, "the mirror's output")
    w_mirror: float = _width(1e-6, "output transistor and its diode")
    l_mirror: float = _length(2e-6, "output transistor and its diode")


@dataclass(frozen=True, kw_only=True)
class Soma(Circuit):
    """Passive soma: resistor and capacitor."""

    name: ClassVar[str] = "denram_soma"
    family: ClassVar[str] = "denram"
    netlist: ClassVar[str] = "denram/denram_soma.cir"
    ports: ClassVar[tuple[str, ...]] = ("v", "gnd")

    r_m: float = param(
        4e8, "Ohm", (1e3, 1e13), "membrane resistance", "Nat. Commun. 2022, s41467-022-33476-6, table 1"
    )
    c_m: float = param(
        10e-12, "F", (1e-15, 1e-9), "membrane capacitance", "Nat. Commun. 2022, s41467-022-33476-6, table 1"
    )


@dataclass(frozen=True, kw_only=True)
class Reset(Circuit):
    """Reset of a spiking soma."""

    name: ClassVar[str] = "denram_reset"
    family: ClassVar[str] = "denram"
    netlist: ClassVar[str] = "denram/denram_reset.cir"
    ports: ClassVar[tuple[str, ...]] = ("v", "fire", "gnd")
    transistors: ClassVar[Sizes] = {"r": ("n", "w_reset", "l_reset")}

    w_reset: float = _width(0.5e-6, "the transistor that shorts the membrane")
    l_reset: float = _length(1e-6, "the transistor that shorts the membrane")


#: Every cell with a netlist of its own.
CELLS: tuple[type[Circuit], ...] = (
    RramRead,
    DecayCore,
    ChargeCore,
    Schmitt,
    Comparator,
    PulseGenerator,
    Weight,
    Soma,
    Reset,
)
