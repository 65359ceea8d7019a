"""Leaky integrator of memcapacitor and memristor, and its testbench: steps of a train, then the decay."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from circuits.circuit import Circuit, param
from circuits.deck import DEFAULT_OPTIONS, Deck, FloatArray, SimulationResult
from circuits.families.denram import RramRead
from circuits.families.dpi_deck import supply_voltage
from circuits.families.memcap import Memcap
from circuits.measure import at
from circuits.ngspice.errors import MeasureFailed
from circuits.process import Process
from circuits.subcircuit import instance_line, subcircuit_lines
from circuits.testbench import Conditions, Observable, Testbench

#: Picoamperes on the membrane: junction gmin far below 1/r_m, charge resolved below a femtocoulomb.
INTEGRATOR_OPTIONS: Mapping[str, str] = {**DEFAULT_OPTIONS, "gmin": "1e-18", "chgtol": "1e-18"}
#: Rise and fall of a spike, and time before the first (s).
EDGE, LEAD = 100e-9, 20e-6
#: End of the reset that opens every run (s).
RESET = 10e-6


@dataclass(frozen=True, kw_only=True)
class MemcapIntegrator(Memcap):
    """Leaky integrator: memcapacitor (its parameters as in ``memcap``), memristor, input, reset."""

    name: ClassVar[str] = "memcap_integrator"
    netlist: ClassVar[str] = "memcap/memcap_integrator.cir"
    ports: ClassVar[tuple[str, ...]] = ("spkb", "bias", "wr", "vm", "pl", "vdd", "gnd")
    transistors: ClassVar[Mapping[str, tuple[str, str | float, str | float]]] = {
        "ib": ("p", "w_in", "l_in"),
        "is": ("p", "w_in", "l_in"),
        "w": ("n", "w_write", "l_write"),
    }

    r_m: float = param(3e9, "Ohm", (1e5, 1e13), "resistance of the memristor at small voltage")
    v_sinh: float = param(0.3, "V", (0.02, 1e4), "voltage of its sinh")
    w_in: float = param(0.5e-6, "m", (0.42e-6, 100e-6), "width of the input transistors")
    l_in: float = param(2e-6, "m", (0.5e-6, 50e-6), "length of the input transistors")
    w_write: float = param(1e-6, "m", (0.42e-6, 100e-6), "width of the reset transistor")
    l_write: float = param(1e-6, "m", (0.5e-6, 50e-6), "length of the reset transistor")

    def netlist_files(self) -> tuple[str, ...]:
        """The cell, the memcapacitor and the memory."""
        return (Memcap.netlist, RramRead.netlist, self.netlist)

    def tau(self) -> float:
        """Time constant at small voltage by hand (s): transistors and leakage left out."""
        return self.r_m * float(self.capacitance(self.x_start))


@dataclass(frozen=True, kw_only=True)
class IntegratorDecay(Testbench):
    """A burst of spikes onto the resting membrane, then its decay."""

    name: ClassVar[str] = "memcap_decay"
    family: ClassVar[str] = "memcap"
    description: ClassVar[str] = "leaky integrator: step of a spike and time constant of the decay"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("v_step", "V", "rise of the membrane over the first spike, edge to edge"),
        Observable("v_top", "V", "membrane after the last spike"),
        Observable("tau", "s", "time from v_top to v_top/e"),
    )

    dut: MemcapIntegrator = field(default_factory=MemcapIntegrator)
    v_bias: float = param(1.35, "V", (0.0, 3.6), "gate of the current source")
    t_spike: float = param(10e-6, "s", (1e-6, 1e-2), "width of an input spike")
    t_gap: float = param(20e-6, "s", (1e-6, 1.0), "from the end of a spike to the next")
    spikes: float = param(3.0, "1", (1.0, 100.0), "number of spikes, rounded down")

    def starts(self) -> FloatArray:
        """Instants at which spikes begin (s)."""
        return np.asarray(LEAD + np.arange(int(self.spikes)) * (self.t_spike + self.t_gap + 2 * EDGE))

    def last(self) -> float:
        """Instant at which the last spike has ended (s)."""
        return float(self.starts()[-1]) + self.t_spike + 2 * EDGE

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """Transient from a reset."""
        supply = supply_voltage(process, conditions)
        points = [f"0 {supply!r}"]
        for start in map(float, self.starts()):
            high = start + EDGE + self.t_spike
            points += [f"{start!r} {supply!r} {start + EDGE!r} 0 {high!r} 0 {high + EDGE!r} {supply!r}"]
        stop = self.last() + 1.6 * self.dut.tau()
        step = self.dut.tau() / 400
        return Deck(
            title=f"{self.name} {process.name} {conditions.corner}",
            lines=(
                *process.cards(conditions.corner, self.dut.geometries().values()),
                *subcircuit_lines(Memcap()),
                *subcircuit_lines(RramRead()),
                *subcircuit_lines(self.dut),
                f"vdd vdd 0 {supply!r}",
                f"vbias bias 0 {self.v_bias!r}",
                # Held at 0 V first: without an operating point the gates' first step would lift the membrane.
                f"vwr wr 0 dc {supply!r} pwl(0 {supply!r} {RESET!r} {supply!r} {RESET + EDGE!r} 0)",
                "vpl pl 0 0",
                f"vspk spkb 0 dc {supply!r} pwl({' '.join(points)})",
                f".ic v(xdut.mid)={supply!r}",
                instance_line(
                    self.dut, "dut", ("spkb", "bias", "wr", "vm", "pl", "vdd", "0"), conditions.mismatch
                ),
            ),
            analyses=(f"tran {step!r} {stop!r} 0 {step!r} uic",),
            save=("vm", "xdut.xc.x"),
            options=INTEGRATOR_OPTIONS,
            temperature=conditions.temperature,
        )

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Step of the first spike, top of the burst, time to 1/e of it."""
        waves = result.analyses[0]
        time, v = waves["time"], waves["vm"]
        first = float(self.starts()[0])
        settle = 2e-6
        top = at(time, v, self.last() + settle)
        later = time > self.last() + settle
        below = np.flatnonzero(later & (v < top / math.e))
        if not below.size or top <= 0.0:
            raise MeasureFailed(f"the membrane does not fall to 1/e of {top:g} V")
        k = int(below[0])
        share = (v[k - 1] - top / math.e) / (v[k - 1] - v[k])
        end = time[k - 1] + share * (time[k] - time[k - 1])
        step = at(time, v, first + self.t_spike + 2 * EDGE + settle) - at(time, v, first)
        return {"v_step": step, "v_top": top, "tau": float(end) - self.last() - settle}


#: Circuits and testbenches of the integrator.
INTEGRATOR_CELLS: tuple[type[Circuit], ...] = (MemcapIntegrator,)
INTEGRATOR_TESTBENCHES: tuple[type[Testbench], ...] = (IntegratorDecay,)
