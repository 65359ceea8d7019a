"""Figures of a study of networks with delays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from spicetwin.report.style import ALERT, INK, MEASURED, SOFT, TWIN, new_figure, paper, save

#: Accuracy of the published networks on the Spiking Heidelberg Digits (%) at 0 to 20 % weight noise: EIS-Hub/DenRAM,
#: Fig. 4d, 256 and 700 inputs.
PUBLISHED = {"256": (86.66, 86.01, 82.05, 77.34, 71.87), "700": (90.11, 89.73, 87.20, 83.10, 78.42)}
PUBLISHED_NOISE = (0, 5, 10, 15, 20)


def draw_study(result: dict[str, Any], path: Path) -> Path:
    """Networks side by side, resilience against weight noise, drawn chips; one picture."""
    with paper():
        figure = new_figure(height=7.8, width=6.2)
        top, middle, bottom = figure.subplots(3, 1)
        _compared(top, result)
        _resilience(middle, result)
        _chips(bottom, result)
        return save(figure, path)


def _compared(axes: Any, result: dict[str, Any]) -> None:
    """Balanced accuracy of every network: a point a seed, mean and interval."""
    names = list(result["networks"])
    for k, name in enumerate(names):
        found = result["networks"][name]["balanced"]
        values = 100 * np.array(found["values"])
        colour = TWIN if name == "delays" else MEASURED
        axes.plot(values, np.full(len(values), k), "o", color=colour, alpha=0.5, markeredgewidth=0)
        low, high = 100 * found["low"], min(100.0, 100 * found["high"])
        axes.plot([low, high], [k + 0.25, k + 0.25], color=INK, linewidth=1.0)
        axes.plot([100 * found["mean"]], [k + 0.25], "|", color=INK, markersize=8)
    baseline = 100 * result["linear"]["balanced"]
    axes.axvline(baseline, color=SOFT, linewidth=1.0, linestyle="--")
    axes.set_yticks(range(len(names)), [f"{n}\n{result['networks'][n]['parameters']} weights" for n in names])
    axes.set_ylim(len(names) - 0.4, -0.5)
    axes.set_xlabel("balanced accuracy on the test (%)")
    axes.set_title(f"{result['task']}: seeds, mean, 95 % interval (dashed: linear)")


def _resilience(axes: Any, result: dict[str, Any]) -> None:
    """Accuracy over that without noise, with the published shape."""
    noise = [point["percent"] for point in result["noise"]]
    found = {key: np.array([p["accuracy"][key] for p in result["noise"]]) for key in ("mean", "low", "high")}
    base = found["mean"][0]
    axes.fill_between(noise, found["low"] / base, found["high"] / base, color=TWIN, alpha=0.2, linewidth=0)
    axes.plot(noise, found["mean"] / base, "o-", color=TWIN, label=f"here\n({100 * base:.1f} %)")
    for name, colour, mark in (("700", MEASURED, "s"), ("256", INK, "^")):
        values = np.array(PUBLISHED[name])
        label = f"published, SHD,\n{name} inputs\n({values[0]:.1f} %)"
        axes.plot(
            PUBLISHED_NOISE,
            values / values[0],
            mark,
            color=colour,
            linestyle=":",
            label=label,
            fillstyle="none",
        )
    axes.set_xlabel("weight noise in training and test (% of max |w|)")
    axes.set_ylabel("accuracy over that\nwithout noise")
    axes.set_title("Resilience to weight noise, mean and 95 % interval over seeds")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _chips(axes: Any, result: dict[str, Any]) -> None:
    """Balanced accuracy of the drawn chips, and what their spread comes from."""
    chips = result["chips"]
    values = 100 * np.array(chips["values"])
    for k, row in enumerate(values):
        axes.plot(row, np.full(len(row), k), "|", color=TWIN, markersize=7)
        axes.plot([100 * chips["as_trained"]["values"][k]], [k], "o", color=INK, fillstyle="none")
    low, high = 100 * chips["balanced"]["low"], 100 * chips["balanced"]["high"]
    for edge in (low, high):
        axes.axvline(edge, color=ALERT, linewidth=0.8, linestyle="--")
    shares = ", ".join(f"{name.replace('_', ' ')} {100 * v:.0f} %" for name, v in chips["share"].items())
    axes.set_yticks(range(len(values)), [f"network {k}" for k in range(len(values))])
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.set_xlabel("balanced accuracy (%)")
    axes.set_title(f"{values.size} drawn chips; circle: as trained; dashed: 95 % of them\nvariance: {shares}")
