"""Benchmarks are found, run, and judged; their speed is nobody's business here."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from spicetwin import bench
from spicetwin.boundary import InputError
from spicetwin.cli import main

MODULE = """
def run():
    yield {"quantity": "speed-up", "value": 1.9, "unit": "", "target": ">= 1.8", "met": True}
    yield {"quantity": "overhead", "value": 7.0, "unit": "%", "target": "<= 5 %", "met": MET}
"""


@pytest.fixture
def one_benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a benchmark called ``sample`` and a module that is none."""
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "tools.py").write_text("X = 1\n")
    (folder / "sample.py").write_text(MODULE.replace("MET", "False"))
    monkeypatch.setattr(bench, "benchmark_folder", lambda: folder)
    monkeypatch.syspath_prepend(str(tmp_path))
    real = {name: sys.modules.pop(name) for name in list(sys.modules) if name.startswith("benchmarks")}
    yield folder
    for name in ("benchmarks", "benchmarks.sample"):
        sys.modules.pop(name, None)
    sys.modules.update(real)


def test_modules_without_run_are_no_benchmarks(one_benchmark: Path) -> None:
    assert bench.benchmark_names() == ["sample"]


def test_a_missed_target_is_exit_code_one_and_results_are_shown(
    one_benchmark: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "--json"]) == 1
    rows = json.loads(capsys.readouterr().out)
    assert [row["met"] for row in rows] == [True, False]


def test_an_installation_without_checkout_says_where_benchmarks_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "__file__", str(tmp_path / "spicetwin" / "bench.py"))
    with pytest.raises(InputError, match="source checkout"):
        bench.benchmark_names()


def test_a_benchmark_is_found_with_and_without_its_prefix(one_benchmark: Path) -> None:
    (one_benchmark / "bench_speed.py").write_text(MODULE.replace("MET", "True"))
    assert bench.choose(["speed", "bench_speed", "sample"]) == ["bench_speed", "bench_speed", "sample"]
    with pytest.raises(InputError, match="unknown benchmark 'other'; known: bench_speed, sample"):
        bench.choose(["other"])
