"""From measured curves to the data sets of a recipe: filters, splits, inputs, censoring, noise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from calibration.fitting.dataset import Condition, Dataset, FloatArray
from calibration.measured import Campaign, Measured
from calibration.recipe import Filter, Recipe, RecipeError, Response
from calibration.recipe_reduce import reduced

SMALLEST = 1e-300


@dataclass(frozen=True, slots=True)
class Excluded:
    """Rows of a curve that were left out, and why."""

    curve: str
    reason: str
    rows: int


def prepare(recipe: Recipe, campaign: Campaign) -> tuple[tuple[Dataset, ...], tuple[Excluded, ...]]:
    """Data sets named ``curve[.part].column``, and the rows left out (by the reader or by the recipe).

    Raises
    ------
    RecipeError
        When a column, condition or input is missing, or nothing is left.
    """
    datasets: list[Dataset] = []
    excluded: list[Excluded] = []
    for measured in campaign:
        if not matches(measured.conditions, recipe.where):
            continue
        filtered = measured
        for rule in recipe.filters:
            filtered = _apply(rule, filtered)
        excluded += [Excluded(measured.name, e.reason, e.rows) for e in filtered.exclusions]
        if filtered.rows == 0:
            continue
        if recipe.reduction is not None:
            filtered = reduced(filtered, recipe.reduction)
        for trace, part in _split(recipe, filtered):
            datasets += [_dataset(recipe, response, trace, part) for response in recipe.responses]
    if not datasets:
        raise RecipeError(f"{recipe.name}: no rows are left to fit")
    return tuple(datasets), tuple(excluded)


def matches(conditions: Mapping[str, Condition], where: Mapping[str, float | str]) -> bool:
    """True where the conditions are as asked (numbers to 0.1 %)."""
    for key, wanted in where.items():
        value = conditions.get(key)
        if isinstance(wanted, str) or isinstance(value, str) or value is None:
            if value != wanted:
                return False
        elif not math.isclose(value, wanted, rel_tol=1e-3):
            return False
    return True


def _apply(rule: Filter, measured: Measured) -> Measured:
    """Leave out the rows that the filter names."""
    values = np.array(_column(measured, rule.column))
    unit = measured.units[rule.column]
    if rule.unit not in (None, unit):
        raise RecipeError(f"filter of {rule.column}: limit in {rule.unit}, but {measured.name} has {unit}")
    if rule.per_square:
        values = values * measured.number("l") / measured.number("w")
    mask = np.zeros(values.shape, dtype=np.bool_)
    if rule.below is not None:
        # A limit written in decimals must not drop the grid value that equals it up to rounding.
        mask |= values < rule.below - 1e-9 * abs(rule.below)
    if rule.above is not None:
        mask |= values > rule.above + 1e-9 * abs(rule.above)
    if rule.between is not None:
        low, high = (end + sign * 1e-9 * abs(end) for end, sign in zip(rule.between, (1, -1), strict=True))
        mask |= (values > low) & (values < high)
    return measured.exclude(mask, rule.reason)


def _column(measured: Measured, column: str) -> FloatArray:
    """Column of a curve; a missing one is an error of the recipe or of the data handed to it."""
    try:
        return measured[column]
    except KeyError as error:
        raise RecipeError(str(error.args[0])) from None


def _split(recipe: Recipe, measured: Measured) -> list[tuple[str, Measured]]:
    """Parts of a curve, one per value of the recipe's ``split`` column."""
    if recipe.split is None:
        return [(measured.name, measured)]
    labels = _column(measured, recipe.split)
    parts = []
    for label in np.unique(labels):
        mask = labels == label
        columns = {name: values[mask] for name, values in measured.columns.items()}
        conditions = {**measured.conditions, recipe.split: float(label)}
        part = Measured(measured.name, columns, measured.units, conditions, measured.source, measured.floors)
        parts.append((f"{measured.name}.{label:g}", part))
    return parts


def _dataset(recipe: Recipe, response: Response, trace: str, measured: Measured) -> Dataset:
    """Data set of one response of one trace."""
    conditions: dict[str, Condition] = {**measured.conditions, **recipe.conditions}
    conditions |= {"name": measured.name, "trace": trace, "response": response.column}
    y = np.array(_column(measured, response.column))
    floor = measured.floors.get(response.column)
    censored = None
    if floor is not None and response.likelihood != "poisson":
        censored = y <= floor
        y = np.maximum(y, floor)
    x = {name: _input(name, source, measured, conditions) for name, source in _sources(recipe, response)}
    sigma: FloatArray | float | None = response.sigma
    if response.sigma_absolute > 0 and response.likelihood == "lognormal":
        sigma = np.hypot(response.sigma or 0.0, response.sigma_absolute / np.maximum(y, SMALLEST))
    if response.sigma_column is not None:
        error = _column(measured, response.sigma_column)
        if response.likelihood == "lognormal":
            error = error / np.maximum(y, SMALLEST)
        sigma = np.hypot(0.0 if sigma is None else sigma, error)
    return Dataset(f"{trace}.{response.column}", x, y, sigma, response.likelihood, censored, conditions)


def _sources(recipe: Recipe, response: Response) -> list[tuple[str, str]]:
    """Inputs of a response with the column or condition each comes from."""
    return list(response.inputs.items())


def _input(name: str, source: str, measured: Measured, conditions: Mapping[str, Condition]) -> FloatArray:
    """Values of a law's input: a column, or a condition that holds for every row."""
    if source in measured.columns:
        return measured[source]
    value = conditions.get(source)
    if not isinstance(value, (int, float)):
        known = ", ".join([*measured.columns, *conditions])
        raise RecipeError(
            f"{measured.name}: no column or numeric condition {source!r} for {name}; has {known}"
        )
    return np.full(measured.rows, float(value))


def sigma_with_jitter(rest: float, jitter: float, rate: FloatArray) -> FloatArray:
    """Noise of samples at uncertain instants: ``rest`` and ``jitter`` times the rate of change."""
    return np.asarray(np.hypot(rest, jitter * rate), dtype=np.float64)


def jitter_from_residuals(
    rest: float, residuals: Sequence[FloatArray], rates: Sequence[FloatArray], leverages: Sequence[FloatArray]
) -> float:
    """Spread of the sampling instants, in s, that makes chi-squared of the moving samples what it should be.

    ``residuals`` are in the unit of y; samples count as moving where y changes by more than ``rest`` within
    the jitter found. The expected chi-squared of a sample is 1 minus its leverage.
    """
    residual, rate = np.concatenate(residuals), np.abs(np.concatenate(rates))
    expected = np.clip(1.0 - np.concatenate(leverages), 0.0, 1.0)
    moving = rate > 0.1 * np.max(rate)

    def excess(jitter: float) -> float:
        sigma = sigma_with_jitter(rest, jitter, rate[moving])
        return float(np.sum((residual[moving] / sigma) ** 2) - np.sum(expected[moving]))

    low, high = 0.0, float(np.max(np.abs(residual[moving]) / rate[moving])) * 10.0
    if excess(low) <= 0:
        return 0.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return 0.5 * (low + high)
