"""One stack as capacitor and as memristor, and what is observed of it: C(f), leakage, retention, read disturb."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from circuits.circuit import Circuit, param
from circuits.deck import Deck, FloatArray, SimulationResult
from circuits.families.memcap import Memcap
from circuits.families.memcap_bench import MEMCAP_OPTIONS
from circuits.families.memcap_fecap import Fecap
from circuits.families.memcap_integrator import INTEGRATOR_OPTIONS
from circuits.families.rram import Rram
from circuits.process import Process
from circuits.subcircuit import instance_line, subcircuit_lines
from circuits.testbench import Conditions, Observable, Testbench

#: Parameters that make the stack's memristive branch a formed one: those of ``rram``.
FORMED = {"r_off": 190e3, "k_set": 1e9}
#: A relaxation this fast (s) makes the operating point that of the state.
AT_ONCE = 1e-6


@dataclass(frozen=True, kw_only=True)
class Memstack(Memcap):
    """Memcapacitor (its parameters as in ``memcap``), memristive branch, electrodes, dielectric absorption.

    Unformed by default; ``Memstack(**FORMED)`` is a formed one, whose filament sets and resets.
    """

    name: ClassVar[str] = "memstack"
    netlist: ClassVar[str] = "memcap/memstack.cir"

    r_series: float = param(2e3, "Ohm", (1e-3, 1e9), "electrodes and access")
    c_absorb: float = param(50e-15, "F", (1e-18, 1e-6), "capacitor of the dielectric absorption")
    tau_absorb: float = param(10e-6, "s", (1e-12, 1e6), "its time constant")
    r_on: float = param(2e3, "Ohm", (1.0, 1e15), "filament at small voltage, grown")
    r_off: float = param(1e13, "Ohm", (1.0, 1e15), "filament at small voltage, dissolved; unformed: 10 Tohm")
    v_sinh_on: float = param(1.6, "V", (0.02, 1e4), "voltage of its sinh, grown")
    v_sinh_off: float = param(0.27, "V", (0.02, 1e4), "voltage of its sinh, dissolved")
    k_set: float = param(0.0, "Hz", (0.0, 1e13), "rate at which SET saturates; 0: unformed")
    v_set: float = param(1.2, "V", (0.0, 10.0), "voltage at half that rate")
    s_set: float = param(0.02, "V", (1e-3, 1.0), "volts per e-fold of the rate of SET")
    k_reset: float = param(1e8, "Hz", (1.0, 1e13), "rate at which RESET saturates")
    v_reset: float = param(1.05, "V", (0.0, 10.0), "voltage at half that rate, grown")
    s_reset: float = param(0.05, "V", (1e-3, 1.0), "volts per e-fold of the rate of RESET")
    v_depth: float = param(0.6, "V", (0.0, 10.0), "rise of v_reset from grown to dissolved")
    x_filament: float = param(0.0, "1", (0.0, 1.0), "state of the filament at the start")

    def netlist_files(self) -> tuple[str, ...]:
        """The stack and its two devices."""
        return (Memcap.netlist, Rram.netlist, self.netlist)

    def small_signal(self, frequency: FloatArray | float, x: float) -> FloatArray:
        """Capacitance in F at a frequency (Hz) and state, by hand: absorption and electrodes."""
        w = 2.0 * np.pi * np.asarray(frequency, dtype=np.float64)
        slow = self.c_absorb / (1.0 + 1j * w * self.tau_absorb)
        inner = 1j * w * (float(self.capacitance(x)) + slow)
        return np.asarray(np.imag(1.0 / (1.0 / inner + self.r_series)) / w, dtype=np.float64)


def _device_lines() -> tuple[str, ...]:
    return tuple(line for cell in (Memcap(), Rram(), Memstack()) for line in subcircuit_lines(cell))


@dataclass(frozen=True, kw_only=True)
class StackDispersion(Testbench):
    """Small-signal capacitance at 0 V against frequency, in the low and in the high state."""

    name: ClassVar[str] = "memcap_dispersion"
    family: ClassVar[str] = "memcap"
    description: ClassVar[str] = "stack: small-signal capacitance of both states from 1 kHz to 10 MHz"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("c_low_1k", "F", "capacitance of x = 0 at 1 kHz"),
        Observable("c_high_1k", "F", "capacitance of x = 1 at 1 kHz"),
        Observable("c_low_10m", "F", "capacitance of x = 0 at 10 MHz"),
        Observable("c_high_10m", "F", "capacitance of x = 1 at 10 MHz"),
        Observable("r_c", "1", "ratio of the two at 1 kHz"),
        Observable("window_kept", "1", "difference of the states at 10 MHz over that at 1 kHz"),
    )

    dut: Memstack = field(default_factory=Memstack)

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """Two stacks side by side, each on a source of its own."""
        # The state at the operating point is the one that the device relaxes to.
        low, high = (self.dut.replace({"x_rest": x, "x_start": x, "tau_relax": AT_ONCE}) for x in (0.0, 1.0))
        return Deck(
            title=f"{self.name} {self.dut.name}",
            lines=(
                *_device_lines(),
                "vl low 0 dc 0 ac 1",
                "vh high 0 dc 0 ac 1",
                instance_line(low, "low", ("low", "0")),
                instance_line(high, "high", ("high", "0")),
            ),
            analyses=("ac dec 5 1k 10meg",),
            save=("vl#branch", "vh#branch"),
            options=INTEGRATOR_OPTIONS,
            temperature=conditions.temperature,
        )

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Imaginary admittances over the angular frequency, at both ends of the band."""
        waves = result.analyses[0]
        w = 2.0 * np.pi * np.real(waves["frequency"])
        low, high = (-np.imag(waves[f"v{side}#branch"]) / w for side in "lh")
        return {
            "c_low_1k": float(low[0]),
            "c_high_1k": float(high[0]),
            "c_low_10m": float(low[-1]),
            "c_high_10m": float(high[-1]),
            "r_c": float(high[0] / low[0]),
            "window_kept": float((high[-1] - low[-1]) / (high[0] - low[0])),
        }


@dataclass(frozen=True, kw_only=True)
class StackConduction(Testbench):
    """Current of the stack at small and read voltages: leakage of an unformed, conductance of a formed one."""

    name: ClassVar[str] = "memcap_conduction"
    family: ClassVar[str] = "memcap"
    description: ClassVar[str] = "stack: leakage when unformed, conductance of the filament when formed"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("i_read", "A", "current at v_read"),
        Observable("i_double", "A", "current at twice v_read"),
        Observable("r_p", "Ohm", "v_read over the current there"),
        Observable("g", "S", "its inverse"),
    )

    dut: Memstack = field(default_factory=Memstack)
    v_read: float = param(0.2, "V", (1e-3, 0.5), "read voltage; twice it stays below what switches")
    t_read: float = param(10e-3, "s", (1e-6, 1e3), "time at each voltage before the current is taken")

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """Two steps of voltage, each long enough for charging to be over."""
        edge, end = 0.01 * self.t_read, 2.0 * self.t_read
        points = (
            f"0 0 {edge!r} {self.v_read!r} {self.t_read!r} {self.v_read!r} "
            f"{self.t_read + edge!r} {2 * self.v_read!r} {end!r} {2 * self.v_read!r}"
        )
        return Deck(
            title=f"{self.name} {self.dut.name}",
            lines=(
                *_device_lines(),
                f"vs top 0 dc 0 pwl({points})",
                instance_line(self.dut, "dut", ("top", "0")),
            ),
            analyses=(f"tran {end / 400!r} {end!r} 0 {end / 400!r} uic",),
            save=("top", "vs#branch"),
            # Trapezoids ring about the charging current, which is 1e3 times the leakage.
            options={**INTEGRATOR_OPTIONS, "method": "gear"},
            temperature=conditions.temperature,
        )

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Currents at the end of each step, where nothing charges."""
        waves = result.analyses[0]
        time, current = waves["time"], -waves["vs#branch"]
        first = float(np.interp(0.99 * self.t_read, time, current))
        return {
            "i_read": first,
            "i_double": float(current[-1]),
            "r_p": self.v_read / first,
            "g": first / self.v_read,
        }


@dataclass(frozen=True, kw_only=True)
class StackRetention(Testbench):
    """State left alone after programming: what the relaxation takes of the window."""

    name: ClassVar[str] = "memcap_retention"
    family: ClassVar[str] = "memcap"
    description: ClassVar[str] = "memcapacitor left alone: capacitance over logarithmic time"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("c_first", "F", "capacitance after a thousandth of the time"),
        Observable("c_end", "F", "capacitance at the end"),
        Observable("slope", "1", "relative change of the capacitance over the last decade"),
    )

    dut: Memcap = field(default_factory=lambda: Memcap(x_start=1.0))
    t_wait: float = param(1e4, "s", (1e-3, 1e9), "time without voltage")

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """Both electrodes at ground."""
        step = self.t_wait / 2000
        return Deck(
            title=f"{self.name} {self.dut.name}",
            lines=(
                *subcircuit_lines(self.dut),
                "vs top 0 dc 0",
                instance_line(self.dut, "dut", ("top", "0")),
            ),
            analyses=(f"tran {step!r} {self.t_wait!r} 0 {step!r} uic",),
            save=("top", "xdut.x"),
            options=MEMCAP_OPTIONS,
            temperature=conditions.temperature,
        )

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Capacitance of the state at three times."""
        waves = result.analyses[0]

        def at(time: float) -> float:
            return float(self.dut.capacitance(float(np.interp(time, waves["time"], waves["xdut.x"]))))

        first, tenth, end = at(1e-3 * self.t_wait), at(0.1 * self.t_wait), at(self.t_wait)
        return {"c_first": first, "c_end": end, "slope": end / tenth - 1.0}


@dataclass(frozen=True, kw_only=True)
class ReadDisturb(Testbench):
    """Read voltage on the ferroelectric capacitor for the time of many reads: what it switches."""

    name: ClassVar[str] = "fecap_disturb"
    family: ClassVar[str] = "memcap"
    description: ClassVar[str] = "ferroelectric capacitor: polarisation that many reads switch"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("p_disturbed", "1", "share of the switchable polarisation that the reads have switched"),
        Observable("p_tenth", "1", "the same after a tenth of the reads"),
    )

    dut: Fecap = field(default_factory=Fecap)
    v_read: float = param(0.3, "V", (1e-3, 5.0), "read voltage, against the state")
    t_read: float = param(1e-6, "s", (1e-9, 1.0), "duration of a read at full height")
    reads: float = param(1e6, "1", (1.0, 1e12), "number of reads; their times add up")

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """One long pulse: switching is slow beside the edges, so that reads add up."""
        total = self.t_read * self.reads
        step = total / 1000
        return Deck(
            title=f"{self.name} {self.dut.name}",
            lines=(
                *subcircuit_lines(self.dut),
                f"vs top 0 dc 0 pwl(0 0 {0.001 * total!r} {self.v_read!r})",
                instance_line(self.dut, "dut", ("top", "0")),
            ),
            analyses=(f"tran {step!r} {total!r} 0 {step!r} uic",),
            save=("top", *(f"xdut.xh{k}.p" for k in range(1, 9))),
            options=MEMCAP_OPTIONS,
            temperature=conditions.temperature,
        )

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Mean of the hysterons beyond the start."""
        waves = result.analyses[0]
        p = np.mean([waves[f"xdut.xh{k}.p"] for k in range(1, 9)], axis=0) - self.dut.p_start
        return {
            "p_disturbed": float(p[-1]),
            "p_tenth": float(np.interp(0.1 * waves["time"][-1], waves["time"], p)),
        }


#: Circuits and testbenches of the stack.
STACK_CELLS: tuple[type[Circuit], ...] = (Memstack,)
STACK_TESTBENCHES: tuple[type[Testbench], ...] = (
    StackDispersion,
    StackConduction,
    StackRetention,
    ReadDisturb,
)
