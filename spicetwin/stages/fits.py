"""Fits: the synapse of a chip, transistors of a process, and the netlist in the loop."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np

from calibration.fitting.result import DatasetFit, FitResult
from calibration.recipe import Recipe, load_recipe
from calibration.recipe_plots import panels
from calibration.recipe_run import RecipeResult, run_recipe
from spicetwin.report.document import Check, Figure, Section, Table
from spicetwin.report.figures import FitSeries, fit_overlay
from spicetwin.report.style import Axis
from spicetwin.stages.context import RunContext
from spicetwin.writing import write_text

#: Curves in a figure of many fits.
MOST_CURVES = 6


def fits(context: RunContext) -> Section:
    """Run the recipes; the quick run leaves the simulator out of the loop."""
    from spicetwin.in_the_loop import fit_in_the_loop

    runs: dict[str, Callable[[Recipe], RecipeResult]] = {
        "dpi_coach": run_recipe,
        "fet_subthreshold_ihp": run_recipe,
    }
    if not context.quick:
        runs["dpi_netlist"] = lambda recipe: fit_in_the_loop(recipe, jobs=context.pool.jobs)
    text, checks, figures, tables = [], [], [], []
    for name, run in runs.items():
        context.say(f"fits: {name}")
        result = run(load_recipe(name))
        context.fits[name] = result
        content = json.dumps(result.to_dict(), indent=1, allow_nan=False) + "\n"
        write_text(context.folder / "fits" / f"{name}.json", content)
        text.append(_text(result))
        checks += _checks(result)
        figures += _figures(context, result)
        tables += _tables(result)
    return Section(
        "fits", "Fits", text=tuple(text), checks=tuple(checks), figures=tuple(figures), tables=tuple(tables)
    )


def _text(result: RecipeResult) -> str:
    """One paragraph a recipe: title, verdict, what the data are."""
    kinds = ", ".join(dict.fromkeys(source.kind for source in result.sources))
    summary = result.summary()
    if len(result.fits) == 1:
        only = next(iter(result.fits.values()))
        how = f"reduced χ² {only.redchi:.2f}"
    else:
        how = f"{len(result.fits)} fits, {summary['fits']['GOOD']} of them GOOD"
    notes = "; ".join(result.recipe.notes)
    return (
        f"{result.recipe.title} ({result.recipe.name}): {result.verdict}. {how}; {summary['rows']} values"
        f" ({kinds}), {summary['censored']} censored. {notes[:1].upper()}{notes[1:]}."
    )


def _checks(result: RecipeResult) -> list[Check]:
    """Every check and acceptance of the recipe that is judged, as it came out."""
    command = f"spicetwin fit {result.recipe.name}"
    found = []
    for name in dict.fromkeys(metric.check for metric in result.metrics):
        judged = [m for m in result.metrics if m.check == name and m.passed is not None]
        if not judged:
            continue
        worst = max(judged, key=lambda metric: abs(metric.error) / metric.limit)
        held = sum(bool(metric.passed) for metric in judged)
        if name.startswith(worst.subject) or " within " in name:
            value, limit = f"{worst.value:.4g}", name.partition(" within ")[2]
        else:
            value = f"{100 * worst.error:+.1f} % ({worst.subject}); {held} of {len(judged)} hold"
            limit = f"<= {100 * worst.limit:.0f} %"
        found.append(Check(f"{result.recipe.name}: {name}", value, limit, held == len(judged), command))
    good = result.verdict == "GOOD"
    if not found:
        found.append(Check(f"{result.recipe.name}: verdict", result.verdict, "GOOD", good, command))
    return found


def _figures(context: RunContext, result: RecipeResult) -> list[Figure]:
    """One overlay with residuals a response."""
    drawn = []
    for panel in panels(result.recipe):
        parts = [part for found in _chosen(result) for part in found.datasets]
        mine = [p for p in parts if p.dataset.conditions.get("response", panel.response) == panel.response]
        series = _series(mine, panel.x)
        y = np.concatenate([one.measured for one in series])
        log = bool(np.all(y > 0) and y.max() / y.min() > 100)
        picture = fit_overlay(
            Axis(panel.x_label.capitalize(), panel.x_unit),
            Axis(panel.y_label, "" if panel.y_unit == "*" else panel.y_unit, log=log),
            series,
            title=result.recipe.name,
        )
        drawn.append(
            context.figure(
                f"fit-{result.recipe.name.replace('_', '-')}-{panel.response.replace('_', '-')}",
                picture,
                f"Points of {panel.y_label} with the fitted curves, residuals below",
                f"{result.recipe.title}: {panel.y_label}. Points: data; lines: fit; below: residuals.",
            )
        )
    return drawn


def _chosen(result: RecipeResult) -> list[FitResult]:
    """All fits, or some spread over many."""
    found = list(result.fits.values())
    stride = max(1, len(found) // MOST_CURVES)
    return found[::stride][:MOST_CURVES] if len(found) > MOST_CURVES else found


def _series(parts: list[DatasetFit], x: str) -> list[FitSeries]:
    """One series a condition: traces of one condition are joined."""
    series = []
    for name in dict.fromkeys(str(part.dataset.conditions.get("name", part.name)) for part in parts):
        mine = [p for p in parts if str(p.dataset.conditions.get("name", p.name)) == name]
        sigma = None
        if all(p.dataset.sigma is not None and p.dataset.likelihood == "gaussian" for p in mine):
            sigma = np.concatenate([p.dataset.sigma_array for p in mine])
        series.append(
            FitSeries(
                name.replace("_", " "),
                np.concatenate([p.dataset.x[x] for p in mine]),
                np.concatenate([p.dataset.y for p in mine]),
                np.concatenate([p.prediction for p in mine]),
                sigma,
                np.concatenate([p.dataset.censored_mask for p in mine]).astype(np.float64),
            )
        )
    return series


def _tables(result: RecipeResult) -> list[Table]:
    """Parameters with intervals of a joint fit, or medians of many; then the checks in full."""
    tables = []
    if len(result.fits) == 1:
        tables.append(_parameters(result.recipe.name, next(iter(result.fits.values()))))
    if result.medians:
        rows = tuple(
            (
                median.parameter,
                ", ".join(
                    f"{k} {v}" if isinstance(v, str) else f"{k} {v:g}" for k, v in median.where.items()
                ),
                median.median,
                median.low,
                median.high,
                median.n,
            )
            for median in result.medians
        )
        columns = ("Parameter", "Where", "Median", "2.5 %", "97.5 %", "Transistors")
        tables.append(Table(f"{result.recipe.name}: medians", columns, rows, folded=len(rows) > 12))
    judged = [m for m in result.metrics if m.limit is not None]
    if len(judged) > 2:
        rows_ = tuple(
            (
                m.check,
                m.subject,
                m.value,
                m.expected,
                f"{100 * m.error:+.1f} %",
                f"{100 * m.limit:.1f} %",
                "shown" if m.passed is None else "holds" if m.passed else "fails",
            )
            for m in judged
        )
        columns_ = ("Check", "Condition", "Found", "Expected", "Difference", "Limit", "Outcome")
        tables.append(Table(f"{result.recipe.name}: every check", columns_, rows_, folded=True))
    return tables


def _parameters(name: str, found: FitResult) -> Table:
    """Parameters of a joint fit with 95 % intervals."""
    rows = []
    for row in found.summary()["parameters"]:
        low, high = row["interval"] or (None, None)
        state = (
            "" if row["interval"] else "at bound" if row["at_bound"] else "held" if not row["vary"] else ""
        )
        unit = "" if row["unit"] in ("1", "*") else row["unit"]
        rows.append((row["name"], row["value"], unit, low, high, state))
    columns = ("Parameter", "Value", "Unit", "95 % from", "to", "")
    return Table(f"{name}: parameters", columns, tuple(rows), folded=len(rows) > 16)
