"""Memcapacitor in the charge form, and the same equations for integration in Python.

The hand analysis is in the netlist header, the physics in ``docs/physics-memcap.md``. The stack that this family is
about has no published numbers: every default is *assumed*, at the scale of a 10 nm film of hafnium oxide.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from circuits.circuit import Circuit, ParameterError, param
from circuits.deck import FloatArray

LARGEST_ARGUMENT = 40.0
"""Clamp of the leakage's sinh in the netlist."""


@dataclass(frozen=True, kw_only=True)
class Memcap(Circuit):
    """Ferroelectric memcapacitor: state-dependent charge, threshold programming, relaxation, leakage."""

    name: ClassVar[str] = "memcap"
    family: ClassVar[str] = "memcap"
    netlist: ClassVar[str] = "memcap/memcap.cir"
    ports: ClassVar[tuple[str, ...]] = ("top", "bot")

    area: float = param(100e-12, "m^2", (1e-14, 1e-6), "area of the capacitor")
    c_low: float = param(0.025, "F/m^2", (1e-6, 10.0), "capacitance per area for x = 0")
    c_high: float = param(0.0325, "F/m^2", (1e-6, 10.0), "capacitance per area for x = 1")
    q_switch: float = param(0.2, "C/m^2", (0.0, 10.0), "polarisation charge per area that switches with x")
    k_up: float = param(1e5, "1/(V s)", (0.0, 1e12), "rate of x per volt above v_up")
    v_up: float = param(1.2, "V", (0.0, 10.0), "threshold of a positive voltage")
    k_down: float = param(1e5, "1/(V s)", (0.0, 1e12), "rate of x per volt below -v_down")
    v_down: float = param(1.2, "V", (0.0, 10.0), "threshold of a negative voltage, as a magnitude")
    x_rest: float = param(0.5, "1", (0.0, 1.0), "state that the device relaxes to")
    tau_relax: float = param(1e5, "s", (1e-6, 1e12), "time constant of the relaxation")
    i_leak: float = param(1e-3, "A/m^2", (0.0, 1e6), "leakage per area at v_leak asinh(1)")
    v_leak: float = param(0.5, "V", (0.02, 100.0), "volts per e-fold of the leakage")
    x_start: float = param(0.0, "1", (0.0, 1.0), "state at the start of a transient")

    def __post_init__(self) -> None:
        """Check bounds, and that the high capacitance is the higher."""
        super().__post_init__()
        if self.c_high < self.c_low:
            raise ParameterError(
                f"{self.name}: c_high = {self.c_high:g} F/m^2 is below c_low = {self.c_low:g} F/m^2; "
                "accepted: c_low or more"
            )

    def capacitance(self, x: FloatArray | float) -> FloatArray:
        """Capacitance in F at state ``x``."""
        return np.asarray(self.area * (self.c_low + (self.c_high - self.c_low) * _inside(x)))

    def charge(self, x: FloatArray | float, v: FloatArray | float) -> FloatArray:
        """Charge in C on the top electrode."""
        return np.asarray(self.capacitance(x) * np.asarray(v) + self.area * self.q_switch * _inside(x))

    def leakage(self, v: FloatArray | float) -> FloatArray:
        """Leakage in A at ``v`` volt."""
        argument = np.clip(np.asarray(v) / self.v_leak, -LARGEST_ARGUMENT, LARGEST_ARGUMENT)
        return np.asarray(self.area * self.i_leak * np.sinh(argument))

    def rate(self, x: FloatArray | float, v: FloatArray | float) -> FloatArray:
        """dx/dt in 1/s."""
        state, voltage = np.asarray(x, dtype=np.float64), np.asarray(v, dtype=np.float64)
        up = self.k_up * np.maximum(voltage - self.v_up, 0.0) * (1.0 - state)
        down = self.k_down * np.maximum(-voltage - self.v_down, 0.0) * state
        return np.asarray(up - down - (state - self.x_rest) / self.tau_relax)

    def passive_to(self) -> float:
        """Highest voltage (V) at which no state change gives energy back; infinite where C does not change."""
        window = self.c_high - self.c_low
        return 2.0 * self.q_switch / window if window > 0.0 else np.inf


def _inside(x: FloatArray | float) -> FloatArray:
    """State clamped as in the charge of the netlist."""
    return np.clip(np.asarray(x, dtype=np.float64), 0.0, 1.0)


@dataclass(frozen=True)
class MemcapTrace:
    """Integrated transient: time (s), state (1), voltage (V) and charge (C) of the memcapacitor."""

    time: FloatArray
    x: FloatArray
    v: FloatArray
    q: FloatArray


def integrate(
    memcap: Memcap, source: Callable[[float], float], resistance: float, time: FloatArray
) -> MemcapTrace:
    """Memcapacitor behind a resistor, LSODA at 1e-9; the reference of the netlist.

    States are charge and x: dQ/dt = (V_s - V)/R - I_leak(V), V = (Q - area q_switch x)/C(x). At the first instant
    the capacitor is at 0 V in state ``x_start``.

    Parameters
    ----------
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

    scale = float(memcap.charge(1.0, 1.0))

    def voltage(q: FloatArray | float, x: FloatArray | float) -> FloatArray:
        return np.asarray((np.asarray(q) - memcap.charge(x, 0.0)) / memcap.capacitance(x))

    def slope(t: float, state: FloatArray) -> list[float]:
        v = float(voltage(state[0] * scale, state[1]))
        current = (source(t) - v) / resistance - float(memcap.leakage(v))
        return [current / scale, float(memcap.rate(state[1], v))]

    start = [float(memcap.charge(memcap.x_start, 0.0)) / scale, memcap.x_start]
    step = float(time[-1] - time[0]) / 500.0
    found = solve_ivp(
        slope, (float(time[0]), float(time[-1])), start, "LSODA", time, rtol=1e-9, atol=1e-12, max_step=step
    )
    if not found.success:
        raise ArithmeticError(f"integration of the memcapacitor stopped: {found.message}")
    q, x = found.y[0] * scale, found.y[1]
    return MemcapTrace(np.asarray(time), x, voltage(q, x), q)


CELLS: tuple[type[Circuit], ...] = (Memcap,)
