"""The figure of a recipe: axes and labels from its laws."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from calibration.fitting.result import FitResult
from calibration.laws import get_law
from calibration.plots import Panel, plot_fit, save_figure
from calibration.recipe import Recipe
from calibration.recipe_run import RecipeResult

LABELS = {
    "time": "time after the pulse",
    "v_gs": "gate-source voltage",
    "v_syn": "synapse voltage V_syn",
    "counts": "counts per interval",
    "i_d": "drain current",
    "i_syn": "synapse output current",
    "v_state": "state voltage",
}
MOST_CURVES = 8


def panels(recipe: Recipe) -> list[Panel]:
    """One panel per response, over the first input of its law that comes from a column."""
    found = []
    for response in recipe.responses:
        if recipe.kind == "laws":
            law = get_law(response.law)
            x = next(iter(law.inputs))
            x_unit, y_unit = law.inputs[x], law.output
        else:
            x, x_unit, y_unit = "time", "s", "A" if response.column.startswith("i") else "V"
        found.append(
            Panel(
                response.column,
                x,
                LABELS.get(x, x) if recipe.kind == "laws" else "time",
                x_unit,
                LABELS.get(response.column, response.column),
                y_unit,
            )
        )
    return found


def plot_recipe(result: RecipeResult, path: Path) -> None:
    """Write the figure of the joint fit, or of up to eight fits spread over all of a recipe ``each``."""
    fits = list(result.fits.values())
    shown = fits[0]
    if len(fits) > 1:
        stride = max(1, len(fits) // MOST_CURVES)
        shown = _merged(fits[::stride][:MOST_CURVES])
    save_figure(plot_fit(shown, panels(result.recipe), result.recipe.title), path)


def _merged(fits: list[FitResult]) -> FitResult:
    """Several fits as one for drawing; quality figures are totals."""
    datasets = tuple(part for fitted in fits for part in fitted.datasets)
    worst = max(fits, key=lambda fitted: ("GOOD", "POOR", "FAILED").index(fitted.verdict)).verdict
    return replace(
        fits[0],
        datasets=datasets,
        deviance=sum(fitted.deviance for fitted in fits),
        dof=sum(fitted.dof for fitted in fits),
        verdict=worst,
    )
