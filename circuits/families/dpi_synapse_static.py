"""Testbenches of the DPI synapse at an operating point: rest, noise; and its decay at fixed bias voltages."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from circuits.circuit import param
from circuits.deck import Deck, SimulationResult, Simulator
from circuits.families.dpi import DpiSynapse
from circuits.families.dpi_deck import dpi_lines, supply_voltage
from circuits.families.dpi_synapse import SYNAPSE_OPTIONS, SynapseBench, SynapseDecay, output_current
from circuits.process import Process
from circuits.testbench import Conditions, Observable, Testbench

#: A copy of the output transistor with its gate shifted by this much shows the slope of ln I (V).
PROBE_SHIFT = 1e-3

#: The noise analysis needs its operating point to 0.1 % only; foundry cards converge no tighter there.
NOISE_OPTIONS: Mapping[str, str] = {**SYNAPSE_OPTIONS, "reltol": "1e-3"}


@dataclass(frozen=True, kw_only=True)
class SynapseRest(SynapseBench):
    """Operating point without input: what leaks and what it costs. Cheap: made for sweeps."""

    name: ClassVar[str] = "dpi_synapse_rest"
    description: ClassVar[str] = "operating point without input: output floor, state voltage, static power"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("i_floor", "A", "I_syn at rest (off-current and drain leakage of the output transistor)"),
        Observable("v_rest", "V", "VDD - V_syn at rest"),
        Observable("p_static", "W", "power from vdd at rest"),
        Observable("p_bias", "W", "power of the bias branches"),
    )

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """Spike input at ground."""
        return operating_deck(self, process, conditions, "vspk spk 0 0", ("op",))

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Read the operating point."""
        waves = result.analyses[0]
        supply = supply_voltage(process, conditions)
        return {
            "i_floor": float(output_current(waves)[-1]),
            "v_rest": supply - float(waves["xdut.vsyn"][-1]),
            "p_static": -supply * float(waves["vdd#branch"][-1]),
            "p_bias": -supply * float(waves["vddb#branch"][-1]),
        }


@dataclass(frozen=True, kw_only=True)
class SynapseNoise(SynapseBench):
    r"""Noise of the state under a constant input: the spectrum of V_syn, integrated.

    Shot noise of leak and input on the conductance :math:`\kappa I/U_T` gives :math:`\sigma_I/I \approx
    \sqrt{\kappa q/(C U_T)}`; flicker noise and the bias lines come on top. The output transistor's own
    shot noise is not in it: it depends on the bandwidth of whatever follows.
    """

    name: ClassVar[str] = "dpi_synapse_noise"
    description: ClassVar[str] = "noise of the state under constant input: sigma of V_syn and of ln I_syn"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("sigma_v", "V", "rms noise of V_syn, integrated over the band"),
        Observable(
            "sigma_rel", "1", "rms noise of I_syn relative to I_syn, from sigma_v and the slope of ln I"
        ),
        Observable("i_dc", "A", "I_syn at the operating point"),
        Observable("tail", "1", "share of the variance in the lowest decade of the band"),
    )

    dut: DpiSynapse = field(default_factory=lambda: DpiSynapse(i_weight=30e-12))
    decades_below: float = param(3.0, "1", (1.0, 6.0), "band below 1 / (2 pi tau), in decades")
    decades_above: float = param(3.0, "1", (1.0, 6.0), "band above 1 / (2 pi tau), in decades")

    def deck(self, process: Process, conditions: Conditions) -> Deck:
        """Spike input held at the supply; its small-signal drive only names the input of the analysis."""
        corner = 1.0 / (2 * math.pi * self.tau_estimate(conditions))
        low, high = corner * 10**-self.decades_below, corner * 10**self.decades_above
        supply = supply_voltage(process, conditions)
        analyses = ("op", f"noise v(xdut.vsyn) vspk dec 20 {low!r} {high!r}")
        deck = operating_deck(self, process, conditions, f"vspk spk 0 dc {supply!r} ac 1", analyses)
        probe = (
            f"eprobe gprobe gshift xdut.vsyn 0 1\nvshift gshift 0 {-PROBE_SHIFT!r}\n"
            f"mprobe dprobe gprobe vdd vdd pfet w={self.dut.w_syn!r} l={self.dut.l_syn!r}\n"
            f"vprobe dprobe 0 {self.v_out!r}"
        ).split("\n")
        return dataclasses.replace(deck, lines=(*deck.lines, *probe), save=(), options=NOISE_OPTIONS)

    def measure(self, result: SimulationResult, process: Process, conditions: Conditions) -> dict[str, float]:
        """Integrate the spectrum (trapezoid rule in frequency)."""
        point, noise = result.analyses
        frequency, density = noise["frequency"], noise["onoise_spectrum"] ** 2
        variance = float(np.trapezoid(density, frequency))
        low = frequency <= 10 * frequency[0]
        current = float(output_current(point)[-1])
        slope = math.log(float(point["vprobe#branch"][-1]) / current) / PROBE_SHIFT
        return {
            "sigma_v": math.sqrt(variance),
            "sigma_rel": math.sqrt(variance) * slope,
            "i_dc": current,
            "tail": float(np.trapezoid(density[low], frequency[low])) / variance,
        }


@dataclass(frozen=True, kw_only=True)
class SynapseVoltageBias(SynapseDecay):
    """Decay with the leak transistor's gate held at the voltage its mirror has at a reference temperature.

    A current-biased synapse follows U_T / I_tau; one biased by a voltage follows the exponential drift of the
    subthreshold current. Two simulations a point: the mirror's voltage, then the decay with it forced.
    """

    name: ClassVar[str] = "dpi_synapse_voltage_bias"
    description: ClassVar[str] = (
        "decay with the leak gate at a fixed voltage, for the temperature coefficient"
    )

    t_reference: float = param(300.15, "K", (200.0, 450.0), "temperature at which the gate voltage is taken")

    def run(self, simulator: Simulator, process: Process, conditions: Conditions) -> dict[str, float]:
        """Find the voltage, force it, simulate the decay."""
        reference = dataclasses.replace(conditions, temperature=self.t_reference)
        probe = operating_deck(self, process, reference, "vspk spk 0 0", ("op",), ("xdut.vtau",))
        gate = float(simulator.run(probe).analyses[0]["xdut.vtau"][-1])
        deck = self.deck(process, conditions)
        forced = dataclasses.replace(deck, lines=(*deck.lines, f"vforce xdut.vtau 0 {gate!r}"))
        return self.measure(simulator.run(forced), process, conditions)

    def tau_estimate(self, conditions: Conditions) -> float:
        """Allow for the drift of the leak current, about 5 %/K, on the slow side."""
        colder = max(0.0, self.t_reference - conditions.temperature)
        return super().tau_estimate(conditions) * math.exp(0.05 * colder)


def operating_deck(
    bench: SynapseBench,
    process: Process,
    conditions: Conditions,
    spike: str,
    analyses: tuple[str, ...],
    more: tuple[str, ...] = (),
) -> Deck:
    """Deck of an operating-point bench with ``spike`` as the line of the input source."""
    sources = (spike, f"vout isyn 0 {bench.v_out!r}")
    return Deck(
        title=f"{bench.name} {process.name} {conditions.corner}",
        lines=dpi_lines(bench.dut, ("spk", "isyn", "vdd", "vddb", "0"), process, conditions, sources),
        analyses=analyses,
        save=("xdut.vsyn", "vout#branch", "vdd#branch", "vddb#branch", *more),
        options=SYNAPSE_OPTIONS,
        temperature=conditions.temperature,
    )


#: Every testbench of this module.
STATIC_TESTBENCHES: tuple[type[Testbench], ...] = (SynapseRest, SynapseNoise, SynapseVoltageBias)
