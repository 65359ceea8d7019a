"""Figures of delay cells: errors of delays, tuning curves of coincidence detection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from spicetwin.report.figures import legend_above, with_residual
from spicetwin.report.style import CYCLE, INK, SPICE, TWIN, Axis, FloatArray, new_figure, paper

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def delay_errors(
    errors: Mapping[str, tuple[FloatArray, FloatArray]], limit: float, *, title: str = ""
) -> Figure:
    """Relative error against delay, one colour a cell, with the accepted limit as a line.

    Parameters
    ----------
    errors : mapping
        Cell -> (delay in s, relative error), each of shape (points,).
    limit : float
        Accepted relative error.
    """
    with paper():
        figure = new_figure()
        axes = figure.add_subplot()
        factor, label = Axis("Delay", "s", log=True).scale(*(delay for delay, _ in errors.values()))
        for (name, (delay, error)), colour in zip(errors.items(), CYCLE, strict=False):
            axes.plot(delay / factor, 100 * error, "o", ms=4, mew=0, alpha=0.75, color=colour, label=name)
        axes.axhline(100 * limit, color=INK, lw=0.9, ls="--", label="limit")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set(xlabel=label, ylabel="Error of the twin (%)")
        axes.grid(visible=True)
        axes.set_title(title, pad=20)
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, borderaxespad=0.1)
        return figure


def tuning_curve(interval: FloatArray, spice: FloatArray, twin: FloatArray, *, title: str = "") -> Figure:
    """Peak of the soma against the interval of two spikes, circuit and twin, with the relative deviation below.

    Parameters
    ----------
    interval : array, shape (n,)
        Second spike after the first (s).
    spice, twin : array, shape (n,)
        Largest soma voltage (V).
    """
    with paper():
        figure = new_figure(height=3.6)
        top, bottom = with_residual(figure)
        order = np.argsort(interval)
        x_factor, x_label = Axis("Interval of the spikes", "s").scale(interval)
        y_factor, y_label = Axis("Peak of the soma", "V").scale(spice, twin)
        x = interval[order] / x_factor
        top.plot(x, spice[order] / y_factor, "o", ms=4.5, mfc="none", color=SPICE, label="ngspice")
        top.plot(x, twin[order] / y_factor, "-", lw=1.1, color=TWIN, label="twin")
        top.set(ylabel=y_label)
        top.set_title(title, pad=20)
        legend_above(top)
        bottom.plot(x, 100 * (twin / spice - 1)[order], ".-", lw=0.9, ms=4, color=TWIN)
        bottom.axhline(0.0, color=INK, lw=0.6)
        bottom.set(xlabel=x_label, ylabel="Twin − SPICE\n(%)")
        return figure
