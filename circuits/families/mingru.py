"""Cells of the switched-capacitor minGRU core, at transistor level and in ideal switches, beside ``netlists/mingru``.

The netlist headers hold ports and hand analysis; ``docs/physics-mingru.md`` compares it with simulation. Topology
and every value are *assumed* for this project; no published circuit is reproduced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from circuits.circuit import Circuit, param

Sizes = Mapping[str, tuple[str, str | float, str | float]]


def _gates(switches: Sequence[str], width_n: str, width_p: str, length: str) -> dict[str, Any]:
    """Both transistors of every transmission gate."""
    return {
        f"{switch}{polarity}": (polarity, width_n if polarity == "n" else width_p, length)
        for switch in switches
        for polarity in "np"
    }


def _capacitor(value: float, description: str) -> Any:
    return param(value, "F", (0.0, 1e-9), description)


def _deviation(what: str) -> Any:
    return param(0.0, "1", (-0.9, 10.0), f"relative deviation of {what}")


def _width(value: float, description: str) -> Any:
    return param(value, "m", (0.42e-6, 100e-6), f"gate width of {description}")


def _length(description: str) -> Any:
    return param(0.5e-6, "m", (0.5e-6, 50e-6), f"gate length of {description}")


@dataclass(frozen=True, kw_only=True)
class MingruCell(Circuit):
    """A cell of the family."""

    family: ClassVar[str] = "mingru"


@dataclass(frozen=True, kw_only=True)
class _Gated(MingruCell):
    """A cell whose switches are transmission gates; n and p equal, so that their channel charges cancel at VDD/2."""

    w_n: float = _width(0.5e-6, "the n transistors of the switches")
    w_p: float = _width(0.5e-6, "the p transistors of the switches")
    l_switch: float = _length("the switches")


@dataclass(frozen=True, kw_only=True)
class _Switched(MingruCell):
    """A cell whose switches are resistances that change at a control voltage."""

    r_on: float = param(10e3, "Ohm", (1.0, 1e9), "resistance of a closed switch")
    r_off: float = param(1e15, "Ohm", (1e6, 1e18), "resistance of an open switch")
    v_switch: float = param(0.9, "V", (0.05, 5.0), "control voltage at which a switch toggles")


@dataclass(frozen=True, kw_only=True)
class Capacitor(MingruCell):
    """Unit capacitor with its deviation from the nominal value and the parasitic of its switched plate."""

    name: ClassVar[str] = "mingru_capacitor"
    netlist: ClassVar[str] = "mingru/mingru_capacitor.cir"
    ports: ClassVar[tuple[str, ...]] = ("top", "bottom", "gnd")

    c_unit: float = _capacitor(20e-15, "nominal capacitance")
    deviation: float = _deviation("the capacitance")
    c_par: float = _capacitor(0.4e-15, "parasitic of the switched plate")


@dataclass(frozen=True, kw_only=True)
class TransmissionGate(_Gated):
    """Transmission gate."""

    name: ClassVar[str] = "mingru_tgate"
    netlist: ClassVar[str] = "mingru/mingru_tgate.cir"
    ports: ClassVar[tuple[str, ...]] = ("a", "b", "on", "off", "vdd", "gnd")
    transistors: ClassVar[Sizes] = _gates(("s",), "w_n", "w_p", "l_switch")


@dataclass(frozen=True, kw_only=True)
class Switch(_Switched):
    """Ideal switch."""

    name: ClassVar[str] = "mingru_switch"
    netlist: ClassVar[str] = "mingru/mingru_switch.cir"
    ports: ClassVar[tuple[str, ...]] = TransmissionGate.ports


@dataclass(frozen=True, kw_only=True)
class Weight(_Gated):
    """2-bit weight: connects a synapse to one of four row lines."""

    name: ClassVar[str] = "mingru_weight"
    netlist: ClassVar[str] = "mingru/mingru_weight.cir"
    ports: ClassVar[tuple[str, ...]] = (
        *("r0", "r1", "r2", "r3", "vi"),
        *("d0", "d1", "d2", "d3", "d0b", "d1b", "d2b", "d3b", "vdd", "gnd"),
    )
    transistors: ClassVar[Sizes] = _gates(("w0", "w1", "w2", "w3"), "w_n", "w_p", "l_switch")


@dataclass(frozen=True, kw_only=True)
class WeightIdeal(_Switched):
    """2-bit weight in ideal switches."""

    name: ClassVar[str] = "mingru_weight_ideal"
    netlist: ClassVar[str] = "mingru/mingru_weight_ideal.cir"
    ports: ClassVar[tuple[str, ...]] = Weight.ports


@dataclass(frozen=True, kw_only=True)
class RowDriver(MingruCell):
    """Drives the four row lines of a row: weight voltages while the input is 1, else the common mode."""

    name: ClassVar[str] = "mingru_row_driver"
    netlist: ClassVar[str] = "mingru/mingru_row_driver.cir"
    ports: ClassVar[tuple[str, ...]] = (
        *("vw0", "vw1", "vw2", "vw3", "vcm", "x", "xb"),
        *("r0", "r1", "r2", "r3", "vdd", "gnd"),
    )
    transistors: ClassVar[Sizes] = _gates(
        ("a0", "c0", "a1", "c1", "a2", "c2", "a3", "c3"), "w_driver_n", "w_driver_p", "l_driver"
    )

    w_driver_n: float = _width(1e-6, "the n transistors of the driver")
    w_driver_p: float = _width(2e-6, "the p transistors of the driver")
    l_driver: float = _length("the driver")


@dataclass(frozen=True, kw_only=True)
class RowDriverIdeal(_Switched):
    """Row driver in ideal switches."""

    name: ClassVar[str] = "mingru_row_driver_ideal"
    netlist: ClassVar[str] = "mingru/mingru_row_driver_ideal.cir"
    ports: ClassVar[tuple[str, ...]] = RowDriver.ports


_H_PORTS = ("vi", "ht", "h", *(f"{c}{b}" for c in ("pa", "sa", "ha", "pb", "sb", "hb") for b in ("", "b")))


@dataclass(frozen=True, kw_only=True)
class HSynapse(_Gated):
    """Two equal capacitors: one holds its share of the state, the other computes the candidate."""

    name: ClassVar[str] = "mingru_h_synapse"
    netlist: ClassVar[str] = "mingru/mingru_h_synapse.cir"
    ports: ClassVar[tuple[str, ...]] = (*_H_PORTS, "vdd", "gnd")
    transistors: ClassVar[Sizes] = _gates(("pa", "sa", "ha", "pb", "sb", "hb"), "w_n", "w_p", "l_switch")

    c_unit: float = _capacitor(20e-15, "capacitance of A and of B")
    dev_a: float = _deviation("A")
    dev_b: float = _deviation("B")
    c_par: float = _capacitor(0.4e-15, "parasitic of a switched plate")


@dataclass(frozen=True, kw_only=True)
class HSynapseIdeal(_Switched):
    """h-synapse in ideal switches."""

    name: ClassVar[str] = "mingru_h_synapse_ideal"
    netlist: ClassVar[str] = "mingru/mingru_h_synapse_ideal.cir"
    ports: ClassVar[tuple[str, ...]] = HSynapse.ports

    c_unit: float = _capacitor(20e-15, "capacitance of A and of B")
    dev_a: float = _deviation("A")
    dev_b: float = _deviation("B")
    c_par: float = _capacitor(0.4e-15, "parasitic of a switched plate")


@dataclass(frozen=True, kw_only=True)
class ZSynapse(_Gated):
    """One capacitor, sampled from the row driver and shared on the gate line."""

    name: ClassVar[str] = "mingru_z_synapse"
    netlist: ClassVar[str] = "mingru/mingru_z_synapse.cir"
    ports: ClassVar[tuple[str, ...]] = ("vi", "z", "p", "pb", "s", "sb", "vdd", "gnd")
    transistors: ClassVar[Sizes] = _gates(("p", "s"), "w_n", "w_p", "l_switch")

    c_unit: float = _capacitor(20e-15, "capacitance")
    dev_z: float = _deviation("the capacitance")
    c_par: float = _capacitor(0.4e-15, "parasitic of the switched plate")


@dataclass(frozen=True, kw_only=True)
class ZSynapseIdeal(_Switched):
    """z-synapse in ideal switches."""

    name: ClassVar[str] = "mingru_z_synapse_ideal"
    netlist: ClassVar[str] = "mingru/mingru_z_synapse_ideal.cir"
    ports: ClassVar[tuple[str, ...]] = ZSynapse.ports

    c_unit: float = _capacitor(20e-15, "capacitance")
    dev_z: float = _deviation("the capacitance")
    c_par: float = _capacitor(0.4e-15, "parasitic of the switched plate")


@dataclass(frozen=True, kw_only=True)
class Line(_Gated):
    """Column line: wiring capacitance and reset switch."""

    name: ClassVar[str] = "mingru_line"
    netlist: ClassVar[str] = "mingru/mingru_line.cir"
    ports: ClassVar[tuple[str, ...]] = ("line", "vcm", "rst", "rstb", "vdd", "gnd")
    transistors: ClassVar[Sizes] = _gates(("r",), "w_n", "w_p", "l_switch")

    c_line: float = _capacitor(32e-15, "wiring capacitance")


@dataclass(frozen=True, kw_only=True)
class LineIdeal(_Switched):
    """Column line with an ideal reset switch."""

    name: ClassVar[str] = "mingru_line_ideal"
    netlist: ClassVar[str] = "mingru/mingru_line_ideal.cir"
    ports: ClassVar[tuple[str, ...]] = Line.ports

    c_line: float = _capacitor(32e-15, "wiring capacitance")


@dataclass(frozen=True, kw_only=True)
class _Dac(MingruCell):
    """What both levels of the capacitive DAC declare."""

    c_dac: float = _capacitor(4e-15, "capacitance of bit 0; the whole array has 64 of it")
    dev_0: float = _deviation("bit 0")
    dev_1: float = _deviation("bit 1")
    dev_2: float = _deviation("bit 2")
    dev_3: float = _deviation("bit 3")
    dev_4: float = _deviation("bit 4")
    dev_5: float = _deviation("bit 5")


_DAC_PORTS = ("top", "vp", "vn", *(f"b{k}{b}" for k in range(6) for b in ("", "b")), "vdd", "gnd")


@dataclass(frozen=True, kw_only=True)
class Dac(_Dac):
    """6-bit capacitive DAC on a floating top plate: reference of the SAR ADC, and bias of a line."""

    name: ClassVar[str] = "mingru_dac"
    netlist: ClassVar[str] = "mingru/mingru_dac.cir"
    ports: ClassVar[tuple[str, ...]] = _DAC_PORTS
    transistors: ClassVar[Sizes] = {
        **_gates([f"{end}{bit}" for bit in range(3) for end in "pn"], "w_low", "w_low", "l_switch"),
        **_gates([f"{end}{bit}" for bit in range(3, 6) for end in "pn"], "w_high", "w_high", "l_switch"),
    }

    w_low: float = _width(2e-6, "the switches of bits 0 to 2, n and p")
    w_high: float = _width(8e-6, "the switches of bits 3 to 5, n and p")
    l_switch: float = _length("the switches")


@dataclass(frozen=True, kw_only=True)
class DacIdeal(_Dac, _Switched):
    """6-bit capacitive DAC in ideal switches."""

    name: ClassVar[str] = "mingru_dac_ideal"
    netlist: ClassVar[str] = "mingru/mingru_dac_ideal.cir"
    ports: ClassVar[tuple[str, ...]] = Dac.ports


@dataclass(frozen=True, kw_only=True)
class Comparator(MingruCell):
    """Clocked strong-arm comparator."""

    name: ClassVar[str] = "mingru_comparator"
    netlist: ClassVar[str] = "mingru/mingru_comparator.cir"
    ports: ClassVar[tuple[str, ...]] = ("inp", "inn", "clk", "outp", "outn", "vdd", "gnd")
    transistors: ClassVar[Sizes] = {
        "tail": ("n", "w_tail", "l_latch"),
        "ip": ("n", "w_in", "l_in"),
        "in": ("n", "w_in", "l_in"),
        "lnp": ("n", "w_latch", "l_latch"),
        "lnn": ("n", "w_latch", "l_latch"),
        "lpp": ("p", "w_latch", "l_latch"),
        "lpn": ("p", "w_latch", "l_latch"),
        "rp": ("p", "w_reset", "l_latch"),
        "rn": ("p", "w_reset", "l_latch"),
        "sp": ("p", "w_reset", "l_latch"),
        "sn": ("p", "w_reset", "l_latch"),
    }

    c_out: float = _capacitor(5e-15, "load of an output")
    w_in: float = _width(4e-6, "the input pair")
    l_in: float = _length("the input pair")
    w_tail: float = _width(0.5e-6, "the tail switch (weak: the kickback settles before the decision)")
    w_latch: float = _width(2e-6, "the latch")
    w_reset: float = _width(1e-6, "the reset transistors")
    l_latch: float = _length("tail, latch and reset")


@dataclass(frozen=True, kw_only=True)
class ComparatorIdeal(MingruCell):
    """Comparator without offset and noise."""

    name: ClassVar[str] = "mingru_comparator_ideal"
    netlist: ClassVar[str] = "mingru/mingru_comparator_ideal.cir"
    ports: ClassVar[tuple[str, ...]] = Comparator.ports

    v_high: float = param(1.8, "V", (0.1, 5.0), "output level")


#: Every cell, transistor level and ideal.
CELLS: tuple[type[MingruCell], ...] = (
    Capacitor, TransmissionGate, Switch, Weight, WeightIdeal, RowDriver, RowDriverIdeal, HSynapse,
    HSynapseIdeal, ZSynapse, ZSynapseIdeal, Line, LineIdeal, Dac, DacIdeal, Comparator, ComparatorIdeal,
)  # fmt: skip
