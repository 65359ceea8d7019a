"""Running a recipe: fits, noise, hold-out, acceptance, medians and trends."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from calibration.fit import (
    EXACT_STEP,
    Dataset,
    EvaluateMany,
    FitError,
    FitParameter,
    FitProblem,
    FitResult,
    law_model,
    law_parameters,
    solve,
)
from calibration.fitting.dataset import Condition, FloatArray
from calibration.laws import get_law
from calibration.measured import Campaign, DataSource
from calibration.profile import profile_interval
from calibration.recipe import Acceptance, Check, Recipe, RecipeError, Response, load_recipe
from calibration.recipe_data import Excluded, jitter_from_residuals, matches, prepare, sigma_with_jitter
from calibration.recipe_metric import Metric, predicted_curves, residual_metrics
from calibration.recipe_trend import fit_trends

JITTER_ROUNDS = 6
TOLERANCE = 1e-9
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Median:
    """Median and range of a parameter over the fits of one group."""

    parameter: str
    where: Mapping[str, Condition]
    median: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class RecipeResult:
    """Everything a recipe found; :meth:`to_dict` is plain JSON."""

    recipe: Recipe
    fits: Mapping[str, FitResult]
    metrics: tuple[Metric, ...]
    medians: tuple[Median, ...]
    trends: Mapping[str, FitResult]
    noise: Mapping[str, float]
    excluded: tuple[Excluded, ...]
    sources: tuple[DataSource, ...]
    profiles: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """FAILED if nothing could be fitted or an acceptance failed, POOR if a fit or check is, else GOOD."""
        states = [fitted.verdict for fitted in self.fits.values()]
        if all(state == "FAILED" for state in states):
            return "FAILED"
        failed = any(metric.passed is False for metric in self.metrics)
        return "POOR" if failed or (len(states) == 1 and states[0] != "GOOD") else "GOOD"

    @property
    def n_censored(self) -> int:
        """Censored values over all fits."""
        return sum(fitted.n_censored for fitted in self.fits.values())

    def summary(self) -> dict[str, Any]:
        """Table for reports: verdict, quality, checks, rows, sources."""
        counts = {
            state: sum(f.verdict == state for f in self.fits.values()) for state in ("GOOD", "POOR", "FAILED")
        }
        return {
            "recipe": self.recipe.name,
            "title": self.recipe.title,
            "verdict": self.verdict,
            "fits": counts,
            "metrics": [dataclasses.asdict(metric) for metric in self.metrics],
            "medians": [dataclasses.asdict(median) for median in self.medians],
            "trends": {name: trend.summary() for name, trend in self.trends.items()},
            "noise": dict(self.noise),
            "profiles": {name: list(ends) for name, ends in self.profiles.items()},
            "rows": sum(fitted.n_points for fitted in self.fits.values()),
            "censored": self.n_censored,
            "excluded": [dataclasses.asdict(item) for item in self.excluded],
            "sources": [dataclasses.asdict(source) for source in self.sources],
            "notes": list(self.recipe.notes),
        }

    def to_dict(self) -> dict[str, Any]:
        """The summary and every fit with data and prediction."""
        return {**self.summary(), "results": {name: f.to_dict() for name, f in self.fits.items()}}


def run_recipe(
    recipe: str | Recipe,
    data: Campaign | None = None,
    overrides: Mapping[str, float] | None = None,
    *,
    profile: Sequence[str] = (),
    evaluate_many: EvaluateMany | None = None,
    progress: Progress | None = None,
) -> RecipeResult:
    """Run a recipe.

    Parameters
    ----------
    recipe
        Name, or a recipe read by :func:`calibration.recipe.parse_recipe`.
    data
        Measured curves; by default the recipe's registered source, or its virtual stand-in where the
        originals are absent (``sources`` then says kind "virtual").
    overrides
        See :meth:`calibration.recipe.Recipe.override`.
    profile
        Parameters (expanded names) of a joint fit whose profile-likelihood intervals are wanted.
    evaluate_many
        Predictions by simulation, for recipes of kind ``in_the_loop``.
    progress
        Called with one line per step.

    Raises
    ------
    RecipeError
        For an unknown recipe or override, data without the columns needed, or a missing ``evaluate_many``.
    """
    chosen = load_recipe(recipe) if isinstance(recipe, str) else recipe
    chosen = chosen.override(overrides or {})
    if chosen.kind == "in_the_loop" and evaluate_many is None:
        raise RecipeError(f"{chosen.name} simulates its model: run it with 'spicetwin fit {chosen.name}'")
    if data is None:
        from measurements.load import load

        data = load(chosen.source)
    return _Run(chosen, data, evaluate_many, progress or (lambda _: None), tuple(profile)).run()


@dataclass
class _Run:
    """One run: the recipe, its data, and what was found so far."""

    recipe: Recipe
    data: Campaign
    evaluate_many: EvaluateMany | None
    progress: Progress
    profile: tuple[str, ...] = ()
    noise: dict[str, float] = field(default_factory=dict)

    def run(self) -> RecipeResult:
        """Fit, check, summarise."""
        datasets, excluded = prepare(self.recipe, self.data)
        fits: dict[str, FitResult] = {}
        metrics: list[Metric] = []
        profiles: dict[str, tuple[float, float]] = {}
        if self.profile and self.recipe.group != "joint":
            raise RecipeError(f"{self.recipe.name}: profile intervals are for joint fits")
        if self.recipe.group == "joint":
            datasets, fits["joint"] = self.joint(datasets)
            profiles = self.profiles(datasets, fits["joint"])
            for check in self.recipe.checks:
                metrics += self.check(check, datasets, fits["joint"])
            for prediction in self.recipe.predictions:
                metrics += predicted_curves(
                    prediction,
                    datasets,
                    lambda some: self.solve(some, start=fits["joint"].values()),
                    self.predict,
                )
        else:
            for name in dict.fromkeys(str(dataset.conditions["name"]) for dataset in datasets):
                self.progress(f"fit of {name}")
                fits[name] = self.solve([d for d in datasets if d.conditions["name"] == name])
        metrics += residual_metrics(self.recipe.residuals, fits)
        metrics += [self.accept(rule, fits) for rule in self.recipe.acceptances]
        trends, left_out = fit_trends(self.recipe.trends, fits)
        metrics += left_out
        sources = tuple(dict.fromkeys(measured.source for measured in self.data))
        return RecipeResult(
            self.recipe,
            fits,
            tuple(metrics),
            self.medians(fits),
            trends,
            self.noise,
            excluded,
            sources,
            profiles,
        )

    def profiles(self, datasets: Sequence[Dataset], joint: FitResult) -> dict[str, tuple[float, float]]:
        """Profile intervals of the parameters asked for."""
        found = {}
        for name in self.profile:
            self.progress(f"profile of {name}")
            found[name] = profile_interval(self.problem(datasets), joint, name)
        return found

    def solve(
        self,
        datasets: Sequence[Dataset],
        per: Mapping[str, str] | None = None,
        start: Mapping[str, float] | None = None,
    ) -> FitResult:
        """Fit of these data sets with the parameters that their responses use; ``start`` saves steps."""
        return solve(self.problem(datasets, per).start_from(start or {}))

    def problem(self, datasets: Sequence[Dataset], per: Mapping[str, str] | None = None) -> FitProblem:
        """The fit of these data sets, set up."""
        used = {str(dataset.conditions["response"]) for dataset in datasets}
        responses = [response for response in self.recipe.responses if response.column in used]
        return FitProblem(
            None if self.evaluate_many else self.model,
            tuple(datasets),
            self.parameters(responses, per or {}),
            evaluate_many=self.evaluate_many,
            step=self.recipe.step or EXACT_STEP,
            tolerance=TOLERANCE,
            relative_sigma=self.recipe.relative_sigma,
            cluster=self.recipe.cluster,
            criteria=self.recipe.criteria,
        )

    def model(self, parameters: Mapping[str, float], dataset: Dataset) -> FloatArray:
        """Prediction of the law that belongs to the data set's response."""
        column = dataset.conditions["response"]
        law = next(get_law(r.law) for r in self.recipe.responses if r.column == column)
        return law_model({name: parameters[name] for name in law.params}, dataset, law=law)

    def parameters(self, responses: Sequence[Response], per: Mapping[str, str]) -> dict[str, FitParameter]:
        """Parameters of the responses' laws with what the recipe says about them."""
        merged: dict[str, FitParameter] = {}
        if self.recipe.kind == "laws":
            for response in responses:
                merged |= law_parameters(get_law(response.law))
        for name, rule in self.recipe.parameters.items():
            if self.recipe.kind == "laws" and name not in merged:
                continue
            base = merged.get(name, FitParameter(rule.value if rule.value is not None else math.nan))
            merged[name] = FitParameter(
                base.value if rule.value is None else rule.value,
                rule.unit or base.unit,
                rule.bounds or base.bounds,
                rule.vary,
                rule.scale or base.scale,
                per.get(name, rule.per),
            )
        return merged

    def joint(self, datasets: Sequence[Dataset]) -> tuple[tuple[Dataset, ...], FitResult]:
        """Fit of everything, with the jitter of the samples estimated in turn with the parameters."""
        moving = {response.column: response for response in self.recipe.responses if response.time_jitter}
        jitter = {column: 0.02 * _interval(datasets, column) for column in moving}
        current = tuple(datasets)
        self.progress(f"joint fit of {len(datasets)} data sets")
        result = self.solve(current)
        for _ in range(JITTER_ROUNDS if moving else 0):
            before = dict(jitter)
            current = tuple(self.with_noise(dataset, result, jitter, moving) for dataset in datasets)
            result = self.solve(current, start=result.values())
            for column, response in moving.items():
                jitter[column] = self.estimate(response, result)
            if all(abs(jitter[c] - before[c]) <= 1e-2 * jitter[c] for c in moving):
                break
        self.noise = {f"{column} time jitter (s)": value for column, value in jitter.items()}
        return current, result

    def with_noise(
        self,
        dataset: Dataset,
        result: FitResult,
        jitter: Mapping[str, float],
        moving: Mapping[str, Response],
    ) -> Dataset:
        """Data set with the noise that the present fit and jitter imply."""
        column = str(dataset.conditions["response"])
        if column not in moving:
            return dataset
        rest = moving[column].sigma
        if rest is None:
            raise RecipeError(f"{self.recipe.name}: time_jitter of {column} needs sigma")
        return dataclasses.replace(
            dataset, sigma=sigma_with_jitter(rest, jitter[column], self.rate(dataset, result))
        )

    def rate(self, dataset: Dataset, result: FitResult) -> FloatArray:
        """Rate of change of the prediction with time."""
        parameters = self.resolved(dataset, result)
        time = dataset.x["time"]
        h = 1e-4 * max(float(np.ptp(time)), 1e-12)
        later = dataclasses.replace(dataset, x={**dataset.x, "time": time + h})
        return (self.model(parameters, later) - self.model(parameters, dataset)) / h

    def resolved(self, dataset: Dataset, result: FitResult) -> dict[str, float]:
        """Parameters of the fit as one data set sees them."""
        values = {}
        for name, rule in self.recipe.parameters.items():
            group = None if rule.per is None else dataset.conditions[rule.per]
            values[name] = result[_full(name, group)].value
        return values

    def predict(self, dataset: Dataset, trained: FitResult) -> FloatArray:
        """Prediction of a data set from a fit that need not hold it."""
        return self.model(self.resolved(dataset, trained), dataset)

    def estimate(self, response: Response, result: FitResult) -> float:
        """Jitter from the residuals of the present fit."""
        mine = [f for f in result.datasets if f.dataset.conditions["response"] == response.column]
        assert response.sigma is not None
        return jitter_from_residuals(
            response.sigma,
            [f.dataset.y - f.prediction for f in mine],
            [self.rate(f.dataset, result) for f in mine],
            [f.leverage for f in mine],
        )

    def check(self, check: Check, datasets: Sequence[Dataset], joint: FitResult) -> list[Metric]:
        """Metrics of one check, one per value of the condition left out."""
        values = dict.fromkeys(dataset.conditions[check.leave] for dataset in datasets)
        chosen = [value for value in values if not check.only or value in check.only]
        found = []
        for value in chosen:
            self.progress(f"{check.name}: {value}")
            found.append(self._compare(check, value, datasets, joint))
        return found

    def _compare(
        self, check: Check, value: Condition, datasets: Sequence[Dataset], joint: FitResult
    ) -> Metric:
        """One value of the condition left out."""
        own = [d for d in datasets if d.conditions[check.leave] == value]
        first = self.recipe.responses[0].column
        warm = joint.values()
        seen = check.responses if check.kind == "alone" else (first,)
        alone = self.solve([d for d in own if not seen or d.conditions["response"] in seen], start=warm)
        expected = alone[self._name(check.parameter, own[0], {})].value
        doubt = alone.parameters[self._name(check.parameter, own[0], {})].stderr or 0.0
        judged, note = True, f"expected value known to {doubt / abs(expected):.1%}"
        if check.kind == "alone":
            predicted = joint[self._name(check.parameter, own[0], {})].value
        else:
            left = {id(d) for d in own if not check.responses or d.conditions["response"] in check.responses}
            training = [dataset for dataset in datasets if id(dataset) not in left]
            trained = self.solve(training, check.per, warm)
            predicted, judged = self._predict(check, own[0], training, trained)
            if not judged:
                note = f"extrapolated: no training data at this {check.proportional}"
        error = predicted / expected - 1.0
        passed = abs(error) <= check.limit if judged else None
        return Metric(check.name, str(value), predicted, expected, error, check.limit, passed, note)

    def _predict(
        self, check: Check, target: Dataset, training: Sequence[Dataset], trained: FitResult
    ) -> tuple[float, bool]:
        """Value that training gives for the target, and whether training has seen its group."""
        name = self._name(check.parameter, target, check.per)
        if name in trained.parameters:
            return trained[name].value, True
        if check.proportional is None:
            raise RecipeError(f"{self.recipe.name}: {name} is not in the training fit; set 'proportional'")
        there = float(target.conditions[check.proportional])
        nearest = min(
            training, key=lambda d: abs(math.log(float(d.conditions[check.proportional or ""]) / there))
        )
        value = trained[self._name(check.parameter, nearest, check.per)].value
        return value * there / float(nearest.conditions[check.proportional]), False

    def _name(self, parameter: str, dataset: Dataset, per: Mapping[str, str]) -> str:
        """Expanded name of a parameter as a data set sees it."""
        rule = self.recipe.parameters.get(parameter)
        key = per.get(parameter, rule.per if rule else None)
        return _full(parameter, None if key is None else dataset.conditions[key])

    def accept(self, rule: Acceptance, fits: Mapping[str, FitResult]) -> Metric:
        """Value (or median over matching fits) against the accepted range."""
        found = [
            fitted[rule.parameter].value
            for fitted in fits.values()
            if fitted.verdict != "FAILED" and matches(fitted.datasets[0].dataset.conditions, rule.where)
        ]
        if not found:
            raise RecipeError(f"{self.recipe.name}: no fit of {rule.parameter} where {dict(rule.where)}")
        value = float(np.median(found))
        middle = 0.5 * (rule.low + rule.high)
        where = ", ".join(f"{key} {_text(v)}" for key, v in rule.where.items())
        return Metric(
            f"{rule.parameter} within {rule.low:g} to {rule.high:g}",
            where or "joint fit",
            value,
            middle,
            value / middle - 1.0,
            rule.high / middle - 1.0,
            rule.low <= value <= rule.high,
            f"median of {len(found)}" if len(found) > 1 else "",
        )

    def medians(self, fits: Mapping[str, FitResult]) -> tuple[Median, ...]:
        """Median of every varied parameter per group of conditions."""
        if not self.recipe.medians:
            return ()
        groups: dict[tuple[Condition, ...], list[FitResult]] = {}
        for fitted in fits.values():
            if fitted.verdict != "FAILED":
                conditions = fitted.datasets[0].dataset.conditions
                groups.setdefault(tuple(conditions[key] for key in self.recipe.medians), []).append(fitted)
        table = []
        for group in sorted(groups, key=str):
            where = dict(zip(self.recipe.medians, group, strict=True))
            for name, parameter in groups[group][0].parameters.items():
                if parameter.vary:
                    values = [fitted[name].value for fitted in groups[group]]
                    ends = min(values), max(values)
                    table.append(Median(name, where, float(np.median(values)), *ends, len(values)))
        return tuple(table)


def _full(name: str, group: Condition | None) -> str:
    """Expanded parameter name."""
    return name if group is None else f"{name}[{_text(group)}]"


def _text(value: Condition) -> str:
    """Short text of a condition."""
    return value if isinstance(value, str) else f"{value:g}"


def _interval(datasets: Sequence[Dataset], column: str) -> float:
    """Median sampling interval of a response."""
    steps = [np.diff(d.x["time"]) for d in datasets if d.conditions["response"] == column]
    if not steps or not np.concatenate(steps).size:
        raise FitError(f"{column}: time jitter needs traces of several samples")
    return float(np.median(np.concatenate(steps)))
