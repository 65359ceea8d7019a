"""Picture of a study of recurrent memcapacitive networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from spicetwin.report.style import ALERT, INK, MEASURED, SOFT, TWIN, new_figure, paper, save


def draw_comparison(result: dict[str, Any], path: Path) -> Path:
    """Kinds of time constants, drawn chips, and where the trained time constants went; one picture."""
    with paper():
        figure = new_figure(height=8.6, width=6.2)
        top, middle, bottom = figure.subplots(3, 1, height_ratios=(1.2, 2.0, 1.0))
        _kinds(top, result)
        _chips(middle, result)
        _taus(bottom, result)
        return save(figure, path)


def _kinds(axes: Any, result: dict[str, Any]) -> None:
    """A point a seed, mean and interval."""
    names = list(result["kinds"])
    for k, name in enumerate(names):
        found = result["kinds"][name]["accuracy"]
        values = 100 * np.array(found["values"])
        colour = SOFT if name.startswith("homogeneous") else TWIN
        axes.plot(values, np.full(len(values), k), "o", color=colour, alpha=0.6, markeredgewidth=0)
        axes.plot([100 * found["low"], 100 * found["high"]], [k + 0.28] * 2, color=INK, linewidth=1.0)
        axes.plot([100 * found["mean"]], [k + 0.28], "|", color=INK, markersize=8)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.5)
    axes.set_xlabel("test accuracy (%)")
    count = len(result["kinds"][names[0]]["accuracy"]["values"])
    axes.set_title(f"{result['task']}, {result['neurons']} neurons: {count} seeds, mean, 95 % interval")


def _chips(axes: Any, result: dict[str, Any]) -> None:
    """A stroke a chip; mean over all as a circle."""
    cases = {name: found for name, found in result["chips"].items() if name != "as trained"}
    for k, (name, found) in enumerate(cases.items()):
        values = 100 * np.array(found["values"]).ravel()
        colour = SOFT if name.startswith("homogeneous") else MEASURED
        axes.plot(values, np.full(len(values), k), "|", color=colour, markersize=7, alpha=0.7)
        axes.plot([100 * found["accuracy"]["mean"]], [k], "o", color=INK, markerfacecolor="white")
    axes.axvline(
        100 * result["chips"]["as trained"]["accuracy"]["mean"], color=ALERT, linewidth=0.8, linestyle="--"
    )
    axes.set_yticks(range(len(cases)), list(cases))
    axes.set_ylim(len(cases) - 0.5, -0.5)
    axes.set_xlabel("test accuracy (%)")
    count = len(next(iter(cases.values()))["values"]) * len(next(iter(cases.values()))["values"][0])
    axes.set_title(f"{count} drawn chips a row; circle: mean; dashed: trained, without spread")


def _taus(axes: Any, result: dict[str, Any]) -> None:
    """Sorted time constants of every seed, drawn and trained."""
    for name, colour in (("random", SOFT), ("trained", TWIN)):
        for k, taus in enumerate(result["kinds"][name]["tau"]):
            share = (np.arange(len(taus)) + 0.5) / len(taus)
            axes.step(1e3 * np.array(taus), share, where="mid", color=colour, label=name if k == 0 else None)
    axes.set_xscale("log")
    for edge in result["range_s"]:
        axes.axvline(1e3 * edge, color=ALERT, linewidth=0.8, linestyle="--")
    ticks = [
        t
        for t in (5, 10, 20, 50, 100)
        if 0.9 * result["range_s"][0] <= 1e-3 * t <= 1.1 * result["range_s"][1]
    ]
    axes.set_xticks(ticks, [str(t) for t in ticks])
    axes.minorticks_off()
    axes.set_xlabel("time constant (ms)")
    axes.set_ylabel("share of neurons")
    axes.set_title("Time constants; dashed: range of the bank")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
