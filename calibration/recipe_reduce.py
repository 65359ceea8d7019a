"""Rows of single cells brought together: medians, spreads, shares and histograms with their standard errors."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from calibration.fitting.dataset import FloatArray
from calibration.measured import Measured
from calibration.recipe import RecipeError, Reduction

FEW = "groups of too few rows for a statistic"
MEDIAN_EFFICIENCY = math.sqrt(math.pi / 2.0)
"""Standard error of a median over that of a mean, for a normal quantity."""
CENTRAL = (0.1587, 0.8413)
WIDTH_EFFICIENCY = 0.93
"""Standard error of half the central 68 %, in widths over the root of n, for a normal quantity."""


def reduced(measured: Measured, rule: Reduction) -> Measured:
    """Curve with one row per combination of the ``by`` columns; see :class:`calibration.recipe.Reduction`.

    Conditions, source and the rows left out so far are kept; read limits are dropped, since a statistic is no
    reading.

    Raises
    ------
    RecipeError
        When a column is missing, or no group has enough rows.
    """
    for column in (rule.column, *rule.by):
        if column not in measured.columns:
            raise RecipeError(
                f"{measured.name}: no column {column!r} to reduce; it has {', '.join(measured.columns)}"
            )
    groups, member = _groups(measured, rule)
    sizes = np.bincount(member, minlength=len(groups))
    kept = np.flatnonzero(sizes >= rule.minimum)
    if not kept.size:
        raise RecipeError(
            f"{measured.name}: no group of {rule.minimum} rows by {', '.join(rule.by) or 'nothing'}"
        )
    exclusions = measured.exclude(~np.isin(member, kept), FEW).exclusions
    values = measured[rule.column]
    parts = [values[member == group] for group in kept]
    unit = measured.units[rule.column]
    if rule.statistic == "counts":
        columns, units = _histograms(rule, parts, unit)
        repeat = rule.bins + 2
    else:
        columns, units = _statistics(rule, parts, unit)
        repeat = 1
    for place, name in enumerate(rule.by):
        columns[name] = np.repeat(groups[kept, place], repeat)
        units[name] = measured.units[name]
    return Measured(measured.name, columns, units, measured.conditions, measured.source, {}, exclusions)


def _groups(measured: Measured, rule: Reduction) -> tuple[FloatArray, NDArray[np.intp]]:
    """Values of the ``by`` columns per group, and the group of every row."""
    if not rule.by:
        return np.zeros((1, 0)), np.zeros(measured.rows, dtype=np.intp)
    keys = np.stack([measured[name] for name in rule.by], axis=1)
    groups, member = np.unique(keys, axis=0, return_inverse=True)
    return groups, member.reshape(-1)


def _statistics(
    rule: Reduction, parts: list[FloatArray], unit: str
) -> tuple[dict[str, FloatArray], dict[str, str]]:
    """One statistic and its standard error per group."""
    found = np.array([_statistic(rule, part) for part in parts])
    own = "1" if rule.statistic in ("share", "log_width") else unit
    columns = {
        rule.column: found[:, 0],
        f"{rule.column}_sigma": found[:, 1],
        f"{rule.column}_median": np.array([float(np.median(part)) for part in parts]),
        "rows": np.array([len(part) for part in parts], dtype=np.float64),
    }
    units = {rule.column: own, f"{rule.column}_sigma": own, f"{rule.column}_median": unit, "rows": "1"}
    return columns, units


def _statistic(rule: Reduction, values: FloatArray) -> tuple[float, float]:
    """A statistic of one group, and its standard error."""
    n = len(values)
    if rule.statistic == "share":
        assert rule.below is not None
        hits = int(np.count_nonzero(values < rule.below))
        # Two hits and two misses more (Agresti and Coull): shares near 0 would else weigh more than those near P.
        smoothed = (hits + 2.0) / (n + 4.0)
        return hits / n, math.sqrt(smoothed * (1.0 - smoothed) / n)
    if rule.statistic == "log_width":
        low, high = np.log(np.quantile(values, CENTRAL))
        width = 0.5 * float(high - low)
        return width, WIDTH_EFFICIENCY * width / math.sqrt(n)
    spread = float(np.std(values, ddof=1)) if n > 1 else 0.0
    if rule.statistic == "spread":
        tails = float(np.mean((values - np.mean(values)) ** 4)) / spread**4 if spread > 0 else 3.0
        return spread, 0.5 * spread * math.sqrt(max(tails - 1.0, 0.1) / n)
    if rule.statistic == "median":
        low, high = np.quantile(values, CENTRAL)
        return float(np.median(values)), MEDIAN_EFFICIENCY * 0.5 * float(high - low) / math.sqrt(n)
    return float(np.mean(values)), spread / math.sqrt(n)


def _histograms(
    rule: Reduction, parts: list[FloatArray], unit: str
) -> tuple[dict[str, FloatArray], dict[str, str]]:
    """Counts over equal steps of the logarithm, with one bin for all lower and one for all higher values."""
    assert rule.edges is not None
    inner = np.geomspace(*rule.edges, rule.bins + 1)
    edges = np.concatenate([[inner[0] * 1e-9], inner, [inner[-1] * 1e9]])
    counts = [np.histogram(np.clip(part, edges[0], edges[-1]), edges)[0] for part in parts]
    columns = {
        "low": np.tile(edges[:-1], len(parts)),
        "high": np.tile(edges[1:], len(parts)),
        "counts": np.concatenate(counts).astype(np.float64),
        "total": np.repeat([float(len(part)) for part in parts], rule.bins + 2),
    }
    return columns, {"low": unit, "high": unit, "counts": "1", "total": "1"}
