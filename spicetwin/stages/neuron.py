"""DPI neuron: f-I curve, rheobase, spikes, adaptation, energy, by corner."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from circuits.characterisation import Characterisation
from circuits.families.dpi import DpiNeuron
from circuits.families.dpi_neuron import NeuronAdaptation, NeuronRate, NeuronRheobase, NeuronSpiking
from circuits.plan import Plan
from spicetwin.report.content import curves, observables_table
from spicetwin.report.document import Check, Figure, Section
from spicetwin.report.figures import observable_by_corner
from spicetwin.report.style import Axis
from spicetwin.stages.context import RunContext, value_at
from spicetwin.stages.hand import THERMAL, HandRow, devices, hand_table

#: Input currents of the f-I curve (A); every spike costs some 50 ms of computing, so runs are short.
INPUTS = (60e-12, 80e-12, 120e-12, 160e-12, 200e-12, 300e-12)
QUICK_INPUTS = (60e-12, 100e-12, 200e-12)
RUN, QUICK_RUN = 0.15, 0.06
EXTREMES = ("tt", "ff", "ss")

COMMAND = "spicetwin characterise dpi_neuron_rheobase --corners all -o rheobase.nc"


def neuron(context: RunContext) -> Section:
    """Characterise the neuron and lay it beside its closed forms."""
    process, all_corners = context.process, context.process.corners
    corners = EXTREMES if context.quick else all_corners
    inputs, run = (QUICK_INPUTS, QUICK_RUN) if context.quick else (INPUTS, RUN)
    rate = context.characterise(
        "neuron_rate", Plan(NeuronRate(t_run=run), process, sweeps={"i_in": inputs}, corners=corners)
    )
    rheobase = context.characterise("neuron_rheobase", Plan(NeuronRheobase(), process, corners=all_corners))
    spiking = context.characterise("neuron_spiking", Plan(NeuronSpiking(t_run=run), process, corners=corners))
    adaptation = context.characterise(
        "neuron_adaptation",
        Plan(NeuronAdaptation(t_run=run), process, corners=("tt",) if context.quick else corners),
    )
    rows = _hand_rows(context, rheobase, spiking, corners)
    adapting = _adaptation_row(context, adaptation)
    tables = (
        hand_table("Hand analysis against simulation, 27 °C", rows, corners),
        hand_table("Adaptation", (adapting,), tuple(adapting.expected)),
        observables_table(spiking, caption="Spikes, energy and power at 200 pA, by corner"),
        *(dataclasses.replace(observables_table(result), folded=True) for result in (rheobase, adaptation)),
    )
    return Section(
        "neuron",
        "DPI neuron",
        text=(
            "A leak DPI integrates the input; when its current passes the threshold, positive feedback takes"
            " over, the output spikes and the membrane is held at its off-current for the refractory time."
            " Every spike also drives an adaptation DPI whose current adds to the leak.",
            "The rheobase is read from the static balance of the membrane, with the spike mechanism out of"
            " reach. By hand with m = 1 it comes out a fifth too low: the input pair's slope factor is above"
            " the membrane transistor's. Why threshold and refractory time differ from the closed form"
            " is in docs/physics-dpi.md.",
        ),
        checks=_checks(rate, rheobase, adapting, corners),
        figures=(_figure(context, rate),),
        tables=tables,
    )


def _figure(context: RunContext, rate: Characterisation) -> Figure:
    """First-interval rate against input current."""
    first = observable_by_corner(
        Axis("Input current", "A"),
        Axis("Firing rate, first interval", "Hz"),
        curves(rate, "rate_first", "i_in"),
        title="f-I curve before adaptation",
    )
    return context.figure(
        "neuron-f-i",
        first,
        "Firing rate of the first interval against input current by corner, zero below rheobase",
        "Firing rate from the first interval, before adaptation acts; zero below the rheobase.",
    )


def _hand_rows(
    context: RunContext, rheobase: Characterisation, spiking: Characterisation, corners: tuple[str, ...]
) -> tuple[HandRow, ...]:
    """Rheobase, threshold, refractory time and energy beside their closed forms."""
    dut, supply = DpiNeuron(), context.process.supply
    membrane = devices(context, "membrane", "n", (dut.w_mem, dut.l_mem), (5e-12, 1e-9), corners)
    switch = devices(context, "switch", "n", (dut.w_logic, dut.l_logic), (1e-11, 1e-9), corners)
    keep = dut.i_pulse * (dut.w_keep / dut.l_keep) / (dut.w_pulse / dut.l_pulse)
    flat = dut.i_tau * (1 + dut.i_threshold / dut.i_gain)
    swing = dut.c_mem * supply
    fixed = 2 * dut.c_refractory * supply**2
    held = {c: supply - switch[c].gate(keep) for c in corners}
    refractory = {c: dut.c_refractory * held[c] / dut.i_refractory for c in corners}
    energy = {c: swing * membrane[c].gate(dut.i_threshold) + fixed for c in corners}

    def seen(result: Characterisation, observable: str) -> dict[str, float]:
        return {c: value_at(result, observable, corner=c) for c in corners}

    return (
        HandRow(
            "rheobase, m = 1",
            "I_τ (1 + I_thr/I_g)",
            "A",
            dict.fromkeys(corners, flat),
            seen(rheobase, "i_rheobase"),
        ),
        HandRow(
            "threshold",
            "I_thr",
            "A",
            dict.fromkeys(corners, dut.i_threshold),
            seen(spiking, "i_threshold"),
        ),
        HandRow(
            "refractory time",
            "C_ref (VDD − V_GS) / I_ref",
            "s",
            refractory,
            seen(spiking, "t_refractory"),
        ),
        HandRow("energy of a spike", "C_mem V_mem VDD + 2 C_ref VDD²", "J", energy, seen(spiking, "e_event")),
    )


def _adaptation_row(context: RunContext, adaptation: Characterisation) -> HandRow:
    """Adaptation time constant beside its closed form."""
    dut = DpiNeuron()
    corners = tuple(str(c) for c in adaptation.dataset["corner"].values)
    size = (dut.w_ahp, dut.l_ahp)
    adapting = devices(context, "adaptation", "n", size, (5e-13, 3e-11), corners)
    expected = {c: dut.c_ahp * THERMAL / (adapting[c].kappa * dut.i_tau_ahp) for c in corners}
    seen = {c: value_at(adaptation, "tau_ahp", corner=c) for c in corners}
    return HandRow("adaptation time constant", "C_ahp U_T / (κ I_τ,ahp)", "s", expected, seen)


def _checks(
    rate: Characterisation, rheobase: Characterisation, adapting: HandRow, corners: tuple[str, ...]
) -> tuple[Check, ...]:
    """The f-I curve agrees with the rheobase, and the adaptation with its time constant."""
    wrong = []
    for corner in corners:
        threshold = value_at(rheobase, "i_rheobase", corner=corner)
        for current in rate.dataset["i_in"].values:
            spikes = value_at(rate, "spikes", corner=corner, i_in=float(current))
            if (spikes > 0) != (current > threshold):
                wrong.append(f"{corner} {1e12 * current:.0f} pA")
    total = len(corners) * rate.dataset["i_in"].size
    worst = max(abs(adapting.ratio(corner) - 1) for corner in adapting.expected)
    return (
        Check(
            "The neuron fires above the static rheobase and is silent below, every corner and input",
            f"{total - len(wrong)} of {total}" + (f" (not {', '.join(wrong)})" if wrong else ""),
            "all",
            not wrong,
            COMMAND,
        ),
        Check(
            "Adaptation time constant against C U_T / (κ I_τ)",
            f"{100 * worst:.1f} %" if math.isfinite(worst) else "failed",
            "≤ 5 %",
            bool(np.isfinite(worst) and worst <= 0.05),
            "spicetwin characterise dpi_neuron_adaptation -o adaptation.nc",
        ),
    )
