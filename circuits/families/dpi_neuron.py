"""Testbenches of the DPI neuron: f-I point, spiking, adaptation, rheobase, arbitrary input current.

Equations and definitions: ``docs/physics-dpi.md``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from circuits.circuit import param
from circuits.deck import DEFAULT_OPTIONS, Deck, FloatArray, SimulationResult, Waveforms
from circuits.families.dpi import DpiNeuron
from circuits.families.dpi_deck import (
    BOLTZMANN_OVER_CHARGE,
    LARGEST_STEP,
    LEAD,
    dpi_lines,
    level_source,
    rough_tau,
    supply_voltage,
)
from circuits.measure import (
    at,
    crossing,
    crossings,
    intervals,
    line,
    mean,
    peak,
    supply_energy,
    time_slope,
    window,
)
from circuits.ngspice.errors import MeasureFailed
from circuits.process import Process
from circuits.testbench import Conditions, Observable, Testbench

#: trtol=1 halves the integration error of ngspice's default: spike times are needed to 0.1 % of the interval.
NEURON_OPTIONS: Mapping[str, str] = {**DEFAULT_OPTIONS, "gmin": "1e-18", "trtol": "1"}

#: Lead on the output spike at which the threshold is read (s).
BEFORE = 1e-6

#: Fraction of i_threshold at which the resting state ends, chosen from dc sweeps through the fold at default
#: sizes: 0.945 to 0.975 on generic130 and gf180 (tt at 27, ff at -20 degrees C). Sweeps of sky130 and at 85
#: degrees C gave no clean fold.
FEEDBACK_LEVEL = 0.95

#: Drain of the adaptation probe (V): at half the supply it would show 5 % more than the membrane loses.
AHP_DRAIN = 0.26

#: Channel currents of the two probes, of the leak and of the input pair's membrane side. A probe's terminal
#: current would not do: the trapezoidal rule lets the displacement current of a drain on an ideal source ring.
I_MEM, I_AHP, I_LEAK, I_PAIR = "@mmem[id]", "@mahp[id]", "@m.xdut.mtau[id]", "@m.xdut.ms[id]"

_SAVE = ("spk", "xdut.vmem", "xdut.vahp", I_MEM, I_AHP, I_LEAK, I_PAIR, "vdd#branch", "vddb#branch")


@dataclass(frozen=True, kw_only=True)
class NeuronBench(Testbench):
    """What the neuron's testbenches share: dut, time resolution, unloaded probes of two currents.

    A probe is a copy of the dut's membrane or adaptation transistor, its gate driven through an ideal buffer: it
    shows the current also while the dut's own transistor is not saturated. The membrane probe's drain is at half
    the supply; the adaptation probe's at the voltage a membrane has near threshold, where that current decides.
    """

    family: ClassVar[str] = "dpi"

    dut: DpiNeuron = field(default_factory=DpiNeuron)
    resolution: float = param(
        300.0,
        "1",
        (5.0, 1e4),
        "time steps per membrane time constant, at least; 70 cost up to 1.4 % of an interval",
    )

    def tau_estimate(self, conditions: Conditions) -> float:
        """Membrane time constant expected by hand, for choosing durations and steps (s)."""
        return rough_tau(self.dut.c_mem, self.dut.i_tau, conditions.temperature)

    def neuron_deck(
        self,
        process: Process,
        conditions: Conditions,
        source: str,
        analysis: str,
        dut: DpiNeuron | None = None,
    ) -> Deck:
        """Deck with ``source`` as the values of the input current source ``iin``.

        The node set starts ngspice at rest: positive feedback gives the circuit a second stable state.
        """
        circuit = self.dut if dut is None else dut
        supply = supply_voltage(process, conditions)
        half = 0.5 * supply
        sources = (
            f"iin vdd in {source}",
            f".nodeset v(xdut.vmem)=0 v(xdut.req)={supply!r} v(spk)=0 v(xdut.refr)=0",
            f"emem gmem 0 xdut.vmem 0 1\nmmem dmem gmem 0 0 nfet w={circuit.w_mem!r} l={circuit.l_mem!r}",
            f"vimem dmem 0 {half!r}",
            f"eahp gahp 0 xdut.vahp 0 1\nmahp dahp gahp 0 0 nfet w={circuit.w_ahp!r} l={circuit.l_ahp!r}",
            f"viahp dahp 0 {AHP_DRAIN!r}",
        )
        flat = tuple(part for text in sources for part in text.split("\n"))
        return Deck(
            title=f"{self.name} {process.name} {conditions.corner}",
            lines=dpi_lines(circuit, ("in", "spk", "vdd", "vddb", "0"), process, conditions, flat),
            analyses=(analysis,),
            save=_SAVE,
            options=NEURON_OPTIONS,
            temperature=conditions.temperature,
        )

    def transient(
        self, process: Process, conditions: Conditions, levels: Sequence[tuple[float, float]], stop: float
    ) -> Deck:
        """Deck with a piecewise-linear input current until ``stop``."""
        step = min(self.tau_estimate(conditions) / self.resolution, stop / 100, LARGEST_STEP)
        source = level_source(levels, "input current")
        return self.neuron_deck(process, conditions, source, f"tran {step!r} {stop!r} 0 {step!r}")


@dataclass(frozen=True, kw_only=True)
class NeuronRate(NeuronBench):
    """A constant input current: one point of the f-I curve; zero below rheobase."""

    name: ClassVar[str] = "dpi_neuron_rate"
    description: ClassVar[str] = "constant input current: firing rate (one point of the f-I curve)"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable(
            "rate",
            "Hz",
            "1 / mean interval over the second half of the intervals; 0 with fewer than 2 spikes",
        ),
        Observable("rate_first", "Hz", "1 / first interval; 0 with fewer than 2 spikes"),
        Observable("spikes", "1", "number of spikes"),
        Observable("i_mem_max", "A", "largest membrane current"),
    )

    i_in: float = param(200e-12, "A", (0.0, 1e-6), "input current")
    t_run: float = param(0.3, "s", (1e-4, 100.0), "time with input")

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """Input switched on after a short rest."""
        levels = ((0.0, 0.0), (LEAD, 0.0), (LEAD + 1e-6, self.i_in))
        return self.transient(process, conditions, levels, LEAD + self.t_run)

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Count spikes."""
        waves = result.analyses[0]
        spikes = spike_times(waves, supply_voltage(process, conditions))
        gaps = np.diff(spikes)
        late = gaps[gaps.size // 2 :]
        return {
            "rate": 1 / float(late.mean()) if gaps.size else 0.0,
            "rate_first": 1 / float(gaps[0]) if gaps.size else 0.0,
            "spikes": float(spikes.size),
            "i_mem_max": float(membrane_current(waves).max()),
        }


@dataclass(frozen=True, kw_only=True)
class NeuronSpiking(NeuronRate):
    """A constant input current above rheobase: what happens at a spike, and what it costs."""

    name: ClassVar[str] = "dpi_neuron_spiking"
    description: ClassVar[str] = (
        "constant input above rheobase: threshold, reset, refractory time, CV, energy, power"
    )
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("t_first", "s", "input step to first spike"),
        Observable("isi_first", "s", "first inter-spike interval"),
        Observable("isi_last", "s", "last inter-spike interval"),
        Observable("isi_cv", "1", "standard deviation over mean of the second half of the intervals"),
        Observable("i_threshold", "A", "membrane current 1 us before the second spike's output rises"),
        Observable("i_reset", "A", "membrane current averaged over the middle of the refractory time"),
        Observable("t_refractory", "s", "spike to the start of the membrane's rise"),
        Observable("t_spike", "s", "width of the output spike at half the supply"),
        Observable("e_spike", "J", "energy from vdd per interval, static part and input current taken off"),
        Observable("e_event", "J", "energy from vdd from 20 us before to 100 us after a spike"),
        Observable("p_static", "W", "power from vdd at rest"),
        Observable("p_bias", "W", "power of the bias branches at rest"),
    )

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Look at the second interval."""
        waves = result.analyses[0]
        t, i_mem = waves["time"], membrane_current(waves)
        supply = supply_voltage(process, conditions)
        spikes = spike_times(waves, supply)
        gaps = intervals(spikes, least=3)
        late = gaps[gaps.size // 2 :]
        first, second = float(spikes[0]), float(spikes[1])
        p_static = -supply * at(t, waves["vdd#branch"], 0.5 * LEAD)
        energy = supply_energy(t, waves["vdd#branch"], supply, first, second)
        extra = p_static + supply * self.i_in
        t_refractory = refractory_time(waves, first, second)
        before, after = second - 20e-6, second + 100e-6
        return {
            "t_first": first - LEAD,
            "isi_first": float(gaps[0]),
            "isi_last": float(gaps[-1]),
            "isi_cv": float(late.std() / late.mean()),
            "i_threshold": at(t, i_mem, second - BEFORE),
            "i_reset": mean(t, i_mem, first + 0.3 * t_refractory, first + 0.7 * t_refractory),
            "t_refractory": t_refractory,
            "t_spike": crossing(t, waves["spk"], supply / 2, "fall", first) - first,
            "e_spike": energy - extra * (second - first),
            "e_event": supply_energy(t, waves["vdd#branch"], supply, before, after)
            - extra * (after - before),
            "p_static": p_static,
            "p_bias": -supply * at(t, waves["vddb#branch"], 0.5 * LEAD),
        }


@dataclass(frozen=True, kw_only=True)
class NeuronAdaptation(NeuronRate):
    """A current step: rate drop while it lasts, decay of the adaptation current after it."""

    name: ClassVar[str] = "dpi_neuron_adaptation"
    description: ClassVar[str] = (
        "current step: rate drop, adaptation increment per spike, adaptation time constant"
    )
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("tau_ahp", "s", "decay time constant of the adaptation current after the last spike"),
        Observable("di_ahp", "A", "increment of the adaptation current at the last spike"),
        Observable("i_ahp", "A", "adaptation current averaged over the last interval"),
        Observable("i_ahp_floor", "A", "adaptation current at rest"),
        Observable("rate_drop", "1", "last interval over first, minus 1"),
    )

    ahp_span: float = param(4.0, "1", (1.0, 50.0), "time without input, in adaptation time constants")

    def tau_ahp_estimate(self, conditions: Conditions) -> float:
        """Adaptation time constant expected by hand (s)."""
        return rough_tau(self.dut.c_ahp, self.dut.i_tau_ahp, conditions.temperature)

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """Input on for ``t_run``, then off."""
        end = LEAD + self.t_run
        levels = ((0.0, 0.0), (LEAD, 0.0), (LEAD + 1e-6, self.i_in), (end, self.i_in), (end + 1e-6, 0.0))
        stop = end + self.ahp_span * self.tau_ahp_estimate(conditions)
        return self.transient(process, conditions, levels, stop)

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Fit the decay of the adaptation current between 0.8 and 0.1 of its last peak."""
        waves = result.analyses[0]
        t, i_ahp, v_ahp = waves["time"], adaptation_current(waves), waves["xdut.vahp"]
        spikes = spike_times(waves, supply_voltage(process, conditions))
        gaps = intervals(spikes, least=3)
        last = float(spikes[-1])
        t_peak, top = peak(t, i_ahp, last, float(t[-1]))
        start, stop = (
            crossing(t, i_ahp, 0.8 * top, "fall", t_peak),
            crossing(t, i_ahp, 0.1 * top, "fall", t_peak),
        )
        state = time_slope(t, v_ahp, start, stop).slope
        kappa = BOLTZMANN_OVER_CHARGE * conditions.temperature * _gate_slope(t, v_ahp, i_ahp, start, stop)
        return {
            "tau_ahp": -BOLTZMANN_OVER_CHARGE * conditions.temperature / (kappa * state),
            "di_ahp": top - at(t, i_ahp, last - 1e-6),
            "i_ahp": mean(t, i_ahp, float(spikes[-2]), last),
            "i_ahp_floor": at(t, i_ahp, 0.5 * LEAD),
            "rate_drop": float(gaps[-1] / gaps[0]) - 1.0,
        }


@dataclass(frozen=True, kw_only=True)
class NeuronRheobase(NeuronBench):
    """Static balance of the membrane with the spike mechanism out of reach: I_mem against input current.

    The deck raises the comparator current far above the sweep, so that the membrane settles at every input.
    The neuron leaves its resting state where the static current reaches FEEDBACK_LEVEL of ``i_threshold``:
    there the comparator's output leaves the supply and the positive feedback opens.
    """

    name: ClassVar[str] = "dpi_neuron_rheobase"
    description: ClassVar[str] = "static membrane current against input: rheobase, gain current, slope ratio"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("i_rheobase", "A", "input at which the static membrane current reaches 0.95 i_threshold"),
        Observable(
            "slope_ratio", "1", "m of I_in / I_0 - 1 = (I_mem / I_g)^m, slope between 0.1 and 1 i_threshold"
        ),
        Observable("i_gain_fit", "A", "I_g of the same line"),
    )

    sweep_span: float = param(3.0, "1", (1.2, 100.0), "end of the sweep over the rheobase expected by hand")
    sweep_points: float = param(400.0, "1", (20.0, 10000.0), "points of the sweep")

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """One dc sweep of the input current."""
        dut = self.dut
        top = self.sweep_span * dut.i_tau * (1 + dut.i_threshold / dut.i_gain)
        step = top / round(self.sweep_points)
        silent = dut.replace({"i_threshold": min(1e-6, 1e3 * dut.i_threshold)})
        return self.neuron_deck(process, conditions, "0", f"dc iin {step!r} {top!r} {step!r}", silent)

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Read the crossing, and fit the law of the input pair around it."""
        waves = result.analyses[0]
        scale = next(name for name in waves.vectors if "sweep" in name)
        i_in, i_mem = waves[scale], membrane_current(waves)
        level = FEEDBACK_LEVEL * self.dut.i_threshold
        rheobase = crossing(i_in, i_mem, level, "rise")
        near = (i_mem > 0.1 * level) & (i_mem < level) & (i_in > 1.2 * self.dut.i_tau)
        fit = line(np.log(i_mem[near]), np.log(i_in[near] / self.dut.i_tau - 1))
        return {
            "i_rheobase": rheobase,
            "slope_ratio": fit.slope,
            "i_gain_fit": float(np.exp(-fit.intercept / fit.slope)),
        }


@dataclass(frozen=True)
class NeuronTraces:
    """Waveforms of a neuron: time (s); currents (A) of the membrane transistor, the adaptation, the leak and
    the input pair's membrane side; spike times (s)."""

    t: FloatArray
    i_mem: FloatArray
    i_ahp: FloatArray
    i_leak: FloatArray
    i_pair: FloatArray
    spikes: FloatArray


@dataclass(frozen=True, kw_only=True)
class NeuronResponse(NeuronBench):
    """Arbitrary input current; :meth:`traces` gives waveforms to compare with the behavioural model.

    ``input_levels`` are the corners (s, A) of a piecewise-linear waveform, times from 0 upwards. Start at
    zero current: above rheobase the circuit has no stable operating point to start from.
    """

    name: ClassVar[str] = "dpi_neuron_response"
    description: ClassVar[str] = "arbitrary input current: spike times, membrane and adaptation waveforms"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("spikes", "1", "number of spikes"),
        Observable("i_mem_max", "A", "largest membrane current"),
    )

    input_levels: tuple[tuple[float, float], ...] = ((0.0, 0.0), (1e-3, 0.0), (1.001e-3, 200e-12))
    t_stop: float = param(0.2, "s", (1e-6, 100.0), "end of the run")

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """The input as one piecewise-linear source."""
        return self.transient(process, conditions, self.input_levels, self.t_stop)

    def traces(self, result: SimulationResult, process: Process, conditions: Conditions) -> NeuronTraces:
        """Waveforms on the simulator's own time points, and interpolated spike times."""
        waves = result.analyses[0]
        spikes = spike_times(waves, supply_voltage(process, conditions))
        return NeuronTraces(waves["time"], waves[I_MEM], waves[I_AHP], waves[I_LEAK], waves[I_PAIR], spikes)

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Totals of the run."""
        traces = self.traces(result, process, conditions)
        return {"spikes": float(traces.spikes.size), "i_mem_max": float(traces.i_mem.max())}


def membrane_current(waves: Waveforms) -> FloatArray:
    """Membrane current (A): what the threshold compares."""
    return waves[I_MEM]


def adaptation_current(waves: Waveforms) -> FloatArray:
    """Adaptation current (A), as drawn from a membrane near threshold."""
    return waves[I_AHP]


def spike_times(waves: Waveforms, supply: float) -> FloatArray:
    """Rising crossings of half the supply by the spike output (s)."""
    return crossings(waves["time"], waves["spk"], supply / 2, "rise")


def refractory_time(waves: Waveforms, spike: float, until: float) -> float:
    """Spike to the start of the membrane's rise: V_mem from 20 to 60 mV, extended to zero (s)."""
    t, v_mem = waves["time"], waves["xdut.vmem"]
    reset = crossing(t, v_mem, 0.02, "fall", spike - 1e-5)
    start = crossing(t, v_mem, 0.02, "rise", reset)
    stop = crossing(t, v_mem, 0.06, "rise", start)
    if stop > until:
        raise MeasureFailed("the membrane does not rise before the next spike")
    fit = time_slope(t, v_mem, start, stop)
    return start - at(t, v_mem, start) / fit.slope - spike


def _gate_slope(t: FloatArray, gate: FloatArray, current: FloatArray, start: float, stop: float) -> float:
    """d ln I / d V_gate in a time window (1/V)."""
    return line(window(t, gate, start, stop)[1], np.log(window(t, current, start, stop)[1])).slope


#: Every testbench of the neuron.
NEURON_TESTBENCHES: tuple[type[Testbench], ...] = (
    NeuronRate,
    NeuronSpiking,
    NeuronAdaptation,
    NeuronRheobase,
    NeuronResponse,
)
