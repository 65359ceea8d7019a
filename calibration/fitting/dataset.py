"""What a fit is given: data sets with their likelihood, and the parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from calibration.laws.law import Law, LawDomainError

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Likelihood = Literal["gaussian", "lognormal", "poisson"]
Scale = Literal["linear", "log"]
Condition = float | str
EACH_DATASET = "dataset"


class FitError(ValueError):
    """A fit is set up wrongly: names, shapes, bounds, likelihood."""


class ModelFailure(RuntimeError):  # noqa: N818 - a result that the solver steps away from, not a defect
    """The model has no value at these parameters; the solver takes a shorter step."""


@dataclass(frozen=True)
class Dataset:
    """Measured values of one response under one set of conditions.

    Parameters
    ----------
    name
        Unique within a fit (``"base.v_syn"``).
    x
        Inputs of the model by name, SI arrays of any shape the model understands.
    y
        Measured values, one-dimensional. Counts for the Poisson likelihood.
    sigma
        Standard deviation of ``y`` (of ``ln y`` for ``lognormal``), scalar or one per value. ``None``:
        unknown and equal for all values of the fit, estimated from the residuals.
    likelihood
        ``gaussian``; ``lognormal`` (Gaussian in ``ln y``); ``poisson``.
    censored
        True where only "the value is at or below ``y``" is known (a read floor); needs ``sigma``.
    conditions
        What was held fixed; groups per-condition parameters.
    """

    name: str
    x: Mapping[str, FloatArray]
    y: FloatArray
    sigma: FloatArray | float | None = None
    likelihood: Likelihood = "gaussian"
    censored: BoolArray | None = None
    conditions: Mapping[str, Condition] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check shapes and values; keep float arrays."""
        y = np.array(self.y, dtype=np.float64)
        if y.ndim != 1 or not y.size or not np.all(np.isfinite(y)):
            raise FitError(f"{self.name}: y must be a one-dimensional array of finite numbers, not empty")
        if self.likelihood not in get_args(Likelihood):
            raise FitError(f"{self.name}: unknown likelihood {self.likelihood!r}")
        censored = np.zeros(y.shape, np.bool_) if self.censored is None else np.array(self.censored, np.bool_)
        if censored.shape != y.shape:
            raise FitError(f"{self.name}: censored has shape {censored.shape}, y has {y.shape}")
        self._check_likelihood(y, censored)
        if self.sigma is not None:
            sigma = np.broadcast_to(np.asarray(self.sigma, dtype=np.float64), y.shape).copy()
            if not np.all(np.isfinite(sigma) & (sigma > 0)):
                raise FitError(f"{self.name}: sigma must be positive and finite")
            object.__setattr__(self, "sigma", sigma)
        object.__setattr__(self, "y", y)
        object.__setattr__(self, "censored", censored)

    def _check_likelihood(self, y: FloatArray, censored: BoolArray) -> None:
        """Refuse values that the likelihood cannot hold."""
        if self.likelihood == "poisson":
            if np.any(y < 0) or np.any(y != np.round(y)):
                raise FitError(f"{self.name}: Poisson counts must be 0, 1, 2, ...")
            if self.sigma is not None or np.any(censored):
                raise FitError(f"{self.name}: Poisson counts take neither sigma nor censoring")
        if self.likelihood == "lognormal" and np.any(y <= 0):
            raise FitError(f"{self.name}: values on a log scale must be positive (censor those at the floor)")
        if np.any(censored) and self.sigma is None:
            raise FitError(f"{self.name}: censored values need a known sigma")

    @property
    def censored_mask(self) -> BoolArray:
        """The censored rows as an array."""
        assert self.censored is not None
        return self.censored

    @property
    def sigma_array(self) -> FloatArray:
        """Standard deviation per value; 1 where unknown."""
        return np.ones(self.y.shape) if self.sigma is None else np.asarray(self.sigma, dtype=np.float64)


@dataclass(frozen=True)
class FitParameter:
    """A parameter of the model.

    Parameters
    ----------
    value
        Start value, or one per group (keys: values of the condition ``per``).
    unit
        SI unit.
    bounds
        Lowest and highest value tried.
    vary
        False holds it at its value.
    scale
        ``"log"``: positive, fitted as its logarithm.
    per
        ``None``: shared by all data sets. The name of a condition: one value per value of that condition.
        ``"dataset"``: one per data set. Expanded names read ``slope[base]``.
    """

    value: float | Mapping[Condition, float]
    unit: str = "1"
    bounds: tuple[float, float] = (-math.inf, math.inf)
    vary: bool = True
    scale: Scale = "linear"
    per: str | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """One number of the fit: a shared parameter, or a per-condition parameter in one group."""

    name: str
    value: float
    unit: str
    bounds: tuple[float, float]
    vary: bool
    scale: Scale

    @property
    def coordinate(self) -> float:
        """Value in fitted space."""
        return math.log(self.value) if self.scale == "log" else self.value

    @property
    def coordinate_bounds(self) -> tuple[float, float]:
        """Bounds in fitted space."""
        low, high = self.bounds
        if self.scale == "log":
            return math.log(low) if low > 0 else -math.inf, math.log(high)
        return low, high

    def natural(self, coordinate: float) -> float:
        """Value of a coordinate in fitted space."""
        return math.exp(min(coordinate, 700.0)) if self.scale == "log" else coordinate


@dataclass(frozen=True)
class Layout:
    """Which number of the fit each data set sees under which model-parameter name."""

    slots: tuple[Slot, ...]
    views: tuple[Mapping[str, int], ...]

    def resolve(self, values: Sequence[float], dataset: int) -> dict[str, float]:
        """Model parameters of one data set, from all natural values."""
        return {name: values[index] for name, index in self.views[dataset].items()}


def lay_out(datasets: Sequence[Dataset], parameters: Mapping[str, FitParameter]) -> Layout:
    """Expand per-condition parameters and check every value against its bounds.

    Raises
    ------
    FitError
        For duplicate data-set names, a missing condition, or a start value outside its bounds.
    """
    names = [dataset.name for dataset in datasets]
    if not datasets or len(set(names)) != len(names):
        raise FitError(f"data sets need unique names and at least one of them, not {names}")
    slots: dict[str, Slot] = {}
    views: list[dict[str, int]] = []
    for dataset in datasets:
        view: dict[str, int] = {}
        for name, parameter in parameters.items():
            group = _group(name, parameter, dataset)
            full = name if group is None else f"{name}[{_label(group)}]"
            if full not in slots:
                slots[full] = _slot(full, parameter, group)
            view[name] = list(slots).index(full)
        views.append(view)
    return Layout(tuple(slots.values()), tuple(views))


def _group(name: str, parameter: FitParameter, dataset: Dataset) -> Condition | None:
    """Group of a data set for a parameter; ``None`` when shared."""
    if parameter.per is None:
        return None
    if parameter.per == EACH_DATASET:
        return dataset.name
    if parameter.per not in dataset.conditions:
        known = ", ".join(dataset.conditions) or "none"
        raise FitError(
            f"{name}: data set {dataset.name} has no condition {parameter.per!r}; conditions: {known}"
        )
    return dataset.conditions[parameter.per]


def _label(group: Condition) -> str:
    """Short text of a group."""
    return group if isinstance(group, str) else f"{group:g}"


def _slot(name: str, parameter: FitParameter, group: Condition | None) -> Slot:
    """The number behind an expanded name."""
    value = parameter.value
    if isinstance(value, Mapping):
        if group is None or group not in value:
            raise FitError(f"{name}: no start value for it; given for {', '.join(map(str, value))}")
        value = value[group]
    low, high = parameter.bounds
    if not math.isfinite(value) or not low <= value <= high:
        raise FitError(f"{name} = {value!r} is outside its bounds {low!r} to {high!r}")
    if parameter.scale == "log" and value <= 0:
        raise FitError(f"{name} = {value!r} is on a log scale and must be positive")
    return Slot(name, float(value), parameter.unit, (low, high), parameter.vary, parameter.scale)


def law_parameters(law: Law, **start: float) -> dict[str, FitParameter]:
    """Parameters of a law with its guesses, bounds and scales; ``start`` overrides guesses.

    Raises
    ------
    FitError
        For a name the law does not have.
    """
    for name in start:
        if name not in law.params:
            raise FitError(f"law {law.id} has no parameter {name!r}; it has {', '.join(law.params)}")
    return {
        name: FitParameter(start.get(name, param.guess), param.unit, param.bounds, scale=param.scale)
        for name, param in law.params.items()
    }


def law_model(parameters: Mapping[str, float], dataset: Dataset, *, law: Law) -> FloatArray:
    """Model function of a closed-form law; bind ``law`` with ``functools.partial``."""
    try:
        return law(dataset.x, parameters)
    except LawDomainError as error:
        raise ModelFailure(str(error)) from error
