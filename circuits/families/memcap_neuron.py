"""Spiking neuron on the memcapacitive integrator: threshold, reset, output pulse; its testbench."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from circuits.circuit import Circuit, param
from circuits.deck import Deck, FloatArray, SimulationResult, Waveforms
from circuits.families.denram import Comparator, PulseGenerator, RramRead
from circuits.families.dpi_deck import supply_voltage
from circuits.families.memcap import Memcap
from circuits.families.memcap_integrator import EDGE, INTEGRATOR_OPTIONS, RESET, MemcapIntegrator
from circuits.measure import at, crossings, integral
from circuits.ngspice.errors import MeasureFailed
from circuits.process import Process
from circuits.subcircuit import instance_line, subcircuit_lines
from circuits.testbench import Conditions, Observable, Testbench

#: With ngspice's trtol of 7 the width of a pulse scatters (see the delay cells). The state's tolerance times the charge
#: that switches with it is noise on the membrane: at a reltol of 1e-4 0.2 mV, which moved spikes by 3 us now and then.
NEURON_OPTIONS: Mapping[str, str] = {**INTEGRATOR_OPTIONS, "trtol": "1", "reltol": "1e-5"}
#: Time after the output pulse at which the membrane is read (s).
SETTLE = 5e-6

_Sizes = Mapping[str, tuple[str, str | float, str | float]]


def _prefixed(prefix: str, transistors: _Sizes) -> dict[str, tuple[str, str | float, str | float]]:
    return {f"{prefix}_{name}": size for name, size in transistors.items()}


@dataclass(frozen=True, kw_only=True)
class MemcapNeuron(MemcapIntegrator):
    """Neuron: integrator (its parameters as in ``memcap_integrator``), comparator, pulse generator, two resets."""

    name: ClassVar[str] = "memcap_neuron"
    netlist: ClassVar[str] = "memcap/memcap_neuron.cir"
    ports: ClassVar[tuple[str, ...]] = (
        *("spkb", "bias", "wr", "pl", "vth", "vm", "out"),
        *("vdd", "vddb", "gnd"),
    )
    transistors: ClassVar[_Sizes] = {
        **MemcapIntegrator.transistors,
        "rh": ("n", "w_reset", "l_reset"),
        "ro": ("n", "w_reset", "l_reset"),
        **_prefixed("th", Comparator.transistors),
        **_prefixed("p", PulseGenerator.transistors),
    }

    i_bias: float = param(10e-9, "A", (1e-12, 1e-6), "tail current of the comparator")
    w_pair: float = param(2e-6, "m", (0.42e-6, 100e-6), "width of the comparator's input pair")
    l_pair: float = param(1e-6, "m", (0.5e-6, 50e-6), "length of the comparator's input pair")
    w_mirror: float = param(1e-6, "m", (0.42e-6, 100e-6), "width of its mirror and second stage")
    l_mirror: float = param(2e-6, "m", (0.5e-6, 50e-6), "length of its mirror and second stage")
    w_tail: float = param(2e-6, "m", (0.42e-6, 100e-6), "width of its tail transistor")
    w_load: float = param(1e-6, "m", (0.42e-6, 100e-6), "width of its load")
    l_tail: float = param(2e-6, "m", (0.5e-6, 50e-6), "length of tail and load")
    c_pulse: float = param(100e-15, "F", (1e-15, 1e-9), "capacitor of the output pulse")
    i_pulse: float = param(10e-9, "A", (1e-12, 1e-6), "current that empties it")
    w_pulse: float = param(0.5e-6, "m", (0.42e-6, 100e-6), "width of the pulse's current mirrors")
    l_pulse: float = param(2e-6, "m", (0.5e-6, 50e-6), "length of the pulse's current mirrors")
    w_limit: float = param(2e-6, "m", (0.42e-6, 100e-6), "width of the pulse's limiting transistor")
    l_limit: float = param(2e-6, "m", (0.5e-6, 50e-6), "length of the pulse's limiting transistor")
    c_bias: float = param(10e-12, "F", (1e-15, 1e-9), "capacitance of each bias line")
    w_reset: float = param(0.5e-6, "m", (0.42e-6, 100e-6), "width of the two reset transistors")
    l_reset: float = param(1e-6, "m", (0.5e-6, 50e-6), "length of the two reset transistors")
    w_logic: float = param(0.5e-6, "m", (0.42e-6, 100e-6), "width of the n transistors of gates")
    w_logic_p: float = param(1e-6, "m", (0.42e-6, 100e-6), "width of the p transistors of gates")
    l_logic: float = param(0.5e-6, "m", (0.5e-6, 50e-6), "length of gates")

    def netlist_files(self) -> tuple[str, ...]:
        """The cell and what it is made of."""
        return (*super().netlist_files()[:2], MemcapIntegrator.netlist, Comparator.netlist,
                PulseGenerator.netlist, self.netlist)  # fmt: skip

    def interval(self, current: float, v_th: float, t_ref: float = 14e-6) -> float:
        """Interval of spikes at a constant current by hand (s), memristor taken as linear; infinite below threshold."""
        top = current * self.r_m
        return t_ref + self.tau() * math.log(top / (top - v_th)) if top > v_th else math.inf


@dataclass(frozen=True, kw_only=True)
class NeuronSpikes(Testbench):
    """Constant current, or regular input spikes, onto a neuron that was held: spike times and their intervals."""

    name: ClassVar[str] = "memcap_spikes"
    family: ClassVar[str] = "memcap"
    description: ClassVar[str] = "memcapacitive neuron: spikes at a constant current or a regular input train"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("count", "1", "output spikes"),
        Observable("interval", "s", "mean interval"),
        Observable("t_pulse", "s", "width of the first output pulse"),
        Observable("v_reset", "V", "membrane after the first output pulse"),
        Observable("e_spike", "J", "energy from the supply between first and last spike, per interval"),
    )

    dut: MemcapNeuron = field(default_factory=MemcapNeuron)
    v_bias: float = param(1.5, "V", (0.0, 3.6), "gate of the current source")
    v_th: float = param(0.3, "V", (0.05, 1.0), "threshold")
    period: float = param(0.0, "s", (0.0, 1.0), "period of the input spikes; 0 for a constant current")
    t_spike: float = param(10e-6, "s", (1e-6, 1e-2), "width of an input spike")
    duration: float = param(30e-3, "s", (1e-4, 100.0), "simulated time after the hold")

    def starts(self) -> FloatArray:
        """Instants at which input spikes begin (s); empty for a constant current."""
        if self.period <= 0.0:
            return np.zeros(0)
        return np.arange(RESET + self.period, RESET + self.duration - self.t_spike, self.period)

    def spike_times(self, waves: Waveforms, supply: float) -> FloatArray:
        """Instants from the end of the hold at which the output rises (s)."""
        return np.asarray(crossings(waves["time"], waves["out"], 0.5 * supply, "rise") - RESET)

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """Transient from the held membrane."""
        supply = supply_voltage(process, conditions)
        # A current that is always on: the switch stays closed while the membrane is held.
        points = ["0 0"] if self.period <= 0.0 else [f"0 {supply!r}"]
        for start in map(float, self.starts()):
            high = start + EDGE + self.t_spike
            points += [f"{start!r} {supply!r} {start + EDGE!r} 0 {high!r} 0 {high + EDGE!r} {supply!r}"]
        if len(points) == 1:
            points *= 2
            points[1] = f"{self.duration!r} {points[0].split()[1]}"
        stop, step = RESET + self.duration, self.dut.tau() / 1500
        nodes = ("spkb", "bias", "wr", "pl", "vth", "vm", "out", "vdd", "vddb", "0")
        return Deck(
            title=f"{self.name} {process.name} {conditions.corner}",
            lines=(
                *process.cards(conditions.corner, self.dut.geometries().values()),
                *(line for cell in _CELLS for line in subcircuit_lines(cell())),
                f"vdd vdd 0 {supply!r}",
                f"vddb vddb 0 {supply!r}",
                f"vbias bias 0 {self.v_bias!r}",
                f"vth vth 0 {self.v_th!r}",
                f"vwr wr 0 dc {supply!r} pwl(0 {supply!r} {RESET!r} {supply!r} {RESET + EDGE!r} 0)",
                "vpl pl 0 0",
                f"vspk spkb 0 dc {points[0].split()[1]} pwl({' '.join(points)})",
                # From the operating point, which the stages have; the memcapacitor's state is put in.
                f".ic v(xdut.xi.xc.x)={self.dut.x_start!r}",
                instance_line(self.dut, "dut", nodes, conditions.mismatch),
            ),
            analyses=(f"tran {step!r} {stop!r} 0 {step!r}",),
            save=("vm", "out", "vdd#branch"),
            options=NEURON_OPTIONS,
            temperature=conditions.temperature,
        )

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Spikes, their mean interval, pulse, reset, energy."""
        supply, waves = supply_voltage(process, conditions), result.analyses[0]
        time, times = waves["time"], self.spike_times(waves, supply)
        if times.size < 2:
            raise MeasureFailed(f"{times.size} spikes in {self.duration:g} s; two or more are needed")
        falls = crossings(time, waves["out"], 0.5 * supply, "fall") - RESET
        first, last = float(times[0]), float(times[-1])
        energy = integral(time, -supply * waves["vdd#branch"], RESET + first, RESET + last)
        return {
            "count": float(times.size),
            "interval": (last - first) / (times.size - 1),
            "t_pulse": float(falls[falls > first][0]) - first,
            "v_reset": at(time, waves["vm"], RESET + float(falls[falls > first][0]) + SETTLE),
            "e_spike": energy / (times.size - 1),
        }


@dataclass(frozen=True, kw_only=True)
class NeuronMembrane(Testbench):
    """Current that the cell takes from its membrane, at rest and with the input switched on."""

    name: ClassVar[str] = "memcap_membrane"
    family: ClassVar[str] = "memcap"
    description: ClassVar[str] = (
        "memcapacitive neuron: current of the membrane against its voltage, input on or off"
    )
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("i_rest", "A", "current out of the membrane at 0 V; negative charges it"),
        Observable("i_end", "A", "current out of the membrane at v_end"),
    )

    dut: MemcapNeuron = field(default_factory=MemcapNeuron)
    v_bias: float = param(1.5, "V", (0.0, 3.6), "gate of the current source")
    v_end: float = param(0.4, "V", (0.05, 1.0), "highest voltage, and threshold beyond it")
    driven: float = param(0.0, "1", (0.0, 1.0), "1: the input is switched on")

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """The membrane is forced from 0 V to ``v_end``."""
        supply = supply_voltage(process, conditions)
        nodes = ("spkb", "bias", "wr", "pl", "vth", "vm", "out", "vdd", "vddb", "0")
        return Deck(
            title=f"{self.name} {process.name} {conditions.corner}",
            lines=(
                *process.cards(conditions.corner, self.dut.geometries().values()),
                *(line for cell in _CELLS for line in subcircuit_lines(cell())),
                f"vdd vdd 0 {supply!r}",
                f"vddb vddb 0 {supply!r}",
                f"vbias bias 0 {self.v_bias!r}",
                f"vth vth 0 {self.v_end + 0.1!r}",
                "vwr wr 0 0",
                "vpl pl 0 0",
                f"vspk spkb 0 {0.0 if self.driven > 0.5 else supply!r}",
                "vforce vm 0 0",
                instance_line(self.dut, "dut", nodes, conditions.mismatch),
            ),
            analyses=(f"dc vforce 0 {self.v_end!r} {self.v_end / 20!r}",),
            save=("vm", "vforce#branch"),
            options=NEURON_OPTIONS,
            temperature=conditions.temperature,
        )

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Both ends of the characteristic."""
        current = -result.analyses[0]["vforce#branch"]
        return {"i_rest": float(current[0]), "i_end": float(current[-1])}


_CELLS: tuple[type[Circuit], ...] = (
    Memcap, RramRead, MemcapIntegrator, Comparator, PulseGenerator, MemcapNeuron,
)  # fmt: skip

#: Circuits and testbenches of the neuron.
NEURON_CELLS: tuple[type[Circuit], ...] = (MemcapNeuron,)
NEURON_TESTBENCHES: tuple[type[Testbench], ...] = (NeuronSpikes, NeuronMembrane)
