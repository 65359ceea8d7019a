"""Dendritic delay cells: twins of the packaged tables against transistor level, and fits of measured memories."""

from __future__ import annotations

import numpy as np

from calibration.table import load, resolve
from circuits.families.denram_cell import VARIANTS
from spicetwin.calibrate.denram import DEFAULT
from spicetwin.calibrate.denram_table import table_name
from spicetwin.compare.denram import DELAY, DelayCase, DenramComparison, compare_denram, write_cases
from spicetwin.compare.denram_branch import CoincidenceCase
from spicetwin.report.delay_figures import delay_errors, tuning_curve
from spicetwin.report.document import Cell, Figure, Section, Table
from spicetwin.stages.context import RunContext

COMMAND = "spicetwin compare denram"


def denram(context: RunContext) -> Section:
    """Compare the cells on a few held-out points; a quick run takes the default cell alone."""
    process = context.process.name
    variants = (DEFAULT,) if context.quick else tuple(VARIANTS)
    tables = {variant: load(resolve(table_name(variant, process))) for variant in variants}
    comparison = compare_denram(context.pool, tables, context.calibrated(), quick=True)
    data = context.folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    write_cases(comparison, data / "compare_denram.nc")
    used = ", ".join(table.reference for table in tables.values())
    text = (
        "A resistive memory and a capacitor delay a spike, a threshold stage makes it a pulse again. Two topologies"
        " (charge through the memory, or set and decay) and two stages (starved comparator, Schmitt trigger) are"
        " calibrated at transistor level; here their twins meet memories, levels and temperatures that no fit has"
        f" seen, a random train, and coincidence detection by a branch of two synapses. Tables: {used}.",
        "The scale of the delays is assumed: measured high-resistance states of 0.1 to 1 megaohm would give"
        " microseconds on these capacitors. More points and the corners: 'spicetwin compare denram'.",
    )
    return Section(
        "denram",
        "Dendritic delay cells",
        text=text,
        checks=comparison.checks(),
        figures=tuple(_figures(context, comparison)),
        tables=(_delays(comparison.delays),),
    )


def _figures(context: RunContext, comparison: DenramComparison) -> list[Figure]:
    errors = {case.variant.replace("_", ", "): (case.spice, case.errors) for case in comparison.delays}
    found = [
        context.figure(
            "denram-delays",
            delay_errors(errors, DELAY),
            "Relative error of the twin's delay against the delay, every held-out point, with the limit",
            "Relative error of the twin's delay at held-out memories, levels and temperatures.",
        )
    ]
    return [*found, *(_curve(context, k, case) for k, case in enumerate(comparison.curves))]


def _curve(context: RunContext, number: int, case: CoincidenceCase) -> Figure:
    return context.figure(
        f"denram-coincidence-{number}",
        tuning_curve(case.intervals, case.spice, case.twin, title=case.name),
        "Peak of the soma against the interval between two spikes, ngspice and twin, with the deviation below",
        f"Coincidence detection by a branch of two synapses: {case.name}.",
    )


def _delays(cases: tuple[DelayCase, ...]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            case.variant,
            case.spice.size,
            1e3 * float(case.spice.min()),
            1e3 * float(case.spice.max()),
            100 * float(np.median(case.errors)),
            100 * float(case.errors.max()),
        )
        for case in cases
    ]
    heads = ("Cell", "Points", "Shortest (ms)", "Longest (ms)", "Median error (%)", "Largest error (%)")
    return Table("Held-out delays", heads, tuple(rows))
