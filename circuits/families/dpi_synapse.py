"""Testbenches of the DPI synapse: decay, turn-on, trains, superposition, noise, rest, arbitrary spikes.

Equations and definitions: ``docs/physics-dpi.md``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from circuits.circuit import param
from circuits.deck import DEFAULT_OPTIONS, Deck, FloatArray, SimulationResult, Waveforms
from circuits.families.dpi import DpiSynapse
from circuits.families.dpi_deck import (
    BOLTZMANN_OVER_CHARGE,
    EDGE,
    LARGEST_STEP,
    LEAD,
    dpi_lines,
    merged_spikes,
    rough_tau,
    spike_source,
    supply_voltage,
)
from circuits.measure import (
    at,
    crossing,
    crossings,
    exponential,
    integral,
    line,
    mean,
    peak,
    pulse_width,
    supply_energy,
    time_slope,
    window,
)
from circuits.ngspice.errors import MeasureFailed
from circuits.process import Process
from circuits.testbench import Conditions, Observable, Testbench

#: gmin puts gmin * V_DS across the junctions of the state node: 1e-15 S is 1 % of a 100 fA leak current.
SYNAPSE_OPTIONS: Mapping[str, str] = {**DEFAULT_OPTIONS, "gmin": "1e-18", "trtol": "1"}

_SAVE = ("spk", "xdut.vsyn", "xdut.pulse", "vout#branch", "vdd#branch", "vddb#branch")


@dataclass(frozen=True, kw_only=True)
class SynapseBench(Testbench):
    """What the synapse's testbenches share: dut, width of a spike, load of the output, time resolution."""

    family: ClassVar[str] = "dpi"

    dut: DpiSynapse = field(default_factory=DpiSynapse)
    t_spike: float = param(1e-6, "s", (1e-7, 10.0), "width of one input spike")
    v_out: float = param(0.0, "V", (0.0, 1.5), "voltage of the node that takes the output current")
    resolution: float = param(25.0, "1", (5.0, 1e4), "time steps per time constant, at least")

    def tau_estimate(self, conditions: Conditions) -> float:
        """Decay time constant expected by hand, for choosing durations and steps (s)."""
        return rough_tau(self.dut.c_syn, self.dut.i_tau, conditions.temperature)

    def pulse_estimate(self, process: Process, conditions: Conditions) -> float:
        """Longest extended pulse expected by hand (s)."""
        supply = supply_voltage(process, conditions)
        return self.t_spike + self.dut.c_pulse * supply / self.dut.i_pulse

    def spike_deck(
        self, process: Process, conditions: Conditions, times: tuple[float, ...], width: float, stop: float
    ) -> Deck:
        """Deck with input spikes at ``times`` until ``stop``; steps of at most tau / resolution."""
        supply = supply_voltage(process, conditions)
        step = min(self.tau_estimate(conditions) / self.resolution, stop / 100, LARGEST_STEP)
        sources = (
            f"vspk spk 0 {spike_source(times, width, supply)}",
            f"vout isyn 0 {self.v_out!r}",
        )
        return Deck(
            title=f"{self.name} {process.name} {conditions.corner}",
            lines=dpi_lines(self.dut, ("spk", "isyn", "vdd", "vddb", "0"), process, conditions, sources),
            analyses=(f"tran {step!r} {stop!r} 0 {step!r}",),
            save=_SAVE,
            options=SYNAPSE_OPTIONS,
            temperature=conditions.temperature,
        )

    def simulated(
        self,
        result: SimulationResult,
        process: Process,
        conditions: Conditions,
        times: tuple[float, ...],
        width: float,
    ) -> Waveforms:
        """Waveforms of :meth:`spike_deck`, once every input spike is found in them."""
        waves = result.analyses[0]
        seen = crossings(waves["time"], waves["spk"], supply_voltage(process, conditions) / 2, "rise").size
        expected = merged_spikes(times, width)
        if seen != expected:
            raise MeasureFailed(
                f"the simulator stepped over input spikes: {seen} of {expected} are in the waveform"
            )
        return waves


@dataclass(frozen=True, kw_only=True)
class SynapseDecay(SynapseBench):
    """A short burst from rest: increments of first and last spike, decay, kappa, floor, pulse, energy."""

    name: ClassVar[str] = "dpi_synapse_decay"
    description: ClassVar[str] = (
        "burst from rest: decay time, kappa, I0, spike increments, floor, pulse width, energy, power"
    )
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable(
            "tau_syn", "s", "decay time constant of I_syn, log-linear between i_high and i_low of the peak"
        ),
        Observable("tau_state", "s", "U_T / (kappa |dV_syn/dt|) at the middle of the same window"),
        Observable("ln_residual", "1", "largest |ln(I_syn / fitted exponential)| in that window"),
        Observable("kappa", "1", "U_T |d ln I_syn / d V_syn| over the lower half (in ln I) of the window"),
        Observable("i0", "A", "I_syn of that straight line at V_syn = VDD"),
        Observable("i_peak", "A", "largest I_syn after the last pulse"),
        Observable("di_first", "A", "increment of I_syn by the first spike, from rest"),
        Observable("di_spike", "A", "increment of I_syn by the last spike of the burst, far above i_gain"),
        Observable("i_floor", "A", "I_syn at rest"),
        Observable("t_pulse", "s", "extended pulse, at half the supply"),
        Observable("charge", "C", "integral of I_syn - i_floor over the whole response"),
        Observable("e_spike", "J", "energy from vdd per spike, without static part and output current"),
        Observable("p_static", "W", "power from vdd at rest"),
        Observable("p_bias", "W", "power of the bias branches at rest"),
    )

    span: float = param(10.0, "1", (2.0, 50.0), "simulated time after the burst, in time constants")
    burst: float = param(3.0, "1", (1.0, 1000.0), "spikes in the burst, rounded to a whole number")
    i_high: float = param(0.3, "1", (1e-6, 1.0), "upper end of the decay fit, fraction of the peak")
    i_low: float = param(0.03, "1", (1e-6, 1.0), "lower end of the decay fit, fraction of the peak")

    def times(self, process: Process, conditions: Conditions) -> tuple[float, ...]:
        """Start of every spike: each follows when the pulse of the one before is surely over (s)."""
        gap = 1.5 * self.pulse_estimate(process, conditions)
        return tuple(LEAD + k * gap for k in range(max(1, round(self.burst))))

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """The burst after a short rest."""
        times = self.times(process, conditions)
        stop = (
            times[-1] + self.pulse_estimate(process, conditions) + self.span * self.tau_estimate(conditions)
        )
        return self.spike_deck(process, conditions, times, self.t_spike, stop)

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Fit the decay after the last pulse and integrate the supply current."""
        times = self.times(process, conditions)
        waves = self.simulated(result, process, conditions, times, self.t_spike)
        t, current, v_syn = waves["time"], output_current(waves), waves["xdut.vsyn"]
        supply = supply_voltage(process, conditions)
        t_pulse = pulse_width(t, waves["xdut.pulse"], supply / 2)
        over = times[-1] + 1.2 * t_pulse
        i_floor = at(t, current, 0.5 * LEAD)
        t_peak, i_peak = peak(t, current, over, float(t[-1]))
        start = crossing(t, current, self.i_high * i_peak, "fall", t_peak * (1 - 1e-9))
        stop = crossing(t, current, self.i_low * i_peak, "fall", start)
        fit = exponential(t, current, start, stop)
        slew = time_slope(t, v_syn, start, stop).slope
        kappa, i0 = weak_inversion(t, current, v_syn, 0.5 * (start + stop), stop, supply, conditions)
        p_static = -supply * at(t, waves["vdd#branch"], 0.5 * LEAD)
        energy = switching_energy(waves, current, supply, p_static, LEAD, over + t_pulse)
        return {
            "tau_syn": fit.tau,
            "tau_state": BOLTZMANN_OVER_CHARGE * conditions.temperature / (kappa * slew),
            "ln_residual": fit.ln_residual,
            "kappa": kappa,
            "i0": i0,
            "i_peak": i_peak,
            "di_first": at(t, current, times[0] + 1.2 * t_pulse) - i_floor,
            "di_spike": at(t, current, over) - at(t, current, times[-1] - EDGE),
            "i_floor": i_floor,
            "t_pulse": t_pulse,
            "charge": integral(t, current - i_floor, LEAD, float(t[-1])),
            "e_spike": energy / len(times),
            "p_static": p_static,
            "p_bias": -supply * at(t, waves["vddb#branch"], 0.5 * LEAD),
        }


@dataclass(frozen=True, kw_only=True)
class SynapseTurnOn(SynapseBench):
    """A weak input switched on for good: growth from the floor, then the plateau."""

    name: ClassVar[str] = "dpi_synapse_turn_on"
    description: ClassVar[str] = "input switched on from rest: growth time constant, plateau, delay"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("tau_on", "s", "growth time constant of I_syn between 3 floors and 3 % of i_gain"),
        Observable("i_inf", "A", "I_syn at the end, when the plateau is reached"),
        Observable("t_half", "s", "time from the input's rise until I_syn passes i_inf / 2"),
        Observable("settled", "1", "change of I_syn over the last tenth of the run, relative to i_inf"),
    )

    dut: DpiSynapse = field(default_factory=lambda: DpiSynapse(i_weight=30e-12, i_gain=400e-12))
    span: float = param(12.0, "1", (2.0, 100.0), "simulated time, in time constants")

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """The input stays high until the end."""
        stop = LEAD + self.span * self.tau_estimate(conditions)
        return self.spike_deck(process, conditions, (LEAD,), stop, stop)

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Fit the growth on the rising part, read the plateau at the end."""
        waves = result.analyses[0]
        t, current = waves["time"], output_current(waves)
        i_floor, i_inf = at(t, current, 0.5 * LEAD), float(current[-1])
        low, high = 3 * i_floor, 0.03 * self.dut.i_gain
        if not low < high / 1.5:
            raise MeasureFailed(f"no room to fit growth between 3 floors ({low:g} A) and {high:g} A")
        stop = crossing(t, current, high, "rise", LEAD + 0.1 * self.tau_estimate(conditions))
        rises = crossings(t, current, max(low, 0.02 * high), "rise")
        start = float(rises[rises < stop][-1])
        return {
            "tau_on": -exponential(t, current, start, stop).tau,
            "i_inf": i_inf,
            "t_half": crossing(t, current, i_inf / 2, "rise", LEAD) - LEAD,
            "settled": 1.0 - at(t, current, LEAD + 0.9 * (float(t[-1]) - LEAD)) / i_inf,
        }


@dataclass(frozen=True, kw_only=True)
class SynapseTrain(SynapseBench):
    """A regular spike train until the mean current is steady."""

    name: ClassVar[str] = "dpi_synapse_train"
    description: ClassVar[str] = "regular spike train: mean current, gain per hertz, ripple, energy per spike"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("i_mean", "A", "mean I_syn over the last periods"),
        Observable("g_dc", "A/Hz", "(i_mean - i_floor) / rate"),
        Observable("ripple", "1", "(max - min) of I_syn over the last periods, relative to i_mean"),
        Observable("e_spike", "J", "energy from vdd per spike without static part and output current"),
    )

    rate: float = param(100.0, "Hz", (0.1, 1e5), "rate of the train")
    span: float = param(8.0, "1", (1.0, 100.0), "time before the averaged periods, in time constants")
    periods: float = param(4.0, "1", (1.0, 1000.0), "periods averaged over, rounded to a whole number")

    def times(self, conditions: Conditions) -> tuple[float, ...]:
        """Start of every spike (s)."""
        count = math.ceil(self.span * self.tau_estimate(conditions) * self.rate) + round(self.periods)
        return tuple(LEAD + k / self.rate for k in range(count))

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """The train ends with a whole period."""
        times = self.times(conditions)
        return self.spike_deck(process, conditions, times, self.t_spike, times[-1] + 1 / self.rate)

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Average over the last whole periods."""
        waves = self.simulated(result, process, conditions, self.times(conditions), self.t_spike)
        t, current = waves["time"], output_current(waves)
        supply = supply_voltage(process, conditions)
        stop = float(t[-1])
        start = stop - round(self.periods) / self.rate
        p_static = -supply * at(t, waves["vdd#branch"], 0.5 * LEAD)
        i_mean = mean(t, current, start, stop)
        inside = window(t, current, start, stop)[1]
        energy = switching_energy(waves, current, supply, p_static, start, stop)
        return {
            "i_mean": i_mean,
            "g_dc": (i_mean - at(t, current, 0.5 * LEAD)) / self.rate,
            "ripple": float(np.ptp(inside)) / i_mean,
            "e_spike": energy / round(self.periods),
        }


@dataclass(frozen=True, kw_only=True)
class SynapsePair(SynapseBench):
    """One spike alone, and after recovery two spikes: how far the response is from superposition."""

    name: ClassVar[str] = "dpi_synapse_pair"
    description: ClassVar[str] = "single spike, then a pair: superposition error, paired increment"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable(
            "eps_lin", "1", "I_syn after the pair over the sum of two shifted single responses, minus 1"
        ),
        Observable("di_first", "A", "increment of the first spike of the pair"),
        Observable("di_second", "A", "increment of the second spike of the pair"),
    )

    interval: float = param(5e-3, "s", (1e-5, 10.0), "time between the two spikes of the pair")
    recovery: float = param(12.0, "1", (2.0, 50.0), "time between the single spike and the pair, in tau")

    def times(self, conditions: Conditions) -> tuple[float, float, float]:
        """Start of the three spikes (s)."""
        pair = LEAD + self.interval + self.recovery * self.tau_estimate(conditions)
        return LEAD, pair, pair + self.interval

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """Three spikes."""
        times = self.times(conditions)
        stop = times[-1] + 2 * self.pulse_estimate(process, conditions) + self.tau_estimate(conditions)
        return self.spike_deck(process, conditions, times, self.t_spike, stop)

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Compare the current after the last pulse with the sum of two single responses."""
        waves = self.simulated(result, process, conditions, self.times(conditions), self.t_spike)
        t, current = waves["time"], output_current(waves)
        supply = supply_voltage(process, conditions)
        single, first, second = self.times(conditions)
        over = 1.1 * pulse_width(t, waves["xdut.pulse"], supply / 2)
        if over > self.interval:
            raise MeasureFailed(
                f"the pulse lasts {over / 1.1:g} s, longer than the interval {self.interval:g} s"
            )
        floor = at(t, current, 0.5 * LEAD)
        expected = at(t, current, single + over) + at(t, current, single + over + self.interval) - floor
        return {
            "eps_lin": at(t, current, second + over) / expected - 1.0,
            "di_first": at(t, current, first + over) - at(t, current, first - EDGE),
            "di_second": at(t, current, second + over) - at(t, current, second - EDGE),
        }


@dataclass(frozen=True)
class SynapseTraces:
    """Waveforms of a synapse: time (s), output current (A), state voltage VDD - V_syn (V)."""

    t: FloatArray
    i_syn: FloatArray
    v_state: FloatArray


@dataclass(frozen=True, kw_only=True)
class SynapseResponse(SynapseBench):
    """Arbitrary input spikes; :meth:`traces` gives the waveforms for comparison with the behavioural model.

    ``spike_times`` are starts of input spikes in seconds, ascending, later than 0.
    """

    name: ClassVar[str] = "dpi_synapse_response"
    description: ClassVar[str] = "arbitrary input spikes: output current waveform, mean, peak, charge"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("i_mean", "A", "mean I_syn over the run"),
        Observable("i_peak", "A", "largest I_syn"),
        Observable("charge", "C", "integral of I_syn over the run"),
    )

    spike_times: tuple[float, ...] = (1e-3, 11e-3, 16e-3, 18e-3)
    t_stop: float = param(60e-3, "s", (1e-6, 100.0), "end of the run")

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """The spikes as one piecewise-linear source."""
        return self.spike_deck(process, conditions, self.spike_times, self.t_spike, self.t_stop)

    def traces(self, result: SimulationResult, process: Process, conditions: Conditions) -> SynapseTraces:
        """Waveforms on the simulator's own time points."""
        waves = self.simulated(result, process, conditions, self.spike_times, self.t_spike)
        state = supply_voltage(process, conditions) - waves["xdut.vsyn"]
        return SynapseTraces(waves["time"], output_current(waves), state)

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Totals of the run."""
        traces = self.traces(result, process, conditions)
        charge = integral(traces.t, traces.i_syn, float(traces.t[0]), float(traces.t[-1]))
        return {"i_mean": charge / float(traces.t[-1]), "i_peak": float(traces.i_syn.max()), "charge": charge}


def output_current(waves: Waveforms) -> FloatArray:
    """Current the synapse pushes into its output node (A)."""
    return waves["vout#branch"]


def weak_inversion(
    t: FloatArray,
    current: FloatArray,
    v_syn: FloatArray,
    start: float,
    stop: float,
    supply: float,
    conditions: Conditions,
) -> tuple[float, float]:
    """Kappa and I0 of the output transistor from ln I_syn against VDD - V_syn in a time window."""
    voltage = supply - window(t, v_syn, start, stop)[1]
    fit = line(voltage, np.log(window(t, current, start, stop)[1]))
    return fit.slope * BOLTZMANN_OVER_CHARGE * conditions.temperature, math.exp(fit.intercept)


def switching_energy(
    waves: Waveforms, current: FloatArray, supply: float, p_static: float, start: float, stop: float
) -> float:
    """Energy from vdd in a window without the static part and without the output current's own (J)."""
    t = waves["time"]
    total = supply_energy(t, waves["vdd#branch"], supply, start, stop)
    return total - p_static * (stop - start) - supply * integral(t, current - current[0], start, stop)


#: Every testbench of the synapse.
SYNAPSE_TESTBENCHES: tuple[type[Testbench], ...] = (
    SynapseDecay,
    SynapseTurnOn,
    SynapseTrain,
    SynapsePair,
    SynapseResponse,
)
