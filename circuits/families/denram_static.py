"""Static testbenches of the delay cells: leakage of the capacitor, trip points, noise of the comparator."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from circuits.circuit import param
from circuits.deck import Deck, FloatArray, SimulationResult
from circuits.families.denram_cell import ChargeComparator, DecayComparator, DecaySchmitt, DelayCell
from circuits.families.denram_deck import leakage_deck, stage_deck
from circuits.families.dpi_deck import supply_voltage
from circuits.measure import line
from circuits.ngspice.errors import MeasureFailed
from circuits.process import Process
from circuits.testbench import Conditions, Observable, Testbench


@dataclass(frozen=True, kw_only=True)
class DelayLeakage(Testbench):
    """What transistors take from the capacitor while a delay runs, the memory left out."""

    name: ClassVar[str] = "denram_leakage"
    family: ClassVar[str] = "denram"
    description: ClassVar[str] = "capacitor forced during a delay: leakage and its slope, charge-through cell"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("i_leak", "A", "current out of the capacitor, line over the delay's voltages read at 0 V"),
        Observable("g_leak", "S", "slope of that line"),
        Observable("i_trip", "A", "current out of the capacitor at the trip level by hand"),
        Observable("i_residual", "A", "largest distance of the current from the line"),
    )

    dut: DelayCell = field(default_factory=ChargeComparator)
    v_edge: float = param(0.1, "V", (0.0, 3.0), "distance of the line from the rail that leaks")

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """Sweep of the capacitor's voltage."""
        return leakage_deck(self.dut, process, conditions)

    def curve(self, result: SimulationResult) -> tuple[FloatArray, FloatArray]:
        """Voltage of the capacitor and current out of it."""
        waves = result.analyses[0]
        return waves["vc"], -waves["vforce#branch"]

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Straight line over the voltages that a delay passes."""
        v, current = self.curve(result)
        trip = self.dut.trip(supply_voltage(process, conditions))
        # At either end the transistor that leaks is not saturated, and its current vanishes.
        decays = self.dut.topology == "decay"
        low, high = (trip, self.dut.v_set - self.v_edge) if decays else (self.v_edge, trip)
        used = (v >= low) & (v <= high)
        if np.count_nonzero(used) < 3:
            raise MeasureFailed(f"no voltages between {low:g} and {high:g} V")
        fit = line(v[used], current[used])
        return {
            "i_leak": fit.intercept,
            "g_leak": fit.slope,
            "i_trip": float(np.interp(trip, v, current)),
            "i_residual": fit.max_residual,
        }


@dataclass(frozen=True, kw_only=True)
class DelayTrip(Testbench):
    """Static trip points of a threshold stage."""

    name: ClassVar[str] = "denram_trip"
    family: ClassVar[str] = "denram"
    description: ClassVar[str] = (
        "threshold stage swept up and down: trip points, current at the trip (comparator)"
    )
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("v_plus", "V", "input at which the output passes half the supply on the way up"),
        Observable("v_minus", "V", "the same on the way down"),
        Observable("i_peak", "A", "largest supply current of the sweep upwards, bias diodes left out"),
    )

    dut: DelayCell = field(default_factory=DecayComparator)
    span: float = param(0.04, "V", (1e-3, 1.0), "half width of a comparator's sweep")
    points: float = param(
        400.0, "1", (20.0, 1e5), "points of a comparator's sweep; a Schmitt trigger's has 5 times as many"
    )

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """Sweep around the threshold, or over the whole supply."""
        supply = supply_voltage(process, conditions)
        if self.dut.stage == "comparator":
            low, high = max(self.dut.v_th - self.span, 0.0), self.dut.v_th + self.span
            return stage_deck(self.dut, process, conditions, low, high, (high - low) / self.points)
        return stage_deck(self.dut, process, conditions, 0.0, supply, supply / (5 * self.points))

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Crossings of the output."""
        half = supply_voltage(process, conditions) / 2
        up, down = result.analyses
        return {
            "v_plus": level_at(up["vc"], up["h"], half),
            "v_minus": level_at(down["vc"], down["h"], half),
            "i_peak": float(-up["vdd#branch"].min()),
        }


def level_at(v: FloatArray, output: FloatArray, level: float) -> float:
    """Input at which the output first passes a level, interpolated."""
    above = output > level
    changes = np.flatnonzero(above[1:] != above[:-1])
    if not changes.size:
        raise MeasureFailed(
            f"the output does not pass {level:g} V (it spans {output.min():g} to {output.max():g})"
        )
    k = int(changes[0])
    share = (level - output[k]) / (output[k + 1] - output[k])
    return float(v[k] + share * (v[k + 1] - v[k]))


@dataclass(frozen=True, kw_only=True)
class DelayTripSchmitt(DelayTrip):
    """Static trip points of the Schmitt trigger."""

    name: ClassVar[str] = "denram_trip_schmitt"
    description: ClassVar[str] = (
        "threshold stage swept up and down: trip points, current at the trip (Schmitt trigger)"
    )

    dut: DelayCell = field(default_factory=DecaySchmitt)


#: Every static testbench.
STATIC_TESTBENCHES: tuple[type[Testbench], ...] = (DelayLeakage, DelayTrip, DelayTripSchmitt)
