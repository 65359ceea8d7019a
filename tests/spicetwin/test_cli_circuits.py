"""Circuits and netlists as a user sees them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from spicetwin.cli import main


def test_listing_names_the_dpi_family(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["circuits", "--json"]) == 0
    listing = json.loads(capsys.readouterr().out)
    assert {"dpi_synapse", "dpi_neuron"} <= {entry["name"] for entry in listing["circuits"]}


def test_a_circuit_shows_every_parameter_with_unit_and_bounds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["circuits", "dpi_synapse", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    capacitor = next(p for p in shown["parameters"] if p["name"] == "c_syn")
    assert capacitor["unit"] == "F"
    assert capacitor["bounds"][0] <= capacitor["value"] <= capacitor["bounds"][1]
    assert main(["circuits", "dpi_synapse"]) == 0
    assert all(p["name"] in capsys.readouterr().out for p in shown["parameters"][:1])


def test_netlist_carries_the_values_that_were_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["netlist", "dpi_synapse", "--set", "i_tau=2p", "--corner", "ss"]) == 0
    text = capsys.readouterr().out
    assert "corner ss" in text.splitlines()[0]
    assert "+ i_tau=2e-12" in text
    assert ".subckt dpi_synapse" in text


def test_netlist_file_is_the_text_and_leaves_no_other_file(tmp_path: Path) -> None:
    assert main(["netlist", "dpi_synapse", "-o", str(tmp_path / "dpi.cir")]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["dpi.cir"]


@pytest.mark.ngspice
@pytest.mark.skipif(shutil.which("ngspice") is None, reason="the ngspice program is not installed")
def test_plain_ngspice_accepts_the_netlist(tmp_path: Path) -> None:
    path = tmp_path / "dpi.cir"
    assert main(["netlist", "dpi_synapse", "-o", str(path)]) == 0
    deck = path.read_text().removesuffix(".end\n")
    sources = "v1 vdd 0 1.8\nv2 vddb 0 1.8\nv3 spk 0 0\nv4 isyn 0 0\n.op\n.end\n"
    path.write_text(deck + sources)
    done = subprocess.run(["ngspice", "-b", path], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "error" not in (done.stdout + done.stderr).lower()
