"""Calibration table: the behavioural blocks fitted to transistor-level runs over a box of biases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from calibration.table import CalibrationTable, list_tables, load, write
from spicetwin.calibrate.dpi import Calibration, calibrate
from spicetwin.calibrate.record import now, provenance
from spicetwin.compare.dpi import compare_dpi, validated
from spicetwin.report.document import Cell, Check, Figure, Section, Table
from spicetwin.report.figures import waveform_overlay
from spicetwin.report.style import Axis
from spicetwin.stages.context import RunContext

FIRST = "1.0.0"


def calibration(context: RunContext) -> Section:
    """Fit the blocks, write the table, show the fit at its median and worst trace."""
    origin = provenance(context.pool, context.process.name, quick=context.quick)
    done = calibrate(context.pool, context.process.name, FIRST, now(), origin, quick=context.quick)
    context.comparison = compare_dpi(context.pool, done.table, quick=context.quick)
    context.table = stored(validated(done.table, context.comparison), context.folder / "tables")
    figures = [_overlay(context, done, *chosen) for chosen in _chosen(done)]
    checks = tuple(
        Check(
            f"joint fit of the {name}",
            f"{fit.verdict}, {fit.n_points} values" + (f": {'; '.join(fit.reasons)}" if fit.reasons else ""),
            "GOOD",
            fit.verdict == "GOOD",
            "spicetwin table build",
        )
        for name, fit in done.fits.items()
    )
    text = (
        "The twin is not a table of fits at single bias points: each block is one set of equations whose"
        " parameters are laws of the bias currents and of temperature, fitted jointly to transistor-level"
        " runs at points that fill the whole box. What leaves the box is refused, not extrapolated.",
        f"Written as {context.table.reference}, digest {context.table.digest[:16]}.",
    )
    return Section(
        "calibration",
        "Calibration table",
        text=text,
        checks=checks,
        figures=tuple(figures),
        tables=(_parameters(done), _entries(context.table), _failed(done)),
    )


def stored(table: CalibrationTable, root: Path) -> CalibrationTable:
    """Write the table below ``root``; an equal one that is there already is used, a different one stays.

    Tables are append-only, so a changed calibration gets the next patch version.
    """
    known = [path for path in list_tables(root) if path.parent.name == table.name]
    for path in known:
        old = load(path)
        if replace(table, version=old.version, created=old.created).digest == old.digest:
            return old
    if known:
        major, minor, patch = known[-1].stem.split(".")
        table = replace(table, version=f"{major}.{minor}.{int(patch) + 1}")
    write(table, root)
    return table


def _chosen(done: Calibration) -> list[tuple[str, int]]:
    """Traces with the median and the largest misfit."""
    fits = done.fits["synapse"].datasets[: len(done.synapse_traces)]
    errors = [float(np.sqrt(np.mean((d.prediction - d.dataset.y) ** 2)) / d.dataset.y.max()) for d in fits]
    order = np.argsort(errors)
    return [("median", int(order[len(order) // 2])), ("worst", int(order[-1]))]


def _overlay(context: RunContext, done: Calibration, label: str, index: int) -> Figure:
    fit, trace = done.fits["synapse"].datasets[index], done.synapse_traces[index]
    request = trace.request
    biases = ", ".join(f"{name} = {value:.3g} A" for name, value in request.biases.items())
    figure = waveform_overlay(
        np.asarray(request.times),
        fit.dataset.y,
        fit.prediction,
        Axis("Output current", "A"),
        title=f"Fitted trace, {label} misfit",
        events=np.asarray(request.spikes),
    )
    celsius = request.conditions.temperature - 273.15
    return context.figure(
        f"calibration-{label}",
        figure,
        f"Synapse output current in ngspice and of the fitted twin, {label} misfit of all fitted traces",
        f"Trace with the {label} misfit of {len(done.synapse_traces)} jointly fitted ones: {biases},"
        f" {celsius:.0f} °C.",
    )


def _parameters(done: Calibration) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for block, fit in done.fits.items():
        for name, p in fit.parameters.items():
            if p.vary:
                rows.append((block, name, p.value, p.stderr, p.unit))
    return Table(
        "Fitted parameters", ("Fit", "Parameter", "Value", "Standard error", "Unit"), tuple(rows), True
    )


def _entries(table: CalibrationTable) -> Table:
    rows = []
    for name, entry in table.entries.items():
        inputs = ", ".join(f"{i} {b.low:.3g} to {b.high:.3g} {b.unit}" for i, b in entry.box.items())
        spread = ", ".join(f"{t.source} σ(ln) {abs(t.sigma):.3g}" for t in entry.variation)
        rows.append((name, entry.unit, entry.law, inputs or "constant", spread or "none", entry.verdict))
    return Table(
        "Entries of the table", ("Entry", "Unit", "Law", "Domain", "Spread", "Verdict"), tuple(rows), True
    )


def _failed(done: Calibration) -> Table:
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (block, ", ".join(f"{n} {v:.3g}" for n, v in biases.items()), reason)
        for block, biases, reason in done.failures
    )
    return Table("Bias points that failed", ("Block", "Biases (A)", "Reason"), rows, True)
