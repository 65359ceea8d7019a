"""Nonlinear fits of laws and simulations to measured data; the one module that uses lmfit.

A model is ``model(parameters, dataset) -> prediction``; for expensive models (a simulator in the loop)
``evaluate_many`` gets all ``(parameters, dataset)`` pairs of a Jacobian at once and may run them in parallel.
The deviance of Gaussian, log-normal, Poisson and censored data is minimised by Levenberg-Marquardt with
parameters on linear or log scales; the covariance comes from the information matrix at the solution.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from calibration.fitting.dataset import (
    Dataset,
    FitError,
    FitParameter,
    FloatArray,
    ModelFailure,
    law_model,
    law_parameters,
)
from calibration.fitting.likelihood import Scores, scores
from calibration.fitting.problem import EXACT_STEP, EvaluateMany, FitProblem, Model, Task
from calibration.fitting.result import (
    Criteria,
    DatasetFit,
    FitResult,
    FittedParameter,
    Verdict,
    judge,
)

__all__ = [
    "EXACT_STEP",
    "Criteria",
    "Dataset",
    "EvaluateMany",
    "FitError",
    "FitParameter",
    "FitProblem",
    "FitResult",
    "Model",
    "ModelFailure",
    "Task",
    "fit",
    "law_model",
    "law_parameters",
    "solve",
]

SINGULAR = 1e-13
"""Ratio of eigenvalues of the scaled information matrix below which a direction is undetermined."""
AT_BOUND = 1e-4
"""A parameter this close to a bound (in widths of the allowed range) counts as at the bound."""
PENALTY = 1e3
STEP_BOUNDS = (100.0, 1.0, 0.1)
"""Bounds on the solver's first step, in units of the scaled start values, tried in turn after a failure."""


def fit(
    model: Model | None,
    datasets: Sequence[Dataset],
    parameters: Mapping[str, FitParameter],
    *,
    evaluate_many: EvaluateMany | None = None,
    step: float = EXACT_STEP,
    tolerance: float = 1e-12,
    max_evaluations: int = 4000,
    relative_sigma: bool = False,
    start: Mapping[str, float] | None = None,
    criteria: Criteria | None = None,
    cluster: str | None = None,
) -> FitResult:
    """Fit all data sets jointly.

    Parameters
    ----------
    model
        Prediction for one data set; may be ``None`` with ``evaluate_many``. Raises :class:`ModelFailure`
        where it has no value.
    datasets, parameters
        The data, and the model's parameters by name.
    evaluate_many
        Predictions of several ``(parameters, dataset)`` pairs, in order; ``None`` for one that failed.
    step
        Step of the Jacobian's central differences: relative on a linear scale, absolute in ``ln`` on a log
        scale. Raise it to about 1e-2 for a simulator with a relative tolerance of 1e-4.
    tolerance
        Relative change of the deviance and of the parameters at which the solver stops.
    max_evaluations
        Limit on residual evaluations; a fit that reaches it is FAILED.
    relative_sigma
        The given sigma are right up to one common factor, which is estimated from the residuals.
    start
        Start values by expanded name, where a better guess than that of ``parameters`` is known; names that
        this fit does not have are passed over.
    criteria
        Limits of the verdict.
    cluster
        Condition whose data sets share errors (one device in many data sets): the covariance then holds for
        new values of that condition, not for new readings of the same. It needs more of them than parameters;
        with fewer the ordinary covariance stays and the verdict says so.

    Raises
    ------
    FitError
        For a wrong set-up, or a model without value at the start.
    """
    problem = FitProblem(
        model,
        tuple(datasets),
        dict(parameters),
        evaluate_many=evaluate_many,
        step=step,
        tolerance=tolerance,
        max_evaluations=max_evaluations,
        relative_sigma=relative_sigma,
        criteria=criteria or Criteria(),
        cluster=cluster,
    )
    if start:
        problem = problem.start_from(start)
    return solve(problem)


def solve(problem: FitProblem) -> FitResult:
    """Minimise the deviance from the start values of a problem; see :func:`fit`."""
    result = _Solver(problem, STEP_BOUNDS[0]).run()
    for bound in STEP_BOUNDS[1:]:
        if result.verdict != "FAILED":
            break
        # A long first step can land on a plateau where nothing depends on the parameters any more.
        cautious = _Solver(problem, bound).run()
        if cautious.verdict != "FAILED" or cautious.deviance < result.deviance:
            result = cautious
    return result


class _Solver:
    """State of one minimisation: coordinates of the free slots in, residuals and Jacobian out."""

    def __init__(self, problem: FitProblem, step_bound: float) -> None:
        self.problem = problem
        self.step_bound = step_bound
        self.slots = problem.layout.slots
        self.free = problem.free
        self.evaluations = 0
        self.failed = 0
        self.penalty = PENALTY
        self._seen: tuple[bytes, list[FloatArray | None]] | None = None

    def run(self) -> FitResult:
        """Levenberg-Marquardt, covariance, verdict."""
        import lmfit

        start = np.array([self._inside(i) for i in self.free])
        first = self.residuals(start)
        if self.failed:
            raise FitError("the model has no value at the start values")
        if len(first) < len(self.free):
            raise FitError(f"{len(first)} values cannot determine {len(self.free)} parameters")
        self.penalty = PENALTY * (1.0 + float(np.max(np.abs(first))))
        params = lmfit.Parameters()
        for place, (index, value) in enumerate(zip(self.free, start, strict=True)):
            low, high = self.slots[index].coordinate_bounds
            params.add(f"p{place}", value=value, min=low, max=high)
        minimizer = lmfit.Minimizer(
            lambda p: self.residuals(_vector(p)), params, nan_policy="raise", calc_covar=False
        )
        minimizer.max_nfev = self.problem.max_evaluations
        out = minimizer.leastsq(
            Dfun=lambda p: self.residual_jacobian(_vector(p)),
            ftol=self.problem.tolerance,
            xtol=self.problem.tolerance,
            gtol=0.0,
            factor=self.step_bound,
        )
        # 1 to 4: converged; 6 to 8: converged as far as rounding lets it.
        converged = bool(out.ier in (1, 2, 3, 4, 6, 7, 8)) and not getattr(out, "aborted", False)
        return self._result(_vector(out.params), converged, " ".join(str(out.message).split()))

    def _inside(self, index: int) -> float:
        """Start coordinate, moved off a bound: the bound transformation has no gradient there."""
        slot = self.slots[index]
        low, high = slot.coordinate_bounds
        if math.isfinite(low) and math.isfinite(high):
            margin = 1e-2 * (high - low)
            return min(max(slot.coordinate, low + margin), high - margin) if margin > 0 else slot.coordinate
        return slot.coordinate

    def naturals(self, coordinates: FloatArray) -> list[float]:
        """Natural values of all slots."""
        values = [slot.value for slot in self.slots]
        for index, coordinate in zip(self.free, coordinates, strict=True):
            values[index] = self.slots[index].natural(float(coordinate))
        return values

    def predictions(self, coordinates: FloatArray) -> list[FloatArray | None]:
        """Predictions, kept for the Jacobian at the same place."""
        key = coordinates.tobytes()
        if self._seen is None or self._seen[0] != key:
            self.evaluations += 1
            found = self.problem.predict(self.naturals(coordinates))
            self.failed += sum(prediction is None for prediction in found)
            self._seen = (key, found)
        return self._seen[1]

    def scores(self, coordinates: FloatArray) -> list[Scores | None]:
        """Scores per data set; ``None`` where the model failed."""
        found = self.predictions(coordinates)
        return [
            None if prediction is None else scores(dataset, prediction)
            for dataset, prediction in zip(self.problem.datasets, found, strict=True)
        ]

    def residuals(self, coordinates: FloatArray) -> FloatArray:
        """All residuals; a failed model reads as a large misfit, from which the solver steps back."""
        parts = [
            np.full(dataset.y.shape, self.penalty) if score is None else score.residual
            for dataset, score in zip(self.problem.datasets, self.scores(coordinates), strict=True)
        ]
        return np.concatenate(parts)

    def residual_jacobian(self, coordinates: FloatArray) -> FloatArray:
        """d residual / d coordinate."""
        slopes = [
            np.zeros(dataset.y.shape) if score is None else score.slope
            for dataset, score in zip(self.problem.datasets, self.scores(coordinates), strict=True)
        ]
        return np.asarray(np.concatenate(slopes)[:, None] * self.jacobian(coordinates), dtype=np.float64)

    def jacobian(self, coordinates: FloatArray) -> FloatArray:
        """d prediction / d coordinate, (values, free), all differences evaluated in one batch.

        A data set that does not depend on a parameter is not evaluated for it; a difference whose ends both
        failed is zero.
        """
        problem = self.problem
        tasks: list[Task] = []
        plan: list[tuple[int, int, float]] = []
        for column, index in enumerate(self.free):
            for end in self._ends(index, float(coordinates[column])):
                moved = coordinates.copy()
                moved[column] = end
                values = self.naturals(moved)
                for number, dataset in enumerate(problem.datasets):
                    if index in problem.layout.views[number].values():
                        tasks.append((problem.layout.resolve(values, number), dataset))
                        plan.append((column, number, end))
        found = problem.evaluate(tasks)
        self.failed += sum(prediction is None for prediction in found)
        return self._differences(coordinates, plan, found)

    def _differences(
        self,
        coordinates: FloatArray,
        plan: Sequence[tuple[int, int, float]],
        found: Sequence[FloatArray | None],
    ) -> FloatArray:
        """Assemble the Jacobian; where one end failed, the difference to the centre."""
        centre = self.predictions(coordinates)
        sizes = [len(dataset.y) for dataset in self.problem.datasets]
        first = np.concatenate([[0], np.cumsum(sizes)])
        ends: dict[tuple[int, int], list[tuple[float, FloatArray]]] = {}
        for (column, number, end), prediction in zip(plan, found, strict=True):
            if prediction is not None:
                ends.setdefault((column, number), []).append((end, prediction))
        jacobian = np.zeros((int(first[-1]), len(self.free)))
        for (column, number), pair in ends.items():
            middle = centre[number]
            if len(pair) == 1 and middle is not None:
                pair = [*pair, (float(coordinates[column]), middle)]
            if len(pair) == 2 and pair[0][0] != pair[1][0]:
                rows = slice(int(first[number]), int(first[number + 1]))
                jacobian[rows, column] = (pair[1][1] - pair[0][1]) / (pair[1][0] - pair[0][0])
        return jacobian

    def _ends(self, index: int, coordinate: float) -> tuple[float, float]:
        """The two places of a central difference, inside the bounds."""
        slot = self.slots[index]
        low, high = slot.coordinate_bounds
        size = 1.0
        if slot.scale == "linear":
            width = high - low
            size = abs(coordinate) or (width if math.isfinite(width) else 1.0)
        h = self.problem.step * size
        return max(coordinate - h, low), min(coordinate + h, high)

    def _result(self, coordinates: FloatArray, converged: bool, message: str) -> FitResult:
        """Assemble the result at the solution."""
        found = self.scores(coordinates)
        failed_at_end = any(score is None for score in found)
        at_bound = [self._at_bound(i, float(c)) for i, c in zip(self.free, coordinates, strict=True)]
        keep = [place for place, stuck in enumerate(at_bound) if not stuck]
        weighted = self._weighted_jacobian(coordinates, found)[:, keep]
        covariance, undetermined = _inverse_information(
            weighted, [self.slots[self.free[place]].name for place in keep]
        )
        leverage = np.einsum("ij,jk,ik->i", weighted, covariance, weighted)
        residual = self.residuals(coordinates)
        deviance = float(np.sum(residual**2))
        dof = len(residual) - len(self.free)
        clustered = None if undetermined else self._clustered(coordinates, residual, keep, covariance)
        if clustered is not None:
            covariance = clustered
        elif self.problem.scaled and dof > 0:
            covariance = covariance * (deviance / dof)
        names = tuple(self.slots[self.free[place]].name for place in keep)
        if undetermined:
            names, covariance = (), np.zeros((0, 0))
        result = FitResult(
            parameters=self._parameters(coordinates, at_bound, names, covariance),
            covariance_names=names,
            covariance=covariance,
            deviance=deviance,
            dof=dof,
            scaled=self.problem.scaled,
            n_points=len(residual),
            n_censored=sum(int(np.sum(d.censored_mask)) for d in self.problem.datasets),
            n_evaluations=self.evaluations,
            n_failed=self.failed,
            message=message,
            verdict="GOOD",
            reasons=(),
            datasets=self._dataset_fits(coordinates, found, leverage),
        )
        reasons = [] if converged else [f"not converged: {message}"]
        reasons += ["the model has no value at the solution"] if failed_at_end else []
        reasons += [f"{name} is undetermined by these data" for name in undetermined]
        verdict: Verdict = "FAILED" if reasons else "GOOD"
        more = judge(result, self.problem.criteria)
        if self.problem.cluster and clustered is None:
            more = (*more, f"too few values of {self.problem.cluster} for intervals that hold for another")
        if more and verdict == "GOOD":
            verdict = "POOR"
        return replace(result, verdict=verdict, reasons=(*reasons, *more))

    def _clustered(
        self, coordinates: FloatArray, residual: FloatArray, keep: Sequence[int], inverse: FloatArray
    ) -> FloatArray | None:
        """Covariance where data sets of one cluster share errors: the spread of the clusters' scores.

        ``inverse`` is that of the information. ``None`` without clusters, or with no more than parameters.
        """
        cluster = self.problem.cluster
        if cluster is None:
            return None
        datasets = self.problem.datasets
        groups = list(dict.fromkeys(d.conditions[cluster] for d in datasets))
        if len(groups) <= len(keep):
            return None
        gradient = self.residual_jacobian(coordinates)[:, keep] * residual[:, None]
        sums = np.zeros((len(groups), len(keep)))
        for dataset, rows in zip(datasets, _by_dataset(gradient, datasets), strict=True):
            sums[groups.index(dataset.conditions[cluster])] += rows.sum(axis=0)
        values, count = len(residual), len(groups)
        small = count / (count - 1.0) * (values - 1.0) / (values - len(keep))
        return np.asarray(small * inverse @ (sums.T @ sums) @ inverse, dtype=np.float64)

    def _at_bound(self, index: int, coordinate: float) -> bool:
        """True next to a bound."""
        low, high = self.slots[index].coordinate_bounds
        width = high - low
        near = AT_BOUND * width if math.isfinite(width) else 1e-6 * (1.0 + abs(coordinate))
        return coordinate - low <= near or high - coordinate <= near

    def _weighted_jacobian(self, coordinates: FloatArray, found: Sequence[Scores | None]) -> FloatArray:
        """d prediction / d coordinate times the root of the information."""
        weights = np.concatenate(
            [
                np.zeros(d.y.shape) if score is None else score.information
                for d, score in zip(self.problem.datasets, found, strict=True)
            ]
        )
        return np.asarray(self.jacobian(coordinates) * np.sqrt(weights)[:, None], dtype=np.float64)

    def _parameters(
        self,
        coordinates: FloatArray,
        at_bound: Sequence[bool],
        names: tuple[str, ...],
        covariance: FloatArray,
    ) -> dict[str, FittedParameter]:
        """Fitted parameters by expanded name."""
        values = self.naturals(coordinates)
        stuck = {self.free[place] for place, flag in enumerate(at_bound) if flag}
        parameters = {}
        for index, slot in enumerate(self.slots):
            stderr = None
            if slot.name in names:
                place = names.index(slot.name)
                gain = values[index] if slot.scale == "log" else 1.0
                stderr = gain * math.sqrt(covariance[place, place])
            parameters[slot.name] = FittedParameter(
                values[index], slot.unit, stderr, slot.bounds, slot.vary, slot.scale, index in stuck
            )
        return parameters

    def _dataset_fits(
        self, coordinates: FloatArray, found: Sequence[Scores | None], leverage: FloatArray
    ) -> tuple[DatasetFit, ...]:
        """Prediction, residual and leverage per data set."""
        datasets = self.problem.datasets
        parts = _by_dataset(leverage, datasets)
        fits = []
        for dataset, prediction, score, part in zip(
            datasets, self.predictions(coordinates), found, parts, strict=True
        ):
            nothing = np.full(dataset.y.shape, math.nan)
            fits.append(
                DatasetFit(
                    dataset,
                    nothing if prediction is None else prediction,
                    nothing if score is None else score.residual,
                    part,
                )
            )
        return tuple(fits)


def _by_dataset(rows: FloatArray, datasets: Sequence[Dataset]) -> list[FloatArray]:
    """Rows of all data sets, one array per data set."""
    return np.split(rows, np.cumsum([len(dataset.y) for dataset in datasets])[:-1])


def _vector(params: Mapping[str, object]) -> FloatArray:
    """Coordinates in the order of the free slots."""
    return np.array([float(p.value) for p in params.values()])  # type: ignore[attr-defined]


def _inverse_information(weighted: FloatArray, names: Sequence[str]) -> tuple[FloatArray, tuple[str, ...]]:
    """Inverse of J^T J from the singular values of J with columns scaled to unit length."""
    length = np.sqrt(np.sum(weighted**2, axis=0))
    if np.any(length == 0) or not np.all(np.isfinite(length)):
        idle = tuple(name for name, size in zip(names, length, strict=True) if not size > 0)
        return np.zeros((len(names), len(names))), idle
    _, singular, directions = np.linalg.svd(weighted / length, full_matrices=False)
    if len(singular) < len(names) or singular[-1] < math.sqrt(SINGULAR) * singular[0]:
        share = np.abs(directions[-1])
        return np.zeros((len(names), len(names))), tuple(
            name for name, part in zip(names, share, strict=True) if part > 0.1
        )
    half = directions.T / singular
    return np.asarray((half @ half.T) / np.outer(length, length), dtype=np.float64), ()
