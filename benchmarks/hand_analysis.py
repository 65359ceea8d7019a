"""Hand analysis of the DPI circuits against simulation: ``python -m benchmarks.hand_analysis [PROCESS]``.

Prints the tables of ``docs/physics-dpi.md``: each closed form at the default bias, the simulated value,
their ratio. The device numbers in the formulas (kappa, off-current, V_GS) come from gate sweeps of single
transistors of the size in question, so that no formula is fitted to what it predicts.
"""

from __future__ import annotations

import dataclasses
import math
import sys
from dataclasses import dataclass

import numpy as np

from circuits.deck import Deck, FloatArray, Simulator
from circuits.families.dpi import DpiNeuron, DpiSynapse
from circuits.families.dpi_neuron import NeuronAdaptation, NeuronResponse, NeuronRheobase, NeuronSpiking
from circuits.families.dpi_synapse import SynapseDecay, SynapseTrain, SynapseTurnOn, output_current
from circuits.families.dpi_synapse_static import (
    NOISE_OPTIONS,
    SynapseNoise,
    SynapseRest,
    SynapseVoltageBias,
    operating_deck,
)
from circuits.families.fet import BOLTZMANN_OVER_CHARGE, FLOOR_OPTIONS, FetIdVg, NFet, PFet, PFetIdVg
from circuits.measure import line
from circuits.ngspice.session import Session
from circuits.process import Process, get_process
from circuits.testbench import Conditions, Testbench

ELEMENTARY_CHARGE = 1.602176634e-19  # C


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    quantity: str
    formula: str
    unit: str
    scale: float
    expected: float
    measured: float

    def markdown(self) -> str:
        """Table row with the ratio measured / expected."""
        ratio = self.measured / self.expected
        values = f"{self.expected / self.scale:.4g} | {self.measured / self.scale:.4g}"
        return f"| {self.quantity} | {self.formula} | {self.unit} | {values} | {ratio:.3f} |"


@dataclass(frozen=True)
class Device:
    """Weak inversion of one transistor: kappa, I0 and off-current (A), thermal voltage (V)."""

    kappa: float
    i0: float
    i_off: float
    thermal: float

    def gate(self, current: float) -> float:
        """|V_GS| that carries ``current`` (V)."""
        return self.thermal / self.kappa * math.log(current / self.i0)


@dataclass(frozen=True)
class Lab:
    """A simulator, a process and conditions."""

    simulator: Simulator
    process: Process
    conditions: Conditions

    @property
    def thermal(self) -> float:
        """k T / q in volt."""
        return BOLTZMANN_OVER_CHARGE * self.conditions.temperature

    def run(self, bench: Testbench) -> dict[str, float]:
        """Observables of one testbench."""
        return bench.run(self.simulator, self.process, self.conditions)

    def warmer(self, kelvin: float) -> Lab:
        """The same at a higher temperature."""
        warm = dataclasses.replace(self.conditions, temperature=self.conditions.temperature + kelvin)
        return dataclasses.replace(self, conditions=warm)

    def device(self, polarity: str, width: float, length: float, low: float, high: float) -> Device:
        """Weak inversion of one transistor between two currents (A)."""
        squares = width / length
        limits = {"i_fit_low": low / squares, "i_fit_high": high / squares}
        if polarity == "n":
            bench: Testbench = FetIdVg(dut=NFet(w=width, l=length), **limits)
        else:
            bench = PFetIdVg(dut=PFet(w=width, l=length), **limits)
        seen = self.run(bench)
        return Device(seen["kappa"], seen["i0"] * squares, seen["i_off"], self.thermal)

    def raised_kappa(self, polarity: str, width: float, length: float, bias: float, current: float) -> float:
        """Kappa of a transistor whose source sits ``bias`` away from its bulk, around ``current`` (A)."""
        sign = 1.0 if polarity == "n" else -1.0
        deck = Deck(
            title="raised source",
            lines=(
                *self.process.cards(self.conditions.corner, ((polarity, width, length),)),
                f"m1 d g s b {polarity}fet w={width!r} l={length!r}",
                "vb b 0 0",
                f"vs s 0 {sign * bias!r}",
                f"vd d s {sign * 0.5!r}",
                "vg g s 0",
            ),
            analyses=(f"dc vg 0 {sign * 1.2!r} {sign * 0.005!r}",),
            save=("g", "vd#branch"),
            options=FLOOR_OPTIONS,
            temperature=self.conditions.temperature,
        )
        waves = self.simulator.run(deck).analyses[0]
        gate, drain = sign * waves["g"], -sign * waves["vd#branch"]
        near = (drain > current / 10) & (drain < current * 10)
        return line(gate[near], np.log(drain[near])).slope * self.thermal


def synapse_rows(lab: Lab) -> list[Row]:
    """Closed forms of the synapse."""
    dut = DpiSynapse()
    supply, thermal = lab.process.supply, lab.thermal
    out = lab.device("p", dut.w_syn, dut.l_syn, 5e-12, 300e-12)
    inverter = lab.device("p", dut.w_logic, dut.l_logic, 1e-10, 2e-8)
    kappa_n = lab.raised_kappa("n", dut.w_pair, dut.l_pair, 1.3, 1e-11)
    low, high = plateau(lab, 20e-12), plateau(lab, 45e-12)
    m = math.log(high.split / low.split) / math.log(high.current / low.current)
    decay, rest = lab.run(SynapseDecay()), lab.run(SynapseRest())
    tau = dut.c_syn * thermal / (out.kappa * dut.i_tau)
    limit = dut.i_pulse * dut.w_limit / dut.w_pulse
    t_pulse = 1e-6 + dut.c_pulse * (supply - inverter.gate(limit)) / dut.i_pulse
    on = SynapseTurnOn()
    turn = lab.run(on)
    r_on = on.dut.i_weight / on.dut.i_tau
    rates = (150.0, 200.0)
    trains = [lab.run(SynapseTrain(rate=rate))["i_mean"] for rate in rates]
    noise = lab.run(SynapseNoise())
    keep = dut.i_pulse * (dut.w_keep / dut.l_keep) / (dut.w_pulse / dut.l_pulse)
    energy = supply * t_pulse * (dut.i_weight + keep + limit * 0.7) + dut.c_pulse * supply**2
    warm, step = lab.warmer(10.0), 10.0
    drift = math.log(warm.run(SynapseVoltageBias())["tau_syn"] / decay["tau_syn"]) / step
    leak = lab.device("p", dut.w_tau, dut.l_tau, 1e-12, 1e-10)
    leak_warm = warm.device("p", dut.w_tau, dut.l_tau, 1e-12, 1e-10)
    gate = leak.gate(dut.i_tau)
    warm_current = leak_warm.i0 * math.exp(leak_warm.kappa * gate / warm.thermal)
    tau_warm = dut.c_syn * warm.thermal / (leak_warm.kappa * warm_current)
    linear = dut.i_gain * dut.i_weight / dut.i_tau
    return [
        Row("decay time tau", "C U_T / (kappa_p I_tau)", "ms", 1e-3, tau, decay["tau_syn"]),
        Row("slope ratio m", "kappa_n(V_SB) / kappa_p", "1", 1, kappa_n / out.kappa, m),
        Row("effective gain current", "I_g", "pA", 1e-12, 5e-12, low.current / low.split ** (1 / m)),
        Row("weight mirror at 20 pA", "I_w", "pA", 1e-12, 20e-12, 20e-12 * low.mirror),
        Row("pulse", "t_spike + C_p (VDD - V_GS) / I_pulse", "us", 1e-6, t_pulse, decay["t_pulse"]),
        Row("increment at I >> I_g, m = 1", "I_g (I_w/I_tau)(1 - exp(-t_p/tau))", "pA", 1e-12,
            linear * -math.expm1(-decay["t_pulse"] / tau), decay["di_spike"]),
        Row("DC gain at 150 to 200 Hz, m = 1", "I_g I_w t_p / I_tau", "pA/Hz", 1e-12,
            linear * decay["t_pulse"], (trains[1] - trains[0]) / (rates[1] - rates[0])),
        Row("growth from the floor", "tau / (r - 1), r = 6", "ms", 1e-3, tau / (r_on - 1), turn["tau_on"]),
        Row("plateau, m = 1", "I_g (r - 1)", "nA", 1e-9, on.dut.i_gain * (r_on - 1), turn["i_inf"]),
        Row("output floor", "off-current of Msyn", "fA", 1e-15, out.i_off, rest["i_floor"]),
        Row("noise of the state", "sqrt(kappa q / (C U_T))", "%", 1e-2,
            math.sqrt(out.kappa * ELEMENTARY_CHARGE / (dut.c_syn * thermal)), noise["sigma_rel"]),
        Row("energy of a spike", "VDD t_p (I_w + I_keep + 0.7 I_lim) + C_p VDD^2", "pJ", 1e-12, energy,
            decay["e_spike"]),
        Row("bias power", "VDD (I_tau + I_g + I_w + 2 I_pulse)", "nW", 1e-9,
            supply * (dut.i_tau + dut.i_gain + dut.i_weight + 2 * dut.i_pulse), decay["p_bias"]),
        Row("drift of tau, current bias", "1 / T", "%/K", 1e-2, 1 / lab.conditions.temperature,
            math.log(warm.run(SynapseDecay())["tau_syn"] / decay["tau_syn"]) / step),
        Row("drift of tau, voltage bias", "gate sweeps of Mtau at two temperatures", "%/K", 1e-2,
            math.log(tau_warm / tau) / step, drift),
    ]  # fmt: skip


@dataclass(frozen=True)
class Plateau:
    """Operating point under constant input: output current (A), I_Mthr / I_Ms, I_Mw / i_weight."""

    current: float
    split: float
    mirror: float


def plateau(lab: Lab, i_weight: float) -> Plateau:
    """Operating point of the synapse with the input held on, at a gain current deep in weak inversion."""
    bench = SynapseRest(dut=DpiSynapse(i_weight=i_weight, i_gain=5e-12))
    devices = ("@m.xdut.mw[id]", "@m.xdut.ms[id]", "@m.xdut.mthr[id]")
    held = f"vspk spk 0 {lab.process.supply!r}"
    deck = operating_deck(bench, lab.process, lab.conditions, held, ("op",), devices)
    waves = lab.simulator.run(dataclasses.replace(deck, options=NOISE_OPTIONS)).analyses[0]
    weight, state, other = (float(waves[name][-1]) for name in devices)
    return Plateau(float(output_current(waves)[-1]), other / state, weight / i_weight)


def membrane_decay(lab: Lab, dut: DpiNeuron) -> float:
    """Decay time constant of the membrane after a subthreshold current step (s)."""
    levels = ((0.0, 0.0), (1e-3, 0.0), (1.001e-3, 5e-11), (0.061, 5e-11), (0.0611, 0.0))
    bench = NeuronResponse(dut=dut, input_levels=levels, t_stop=0.12)
    result = lab.simulator.run(bench.deck(lab.process, lab.conditions))
    traces = bench.traces(result, lab.process, lab.conditions)
    tail: FloatArray = (traces.t > 0.065) & (traces.i_mem > 0.03 * traces.i_mem.max())
    return -1.0 / line(traces.t[tail], np.log(traces.i_mem[tail])).slope


def neuron_rows(lab: Lab) -> list[Row]:
    """Closed forms of the neuron."""
    dut = DpiNeuron()
    supply, thermal = lab.process.supply, lab.thermal
    membrane = lab.device("n", dut.w_mem, dut.l_mem, 5e-12, 1e-9)
    adapt = lab.device("n", dut.w_ahp, dut.l_ahp, 5e-13, 3e-11)
    switch = lab.device("n", dut.w_logic, dut.l_logic, 1e-11, 1e-9)
    kappa_p = lab.raised_kappa("p", dut.w_pair, dut.l_pair, supply - 0.6, 1e-10)
    m = kappa_p / membrane.kappa
    static, spiking = lab.run(NeuronRheobase()), lab.run(NeuronSpiking())
    adapting = lab.run(NeuronAdaptation())
    keep = dut.i_pulse * (dut.w_keep / dut.l_keep) / (dut.w_pulse / dut.l_pulse)
    held = supply - switch.gate(keep)
    rheobase = dut.i_tau * (1 + (dut.i_threshold / dut.i_gain) ** m)
    return [
        Row("membrane time constant", "C U_T / (kappa_n I_tau)", "ms", 1e-3,
            dut.c_mem * thermal / (membrane.kappa * dut.i_tau), membrane_decay(lab, dut)),
        Row("slope ratio m", "kappa_p(V_SB) / kappa_n", "1", 1, m, static["slope_ratio"]),
        Row("rheobase, m = 1", "I_tau (1 + I_thr/I_g)", "pA", 1e-12,
            dut.i_tau * (1 + dut.i_threshold / dut.i_gain), static["i_rheobase"]),
        Row("rheobase with m", "I_tau (1 + (I_thr/I_g)^m)", "pA", 1e-12, rheobase, static["i_rheobase"]),
        Row("refractory time", "C_ref (VDD - V_GS of Mr2 at I_keep) / I_ref", "ms", 1e-3,
            dut.c_refractory * held / dut.i_refractory, spiking["t_refractory"]),
        Row("threshold", "I_thr", "nA", 1e-9, dut.i_threshold, spiking["i_threshold"]),
        Row("adaptation time constant", "C_ahp U_T / (kappa_n I_tau_ahp)", "ms", 1e-3,
            dut.c_ahp * thermal / (adapt.kappa * dut.i_tau_ahp), adapting["tau_ahp"]),
        Row("energy of a spike", "C_mem V_mem VDD + 2 C_ref VDD^2", "pJ", 1e-12,
            dut.c_mem * membrane.gate(dut.i_threshold) * supply + 2 * dut.c_refractory * supply**2,
            spiking["e_event"]),
    ]  # fmt: skip


def main(arguments: list[str]) -> int:
    """Print both tables."""
    lab = Lab(Session(), get_process(arguments[0] if arguments else "generic130"), Conditions())
    heading = "| quantity | closed form | unit | by hand | simulated | ratio |\n|---|---|---|---|---|---|"
    for title, rows in (("Synapse", synapse_rows), ("Neuron", neuron_rows)):
        print(f"{title}, {lab.process.name}, tt, 27 degrees C\n\n{heading}")
        print("\n".join(row.markdown() for row in rows(lab)), end="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
