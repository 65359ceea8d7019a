"""Programming of the leaky integrator through its plate line: state written, membrane held, energy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from circuits.circuit import param
from circuits.deck import Deck, SimulationResult
from circuits.families.denram import RramRead
from circuits.families.dpi_deck import supply_voltage
from circuits.families.memcap import Memcap
from circuits.families.memcap_integrator import INTEGRATOR_OPTIONS, MemcapIntegrator
from circuits.measure import integral
from circuits.process import Process
from circuits.subcircuit import instance_line, subcircuit_lines
from circuits.testbench import Conditions, Observable, Testbench

#: Start of the write pulse (s).
BEGIN = 1e-6


@dataclass(frozen=True, kw_only=True)
class IntegratorWrite(Testbench):
    """One pulse on the plate line while the reset transistor holds the membrane."""

    name: ClassVar[str] = "memcap_program"
    family: ClassVar[str] = "memcap"
    description: ClassVar[str] = (
        "leaky integrator: state written through the plate line, membrane held at 0 V"
    )
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("x_written", "1", "state after the pulse"),
        Observable("v_disturb", "V", "largest excursion of the membrane, which memristor and junctions see"),
        Observable("e_program", "J", "energy from the plate line in the pulse, edges included"),
    )

    dut: MemcapIntegrator = field(default_factory=MemcapIntegrator)
    v_program: float = param(
        3.0, "V", (-10.0, 10.0), "voltage on the memcapacitor; the plate swings the other way"
    )
    t_program: float = param(1e-6, "s", (1e-8, 1e-2), "width of the pulse at full height")
    t_ramp: float = param(100e-9, "s", (1e-9, 1e-3), "rise and fall of the plate line")

    def finish(self) -> float:
        """Instant at which the plate line is back at 0 V (s)."""
        return BEGIN + self.t_program + 2 * self.t_ramp

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """Transient from 0 V with the membrane held."""
        supply = supply_voltage(process, conditions)
        top, plate = BEGIN + self.t_ramp, -self.v_program
        wave = f"0 0 {BEGIN!r} 0 {top!r} {plate!r} {top + self.t_program!r} {plate!r} {self.finish()!r} 0"
        stop = self.finish() + 2e-6
        step = min(self.t_ramp, self.t_program) / 20
        return Deck(
            title=f"{self.name} {process.name} {conditions.corner}",
            lines=(
                *process.cards(conditions.corner, self.dut.geometries().values()),
                *subcircuit_lines(Memcap()),
                *subcircuit_lines(RramRead()),
                *subcircuit_lines(self.dut),
                f"vdd vdd 0 {supply!r}",
                f"vbias bias 0 {supply!r}",
                f"vspk spkb 0 {supply!r}",
                f"vwr wr 0 {supply!r}",
                f"vpl pl 0 dc 0 pwl({wave})",
                instance_line(
                    self.dut, "dut", ("spkb", "bias", "wr", "vm", "pl", "vdd", "0"), conditions.mismatch
                ),
            ),
            analyses=(f"tran {step!r} {stop!r} 0 {step!r} uic",),
            save=("vm", "pl", "xdut.xc.x", "vpl#branch"),
            options=INTEGRATOR_OPTIONS,
            temperature=conditions.temperature,
        )

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """State, excursion and energy of the pulse."""
        waves = result.analyses[0]
        time, vm = waves["time"], waves["vm"]
        pulse = time >= BEGIN
        power = -waves["pl"] * waves["vpl#branch"]
        return {
            "x_written": float(waves["xdut.xc.x"][-1]),
            "v_disturb": float(np.max(np.abs(vm[pulse]))),
            "e_program": integral(time, power, BEGIN, self.finish()),
        }


#: Testbenches of programming.
PROGRAM_TESTBENCHES: tuple[type[Testbench], ...] = (IntegratorWrite,)
