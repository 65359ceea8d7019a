"""Plots of fits: data with the model over it, and the residuals below; matplotlib is imported on demand."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from calibration.fitting.dataset import Dataset, FloatArray
from calibration.fitting.result import DatasetFit, FitResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by colour-blind readers and in print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
STYLE: Any = {
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 9,
    "legend.fontsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "font.family": "DejaVu Sans",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "lines.linewidth": 1.2,
    "figure.dpi": 150,
    "savefig.dpi": 200,
}
PREFIXES = (
    *((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, "")),
    *((1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p")),
)
LOG_SPAN = 100.0
"""Data that span more than this factor get a logarithmic axis."""
GAP = 10.0
"""A model line is broken where the data pause for this many times their median spacing."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One column of a figure: a response, its x axis, and their labels and units."""

    response: str
    x: str
    x_label: str
    x_unit: str
    y_label: str
    y_unit: str


def plot_fit(result: FitResult, panels: Sequence[Panel], title: str) -> Figure:
    """Figure with one column per panel: data (points) and model (lines) above, residuals below.

    Data sets of one condition ``name`` share a colour and one entry of the legend; censored values are drawn
    as open triangles at the floor that they do not exceed.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.6 * len(panels) + 1.4, 4.2), layout="constrained")
        grid = figure.subplots(
            2, len(panels), squeeze=False, sharex="col", gridspec_kw={"height_ratios": [3, 1.2]}
        )
        labels = _labels(result)
        for column, panel in enumerate(panels):
            mine = [f for f in result.datasets if _shows(f.dataset, panel)]
            _overlay(grid[0, column], panel, mine, labels)
            _residuals(grid[1, column], panel, mine, labels)
        handles, names = grid[0, 0].get_legend_handles_labels()
        if len(names) > 1:
            figure.legend(handles, names, loc="outside right center", frameon=False)
        width = 32 * len(panels) + 22
        heading = f"{title}: {result.verdict}, reduced χ² = {result.redchi:.2f}"
        figure.suptitle(textwrap.fill(heading, width), fontsize=9)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write PNG, PDF or SVG by the ending; a half-written file never replaces a good one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    try:
        figure.savefig(temporary, format=path.suffix.lstrip(".") or "png")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _labels(result: FitResult) -> dict[str, int]:
    """Number of every condition name, for colours and markers."""
    return {name: i for i, name in enumerate(dict.fromkeys(_condition(f.dataset) for f in result.datasets))}


def _condition(dataset: Dataset) -> str:
    """Name shown for a data set."""
    return str(dataset.conditions.get("name", dataset.name))


def _shows(dataset: Dataset, panel: Panel) -> bool:
    """True where a data set belongs into a panel."""
    return dataset.conditions.get("response", panel.response) == panel.response and panel.x in dataset.x


def _overlay(axes: Axes, panel: Panel, fits: Sequence[DatasetFit], labels: Mapping[str, int]) -> None:
    """Data and model."""
    (x_scale, _), (y_scale, y_unit) = _scales(panel, fits)
    shown: set[str] = set()
    for fit in fits:
        name = _condition(fit.dataset)
        colour, marker = _style(labels[name])
        order = np.argsort(fit.dataset.x[panel.x])
        x, y = fit.dataset.x[panel.x][order] / x_scale, fit.dataset.y[order] / y_scale
        censored = fit.dataset.censored_mask[order]
        label = name.replace("_", " ") if name not in shown else None
        shown.add(name)
        line = (x, fit.prediction[order] / y_scale)
        axes.plot(*(line if _decades(panel, fits) else _broken(*line)), color=colour, alpha=0.8)
        if fit.dataset.sigma is not None and fit.dataset.likelihood == "gaussian":
            error = fit.dataset.sigma_array[order] / y_scale
            axes.errorbar(x, y, error, fmt="none", ecolor=colour, alpha=0.4, elinewidth=0.7)
        axes.plot(x[~censored], y[~censored], marker, color=colour, ms=3.2, mew=0, label=label)
        axes.plot(x[censored], y[censored], "v", color=colour, ms=3.5, mfc="none", mew=0.7)
    _set_y_scale(axes, fits, y_scale)
    if _decades(panel, fits):
        axes.set_xscale("log")
    axes.set_ylabel(_axis_label(panel.y_label, y_unit))
    axes.grid(alpha=0.2, linewidth=0.5)


def _broken(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Line without its parts across rows that were left out: gaps many times the usual spacing."""
    steps = np.diff(x)
    if len(steps) < 2:
        return x, y
    gaps = np.flatnonzero(steps > GAP * np.median(steps)) + 1
    return np.insert(x, gaps, np.nan), np.insert(y, gaps, np.nan)


def _residuals(axes: Axes, panel: Panel, fits: Sequence[DatasetFit], labels: Mapping[str, int]) -> None:
    """Residuals in standard deviations, with the band of two."""
    (x_scale, x_unit), _ = _scales(panel, fits)
    axes.axhspan(-2, 2, color="0.92", zorder=0)
    axes.axhline(0, color="0.4", linewidth=0.6)
    for fit in fits:
        colour, marker = _style(labels[_condition(fit.dataset)])
        scale = 1.0 if fit.dataset.sigma is not None or fit.dataset.likelihood == "poisson" else _rms(fit)
        x = fit.dataset.x[panel.x] / x_scale
        axes.plot(x, fit.residual / scale, marker, color=colour, ms=2.8, mew=0, alpha=0.85)
    axes.set_xlabel(_axis_label(panel.x_label, x_unit))
    axes.set_ylabel("residual (σ)")
    axes.grid(alpha=0.2, linewidth=0.5)


def _rms(fit: DatasetFit) -> float:
    """Root mean square of the residuals, 1 for a perfect fit."""
    return float(np.sqrt(np.mean(fit.residual**2))) or 1.0


def _style(index: int) -> tuple[str, str]:
    """Colour and marker of a condition."""
    return COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]


def _scales(panel: Panel, fits: Sequence[DatasetFit]) -> tuple[tuple[float, str], tuple[float, str]]:
    """Factor and unit of both axes; logarithmic axes keep the SI unit."""
    x = np.concatenate([fit.dataset.x[panel.x] for fit in fits])
    y = np.concatenate([fit.dataset.y for fit in fits])
    x_scale = (1.0, panel.x_unit) if _decades(panel, fits) else _prefix(x, panel.x_unit)
    return x_scale, (1.0, panel.y_unit) if _logarithmic(fits) else _prefix(y, panel.y_unit)


def _prefix(values: FloatArray, unit: str) -> tuple[float, str]:
    """SI prefix that brings the largest magnitude to 1 to 1000."""
    top = float(np.max(np.abs(values))) if values.size else 0.0
    if unit in ("1", "*", "K", "") or top == 0.0:
        return 1.0, unit
    factor, prefix = next((p for p in PREFIXES if top >= 0.9999 * p[0]), PREFIXES[-1])
    return factor, f"{prefix}{unit}"


def _logarithmic(fits: Sequence[DatasetFit]) -> bool:
    """True for positive data over decades, and for counts."""
    y = np.concatenate([fit.dataset.y for fit in fits])
    counts = any(fit.dataset.likelihood == "poisson" for fit in fits)
    positive = bool(np.all(y > 0))
    return (counts and float(np.max(y)) > LOG_SPAN) or (positive and float(np.max(y) / np.min(y)) > LOG_SPAN)


def _decades(panel: Panel, fits: Sequence[DatasetFit]) -> bool:
    """True for times over decades: delays, not the samples of a trace, which begin at zero."""
    x = np.concatenate([fit.dataset.x[panel.x] for fit in fits])
    return panel.x_unit == "s" and bool(np.all(x > 0)) and float(np.max(x) / np.min(x)) > LOG_SPAN


def _set_y_scale(axes: Axes, fits: Sequence[DatasetFit], scale: float) -> None:
    """Logarithmic axis over decades; counts may be zero, so theirs is linear below 1."""
    if not _logarithmic(fits):
        return
    if any(fit.dataset.likelihood == "poisson" for fit in fits):
        axes.set_yscale("symlog", linthresh=1.0, linscale=0.3)
        axes.set_ylim(bottom=0.0)
    else:
        axes.set_yscale("log")


def _axis_label(label: str, unit: str) -> str:
    """``V_syn (V)``; pure numbers have no unit."""
    return label if unit in ("1", "*", "") else f"{label} ({unit})"
