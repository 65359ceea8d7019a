"""Ferroelectric capacitor as a bank of hysterons: circuit, integration of its equations, loop testbench."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from circuits.circuit import Circuit, ParameterError, param
from circuits.deck import Deck, FloatArray, SimulationResult
from circuits.families.memcap_bench import MEMCAP_OPTIONS, POINTS, running_charge
from circuits.measure import integral
from circuits.ngspice.errors import MeasureFailed
from circuits.process import Process
from circuits.subcircuit import instance_line, subcircuit_lines
from circuits.testbench import Conditions, Observable, Testbench

#: Order of the quantiles of the downward thresholds: any that is far from the upward one stands for independence.
ORDER = np.array([4, 7, 2, 5, 8, 3, 6, 1])
LARGEST_ARGUMENT, LARGEST_EXPONENT = 40.0, 200.0


@dataclass(frozen=True, kw_only=True)
class Fecap(Circuit):
    """Ferroelectric capacitor: eight hysterons, dielectric, leakage."""

    name: ClassVar[str] = "fecap"
    family: ClassVar[str] = "memcap"
    netlist: ClassVar[str] = "memcap/fecap.cir"
    ports: ClassVar[tuple[str, ...]] = ("top", "bot")

    area: float = param(2500e-12, "m^2", (1e-14, 1e-6), "area of the capacitor")
    c_linear: float = param(0.033, "F/m^2", (1e-6, 10.0), "dielectric capacitance per area")
    p_s: float = param(
        0.5, "C/m^2", (1e-4, 10.0), "polarisation that switches, 2 P_r", "assumed; order of recipe fecap_pund"
    )
    v_up: float = param(
        0.9, "V", (-10.0, 10.0), "median threshold upwards", "assumed; order of recipe fecap_forc"
    )
    w_up: float = param(0.15, "V", (1e-3, 5.0), "width of its distribution")
    v_down: float = param(
        -1.0, "V", (-10.0, 10.0), "median threshold downwards", "assumed; order of recipe fecap_forc"
    )
    w_down: float = param(0.15, "V", (1e-3, 5.0), "width of its distribution")
    k_switch: float = param(1e7, "Hz", (1.0, 1e12), "rate at which switching saturates")
    s_switch: float = param(0.05, "V", (1e-3, 1.0), "volts per e-fold of the rate")
    i_leak: float = param(1.0, "A/m^2", (0.0, 1e6), "leakage per area at v_leak asinh(1)")
    v_leak: float = param(0.5, "V", (0.02, 100.0), "volts per e-fold of the leakage")
    p_start: float = param(0.0, "1", (0.0, 1.0), "state of every hysteron at the start of a transient")

    def __post_init__(self) -> None:
        """Check bounds, and that every hysteron switches up above where it switches down."""
        super().__post_init__()
        up, down = self.thresholds()
        if np.any(up <= down):
            raise ParameterError(
                f"{self.name}: a hysteron would switch up at {up[up <= down][0]:.3g} V and down at "
                f"{down[up <= down][0]:.3g} V; accepted: v_up above v_down by more than the widths"
            )

    def thresholds(self) -> tuple[FloatArray, FloatArray]:
        """Voltages (V) at half of the saturated rate, upwards and downwards, of every hysteron."""
        u = (2.0 * np.arange(1, 9) - 1.0) / 16.0
        d = (2.0 * ORDER - 1.0) / 16.0
        return (
            np.asarray(self.v_up + self.w_up * np.log(u / (1.0 - u))),
            np.asarray(self.v_down + self.w_down * np.log(d / (1.0 - d))),
        )

    def leakage(self, v: FloatArray | float) -> FloatArray:
        """Leakage in A at ``v`` volt."""
        argument = np.clip(np.asarray(v) / self.v_leak, -LARGEST_ARGUMENT, LARGEST_ARGUMENT)
        return np.asarray(self.area * self.i_leak * np.sinh(argument))

    def rate(self, p: FloatArray, v: float) -> FloatArray:
        """dp/dt of every hysteron (1/s)."""
        on, off = self.thresholds()
        up = 1.0 + np.exp(np.clip((on - v) / self.s_switch, -LARGEST_EXPONENT, LARGEST_EXPONENT))
        down = 1.0 + np.exp(np.clip((v - off) / self.s_switch, -LARGEST_EXPONENT, LARGEST_EXPONENT))
        return np.asarray(self.k_switch * ((1.0 - p) / up - p / down))

    def charge(self, p: FloatArray, v: FloatArray) -> FloatArray:
        """Charge (C) since the start, from states with hysterons along the first axis."""
        return np.asarray(
            self.area * (self.c_linear * v + self.p_s * (np.mean(p, axis=0) - self.p_start)), dtype=np.float64
        )


@dataclass(frozen=True, kw_only=True)
class FecapLoop(Testbench):
    """Two triangles of voltage straight on the capacitor; the second is the closed loop."""

    name: ClassVar[str] = "fecap_loop"
    family: ClassVar[str] = "memcap"
    description: ClassVar[str] = "ferroelectric capacitor: loop of charge against voltage"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("q_opening", "C", "charge between the two branches at 0 V, 2 P_r times area"),
        Observable("v_c_up", "V", "voltage at which half of the switching upwards has happened"),
        Observable("v_c_down", "V", "the same downwards"),
        Observable("e_hysteresis", "J", "energy taken up over the second triangle"),
    )

    dut: Fecap = field(default_factory=Fecap)
    v_top: float = param(3.0, "V", (-10.0, 10.0), "highest voltage")
    v_bottom: float = param(-3.0, "V", (-10.0, 10.0), "lowest voltage")
    ramp: float = param(1e5, "V/s", (1e-2, 1e8), "rate of the ramps")

    def corners(self) -> tuple[FloatArray, FloatArray]:
        """Times (s) and voltages (V) of the waveform's corners."""
        volts = np.array([0.0, *(2 * [self.v_top, self.v_bottom]), self.v_top])
        return np.concatenate([[0.0], np.cumsum(np.abs(np.diff(volts)) / self.ramp)]), volts

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """Transient from the initial state."""
        times, volts = self.corners()
        wave = " ".join(f"{float(t)!r} {float(v)!r}" for t, v in zip(times, volts, strict=True))
        end = float(times[-1])
        return Deck(
            title=f"{self.name} {self.dut.name}",
            lines=(
                *subcircuit_lines(self.dut),
                f"vs top 0 dc 0 pwl({wave})",
                instance_line(self.dut, "dut", ("top", "0")),
            ),
            analyses=(f"tran {end / POINTS!r} {end!r} 0 {end / POINTS!r} uic",),
            save=("top", "vs#branch", *(f"xdut.xh{k}.p" for k in range(1, 9))),
            options=MEMCAP_OPTIONS,
            temperature=conditions.temperature,
        )

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Branches of the last descending and ascending ramps."""
        waves = result.analyses[0]
        time, v, current = waves["time"], waves["top"], -waves["vs#branch"]
        charge = running_charge(time, current - self.dut.leakage(v)) - self.dut.area * self.dut.c_linear * v
        times, _ = self.corners()
        down = (time >= times[3]) & (time <= times[4])
        up = (time >= times[4]) & (time <= times[5])
        if not self.v_bottom < 0.0 < self.v_top:
            raise MeasureFailed("the ramps do not pass 0 V")
        opening = float(np.interp(0.0, -v[down], charge[down]) - np.interp(0.0, v[up], charge[up]))
        return {
            "q_opening": opening,
            "v_c_up": _half(charge[up], v[up]),
            "v_c_down": _half(-charge[down], v[down]),
            "e_hysteresis": integral(time, v * current, float(times[3]), float(times[5])),
        }


def _half(charge: FloatArray, v: FloatArray) -> float:
    """Voltage at which a rising charge is half way between its ends."""
    level = 0.5 * float(charge[0] + charge[-1])
    return float(np.interp(level, np.maximum.accumulate(charge), v))


#: Circuits and testbenches of the ferroelectric capacitor.
FECAP_CELLS: tuple[type[Circuit], ...] = (Fecap,)
FECAP_TESTBENCHES: tuple[type[Testbench], ...] = (FecapLoop,)
