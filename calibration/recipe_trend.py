"""Laws of fitted parameters against conditions, and each fit predicted by the trend of the others."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from calibration.fit import Dataset, FitError, FitParameter, FitResult, fit, law_model, law_parameters
from calibration.fitting.dataset import Condition, FloatArray
from calibration.fitting.result import Criteria
from calibration.laws import Law, get_law
from calibration.recipe import RecipeError, Trend
from calibration.recipe_metric import Metric, impossible


def fit_trends(
    trends: Sequence[Trend], fits: Mapping[str, FitResult]
) -> tuple[dict[str, FitResult], list[Metric]]:
    """Trends by ``"name, condition value"``, and the metrics of those that leave fits out.

    Raises
    ------
    RecipeError
        When the fits lack a condition that a trend names.
    """
    found: dict[str, FitResult] = {}
    metrics: list[Metric] = []
    good = [fitted for fitted in fits.values() if fitted.verdict != "FAILED"]
    for trend in trends:
        for group in dict.fromkeys(_condition(fitted, trend.by) for fitted in good):
            mine = [fitted for fitted in good if _condition(fitted, trend.by) == group]
            name = f"{trend.name or trend.parameter}, {trend.by} {_text(group)}"
            try:
                found[name] = _fit(trend, group, mine)
            except FitError as error:
                metrics.append(impossible(name, "trend", trend.leave_out or 1.0, str(error)))
                continue
            if trend.leave_out is not None:
                metrics += [_left_out(trend, name, group, place, mine) for place in range(len(mine))]
    return found, metrics


def _fit(trend: Trend, group: Condition, fits: Sequence[FitResult]) -> FitResult:
    """The trend's law through the parameter of these fits."""
    law = get_law(trend.law)
    y = np.array([fitted[trend.parameter].value for fitted in fits])
    conditions = {"response": trend.parameter, trend.by: group}
    data = Dataset(
        trend.parameter, _inputs(trend, fits), y, likelihood=trend.likelihood, conditions=conditions
    )

    def model(values: Mapping[str, float], dataset: Dataset) -> FloatArray:
        return np.broadcast_to(law_model(values, dataset, law=law), dataset.y.shape)

    return fit(model, [data], _parameters(law, trend), criteria=Criteria(min_explained=0.0))


def _parameters(law: Law, trend: Trend) -> dict[str, FitParameter]:
    """The law's parameters, those of ``fixed`` held."""
    parameters = law_parameters(law, **trend.fixed)
    for name in trend.fixed:
        parameters[name] = dataclasses.replace(parameters[name], vary=False)
    return parameters


def _inputs(trend: Trend, fits: Sequence[FitResult]) -> dict[str, FloatArray]:
    """Inputs of the law from the conditions of the fits."""
    return {
        name: np.array([float(_condition(fitted, key)) for fitted in fits])
        for name, key in trend.inputs.items()
    }


def _left_out(trend: Trend, name: str, group: Condition, place: int, fits: Sequence[FitResult]) -> Metric:
    """One fit's parameter against what the trend of the others says."""
    assert trend.leave_out is not None
    subject = str(_condition(fits[place], "name"))
    check = f"{name}: left out, from the others"
    if len(fits) == 1:
        return impossible(check, subject, trend.leave_out, "it is the only fit")
    try:
        trained = _fit(trend, group, [fitted for i, fitted in enumerate(fits) if i != place])
    except FitError as problem:
        return impossible(check, subject, trend.leave_out, str(problem))
    predicted = float(get_law(trend.law)(_inputs(trend, [fits[place]]), trained.values())[0])
    expected = fits[place][trend.parameter].value
    error = predicted / expected - 1.0
    note = "" if trained.verdict != "FAILED" else "; ".join(trained.reasons)
    passed: bool | None = abs(error) <= trend.leave_out and trained.verdict != "FAILED"
    if trend.only and subject not in trend.only:
        passed, note = None, trend.note
    return Metric(check, subject, predicted, expected, error, trend.leave_out, passed, note)


def _condition(fitted: FitResult, key: str) -> Condition:
    """Condition of a fit's data."""
    conditions = fitted.datasets[0].dataset.conditions
    if key not in conditions:
        raise RecipeError(f"the fits have no condition {key!r}; they have {', '.join(conditions)}")
    return conditions[key]


def _text(value: Condition) -> str:
    """Short text of a condition."""
    return value if isinstance(value, str) else f"{value:g}"
