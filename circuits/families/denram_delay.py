"""Testbenches of the delay cells: one spike, a train. Definitions and hand predictions: ``docs/physics-denram.md``."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np

from circuits.circuit import param
from circuits.deck import Deck, FloatArray, SimulationResult, Simulator, Waveforms
from circuits.families.denram_cell import (
    PULSE,
    ChargeComparator,
    ChargeSchmitt,
    DecayComparator,
    DecaySchmitt,
    DelayCell,
)
from circuits.families.denram_deck import LEAD, delay_deck, memory_nodes
from circuits.families.dpi_deck import EDGE, LARGEST_STEP, merged_spikes, supply_voltage
from circuits.measure import at, crossing, crossings, mean, pulse_width, supply_energy, window
from circuits.ngspice.errors import MeasureFailed, SimulationError, TimestepTooSmall
from circuits.process import Process
from circuits.testbench import Conditions, Observable, Testbench

#: Refinements of the steps that are tried in turn.
RETRIES = (1.0, 5.3, 23.0)


@dataclass(frozen=True, kw_only=True)
class DelayBench(Testbench):
    """What the testbenches of a delay cell share: dut, width of a spike, time resolution."""

    family: ClassVar[str] = "denram"

    dut: DelayCell = field(default_factory=DecayComparator)
    t_spike: float = param(1e-6, "s", (2e-7, 1.0), "width of one input spike")
    resolution: float = param(50.0, "1", (5.0, 1e4), "time steps per delay, at least")
    largest_step: float = param(LARGEST_STEP, "s", (1e-9, 1.0), "largest time step")

    def spike_deck(
        self, process: Process, conditions: Conditions, times: tuple[float, ...], stop: float
    ) -> Deck:
        """Deck with input spikes at ``times`` until ``stop``."""
        delay = self.dut.delay(supply_voltage(process, conditions))
        return delay_deck(
            self.dut,
            process,
            conditions,
            times,
            self.t_spike,
            stop,
            step=min(delay / self.resolution, stop / 50, self.largest_step),
            title=self.name,
        )

    def simulate(self, simulator: Simulator, process: Process, conditions: Conditions) -> SimulationResult:
        """Run the deck; with finer steps where the simulator's step shrinks to nothing, or it steps over a pulse.

        The edges of latch and Schmitt trigger regenerate within picoseconds; whether Newton's method follows them
        depends on where the steps happen to lie. After a long delay a whole output pulse can lie within one step.

        Raises
        ------
        SimulationError
            When no attempt succeeds.
        """
        failed: SimulationError | None = None
        for factor in RETRIES:
            try:
                result = simulator.run(self.refined(factor).deck(process, conditions))
            except TimestepTooSmall as error:
                failed = error
                continue
            missed = self.missed_pulses(result, process, conditions)
            if not missed:
                return result
            failed = MeasureFailed(f"the simulator stepped over {missed} output pulses")
        assert failed is not None
        raise failed

    def refined(self, factor: float) -> Self:
        """The same testbench in steps that are smaller by ``factor``."""
        return dataclasses.replace(
            self, largest_step=self.largest_step / factor, resolution=self.resolution * factor
        )

    def missed_pulses(self, result: SimulationResult, process: Process, conditions: Conditions) -> int:
        """Falling edges at the pulse generator that made no pulse."""
        waves, half = result.analyses[0], supply_voltage(process, conditions) / 2
        trigger = self.dut.nodes()[PULSE][0]
        falls = crossings(waves["time"], waves[trigger], half, "fall").size
        return max(0, int(falls - crossings(waves["time"], waves["out"], half, "rise").size))

    def run(self, simulator: Simulator, process: Process, conditions: Conditions) -> dict[str, float]:
        """Simulate and measure one point."""
        return self.measure(self.simulate(simulator, process, conditions), process, conditions)

    def simulated(
        self, result: SimulationResult, process: Process, conditions: Conditions, times: tuple[float, ...]
    ) -> Waveforms:
        """Waveforms of :meth:`spike_deck`, once every input spike is found in them."""
        waves = result.analyses[0]
        half = supply_voltage(process, conditions) / 2
        seen = crossings(waves["time"], waves["spk"], half, "rise").size
        expected = merged_spikes(times, self.t_spike)
        if seen != expected:
            raise MeasureFailed(
                f"the simulator stepped over input spikes: {seen} of {expected} are in the waveform"
            )
        # The set switch leaks: with a large memory the capacitor of a decay rests some 0.1 V above ground.
        if abs(waves["vc"][0]) > 0.7 * self.dut.trip(2 * half) or waves["out"][0] > half:
            raise MeasureFailed(
                f"the cell does not rest at the start of the run: {waves['vc'][0]:g} V on the capacitor"
            )
        return waves


@dataclass(frozen=True, kw_only=True)
class DelaySpike(DelayBench):
    """One spike: delay, levels, output pulse, stress on the memory, energy."""

    name: ClassVar[str] = "denram_delay"
    description: ClassVar[str] = "one spike, set-and-decay with comparator: delay, levels, stress, energy"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("t_d", "s", "input spike to output pulse, both at half the supply"),
        Observable("v_start", "V", "voltage over capacitor (decay) or memory (charge) when the delay starts"),
        Observable(
            "v_trip", "V", "capacitor's voltage when the threshold stage's output passes half the supply"
        ),
        Observable("t_stage", "s", "threshold stage's output to output pulse"),
        Observable("t_pulse", "s", "width of the output pulse at half the supply"),
        Observable("v_stress", "V", "largest voltage over the memory"),
        Observable("t_stress", "s", "time with more than v_disturb over the memory"),
        Observable("e_event", "J", "energy from supply and set level for this spike, static part taken off"),
        Observable("e_ramp", "J", "its part from the supply between the spike and the output pulse"),
        Observable(
            "i_ramp", "A", "largest supply current in the middle 80 % of that time, static part taken off"
        ),
        Observable("p_static", "W", "power from the supply at rest, bias diodes left out"),
        Observable("p_bias", "W", "power of the bias branches at rest"),
    )

    tail: float = param(2.0, "1", (0.1, 100.0), "simulated time after the spike, in delays by hand")
    v_disturb: float = param(0.5, "V", (0.0, 5.0), "voltage over the memory that counts as stress")

    def stop(self, process: Process, conditions: Conditions) -> float:
        """End of the run (s)."""
        delay = self.dut.delay(supply_voltage(process, conditions))
        pulse = self.dut.c_pulse * supply_voltage(process, conditions) / self.dut.i_pulse
        return LEAD + self.t_spike + (1.0 + self.tail) * delay + 2.0 * pulse

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """The spike after a short rest."""
        return self.spike_deck(process, conditions, (LEAD,), self.stop(process, conditions))

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Time between edges, voltages at them, integrals of the rails' currents."""
        waves = self.simulated(result, process, conditions, (LEAD,))
        supply = supply_voltage(process, conditions)
        half, t = supply / 2, waves["time"]
        begin = crossing(t, waves["spk"], half, "rise")
        fired = crossing(t, waves["out"], half, "rise")
        decays = self.dut.topology == "decay"
        tripped = crossing(t, waves["h"], half, "fall" if decays else "rise", begin + EDGE)
        top, bottom = memory_nodes(self.dut)
        memory = np.abs(waves[top] - waves[bottom])
        over = begin + self.t_spike + 2 * EDGE
        rest = 0.5 * LEAD
        p_static = -supply * at(t, waves["vdd#branch"], rest)
        # A tenth at either end: the edges of spike, stage and pulse are no part of the ramp.
        ramp = window(t, -waves["vdd#branch"], over + 0.1 * (fired - over), fired - 0.1 * (fired - over))
        end = float(t[-1])
        set_energy = supply_energy(t, waves["vset#branch"], self.dut.v_set, rest, end)
        e_ramp = supply_energy(t, waves["vdd#branch"], supply, over, fired) - p_static * (fired - over)
        return {
            "t_d": fired - begin,
            "v_start": at(t, memory, over) if decays else float(memory[t < over].max()),
            "v_trip": at(t, waves["vc"], tripped),
            "t_stage": fired - tripped,
            "t_pulse": pulse_width(t, waves["out"], half, begin),
            "v_stress": float(memory.max()),
            "t_stress": time_above(t, memory, self.v_disturb),
            "e_event": supply_energy(t, waves["vdd#branch"], supply, rest, end)
            - p_static * (end - rest)
            + set_energy,
            "e_ramp": e_ramp,
            "i_ramp": float(ramp[1].max()) - p_static / supply,
            "p_static": p_static,
            "p_bias": -supply * mean(t, waves["vddb#branch"], 0.0, rest),
        }


def time_above(t: FloatArray, y: FloatArray, level: float) -> float:
    """Time for which a waveform lies above a level, its crossings interpolated (s)."""
    edges = np.unique(np.concatenate([t, crossings(t, y, level)]))
    above = np.interp(0.5 * (edges[:-1] + edges[1:]), t, y) > level
    return float(np.sum(np.diff(edges)[above]))


@dataclass(frozen=True, kw_only=True)
class DelaySpikeDecaySchmitt(DelaySpike):
    """One spike in the set-and-decay cell with Schmitt trigger."""

    name: ClassVar[str] = "denram_delay_decay_schmitt"
    description: ClassVar[str] = (
        "one spike, set-and-decay with Schmitt trigger: delay, levels, stress, energy"
    )
    dut: DelayCell = field(default_factory=DecaySchmitt)


@dataclass(frozen=True, kw_only=True)
class DelaySpikeCharge(DelaySpike):
    """One spike in the charge-through cell with comparator."""

    name: ClassVar[str] = "denram_delay_charge"
    description: ClassVar[str] = "one spike, charge-through with comparator: delay, levels, stress, energy"
    dut: DelayCell = field(default_factory=ChargeComparator)


@dataclass(frozen=True, kw_only=True)
class DelaySpikeChargeSchmitt(DelaySpike):
    """One spike in the charge-through cell with Schmitt trigger."""

    name: ClassVar[str] = "denram_delay_charge_schmitt"
    description: ClassVar[str] = (
        "one spike, charge-through with Schmitt trigger: delay, levels, stress, energy"
    )
    dut: DelayCell = field(default_factory=ChargeSchmitt)


@dataclass(frozen=True, kw_only=True)
class DelayTrain(DelayBench):
    """Spikes at given times: when pulses leave the cell. Set ``spike_times`` from Python."""

    name: ClassVar[str] = "denram_train"
    description: ClassVar[str] = "given input spikes: output pulses"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("pulses", "1", "output pulses"),
        Observable("spikes", "1", "input spikes"),
        Observable("t_first", "s", "first input spike to first output pulse"),
    )

    gap: float = param(5e-3, "s", (1e-6, 10.0), "distance of the two spikes when no times are given")
    tail: float = param(2.0, "1", (0.1, 100.0), "simulated time after the last spike, in delays by hand")
    spike_times: tuple[float, ...] = ()

    def times(self) -> tuple[float, ...]:
        """Input spikes (s), counted from the start of the run."""
        return self.spike_times or (LEAD, LEAD + self.gap)

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """All spikes and the last one's delay."""
        delay = self.dut.delay(supply_voltage(process, conditions))
        pulse = self.dut.c_pulse * supply_voltage(process, conditions) / self.dut.i_pulse
        stop = self.times()[-1] + self.t_spike + (1.0 + self.tail) * delay + 2.0 * pulse
        return self.spike_deck(process, conditions, self.times(), stop)

    def pulses(self, result: SimulationResult, process: Process, conditions: Conditions) -> FloatArray:
        """Rising edges of the output at half the supply (s)."""
        waves = self.simulated(result, process, conditions, self.times())
        return crossings(waves["time"], waves["out"], supply_voltage(process, conditions) / 2, "rise")

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Count pulses."""
        found = self.pulses(result, process, conditions)
        if not found.size:
            raise MeasureFailed("no output pulse")
        first = self.times()[0] + 0.5 * EDGE
        return {
            "pulses": float(found.size),
            "spikes": float(len(self.times())),
            "t_first": float(found[0]) - first,
        }


#: Every testbench of a delay cell with a spike as stimulus.
DELAY_TESTBENCHES: tuple[type[Testbench], ...] = (
    DelaySpike,
    DelaySpikeDecaySchmitt,
    DelaySpikeCharge,
    DelaySpikeChargeSchmitt,
    DelayTrain,
)
