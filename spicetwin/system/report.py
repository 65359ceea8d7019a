"""One-page report of a mixed network on drawn chips."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from pysim.errors import ModelError
from spicetwin.report.accuracy_figures import confusion
from spicetwin.report.document import Document, Figure, Section, Table
from spicetwin.report.render import render
from spicetwin.report.style import save
from spicetwin.system import figures
from spicetwin.system.summary import Result, summary, text


def write_report(result: Result, folder: Path) -> Path:
    """Figures, ``run.json`` and ``report/index.html`` below ``folder``; the page's path.

    Raises
    ------
    ModelError
        For a log of a training that cannot be read.
    """
    s = result.system
    sections = [_accuracy(result, folder), *_shares(result, folder), _decisions(result, folder)]
    sections += [*_learning(result, folder), _activity(result, folder), _cost(result), _network(result)]
    document = Document(
        title=f"{s.specification.path.stem}: {s.task.name} on drawn chips",
        summary=text(result).splitlines()[1],
        sections=tuple(sections),
        notices=_notices(result),
    )
    document.save(folder)
    return render(folder)


def _notices(result: Result) -> tuple[str, ...]:
    tables = result.system.metric.network.tables(result.system.metric.tables)
    notices = []
    if any(t is None or "assumed" in t.name for t in tables):
        notices.append(
            "At least one layer is drawn from assumed values that no measurement or simulation supports."
        )
    if result.interval.failed:
        notices.append(f"{len(result.interval.failed)} chips were lost and are not counted.")
    return tuple(notices)


def _accuracy(result: Result, folder: Path) -> Section:
    i = result.interval
    figure = figures.accuracy_against_chips(i.of("accuracy"), i.mean, result.typical[0])
    save(figure, folder / "figures" / "accuracy.svg")
    return Section(
        "accuracy",
        "Accuracy over chips",
        text=tuple(text(result).splitlines()[:4]),
        figures=(
            Figure(
                "figures/accuracy.svg",
                "Accuracy of every chip with the running mean",
                "Accuracy of every drawn chip, the mean so far with its 95 % Student t interval, and the typical chip.",
            ),
        ),
    )


def _shares(result: Result, folder: Path) -> list[Section]:
    shares = result.interval.shares
    if not shares or not all(np.isfinite(s.first) for s in shares):
        return []
    save(figures.source_shares(shares), folder / "figures" / "shares.svg")
    rows = tuple(
        (
            s.source,
            s.first,
            f"{s.first_low:.2f} to {s.first_high:.2f}",
            s.total,
            f"{s.total_low:.2f} to {s.total_high:.2f}",
        )
        for s in shares
    )
    caption = "Sobol' indices by pick-freeze with common random numbers; lines: 95 % bootstrap intervals over chips."
    return [
        Section(
            "sources",
            "Where the variance comes from",
            text=(
                "The source with the largest share is the one whose measurement narrows the interval most.",
            ),
            figures=(Figure("figures/shares.svg", "Bars of first-order and total shares", caption),),
            tables=(
                Table(
                    "Shares of the variance", ("Source", "Alone", "95 %", "With interactions", "95 %"), rows
                ),
            ),
        )
    ]


def _decisions(result: Result, folder: Path) -> Section:
    save(confusion(result.confusion), folder / "figures" / "confusion.svg")
    return Section(
        "decisions",
        "Decisions",
        figures=(
            Figure(
                "figures/confusion.svg",
                "Confusion matrix",
                "Share of decisions in percent for each true class, mean over chips; below 0.5 % left out.",
            ),
        ),
    )


def _learning(result: Result, folder: Path) -> list[Section]:
    name = result.system.specification.document.get("learning")
    if name is None:
        return []
    path = result.system.specification.path.parent / name
    epochs, series = read_learning(path)
    save(figures.learning(epochs, series), folder / "figures" / "learning.svg")
    figure = Figure(
        "figures/learning.svg", "Accuracy against epochs", f"Training of the network, from {path.name}."
    )
    return [Section("learning", "Learning", figures=(figure,))]


def read_learning(path: Path) -> tuple[np.ndarray[Any, Any], dict[str, np.ndarray[Any, Any]]]:
    """Epochs, and the accuracies over them, of the log of a training run.

    Raises
    ------
    ModelError
        Naming the file and the row.
    """
    rows: list[dict[str, float]] = []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                try:
                    rows.append({key: float(value) for key, value in row.items()})
                except (TypeError, ValueError) as error:
                    raise ModelError(f"{path}: row {number}: {row} holds no numbers") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    names = [n for n in ("train", "validation", "test") if rows and n in rows[0]]
    if not names or "epoch" not in rows[0]:
        raise ModelError(
            f"{path}: no log of a training; accepted: columns epoch and train, validation or test"
        )
    columns = {n: np.array([row[n] for row in rows]) for n in ("epoch", *names)}
    return columns.pop("epoch"), columns


def _activity(result: Result, folder: Path) -> Section:
    """Outputs and states of the first test sample on the first chip."""
    s = result.system
    point = s.design.point(0)
    chip = s.metric.network.draw(s.metric.tables, point.seeds, s.metric.sources)
    run = s.metric.network.run(s.metric.signal.select(0, 1), chip, point.conditions, record=True)
    save(figures.raster(run.layers, s.metric.network.names), folder / "figures" / "raster.svg")
    shown = [
        Figure(
            "figures/raster.svg", "Raster of all layers", "Outputs of 1 on the first chip, first test sample."
        )
    ]
    for k, (layer, name) in enumerate(zip(run.layers, s.metric.network.names, strict=True)):
        if layer.trace is not None:
            file = f"figures/states{k}.svg"
            save(figures.states(layer, name), folder / file)
            shown.append(
                Figure(file, f"States of {name}", f"States of some neurons of {name}, same chip and sample.")
            )
    return Section("activity", "One sample on one chip", figures=tuple(shown))


def _cost(result: Result) -> Section:
    found = summary(result)["neurobench"]
    ops = found["synaptic_operations"]
    rows: list[tuple[str | float | None, ...]] = [
        ("footprint (bytes)", found["footprint"]),
        ("connection_sparsity", found["connection_sparsity"]),
        ("activation_sparsity", found["activation_sparsity"]),
        *((f"synaptic_operations: {name} (per sample)", value) for name, value in ops.items()),
        ("energy per inference (J)", found["energy_per_inference_j"]),
    ]
    absent = found["layers_without_energy"]
    told = () if not absent else (f"The tables of {', '.join(absent)} hold no energy: not counted.",)
    return Section(
        "cost",
        "Size and cost",
        text=("Names as in NeuroBench; means over chips and samples.", *told),
        tables=(Table("Cost of the network", ("Metric", "Value"), tuple(rows)),),
    )


def _network(result: Result) -> Section:
    network = result.system.metric.network
    tables = network.tables(result.system.metric.tables)
    rows = tuple(
        (
            name,
            layer.family,
            layer.inputs,
            layer.outputs,
            "assumed" if t is None else t.reference,
            layer.fingerprint(),
        )
        for name, layer, t in zip(network.names, network.layers, tables, strict=True)
    )
    columns = ("Layer", "Family", "Inputs", "Neurons", "Table", "Digest")
    return Section("network", "Network", tables=(Table("Layers", columns, rows),))
