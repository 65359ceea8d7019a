"""Testbenches of the converters around a minGRU column: the strong-arm comparator and the SAR ADC of the gate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from circuits.circuit import param
from circuits.deck import DEFAULT_OPTIONS, Deck, SimulationResult, Simulator
from circuits.families.mingru import Comparator
from circuits.families.mingru_deck import supply_voltage
from circuits.families.sar import SarAdc, sar_deck
from circuits.families.sar_run import SarJob, run_servo
from circuits.measure import supply_energy
from circuits.ngspice.errors import MeasureFailed
from circuits.process import Process
from circuits.subcircuit import instance_line, subcircuit_lines
from circuits.testbench import Conditions, Observable, Testbench


@dataclass(frozen=True, kw_only=True)
class MingruComparator(Testbench):
    """A staircase of input differences, clocked on every stair, up and down again.

    Both inputs have a source resistance, so that kickback is seen. Resolution is a stair.
    """

    name: ClassVar[str] = "mingru_comparator_offset"
    family: ClassVar[str] = "mingru"
    description: ClassVar[str] = "comparator: offset, hysteresis, decision time, energy of a decision"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("v_os", "V", "input difference at which the decision turns over, mean of up and down"),
        Observable("v_hys", "V", "turn-over on the way up minus that on the way down"),
        Observable("t_decide", "s", "clock edge to half a supply between the outputs, at the largest input"),
        Observable("e_decide", "J", "energy from vdd per clock period"),
    )

    dut: Comparator = field(default_factory=Comparator)
    v_span: float = param(32e-3, "V", (1e-4, 0.5), "largest input difference, either sign")
    stairs: float = param(64.0, "1", (4.0, 4096.0), "stairs from one end to the other")
    r_source: float = param(1e3, "Ohm", (1.0, 1e7), "resistance of each input's source")
    t_clock: float = param(20e-9, "s", (1e-9, 1e-3), "clock period, half of it high")

    def differences(self) -> list[float]:
        """Input difference of every clock period (V)."""
        up = np.linspace(-self.v_span, self.v_span, round(self.stairs) + 1)
        stairs: list[float] = np.concatenate([up, up[::-1]]).tolist()
        return stairs

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """Both inputs around half the supply."""
        supply = supply_voltage(process, conditions)
        stairs, period, edge = self.differences(), self.t_clock, 0.1e-9
        points = [
            f"{t!r} {value / 2!r}"
            for k, value in enumerate(stairs)
            for t in ((k * period + edge), (k + 1) * period)
        ]
        stop = len(stairs) * period
        lines = (
            *process.cards(conditions.corner, self.dut.geometries().values()),
            *subcircuit_lines(self.dut),
            f"vdd vdd 0 {supply!r}",
            f"vcm cm 0 {supply / 2!r}",
            f"vhalf half 0 pwl(0 {stairs[0] / 2!r} {' '.join(points)})",
            "ep p cm half 0 1",
            "en n cm half 0 -1",
            f"rp p inp {self.r_source!r}",
            f"rn n inn {self.r_source!r}",
            f"vclk clk 0 pulse(0 {supply!r} {period / 2!r} {edge!r} {edge!r} {period / 2 - 2 * edge!r} {period!r})",
            instance_line(
                self.dut, "dut", ("inp", "inn", "clk", "op", "on", "vdd", "0"), conditions.mismatch
            ),
        )
        return Deck(
            title=f"{self.name} {process.name} {conditions.corner}",
            lines=lines,
            analyses=(f"tran {edge!r} {stop!r} 0 {period / 20!r}",),
            save=("op", "on", "vdd#branch"),
            options={**DEFAULT_OPTIONS, "method": "gear", "reltol": "1e-4", "abstol": "1e-13"},
            temperature=conditions.temperature,
        )

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Turn-over on both ways; decision time at the top stair."""
        supply = supply_voltage(process, conditions)
        waves = result.analyses[0]
        time, output = waves["time"], waves["op"] - waves["on"]
        stairs, period = np.array(self.differences()), self.t_clock
        ends = (np.arange(stairs.size) + 1) * period - 0.5e-9
        high = np.interp(ends, time, output) > 0
        half = stairs.size // 2
        turn = []
        for part in (slice(0, half), slice(half, None)):
            changes = np.flatnonzero(np.diff(high[part].astype(int)))
            if changes.size != 1:
                raise MeasureFailed(
                    f"the decision turns over {changes.size} times between -{self.v_span:g} and"
                    f" {self.v_span:g} V"
                )
            turn.append(float(stairs[part][changes[0] : changes[0] + 2].mean()))
        start = (half - 1) * period + period / 2  # clock edge of the last stair on the way up
        after = (time > start) & (output > supply / 2)
        if not after.any():
            raise MeasureFailed("the comparator takes no decision at its largest input")
        energy = supply_energy(time, waves["vdd#branch"], supply, period, float(time[-1]))
        return {
            "v_os": (turn[0] + turn[1]) / 2,
            "v_hys": turn[0] - turn[1],
            "t_decide": float(time[after][0]) - start,
            "e_decide": energy / (stairs.size - 1),
        }


def short_adc() -> SarAdc:
    """Converter of 3 bits, so that a testbench at its defaults is short."""
    return SarAdc(bits=3.0)


@dataclass(frozen=True, kw_only=True)
class SarTransfer(Testbench):
    """Code transitions of the SAR ADC alone, each found by a servo in lock-step with the circuit."""

    name: ClassVar[str] = "sar_transfer"
    family: ClassVar[str] = "sar"
    description: ClassVar[str] = "SAR ADC: slope, offset, DNL and INL from its code transitions"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("lsb", "V", "input per code, least squares through the transitions; the slope is 1/lsb"),
        Observable("offset", "V", "input at which that line gives code 2^(bits-1)"),
        Observable("offset_codes", "1", "offset against the one by hand, in LSB by hand"),
        Observable("dnl", "1", "largest |step between neighbouring searched transitions - 1|, LSB"),
        Observable("inl", "1", "largest deviation of a transition from the line, LSB"),
    )

    dut: SarAdc = field(default_factory=short_adc)
    transitions: float = param(3.0, "1", (3.0, 63.0), "transitions searched, spread over the range")
    halvings: float = param(6.0, "1", (3.0, 20.0), "bisections of each, from +-2 LSB")
    reach: float = param(8.0, "1", (0.5, 64.0), "half the search interval of the first one, in LSB")

    def job(self, process: Process, conditions: Conditions) -> SarJob:
        """What the servo does."""
        top = 2**self.dut.n_bits - 1
        count = min(round(self.transitions), top)
        codes = np.unique(np.linspace(1, top, count).round().astype(int)).tolist()
        return SarJob(self.dut, process, conditions, tuple(codes), round(self.halvings), self.reach)

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """The converter, with its sources at their initial values."""
        return sar_deck(self.dut, process, conditions, self.dut.t_conversion)

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Refuse: a deck run without the digital blocks holds no conversions."""
        raise MeasureFailed(
            f"{self.name}: a plain run of the deck has no conversions; accepted: Testbench.run"
        )

    def run(self, simulator: Simulator, process: Process, conditions: Conditions) -> dict[str, float]:
        """Co-simulate and measure one point."""
        found, _ = run_servo(simulator, self.job(process, conditions))
        middle = self.dut.threshold(2 ** (self.dut.n_bits - 1))
        return {
            "lsb": found.lsb,
            "offset": found.offset,
            "offset_codes": (found.offset - middle) / self.dut.lsb,
            "dnl": float(np.max(np.abs(found.dnl))),
            "inl": float(np.max(np.abs(found.inl))),
        }


#: Testbenches of this module.
CONVERTER_TESTBENCHES = (MingruComparator, SarTransfer)
