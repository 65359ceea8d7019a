"""Figures show what they are given, and their files are reproducible."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from circuits.families import circuits
from spicetwin.report.document import ReportError
from spicetwin.report.figures import (
    FitSeries,
    f_i_curves,
    fit_overlay,
    lognormal_histogram,
    observable_by_corner,
    raster,
    waveform_overlay,
)
from spicetwin.report.schematics import SCHEMATICS, write_schematic
from spicetwin.report.spike_figures import errors_against_limit, spike_comparison
from spicetwin.report.style import Axis, save


def drawn(line) -> np.ndarray:
    """y values of a drawn line."""
    return np.asarray(line.get_ydata(), dtype=float)


@pytest.mark.parametrize(
    ("values", "log", "factor", "label"),
    [
        ([3e-11, 0.0], False, 1e-12, "I (pA)"),
        ([1e-13, 1e-9], True, 1e-12, "I (pA)"),
        ([0.0], False, 1.0, "I (A)"),
    ],
)
def test_axis_takes_the_prefix_that_fits(values: list[float], log: bool, factor: float, label: str) -> None:
    assert Axis("I", "A", log=log).scale(np.array(values)) == (factor, label)


def test_waveform_overlay_shows_the_deviation_in_percent_of_the_peak() -> None:
    time = np.linspace(0, 0.1, 50)
    spice = 2e-10 * np.exp(-time / 0.03)
    figure = waveform_overlay(time, spice, spice + 2e-12, Axis("I", "A"), events=np.array([0.01]))
    top, bottom = figure.axes
    np.testing.assert_allclose(drawn(top.lines[0]), spice / 1e-12)
    np.testing.assert_allclose(drawn(bottom.lines[1]), 1.0)
    assert "rms 1 %" in bottom.get_title("right")


def test_corner_plot_shows_ratios_to_the_first_curve() -> None:
    x = np.geomspace(1e-12, 1e-9, 5)
    figure = observable_by_corner(
        Axis("I", "A", log=True), Axis("tau", "s", log=True), {"tt": (x, 1e-14 / x), "ss": (x, 1.1e-14 / x)}
    )
    np.testing.assert_allclose(drawn(figure.axes[1].lines[1]), 1.1)


def test_histogram_density_is_that_of_the_sample() -> None:
    values = np.exp(np.random.default_rng(1).normal(np.log(5e-3), 0.2, 2000))
    figure = lognormal_histogram(values, 5e-3, 0.2, Axis("tau", "s"), predicted_sigma_ln=0.25)
    fitted, predicted = figure.axes[0].lines
    for line in (fitted, predicted):
        x, y = np.asarray(line.get_xdata(), dtype=float), drawn(line)
        assert np.trapezoid(y, x) == pytest.approx(1.0, abs=0.01)
    bars = figure.axes[0].patches
    assert sum(bar.get_width() * bar.get_height() for bar in bars) == pytest.approx(1.0)
    assert max(bar.get_height() for bar in bars) == pytest.approx(drawn(fitted).max(), rel=0.2)


def test_histogram_refuses_values_that_have_no_logarithm() -> None:
    with pytest.raises(ValueError, match="positive"):
        lognormal_histogram(np.array([1.0, 0.0]), 1.0, 0.1, Axis("tau", "s"))


def test_f_i_band_holds_the_stated_part_of_the_chips() -> None:
    current = np.linspace(0, 1e-10, 4)
    rates = np.outer(np.arange(1, 102), current * 1e10)
    figure = f_i_curves(current, rates, level=0.9)
    band = figure.axes[0].collections[0].get_paths()[0].vertices
    at_the_end = band[np.isclose(band[:, 0], 100.0), 1]
    assert at_the_end.min() == pytest.approx(6.0)
    assert at_the_end.max() == pytest.approx(96.0)


def test_fit_overlay_shows_residuals_in_sigmas_and_leaves_out_censored_points() -> None:
    x = np.linspace(0, 1, 6)
    series = FitSeries("one", x, x + 0.2, x, sigma=np.full(6, 0.1), censored=x > 0.9)
    figure = fit_overlay(Axis("t", "s"), Axis("V", "V"), [series])
    np.testing.assert_allclose(drawn(figure.axes[1].lines[0]), 2.0)
    assert len(drawn(figure.axes[1].lines[0])) == 5


def test_raster_rate_is_spikes_per_neuron_and_second() -> None:
    times = np.arange(0.005, 1.0, 0.01)
    figure = raster(times, np.zeros(100), duration=1.0, count=10, bin_width=0.1)
    np.testing.assert_allclose(figure.axes[1].patches[0].get_data().values, 10.0)


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_equal_figures_give_equal_bytes(kind: str, tmp_path: Path) -> None:
    def write(name: str) -> bytes:
        figure = raster(np.array([0.1, 0.2]), np.array([0.0, 1.0]), duration=1.0, count=2, bin_width=0.1)
        return save(figure, tmp_path / f"{name}.{kind}").read_bytes()

    assert write("a") == write("b")


def test_other_file_kinds_are_refused(tmp_path: Path) -> None:
    figure = raster(np.array([0.1]), np.array([0.0]), duration=1.0, count=1, bin_width=0.1)
    with pytest.raises(ReportError, match=r"\.png or \.svg"):
        save(figure, tmp_path / "a.pdf")


@pytest.mark.parametrize("name", SCHEMATICS)
def test_schematic_shows_exactly_the_transistors_of_the_netlist(name: str) -> None:
    drawn_names = SCHEMATICS[name]().transistors
    assert len(drawn_names) == len(set(drawn_names))
    assert set(drawn_names) == set(circuits()[name].transistors)


def test_the_picture_in_the_readme_is_the_schematic() -> None:
    picture = Path(__file__).parents[2] / "docs" / "images" / "dpi_synapse.svg"
    assert picture.read_text() == SCHEMATICS["dpi_synapse"]().svg()


def test_a_circuit_without_a_schematic_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="dpi_synapse"):
        write_schematic("nothing", tmp_path / "x.svg")


def test_spike_errors_are_percent_of_the_interval_that_ends_there() -> None:
    time = np.linspace(0.0, 0.4, 100)
    spikes = np.array([0.1, 0.2, 0.3])
    twin = spikes + np.array([0.001, -0.002, 0.0])
    figure = spike_comparison(time, time, time, spikes, twin[:2], Axis("I", "A"))
    np.testing.assert_allclose(drawn(figure.axes[1].lines[1]), [1.0, -2.0], atol=1e-9)
    assert "SPICE 3 spikes, twin 2" in figure.axes[1].get_title("right")


def test_a_case_beyond_its_limit_stands_out() -> None:
    figure = errors_against_limit({"a": 0.5, "b": 1.5}, 1.0, Axis("error", "%"))
    inside, beyond = (bar.get_facecolor() for bar in figure.axes[0].patches)
    assert inside != beyond
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["a", "b"]
