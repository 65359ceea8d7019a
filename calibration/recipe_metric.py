"""Numbers of a recipe against what they should be: residuals within a limit, curves predicted by other curves."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from calibration.fitting.dataset import Condition, Dataset, FitError, FloatArray
from calibration.fitting.result import DatasetFit, FitResult
from calibration.recipe import Prediction, RecipeError, ResidualLimit
from calibration.recipe_data import matches

Solve = Callable[[Sequence[Dataset]], FitResult]
Predict = Callable[[Dataset, FitResult], FloatArray]


@dataclass(frozen=True, slots=True)
class Metric:
    """A number of the recipe against what it should be.

    ``passed`` is ``None`` where the number is shown but not judged; ``note`` says why.
    """

    check: str
    subject: str
    value: float
    expected: float
    error: float
    limit: float
    passed: bool | None
    note: str = ""


def impossible(check: str, subject: str, limit: float, why: str) -> Metric:
    """A prediction that the data at hand do not allow: shown as none of one, not judged."""
    return Metric(check, subject, 0.0, 1.0, -1.0, limit, None, f"not possible: {why}")


def residual_metrics(limits: Sequence[ResidualLimit], fits: Mapping[str, FitResult]) -> list[Metric]:
    """Residual of every data set that a limit names.

    Raises
    ------
    RecipeError
        When no fit holds the response.
    """
    found = []
    for rule in limits:
        mine = [
            part
            for fitted in fits.values()
            for part in fitted.datasets
            if part.dataset.conditions["response"] == rule.response
        ]
        if not mine:
            raise RecipeError(f"{rule.name}: no fit of {rule.response!r}")
        for part in mine:
            value = _residual(rule, part)
            subject = str(part.dataset.conditions.get("trace", part.name))
            found.append(Metric(rule.name, subject, value, 0.0, value, rule.limit, value <= rule.limit))
    return found


def _residual(rule: ResidualLimit, part: DatasetFit) -> float:
    """The residual of one data set that the rule names."""
    seen = ~part.dataset.censored_mask
    y, prediction = part.dataset.y[seen], part.prediction[seen]
    if rule.measure == "distance":
        return float(np.max(_distances(y, prediction)))
    relative = y / prediction - 1.0
    if rule.measure == "largest":
        return float(np.max(np.abs(relative)))
    return float(np.sqrt(np.mean(relative**2)))


def _distances(counts: FloatArray, prediction: FloatArray) -> FloatArray:
    """Difference of the cumulative shares at every edge but the last, beyond which nothing is."""
    return np.asarray(np.abs(np.cumsum(counts - prediction)[:-1]) / np.sum(counts), dtype=np.float64)


def predicted_curves(
    rule: Prediction, datasets: Sequence[Dataset], solve: Solve, predict: Predict
) -> list[Metric]:
    """Error of the rows of every value left out, as the fit of all the others predicts them.

    Raises
    ------
    RecipeError
        When the data sets lack the condition or input.
    """
    mine = [dataset for dataset in datasets if matches(dataset.conditions, rule.where)]
    others = [dataset for dataset in datasets if not matches(dataset.conditions, rule.where)]
    found = []
    values = tuple(dict.fromkeys(value for dataset in mine for value in _values(rule, dataset)))
    for left in _together(rule, values):
        subject = ", ".join(_text(value) for value in left)
        out = [part for dataset in mine if (part := _rows(rule.leave, dataset, left, inside=True))]
        kept = [part for dataset in mine if (part := _rows(rule.leave, dataset, left, inside=False))]
        if not (training := [*kept, *others]):
            why = f"all data have {rule.leave} = {subject}"
            found.append(impossible(rule.name, subject, rule.limit, why))
            continue
        try:
            trained = solve(training)
            errors = np.concatenate([_errors(rule, part, predict(part, trained)) for part in out])
        except FitError as error:
            found.append(impossible(rule.name, subject, rule.limit, str(error)))
        else:
            found.append(_judged(rule, subject, errors, trained))
    return found


def _together(rule: Prediction, values: Sequence[Condition]) -> list[tuple[Condition, ...]]:
    """Groups of values that are left out at once: each value alone, or those that the rule lists."""
    if not rule.together:
        return [(value,) for value in values]
    known = {wanted: [v for v in values if matches({"v": v}, {"v": wanted})] for wanted in rule.together}
    if absent := [wanted for wanted, found in known.items() if not found]:
        raise RecipeError(
            f"{rule.name}: no data at {rule.leave} = {absent[0]:g}; they have {', '.join(map(_text, values))}"
        )
    return [tuple(v for found in known.values() for v in found)]


def _values(rule: Prediction, dataset: Dataset) -> list[Condition]:
    """Values of what is left out that a data set has: one of a condition, several of an input."""
    if rule.leave in dataset.x:
        return [float(value) for value in np.unique(dataset.x[rule.leave])]
    if rule.leave not in dataset.conditions:
        raise RecipeError(f"{rule.name}: {dataset.name} has no condition or input {rule.leave!r}")
    return [dataset.conditions[rule.leave]]


def _rows(leave: str, dataset: Dataset, left: Sequence[Condition], *, inside: bool) -> Dataset | None:
    """Rows of a data set at the values left out, or the others; ``None`` where there are none."""
    if leave not in dataset.x:
        return dataset if (dataset.conditions[leave] in left) is inside else None
    mask = np.isin(dataset.x[leave], np.array(left)) == inside
    if not np.any(mask):
        return None
    return dataclasses.replace(
        dataset,
        x={name: values[mask] for name, values in dataset.x.items()},
        y=dataset.y[mask],
        sigma=None if dataset.sigma is None else dataset.sigma_array[mask],
        censored=dataset.censored_mask[mask],
    )


def _errors(rule: Prediction, dataset: Dataset, prediction: FloatArray) -> FloatArray:
    """ln(measured/predicted), measured - predicted, or distance of the counts, of the uncensored rows."""
    seen = ~dataset.censored_mask
    if rule.measure == "distance":
        return _distances(dataset.y[seen], prediction[seen])
    if rule.measure == "difference":
        return np.asarray(dataset.y[seen] - prediction[seen], dtype=np.float64)
    return np.asarray(np.log(dataset.y[seen] / prediction[seen]), dtype=np.float64)


def _judged(rule: Prediction, subject: str, errors: FloatArray, trained: FitResult) -> Metric:
    """Metric of what was left out; a training fit that failed does not pass."""
    if not errors.size:
        return impossible(rule.name, subject, rule.limit, "all its rows are censored")
    largest = float(np.max(np.abs(errors)))
    rms = largest if rule.measure == "distance" else float(np.sqrt(np.mean(errors**2)))
    note = f"mean {float(np.mean(errors)):+.1%}, largest {largest:.1%}"
    passed: bool | None = rms <= rule.limit and trained.verdict != "FAILED"
    if rule.only and subject not in rule.only:
        passed, note = None, f"{note}; {rule.note}"
    return Metric(rule.name, subject, rms, 0.0, rms, rule.limit, passed, note)


def _text(value: Condition) -> str:
    """Short text of a condition."""
    return value if isinstance(value, str) else f"{value:g}"
