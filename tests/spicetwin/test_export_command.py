"""``spicetwin export`` from the command line: files, checks, and one line for every bad input."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from calibration.table import CalibrationTable, Entry, Parameter, Provenance, load, write
from pysim.export.exporter import At, Conformance, Exporter, Source
from spicetwin.cli import main

EXAMPLES = Path(__file__).parents[2] / "examples"
POPULATION, MINGRU = EXAMPLES / "dpi_population.toml", EXAMPLES / "chips_mingru.toml"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    entries = {"block.gain": Entry("gain", "1", "constant", {"value": Parameter(0.5, "1")})}
    return write(
        CalibrationTable("small", "1.0.0", "2026-11-21T00:00:00Z", entries, Provenance("virtual")), tmp_path
    )


def test_a_table_is_exported_and_read_back(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "table.json"
    assert main(["export", str(table), "--to", "json", "-o", str(out)]) == 0
    assert load(out).digest == load(table).digest
    assert [p.name for p in out.parent.iterdir()] == ["table.json"]


def test_a_shipped_network_is_exported_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "network.npz"
    assert main(["export", "mingru_digits", "--to", "npz", "-o", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bytes"] == out.stat().st_size
    with np.load(out, allow_pickle=False) as data:
        assert str(data["format"]) == "mingru-network/1"


def test_check_prints_a_line_of_conformance(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "check", "mingru_digits", "--to", "npz", "--json"]) == 0
    lines = json.loads(capsys.readouterr().out)
    assert all(line["passed"] and line["tool"] == "numpy" and line["version"] for line in lines)
    assert main(["export", "check", "mingru_digits", "--to", "npz"]) == 0
    assert "holds" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing", "--to", "npz", "-o", "x.npz"], "is no calibration table and no network; known: "),
        (["mingru_digits", "--to", "hdf", "-o", "x"], "unknown format 'hdf'; known: npz"),
        (["mingru_digits", "--to", "csv", "-o", "x.csv"], "csv cannot hold a minGRU network"),
        (["mingru_digits", "--to", "npz"], "-o FILE is missing; a file of this format ends in .npz"),
        (["check", "mingru_digits", "--to", "npz", "-o", "x.npz"], "check writes no file"),
        (["a", "b", "--to", "npz", "-o", "x"], "accepted are SOURCE, or check SOURCE"),
        (["model.pkl", "--to", "npz", "-o", "x.npz"], "pickled files can run code"),
        (["dpi_generic130", "--to", "npz", "-o", "x.npz", "--at", "i_tua=5p"], "no input 'i_tua'; accepted:"),
        (["dpi_generic130", "--to", "npz", "-o", "x.npz", "--at", "i_tau=5u"], "outside every fitted range"),
        (["mingru_digits", "--to", "npz", "-o", "."], "is a folder"),
        (["layer.npz", "--to", "nir", "--target", "lava", "-o", "x.nir"], "unknown format 'nir-lava'"),
        (
            ["layer.npz", "--to", "nir", "--target", "rockpool", "-o", "x.nir"],
            "nir-rockpool is not supported: rockpool",
        ),
        (["mingru_digits", "--to", "spice", "--target", "norse", "-o", "x"], "unknown format 'spice-norse'"),
        (["missing.toml", "--to", "brian2", "-o", "x.py"], "missing.toml: cannot be read"),
        (["missing.npz", "--to", "npz", "-o", "x.npz"], "missing.npz: cannot be read"),
        (
            [str(MINGRU), "--to", "npz", "-o", "x"],
            "describes a run of a minGRU network; export that network itself",
        ),
        ([str(POPULATION), "--to", "npz", "-o", "x"], "npz cannot hold a DPI population"),
        (
            [str(POPULATION), "--to", "brian2", "--at", "chip=1e3", "-o", "x"],
            "chip = 1000; accepted: 0 to 99",
        ),
        (["mingru_digits", "--to", "brian2", "-o", "x.py"], "brian2 cannot hold a minGRU network"),
    ],
)
def test_bad_input_is_one_line_and_no_file(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "network.npz"
    assert main(["export", "mingru_digits", "--to", "npz", "-o", str(out)]) == 2
    assert f"{out}: cannot be written" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_failed_write_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    out = tmp_path / "network.npz"
    out.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    assert main(["export", "mingru_digits", "--to", "npz", "-o", str(out)]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert out.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["network.npz"]


def test_a_missing_receiving_tool_is_named_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    out = tmp_path / "network.onnx"
    assert main(["export", "mingru_digits", "--to", "onnx", "-o", str(out)]) == 2
    assert "onnx is not installed: pip install onnx" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_check_out_of_tolerance_ends_with_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def check(exporter: Exporter, source: Source, at: At) -> tuple[Conformance, ...]:
        line = Conformance(tool="t", version="1", stimulus="s", metric="m", value=2.0, tolerance=1.0)
        return (line,)

    monkeypatch.setattr("spicetwin.export_check.check_export", check)
    assert main(["export", "check", "mingru_digits", "--to", "npz"]) == 1
    assert "FAILS" in capsys.readouterr().out


def test_entries_that_a_file_leaves_out_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "switches.npz"
    assert main(["export", "mingru_generic130", "--to", "npz", "-o", str(out)]) == 0
    assert "mingru.switch.r_on_n is left out: 5 points on each of 6 inputs" in capsys.readouterr().err
    with np.load(out, allow_pickle=False) as data:
        assert "mingru.switch.r_on_n" in json.loads(str(data["header"]))["left_out"]


def test_a_population_is_exported_for_brian2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "population.py"
    assert main(["export", str(POPULATION), "--to", "brian2", "--at", "chip=3", "-o", str(out)]) == 0
    assert ", number 3" in out.read_text()
    assert "brian2" in capsys.readouterr().out


@pytest.mark.parametrize("package", ["brian2", "nest-simulator"])
def test_a_missing_simulator_is_named_with_its_package(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pysim.delays.layer import DelayLayer
    from pysim.delays.soma import SpikingSoma
    from pysim.export.registry import find_exporter

    # An interpreter that finds no package at all.
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S -I "$@"\n')
    bare.chmod(0o755)
    monkeypatch.setenv("SPICETWIN_RECEIVERS", str(bare))
    layer = DelayLayer(
        weights=np.ones((2, 2)), delays=np.zeros((2, 2), np.uint16), soma=SpikingSoma(), tau_synapse=5e-3
    )
    path = tmp_path / "layer.npz"
    path.write_bytes(find_exporter("npz").export(layer))
    assert main(["export", "check", str(path), "--to", package.removesuffix("-simulator")]) == 2
    error = capsys.readouterr().err
    assert f"pip install {package}" in error
    assert error.count("\n") == 1
