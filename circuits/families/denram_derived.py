"""Testbenches of the delay cells that need several runs: re-arm time, temperature coefficient, jitter."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from circuits.circuit import param
from circuits.deck import Deck, SimulationResult, Simulator
from circuits.families.denram_cell import ChargeComparator, DecayComparator, DelayCell
from circuits.families.denram_deck import LEAD, stage_noise_deck
from circuits.families.denram_delay import DelayBench, DelaySpike, DelayTrain
from circuits.families.dpi_deck import EDGE, supply_voltage
from circuits.ngspice.errors import MeasureFailed
from circuits.process import Process
from circuits.testbench import Conditions, Observable, Testbench

BOLTZMANN = 1.380649e-23  # J/K, exact


@dataclass(frozen=True, kw_only=True)
class DelayRearm(DelayBench):
    """Shortest distance of two spikes that both come out, by bisection."""

    name: ClassVar[str] = "denram_rearm"
    description: ClassVar[str] = "pairs of spikes, set-and-decay: shortest interval that loses none"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("isi_min", "s", "shortest interval of two spikes that gives two output pulses"),
        Observable("t_rearm", "s", "that interval less the delay of one spike"),
        Observable("t_d", "s", "delay of one spike"),
    )

    margin: float = param(4e-6, "s", (1e-7, 1.0), "interval searched on either side of the delay")
    halvings: float = param(4.0, "1", (1.0, 40.0), "steps of the bisection")

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """Deck of the pair in the middle of the searched interval."""
        return self._pair(self.dut.delay(supply_voltage(process, conditions))).deck(process, conditions)

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Refuse: one deck tells no interval."""
        raise MeasureFailed(f"{self.name}: needs several runs; accepted: Testbench.run")

    def _pair(self, gap: float) -> DelayTrain:
        times = (LEAD, LEAD + gap)
        return DelayTrain(
            dut=self.dut, t_spike=self.t_spike, resolution=self.resolution, spike_times=times, tail=0.5
        )

    def run(self, simulator: Simulator, process: Process, conditions: Conditions) -> dict[str, float]:
        """Bisect the interval between a lost and a kept second spike."""

        def pulses(gap: float) -> float:
            return self._pair(gap).run(simulator, process, conditions)["pulses"]

        one = DelayTrain(
            dut=self.dut, t_spike=self.t_spike, resolution=self.resolution, spike_times=(LEAD,), tail=0.5
        )
        delay = one.run(simulator, process, conditions)["t_first"]
        low, high = max(delay - self.margin, self.t_spike + 4 * EDGE), delay + self.margin
        if pulses(low) >= 2 or pulses(high) < 2:
            raise MeasureFailed(f"no lost spike at {low:g} s or one at {high:g} s; accepted: a larger margin")
        for _ in range(round(self.halvings)):
            middle = 0.5 * (low + high)
            low, high = (low, middle) if pulses(middle) >= 2 else (middle, high)
        return {"isi_min": high, "t_rearm": high - delay, "t_d": delay}


@dataclass(frozen=True, kw_only=True)
class DelayRearmCharge(DelayRearm):
    """Shortest distance of two spikes that both come out of a charge-through cell."""

    name: ClassVar[str] = "denram_rearm_charge"
    description: ClassVar[str] = "pairs of spikes, charge-through: shortest interval that loses none"

    dut: DelayCell = field(default_factory=ChargeComparator)


@dataclass(frozen=True, kw_only=True)
class DelayTempco(DelayBench):
    """Temperature coefficient of the delay, the memory's own left out."""

    name: ClassVar[str] = "denram_tempco"
    description: ClassVar[str] = (
        "one spike at two temperatures, charge-through: temperature coefficient of the delay"
    )
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("tempco", "1/K", "d ln t_d / d T by a central difference"),
        Observable("t_d", "s", "delay at the temperature of the point"),
    )

    dut: DelayCell = field(default_factory=ChargeComparator)
    difference: float = param(10.0, "1", (0.1, 50.0), "kelvin between the two temperatures")

    def _spike(self) -> DelaySpike:
        return DelaySpike(dut=self.dut, t_spike=self.t_spike, resolution=self.resolution, tail=1.0)

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """Deck at the temperature of the point."""
        return self._spike().deck(process, conditions)

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Refuse: one deck tells no coefficient."""
        raise MeasureFailed(f"{self.name}: needs several runs; accepted: Testbench.run")

    def run(self, simulator: Simulator, process: Process, conditions: Conditions) -> dict[str, float]:
        """Three runs."""
        half = 0.5 * self.difference
        delays = [
            self._spike().run(
                simulator,
                process,
                dataclasses.replace(conditions, temperature=conditions.temperature + shift),
            )["t_d"]
            for shift in (-half, 0.0, half)
        ]
        return {"tempco": math.log(delays[2] / delays[0]) / self.difference, "t_d": delays[1]}


@dataclass(frozen=True, kw_only=True)
class DelayJitter(Testbench):
    """Noise of the comparator at its trip point, and the jitter that it makes with the capacitor's own."""

    name: ClassVar[str] = "denram_jitter"
    family: ClassVar[str] = "denram"
    description: ClassVar[str] = "comparator at its trip point: input noise, jitter of the delay"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("sigma_stage", "V", "input noise of the comparator's first stage, its own bandwidth"),
        Observable("sigma_kt", "V", "thermal noise of the memory on the capacitor, sqrt(kT/C)"),
        Observable("slope", "V/s", "capacitor's slope at the trip: the memory's current over c_delay"),
        Observable("jitter", "s", "both noises over the slope"),
        Observable(
            "jitter_ratio", "1", "jitter over the delay by hand; telegraph noise of the memory not included"
        ),
    )

    dut: DelayCell = field(default_factory=DecayComparator)
    f_low: float = param(1.0, "Hz", (1e-3, 1e6), "lowest frequency of the noise")

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """Small-signal analyses of the comparator with both inputs at the threshold."""
        return stage_noise_deck(self.dut, process, conditions, self.f_low)

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Refer the first stage's noise to its input."""
        gain, noise = result.analyses
        sigma = float(noise["onoise_total"][-1]) / float(np.abs(gain["xth.d"][0]))
        dut = self.dut
        over = dut.v_th if dut.topology == "decay" else dut.v_set - dut.v_th
        slope = dut.v_sinh / dut.r_read * math.sinh(over / dut.v_sinh) / dut.c_delay
        thermal = math.sqrt(BOLTZMANN * conditions.temperature / dut.c_delay)
        jitter = math.hypot(sigma, thermal) / slope
        return {
            "sigma_stage": sigma,
            "sigma_kt": thermal,
            "slope": slope,
            "jitter": jitter,
            "jitter_ratio": jitter / dut.delay(supply_voltage(process, conditions)),
        }


#: Every testbench of a delay cell that takes several runs or small signals.
DERIVED_TESTBENCHES: tuple[type[Testbench], ...] = (DelayRearm, DelayRearmCharge, DelayTempco, DelayJitter)
