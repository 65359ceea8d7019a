"""Measures: waveform -> number. Every function takes arrays in SI units and raises :class:`MeasureFailed`.

Waveforms of an adaptive simulator are unevenly sampled: averages and fits weight each point by its time step,
and crossings are interpolated between points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from circuits.deck import FloatArray
from circuits.ngspice.errors import MeasureFailed

Edge = Literal["rise", "fall", "both"]
_CROSSINGS: dict[str, str] = {"rise": "rises through", "fall": "falls through", "both": "crosses"}


@dataclass(frozen=True)
class Line:
    """Weighted least-squares line: slope, value at x = 0, largest deviation of a point, number of points."""

    slope: float
    intercept: float
    max_residual: float
    points: int


@dataclass(frozen=True)
class Decay:
    r"""``amplitude * exp(-(t - start) / tau) + floor``; ``ln_residual`` is the largest \|ln(data/fit)\|."""

    tau: float
    amplitude: float
    floor: float
    start: float
    ln_residual: float
    points: int


def window(t: FloatArray, y: FloatArray, start: float, stop: float) -> tuple[FloatArray, FloatArray]:
    """Part of a waveform between two times, with interpolated end points."""
    _check_time(t, y)
    if not start < stop:
        raise MeasureFailed(f"empty time window: {start:g} s to {stop:g} s")
    if start < t[0] or stop > t[-1] * (1 + 1e-12) + 1e-18:
        raise MeasureFailed(
            f"window {start:g} to {stop:g} s is outside the waveform, {t[0]:g} to {t[-1]:g} s"
        )
    inside = (t > start) & (t < stop)
    ends = np.interp([start, stop], t, y)
    return np.r_[start, t[inside], stop], np.r_[ends[0], y[inside], ends[1]]


def at(t: FloatArray, y: FloatArray, time: float) -> float:
    """Value at one time, interpolated."""
    _check_time(t, y)
    if not t[0] <= time <= t[-1] * (1 + 1e-12):
        raise MeasureFailed(f"time {time:g} s is outside the waveform, {t[0]:g} to {t[-1]:g} s")
    return float(np.interp(time, t, y))


def crossings(t: FloatArray, y: FloatArray, level: float, edge: Edge = "both") -> FloatArray:
    """Times at which ``y`` crosses ``level``, interpolated linearly; empty when it never does."""
    _check_time(t, y)
    above = y > level
    rise, fall = ~above[:-1] & above[1:], above[:-1] & ~above[1:]
    k = np.flatnonzero({"rise": rise, "fall": fall, "both": rise | fall}[edge])
    times: FloatArray = t[k] + (level - y[k]) / (y[k + 1] - y[k]) * (t[k + 1] - t[k])
    return times


def crossing(
    t: FloatArray, y: FloatArray, level: float, edge: Edge = "both", after: float = -np.inf
) -> float:
    """First crossing of ``level`` later than ``after``."""
    times = crossings(t, y, level, edge)
    times = times[times > after]
    if not times.size:
        span = f"{float(y.min()):g} to {float(y.max()):g}"
        raise MeasureFailed(f"the waveform never {_CROSSINGS[edge]} {level:g} (it spans {span})")
    return float(times[0])


def pulse_width(t: FloatArray, y: FloatArray, level: float, after: float = -np.inf) -> float:
    """Time above ``level`` of the first pulse that starts later than ``after``."""
    start = crossing(t, y, level, "rise", after)
    return crossing(t, y, level, "fall", start) - start


def integral(t: FloatArray, y: FloatArray, start: float, stop: float) -> float:
    """Integral over a time window (trapezoid rule): a current gives a charge, a power an energy."""
    tw, yw = window(t, y, start, stop)
    return float(np.trapezoid(yw, tw))


def mean(t: FloatArray, y: FloatArray, start: float, stop: float) -> float:
    """Time average over a window."""
    return integral(t, y, start, stop) / (stop - start)


def supply_energy(t: FloatArray, branch: FloatArray, voltage: float, start: float, stop: float) -> float:
    """Energy from a source of constant ``voltage``; ``branch`` is its ngspice current (delivering: < 0)."""
    return -voltage * integral(t, branch, start, stop)


def peak(t: FloatArray, y: FloatArray, start: float, stop: float) -> tuple[float, float]:
    """Time and value of the maximum in a window (no interpolation between points)."""
    tw, yw = window(t, y, start, stop)
    k = int(np.argmax(yw))
    return float(tw[k]), float(yw[k])


def line(x: FloatArray, y: FloatArray, weights: FloatArray | None = None) -> Line:
    """Straight line through points; needs three or more distinct abscissae."""
    if x.size < 3 or np.unique(x).size < 3:
        raise MeasureFailed(f"a line needs 3 or more distinct points, got {x.size}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise MeasureFailed("a line fit got values that are not finite")
    w = np.ones_like(x) if weights is None else weights
    centre, level = float(np.average(x, weights=w)), float(np.average(y, weights=w))
    slope = float(np.sum(w * (x - centre) * (y - level)) / np.sum(w * (x - centre) ** 2))
    residual = float(np.max(np.abs(y - level - slope * (x - centre))))
    return Line(slope, level - slope * centre, residual, int(x.size))


def time_slope(t: FloatArray, y: FloatArray, start: float, stop: float) -> Line:
    """Slope of a waveform in a time window, each point weighted by its time step."""
    tw, yw = window(t, y, start, stop)
    return line(tw, yw, np.gradient(tw))


def exponential(t: FloatArray, y: FloatArray, start: float, stop: float, floor: float = 0.0) -> Decay:
    """Log-linear fit of an exponential in a time window; ``tau`` is negative for a growing one.

    Fits :math:`\\ln(y - floor)` against time; fails where the waveform does not stay above ``floor``.
    """
    tw, yw = window(t, y, start, stop)
    if float(yw.min()) <= floor:
        raise MeasureFailed(f"the waveform reaches its floor {floor:g} inside {start:g} to {stop:g} s")
    fit = line(tw - start, np.log(yw - floor), np.gradient(tw))
    if fit.slope == 0.0:
        raise MeasureFailed(f"the waveform is constant between {start:g} and {stop:g} s")
    return Decay(-1.0 / fit.slope, float(np.exp(fit.intercept)), floor, start, fit.max_residual, fit.points)


def settling_time(t: FloatArray, y: FloatArray, final: float, tolerance: float, start: float) -> float:
    """Time after ``start`` from which ``y`` stays within ``tolerance`` (absolute) of ``final`` to the end."""
    _check_time(t, y)
    outside = np.flatnonzero((np.abs(y - final) > tolerance) & (t >= start))
    if not outside.size:
        return 0.0
    k = int(outside[-1])
    if k == t.size - 1:
        raise MeasureFailed(f"not settled to {final:g} within {tolerance:g}: the last value is {y[-1]:g}")
    edge = final + np.sign(y[k] - final) * tolerance
    return float(t[k] + (edge - y[k]) / (y[k + 1] - y[k]) * (t[k + 1] - t[k]) - start)


def intervals(spikes: FloatArray, least: int = 2) -> FloatArray:
    """Inter-spike intervals; fails with fewer than ``least`` spikes."""
    if spikes.size < least:
        raise MeasureFailed(f"{spikes.size} spikes, {least} needed")
    steps: FloatArray = np.diff(spikes)
    return steps


def _check_time(t: FloatArray, y: FloatArray) -> None:
    if t.shape != y.shape or t.ndim != 1 or t.size < 2:
        raise MeasureFailed(f"a waveform needs two or more points, got shapes {t.shape} and {y.shape}")
    if not np.isfinite(y).all():
        raise MeasureFailed("the waveform holds values that are not finite")
