"""Running an interval: chips as they come, the estimate in the fixed order, an early stop that no worker can sway."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pysim.errors import ModelError
from pysim.interval.design import Design, Point
from pysim.interval.estimate import Mean, Share, looks, over_chips, shares

FloatArray = NDArray[np.float64]
Values = tuple[float, ...]


class Metric(Protocol):
    """What is asked of a chip: numbers with names, the first of which the interval is of.

    ``bounds`` and ``resolution`` are those of the first number; ``fingerprint`` is a digest of everything that
    determines the numbers of a point.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the numbers."""

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest value of the first number."""

    @property
    def resolution(self) -> float:
        """Step of the first number, 0 for a continuous one."""

    def fingerprint(self) -> str:
        """Digest of network, tables, inputs and sources."""

    def __call__(self, point: Point) -> Values:
        """Numbers of a chip."""


@dataclass(frozen=True)
class Outcome:
    """What became of a point: its numbers, or the reason why there are none."""

    point: Point
    values: Values | None
    reason: str = ""


class Workers(Protocol):
    """Anything that runs points: this process, others, or a cluster."""

    def imap(self, metric: Metric, points: Iterable[Point]) -> Iterator[Outcome]:
        """Outcomes in any order, drawing points as there is room."""


class Store(Protocol):
    """Finished points that survive an interruption."""

    def known(self) -> Iterable[tuple[int, Values]]:
        """Index and numbers of what was finished before."""

    def add(self, index: int, values: Values) -> None:
        """Keep a finished point."""


class Serial:
    """Points one after the other in this process; a kernel may still use all cores."""

    def imap(self, metric: Metric, points: Iterable[Point]) -> Iterator[Outcome]:
        """Outcomes in order."""
        for point in points:
            yield Outcome(point, metric(point))


@dataclass(frozen=True)
class Interval:
    """Estimate of a metric over chips.

    Attributes
    ----------
    metric
        Name of the number.
    mean
        With its 95 % interval, and the spread of the chips.
    shares
        Of the variance by source, empty where they were not asked for.
    values
        All numbers of the independent chips that succeeded, in order: (chips, names).
    names
        Names of the numbers.
    chips
        Number of each of these chips.
    failed
        Number and reason of chips whose run was lost for good.
    stopped
        The requested half-width was reached before the last chip.
    runs
        Runs that the estimate uses, copies included.
    """

    metric: str
    mean: Mean
    shares: tuple[Share, ...]
    values: FloatArray
    names: tuple[str, ...]
    chips: tuple[int, ...]
    failed: tuple[tuple[int, str], ...]
    stopped: bool
    runs: int

    def of(self, name: str) -> FloatArray:
        """One number of all chips, shape (chips,)."""
        return np.asarray(self.values[:, self.names.index(name)])


def interval(
    metric: Metric,
    design: Design,
    chips: int,
    *,
    half_width: float | None = None,
    workers: Workers | None = None,
    store: Store | None = None,
    tell: Callable[[Interval], None] | None = None,
) -> Interval:
    """Mean of a metric over drawn chips with its 95 % interval and the share of each source; see :func:`stream`.

    ``tell`` is given every estimate on the way.
    """
    found = None
    for found in stream(metric, design, chips, half_width=half_width, workers=workers, store=store):
        if tell is not None:
            tell(found)
    assert found is not None
    return found


def stream(
    metric: Metric,
    design: Design,
    chips: int,
    *,
    half_width: float | None = None,
    workers: Workers | None = None,
    store: Store | None = None,
) -> Iterator[Interval]:
    """Estimates at growing numbers of chips, the last of which is the result and alone has the shares.

    Chips are judged in the order of the design, whatever order they finish in, and the stop looks at few fixed
    numbers of chips: results are equal to the last bit for any workers, interrupted or not.

    Parameters
    ----------
    metric
        What is asked of a chip.
    design
        Which chips there are.
    chips
        Most independent chips, 2 at least for an interval.
    half_width
        Stop when that of the 95 % interval is no larger at two looks in a row, the first of them at
        :data:`~pysim.interval.estimate.LEAST` chips.
    workers
        Who runs the chips; this process when left out.
    store
        Where finished runs are kept and taken from.

    Raises
    ------
    ModelError
        For no chips, a half-width that is none, or when every chip failed.
    """
    if chips < 1:
        raise ModelError(f"{chips} chips; accepted: 1 or more")
    if half_width is not None and not (np.isfinite(half_width) and half_width > 0.0):
        raise ModelError(f"half-width {half_width!r}; accepted: finite, above 0")
    whole = design.runs(chips) // design.group * design.chips_of_group
    done: dict[int, Values | str] = {} if store is None else dict(store.known())
    stops = looks(whole)
    pending = (p for p in design.points(whole) if p.index not in done)
    running = (Serial() if workers is None else workers).imap(metric, pending)
    before = False
    for look in stops:
        needed = design.runs(look)
        while not all(index in done for index in range(needed)):
            outcome = next(running)
            if outcome.values is not None and store is not None:
                store.add(outcome.point.index, outcome.values)
            done[outcome.point.index] = outcome.reason if outcome.values is None else outcome.values
        results = [done[index] for index in range(needed)]
        found = _estimate(metric, design, results)
        narrow = half_width is not None and found.mean.half_width <= half_width
        stopped = narrow and before and look < whole
        if stopped or look == whole:
            yield replace(found, shares=_shares(design, results), stopped=stopped)
            break
        before = narrow
        yield found
    close = getattr(running, "close", None)
    if close is not None:
        close()


def _estimate(metric: Metric, design: Design, results: Sequence[Values | str]) -> Interval:
    """Estimate from the runs of whole groups."""
    good: list[Values] = []
    numbers: list[int] = []
    failed: list[tuple[int, str]] = []
    for index, result in enumerate(results):
        point = design.point(index)
        if point.source:
            continue
        if isinstance(result, str):
            failed.append((point.chip, result))
        else:
            numbers.append(point.chip)
            good.append(result)
    if not good:
        raise ModelError(f"no chip could be run; the first failed with: {failed[0][1]}")
    values = np.array(good)
    return Interval(
        metric.names[0],
        over_chips(values[:, 0], metric.bounds, metric.resolution),
        (),
        values,
        metric.names,
        tuple(numbers),
        tuple(failed),
        stopped=False,
        runs=len(results),
    )


def _shares(design: Design, results: Sequence[Values | str]) -> tuple[Share, ...]:
    """Shares from whole pairs: one without all its copies would shift them, so it counts for the mean alone."""
    if not design.shared:
        return ()
    columns: list[list[float]] = []
    for low in range(0, len(results), design.group):
        group = [r[0] for r in results[low : low + design.group] if not isinstance(r, str)]
        if len(group) == design.group:
            columns.append(group)
    table = np.array(columns).reshape(-1, design.group).T
    return shares(design.shared, table[0], table[1], table[2:])
