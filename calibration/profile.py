"""Profile-likelihood intervals: asymmetric where the deviance is; dearer than the covariance."""

from __future__ import annotations

import math
from collections.abc import Sequence

from calibration.fit import FitError, FitProblem, FitResult, solve

STEPS = 30
ACCURACY = 1e-4


def profile_interval(
    problem: FitProblem, result: FitResult, name: str, level: float = 0.95
) -> tuple[float, float]:
    """Interval whose ends raise the deviance, all other parameters refitted, by the quantile of ``level``.

    An end that a bound cuts off is that bound. For noise estimated from the residuals the rise is in units of
    the reduced chi-squared.

    Raises
    ------
    FitError
        For an unknown or fixed parameter, or when no end is found.
    """
    if not result[name].vary:
        raise FitError(f"{name} was held fixed: it has no interval")
    goal = result.quantile(level) * (math.sqrt(result.redchi) if result.scaled else 1.0)
    start = problem.start_from(result.values())
    return _end(start, result, name, -1, goal), _end(start, result, name, +1, goal)


def _end(start: FitProblem, result: FitResult, name: str, side: int, goal: float) -> float:
    """One end, by the secant method on the signed root of the deviance, which is close to linear."""
    slot = next(slot for slot in start.layout.slots if slot.name == name)
    bound = slot.coordinate_bounds[0 if side < 0 else 1]
    step = _first_step(result, name, goal)
    known: list[tuple[float, float]] = [(0.0, -goal)]
    for _ in range(STEPS):
        coordinate = slot.coordinate + side * step
        if side * (coordinate - bound) >= 0:
            coordinate, step = bound, abs(bound - slot.coordinate)
        root = _root_deviance(start, result, name, slot.natural(coordinate))
        known.append((step, root - goal))
        if abs(root - goal) < ACCURACY * goal or (coordinate == bound and root < goal):
            return slot.natural(coordinate)
        step = _secant(known)
    raise FitError(f"profile of {name}: no end found")


def _first_step(result: FitResult, name: str, goal: float) -> float:
    """Half width that the covariance suggests, in fitted space."""
    if name not in result.covariance_names:
        return 0.1
    place = result.covariance_names.index(name)
    scale = result.redchi if result.scaled else 1.0
    return goal * math.sqrt(result.covariance[place, place] / scale)


def _root_deviance(start: FitProblem, result: FitResult, name: str, value: float) -> float:
    """Root of the deviance above its minimum with one parameter held at ``value``."""
    if len(start.free) == 1:
        deviance = start.deviance({**result.values(), name: value})
    else:
        deviance = solve(start.hold(name, value)).deviance
    if not math.isfinite(deviance):
        raise FitError(f"profile of {name}: the model has no value at {value:.4g}")
    return math.sqrt(max(deviance - result.deviance, 0.0))


def _secant(known: Sequence[tuple[float, float]]) -> float:
    """Next step towards the zero: inside the bracket, or outward by at most a factor of 3."""
    below = max((k for k in known if k[1] < 0), key=lambda k: k[0])
    above = min((k for k in known if k[1] >= 0), key=lambda k: k[0], default=None)
    if above is None:
        first, last = known[-2], known[-1]
        rise = (last[1] - first[1]) / (last[0] - first[0])
        guess = last[0] - last[1] / rise if rise > 0 else math.inf
        return min(max(guess, 1.1 * last[0]), 3.0 * last[0])
    share = -below[1] / (above[1] - below[1])
    return below[0] + (above[0] - below[0]) * min(max(share, 0.05), 0.95)
