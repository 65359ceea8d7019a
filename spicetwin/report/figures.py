"""Figures of the report, drawn from plain arrays in SI units.

Every function returns a :class:`matplotlib.figure.Figure`, which :func:`spicetwin.report.style.save` writes.
Matplotlib is imported on the first call only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spicetwin.report.style import (
    ALERT,
    CORNERS,
    CYCLE,
    INK,
    MEASURED,
    SOFT,
    SPICE,
    TWIN,
    Axis,
    FloatArray,
    new_figure,
    paper,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


#: Curves of more points are drawn as lines alone.
MOST_MARKERS = 40


@dataclass(frozen=True)
class Reference:
    """A horizontal line with a name: a limit, a nominal value, a floor. Same unit as the axis."""

    value: float
    label: str


@dataclass(frozen=True)
class FitSeries:
    """One condition of a fit: points, their standard deviation (``None``: unweighted), and the model.

    ``residual`` is (measured - model)/sigma, or the relative deviation where no sigma is given. ``censored``
    marks points at a floor, which the fit used as upper limits. ``curve`` is the model on a grid of its own,
    for drawing; without it the line joins the model at the points. Series of equal label share their colour.
    """

    label: str
    x: FloatArray
    measured: FloatArray
    model: FloatArray
    sigma: FloatArray | None = None
    censored: FloatArray | None = None
    curve: tuple[FloatArray, FloatArray] | None = None

    @property
    def residual(self) -> FloatArray:
        """Deviation of every point from the model."""
        deviation = self.measured - self.model
        return deviation / (self.sigma if self.sigma is not None else np.abs(self.model))


def waveform_overlay(
    time: FloatArray,
    spice: FloatArray,
    twin: FloatArray,
    y: Axis,
    *,
    title: str = "",
    events: FloatArray | None = None,
) -> Figure:
    """Transistor level against twin over time, with the deviation in percent of the peak below.

    Parameters
    ----------
    time, spice, twin : array, shape (n,)
        Common time base in seconds and the two waveforms.
    y : Axis
        Name and unit of the waveforms.
    events : array, optional
        Input spike times in seconds, drawn as ticks along the top.
    """
    with paper():
        figure = new_figure(height=3.6)
        top, bottom = with_residual(figure)
        t_factor, t_label = Axis("Time", "s").scale(time)
        factor, label = y.scale(spice, twin)
        top.plot(time / t_factor, spice / factor, color=SPICE, lw=2.2, alpha=0.45, label="SPICE")
        top.plot(time / t_factor, twin / factor, color=TWIN, lw=1.1, ls=(0, (4, 1.5)), label="twin")
        if events is not None and events.size:
            top.plot(
                events / t_factor,
                np.full(events.shape, 1.03),
                "|",
                color=SOFT,
                ms=6,
                transform=top.get_xaxis_transform(),
                clip_on=False,
                label="input spikes",
            )
        top.set(ylabel=label)
        top.set_title(title, pad=12 if events is not None else 6)
        legend_above(top, gap=0.06 if events is not None else 0.0)
        peak = float(np.max(np.abs(spice), initial=0.0)) or 1.0
        deviation = 100 * (twin - spice) / peak
        bottom.axhline(0, color=SOFT, lw=0.7)
        bottom.plot(time / t_factor, deviation, color=TWIN, lw=0.9)
        rms = float(np.sqrt(np.mean(deviation**2)))
        bottom.set(xlabel=t_label, ylabel="Deviation\n(% of peak)")
        bottom.set_title(f"rms {rms:.2g} % of peak", fontsize=8, color=SOFT, loc="right", pad=2)
        return figure


def observable_by_corner(
    x: Axis,
    y: Axis,
    curves: Mapping[str, tuple[FloatArray, FloatArray]],
    *,
    reference: Reference | None = None,
    law: tuple[FloatArray, FloatArray] | None = None,
    title: str = "",
) -> Figure:
    """An observable against a swept parameter, one line a corner (or temperature, or supply).

    Where all curves share their x values, a panel below shows each one's ratio to the first: a logarithmic
    axis of several decades hides what corners change.

    Parameters
    ----------
    curves : mapping
        Label -> (x, y). The labels tt ff ss sf fs have fixed colours.
    law : (x, y), optional
        The closed form or fitted law, drawn thin behind the points.
    """
    with paper():
        grids = [values for values, _ in curves.values()]
        comparable = len(grids) > 1 and all(np.array_equal(grids[0], grid) for grid in grids)
        figure = new_figure(height=4.0 if comparable else 3.2)
        axes, ratios = with_residual(figure) if comparable else (figure.add_subplot(), None)
        first = next(iter(curves.values()))[1]
        x_factor, x_label = x.scale(*grids)
        y_factor, y_label = y.scale(*(values for _, values in curves.values()))
        if law is not None:
            axes.plot(law[0] / x_factor, law[1] / y_factor, color=SOFT, lw=3.5, alpha=0.3, label="law")
        for number, (label, (values, observed)) in enumerate(curves.items()):
            colour = CORNERS.get(label, CYCLE[number % len(CYCLE)])
            style = "o-" if values.size <= MOST_MARKERS else "-"
            axes.plot(values / x_factor, observed / y_factor, style, color=colour, lw=1, ms=3.5, label=label)
            if ratios is not None:
                ratio = np.divide(observed, first, out=np.full(first.shape, np.nan), where=first != 0)
                ratios.plot(values / x_factor, ratio, style, color=colour, lw=0.9, ms=2.5)
        if reference is not None:
            axes.axhline(reference.value / y_factor, color=ALERT, lw=0.8, ls="--", label=reference.label)
        _finish(axes, x, y, "" if comparable else x_label, y_label, title)
        axes.legend(ncols=2 if len(curves) > 4 else 1)
        if ratios is not None:
            ratios.set(xlabel=x_label, ylabel=f"Ratio\nto {next(iter(curves))}")
            ratios.grid(x.log)
        return figure


def lognormal_histogram(
    values: FloatArray,
    median: float,
    sigma_ln: float,
    x: Axis,
    *,
    predicted_sigma_ln: float | None = None,
    title: str = "",
) -> Figure:
    """Histogram of a Monte-Carlo sample with the fitted log-normal density.

    Parameters
    ----------
    values : array, shape (n,)
        Positive sample values.
    median, sigma_ln : float
        Fitted distribution: exp of the mean, and standard deviation, of ln(values).
    predicted_sigma_ln : float, optional
        Spread that propagation predicts, drawn as a second density at the same median.
    """
    if not np.all(values > 0):
        raise ValueError("a log-normal histogram needs positive values only")
    with paper():
        figure = new_figure()
        axes = figure.add_subplot()
        factor, label = x.scale(values)
        edges = np.geomspace(values.min() / factor, values.max() / factor, _bins(values.size) + 1)
        axes.hist(
            values / factor, bins=edges.tolist(), density=True, color=MEASURED, alpha=0.35, label="samples"
        )
        wide = max(sigma_ln, predicted_sigma_ln or 0.0)
        grid = np.geomspace(median * np.exp(-3.5 * wide), median * np.exp(3.5 * wide), 400) / factor
        fitted = _lognormal_density(grid, median / factor, sigma_ln)
        axes.plot(grid, fitted, color=INK, label=f"log-normal, σ(ln) = {sigma_ln:.3f}")
        if predicted_sigma_ln is not None:
            predicted = _lognormal_density(grid, median / factor, predicted_sigma_ln)
            text = f"propagated, σ(ln) = {predicted_sigma_ln:.3f}"
            axes.plot(grid, predicted, color=TWIN, ls=(0, (4, 1.5)), label=text)
        axes.set(xlabel=label, ylabel="Density", yticks=[])
        axes.set_title(title or f"{values.size} samples")
        axes.legend()
        return figure


def f_i_curves(
    current: FloatArray,
    rates: FloatArray,
    *,
    level: float = 0.9,
    reference: tuple[FloatArray, FloatArray] | None = None,
    title: str = "",
) -> Figure:
    """Firing rate against input current over drawn chips: every chip, the median, and a central interval.

    Parameters
    ----------
    current : array, shape (points,)
        Input current (A).
    rates : array, shape (chips, points)
        Firing rate (Hz).
    level : float
        Probability inside the band, from quantiles over the chips.
    reference : (current, rate), optional
        Transistor-level points.
    """
    with paper():
        figure = new_figure()
        axes = figure.add_subplot()
        factor, label = Axis("Input current", "A").scale(current)
        rate_axis = Axis("Firing rate", "Hz")
        rate_factor, rate_label = rate_axis.scale(rates)
        low, middle, high = np.quantile(rates, [(1 - level) / 2, 0.5, (1 + level) / 2], axis=0) / rate_factor
        shown = current / factor
        axes.plot(shown, rates.T / rate_factor, color=SOFT, lw=0.4, alpha=min(0.5, 20 / rates.shape[0]))
        axes.fill_between(
            shown, low, high, color=TWIN, alpha=0.22, lw=0, label=f"{100 * level:.0f} % of chips"
        )
        axes.plot(shown, middle, color=TWIN, label="median chip")
        if reference is not None:
            axes.plot(
                reference[0] / factor, reference[1] / rate_factor, "o", color=SPICE, label="SPICE, nominal"
            )
        axes.set(xlabel=label, ylabel=rate_label)
        axes.set_ylim(bottom=0)
        axes.set_title(title or f"{rates.shape[0]} chips drawn from the table")
        axes.legend()
        return figure


def fit_overlay(x: Axis, y: Axis, series: Sequence[FitSeries], *, title: str = "") -> Figure:
    """Measured points with the fitted model on top, residuals below, one colour a condition."""
    from matplotlib.lines import Line2D

    with paper():
        figure = new_figure(height=4.0)
        top, bottom = with_residual(figure)
        x_factor, x_label = x.scale(*(one.x for one in series))
        y_factor, y_label = y.scale(*(one.measured for one in series))
        colours = {
            label: CYCLE[i % len(CYCLE)] for i, label in enumerate(dict.fromkeys(s.label for s in series))
        }
        for one in series:
            _draw_condition(top, bottom, one, colours[one.label], x_factor, y_factor)
        bottom.axhline(0, color=SOFT, lw=0.7)
        _finish(top, x, y, "", y_label, title)
        handles = [Line2D([], [], color=colour, marker="o", ms=2.8) for colour in colours.values()]
        if len(colours) > 4:
            columns = 3 if max(map(len, colours)) <= 14 else 2
            figure.legend(handles, list(colours), loc="outside lower center", ncols=columns)
        else:
            top.legend(handles, list(colours))
        weighted = any(one.sigma is not None for one in series)
        bottom.set(xlabel=x_label, ylabel="Residual\n(σ)" if weighted else "Residual\n(relative)")
        return figure


def raster(
    times: FloatArray, neurons: FloatArray, *, duration: float, count: int, bin_width: float, title: str = ""
) -> Figure:
    """Spike raster of a population with its rate below.

    Parameters
    ----------
    times, neurons : array, shape (spikes,)
        Spike times (s) and neuron indices.
    duration, count : float, int
        Length of the run (s) and number of neurons, so that silence shows.
    bin_width : float
        Width of the rate histogram's bins (s).
    """
    with paper():
        figure = new_figure(height=3.6)
        top, bottom = with_residual(figure)
        factor, label = Axis("Time", "s").scale(np.array([duration]))
        top.plot(times / factor, neurons, "|", color=INK, ms=2.2, mew=0.6, rasterized=True)
        top.set(ylabel="Neuron", ylim=(-0.5, count - 0.5), xlim=(0, duration / factor))
        top.set_title(title or f"{times.size} spikes of {count} neurons")
        edges = np.arange(0.0, duration + 0.5 * bin_width, bin_width)
        rate = np.histogram(times, edges)[0] / (count * bin_width)
        bottom.stairs(rate, edges / factor, color=TWIN, fill=True, alpha=0.5)
        bottom.set(xlabel=label, ylabel="Rate (Hz)")
        return figure


def legend_above(axes: Axes, gap: float = 0.0) -> None:
    """Legend in one line above the upper right corner; ``gap`` is a fraction of the axes' height."""
    axes.legend(
        loc="lower right", bbox_to_anchor=(1.0, 1.0 + gap), ncols=4, borderaxespad=0.1, columnspacing=1.2
    )


def with_residual(figure: Figure) -> tuple[Axes, Axes]:
    """Main panel over a low one with the same x axis."""
    grid = figure.add_gridspec(2, 1, height_ratios=(3, 1))
    top = figure.add_subplot(grid[0])
    bottom = figure.add_subplot(grid[1], sharex=top)
    top.tick_params(labelbottom=False)
    figure.align_ylabels([top, bottom])
    return top, bottom


def _draw_condition(
    top: Axes, bottom: Axes, one: FitSeries, colour: str, x_factor: float, y_factor: float
) -> None:
    """Points, censored points as downward marks, model line in order of x, residuals."""
    used = np.ones(one.x.shape, dtype=bool) if one.censored is None else ~one.censored.astype(bool)
    shown = one.x / x_factor
    top.plot(shown[used], one.measured[used] / y_factor, "o", color=colour, ms=2.8, alpha=0.55, mew=0)
    top.plot(shown[~used], one.measured[~used] / y_factor, "v", mfc="none", color=colour, ms=3.5, mew=0.7)
    order = np.argsort(one.x, kind="stable")
    x, model = (one.x[order], one.model[order]) if one.curve is None else one.curve
    top.plot(x / x_factor, model / y_factor, color=colour, lw=1.1)
    bottom.plot(shown[used], one.residual[used], "o", color=colour, ms=2.2, alpha=0.55, mew=0)


def _finish(axes: Axes, x: Axis, y: Axis, x_label: str, y_label: str, title: str) -> None:
    """Scales, labels, title, and a light grid on log axes, where it helps reading."""
    axes.set_xscale("log" if x.log else "linear")
    axes.set_yscale("log" if y.log else "linear")
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.set_title(title)
    axes.grid(x.log or y.log)


def _bins(count: int) -> int:
    """Number of bins: about the square root, within what a small figure can show."""
    return int(np.clip(np.sqrt(count), 8, 40))


def _lognormal_density(x: FloatArray, median: float, sigma: float) -> FloatArray:
    """Density of exp(N(ln median, sigma^2)) per unit of x."""
    deviation = np.log(x / median) / sigma
    density: FloatArray = np.exp(-0.5 * deviation**2) / (x * sigma * np.sqrt(2 * np.pi))
    return density
