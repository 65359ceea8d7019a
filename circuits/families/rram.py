"""Resistive memory that switches, and the 1T1R cell: circuits, and the same equations for integration in Python.

Conduction and rates are smooth and bounded; the hand analysis is in the netlist headers. The voltage of SET and its
45 mV per decade of pulse width, the two resistances and the voltages of the sinh are those of the fits in
``docs/fits-denram.md``; of RESET these data show the onset only, so its constants are *assumed* to meet it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from circuits.circuit import Circuit, param
from circuits.deck import FloatArray

LARGEST_ARGUMENT = 40.0
LARGEST_EXPONENT = 200.0
"""Clamps of the netlist: beyond them a current or a rate is far outside anything the cell sees."""


def _resistance(value: float, description: str) -> Any:
    return param(value, "Ohm", (1.0, 1e15), description, "derived: recipes rram_lrs and rram_hrs_spread")


def _sinh(value: float, description: str) -> Any:
    return param(value, "V", (0.02, 1e4), description, "derived: recipe rram_read_iv")


def _rate(value: float, description: str) -> Any:
    return param(value, "Hz", (1.0, 1e13), description)


def _volt(value: float, description: str, source: str = "assumed") -> Any:
    return param(value, "V", (0.0, 10.0), description, source)


@dataclass(frozen=True, kw_only=True)
class _Memory(Circuit):
    """Parameters of the memory, shared by the bare device and the cell."""

    family: ClassVar[str] = "denram"

    r_on: float = _resistance(2e3, "resistance at small voltage for x = 1")
    r_off: float = _resistance(190e3, "resistance at small voltage for x = 0")
    v_sinh_on: float = _sinh(1.6, "voltage of the sinh for x = 1")
    v_sinh_off: float = _sinh(0.27, "voltage of the sinh for x = 0")
    k_set: float = _rate(1e9, "rate at which SET saturates")
    v_set: float = _volt(1.2, "voltage at half that rate", "derived: recipe rram_set, 1.07 V for 1 us")
    s_set: float = param(
        0.02,
        "V",
        (1e-3, 1.0),
        "volts per e-fold of the rate of SET",
        "derived: recipe rram_set, 45 mV a decade",
    )
    k_reset: float = _rate(1e8, "rate at which RESET saturates")
    v_reset: float = _volt(1.05, "voltage at half that rate for x = 1")
    s_reset: float = param(0.05, "V", (1e-3, 1.0), "volts per e-fold of the rate of RESET")
    v_depth: float = _volt(0.6, "rise of v_reset from x = 1 to x = 0")
    x_start: float = param(0.0, "1", (0.0, 1.0), "state at the start of a transient")

    def current(self, x: FloatArray | float, v: FloatArray | float) -> FloatArray:
        """Current in A of the memory in state ``x`` at ``v`` volt."""
        state, voltage = np.asarray(x, dtype=np.float64), np.asarray(v, dtype=np.float64)
        ln_v0 = state * math.log(self.v_sinh_on) + (1.0 - state) * math.log(self.v_sinh_off)
        ln_g = -state * math.log(self.r_on) - (1.0 - state) * math.log(self.r_off)
        argument = np.clip(voltage * np.exp(-ln_v0), -LARGEST_ARGUMENT, LARGEST_ARGUMENT)
        return np.asarray(np.exp(ln_g + ln_v0) * np.sinh(argument), dtype=np.float64)

    def rate(self, x: FloatArray | float, v: FloatArray | float) -> FloatArray:
        """dx/dt in 1/s."""
        state, voltage = np.asarray(x, dtype=np.float64), np.asarray(v, dtype=np.float64)
        up = (self.v_set - voltage) / self.s_set
        down = (self.v_reset + self.v_depth * (1.0 - state) + voltage) / self.s_reset
        grow, shrink = (
            k / (1.0 + np.exp(np.clip(z, -LARGEST_EXPONENT, LARGEST_EXPONENT)))
            for k, z in ((self.k_set, up), (self.k_reset, down))
        )
        return np.asarray((1.0 - state) * grow - state * shrink, dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class Rram(_Memory):
    """Resistive memory: state-dependent conduction, clamped dynamics of SET and RESET."""

    name: ClassVar[str] = "rram"
    netlist: ClassVar[str] = "denram/rram.cir"
    ports: ClassVar[tuple[str, ...]] = ("top", "bot")


@dataclass(frozen=True, kw_only=True)
class Rram1T1R(_Memory):
    """Resistive memory with its selector, which sets the current of SET and so the low resistance."""

    name: ClassVar[str] = "rram_1t1r"
    netlist: ClassVar[str] = "denram/rram_1t1r.cir"
    ports: ClassVar[tuple[str, ...]] = ("bl", "wl", "sl", "gnd")
    transistors: ClassVar[Mapping[str, tuple[str, str | float, str | float]]] = {
        "sel": ("n", "w_sel", "l_sel")
    }

    w_sel: float = param(0.65e-6, "m", (0.42e-6, 100e-6), "gate width of the selector", "published: 650 nm")
    l_sel: float = param(0.5e-6, "m", (0.13e-6, 50e-6), "gate length of the selector")

    def netlist_files(self) -> tuple[str, ...]:
        """The cell and the memory in it."""
        return ("denram/rram.cir", self.netlist)


@dataclass(frozen=True)
class Trace:
    """Integrated loop: time (s), state (1), voltage across the memory (V), current (A)."""

    time: FloatArray
    x: FloatArray
    v: FloatArray
    i: FloatArray


def integrate(memory: Rram, source: Callable[[float], float], resistance: float, time: FloatArray) -> Trace:
    """Memory in series with a resistor behind a voltage source, by LSODA; the reference of the netlist.

    Parameters
    ----------
    memory
        The device; it starts at its ``x_start``.
    source
        Voltage in V at a time in s.
    resistance
        Series resistance in ohm.
    time
        Instants of the result in s, ascending; the first is the start.

    Raises
    ------
    ArithmeticError
        When the integration does not reach the end.
    """
    from scipy.integrate import solve_ivp

    def slope(t: float, state: FloatArray) -> list[float]:
        x = min(max(float(state[0]), 0.0), 1.0)
        return [float(memory.rate(x, _divide(memory, x, source(t), resistance)))]

    step = float(time[-1] - time[0]) / 500.0
    found = solve_ivp(
        slope, (float(time[0]), float(time[-1])), [memory.x_start], "LSODA", time,
        rtol=1e-8, atol=1e-10, max_step=step,
    )  # fmt: skip
    if not found.success:
        raise ArithmeticError(f"integration of the memory stopped: {found.message}")
    x = np.clip(found.y[0], 0.0, 1.0)
    v = np.array(
        [_divide(memory, float(a), source(float(t)), resistance) for a, t in zip(x, time, strict=True)]
    )
    return Trace(np.asarray(time), x, v, memory.current(x, v))


def _divide(memory: Rram, x: float, supply: float, resistance: float) -> float:
    """Voltage across the memory behind a resistor: (V_s - v)/R = I(x, v), a rising function of v."""
    from scipy.optimize import brentq

    if supply == 0.0:
        return 0.0
    v0 = memory.v_sinh_on**x * memory.v_sinh_off ** (1.0 - x)
    drop = resistance * v0 / (memory.r_on**x * memory.r_off ** (1.0 - x))

    def excess(v: float) -> float:
        return float(v + drop * math.sinh(min(max(v / v0, -LARGEST_ARGUMENT), LARGEST_ARGUMENT)) - supply)

    return float(brentq(excess, min(supply, 0.0), max(supply, 0.0), xtol=1e-12))


CELLS: tuple[type[Circuit], ...] = (Rram, Rram1T1R)
