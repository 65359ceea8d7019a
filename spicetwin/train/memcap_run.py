"""A study of recurrent memcapacitive networks from its description to its files."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import numba
import torch

from spicetwin.train.last_good import keep_last_good
from spicetwin.train.learning import DivergenceError
from spicetwin.train.memcap_figures import draw_comparison
from spicetwin.train.memcap_settings import MemcapSettings
from spicetwin.train.memcap_study import MemcapComparison, Say, task_of
from spicetwin.writing import write_bytes, write_text

COLUMNS = ("task", "what", "case", "seed", "chip", "accuracy")


def run_comparison(settings: MemcapSettings, output: Path, threads: int, say: Say) -> dict[str, Any]:
    """Run a study; writes ``results.json``, ``results.csv``, ``results.svg`` and ``network.npz`` into ``output``.

    Raises
    ------
    InputError
        For a training that diverges, with the file of its last good weights.
    """
    numba.set_num_threads(min(threads, os.cpu_count() or 1))
    torch.set_num_threads(threads)
    study = MemcapComparison(task_of(settings), settings, say, output / "networks")
    try:
        result, network = study.run()
    except DivergenceError as error:
        raise keep_last_good(error, output / "last_good.npz", study.task.name) from error
    archive = io.BytesIO()
    network.save(archive)
    write_bytes(output / "network.npz", archive.getvalue())
    write_text(output / "results.json", json.dumps(result, indent=1, allow_nan=False) + "\n")
    write_text(output / "results.csv", table(result))
    draw_comparison(result, output / "results.svg")
    return result


def table(result: dict[str, Any]) -> str:
    """Every accuracy of a study as CSV: of the networks as trained, and of each on each chip."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    first = result["seed"]
    for kind, found in result["kinds"].items():
        for k, value in enumerate(found["accuracy"]["values"]):
            writer.writerow((result["task"], "trained", kind, first + k, "", f"{value:.5f}"))
    for case, found in result["chips"].items():
        for k, row in enumerate(found["values"]):
            for chip, value in enumerate(row):
                writer.writerow((result["task"], "chip", case, first + k, chip, f"{value:.5f}"))
    return text.getvalue()


def lines(result: dict[str, Any]) -> list[tuple[str, ...]]:
    """Tables for people."""
    rows: list[tuple[str, ...]] = [(result["task"], "test accuracy (%)", "validation (%)", "spikes a neuron")]
    for kind, found in result["kinds"].items():
        shown = (_mean(found["accuracy"]), f"{100 * found['validation']['mean']:.1f}")
        rows.append((kind, *shown, f"{found['spikes']:.1f}"))
    for kind, found in result["gain"].items():
        rows.append((f"gain over {result['best_homogeneous']}: {kind}", _points(found), "", ""))
    rows.append(("on drawn chips", "95 % of the chips (%)", "mean (%)", "taus in tolerance"))
    for case, found in result["chips"].items():
        rows.append(
            (case, _mean(found["accuracy"]), _mean(found["mean"]), f"{found['within_tolerance']:.3f}")
        )
    return rows


def _mean(found: dict[str, Any]) -> str:
    return f"{100 * found['mean']:.1f} [{100 * found['low']:.1f}, {100 * found['high']:.1f}]"


def _points(found: dict[str, Any]) -> str:
    return f"{100 * found['mean']:+.1f} [{100 * found['low']:+.1f}, {100 * found['high']:+.1f}] points"
