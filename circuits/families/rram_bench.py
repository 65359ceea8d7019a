"""Testbenches of the resistive memory: SET/RESET loop of the device, and a write-read cycle of the 1T1R cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from circuits.circuit import param
from circuits.deck import DEFAULT_OPTIONS, Deck, FloatArray, SimulationResult
from circuits.families.rram import Rram, Rram1T1R
from circuits.measure import crossings
from circuits.ngspice.errors import MeasureFailed
from circuits.process import Process
from circuits.subcircuit import instance_line, subcircuit_lines
from circuits.testbench import Conditions, Observable, Testbench

#: A switching event takes nanoseconds in a sweep of milliseconds: the integrator must not step over it.
LOOP_OPTIONS: Mapping[str, str] = {**DEFAULT_OPTIONS, "trtol": "1", "reltol": "1e-5"}
HALF = 0.5


@dataclass(frozen=True, kw_only=True)
class RramLoop(Testbench):
    """One triangle of voltage, up, down and back, on the memory behind a series resistor."""

    name: ClassVar[str] = "rram_loop"
    family: ClassVar[str] = "denram"
    description: ClassVar[str] = "voltage triangle on the memory behind a resistor: SET and RESET, window"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("v_set_loop", "V", "source voltage at which the state rises through one half"),
        Observable("v_reset_loop", "V", "source voltage at which it falls through one half, negative"),
        Observable("r_low", "Ohm", "resistance of the memory at v_read on the way down"),
        Observable("r_high", "Ohm", "resistance of the memory at v_read on the way up"),
        Observable("x_low", "1", "state after SET"),
        Observable("x_high", "1", "state at the end"),
        Observable("i_set", "A", "largest current"),
    )

    dut: Rram = field(default_factory=Rram)
    amplitude: float = param(2.5, "V", (0.1, 10.0), "peak of the triangle, on both sides")
    duration: float = param(1e-3, "s", (1e-7, 10.0), "time of the whole triangle")
    r_series: float = param(5e3, "Ohm", (1.0, 1e9), "resistor between source and memory: the compliance")
    v_read_loop: float = param(0.2, "V", (1e-3, 1.0), "voltage at which the window is read")

    def source(self, time: float) -> float:
        """Voltage of the source at a time."""
        quarter = self.duration / 4
        return float(
            np.interp(time, [0, quarter, 3 * quarter, 4 * quarter], [0, self.amplitude, -self.amplitude, 0])
        )

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """Transient from the initial state."""
        quarter = self.duration / 4
        wave = f"0 0 {quarter!r} {self.amplitude!r} {3 * quarter!r} {-self.amplitude!r} {self.duration!r} 0"
        return Deck(
            title=f"{self.name} {self.dut.name}",
            lines=(
                *subcircuit_lines(self.dut),
                f"vs src 0 dc 0 pwl({wave})",
                f"rs src top {self.r_series!r}",
                instance_line(self.dut, "dut", ("top", "0")),
            ),
            analyses=(f"tran {self.duration / 2000!r} {self.duration!r} 0 {self.duration / 2000!r} uic",),
            save=("src", "top", "xdut.x", "vs#branch"),
            options=LOOP_OPTIONS,
            temperature=conditions.temperature,
        )

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Crossings of the state, and the two branches of the loop."""
        waves = result.analyses[0]
        time, x, current = waves["time"], waves["xdut.x"], -waves["vs#branch"]
        quarter = self.duration / 4
        up = _first(crossings(time, x, HALF, "rise"), "SET: the state does not pass one half")
        down = _first(crossings(time, x, HALF, "fall"), "RESET: the state does not fall through one half")
        rising, falling = time < quarter, (time >= quarter) & (time < 2 * quarter)
        return {
            "v_set_loop": self.source(up),
            "v_reset_loop": self.source(down),
            "r_low": self.v_read_loop / _at(waves["top"][falling], current[falling], self.v_read_loop),
            "r_high": self.v_read_loop / _at(waves["top"][rising], current[rising], self.v_read_loop),
            "x_low": float(np.interp(2 * quarter, time, x)),
            "x_high": float(x[-1]),
            "i_set": float(current.max()),
        }


@dataclass(frozen=True, kw_only=True)
class RramCycle(Testbench):
    """Read, SET pulse, read, RESET pulse, read: one cycle of the 1T1R cell."""

    name: ClassVar[str] = "rram_cycle"
    family: ClassVar[str] = "denram"
    description: ClassVar[str] = "1T1R cell: read, SET, read, RESET, read; resistances as an array reads them"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("r_before", "Ohm", "read before SET, selector included"),
        Observable("r_set", "Ohm", "read after SET, selector included"),
        Observable("r_reset", "Ohm", "read after RESET, selector included"),
        Observable("x_set", "1", "state after SET"),
        Observable("x_reset", "1", "state after RESET"),
        Observable("i_set", "A", "current at the end of the SET pulse"),
        Observable("i_reset", "A", "largest current of the RESET pulse"),
        Observable("e_set", "J", "energy from the bit line in the SET pulse"),
        Observable("e_reset", "J", "energy from the source line in the RESET pulse"),
    )

    dut: Rram1T1R = field(default_factory=Rram1T1R)
    v_wl_set: float = param(1.3, "V", (0.0, 5.0), "word line during SET: the compliance")
    v_bl_set: float = param(2.0, "V", (0.0, 5.0), "bit line during SET")
    t_set_pulse: float = param(1e-6, "s", (1e-8, 1.0), "width of the SET pulse")
    v_wl_reset: float = param(3.0, "V", (0.0, 5.0), "word line during RESET")
    v_sl_reset: float = param(3.0, "V", (0.0, 5.0), "source line during RESET")
    t_reset_pulse: float = param(10e-6, "s", (1e-8, 1.0), "width of the RESET pulse")
    v_wl_read: float = param(2.5, "V", (0.0, 5.0), "word line during reads")
    v_bl_read: float = param(0.2, "V", (1e-3, 1.0), "bit line during reads")
    t_edge: float = param(20e-9, "s", (1e-10, 1e-3), "rise and fall of every pulse")
    t_read: float = param(1e-6, "s", (1e-8, 1.0), "width of a read")

    def windows(self) -> tuple[tuple[float, float], ...]:
        """Start and end of read, SET, read, RESET, read, with a pause of half a read before each."""
        found, start = [], 0.0
        for width in (self.t_read, self.t_set_pulse, self.t_read, self.t_reset_pulse, self.t_read):
            start += 0.5 * self.t_read
            found.append((start, start + width))
            start += width
        return tuple(found)

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """Three lines driven by pulses."""
        windows = self.windows()
        read = self.v_bl_read
        levels = {
            "bl": (read, self.v_bl_set, read, 0.0, read),
            "wl": (self.v_wl_read, self.v_wl_set, self.v_wl_read, self.v_wl_reset, self.v_wl_read),
            "sl": (0.0, 0.0, 0.0, self.v_sl_reset, 0.0),
        }
        end = windows[-1][1] + 0.5 * self.t_read
        lines = [*process.cards(conditions.corner, self.dut.geometries().values())]
        lines += [*subcircuit_lines(Rram()), *subcircuit_lines(self.dut)]
        lines += [f"v{n} {n} 0 dc 0 pwl({_pulses(windows, v, self.t_edge)})" for n, v in levels.items()]
        lines.append(instance_line(self.dut, "dut", ("bl", "wl", "sl", "0"), conditions.mismatch))
        return Deck(
            title=f"{self.name} {process.name} {conditions.corner}",
            lines=tuple(lines),
            analyses=(f"tran {end / 2000!r} {end!r} 0 {end / 1000!r} uic",),
            save=("bl", "sl", "xdut.xcell.x", "vbl#branch", "vsl#branch"),
            options={**LOOP_OPTIONS, "reltol": "1e-4"},
            temperature=conditions.temperature,
        )

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Currents at the ends of the windows."""
        waves = result.analyses[0]
        time, x, i_bl, i_sl = waves["time"], waves["xdut.xcell.x"], -waves["vbl#branch"], -waves["vsl#branch"]
        first, setting, second, resetting, third = self.windows()
        last = {name: window[1] - self.t_edge for name, window in (("a", first), ("b", second), ("c", third))}
        reads = {name: self.v_bl_read / float(np.interp(at, time, i_bl)) for name, at in last.items()}
        inside = (time >= resetting[0]) & (time <= resetting[1])
        return {
            "r_before": reads["a"],
            "r_set": reads["b"],
            "r_reset": reads["c"],
            "x_set": float(np.interp(last["b"], time, x)),
            "x_reset": float(np.interp(last["c"], time, x)),
            "i_set": float(np.interp(setting[1] - 2 * self.t_edge, time, i_bl)),
            "i_reset": float(i_sl[inside].max()),
            "e_set": _energy(time, waves["bl"] * i_bl, setting),
            "e_reset": _energy(time, waves["sl"] * i_sl, resetting),
        }


def _pulses(windows: Sequence[tuple[float, float]], levels: Sequence[float], edge: float) -> str:
    """Piecewise-linear values of rectangular pulses."""
    points = ["0 0"]
    for (start, stop), level in zip(windows, levels, strict=True):
        points.append(f"{start!r} 0 {start + edge!r} {level!r} {stop - edge!r} {level!r} {stop!r} 0")
    return " ".join(points)


def _energy(time: FloatArray, power: FloatArray, window: tuple[float, float]) -> float:
    """Integral of a power over a window."""
    inside = (time >= window[0]) & (time <= window[1])
    return float(np.trapezoid(power[inside], time[inside]))


def _first(times: FloatArray, problem: str) -> float:
    """First of some instants."""
    if not len(times):
        raise MeasureFailed(problem)
    return float(times[0])


def _at(v: FloatArray, i: FloatArray, level: float) -> float:
    """Current at a voltage of a branch that passes it once."""
    order = np.argsort(v)
    if not v[order[0]] <= level <= v[order[-1]]:
        raise MeasureFailed(f"the branch does not pass {level:g} V (it spans {v.min():g} to {v.max():g} V)")
    return float(np.interp(level, v[order], i[order]))


#: Every testbench of the memory.
RRAM_TESTBENCHES: tuple[type[Testbench], ...] = (RramLoop, RramCycle)
