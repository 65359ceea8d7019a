"""Measures against closed forms on unevenly sampled waveforms, and what they refuse."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits import measure
from circuits.deck import FloatArray
from circuits.ngspice.errors import MeasureFailed

#: An adaptive simulator's points: dense at first, a thousand times coarser at the end (s).
T: FloatArray = np.r_[0.0, np.geomspace(1e-6, 1e-2, 400)]
TAU = 1e-3
NAN = np.array([0.0, np.nan, 1.0])


def ramp(slope: float, start: float = 0.0) -> FloatArray:
    return start + slope * T


def triangle() -> tuple[FloatArray, FloatArray]:
    """0 -> 1 -> -1 -> 1 at t = 0, 1, 3, 5: crosses zero at 2 and 4, one half at 0.5, 1.5 and 4.5."""
    return np.array([0.0, 1.0, 3.0, 5.0]), np.array([0.0, 1.0, -1.0, 1.0])


def test_window_interpolates_its_ends() -> None:
    t, y = measure.window(T, ramp(2.0), 1.234e-3, 5.678e-3)
    assert (t[0], t[-1]) == (1.234e-3, 5.678e-3)
    np.testing.assert_allclose(y, 2.0 * t, rtol=1e-12)
    assert (np.diff(t) > 0).all()


def test_window_between_two_points_has_its_ends_alone() -> None:
    t, y = measure.window(np.array([0.0, 1.0]), np.array([0.0, 4.0]), 0.25, 0.5)
    assert (t.tolist(), y.tolist()) == ([0.25, 0.5], [1.0, 2.0])


def test_value_at_a_time_is_interpolated() -> None:
    assert measure.at(T, ramp(3.0, 1.0), 4.321e-3) == pytest.approx(1.0 + 3.0 * 4.321e-3, rel=1e-12)
    assert measure.at(T, ramp(3.0), float(T[-1])) == pytest.approx(3.0 * T[-1])


def test_crossings_of_a_non_monotonic_waveform_are_all_found_between_its_points() -> None:
    t, y = triangle()
    np.testing.assert_allclose(measure.crossings(t, y, 0.5), [0.5, 1.5, 4.5])
    np.testing.assert_allclose(measure.crossings(t, y, 0.5, "rise"), [0.5, 4.5])
    np.testing.assert_allclose(measure.crossings(t, y, 0.5, "fall"), [1.5])
    assert measure.crossings(t, y, 1.5).size == 0


def test_first_crossing_after_a_time() -> None:
    t, y = triangle()
    assert measure.crossing(t, y, 0.5, after=0.5) == pytest.approx(1.5)
    assert measure.crossing(t, y, 0.5, "rise", after=1.0) == pytest.approx(4.5)


def test_a_waveform_that_touches_its_level_from_below_crosses_nothing() -> None:
    assert measure.crossings(np.arange(3.0), np.array([0.0, 1.0, 0.0]), 1.0).size == 0


def test_pulse_width_is_between_the_half_levels() -> None:
    t, y = np.array([0.0, 1.0, 3.0, 4.0]), np.array([0.0, 1.0, 1.0, 0.0])
    assert measure.pulse_width(t, y, 0.5) == pytest.approx(3.0)
    assert measure.pulse_width(t, y, 0.9) == pytest.approx(2.2)


def test_integral_mean_and_energy_of_a_ramp() -> None:
    start, stop = 1.1e-3, 7.7e-3
    area = (stop**2 - start**2) / 2
    assert measure.integral(T, ramp(1.0), start, stop) == pytest.approx(area, rel=1e-12)
    assert measure.mean(T, ramp(1.0), start, stop) == pytest.approx((start + stop) / 2, rel=1e-12)
    delivering = ramp(-1e-9)
    energy = measure.supply_energy(T, delivering, 1.8, start, stop)
    assert energy == pytest.approx(1.8e-9 * area, rel=1e-12)
    assert energy > 0


def test_charge_of_an_exponential_is_its_closed_form() -> None:
    current = 1e-9 * np.exp(-T / TAU)
    exact = 1e-9 * TAU * (1 - math.exp(-5))
    assert measure.integral(T, current, 0.0, 5e-3) == pytest.approx(exact, rel=1e-3)


def test_mean_does_not_depend_on_where_the_points_are() -> None:
    """A plain average of these points would be dominated by the dense beginning."""
    wave = np.where(T < 5e-3, 0.0, 1.0)
    assert abs(measure.mean(T, wave, 0.0, 1e-2) - 0.5) < 0.02
    assert wave.mean() < 0.1


def test_peak_is_the_largest_point_of_the_window() -> None:
    wave = np.sin(np.pi * T / 1e-2)
    time, value = measure.peak(T, wave, 0.0, 1e-2)
    assert time == pytest.approx(5e-3, rel=0.03)
    assert value == pytest.approx(1.0, rel=1e-3)
    assert measure.peak(T, wave, 0.0, 2e-3) == pytest.approx((2e-3, math.sin(0.2 * np.pi)), rel=1e-3)


def test_line_recovers_slope_intercept_and_the_deviation_of_one_point() -> None:
    x = np.arange(5.0)
    fit = measure.line(x, 3.0 * x - 2.0)
    assert (fit.slope, fit.intercept, fit.points) == (pytest.approx(3.0), pytest.approx(-2.0), 5)
    assert fit.max_residual < 1e-12
    weights = np.array([1.0, 1.0, 0.0, 1.0, 1.0])
    bent = measure.line(x, 3.0 * x - 2.0 + 7.0 * (x == 2.0), weights)
    assert (bent.slope, bent.max_residual) == (pytest.approx(3.0), pytest.approx(7.0))


def test_slope_of_a_waveform_in_a_window() -> None:
    wave = np.where(T < 2e-3, 0.0, -5.0 * (T - 2e-3))
    assert measure.time_slope(T, wave, 3e-3, 9e-3).slope == pytest.approx(-5.0, rel=1e-9)


@given(
    tau=st.floats(1e-4, 1e-1),
    amplitude=st.floats(1e-13, 1e-6),
    floor=st.sampled_from([0.0, 1e-15, 1e-9]),
    sign=st.sampled_from([1.0, -1.0]),
)
def test_exponential_gives_back_what_made_it(tau: float, amplitude: float, floor: float, sign: float) -> None:
    wave = floor + amplitude * np.exp(-sign * T / tau)
    stop = min(5 * tau, float(T[-1]))
    if amplitude * math.exp(-5) < 1e-5 * floor:
        floor, wave = 0.0, wave - floor
    fit = measure.exponential(T, wave, 0.0, stop, floor)
    start = float(wave[0] - floor)
    assert fit.tau == pytest.approx(sign * tau, rel=2e-3)  # window ends are interpolated linearly
    assert fit.amplitude == pytest.approx(start, rel=2e-3)
    assert fit.ln_residual < 1e-2


def test_two_time_constants_show_in_the_residual() -> None:
    wave = np.exp(-T / TAU) + 0.3 * np.exp(-T / (4 * TAU))
    assert measure.exponential(T, wave, 0.0, 8e-3).ln_residual > 0.1


def test_settling_time_is_the_last_time_outside_the_band() -> None:
    wave = 1.0 - np.exp(-T / TAU)
    assert measure.settling_time(T, wave, 1.0, 0.01, 0.0) == pytest.approx(TAU * math.log(100), rel=1e-3)
    assert measure.settling_time(T, wave, 1.0, 0.01, 1e-3) == pytest.approx(
        TAU * math.log(100) - 1e-3, rel=1e-3
    )
    assert measure.settling_time(T, wave, 1.0, 2.0, 0.0) == 0.0


def test_settling_counts_a_late_excursion() -> None:
    t, y = np.arange(6.0), np.array([1.0, 1.0, 1.0, 3.0, 1.0, 1.0])
    assert measure.settling_time(t, y, 1.0, 0.5, 0.0) == pytest.approx(3.75)


def test_intervals_between_spikes() -> None:
    assert measure.intervals(np.array([1.0, 3.0, 7.0])).tolist() == [2.0, 4.0]


Y = ramp(1.0)
REFUSED: dict[str, tuple[Callable[..., Any], tuple[Any, ...], str]] = {
    "window of no length": (measure.window, (T, Y, 1e-3, 1e-3), "empty time window: 0.001 s to 0.001 s"),
    "window backwards": (measure.window, (T, Y, 2e-3, 1e-3), "empty time window"),
    "window without a number": (measure.window, (T, Y, 1e-3, math.nan), "empty time window"),
    "window before the waveform": (measure.window, (T, Y, -1.0, 1e-3), "outside the waveform, 0 to 0.01 s"),
    "window behind the waveform": (measure.mean, (T, Y, 0.0, 1.0), "outside the waveform"),
    "time outside": (measure.at, (T, Y, 1.0), "time 1 s is outside the waveform"),
    "one point": (measure.at, (T[:1], Y[:1], 0.0), "two or more points"),
    "no point": (measure.crossings, (T[:0], Y[:0], 0.0), "two or more points"),
    "unequal lengths": (measure.crossings, (T, Y[:-1], 0.0), "two or more points"),
    "not a number in a waveform": (measure.crossings, (np.arange(3.0), NAN, 0.5), "not finite"),
    "level never reached": (measure.crossing, (T, Y, 1.0), r"never crosses 1 \(it spans 0 to 0.01\)"),
    "level never left": (measure.crossing, (T, Y, 5e-3, "fall"), "never falls through 0.005"),
    "crossing too early": (measure.crossing, (T, Y, 5e-3, "rise", 6e-3), "never rises through"),
    "pulse that does not end": (measure.pulse_width, (T, Y, 5e-3), "never falls through"),
    "line of two points": (
        measure.line,
        (np.arange(2.0), np.arange(2.0)),
        "3 or more distinct points, got 2",
    ),
    "line of one abscissa": (measure.line, (np.ones(5), np.arange(5.0)), "3 or more distinct"),
    "line without a number": (measure.line, (np.arange(3.0), NAN), "not finite"),
    "decay below its floor": (measure.exponential, (T, 1e-2 - Y, 1e-3, 1e-2), "reaches its floor 0"),
    "decay of a constant": (measure.exponential, (T, np.ones_like(T), 1e-3, 9e-3), "constant between"),
    "never settled": (measure.settling_time, (T, Y, 0.0, 1e-3, 0.0), "not settled to 0 within 0.001"),
    "one spike": (measure.intervals, (np.array([1.0]),), "1 spikes, 2 needed"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_waveform_does_not_hold_is_a_typed_error(name: str) -> None:
    function, arguments, says = REFUSED[name]
    with pytest.raises(MeasureFailed, match=says):
        function(*arguments)
