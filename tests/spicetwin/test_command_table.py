"""``spicetwin table``, ``predict`` and ``simulate`` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from calibration.table import (
    CalibrationTable,
    Covariance,
    Entry,
    Interval,
    Parameter,
    Provenance,
    Variation,
    load,
    write,
)
from spicetwin.cli import main

VALUES = {
    "synapse.tau": (10e-3, "s"),
    "synapse.i_gain": (20e-12, "A"),
    "synapse.i_weight": (20e-9, "A"),
    "synapse.i_tau": (5e-12, "A"),
    "synapse.t_pulse": (10e-6, "s"),
    "neuron.i_tau": (5e-12, "A"),
    "neuron.i_gain": (20e-12, "A"),
    "neuron.i_threshold": (2e-9, "A"),
    "neuron.i_reset": (1e-12, "A"),
    "neuron.t_refractory": (2e-3, "s"),
}
NETWORK = """\
table = "TABLE"
duration = 0.2
chips = 3
[neurons]
count = 6
bias = { i_tau = 5e-12 }
[inputs.noise]
kind = "poisson"
count = 20
rate = 80.0
[[synapses]]
name = "drive"
from = "noise"
[rate_response]
currents = [0.0, 2e-9]
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    entries = {
        name: Entry(
            quantity=name,
            unit=unit,
            law="constant",
            scale="log",
            parameters={"value": Parameter(value, unit, value * 0.01, scale="log")},
            covariance=Covariance(("value",), ((1e-4,),)),
            variation=(Variation("within_die", "lognormal", 0.1),),
        )
        for name, (value, unit) in VALUES.items()
    }
    entries["neuron.tau"] = Entry(
        quantity="membrane time constant",
        unit="s",
        law="power_law",
        scale="log",
        parameters={
            "scale": Parameter(20e-3, "s", 2e-4, scale="log"),
            "x_ref": Parameter(5e-12, "A", vary=False, scale="log"),
            "exponent": Parameter(-1.0, "1", vary=False),
        },
        covariance=Covariance(("scale",), ((1e-4,),)),
        domain={"i_tau": Interval(1e-12, 20e-12, "A")},
        arguments={"i_tau": "x"},
    )
    made = CalibrationTable("demo", "1.0.0", "2026-11-21T00:00:00Z", entries, Provenance("virtual"))
    return write(made, tmp_path)


def test_predict_gives_value_interval_and_spread(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(table), "neuron.tau", "--at", "i_tau=10p", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["value"] == pytest.approx(10e-3)
    assert found["stderr"] == pytest.approx(1e-4)
    assert found["low"] < found["value"] < found["high"]


def test_predict_outside_the_domain_ends_with_code_2_and_one_line(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(table), "neuron.tau", "--at", "i_tau=1n"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "1e-12 to 2e-11 A" in error


def test_predict_extrapolates_when_asked_and_says_so(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(table), "neuron.tau", "--at", "i_tau=1n", "--extrapolate"]) == 0
    assert "EXTRAPOLATED" in capsys.readouterr().out


def test_show_prints_the_document_as_it_is_stored(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", "show", str(table), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(table.read_text())
    assert main(["table", "show", str(table), "neuron.tau"]) == 0
    assert "power_law" in capsys.readouterr().out


def test_verify_passes_a_sound_table_and_fails_an_edited_one(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["table", "verify", str(table)]) == 0
    capsys.readouterr()
    table.write_text(table.read_text().replace("0.1", "0.2", 1))
    assert main(["table", "verify", str(table), "--json"]) == 1
    assert "digest" in json.loads(capsys.readouterr().out)[0]["error"]


def test_diff_lists_what_changed(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import dataclasses

    newer = write(dataclasses.replace(load(table), version="1.1.0", licence="CC0"), tmp_path)
    assert main(["table", "diff", str(table), str(newer), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {d["path"] for d in found} == {"version", "licence"}


def test_list_names_every_packaged_table(capsys: pytest.CaptureFixture[str]) -> None:
    from calibration.table import list_tables

    assert main(["table", "list", "--json"]) == 0
    listed = [r["table"] for r in json.loads(capsys.readouterr().out)]
    assert listed == [f"{p.parent.name}@{p.stem}" for p in list_tables()]


def test_simulate_writes_rates_and_spikes_and_reports_them(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import xarray

    text = NETWORK.replace("TABLE", str(table.relative_to(tmp_path)))
    (tmp_path / "net.toml").write_text(text)
    output = tmp_path / "out" / "run.nc"
    assert main(["simulate", str(tmp_path / "net.toml"), "--chips", "4", "-o", str(output), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    with xarray.open_dataset(output) as data:
        assert data["rate"].shape == (4, 6)
        assert data["spike_time"].size == summary["spikes"] > 0
        assert float(data["rate"].mean()) == pytest.approx(summary["rate_hz"]["mean"])
        assert data["f_i_rate"].dims == ("chip", "neuron", "current")
        assert data.attrs["description"] == text
    assert summary["integration_error"]["spike_shift"] < 1e-3
    assert [p.name for p in output.parent.iterdir()] == ["run.nc"]


def test_simulate_with_one_chip_reports_no_interval_of_the_mean(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "net.toml").write_text(NETWORK.replace("TABLE", str(table.relative_to(tmp_path))))
    assert main(["simulate", str(tmp_path / "net.toml"), "--chips", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rate_hz"]["low"] is None
    assert main(["simulate", str(tmp_path / "net.toml"), "--chips", "1"]) == 0


def test_simulate_names_the_line_of_an_unknown_key(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "net.toml").write_text(NETWORK.replace("chips", "chipz"))
    assert main(["simulate", str(tmp_path / "net.toml")]) == 2
    assert "net.toml:3: chipz: unknown key" in capsys.readouterr().err
