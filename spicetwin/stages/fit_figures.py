"""Overlays of a recipe's fits: data, model on a fine grid, residuals in standard deviations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from calibration.fitting.dataset import FloatArray
from calibration.fitting.result import DatasetFit, FitResult
from calibration.laws import get_law
from calibration.plots import Panel
from calibration.recipe import Recipe, Response
from calibration.recipe_plots import panels, thinned
from calibration.recipe_run import RecipeResult
from spicetwin.report.document import Figure
from spicetwin.report.figures import FitSeries, fit_overlay
from spicetwin.report.style import Axis
from spicetwin.stages.context import RunContext

#: Curves in a figure of many fits; points of a model curve.
MOST_CURVES, GRID = 6, 200

#: Data that span more than this factor get a logarithmic axis.
LOG_SPAN = 100.0


def fit_figures(context: RunContext, result: RecipeResult) -> list[Figure]:
    """One overlay a response; of many fits, some spread over all."""
    pairs = zip(panels(result.recipe), result.recipe.responses, strict=True)
    return [_figure(context, result, panel, response) for panel, response in pairs]


def _figure(context: RunContext, result: RecipeResult, panel: Panel, response: Response) -> Figure:
    series = [
        one
        for found in _spread(list(result.fits.values()))
        for part in thinned(found).datasets
        if part.dataset.conditions.get("response", panel.response) == panel.response
        for one in [_series(result.recipe, found, part, panel)]
    ]
    if response.plot_change:
        series = [_as_change(one) for one in series]
    measured = np.concatenate([one.measured for one in series])
    positive = measured[measured > 0]
    log = bool(np.all(measured >= 0) and positive.max() / positive.min() > LOG_SPAN)
    number = panel.y_unit in ("*", "1")
    picture = fit_overlay(
        Axis(_first_upper(panel.x_label), panel.x_unit),
        Axis(_first_upper(panel.y_label), "" if number else panel.y_unit, log=log),
        series,
    )
    zeros = " Counts of zero are not on the logarithmic axis." if number and log else ""
    slug = f"{result.recipe.name}-{panel.response}".replace("_", "-")
    return context.figure(
        f"fit-{slug}",
        picture,
        f"{_first_upper(panel.y_label)}: points with fitted curves, residuals below",
        f"{result.recipe.title}: {panel.y_label}. Points: data; lines: fit; below: residuals in standard"
        f" deviations of the data's noise.{zeros}",
    )


def _spread(found: list[FitResult]) -> list[FitResult]:
    """All fits, or a few spread over many."""
    stride = max(1, len(found) // MOST_CURVES)
    return found[::stride][:MOST_CURVES] if len(found) > MOST_CURVES else found


def _series(recipe: Recipe, found: FitResult, part: DatasetFit, panel: Panel) -> FitSeries:
    """Points of one trace with the noise the likelihood gives them."""
    dataset = part.dataset
    return FitSeries(
        _label(part),
        dataset.x[panel.x],
        dataset.y,
        part.prediction,
        _noise(part),
        dataset.censored_mask.astype(np.float64),
        _curve(recipe, found, part, panel),
    )


def _as_change(one: FitSeries) -> FitSeries:
    """Everything as the change in ppm from the model nearest the zero of x."""
    reference = float(one.model[int(np.argmin(np.abs(one.x)))])

    def change(values: FloatArray) -> FloatArray:
        return 1e6 * (values / reference - 1.0)

    return replace(
        one,
        measured=change(one.measured),
        model=change(one.model),
        sigma=None if one.sigma is None else 1e6 * one.sigma / reference,
        curve=None if one.curve is None else (one.curve[0], change(one.curve[1])),
    )


def _label(part: DatasetFit) -> str:
    """Name of a condition; of a transistor its polarity, size and temperature."""
    known = part.dataset.conditions
    if {"polarity", "w", "l", "temperature"} <= set(known):
        size = "/".join(f"{1e6 * float(known[side]):g}" for side in ("w", "l"))
        return f"{known['polarity']}, {size} µm, {float(known['temperature']):.0f} K"
    return str(known.get("name", part.name)).replace("_", " ")


def _noise(part: DatasetFit) -> FloatArray | None:
    """Standard deviation of the values: Poisson counts have the root of what is expected."""
    dataset = part.dataset
    if dataset.likelihood == "poisson":
        return np.sqrt(np.maximum(part.prediction, 1e-12))
    if dataset.sigma is None:
        return None
    return dataset.sigma_array * (part.prediction if dataset.likelihood == "lognormal" else 1.0)


def _curve(
    recipe: Recipe, found: FitResult, part: DatasetFit, panel: Panel
) -> tuple[FloatArray, FloatArray] | None:
    """Fitted law on a fine grid; none for a simulation, or where another input changes along the data."""
    dataset = part.dataset
    if recipe.kind != "laws" or any(np.ptp(v) > 0 for name, v in dataset.x.items() if name != panel.x):
        return None
    law = get_law(next(r.law for r in recipe.responses if r.column == panel.response))
    values = {}
    for name in law.params:
        rule = recipe.parameters.get(name)
        group = None if rule is None or rule.per is None else dataset.conditions[rule.per]
        text = group if group is None or isinstance(group, str) else f"{group:g}"
        values[name] = found[name if text is None else f"{name}[{text}]"].value
    x = dataset.x[panel.x]
    grid = np.linspace(float(x.min()), float(x.max()), GRID)
    inputs = {name: np.full(GRID, v[0]) for name, v in dataset.x.items() if name != panel.x}
    y = law({**inputs, panel.x: grid}, values)
    for left in recipe.filters:
        if left.between is not None and left.column == panel.x:
            # The rows left out there are those that the law does not describe.
            y[(grid > left.between[0]) & (grid < left.between[1])] = np.nan
    return grid, y


def _first_upper(text: str) -> str:
    """Label with a capital first letter; the rest, names of quantities, as it is."""
    return text[:1].upper() + text[1:]
