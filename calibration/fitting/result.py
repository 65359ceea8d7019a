"""Result of a fit: values, covariance, intervals, verdict with reasons; a record that writes as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from scipy import stats

from calibration.fitting.dataset import Dataset, FitError, FloatArray, Scale

Verdict = Literal["GOOD", "POOR", "FAILED"]


@dataclass(frozen=True, slots=True)
class Criteria:
    """What a GOOD fit must satisfy.

    FAILED: the solver did not converge, the model failed at the solution, or a parameter is undetermined
    (singular information matrix). POOR: a parameter ended at a bound; its standard error exceeds
    ``max_relative_stderr`` (of the value, or of one e-fold on a log scale); two parameters correlate above
    ``max_correlation``; with known noise, reduced chi-squared exceeds ``max_redchi``; with unknown noise,
    less than ``min_explained`` of the variance of y is explained. GOOD: none of these. Parameters named in
    ``nuisance`` (a floor that only has to be below the data) are not judged.
    """

    max_redchi: float = 2.0
    max_relative_stderr: float = 0.5
    max_correlation: float = 0.999
    min_explained: float = 0.9
    nuisance: tuple[str, ...] = ()

    def judges(self, name: str) -> bool:
        """True unless the parameter (without its group) is a nuisance."""
        return name.partition("[")[0] not in self.nuisance


@dataclass(frozen=True, slots=True)
class FittedParameter:
    """Value and standard error (natural unit; ``None``: held fixed, at a bound, or undetermined)."""

    value: float
    unit: str
    stderr: float | None
    bounds: tuple[float, float]
    vary: bool
    scale: Scale
    at_bound: bool = False


@dataclass(frozen=True)
class DatasetFit:
    """What the fit says about one data set, per value.

    ``leverage`` is the share of a value's own information in its prediction: 1 where a parameter follows that
    value alone. The values of a data set hold ``rows - sum(leverage)`` degrees of freedom.
    """

    dataset: Dataset
    prediction: FloatArray
    residual: FloatArray
    leverage: FloatArray

    @property
    def name(self) -> str:
        """Name of the data set."""
        return self.dataset.name


@dataclass(frozen=True)
class FitResult:
    """Solution of a fit.

    Attributes
    ----------
    parameters
        Every number of the fit by expanded name (``slope[base]``).
    covariance_names, covariance
        Covariance in fitted space (``ln`` of log-scale parameters) of the determined parameters.
    deviance, dof
        Minimum of the deviance (chi-squared for Gaussian data) and degrees of freedom.
    scaled
        True where the noise was unknown: the covariance was multiplied by deviance/dof.
    n_censored, n_failed
        Censored values; model evaluations that failed on the way.
    verdict, reasons
        See :class:`Criteria`.
    """

    parameters: Mapping[str, FittedParameter]
    covariance_names: tuple[str, ...]
    covariance: FloatArray
    deviance: float
    dof: int
    scaled: bool
    n_points: int
    n_censored: int
    n_evaluations: int
    n_failed: int
    message: str
    verdict: Verdict
    reasons: tuple[str, ...]
    datasets: tuple[DatasetFit, ...]

    @property
    def redchi(self) -> float:
        """Deviance per degree of freedom."""
        return self.deviance / self.dof if self.dof > 0 else math.nan

    def __getitem__(self, name: str) -> FittedParameter:
        """A parameter by expanded name.

        Raises
        ------
        FitError
            Lists the known names.
        """
        if name not in self.parameters:
            raise FitError(f"no parameter {name!r} in this fit; it has {', '.join(self.parameters)}")
        return self.parameters[name]

    def values(self) -> dict[str, float]:
        """All values by expanded name."""
        return {name: parameter.value for name, parameter in self.parameters.items()}

    def quantile(self, level: float) -> float:
        """Half width of a two-sided interval in standard errors (Student's t for estimated noise)."""
        tail = 0.5 + 0.5 * level
        return float(stats.t.ppf(tail, self.dof)) if self.scaled else float(stats.norm.ppf(tail))

    def interval(self, name: str, level: float = 0.95) -> tuple[float, float]:
        """Interval from the covariance: symmetric in fitted space, so positive on a log scale.

        Raises
        ------
        FitError
            For an unknown parameter or one without standard error.
        """
        parameter = self[name]
        if name not in self.covariance_names:
            raise FitError(f"{name} was held fixed, is at a bound, or is undetermined: it has no interval")
        index = self.covariance_names.index(name)
        half = self.quantile(level) * math.sqrt(self.covariance[index, index])
        if parameter.scale == "log":
            return parameter.value * math.exp(-half), parameter.value * math.exp(half)
        return parameter.value - half, parameter.value + half

    def natural_covariance(self) -> FloatArray:
        """Covariance in natural units (first order for log-scale parameters)."""
        gain = np.array(
            [
                self.parameters[name].value if self.parameters[name].scale == "log" else 1.0
                for name in self.covariance_names
            ]
        )
        return np.asarray(self.covariance * np.outer(gain, gain), dtype=np.float64)

    def correlations(self) -> dict[tuple[str, str], float]:
        """Correlation of every pair of determined parameters, in fitted space."""
        sd = np.sqrt(np.diag(self.covariance))
        # A fit without any residual has no errors to correlate.
        sd = np.where(sd > 0, sd, 1.0)
        names = self.covariance_names
        return {
            (a, b): float(self.covariance[i, j] / (sd[i] * sd[j]))
            for i, a in enumerate(names)
            for j, b in enumerate(names)
            if j > i
        }

    def summary(self, level: float = 0.95) -> dict[str, Any]:
        """Table for reports: verdict, quality, and every parameter with its interval."""
        rows = []
        for name, parameter in self.parameters.items():
            known = name in self.covariance_names
            rows.append(
                {
                    "name": name,
                    **asdict(parameter),
                    "interval": list(self.interval(name, level)) if known else None,
                }
            )
        table = {
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "deviance": self.deviance,
            "dof": self.dof,
            "redchi": self.redchi,
            "noise": "estimated" if self.scaled else "known",
            "n_points": self.n_points,
            "n_censored": self.n_censored,
            "n_evaluations": self.n_evaluations,
            "n_failed": self.n_failed,
            "message": self.message,
            "level": level,
            "parameters": rows,
        }
        return {key: _plain(value) for key, value in table.items()}

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON values: the summary, covariance, correlations, and data against prediction."""
        curves = [
            {
                "name": fit.name,
                "likelihood": fit.dataset.likelihood,
                "conditions": dict(fit.dataset.conditions),
                "x": {name: np.asarray(values).tolist() for name, values in fit.dataset.x.items()},
                "y": fit.dataset.y.tolist(),
                "sigma": None if fit.dataset.sigma is None else fit.dataset.sigma_array.tolist(),
                "censored": fit.dataset.censored_mask.tolist(),
                "prediction": fit.prediction.tolist(),
                "residual": fit.residual.tolist(),
            }
            for fit in self.datasets
        ]
        pairs = [{"pair": list(pair), "value": value} for pair, value in self.correlations().items()]
        covariance = {"parameters": list(self.covariance_names), "matrix": self.covariance.tolist()}
        more = {"covariance": covariance, "correlations": pairs, "datasets": curves}
        return {**self.summary(), **{key: _plain(value) for key, value in more.items()}}


def judge(result: FitResult, criteria: Criteria) -> tuple[str, ...]:
    """Reasons why a converged fit is not GOOD."""
    reasons = [
        f"{name} is at its bound"
        for name, p in result.parameters.items()
        if p.at_bound and criteria.judges(name)
    ]
    for index, name in enumerate(result.covariance_names):
        parameter = result.parameters[name]
        error = math.sqrt(result.covariance[index, index])
        size = 1.0 if parameter.scale == "log" else abs(parameter.value)
        if error > criteria.max_relative_stderr * size and criteria.judges(name):
            known = f"{error / size:.2g} of its size only" if size else f"{error:.2g} only, and is zero"
            reasons.append(f"{name} is known to {known}")
    for (a, b), value in result.correlations().items():
        if abs(value) > criteria.max_correlation and criteria.judges(a) and criteria.judges(b):
            reasons.append(f"{a} and {b} correlate by {value:.4f}")
    if result.scaled:
        explained = _explained(result)
        if explained < criteria.min_explained:
            reasons.append(f"the model explains {explained:.2f} of the variance")
    elif result.dof > 0 and result.redchi > criteria.max_redchi:
        reasons.append(f"reduced chi-squared is {result.redchi:.3g}: model or noise does not fit")
    return tuple(reasons)


def _explained(result: FitResult) -> float:
    """Share of the variance of y (or ln y) about each data set's mean that the model explains."""
    left, total = 0.0, 0.0
    for fit in result.datasets:
        y = np.log(fit.dataset.y) if fit.dataset.likelihood == "lognormal" else fit.dataset.y
        weight = fit.dataset.sigma_array**-2.0
        total += float(np.sum(weight * (y - np.average(y, weights=weight)) ** 2))
        left += float(np.sum(fit.residual**2))
    return 1.0 - left / total if total > 0 else 1.0


def _plain(value: Any) -> Any:
    """``value`` with infinite and undefined numbers as ``None``, which JSON can hold."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
