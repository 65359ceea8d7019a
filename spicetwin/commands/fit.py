"""``spicetwin fit``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spicetwin.boundary import FAILED, InputError
from spicetwin.output import emit_json

if TYPE_CHECKING:
    from calibration.measured import Campaign
    from calibration.recipe import Recipe
    from calibration.recipe_run import RecipeResult


def fit_command(
    recipe: Annotated[
        str, typer.Argument(help="Recipe, e.g. dpi_coach or mim_sky130; a wrong name lists all.")
    ],
    data: Annotated[
        list[Path] | None, typer.Option("--data", help="Measured files instead of the recipe's; repeatable.")
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Start value, NAME.fixed, or condition.NAME."),
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Result as JSON.")] = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="Figure: .png, .pdf or .svg.")] = None,
    profile: Annotated[
        list[str] | None,
        typer.Option("--profile", metavar="NAME", help="Profile-likelihood interval; repeatable."),
    ] = None,
    mirror: Annotated[
        Path | None,
        typer.Option(
            "--mirror", help="Folder laid out <owner>/<repo>/<commit>/<path>; default $SPICETWIN_MIRROR."
        ),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", help="Simulator processes; default all cores.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Summary as JSON.")] = False,
) -> None:
    """Fit measured data by a recipe; exit code 1 when the fit or one of its checks is not accepted."""
    from calibration.recipe import load_recipe
    from spicetwin.writing import write_text

    if plot is not None and plot.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise InputError(f"--plot {plot}: accepted endings are .png, .pdf, .svg")
    chosen = load_recipe(recipe)
    result = _run(chosen, data, mirror, _assignments(assignments or []), profile or [], jobs)
    if output is not None:
        write_text(output, json.dumps(result.to_dict(), indent=1, allow_nan=False) + "\n")
    if plot is not None:
        _plot(result, plot)
    if as_json:
        emit_json(result.summary())
    else:
        for line in describe(result):
            typer.echo(line)
    if result.verdict != "GOOD":
        raise typer.Exit(FAILED)


def _assignments(texts: list[str]) -> dict[str, float]:
    """``KEY=VALUE`` texts with dotted keys."""
    from spicetwin.quantity import parse_quantity

    values: dict[str, float] = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator or not key.strip():
            raise InputError(f"{text!r} is not of the form key=value")
        if key.strip() in values:
            raise InputError(f"{key.strip()!r} is given twice")
        values[key.strip()] = parse_quantity(value)
    return values


def _run(
    recipe: Recipe,
    paths: list[Path] | None,
    mirror: Path | None,
    overrides: dict[str, float],
    profile: list[str],
    jobs: int | None,
) -> RecipeResult:
    """Run the recipe, with a simulator pool where its model is a circuit."""
    from calibration.recipe_run import run_recipe

    campaign = _campaign(recipe, paths, mirror)
    if recipe.kind == "laws":
        return run_recipe(recipe, campaign, overrides, profile=profile, progress=_progress)
    from spicetwin.in_the_loop import fit_in_the_loop

    return fit_in_the_loop(recipe, campaign, overrides, profile=profile, jobs=jobs, progress=_progress)


def _campaign(recipe: Recipe, paths: list[Path] | None, mirror: Path | None) -> Campaign | None:
    """Curves of the files given, or of the recipe's source in the mirror given; else ``None``."""
    if not paths and (mirror is None or recipe.kind == "in_the_loop"):
        return None
    if not paths:
        from measurements.load import load

        return load(recipe.source, mirror)
    from calibration.readers import read
    from measurements.registry import get_source

    if paths[0].suffix.lower() == ".toml" or recipe.kind == "in_the_loop":
        return read(paths)
    return read(paths, recipe.reader or get_source(recipe.source).reader or None)


def _progress(line: str) -> None:
    """Progress on the error stream, where it does not disturb results."""
    typer.echo(line, err=True)


def describe(result: RecipeResult) -> list[str]:
    """Result as lines of text."""
    summary = result.summary()
    kinds = ", ".join(dict.fromkeys(source["kind"] for source in summary["sources"]))
    lines = [
        f"{result.recipe.name}: {result.verdict}  ({result.recipe.title})",
        f"data: {kinds}; {summary['rows']} values, {summary['censored']} censored, "
        f"{sum(item['rows'] for item in summary['excluded'])} rows left out",
    ]
    for name, value in summary["noise"].items():
        lines.append(f"noise: {name} = {value:.3g}")
    if len(result.fits) == 1:
        lines += _parameter_lines(next(iter(result.fits.values())).summary())
    else:
        counts = ", ".join(f"{number} {state}" for state, number in summary["fits"].items() if number)
        lines.append(f"{len(result.fits)} fits: {counts}")
    for name, (low, high) in summary["profiles"].items():
        lines.append(f"profile of {name}: 95 % [{low:.5g}, {high:.5g}]")
    for median in summary["medians"]:
        where = ", ".join(_condition(*pair) for pair in median["where"].items())
        lines.append(
            f"median {median['parameter']} ({where}): {median['median']:.4g} "
            f"[{median['low']:.4g}, {median['high']:.4g}], n = {median['n']}"
        )
    for name, trend in summary["trends"].items():
        lines.append(f"trend of {name}: {trend['verdict']}")
        lines += [line for line in _parameter_lines(trend)[1:] if line.endswith("]")]
    for metric in summary["metrics"]:
        lines.append(_metric_line(metric))
    return lines


def _condition(name: str, value: float | str) -> str:
    """One condition as text."""
    return f"{name} {value}" if isinstance(value, str) else f"{name} {value:g}"


def _parameter_lines(fitted: dict[str, Any]) -> list[str]:
    """Parameters with their intervals."""
    redchi = "undefined" if fitted["redchi"] is None else f"{fitted['redchi']:.3g}"
    lines = [f"reduced chi-squared {redchi}, {fitted['dof']} degrees of freedom; {fitted['verdict']}"]
    lines += [f"  {reason}" for reason in fitted["reasons"]]
    for row in fitted["parameters"]:
        unit = "" if row["unit"] in ("1", "*") else f" {row['unit']}"
        ends = row["interval"]
        if ends and None not in ends:
            shown = f"95 % [{ends[0]:.5g}, {ends[1]:.5g}]"
        else:
            shown = "at bound" if row["at_bound"] else "fixed" if not row["vary"] else "no interval"
        lines.append(f"  {row['name']:24s} {row['value']:.5g}{unit}  {shown}")
    return lines


def _metric_line(metric: dict[str, Any]) -> str:
    """One check."""
    state = {True: "ok", False: "FAIL", None: "shown"}[metric["passed"]]
    note = f" ({metric['note']})" if metric["note"] else ""
    return (
        f"{state:5s} {metric['check']}: {metric['subject']}: {metric['value']:.4g} against "
        f"{metric['expected']:.4g}, {_share(metric['error'], metric['limit'])}, "
        f"limit {_share(metric['limit'], metric['limit']).removeprefix('+')}{note}"
    )


def _share(value: float, limit: float) -> str:
    """A relative number in per cent, in ppm where the limit is below 0.1 %."""
    return f"{value * 1e6:+.0f} ppm" if limit < 1e-3 else f"{value:+.1%}"


def _plot(result: RecipeResult, path: Path) -> None:
    """Overlay and residuals of the joint fit, or of the first fits of many."""
    from calibration.recipe_plots import plot_recipe

    plot_recipe(result, path)
