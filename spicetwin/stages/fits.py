"""Fits: the synapse of a chip, transistors of a process, the netlist in the loop; capacitors and switches."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from calibration.fitting.result import FitResult
from calibration.recipe import Recipe, load_recipe
from calibration.recipe_run import RecipeResult, run_recipe
from spicetwin.output import engineering
from spicetwin.report.document import Cell, Check, Figure, Section, Table
from spicetwin.stages.context import RunContext
from spicetwin.stages.fit_figures import fit_figures
from spicetwin.stages.hand import percent
from spicetwin.writing import write_text

#: Relative limits below this are told in ppm.
PPM = 1e-3

Run = Callable[[Recipe], RecipeResult]


def fits(context: RunContext) -> Section:
    """Run the recipes; the quick run leaves the simulator out of the loop."""
    from spicetwin.in_the_loop import fit_in_the_loop

    runs: dict[str, Run] = {
        "dpi_coach": run_recipe,
        "fet_subthreshold_ihp": run_recipe,
    }
    if not context.quick:
        runs["dpi_netlist"] = lambda recipe: fit_in_the_loop(recipe, jobs=context.pool.jobs)
    return recipe_section(context, "fits", "Fits", runs)


def devices(context: RunContext) -> Section:
    """Run the recipes of measured capacitors and switches; the quick run leaves out the one with most curves."""
    names = ["mim_sky130", "switch_leakage_ihp", "mos_cv_ihp", *([] if context.quick else ["switch_ihp"])]
    return recipe_section(context, "devices", "Capacitors and switches", dict.fromkeys(names, run_recipe))


def recipe_section(context: RunContext, anchor: str, title: str, runs: Mapping[str, Run]) -> Section:
    """Section of a few recipes: what they found, every check, figures and tables; results beside it."""
    text: list[str] = []
    checks: list[Check] = []
    figures: list[Figure] = []
    tables: list[Table] = []
    for name, run in runs.items():
        context.say(f"{anchor}: {name}")
        result = run(load_recipe(name))
        context.fits[name] = result
        content = json.dumps(result.to_dict(), indent=1, allow_nan=False) + "\n"
        write_text(context.folder / "fits" / f"{name}.json", content)
        text.append(_text(result))
        checks += _checks(result)
        figures += fit_figures(context, result)
        tables += _tables(result)
    return Section(
        anchor, title, text=tuple(text), checks=tuple(checks), figures=tuple(figures), tables=tuple(tables)
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
    missed = ", ".join(dict.fromkeys(m.subject for m in result.metrics if m.passed is False))
    beyond = f" Beyond its limit: {missed}." if missed else ""
    notes = "; ".join(result.recipe.notes)
    return (
        f"{result.recipe.title} ({result.recipe.name}): {result.verdict}, {how}, {summary['rows']} values"
        f" ({kinds}), {summary['censored']} censored.{beyond} Notes: {notes}."
    )


def _checks(result: RecipeResult) -> list[Check]:
    """Every check and acceptance of the recipe that is judged, as it came out."""
    command = f"spicetwin fit {result.recipe.name}"
    found = []
    virtual = all(source.kind == "virtual" for source in result.sources)
    for name in dict.fromkeys(metric.check for metric in result.metrics):
        judged = [m for m in result.metrics if m.check == name and m.passed is not None]
        if not judged:
            continue
        worst = max(judged, key=lambda metric: abs(metric.error) / metric.limit)
        if virtual and " within " in name:
            # The range is that of the measured chips; a virtual chip has the truth it was given.
            continue
        held = sum(bool(metric.passed) for metric in judged)
        if name.startswith(worst.subject) or " within " in name:
            value, limit = f"{worst.value:.4g}", name.partition(" within ")[2]
        else:
            value = f"{_share(worst.error, worst.limit)} ({worst.subject}); {held} of {len(judged)} hold"
            limit = f"≤ {1e6 * worst.limit:.0f} ppm" if worst.limit < PPM else f"≤ {100 * worst.limit:.0f} %"
        found.append(Check(f"{result.recipe.name}: {name}", value, limit, held == len(judged), command))
    good = result.verdict == "GOOD"
    if not found and not any(metric.passed is not None for metric in result.metrics):
        found.append(Check(f"{result.recipe.name}: verdict", result.verdict, "GOOD", good, command))
    return found


def _share(error: float, limit: float) -> str:
    """A relative number in per cent, in ppm where its limit is that small."""
    return f"{1e6 * error:+.0f} ppm".replace("-", "−") if limit < PPM else percent(error)


def _tables(result: RecipeResult) -> list[Table]:
    """Parameters with intervals of a joint fit, or medians of many; then the checks in full."""
    tables = []
    if len(result.fits) == 1:
        tables.append(_parameters(result.recipe.name, next(iter(result.fits.values()))))
    if result.medians:
        tables.append(_medians(result))
    if result.trends:
        tables.append(_trends(result))
    if len(result.metrics) > 2:
        rows: tuple[tuple[Cell, ...], ...] = tuple(
            (
                m.check,
                m.subject,
                m.value,
                m.expected,
                _share(m.error, m.limit),
                f"{1e6 * m.limit:.0f} ppm" if m.limit < PPM else f"{100 * m.limit:.1f} %",
                "shown" if m.passed is None else "holds" if m.passed else "fails",
            )
            for m in result.metrics
        )
        columns = ("Check", "Condition", "Found", "Expected", "Difference", "Limit", "Outcome")
        tables.append(Table(f"{result.recipe.name}: every check", columns, rows, folded=True))
    return tables


def _medians(result: RecipeResult) -> Table:
    """Median and range of a parameter over transistors, without those that only have to be small enough."""
    rows: list[tuple[Cell, ...]] = []
    units = {name: one.unit for name, one in next(iter(result.fits.values())).parameters.items()}
    for median in result.medians:
        if median.parameter in result.recipe.criteria.nuisance:
            continue
        where = (f"{v:.0f} K" if k == "temperature" else str(v) for k, v in median.where.items())
        values = (median.median, median.low, median.high)
        shown = (engineering(v, units[median.parameter], digits=4) for v in values)
        rows.append((median.parameter, ", ".join(where), *shown, median.n))
    columns = ("Parameter", "Where", "Median", "2.5 %", "97.5 %", "Transistors")
    return Table(f"{result.recipe.name}: medians over transistors", columns, tuple(rows))


def _trends(result: RecipeResult) -> Table:
    """Laws fitted to a parameter of many fits."""
    rows: list[tuple[Cell, ...]] = []
    for name, found in result.trends.items():
        for row in found.summary()["parameters"]:
            if row["interval"] and None not in row["interval"]:
                low, high = row["interval"]
                rows.append((name, row["name"], row["value"], row["unit"], low, high))
    columns = ("Trend", "Parameter", "Value", "Unit", "95 % from", "to")
    return Table(f"{result.recipe.name}: trends over the fits", columns, tuple(rows))


def _parameters(name: str, found: FitResult) -> Table:
    """Parameters of a joint fit with 95 % intervals, those of all conditions first."""
    rows: list[tuple[Cell, ...]] = []
    for row in sorted(found.summary()["parameters"], key=lambda one: "[" in one["name"]):
        low, high = row["interval"] or (None, None)
        state = "" if row["interval"] else "at bound" if row["at_bound"] else "held"
        unit = "" if row["unit"] in ("1", "*") else row["unit"]
        rows.append((row["name"], row["value"], unit, low, high, state))
    columns = ("Parameter", "Value", "Unit", "95 % from", "to", "")
    return Table(f"{name}: parameters", columns, tuple(rows), folded=len(rows) > 16)
