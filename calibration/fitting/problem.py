"""A fit that is set up: data sets, parameters, model; what it predicts and its deviance anywhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from calibration.fitting.dataset import (
    Dataset,
    FitError,
    FitParameter,
    FloatArray,
    Layout,
    ModelFailure,
    lay_out,
)
from calibration.fitting.likelihood import scores
from calibration.fitting.result import Criteria

Model = Callable[[Mapping[str, float], Dataset], FloatArray]
Task = tuple[Mapping[str, float], Dataset]
EvaluateMany = Callable[[Sequence[Task]], Sequence[FloatArray | None]]

EXACT_STEP = 6e-6
"""Central-difference step for models exact to rounding (cube root of the float epsilon)."""


@dataclass(frozen=True)
class FitProblem:
    """A fit that is set up but not solved; see :func:`calibration.fit.fit` for the fields."""

    model: Model | None
    datasets: tuple[Dataset, ...]
    parameters: Mapping[str, FitParameter]
    evaluate_many: EvaluateMany | None = None
    step: float = EXACT_STEP
    tolerance: float = 1e-12
    max_evaluations: int = 4000
    relative_sigma: bool = False
    criteria: Criteria = field(default_factory=Criteria)
    cluster: str | None = None
    layout: Layout = field(init=False)
    scaled: bool = field(init=False)

    def __post_init__(self) -> None:
        """Check names, bounds and noise before anything is evaluated."""
        object.__setattr__(self, "layout", lay_out(self.datasets, self.parameters))
        if self.model is None and self.evaluate_many is None:
            raise FitError("a fit needs a model or evaluate_many")
        unknown = [d.name for d in self.datasets if d.sigma is None and d.likelihood != "poisson"]
        if unknown and len(unknown) != len(self.datasets):
            raise FitError(
                f"{unknown[0]} has no sigma while other data sets have one (or are Poisson counts)"
            )
        strange = [d.name for d in self.datasets if self.cluster and self.cluster not in d.conditions]
        if strange:
            raise FitError(f"{strange[0]} has no condition {self.cluster!r} to share errors by")
        object.__setattr__(self, "scaled", bool(unknown) or self.relative_sigma)
        if not self.free:
            raise FitError("no parameter varies")

    @property
    def free(self) -> tuple[int, ...]:
        """Indices of the slots that vary."""
        return tuple(i for i, slot in enumerate(self.layout.slots) if slot.vary)

    def start_from(self, values: Mapping[str, float]) -> FitProblem:
        """The same problem, its varied parameters started at these values where they are given."""
        copy = replace(self)
        slots = tuple(
            replace(slot, value=values.get(slot.name, slot.value)) if slot.vary else slot
            for slot in self.layout.slots
        )
        object.__setattr__(copy, "layout", replace(self.layout, slots=slots))
        return copy

    def hold(self, name: str, value: float) -> FitProblem:
        """The same problem with one number held fixed.

        Raises
        ------
        FitError
            If nothing is left to vary.
        """
        copy = replace(self)
        slots = tuple(
            replace(slot, value=value, vary=False) if slot.name == name else slot
            for slot in self.layout.slots
        )
        object.__setattr__(copy, "layout", replace(self.layout, slots=slots))
        if not copy.free:
            raise FitError(f"{name} is the only parameter that varies")
        return copy

    def deviance(self, values: Mapping[str, float]) -> float:
        """Deviance at these natural values, by expanded name; infinite where the model fails."""
        total = 0.0
        found = self.predict([values[slot.name] for slot in self.layout.slots])
        for dataset, prediction in zip(self.datasets, found, strict=True):
            if prediction is None:
                return math.inf
            total += float(np.sum(scores(dataset, prediction).residual ** 2))
        return total

    def predict(self, values: Sequence[float]) -> list[FloatArray | None]:
        """Predictions of every data set at natural values of all slots; ``None`` where the model failed."""
        return self.evaluate([(self.layout.resolve(values, i), d) for i, d in enumerate(self.datasets)])

    def evaluate(self, tasks: Sequence[Task]) -> list[FloatArray | None]:
        """Predictions of tasks; a failure or a non-finite prediction is ``None``."""
        if self.evaluate_many is not None:
            raw = list(self.evaluate_many(tasks))
            if len(raw) != len(tasks):
                raise FitError(f"evaluate_many returned {len(raw)} predictions for {len(tasks)} tasks")
        else:
            raw = [self._evaluate_one(task) for task in tasks]
        return [_checked(prediction, task[1]) for prediction, task in zip(raw, tasks, strict=True)]

    def _evaluate_one(self, task: Task) -> FloatArray | None:
        """Prediction of the model, ``None`` where it fails."""
        assert self.model is not None
        try:
            with np.errstate(all="ignore"):
                return self.model(*task)
        except ModelFailure:
            return None


def _checked(prediction: FloatArray | None, dataset: Dataset) -> FloatArray | None:
    """Prediction as an array of the right shape; ``None`` if it is not finite."""
    if prediction is None:
        return None
    array = np.asarray(prediction, dtype=np.float64)
    if array.shape != dataset.y.shape:
        raise FitError(
            f"{dataset.name}: the model returned shape {array.shape}, the data have {dataset.y.shape}"
        )
    return array if np.all(np.isfinite(array)) else None
