"""Figures of spikes and of errors against their limits, drawn from plain arrays in SI units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from spicetwin.report.figures import legend_above, with_residual
from spicetwin.report.style import ALERT, INK, SOFT, SPICE, TWIN, Axis, FloatArray, new_figure, paper

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def spike_comparison(
    time: FloatArray,
    spice: FloatArray,
    twin: FloatArray,
    spice_spikes: FloatArray,
    twin_spikes: FloatArray,
    y: Axis,
    *,
    limit: float = 1.0,
    title: str = "",
) -> Figure:
    """Membrane waveform of a neuron, transistor level against twin, with the error of each spike time below.

    Parameters
    ----------
    time, spice, twin : array, shape (n,)
        Common time base (s) and both waveforms.
    spice_spikes, twin_spikes : array
        Spike times (s). The n-th spikes are compared; the error is in percent of the transistor-level
        inter-spike interval that ends there, the first counted from the start. A difference in number is
        said in the figure.
    limit : float
        Accepted error in percent, drawn as a band.
    """
    with paper():
        figure = new_figure(height=3.6)
        top, bottom = with_residual(figure)
        t_factor, t_label = Axis("Time", "s").scale(time)
        factor, label = y.scale(spice, twin)
        top.plot(time / t_factor, spice / factor, color=SPICE, lw=2.2, alpha=0.45, label="SPICE")
        top.plot(time / t_factor, twin / factor, color=TWIN, lw=1.1, ls=(0, (4, 1.5)), label="twin")
        top.set_yscale("log" if y.log else "linear")
        top.set(ylabel=label)
        top.set_title(title)
        legend_above(top)
        paired = min(spice_spikes.size, twin_spikes.size)
        interval = np.diff(spice_spikes[:paired], prepend=time[0])
        error = 100 * (twin_spikes[:paired] - spice_spikes[:paired]) / interval
        bottom.axhspan(-limit, limit, color=SOFT, alpha=0.15, lw=0)
        bottom.axhline(0, color=SOFT, lw=0.7)
        bottom.vlines(spice_spikes[:paired] / t_factor, 0, error, color=TWIN, lw=1)
        bottom.plot(spice_spikes[:paired] / t_factor, error, "o", color=TWIN, ms=3)
        bottom.set(xlabel=t_label, ylabel="Spike time\n(% of ISI)")
        if spice_spikes.size != twin_spikes.size:
            text = f"SPICE {spice_spikes.size} spikes, twin {twin_spikes.size}"
            bottom.set_title(text, fontsize=8, color=ALERT, loc="right", pad=2)
        return figure


def errors_against_limit(errors: Mapping[str, float], limit: float, x: Axis, *, title: str = "") -> Figure:
    """One bar a case, with the accepted limit as a line; cases beyond it stand out and carry their value.

    Parameters
    ----------
    errors : mapping
        Case -> error, in the unit of ``x``.
    limit : float
        Accepted error in the same unit.
    """
    with paper():
        figure = new_figure(height=0.9 + 0.24 * len(errors))
        axes = figure.add_subplot()
        values = np.array(list(errors.values()))
        rows = np.arange(values.size)
        factor, label = x.scale(values)
        colours = [ALERT if value > limit else SOFT for value in values]
        axes.barh(rows, values / factor, height=0.6, color=colours)
        for row, value in zip(rows, values, strict=True):
            axes.annotate(
                f"{value / factor:.2g}",
                (value / factor, row),
                (4, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
        axes.axvline(limit / factor, color=INK, lw=0.9, ls="--")
        axes.annotate(
            "limit", (limit / factor, -0.6), (3, 0), textcoords="offset points", fontsize=8, va="bottom"
        )
        axes.set_yticks(rows, list(errors))
        axes.invert_yaxis()
        axes.set_ylim(values.size - 0.4, -1.1)
        axes.set_xlim(0, 1.15 * max(float(values.max(initial=0.0)), limit) / factor)
        axes.set(xlabel=label)
        axes.set_title(title)
        axes.tick_params(axis="y", length=0)
        return figure
