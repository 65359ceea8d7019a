"""Figures of a four-way study: accuracies over seeds and chips with intervals, netCDF, CSV, summary."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from spicetwin.train.delays_score import LEVEL, score
from spicetwin.train.four_way import Outcome, Study, Training
from spicetwin.writing import write_netcdf, write_text

if TYPE_CHECKING:
    import xarray

FloatArray = NDArray[np.float64]

METRICS = ("accuracy", "balanced", "f1")
#: Rows of the table: letter, training, where it runs, and what to call it.
ROWS = (
    ("a", "ideal", "ideal", "ideal training, ideal circuits"),
    ("b", "ideal", "chips", "ideal training, chips"),
    ("c", "distribution", "chips", "training on the distribution, unseen chips"),
    ("d", "chip", "chips", "training on one chip, that chip"),
    ("e", "in_the_loop", "chips", "that chip in the loop"),
    ("f", "chip", "next chip", "training on one chip, the next chip"),
    ("g", "noise_aware", "chips", "training with noisy weights, chips"),
    ("h", "quantised", "chips", "training with rounded weights, chips"),
)


@dataclass(frozen=True)
class Interval:
    """Mean over seeds and chips with its 95 % interval, and where 95 % of the single values lie."""

    mean: float
    low: float
    high: float
    p2_5: float
    p97_5: float
    count: int


def crossed(values: FloatArray) -> Interval:
    """Interval of the mean of values (seeds, chips), in which every seed meets every chip.

    Seeds and chips are both drawn, so both count: the variance of the mean is (MS_seeds + MS_chips - MS_rest) / (S K),
    its degrees of freedom are Satterthwaite's. Cut to 0 to 1.
    """
    seeds, chips = values.shape
    mean = float(values.mean())
    low, high = np.quantile(values, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
    half = 0.0
    if values.size > 1:
        row, column = values.mean(axis=1), values.mean(axis=0)
        of_seeds = chips * float(row.var(ddof=1)) if seeds > 1 else 0.0
        of_chips = seeds * float(column.var(ddof=1)) if chips > 1 else 0.0
        rest = values - row[:, None] - column + mean
        free = (seeds - 1) * (chips - 1)
        of_rest = float((rest**2).sum() / free) if free else 0.0
        # A mean square below that of the rest is chance: its component is zero, not negative.
        total = max(of_seeds + of_chips - of_rest, of_seeds, of_chips)
        parts = ((of_seeds, seeds - 1), (of_chips, chips - 1), (of_rest, free))
        spent = sum(ms**2 / df for ms, df in parts if df)
        if total > 0.0:
            half = float(stats.t.ppf(0.5 + LEVEL / 2, total**2 / spent) * np.sqrt(total / values.size))
    return Interval(mean, max(mean - half, 0.0), min(mean + half, 1.0), float(low), float(high), values.size)


def measured(study: Study, found: dict[Training, Outcome], metric: str) -> list[dict[str, FloatArray]]:
    """Values of every row of :data:`ROWS` by its letter, (seeds, chips) or (seeds, 1), for each split."""
    tables: list[dict[str, FloatArray]] = []
    for split in range(len(study.splits)):
        table: dict[str, FloatArray] = {}
        for letter, kind, place, _ in ROWS:
            own = sorted(
                (t for t in found if t.split == split and t.kind == kind), key=lambda t: (t.seed, t.chip)
            )
            if own:
                rows: dict[int, list[float]] = {}
                for training in own:
                    wanted = study.family(training).wanted(study.part)
                    classes = int(wanted.max()) + 1
                    rows.setdefault(training.seed, []).extend(
                        getattr(score(wanted, a, classes), metric)
                        for a in _answers(found[training], place, study.settings.chips, training.chip >= 0)
                    )
                table[letter] = np.array([rows[k] for k in sorted(rows)])
        tables.append(table)
    return tables


def _answers(outcome: Outcome, place: str, chips: int, own: bool) -> NDArray[np.int64]:
    """Answers that count for a row, (chips, samples); ``own``: the training is for one chip."""
    if place == "ideal":
        return outcome.ideal[None]
    if place == "next chip":
        return outcome.chips[1:2]
    return outcome.chips[: 1 if own else chips]


def summarise(study: Study, found: dict[Training, Outcome]) -> dict[str, Any]:
    """The table as JSON values, with what each training regains of the loss."""
    s = study.settings
    splits = []
    by_metric = {metric: measured(study, found, metric) for metric in METRICS}
    for k, split in enumerate(study.splits):
        rows = []
        for letter, _, _, title in ROWS:
            if letter in by_metric["accuracy"][k]:
                figures = {m: asdict(crossed(by_metric[m][k][letter])) for m in METRICS}
                rows.append(
                    {"row": letter, "title": title, **figures, "regained": _regained(by_metric, k, letter)}
                )
        splits.append({"split": split.name, "rows": rows})
    return {
        "family": s.family,
        "task": s.task,
        "table": s.table,
        "part": study.part,
        "seeds": s.seeds,
        "chips": s.chips,
        "splits": splits,
    }


def _regained(by_metric: dict[str, list[dict[str, FloatArray]]], split: int, letter: str) -> float | None:
    """Share of the balanced accuracy lost from a to b that a row has again; none where the loss is not sure."""
    own = by_metric["balanced"][split]
    ideal, chips = float(own["a"].mean()), crossed(own["b"])
    if letter in "ab" or chips.high >= ideal:
        return None
    return float(own[letter].mean() - chips.mean) / (ideal - chips.mean)


def dataset(study: Study, found: dict[Training, Outcome]) -> xarray.Dataset:
    """All values by split, row, seed and chip; NaN where a row has no such chip."""
    import xarray

    s = study.settings
    letters = [letter for letter, *_ in ROWS if letter in measured(study, found, "accuracy")[0]]
    shape = (len(study.splits), len(letters), s.seeds, s.chips)
    arrays = {}
    for metric in METRICS:
        values = np.full(shape, np.nan)
        for k, table in enumerate(measured(study, found, metric)):
            for r, letter in enumerate(letters):
                values[k, r, :, : table[letter].shape[1]] = table[letter]
        arrays[metric] = (("split", "row", "seed", "chip"), values, {"units": "1"})
    titles = {letter: title for letter, _, _, title in ROWS}
    return xarray.Dataset(
        arrays,
        coords={
            "split": [split.name for split in study.splits],
            "row": letters,
            "title": ("row", [titles[letter] for letter in letters]),
            "seed": s.seed + np.arange(s.seeds),
            "chip": s.first_chip + np.arange(s.chips),
        },
        attrs={"summary": json.dumps(summarise(study, found), allow_nan=False)},
    )


def write_results(study: Study, found: dict[Training, Outcome]) -> dict[str, Any]:
    """Write ``results.nc``, ``results.csv`` and ``summary.json`` beside the trainings; returns the summary."""
    data, result = dataset(study, found), summarise(study, found)
    write_netcdf(data, study.folder / "results.nc")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["split", "row", "seed", "chip", *METRICS])
    for index in np.ndindex(*data["accuracy"].shape):
        values = [float(data[m].values[index]) for m in METRICS]
        if np.isfinite(values[0]):
            place = [
                str(data[n].values[i]) for n, i in zip(("split", "row", "seed", "chip"), index, strict=True)
            ]
            # An ideal circuit is no chip.
            place[3] = "" if place[1] == "a" else place[3]
            writer.writerow([*place, *(f"{v:.6f}" for v in values)])
    write_text(study.folder / "results.csv", text.getvalue())
    write_text(study.folder / "summary.json", json.dumps(result, indent=1, allow_nan=False) + "\n")
    return result


def lines(result: dict[str, Any]) -> list[tuple[str, ...]]:
    """Table for people."""
    head = ("", "balanced (%)", "95 % of values", "accuracy (%)", "regained")
    rows: list[tuple[str, ...]] = []
    for split in result["splits"]:
        rows.append((f"{result['task']} {split['split']}", *head[1:]))
        for row in split["rows"]:
            b, a, regained = row["balanced"], row["accuracy"], row["regained"]
            rows.append(
                (
                    f"({row['row']}) {row['title']}",
                    _shown(b),
                    f"{100 * b['p2_5']:.1f} to {100 * b['p97_5']:.1f}",
                    _shown(a),
                    "" if regained is None else f"{100 * regained:.0f} %",
                )
            )
    return rows


def _shown(found: dict[str, Any]) -> str:
    return f"{100 * found['mean']:.1f} [{100 * found['low']:.1f}, {100 * found['high']:.1f}]"
