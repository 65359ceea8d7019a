"""Figures of classifiers and of cores: accuracy over chips, confusion, states step by step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spicetwin.report.figures import legend_above
from spicetwin.report.style import CYCLE, INK, SPICE, TWIN, Axis, FloatArray, new_figure, paper

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def accuracy_over_chips(groups: Mapping[str, tuple[FloatArray, float]], *, title: str = "") -> Figure:
    """Histograms of the accuracy of drawn chips, one for each network, with its accuracy without any effect.

    Parameters
    ----------
    groups : mapping
        Label -> (accuracy of every chip, accuracy of the mathematical network), fractions.
    """
    from matplotlib.ticker import MaxNLocator

    with paper():
        figure = new_figure()
        axes = figure.add_subplot()
        every = np.concatenate([100 * np.asarray(chips) for chips, _ in groups.values()])
        edges = np.linspace(every.min(), every.max() + 1e-9, int(np.clip(3 * np.sqrt(every.size), 12, 40)))
        for (label, (chips, ideal)), colour in zip(groups.items(), CYCLE, strict=False):
            axes.hist(100 * np.asarray(chips), bins=edges.tolist(), color=colour, alpha=0.4, label=label)
            axes.axvline(100 * ideal, color=colour, lw=1.3, ls="--")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="Accuracy (%); dashed: without any effect", ylabel="Chips")
        axes.set_title(title, pad=20)
        legend_above(axes)
        return figure


def confusion(shares: FloatArray, *, title: str = "") -> Figure:
    """Share of decisions for each true class, as a grid with the numbers in percent.

    Parameters
    ----------
    shares : array, shape (classes, classes)
        Rows: true classes, each summing to 1; columns: decided.
    """
    with paper():
        size = len(shares)
        figure = new_figure(height=4.4)
        axes = figure.add_subplot()
        axes.imshow(np.sqrt(shares), cmap="Blues", vmin=0.0, vmax=1.0)
        for row in range(size):
            for column in range(size):
                share = 100 * shares[row, column]
                if share >= 0.5:
                    colour = "white" if shares[row, column] > 0.35 else INK
                    axes.annotate(
                        f"{share:.0f}", (column, row), ha="center", va="center", fontsize=7.5, color=colour
                    )
        axes.set_xticks(range(size))
        axes.set_yticks(range(size))
        axes.tick_params(length=0)
        axes.set(xlabel="Decided", ylabel="True")
        axes.set_title(title)
        return figure


def states_and_codes(
    spice: tuple[FloatArray, NDArray[np.int64]],
    twin: tuple[FloatArray, NDArray[np.int64]],
    theta: float,
    *,
    title: str = "",
) -> Figure:
    """State of one column over steps above its gate codes, circuit and twin.

    Parameters
    ----------
    spice, twin : tuple of arrays, shape (steps,)
        State against the common mode (V), and gate code.
    theta : float
        Where the output turns over (V).
    """
    with paper():
        figure = new_figure(height=3.6)
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        steps = np.arange(1, len(spice[0]) + 1)
        factor, label = Axis("State", "V").scale(spice[0], twin[0])
        top.plot(steps, spice[0] / factor, "o", ms=4.5, mfc="none", color=SPICE, label="ngspice")
        top.plot(steps, twin[0] / factor, ".-", ms=4, lw=1.0, color=TWIN, label="twin")
        top.axhline(theta / factor, color=INK, lw=0.8, ls="--", label="threshold")
        top.set(ylabel=label)
        top.set_title(title)
        top.legend(loc="best", ncols=3)
        bottom.step(steps, spice[1], where="mid", color=SPICE, lw=2.2, alpha=0.45)
        bottom.step(steps, twin[1], where="mid", color=TWIN, lw=1.0)
        bottom.set(xlabel="Step", ylabel="Gate code")
        figure.align_ylabels([top, bottom])
        return figure
