"""Entries of a calibration table as look-up tables on uniform grids, with the error of interpolation stated."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.table import CalibrationTable, Entry, Interval, OutOfDomain
from pysim.export.exporter import At, ExportError, Source

FloatArray = NDArray[np.float64]

#: Error of interpolation that a grid is refined for, and the most points it may have.
WANTED, MOST = 1e-4, 40_000
#: Error beyond which a look-up table is none.
USELESS = 0.05
#: Ratio of the ends above which an axis is uniform in the logarithm.
DECADE = 10.0
_PROBES = 4000


@dataclass(frozen=True)
class Axis:
    """One input: ``points`` values from ``low`` to ``high``, uniform in the input or (``log``) its logarithm."""

    name: str
    unit: str
    low: float
    high: float
    points: int
    log: bool

    @cached_property
    def grid(self) -> FloatArray:
        """Values of the input at the points."""
        space = np.geomspace if self.log else np.linspace
        return np.asarray(space(self.low, self.high, self.points))

    def position(self, values: ArrayLike) -> FloatArray:
        """Place of values on the grid, 0 to ``points`` - 1; beyond the ends, the ends."""
        x = np.asarray(values, dtype=np.float64)
        if self.log:
            share = np.log(np.maximum(x, 1e-300) / self.low) / np.log(self.high / self.low)
        else:
            share = (x - self.low) / (self.high - self.low)
        return np.asarray(np.clip(share, 0.0, 1.0) * (self.points - 1))


@dataclass(frozen=True)
class LookUp:
    """A quantity on the grid of its inputs, interpolated linearly between neighbours.

    Attributes
    ----------
    name, quantity, unit, verdict
        Of the entry.
    axes
        Inputs; none for a constant.
    values
        Of the quantity (SI), shape (points of the axes).
    log
        Interpolate ln(value): positive quantities.
    error
        Largest error of interpolation found in the domain: relative (``log``), else over the largest magnitude.
    """

    name: str
    quantity: str
    unit: str
    verdict: str
    axes: tuple[Axis, ...]
    values: FloatArray
    log: bool
    error: float

    def evaluate(self, at: Mapping[str, ArrayLike]) -> FloatArray:
        """Interpolated values at inputs that broadcast; beyond the domain, the value at its edge."""
        table = np.log(self.values) if self.log else self.values
        found = interpolate(table, [axis.position(at[axis.name]) for axis in self.axes])
        return np.asarray(np.exp(found) if self.log else found)


def interpolate(table: FloatArray, positions: list[FloatArray]) -> FloatArray:
    """Multilinear interpolation at positions on the grid."""
    if not positions:
        return table
    positions = list(np.broadcast_arrays(*positions))
    cells = [
        np.minimum(p.astype(np.int64), max(n - 2, 0)) for p, n in zip(positions, table.shape, strict=True)
    ]
    parts = [p - c for p, c in zip(positions, cells, strict=True)]
    total = np.zeros(positions[0].shape)
    for corner in itertools.product((0, 1), repeat=len(positions)):
        weight = np.ones(positions[0].shape)
        for side, part in zip(corner, parts, strict=True):
            weight = weight * (part if side else 1.0 - part)
        total += weight * table[tuple(c + side for c, side in zip(cells, corner, strict=True))]
    return total


@dataclass(frozen=True)
class Sampled:
    """Look-up tables of a calibration table, and the entries without one, each with its reason."""

    tables: tuple[LookUp, ...]
    left_out: Mapping[str, str]


def look_up(entry: Entry) -> LookUp:
    """Look-up table of an entry, refined until it is within :data:`WANTED` or has :data:`MOST` points.

    Raises
    ------
    ExportError
        For a failed fit, a law that has no finite value somewhere in its domain, or an error above :data:`USELESS`.
    """
    if entry.verdict == "FAILED":
        raise ExportError("a failed fit has no values")
    boxes = {name: box for name, box in entry.box.items() if box.high > box.low}
    points = 17 if len(boxes) <= 1 else 5
    found = _on(entry, boxes, points)
    while found.error > WANTED and (2 * points - 1) ** len(boxes) <= MOST:
        points = 2 * points - 1
        found = _on(entry, boxes, points)
    if found.error > USELESS:
        raise ExportError(
            f"{points} points on each of {len(boxes)} inputs interpolate with an error of {found.error:.0%}; "
            f"fix some of {', '.join(boxes)} with --at"
        )
    return found


def look_ups(table: CalibrationTable, at: Mapping[str, float]) -> Sampled:
    """Look-up tables of all entries, inputs named in ``at`` held at one value.

    Raises
    ------
    ExportError
        For an input that no entry has, or when no entry is left.
    OutOfDomain
        For a value that lies in no entry's domain.
    """
    _check_inputs(table, at)
    found: list[LookUp] = []
    left_out: dict[str, str] = {}
    for name, entry in table.entries.items():
        try:
            found.append(look_up(narrowed(entry, at)))
        except (ExportError, OutOfDomain) as error:
            left_out[name] = str(error)
    if not found:
        name, reason = next(iter(left_out.items()), ("-", "the table has no entries"))
        raise ExportError(f"table {table.reference}: no entry can be tabulated; {name}: {reason}")
    return Sampled(tuple(found), left_out)


def left_out(source: Source, at: At) -> tuple[str, ...]:
    """Entries of a table that its look-up tables leave out, with the reason; none of a network."""
    if not isinstance(source, CalibrationTable):
        return ()
    found = look_ups(source, at).left_out
    return tuple(f"{name} is left out: {reason}" for name, reason in found.items())


def narrowed(entry: Entry, at: Mapping[str, float]) -> Entry:
    """The entry with the inputs of ``at`` held at one value."""
    held = {name: at[name] for name in entry.box if name in at}
    for name, value in held.items():
        box = entry.box[name]
        if not box.low <= value <= box.high:
            raise OutOfDomain(f"{name} = {value:g} is outside {box.low:g} to {box.high:g} {box.unit}")
    domain = {n: replace(b, low=held.get(n, b.low), high=held.get(n, b.high)) for n, b in entry.box.items()}
    return replace(entry, domain=domain)


def _check_inputs(table: CalibrationTable, at: Mapping[str, float]) -> None:
    """Refuse names that are no inputs, and values outside every domain."""
    for name, value in at.items():
        boxes = [e.box[name] for e in table.entries.values() if name in e.box]
        if not boxes:
            known = sorted({n for e in table.entries.values() for n in e.box})
            raise ExportError(
                f"table {table.reference} has no input {name!r}; accepted: {', '.join(known) or 'none'}"
            )
        if not any(b.low <= value <= b.high for b in boxes):
            ranges = "; ".join(sorted({f"{b.low:g} to {b.high:g} {b.unit}" for b in boxes}))
            raise OutOfDomain(f"{name} = {value:g} is outside every fitted range: {ranges}")


def probes(entry: Entry, seed: int, count: int = _PROBES) -> dict[str, FloatArray]:
    """Random inputs in an entry's domain, uniform on the scale of its axes."""
    rng = np.random.default_rng(seed)
    inputs = {}
    for name, box in entry.box.items():
        share = rng.random(count)
        log = _is_log(box)
        inputs[name] = (
            box.low * (box.high / box.low) ** share if log else box.low + (box.high - box.low) * share
        )
        inputs[name] = np.clip(inputs[name], box.low, box.high)
    return inputs


def deviation(found: LookUp, entry: Entry, at: Mapping[str, FloatArray]) -> float:
    """Largest error of a look-up table at some inputs, as :attr:`LookUp.error` counts it."""
    exact = np.asarray(entry.evaluate(at))
    guess = found.evaluate(at)
    scale = np.abs(exact) if found.log else max(float(np.abs(exact).max()), 1e-300)
    return float(np.max(np.abs(guess - exact) / scale))


def _is_log(box: Interval) -> bool:
    return box.low > 0.0 and box.high > DECADE * box.low


def _on(entry: Entry, boxes: Mapping[str, Interval], points: int) -> LookUp:
    axes = tuple(Axis(n, b.unit, b.low, b.high, points, _is_log(b)) for n, b in boxes.items())
    mesh = np.meshgrid(*(a.grid for a in axes), indexing="ij") if axes else []
    at: dict[str, ArrayLike] = {name: box.low for name, box in entry.box.items()}
    at |= dict(zip(boxes, mesh, strict=True))
    values = np.array(np.broadcast_to(entry.evaluate(at), (points,) * len(axes)), dtype=np.float64)
    if not np.isfinite(values).all():
        raise ExportError(f"entry {entry.name}: the law {entry.law} has no finite value in its whole domain")
    log = entry.scale == "log" and bool((values > 0).all())
    found = LookUp(entry.name, entry.quantity, entry.unit, entry.verdict, axes, values, log, 0.0)
    if not axes:
        return found
    middles = np.meshgrid(*(_middles(a) for a in axes), indexing="ij")
    places = {name: box.low * np.ones(1) for name, box in entry.box.items()}
    places |= {n: m.ravel()[:: max(1, m.size // 20_000)] for n, m in zip(boxes, middles, strict=True)}
    error = max(deviation(found, entry, places), deviation(found, entry, probes(entry, 0)))
    return LookUp(entry.name, entry.quantity, entry.unit, entry.verdict, axes, values, log, error)


def _middles(axis: Axis) -> FloatArray:
    grid = axis.grid
    return np.asarray(np.sqrt(grid[1:] * grid[:-1]) if axis.log else 0.5 * (grid[1:] + grid[:-1]))
