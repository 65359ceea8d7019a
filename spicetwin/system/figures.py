"""Figures of a mixed network: chips along the run, source shares, what the layers do in one sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pysim.interval import Mean, Share
from pysim.system.layer import LayerRun
from spicetwin.report.figures import legend_above
from spicetwin.report.style import CYCLE, INK, SOFT, TWIN, Axis, new_figure, paper

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FloatArray = NDArray[np.float64]

#: Neurons whose state is drawn.
SHOWN = 4


def accuracy_against_chips(accuracy: FloatArray, mean: Mean, typical: float) -> Figure:
    """Every chip, the running mean with its 95 % t interval, and the typical chip.

    Parameters
    ----------
    accuracy : array, shape (chips,)
        Fractions, in the order of the design.
    """
    from matplotlib.ticker import MaxNLocator
    from scipy.special import stdtrit

    with paper():
        figure = new_figure()
        axes = figure.add_subplot()
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        number = np.arange(1, accuracy.size + 1)
        axes.plot(number, 100 * accuracy, ".", color=SOFT, ms=4, label="chip")
        running = np.cumsum(accuracy) / number
        square = np.cumsum(accuracy**2) / number
        sd = np.sqrt(np.maximum(square - running**2, 0.0) * number / np.maximum(number - 1, 1))
        half = stdtrit(np.maximum(number - 1, 1), 0.975) * sd / np.sqrt(number)
        late = number >= min(5, accuracy.size)
        axes.fill_between(
            number[late], 100 * (running - half)[late], 100 * np.minimum(running + half, 1.0)[late],
            color=TWIN, alpha=0.25, lw=0, label="95 % interval of the mean",
        )  # fmt: skip
        axes.plot(number, 100 * running, color=TWIN, label="mean so far")
        axes.axhline(100 * typical, color=INK, lw=0.9, ls="--", label="typical chip")
        axes.set(xlabel="Chips", ylabel="Accuracy (%)")
        axes.set_title(f"{100 * mean.mean:.2f} % [{100 * mean.low:.2f}, {100 * mean.high:.2f}]", pad=34)
        legend_above(axes)
        return figure


def source_shares(shares: Sequence[Share]) -> Figure:
    """First-order and total share of the variance of each source, with their 95 % intervals."""
    with paper():
        figure = new_figure(height=0.9 + 0.42 * len(shares))
        axes = figure.add_subplot()
        rows = np.arange(len(shares), dtype=np.float64)
        for shift, name, colour, label in (
            (-0.16, "first", CYCLE[0], "alone"),
            (0.16, "total", CYCLE[1], "with interactions"),
        ):
            value, low, high = (
                np.array([getattr(s, f"{name}{end}") for s in shares]) for end in ("", "_low", "_high")
            )
            axes.barh(rows + shift, value, height=0.3, color=colour, alpha=0.6, label=label)
            axes.hlines(rows + shift, low, high, color=INK, lw=1.0)
        axes.set_yticks(rows, [s.source for s in shares])
        axes.invert_yaxis()
        axes.axvline(0.0, color=INK, lw=0.7)
        axes.set_xlim(-0.25, 1.25)
        axes.set(xlabel="Share of the variance of accuracy between chips")
        axes.tick_params(axis="y", length=0)
        legend_above(axes)
        return figure


def raster(layers: Sequence[LayerRun], names: Sequence[str], sample: int = 0) -> Figure:
    """Outputs that are 1, layer above layer, in one sample.

    Parameters
    ----------
    layers
        Of one run.
    names
        Labels.
    """
    with paper():
        figure = new_figure(height=0.7 + 1.15 * len(layers))
        grid = np.atleast_1d(figure.subplots(len(layers), 1, sharex=True))
        factor, label = 1.0, ""
        for axes, run, name in zip(grid, layers, names, strict=True):
            events = run.output.bits
            inside = events.step // events.steps == sample
            time = (events.step[inside] % events.steps) * run.output.dt
            factor, label = Axis("Time", "s").scale(np.array([events.steps * run.output.dt]))
            axes.plot(time / factor, events.channel[inside], "|", color=INK, ms=2.2, mew=0.6)
            axes.set(ylabel="Neuron", ylim=(-1, events.channels))
            axes.set_title(name)
        grid[-1].set(xlabel=label)
        figure.align_ylabels(list(grid))
        return figure


def states(run: LayerRun, name: str, sample: int = 0) -> Figure:
    """State of a few neurons of a layer that keeps its states, in one sample."""
    assert run.trace is not None
    with paper():
        figure = new_figure(height=2.8)
        axes = figure.add_subplot()
        time = np.arange(1, run.trace.shape[1] + 1) * run.output.dt
        factor, label = Axis("Time", "s").scale(time)
        chosen = np.linspace(0, run.trace.shape[2] - 1, min(SHOWN, run.trace.shape[2])).astype(int)
        for neuron, colour in zip(chosen, CYCLE, strict=False):
            axes.plot(
                time / factor, run.trace[sample, :, neuron], color=colour, lw=1.0, label=f"neuron {neuron}"
            )
        axes.set(xlabel=label, ylabel=run.state)
        axes.set_title(name, pad=20)
        legend_above(axes)
        return figure


def learning(epochs: FloatArray, series: dict[str, FloatArray]) -> Figure:
    """Accuracy over the epochs of a training, as its log has it."""
    with paper():
        figure = new_figure()
        axes = figure.add_subplot()
        for (name, values), colour in zip(series.items(), CYCLE, strict=False):
            axes.plot(epochs, 100 * values, color=colour, label=name)
        axes.set(xlabel="Epoch", ylabel="Accuracy (%)")
        legend_above(axes)
        return figure
