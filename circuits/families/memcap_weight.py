"""Weight cell of the stack: a formed stack read onto a membrane; its testbench."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from circuits.circuit import Circuit, param
from circuits.deck import Deck, SimulationResult
from circuits.families.dpi_deck import spike_source, supply_voltage
from circuits.families.memcap import Memcap
from circuits.families.memcap_integrator import INTEGRATOR_OPTIONS
from circuits.families.memcap_stack import FORMED, Memstack
from circuits.families.rram import Rram
from circuits.measure import at, integral
from circuits.process import Process
from circuits.subcircuit import instance_line, subcircuit_lines
from circuits.testbench import Conditions, Observable, Testbench

#: Time before the pulse (s): operating points of memories are not theirs, so the cell settles in it.
LEAD = 20e-6


@dataclass(frozen=True, kw_only=True)
class MemcapWeight(Circuit):
    """Weight: reads a formed stack during a pulse and sources a fraction of its current."""

    name: ClassVar[str] = "memcap_weight"
    family: ClassVar[str] = "memcap"
    netlist: ClassVar[str] = "memcap/memcap_weight.cir"
    ports: ClassVar[tuple[str, ...]] = ("on", "top", "bot", "vclamp", "out", "vdd", "gnd")
    transistors: ClassVar[Mapping[str, tuple[str, str | float, str | float]]] = {
        "cl": ("n", "w_clamp", "l_access"),
        "acc": ("n", "w_access", "l_access"),
        "i": ("p", "w_in", "l_in"),
        "o": ("p", "w_out", "l_out"),
        "so": ("p", "w_switch", "l_switch"),
        "ip": ("p", "w_logic_p", "l_logic"),
        "in": ("n", "w_logic", "l_logic"),
    }

    w_clamp: float = param(20e-6, "m", (0.42e-6, 100e-6), "width of the clamp")
    w_access: float = param(0.65e-6, "m", (0.42e-6, 100e-6), "width of the access transistor")
    l_access: float = param(0.5e-6, "m", (0.5e-6, 50e-6), "length of clamp and access transistor")
    w_in: float = param(10e-6, "m", (0.42e-6, 100e-6), "width of the mirror's diode")
    l_in: float = param(0.5e-6, "m", (0.5e-6, 50e-6), "length of the mirror's diode")
    w_out: float = param(0.5e-6, "m", (0.42e-6, 100e-6), "width of the mirror's output")
    l_out: float = param(5e-6, "m", (0.5e-6, 50e-6), "length of the mirror's output")
    w_switch: float = param(0.5e-6, "m", (0.42e-6, 100e-6), "width of the output switch")
    l_switch: float = param(1e-6, "m", (0.5e-6, 50e-6), "length of the output switch")
    w_logic: float = param(0.5e-6, "m", (0.42e-6, 100e-6), "width of the inverter's n transistor")
    w_logic_p: float = param(1e-6, "m", (0.42e-6, 100e-6), "width of the inverter's p transistor")
    l_logic: float = param(0.5e-6, "m", (0.5e-6, 50e-6), "length of the inverter")


@dataclass(frozen=True, kw_only=True)
class StackWeight(Testbench):
    """One pulse on a weight cell with a formed stack; the membrane is held."""

    name: ClassVar[str] = "memcap_weight_charge"
    family: ClassVar[str] = "memcap"
    description: ClassVar[str] = "weight of a formed stack: charge, stress and disturb of a read, energy"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("q", "C", "charge into the membrane over the pulse"),
        Observable("i_read", "A", "current of the stack at the end of the pulse"),
        Observable("i_off", "A", "current into the membrane before the pulse"),
        Observable("v_stress", "V", "largest voltage over the stack"),
        Observable("dx_filament", "1", "change of the filament by the read"),
        Observable("dx_capacitor", "1", "change of the memcapacitor's state by the read"),
        Observable("e_pulse", "J", "energy from the supply over the pulse"),
    )

    dut: MemcapWeight = field(default_factory=MemcapWeight)
    filament: float = param(0.5, "1", (0.0, 1.0), "state of the filament, 1 grown")
    v_clamp: float = param(0.7, "V", (0.1, 1.8), "gate of the clamp")
    v_membrane: float = param(0.1, "V", (0.0, 1.0), "voltage of the membrane")
    t_on: float = param(1e-6, "s", (1e-7, 1e-2), "width of the pulse")

    def conductance(self) -> float:
        """Conductance of the stack at small voltage (S), without its electrodes."""
        stack = Memstack(**FORMED)
        return float(stack.r_on**-self.filament * stack.r_off ** (self.filament - 1.0))

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """The pulse after a rest."""
        supply = supply_voltage(process, conditions)
        stack = Memstack(**FORMED, x_filament=self.filament, x_start=0.5, r_series=100.0)
        stop = LEAD + 4 * self.t_on
        step = self.t_on / 50
        nodes = ("on", "top", "bot", "vclamp", "out", "vdd", "0")
        return Deck(
            title=f"{self.name} {process.name} {conditions.corner}",
            lines=(
                *process.cards(conditions.corner, self.dut.geometries().values()),
                *(line for cell in (Memcap(), Rram(), stack, self.dut) for line in subcircuit_lines(cell)),
                f"vdd vdd 0 {supply!r}",
                f"vclamp vclamp 0 {self.v_clamp!r}",
                f"vout out 0 {self.v_membrane!r}",
                f"von on 0 {spike_source((LEAD,), self.t_on, supply)}",
                f".ic v(xr.xc.x)=0.5 v(xr.xr.x)={self.filament!r}",
                instance_line(self.dut, "dut", nodes, conditions.mismatch),
                "vsense top topm 0",
                instance_line(stack, "r", ("topm", "bot")),
            ),
            analyses=(f"tran {step!r} {stop!r} 0 {step!r}",),
            save=("on", "top", "bot", "vsense#branch", "vout#branch", "vdd#branch", "xr.xc.x", "xr.xr.x"),
            options=INTEGRATOR_OPTIONS,
            temperature=conditions.temperature,
        )

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Integrate the current into the membrane."""
        waves = result.analyses[0]
        t, out, end = waves["time"], waves["vout#branch"], float(waves["time"][-1])
        power = -supply_voltage(process, conditions) * waves["vdd#branch"]
        before = at(t, out, 0.9 * LEAD)
        return {
            "q": integral(t, out - before, 0.9 * LEAD, end),
            "i_read": at(t, waves["vsense#branch"], LEAD + 0.95 * self.t_on),
            "i_off": before,
            "v_stress": float(np.abs(waves["top"] - waves["bot"])[t > 0.9 * LEAD].max()),
            "dx_filament": float(waves["xr.xr.x"][-1] - waves["xr.xr.x"][0]),
            "dx_capacitor": float(waves["xr.xc.x"][-1] - waves["xr.xc.x"][0]),
            "e_pulse": integral(t, power, 0.9 * LEAD, end),
        }


#: Circuits and testbenches of the weight.
WEIGHT_CELLS: tuple[type[Circuit], ...] = (MemcapWeight,)
WEIGHT_TESTBENCHES: tuple[type[Testbench], ...] = (StackWeight,)
