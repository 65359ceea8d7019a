r"""Single transistors: what a process gives below and above threshold.

Weak inversion, source tied to bulk: :math:`I_D = I_0 \exp(\kappa |V_{GS}|/U_T)` (saturated drain). The
observables are those that the DPI and memory families lean on: :math:`\kappa`, :math:`I_0`, threshold,
on-current and floor.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from circuits.circuit import Circuit, param
from circuits.deck import DEFAULT_OPTIONS, Deck, FloatArray, SimulationResult
from circuits.ngspice.errors import MeasureFailed
from circuits.process import Process
from circuits.subcircuit import instance_line, subcircuit_lines
from circuits.testbench import Conditions, Observable, Testbench

BOLTZMANN_OVER_CHARGE = 8.617333262e-5  # V/K, CODATA 2018

#: Threshold current per square: |V_GS| at which I_D = 100 nA * W/L (the common foundry definition).
THRESHOLD_CURRENT = 100e-9

#: gmin puts a leak of gmin * V_DS across the drain junction, which at 1e-15 S would be a third of the floor.
FLOOR_OPTIONS: Mapping[str, str] = {**DEFAULT_OPTIONS, "gmin": "1e-18", "abstol": "1e-18"}


@dataclass(frozen=True, kw_only=True)
class Fet(Circuit):
    """A single transistor with bulk contact."""

    family: ClassVar[str] = "fet"
    ports: ClassVar[tuple[str, ...]] = ("d", "g", "s", "b")
    polarity: ClassVar[str]

    w: float = param(1e-6, "m", (0.2e-6, 100e-6), "gate width")
    l: float = param(0.5e-6, "m", (0.13e-6, 50e-6), "gate length")  # noqa: E741 - SPICE's name


@dataclass(frozen=True, kw_only=True)
class NFet(Fet):
    """n transistor."""

    name: ClassVar[str] = "fet_n"
    netlist: ClassVar[str] = "fet/fet_n.cir"
    polarity: ClassVar[str] = "n"
    transistors: ClassVar[Mapping[str, tuple[str, str | float, str | float]]] = {"m": ("n", "w", "l")}


@dataclass(frozen=True, kw_only=True)
class PFet(Fet):
    """p transistor."""

    name: ClassVar[str] = "fet_p"
    netlist: ClassVar[str] = "fet/fet_p.cir"
    polarity: ClassVar[str] = "p"
    transistors: ClassVar[Mapping[str, tuple[str, str | float, str | float]]] = {"m": ("p", "w", "l")}


@dataclass(frozen=True, kw_only=True)
class FetIdVg(Testbench):
    r"""Gate sweep at constant drain, source and bulk at 0 V; voltages are magnitudes, as for an n transistor.

    ``kappa`` and ``i0`` come from the straight line through :math:`\ln I_D` against :math:`|V_{GS}|` between
    the two fit currents (both scaled by W/L); ``MeasureFailed`` when fewer than five points lie there.
    """

    name: ClassVar[str] = "fet_id_vg"
    family: ClassVar[str] = "fet"
    description: ClassVar[str] = "gate sweep of one n transistor: kappa, I0, threshold, on-current, floor"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("kappa", "1", "U_T d ln I_D / d|V_GS| in weak inversion (between the two fit currents)"),
        Observable("i0", "A", "I_D of the weak-inversion line at V_GS = 0, divided by W/L"),
        Observable("slope", "V", "gate voltage per decade of I_D in weak inversion, ln(10) U_T / kappa"),
        Observable("vth", "V", "|V_GS| at I_D = 100 nA W/L"),
        Observable("i_on", "A", "I_D at |V_GS| = supply"),
        Observable("i_off", "A", "I_D at V_GS = 0"),
        Observable("i_floor", "A", "smallest drain current of the sweep"),
        Observable("fit_residual", "1", "rms of the weak-inversion line's residual in ln I_D"),
    )

    dut: Fet = field(default_factory=NFet)
    drain_ratio: float = param(1.0, "1", (0.01, 1.0), "|V_DS| over the supply")
    v_start: float = param(-0.2, "V", (-0.5, 0.0), "first |V_GS| of the sweep (negative: below off)")
    v_step: float = param(0.01, "V", (1e-3, 0.05), "step of the gate sweep")
    i_fit_low: float = param(20e-12, "A", (1e-15, 1e-7), "lower end of the weak-inversion fit, per square")
    i_fit_high: float = param(5e-9, "A", (1e-14, 1e-6), "upper end of the weak-inversion fit, per square")

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """One dc sweep; the drain current is read at the drain source."""
        sign = -1.0 if self.dut.polarity == "p" else 1.0
        supply = process.supply if conditions.supply is None else conditions.supply
        last = supply + 0.25 * self.v_step  # so that rounding does not drop the point at the supply
        return Deck(
            title=f"{self.name} {self.dut.name} {process.name} {conditions.corner}",
            lines=(
                *process.cards(conditions.corner, self.dut.geometries().values()),
                *subcircuit_lines(self.dut),
                "vg g 0 0",
                f"vd d 0 {sign * self.drain_ratio * supply!r}",
                instance_line(self.dut, "dut", ("d", "g", "0", "0"), conditions.mismatch),
            ),
            analyses=(f"dc vg {sign * self.v_start!r} {sign * last!r} {sign * self.v_step!r}",),
            save=("g", "vd#branch"),
            options=FLOOR_OPTIONS,
            temperature=conditions.temperature,
        )

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Fit the weak-inversion line and read the marked points off the curve."""
        sign = -1.0 if self.dut.polarity == "p" else 1.0
        gate = sign * result.analyses[0]["g"]
        current = -sign * result.analyses[0]["vd#branch"]
        squares = self.dut.w / self.dut.l
        supply = process.supply if conditions.supply is None else conditions.supply
        thermal = BOLTZMANN_OVER_CHARGE * conditions.temperature
        low, high = self.i_fit_low * squares, self.i_fit_high * squares
        slope, intercept, residual = _weak_inversion_line(gate, current, low, high)
        return {
            "kappa": thermal * slope,
            "i0": math.exp(intercept) / squares,
            "slope": math.log(10.0) / slope,
            "vth": _gate_at(gate, current, THRESHOLD_CURRENT * squares),
            "i_on": float(np.interp(supply, gate, current)),
            "i_off": float(np.interp(0.0, gate, current)),
            "i_floor": float(current.min()),
            "fit_residual": residual,
        }


@dataclass(frozen=True, kw_only=True)
class PFetIdVg(FetIdVg):
    """The same sweep of a p transistor."""

    name: ClassVar[str] = "fet_id_vg_p"
    description: ClassVar[str] = "gate sweep of one p transistor: kappa, I0, threshold, on-current, floor"

    dut: Fet = field(default_factory=PFet)


def _weak_inversion_line(
    gate: FloatArray, current: FloatArray, low: float, high: float
) -> tuple[float, float, float]:
    """Slope (1/V), intercept (ln A) and rms residual of ln I against gate voltage between two currents."""
    chosen = (current >= low) & (current <= high)
    if chosen.sum() < 5:
        raise MeasureFailed(
            f"weak inversion: {int(chosen.sum())} points with {low:.3g} A <= I_D <= {high:.3g} A, need 5;"
            f" the sweep spans {current.min():.3g} to {current.max():.3g} A"
        )
    slope, intercept = np.polyfit(gate[chosen], np.log(current[chosen]), 1)
    residual = np.log(current[chosen]) - (slope * gate[chosen] + intercept)
    return float(slope), float(intercept), float(np.sqrt(np.mean(residual**2)))


def _gate_at(gate: FloatArray, current: FloatArray, target: float) -> float:
    """Gate voltage of the last upward crossing of ``target``, interpolated in ln I."""
    below = np.flatnonzero(current < target)
    if below.size == 0 or below[-1] + 1 >= current.size:
        raise MeasureFailed(
            f"threshold: no crossing of {target:.3g} A;"
            f" the sweep spans {current.min():.3g} to {current.max():.3g} A"
        )
    i = int(below[-1])
    fraction = math.log(target / current[i]) / math.log(current[i + 1] / current[i])
    return float(gate[i] + fraction * (gate[i + 1] - gate[i]))
