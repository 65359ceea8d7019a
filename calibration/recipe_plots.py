"""The figure of a recipe: axes and labels from its laws."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from calibration.fitting.result import DatasetFit, FitResult
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
    "v": "voltage",
    "c": "capacitance",
    "v_gc": "gate-channel voltage",
    "v_gb": "gate-body voltage",
    "c_gc": "gate-channel capacitance",
    "c_gb": "gate-body capacitance",
    "temperature": "temperature",
    "r_on": "on-resistance",
    "i_off": "off-current",
    "v_wl": "word-line voltage",
    "v_line": "line voltage",
    "r_after": "resistance after the pulse",
    "v_read": "read voltage",
    "i_read": "read current",
    "low": "lower edge of the resistance interval",
    "share": "share of cells below a level",
    "both": "share below it in both cycles",
    "conductance": "conductance",
    "g_after": "relative spread of the conductance",
    "dg": "spread of the conductance change",
    "lost": "share of the conductance lost",
    "deviation": "relative read noise",
    "ratio": "share of cells that switch",
    "g": "normalised conductance",
    "pulse": "pulse",
}
MOST_CURVES = 8


def panels(recipe: Recipe) -> list[Panel]:
    """One panel per response, over the first input of its law that comes from a column."""
    found = []
    for response in recipe.responses:
        if recipe.kind == "laws":
            law = get_law(response.law)
            x = response.plot_x or next(iter(law.inputs))
            x_unit, y_unit = law.inputs[x], law.output
        else:
            x, x_unit, y_unit = "time", "s", "A" if response.column.startswith("i") else "V"
        y_label = LABELS.get(response.column, response.column)
        if response.plot_change:
            y_label, y_unit = f"change of {y_label} (ppm)", "1"
        x_label = LABELS.get(x, x) if recipe.kind == "laws" else "time"
        found.append(Panel(response.column, x, x_label, x_unit, y_label, y_unit))
    return found


def plot_recipe(result: RecipeResult, path: Path) -> None:
    """Write the figure of the joint fit, or of up to eight fits spread over all of a recipe ``each``."""
    fits = list(result.fits.values())
    shown = fits[0]
    if len(fits) > 1:
        stride = max(1, len(fits) // MOST_CURVES)
        shown = _merged(fits[::stride][:MOST_CURVES])
    shown = thinned(shown)
    shown_panels = panels(result.recipe)
    changing = {
        r.column: p.x for r, p in zip(result.recipe.responses, shown_panels, strict=True) if r.plot_change
    }
    datasets = tuple(
        _as_change(part, changing[str(part.dataset.conditions["response"])])
        if part.dataset.conditions["response"] in changing
        else part
        for part in shown.datasets
    )
    for response, panel in zip(result.recipe.responses, shown_panels, strict=True):
        if response.plot_x or response.plot_by:
            datasets = tuple(
                curve
                for part in datasets
                for curve in (
                    _sections(part, panel.x, response.plot_by)
                    if part.dataset.conditions["response"] == response.column
                    else (part,)
                )
            )
    figure = plot_fit(replace(shown, datasets=datasets), shown_panels, result.recipe.title)
    save_figure(figure, path)


def _sections(part: DatasetFit, x: str, by: str | None) -> tuple[DatasetFit, ...]:
    """One curve over ``x`` per value of ``by``: means of data and prediction over all other inputs."""
    inputs = part.dataset.x
    labels = inputs[by] if by is not None else np.zeros(len(part.dataset.y))
    values = np.unique(labels)
    if len(values) > MOST_CURVES:
        values = values[np.linspace(0, len(values) - 1, MOST_CURVES).astype(int)]
    found = []
    for value in values:
        rows = labels == value
        places, member = np.unique(inputs[x][rows], return_inverse=True)
        counts = np.bincount(member)
        y, prediction, residual = (
            np.bincount(member, column[rows]) / counts
            for column in (part.dataset.y, part.prediction, part.residual)
        )
        name = str(part.dataset.conditions["name"]) + ("" if by is None else f" {by} {value:.3g}")
        data = replace(
            part.dataset,
            x={x: places},
            y=y,
            sigma=None
            if part.dataset.sigma is None
            else 1.0 / np.sqrt(np.bincount(member, part.dataset.sigma_array[rows] ** -2.0)),
            censored=None,
            conditions={**part.dataset.conditions, "name": name},
        )
        # The mean of n residuals scatters by 1/sqrt(n).
        found.append(DatasetFit(data, prediction, residual * np.sqrt(counts), np.zeros(len(y))))
    return tuple(found)


def _as_change(part: DatasetFit, x: str) -> DatasetFit:
    """Data and prediction as the change in ppm from the prediction nearest the zero of ``x``."""
    reference = part.prediction[int(np.argmin(np.abs(part.dataset.x[x])))]
    change = replace(
        part.dataset,
        y=1e6 * (part.dataset.y / reference - 1.0),
        sigma=None,
        likelihood="gaussian",
        censored=None,
    )
    return replace(part, dataset=change, prediction=1e6 * (part.prediction / reference - 1.0))


def thinned(fitted: FitResult) -> FitResult:
    """A joint fit of very many curves with a few of them for drawing, spread evenly over all."""
    names = list(dict.fromkeys(part.dataset.conditions.get("name", part.name) for part in fitted.datasets))
    if len(names) <= MOST_CURVES:
        return fitted
    chosen = names[:: len(names) // MOST_CURVES][:MOST_CURVES]
    parts = tuple(p for p in fitted.datasets if p.dataset.conditions.get("name", p.name) in chosen)
    return replace(fitted, datasets=parts)


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
