"""Picture of a four-way study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from spicetwin.report.style import INK, MEASURED, SOFT, TWIN, new_figure, paper, save
from spicetwin.train.four_way import Outcome, Study, Training
from spicetwin.train.four_way_results import ROWS, crossed, measured

LABELS = {
    "a": "(a) ideal training,\nideal circuits",
    "b": "(b) ideal training,\nchips",
    "c": "(c) trained on the\ndistribution, unseen chips",
    "d": "(d) trained on one\nchip, that chip",
    "e": "(e) that chip in\nthe training loop",
    "f": "(f) trained on one\nchip, the next chip",
    "g": "(g) trained with\nnoisy weights, chips",
    "h": "(h) trained with\nrounded weights, chips",
}
_COLOURS = {
    "a": INK,
    "b": MEASURED,
    "c": TWIN,
    "d": TWIN,
    "e": TWIN,
    "f": MEASURED,
    "g": MEASURED,
    "h": MEASURED,
}


def draw_four_way(study: Study, found: dict[Training, Outcome], path: Path) -> Path:
    """Balanced accuracy of every row: a point a seed and chip, mean with 95 % interval; a panel a split."""
    tables = measured(study, found, "balanced")
    letters = [letter for letter, *_ in ROWS if letter in tables[0]]
    with paper():
        figure = new_figure(height=0.9 + len(tables) * (0.6 + 0.45 * len(letters)), width=6.2)
        panels = figure.subplots(len(tables), 1, squeeze=False, sharex=True)[:, 0]
        for axes, table, split in zip(panels, tables, study.splits, strict=True):
            _panel(axes, table, letters)
            axes.set_title(
                f"{study.settings.task}, {split.name.replace('record', 'record ')}, chips of {study.settings.table}"
            )
        panels[-1].set_xlabel(f"balanced accuracy on the {study.part} (%); mean with 95 % interval")
        return save(figure, path)


def _panel(axes: Any, table: dict[str, np.ndarray[Any, Any]], letters: list[str]) -> None:
    for k, letter in enumerate(letters):
        values, colour = 100 * table[letter], _COLOURS[letter]
        # Points of one seed on one line: chips that are bad for all seeds stand above each other.
        shift = np.linspace(-0.12, 0.2, len(values))[:, None] if len(values) > 1 else np.zeros((1, 1))
        axes.plot(
            values.ravel(), (k + 0.08 + shift + np.zeros_like(values)).ravel(), "o", color=colour, alpha=0.35,
            markersize=3.5, markeredgewidth=0,
        )  # fmt: skip
        mean = crossed(table[letter])
        axes.plot([100 * mean.low, 100 * mean.high], [k - 0.27, k - 0.27], color=INK, linewidth=1.2)
        axes.plot([100 * mean.mean], [k - 0.27], "D", color=INK, markersize=4)
        axes.annotate(
            f"{100 * mean.mean:.1f}", (100 * mean.mean, k - 0.27), (0, 4), textcoords="offset points",
            ha="center", fontsize=8,
        )  # fmt: skip
    axes.axvline(100 * table["a"].mean(), color=SOFT, linewidth=0.8, linestyle="--")
    axes.set_yticks(range(len(letters)), [LABELS[letter] for letter in letters])
    axes.set_ylim(len(letters) - 0.5, -0.75)
