"""A study of networks with delays from its description to its files."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import numba

from spicetwin.train.delays_figures import draw_study
from spicetwin.train.delays_settings import TASKS, DelaySettings
from spicetwin.train.delays_study import Say, TaskStudy, tasks
from spicetwin.train.last_good import keep_last_good
from spicetwin.train.learning import DivergenceError
from spicetwin.train.settings import read_toml
from spicetwin.writing import write_text


def is_delay_study(path: Path) -> bool:
    """The description names a task of networks with delays."""
    return read_toml(path).get("task") in TASKS


def run_study(settings: DelaySettings, output: Path, threads: int, say: Say) -> list[dict[str, Any]]:
    """Run a study; writes ``results.json`` and a picture a split into ``output``.

    Raises
    ------
    InputError
        For a training that diverges, with the file of its last good weights.
    """
    numba.set_num_threads(min(threads, os.cpu_count() or 1))
    results = []
    for task in tasks(settings):
        name = re.sub(r"[^a-z0-9]+", "_", task.name)
        try:
            result = TaskStudy(task, settings, say).run()
        except DivergenceError as error:
            raise keep_last_good(error, output / f"{name}.last_good.npz", task.name) from error
        draw_study(result, output / f"{name}.svg")
        results.append(result)
    write_text(output / "results.json", json.dumps(results, indent=1, allow_nan=False) + "\n")
    return results


def lines(result: dict[str, Any]) -> list[tuple[str, ...]]:
    """Table of a split's figures for people."""
    rows: list[tuple[str, ...]] = [(result["task"], "weights", "accuracy (%)", "balanced (%)", "F1")]
    for name, found in result["networks"].items():
        shown = [_shown(found[key]) for key in ("accuracy", "balanced")]
        rows.append((name, str(found["parameters"]), *shown, f"{found['f1']['mean']:.3f}"))
    base = result["linear"]
    rows.append(
        ("linear", "", f"{100 * base['accuracy']:.1f}", f"{100 * base['balanced']:.1f}", f"{base['f1']:.3f}")
    )
    for size in result["sizes"]:
        for name, found in size["networks"].items():
            shown = [_shown(found[key]) for key in ("accuracy", "balanced")]
            rows.append((f"  {name}", str(found["parameters"]), *shown, f"{found['f1']['mean']:.3f}"))
    for kind, chosen in result["chosen"].items():
        values = ", ".join(f"{name} {value:g}" for name, value in chosen["values"].items())
        if values:
            best = max(tried["balanced"] for tried in chosen["tried"])
            rows.append((f"chosen for {kind}", "", values, f"{100 * best:.1f} validated", ""))
    for point in result["noise"]:
        rows.append(
            (
                f"weight noise {point['percent']} %",
                "",
                _shown(point["accuracy"]),
                _shown(point["balanced"]),
                "",
            )
        )
    chips = result["chips"]
    rows.append((f"{chips['balanced']['count']:.0f} chips", "", "", _shown(chips["balanced"]), ""))
    rows += [(f"variance from {name}", "", "", f"{100 * v:.0f} %", "") for name, v in chips["share"].items()]
    return rows


def _shown(found: dict[str, Any]) -> str:
    return f"{100 * found['mean']:.1f} [{100 * found['low']:.1f}, {100 * found['high']:.1f}]"
