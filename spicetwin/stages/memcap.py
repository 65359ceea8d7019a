"""Memcapacitive stack: twins of integrator and neuron against transistor level, compensation, ferroelectric fits."""

from __future__ import annotations

import numpy as np

from calibration.recipe_run import run_recipe
from calibration.table import CalibrationTable, load, resolve
from spicetwin.calibrate.memcap import PROCESS
from spicetwin.calibrate.memcap_table import table_name
from spicetwin.compare.memcap import MemcapComparison, compare_memcap, write_points
from spicetwin.compare.memcap_neuron import NeuronComparison, compare_neuron, write_spikes
from spicetwin.report.document import Cell, Section, Table
from spicetwin.stages.context import RunContext
from spicetwin.stages.fits import recipe_section

#: Recipes of ferroelectric capacitors and of the reference without hysteresis: full and quick.
RECIPES = (
    ("fecap_pund", "fecap_background", "fecap_forc", "fecap_cv", "varactor_sky130"),
    ("fecap_pund",),
)
#: What is odd about the measured sample.
ODDITIES = (
    "The measured ferroelectric sample is odd, and no material parameter is claimed from it: the two instruments differ"
    " by 3.5 in switched polarisation and 7 in capacitance on one stated area (50 x 50 um2; 170 uC/cm2 is beyond known"
    " hafnium oxides); one shows an imprint of -0.65 V, the other none; their ramps and histories differ, so that no"
    " switching kinetics can be drawn from the pair; the B1500's current was connected the other way round and is"
    " turned; the peaks of its reversal curves flatten near the end of a 100 uA range."
)
STAND_IN = " The originals are absent here: these fits are of virtual stand-ins of known truth."


def memcap(context: RunContext) -> Section:
    """Compare steps, time constants and spikes, show the compensation, fit the ferroelectrics; quick: fewer of each.

    The neuron is compared over a few spikes; ``spicetwin compare memcap`` takes 50 at every held-out point.
    """
    comparison = compare_memcap(context.pool, quick=context.quick)
    neuron = compare_neuron(context.pool, quick=True)
    data = context.folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    write_points(comparison, data / "compare_memcap.nc")
    write_spikes(neuron, data / "compare_memcap_spikes.nc")
    names = RECIPES[1 if context.quick else 0]
    found = recipe_section(context, "memcap", "", dict.fromkeys(names, run_recipe))
    virtual = all(source.kind == "virtual" for name in names for source in context.fits[name].sources)
    table = load(resolve(table_name(PROCESS)))
    text = (
        "One ferroelectric stack is capacitor and weight: its state sets the time constant of a leaky integrator and"
        " the step of a spike, and with a threshold stage the integrator is a neuron. The device's numbers are assumed"
        " (the stack's own are not published); the twin knows the device equations, so that what is compared is what"
        f" the circuit around them adds. Table: {table.reference}.",
        ODDITIES + (STAND_IN if virtual else ""),
    )
    return Section(
        "memcap",
        "Memristive-memcapacitive integrator and neuron",
        text=(*text, *found.text),
        checks=(*comparison.checks(), *neuron.checks(), *found.checks),
        figures=found.figures,
        tables=(_points(comparison), _spikes(neuron), _compensation(table), *found.tables),
    )


def _points(comparison: MemcapComparison) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            float(state),
            1e3 * float(comparison.spice["tau"][k]),
            100 * float(comparison.error("tau")[k]),
            1e3 * float(comparison.spice["v_step"][k]),
            100 * float(comparison.error("v_step")[k]),
        )
        for k, state in enumerate(comparison.states)
    ]
    heads = ("State", "tau (ms)", "Error of tau (%)", "Step (mV)", "Error of the step (%)")
    return Table("Held-out states and inputs", heads, tuple(rows))


def _spikes(neuron: NeuronComparison) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            case.held.state,
            1e3 * case.held.v_th,
            "constant current" if case.held.period <= 0.0 else "spike train",
            case.spice.size,
            1e3 * float(np.mean(np.diff(case.spice))),
            100 * case.interval_error,
            100 * case.drift,
        )
        for case in neuron.cases
    ]
    heads = ("State", "Threshold (mV)", "Input", "Spikes", "Interval (ms)", "Interval error (%)", "Drift (%)")
    return Table("Neuron at held-out states and inputs", heads, tuple(rows))


def _compensation(table: CalibrationTable) -> Table:
    """One state programs both; scaling the charge of a spike by C(x) keeps the step."""
    rows: list[tuple[Cell, ...]] = []
    window = table.entry("memcap.step").parameters["window"].value
    for state in (0.0, 0.25, 0.5, 0.75, 1.0):
        tau = table.entry("memcap.tau").predict({"x": state}).value
        step = table.entry("memcap.step").predict({"x": state}).value
        scale = 1.0 + (window - 1.0) * state
        rows.append((state, 1e3 * tau, 1e3 * step, scale, 1e3 * step * scale))
    heads = ("State", "tau (ms)", "Step of one spike (mV)", "Charge scaled by", "Step then (mV)")
    return Table("The state programs tau and step; what the charge must follow", heads, tuple(rows))
