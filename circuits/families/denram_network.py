"""Testbenches of weight cell and branch: charge of a pulse against conductance, coincidence detection."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from circuits.circuit import param
from circuits.deck import Deck, FloatArray, SimulationResult, Simulator, Waveforms
from circuits.families import denram
from circuits.families.denram_branch import DenramBranch, branch_deck
from circuits.families.denram_deck import DELAY_OPTIONS, LEAD
from circuits.families.dpi_deck import EDGE, merged_spikes, rough_tau, spike_source, supply_voltage
from circuits.measure import at, crossings, integral, peak
from circuits.ngspice.errors import MeasureFailed
from circuits.process import Process
from circuits.subcircuit import instance_line, subcircuit_lines
from circuits.testbench import Conditions, Observable, Testbench


@dataclass(frozen=True, kw_only=True)
class WeightCharge(Testbench):
    """One pulse on a weight cell whose output is held where the pair of a DPI synapse holds it."""

    name: ClassVar[str] = "denram_weight_charge"
    family: ClassVar[str] = "denram"
    description: ClassVar[str] = (
        "one pulse on a weight cell: charge, current, stress, energy at a conductance"
    )
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("q", "C", "charge out of the sink's node over the pulse"),
        Observable("i_weight", "A", "current into the sink in the middle of the pulse"),
        Observable("i_read", "A", "current of the memory in the middle of the pulse"),
        Observable("v_stress", "V", "largest voltage over the memory"),
        Observable("i_off", "A", "current into the sink before the pulse"),
        Observable("e_pulse", "J", "energy from the supply over the pulse, without the sink's"),
    )

    dut: denram.Weight = field(default_factory=denram.Weight)
    conductance: float = param(30e-6, "S", (1e-9, 1e-3), "weight memory at small voltage")
    v_sinh: float = param(0.7, "V", (0.02, 1e4), "voltage of the memory's sinh")
    v_clamp: float = param(0.7, "V", (0.1, 1.8), "gate of the clamp")
    v_sink: float = param(1.3, "V", (0.3, 1.8), "voltage of the sink's node")
    t_on: float = param(14e-6, "s", (1e-6, 1e-2), "width of the pulse")

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """The pulse after a short rest."""
        supply = supply_voltage(process, conditions)
        memory = denram.RramRead(r_read=1 / self.conductance, v_sinh=self.v_sinh)
        stop = LEAD + 3 * self.t_on
        step = self.t_on / 50
        lines = (
            *process.cards(conditions.corner, self.dut.geometries().values()),
            *subcircuit_lines(self.dut),
            *subcircuit_lines(memory),
            f"vdd vdd 0 {supply!r}",
            f"vclamp vclamp 0 {self.v_clamp!r}",
            f"vsink sink 0 {self.v_sink!r}",
            f"von on 0 {spike_source((LEAD,), self.t_on, supply)}",
            instance_line(
                self.dut, "dut", ("on", "top", "bot", "vclamp", "sink", "vdd", "0"), conditions.mismatch
            ),
            "vsense top topm 0",
            instance_line(memory, "r", ("topm", "bot")),
        )
        return Deck(
            title=f"{self.name} {process.name} {conditions.corner}",
            lines=lines,
            analyses=(f"tran {step!r} {stop!r} 0 {step!r}",),
            save=("on", "top", "bot", "vsense#branch", "vsink#branch", "vdd#branch"),
            options=DELAY_OPTIONS,
            temperature=conditions.temperature,
        )

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Integrate the sink's current."""
        waves = result.analyses[0]
        t, sink, end = waves["time"], -waves["vsink#branch"], float(waves["time"][-1])
        middle = LEAD + 0.5 * self.t_on
        power = -supply_voltage(process, conditions) * waves["vdd#branch"]
        return {
            "q": integral(t, sink, 0.5 * LEAD, end),
            "i_weight": at(t, sink, middle),
            "i_read": at(t, waves["vsense#branch"], middle),
            "v_stress": float(np.abs(waves["top"] - waves["bot"]).max()),
            "i_off": at(t, sink, 0.5 * LEAD),
            "e_pulse": integral(t, power, 0.5 * LEAD, end),
        }


@dataclass(frozen=True, kw_only=True)
class BranchPair(Testbench):
    """A spike on the first and one on the last synapse of a branch: how far the soma rises."""

    name: ClassVar[str] = "denram_branch_pair"
    family: ClassVar[str] = "denram"
    description: ClassVar[str] = "two spikes on a branch: peak of the soma"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("v_peak", "V", "largest voltage of the soma"),
        Observable("t_peak", "s", "first input spike to that peak"),
        Observable("t_first", "s", "input spike to output pulse of the first synapse"),
        Observable("t_last", "s", "the same of the last synapse"),
    )

    dut: DenramBranch = field(default_factory=DenramBranch)
    interval: float = param(0.0, "s", (-10.0, 10.0), "spike of the last synapse after that of the first")
    t_spike: float = param(1e-6, "s", (2e-7, 1.0), "width of one input spike")
    tail: float = param(2.0, "1", (0.5, 100.0), "simulated time after the last pulse, in time constants")
    resolution: float = param(25.0, "1", (5.0, 1e4), "time steps per synaptic time constant, at least")

    def times(self) -> tuple[float, float]:
        """Spikes of the first and of the last synapse (s)."""
        start = LEAD + max(0.0, -self.interval)
        return start, start + self.interval

    def decay(self, conditions: Conditions) -> float:
        """Time constants of synapse and soma by hand (s)."""
        tau = rough_tau(self.dut.c_syn, self.dut.i_tau, conditions.temperature)
        return tau + self.dut.r_m * self.dut.c_m

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """Both spikes; the synapses between are silent."""
        supply = supply_voltage(process, conditions)
        first, last = self.times()
        trains: list[tuple[float, ...]] = [() for _ in range(self.dut.count)]
        trains[0] = (first,)
        trains[-1] = tuple(sorted((*trains[-1], last)))
        delays = [self.dut.delay_cell(k).delay(supply) for k in (0, self.dut.count - 1)]
        stop = max(first + delays[0], last + delays[1]) + self.tail * self.decay(conditions)
        tau = rough_tau(self.dut.c_syn, self.dut.i_tau, conditions.temperature)
        step = min(tau, *delays) / self.resolution
        return branch_deck(self.dut, process, conditions, trains, self.t_spike, stop, step)

    def traces(self, result: SimulationResult, process: Process, conditions: Conditions) -> Waveforms:
        """Waveforms, once both input spikes are found in them."""
        waves = result.analyses[0]
        half = supply_voltage(process, conditions) / 2
        seen = sum(
            crossings(waves["time"], waves[f"in{k}"], half, "rise").size for k in {0, self.dut.count - 1}
        )
        one = self.dut.count == 1
        expected = merged_spikes(sorted(self.times()), self.t_spike) if one else 2
        if seen != expected:
            raise MeasureFailed(f"the simulator stepped over input spikes: {seen} of {expected}")
        return waves

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Peak of the soma, delays of both synapses."""
        waves = self.traces(result, process, conditions)
        t, half = waves["time"], supply_voltage(process, conditions) / 2
        t_peak, v_peak = peak(t, waves["soma"], LEAD, float(t[-1]))
        delays = []
        for k, start in zip((0, self.dut.count - 1), self.times(), strict=True):
            pulses = crossings(t, waves[f"s{k}out"], half, "rise")
            if not pulses.size:
                raise MeasureFailed(f"synapse {k} gave no pulse")
            delays.append(float(pulses[-1 if k else 0]) - start - 0.5 * EDGE)
        return {
            "v_peak": v_peak,
            "t_peak": t_peak - min(self.times()),
            "t_first": delays[0],
            "t_last": delays[1],
        }


@dataclass(frozen=True, kw_only=True)
class Coincidence(BranchPair):
    """Tuning curve of a branch: peak of the soma against the interval of two spikes."""

    name: ClassVar[str] = "denram_coincidence"
    description: ClassVar[str] = "two spikes at several intervals: tuning curve of a branch, its width"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("v_peak", "V", "largest peak of the soma"),
        Observable("v_base", "V", "peak at the ends of the curve, the larger one"),
        Observable("fwhm", "s", "width of the curve half-way between base and peak"),
        Observable("centre", "s", "interval in the middle of that width"),
    )

    span: float = param(
        3.0, "1", (0.5, 50.0), "half width of the curve, in time constants of synapse and soma"
    )
    points: float = param(5.0, "1", (5.0, 201.0), "intervals of the curve")

    def intervals(self, process: Process, conditions: Conditions) -> FloatArray:
        """Intervals of the curve (s), denser towards coincidence."""
        supply = supply_voltage(process, conditions)
        centre = self.dut.delay_cell(0).delay(supply) - self.dut.delay_cell(self.dut.count - 1).delay(supply)
        share = np.linspace(-1.0, 1.0, 2 * (round(self.points) // 2) + 1)
        shape: FloatArray = np.sign(share) * np.abs(share) ** 2
        return centre + self.span * self.decay(conditions) * shape

    def run(self, simulator: Simulator, process: Process, conditions: Conditions) -> dict[str, float]:
        """One run per interval."""
        intervals = self.intervals(process, conditions)
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(BranchPair)}
        peaks = [
            BranchPair(**{**values, "interval": float(gap)}).run(simulator, process, conditions)["v_peak"]
            for gap in intervals
        ]
        return dict(
            zip(("v_peak", "v_base", "fwhm", "centre"), curve(intervals, np.array(peaks)), strict=True)
        )


def curve(intervals: FloatArray, peaks: FloatArray) -> tuple[float, float, float, float]:
    """Peak (V), base (V), full width at half height (s) and its middle (s) of a tuning curve.

    Raises
    ------
    MeasureFailed
        When the curve does not fall below half height on both sides.
    """
    top, base = float(peaks.max()), float(max(peaks[0], peaks[-1]))
    edges = crossings(intervals, peaks, 0.5 * (top + base))
    if edges.size != 2:
        raise MeasureFailed(f"the tuning curve crosses half its height {edges.size} times, not twice")
    return top, base, float(edges[1] - edges[0]), float(0.5 * (edges[0] + edges[1]))


#: Testbenches of weight cell and branch.
NETWORK_TESTBENCHES: tuple[type[Testbench], ...] = (WeightCharge, BranchPair, Coincidence)
