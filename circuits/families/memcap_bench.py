"""Testbenches of the memcapacitor: voltage triangles with the energy of a loop, and read, write, read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from circuits.circuit import param
from circuits.deck import DEFAULT_OPTIONS, Deck, FloatArray, SimulationResult
from circuits.families.memcap import Memcap
from circuits.measure import integral
from circuits.ngspice.errors import MeasureFailed
from circuits.process import Process
from circuits.subcircuit import instance_line, subcircuit_lines
from circuits.testbench import Conditions, Observable, Testbench

#: Charge is the quantity here: steps and tolerances an order below the settled ones.
MEMCAP_OPTIONS: Mapping[str, str] = {**DEFAULT_OPTIONS, "trtol": "1", "reltol": "1e-5", "chgtol": "1e-18"}
POINTS = 2000
_SAVE = ("src", "top", "xdut.x", "vs#branch")


@dataclass(frozen=True, kw_only=True)
class MemcapLoop(Testbench):
    """Two triangles of voltage on the memcapacitor behind a resistor; the second is the closed loop."""

    name: ClassVar[str] = "memcap_loop"
    family: ClassVar[str] = "memcap"
    description: ClassVar[str] = "voltage triangles on the memcapacitor: window, switched charge, loop energy"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("c_high_loop", "F", "dQ/dV at 0 V on the way down, after the positive half"),
        Observable("c_low_loop", "F", "dQ/dV at 0 V on the way up, after the negative half"),
        Observable("q_switched", "C", "charge between the two branches at 0 V"),
        Observable("e_loop", "J", "energy taken up over the second triangle; negative would be active"),
        Observable("x_high", "1", "state after the positive half"),
        Observable("x_low", "1", "state at the end"),
    )

    dut: Memcap = field(default_factory=Memcap)
    amplitude_up: float = param(3.0, "V", (0.1, 20.0), "peak of the positive half")
    amplitude_down: float = param(3.0, "V", (0.1, 20.0), "peak of the negative half, as a magnitude")
    period: float = param(100e-6, "s", (1e-8, 10.0), "time of one triangle, up, down and back")
    r_series: float = param(10e3, "Ohm", (1.0, 1e9), "resistor between source and memcapacitor")

    def corners(self) -> tuple[FloatArray, FloatArray]:
        """Times (s) and source voltages (V) of the waveform's corners."""
        once = np.array([0.25, 0.75, 1.0]) * self.period
        times = np.concatenate([[0.0], once, once + self.period])
        volts = np.array([0.0, *(2 * [self.amplitude_up, -self.amplitude_down, 0.0])])
        return times, volts

    def source(self, time: float) -> float:
        """Voltage of the source at a time."""
        return float(np.interp(time, *self.corners()))

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """Transient from the initial state."""
        return _deck(self, self.dut, self.corners(), self.r_series, conditions)

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Branches at 0 V and the energy, of the second triangle."""
        waves = result.analyses[0]
        time, v, x, current = waves["time"], waves["top"], waves["xdut.x"], -waves["vs#branch"]
        charge = running_charge(time, current - self.dut.leakage(v))
        down, up = self._zero(time, v, falling=True), self._zero(time, v, falling=False)
        end = 2 * self.period
        return {
            "c_high_loop": _slope(time, v, charge, down, self.period),
            "c_low_loop": _slope(time, v, charge, up, self.period),
            "q_switched": float(np.interp(down, time, charge) - np.interp(up, time, charge)),
            "e_loop": integral(time, v * current, self.period, end),
            "x_high": float(np.interp(1.5 * self.period, time, x)),
            "x_low": float(x[-1]),
        }

    def _zero(self, time: FloatArray, v: FloatArray, *, falling: bool) -> float:
        """Instant in the second triangle at which the memcapacitor passes 0 V: downwards, or at the end."""
        later = (time > 1.25 * self.period) & (time < 1.75 * self.period)
        if not falling:
            return float(time[-1]) - 0.02 * self.period
        found = np.flatnonzero(later & (v <= 0.0))
        if not found.size:
            raise MeasureFailed("the memcapacitor does not fall through 0 V")
        return float(time[found[0]])


@dataclass(frozen=True, kw_only=True)
class MemcapWrite(Testbench):
    """Read, write pulse, read: capacitance before and after, and what write and read cost."""

    name: ClassVar[str] = "memcap_write"
    family: ClassVar[str] = "memcap"
    description: ClassVar[str] = "memcapacitor: read, write pulse, read; capacitance, state, energies"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("c_before", "F", "charge over voltage of the read before the pulse"),
        Observable("c_after", "F", "charge over voltage of the read after it"),
        Observable("x_after", "1", "state after the pulse"),
        Observable("e_write", "J", "energy from the source in the pulse, edges included"),
        Observable("e_read", "J", "energy from the source on the rise of the second read"),
    )

    dut: Memcap = field(default_factory=Memcap)
    v_write: float = param(3.0, "V", (-20.0, 20.0), "height of the write pulse; its sign is the direction")
    t_write: float = param(1e-6, "s", (1e-9, 1.0), "width of the write pulse at full height")
    v_read: float = param(0.3, "V", (1e-3, 5.0), "height of the reads")
    t_edge: float = param(100e-9, "s", (1e-10, 1e-3), "rise and fall of every pulse")
    r_series: float = param(10e3, "Ohm", (1.0, 1e9), "resistor between source and memcapacitor")

    def corners(self) -> tuple[FloatArray, FloatArray]:
        """Times (s) and source voltages (V) of the waveform's corners."""
        pause = max(10 * self.t_edge, 1e-6)
        times, volts, now = [0.0], [0.0], 0.0
        for level, width in ((self.v_read, pause), (self.v_write, self.t_write), (self.v_read, pause)):
            for step, value in ((pause, 0.0), (self.t_edge, level), (width, level), (self.t_edge, 0.0)):
                now += step
                times.append(now)
                volts.append(value)
        return np.array([*times, now + pause]), np.array([*volts, 0.0])

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """Transient from the initial state."""
        return _deck(self, self.dut, self.corners(), self.r_series, conditions)

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Charge that each read takes on its rise, and the energies."""
        waves = result.analyses[0]
        time, v, x, current = waves["time"], waves["src"], waves["xdut.x"], -waves["vs#branch"]
        at = self.corners()[0]
        dielectric = current - self.dut.leakage(waves["top"])

        def read(start: int) -> float:
            return integral(time, dielectric, float(at[start]), float(at[start + 2])) / self.v_read

        return {
            "c_before": read(1),
            "c_after": read(9),
            "x_after": float(np.interp(at[9], time, x)),
            "e_write": integral(time, v * current, float(at[5]), float(at[9])),
            "e_read": integral(time, v * current, float(at[9]), float(at[11])),
        }


def _deck(
    bench: Testbench,
    dut: Memcap,
    corners: tuple[FloatArray, FloatArray],
    resistance: float,
    conditions: Conditions,
) -> Deck:
    """Memcapacitor behind a resistor, driven by a piecewise-linear voltage from 0 V."""
    points: Sequence[str] = [f"{float(t)!r} {float(v)!r}" for t, v in zip(*corners, strict=True)]
    end = float(corners[0][-1])
    return Deck(
        title=f"{bench.name} {dut.name}",
        lines=(
            *subcircuit_lines(dut),
            f"vs src 0 dc 0 pwl({' '.join(points)})",
            f"rs src top {resistance!r}",
            instance_line(dut, "dut", ("top", "0")),
        ),
        analyses=(f"tran {end / POINTS!r} {end!r} 0 {end / POINTS!r} uic",),
        save=_SAVE,
        options=MEMCAP_OPTIONS,
        temperature=conditions.temperature,
    )


def running_charge(time: FloatArray, current: FloatArray) -> FloatArray:
    """Integral of a current from the first instant (C), by trapezoids as the simulator integrates."""
    steps = np.diff(time) * 0.5 * (current[1:] + current[:-1])
    return np.concatenate([[0.0], np.cumsum(steps)])


def _slope(time: FloatArray, v: FloatArray, charge: FloatArray, centre: float, period: float) -> float:
    """dQ/dV around an instant, over 3 % of a period."""
    inside = np.abs(time - centre) < 0.015 * period
    if np.count_nonzero(inside) < 3:
        raise MeasureFailed("fewer than three points around 0 V")
    return float(np.polyfit(v[inside], charge[inside], 1)[0])


#: Every testbench of the memcapacitor.
MEMCAP_TESTBENCHES: tuple[type[Testbench], ...] = (MemcapLoop, MemcapWrite)
