"""Entry of a calibration table: a quantity as a fitted law with covariance, domain, spread, validation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
Scale = Literal["linear", "log"]
Kind = Literal["silicon", "vendor monte-carlo", "published statistic", "virtual"]

NORMAL_95 = 1.959963984540054


class TableError(ValueError):
    """A calibration table is malformed, edited, of an unknown schema, or asked for what it does not hold."""


class OutOfDomain(TableError):  # noqa: N818 - the name is part of the documented interface
    """An input lies outside the box in which the law was fitted."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """Fitted parameter of a law.

    ``scale`` "log" marks a positive quantity: its covariance is that of ``ln(value)``. ``stderr`` is always
    in the unit of ``value``; ``None`` means that it was held fixed or could not be estimated.
    """

    value: float
    unit: str
    stderr: float | None = None
    bounds: tuple[float, float] = (-math.inf, math.inf)
    vary: bool = True
    scale: Scale = "linear"


@dataclass(frozen=True, slots=True)
class Covariance:
    """Covariance of the varied parameters in transformed space (``ln`` of log-scale parameters)."""

    parameters: tuple[str, ...] = ()
    matrix: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Interval:
    """Closed range of one law input in which the law was fitted."""

    low: float
    high: float
    unit: str


@dataclass(frozen=True, slots=True)
class Variation:
    """Spread of the quantity from one source.

    ``lognormal``: quantity times exp(sigma z), sigma being the standard deviation of the logarithm;
    ``normal``: quantity plus sigma z, in the unit of the entry; z is standard normal. Terms of one source
    that name the same ``factor`` share z (correlated quantities, sigma may then be negative); an empty
    factor draws its own. ``n`` samples gave the estimate.
    """

    source: Literal["die", "within_die", "cycle", "noise", "drift", "temperature"]
    distribution: Literal["normal", "lognormal"]
    sigma: float
    sigma_stderr: float | None = None
    n: int = 0
    factor: str = ""
    kind: Kind = "virtual"


@dataclass(frozen=True, slots=True)
class Validation:
    """Error of the entry on data the fit did not see; ``limit`` is the accepted value, if one was set."""

    held_out: str
    metric: str
    value: float
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """Value of an entry with its fit uncertainty; ``spread`` is the standard deviation per source."""

    entry: str
    value: float
    stderr: float
    low: float
    high: float
    unit: str
    at: Mapping[str, float]
    spread: Mapping[str, float]
    extrapolated: bool
    verdict: str


@dataclass(frozen=True)
class Entry:
    """One quantity of a circuit as a function of its inputs.

    Attributes
    ----------
    quantity, unit, scale
        Meaning, SI unit, and whether the quantity is positive ("log") or may have either sign ("linear").
    law
        Identifier of the law, resolved by ``calibration.laws.get_law``; ``constant`` has the parameter
        ``value``.
    parameters, covariance
        Fitted parameters and their covariance.
    domain
        Fitted range of every input.
    arguments
        Law argument of an input where the names differ: ``{"i_thr": "x"}`` feeds i_thr to the law's x.
    reference
        Conditions that were held fixed (corner, temperature, supply).
    redchi, n_points, n_censored, verdict
        Quality of the fit.
    variation, validation
        Spread per source; errors on held-out data.
    """

    quantity: str
    unit: str
    law: str
    parameters: Mapping[str, Parameter]
    covariance: Covariance = Covariance()
    domain: Mapping[str, Interval] | None = None
    arguments: Mapping[str, str] | None = None
    scale: Scale = "linear"
    reference: Mapping[str, float | str] | None = None
    redchi: float | None = None
    n_points: int = 0
    n_censored: int = 0
    variation: tuple[Variation, ...] = ()
    validation: tuple[Validation, ...] = ()
    verdict: Literal["GOOD", "POOR", "FAILED"] = "GOOD"
    name: str = ""

    def __post_init__(self) -> None:
        """Check what the schema cannot say: bounds, intervals, covariance, names.

        Raises
        ------
        TableError
            Naming the entry and the parameter.
        """
        object.__setattr__(self, "domain", dict(self.domain or {}))
        object.__setattr__(self, "reference", dict(self.reference or {}))
        object.__setattr__(self, "arguments", dict(self.arguments or {}))
        strange = sorted(set(self.arguments or {}) - set(self.box))
        if strange:
            raise TableError(f"{self.name}: argument for {strange[0]!r}, which is no input of the domain")
        for name, p in self.parameters.items():
            where = f"{self.name or self.quantity}: parameter {name}"
            if not math.isfinite(p.value) or not p.bounds[0] <= p.value <= p.bounds[1]:
                raise TableError(f"{where} = {p.value!r} is outside its bounds {p.bounds}")
            if p.scale == "log" and p.value <= 0:
                raise TableError(f"{where} = {p.value!r} has a logarithmic scale and must be positive")
        for name, box in self.box.items():
            if not box.low <= box.high:
                raise TableError(f"{self.name}: domain of {name} is empty: {box.low!r} > {box.high!r}")
        for term in self.variation:
            if term.sigma < 0 and not term.factor:
                raise TableError(f"{self.name}: a negative sigma ({term.sigma!r}) needs a named factor")
            if self.scale == "log" and term.distribution == "normal":
                raise TableError(f"{self.name}: a positive quantity (scale log) needs lognormal variation")
        self._check_covariance()

    def _check_covariance(self) -> None:
        names, matrix = self.covariance.parameters, self.covariance.matrix
        unknown = [n for n in names if n not in self.parameters]
        if unknown:
            raise TableError(f"{self.name}: covariance names unknown parameters {unknown}")
        if any(len(row) != len(names) for row in matrix) or len(matrix) != len(names):
            raise TableError(f"{self.name}: covariance is not a {len(names)} x {len(names)} matrix")
        if not names:
            return
        c = np.array(matrix)
        if not np.all(np.isfinite(c)) or not np.allclose(c, c.T, rtol=1e-9, atol=0.0):
            raise TableError(f"{self.name}: covariance is not symmetric and finite")
        sd = np.sqrt(np.clip(np.diag(c), 0.0, None))
        unit = np.where(sd > 0, sd, 1.0)
        if np.any(np.diag(c) < 0) or np.linalg.eigvalsh(c / np.outer(unit, unit)).min() < -1e-8:
            raise TableError(f"{self.name}: covariance is not positive semidefinite")

    @property
    def box(self) -> Mapping[str, Interval]:
        """Domain as a mapping (empty for a constant)."""
        return self.domain or {}

    @cached_property
    def values(self) -> dict[str, float]:
        """Best-fit value of every parameter."""
        return {name: p.value for name, p in self.parameters.items()}

    def evaluate(
        self, at: Mapping[str, ArrayLike], parameters: Mapping[str, float] | None = None
    ) -> FloatArray:
        """Law at the inputs ``at``; no check of the domain. Arrays broadcast."""
        values = dict(self.values if parameters is None else parameters)
        renamed = self.arguments or {}
        return _evaluate(self.law, {renamed.get(name, name): at[name] for name in self.box}, values)

    def check_domain(self, at: Mapping[str, ArrayLike]) -> None:
        """Refuse inputs outside the fitted box.

        Raises
        ------
        OutOfDomain
            Naming the entry, the input, its value and the fitted range.
        """
        for name, box in self.box.items():
            x = np.asarray(at[name], dtype=np.float64)
            slack = 1e-12 * max(abs(box.low), abs(box.high))
            bad = ~((x >= box.low - slack) & (x <= box.high + slack))
            if np.any(bad):
                raise OutOfDomain(
                    f"{self.name}: {name} = {float(x[bad].flat[0]):.6g} {box.unit} is outside the fitted "
                    f"range {box.low:.6g} to {box.high:.6g} {box.unit} (extrapolation must be asked for)"
                )

    def inputs(self, at: Mapping[str, ArrayLike]) -> dict[str, ArrayLike]:
        """The inputs of this entry out of ``at``.

        Raises
        ------
        TableError
            When one is missing.
        """
        missing = [n for n in self.box if n not in at]
        if missing:
            need = ", ".join(f"{n} ({b.unit})" for n, b in self.box.items())
            raise TableError(f"{self.name}: input {missing[0]} is missing; needed: {need}")
        return {n: at[n] for n in self.box}

    def predict(self, at: Mapping[str, float] | None = None, *, extrapolate: bool = False) -> Prediction:
        """Value, standard error and 95 % interval at one point.

        The covariance is carried through the law by its gradient (central differences in transformed space).
        The interval of a log-scale quantity is symmetric in its logarithm, hence positive.

        Raises
        ------
        OutOfDomain
            Outside the fitted box, unless ``extrapolate``.
        TableError
            On a missing or unknown input, or a law that returns no number there.
        """
        given = dict(at or {})
        unknown = sorted(set(given) - set(self.box))
        if unknown:
            raise TableError(
                f"{self.name}: unknown input {unknown[0]}; accepted: {', '.join(self.box) or 'none'}"
            )
        inputs = self.inputs(given)
        try:
            self.check_domain(inputs)
            outside = False
        except OutOfDomain:
            if not extrapolate:
                raise
            outside = True
        value = float(self.evaluate(inputs))
        if not math.isfinite(value):
            raise TableError(f"{self.name}: law {self.law} has no finite value at {given}")
        gradient = self._gradient(inputs)
        cov = np.array(self.covariance.matrix).reshape(len(gradient), len(gradient))
        stderr = math.sqrt(max(float(gradient @ cov @ gradient), 0.0))
        low, high = value - NORMAL_95 * stderr, value + NORMAL_95 * stderr
        if self.scale == "log" and value > 0:
            half = math.exp(min(NORMAL_95 * stderr / value, 700.0))
            low, high = value / half, value * half
        return Prediction(
            self.name, value, stderr, low, high, self.unit, given, self.spread(value), outside, self.verdict
        )

    def spread(self, value: float) -> dict[str, float]:
        """Standard deviation of the quantity per variation source, in the unit of the entry."""
        logs: dict[str, float] = {}
        shifts: dict[str, float] = {}
        for t in self.variation:
            target = logs if t.distribution == "lognormal" else shifts
            target[t.source] = target.get(t.source, 0.0) + t.sigma**2
        out = {s: abs(value) * math.sqrt(math.exp(v) * math.expm1(v)) for s, v in logs.items()}
        for source, v in shifts.items():
            out[source] = math.hypot(out.get(source, 0.0), math.sqrt(v))
        return out

    def _gradient(self, inputs: Mapping[str, ArrayLike]) -> FloatArray:
        """Derivative of the law by each varied parameter, in transformed space."""
        gradient = np.zeros(len(self.covariance.parameters))
        for i, name in enumerate(self.covariance.parameters):
            p = self.parameters[name]
            sd = math.sqrt(max(self.covariance.matrix[i][i], 0.0))
            if sd == 0.0:
                continue
            # Small against the uncertainty, large against rounding.
            step = max(1e-2 * sd, 1e-7 * (1.0 if p.scale == "log" else abs(p.value)))
            ends = [
                float(self.evaluate(inputs, {**self.values, name: shifted(p, sign * step)}))
                for sign in (1, -1)
            ]
            gradient[i] = (ends[0] - ends[1]) / (2 * step)
        return gradient

    def sample(self, rng: np.random.Generator) -> dict[str, float]:
        """One draw of the parameters from the fit covariance, clipped to their bounds.

        Log-scale parameters are drawn in log space, hence positive.
        """
        names = self.covariance.parameters
        drawn = dict(self.values)
        if not names:
            return drawn
        c = np.array(self.covariance.matrix)
        # Scaled to a correlation matrix first: variances here can lie 40 decades apart.
        sd = np.sqrt(np.diag(c))
        unit = np.where(sd > 0, sd, 1.0)
        weights, vectors = np.linalg.eigh(c / np.outer(unit, unit))
        z = rng.standard_normal(len(names))
        shift = unit * (vectors @ (np.sqrt(np.clip(weights, 0.0, None)) * z))
        for name, delta in zip(names, shift, strict=True):
            p = self.parameters[name]
            drawn[name] = float(np.clip(shifted(p, float(delta)), *p.bounds))
        return drawn


def shifted(parameter: Parameter, delta: float) -> float:
    """Value of the parameter moved by ``delta`` in its transformed space."""
    if parameter.scale == "log":
        return parameter.value * math.exp(delta)
    return parameter.value + delta


def _evaluate(identifier: str, inputs: Mapping[str, ArrayLike], values: Mapping[str, float]) -> FloatArray:
    """Law of this identifier at the inputs; an unknown law, input or parameter is an error of the table."""
    from calibration.laws import get_law

    try:
        return get_law(identifier)(inputs, values)
    except ValueError as error:
        raise TableError(str(error)) from error
