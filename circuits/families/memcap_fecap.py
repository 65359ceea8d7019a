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
#: Share of its threshold below which a voltage switches nothing, for the netlist's power.
LEAST_FIELD = 0.05


@dataclass(frozen=True, kw_only=True)
class Fecap(Circuit):
    """Ferroelectric capacitor: eight hysterons with nucleation-limited switching, imprint, dielectric, leakage."""

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
        0.9,
        "V",
        (1e-3, 10.0),
        "median voltage above v_imprint that switches up in t_switch",
        "assumed; order of recipe fecap_forc",
    )
    w_up: float = param(0.15, "V", (1e-3, 5.0), "width of its distribution")
    v_down: float = param(
        -1.0,
        "V",
        (-10.0, -1e-3),
        "median voltage from v_imprint on that switches down in t_switch",
        "assumed; order of recipe fecap_forc",
    )
    w_down: float = param(0.15, "V", (1e-3, 5.0), "width of its distribution")
    v_imprint: float = param(0.0, "V", (-5.0, 5.0), "voltage without field: shift of the loop")
    t_switch: float = param(1e-6, "s", (1e-12, 1e3), "time in which v_up and v_down switch", "assumed")
    t_inf: float = param(1e-10, "s", (1e-15, 1.0), "switching time at infinite voltage", "assumed")
    m_switch: float = param(2.0, "1", (0.2, 8.0), "exponent of the voltage; Merz's law: 1", "assumed")
    i_leak: float = param(1.0, "A/m^2", (0.0, 1e6), "leakage per area at v_leak asinh(1)")
    v_leak: float = param(0.5, "V", (0.02, 100.0), "volts per e-fold of the leakage")
    p_start: float = param(0.0, "1", (0.0, 1.0), "state of every hysteron at the start of a transient")

    def __post_init__(self) -> None:
        """Check bounds, that every hysteron switches up above and down below the imprint, and the times."""
        super().__post_init__()
        up, down = self.thresholds()
        if np.any(up <= 0.0) or np.any(down >= 0.0):
            raise ParameterError(
                f"{self.name}: a hysteron would switch up {up.min():.3g} V above and down {-down.max():.3g} V "
                "below the imprint; accepted: medians further from it than 2.7 widths"
            )
        if self.t_inf >= self.t_switch:
            raise ParameterError(
                f"{self.name}: t_inf = {self.t_inf:g} s; accepted: below t_switch = {self.t_switch:g} s"
            )

    def thresholds(self) -> tuple[FloatArray, FloatArray]:
        """Voltages (V) from the imprint on that switch in ``t_switch``, upwards and downwards, of every hysteron."""
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
        field = v - self.v_imprint
        return np.asarray(self._speed(field, on) * (1.0 - p) - self._speed(-field, -off) * p)

    def _speed(self, field: float, threshold: FloatArray) -> FloatArray:
        """Rate (1/s) of nucleation-limited switching at a voltage along the drive, by hysteron."""
        span = np.log(self.t_switch / self.t_inf)
        exponent = span * (threshold / np.maximum(field, LEAST_FIELD * threshold)) ** self.m_switch
        return np.asarray(np.exp(-np.minimum(exponent, LARGEST_EXPONENT)) / self.t_inf)

    def coercive(self, ramp: float) -> tuple[float, float]:
        """Voltages (V) at which a ramp (V/s) switches half, up and down, by hand."""
        span, m = float(np.log(self.t_switch / self.t_inf)), self.m_switch

        def at(threshold: float) -> float:
            # The integral of the rate over a ramp is its last value times V/(m L y^-m) over the ramp; y by iteration.
            y = 1.0
            for _ in range(50):
                needed = y ** (m + 1.0) * threshold / (np.log(2.0) * m * span * ramp * self.t_inf)
                y = (span / max(float(np.log(needed)), 1.0)) ** (1.0 / m)
            return threshold * y

        return self.v_imprint + at(self.v_up), self.v_imprint - at(-self.v_down)

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
        Observable("v_peak_up", "V", "peak of the large-signal dQ/dV on the way up"),
        Observable("v_peak_down", "V", "the same on the way down"),
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
            "v_peak_up": _peak(charge[up], v[up]),
            "v_peak_down": _peak(charge[down], v[down]),
            "e_hysteresis": integral(time, v * current, float(times[3]), float(times[5])),
        }


def _half(charge: FloatArray, v: FloatArray) -> float:
    """Voltage at which a rising charge is half way between its ends."""
    level = 0.5 * float(charge[0] + charge[-1])
    return float(np.interp(level, np.maximum.accumulate(charge), v))


def _peak(charge: FloatArray, v: FloatArray) -> float:
    """Voltage at which the charge of a branch changes most per volt, over bins of a hundredth of the branch."""
    order = np.argsort(v)
    grid = np.linspace(float(v.min()), float(v.max()), 101)
    steps = np.abs(np.diff(np.interp(grid, v[order], charge[order])))
    highest = int(np.argmax(steps))
    return float(0.5 * (grid[highest] + grid[highest + 1]))


#: Circuits and testbenches of the ferroelectric capacitor.
FECAP_CELLS: tuple[type[Circuit], ...] = (Fecap,)
FECAP_TESTBENCHES: tuple[type[Testbench], ...] = (FecapLoop,)
