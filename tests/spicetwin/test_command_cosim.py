"""``spicetwin cosim``: a scenario runs and writes its files; a wrong one is one clear line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from spicetwin.cli import main

SMALL = 'circuit = "mingru"\n[parameters]\nv_gate = 0.37\nv_reset = 0.0123\n[stimulus]\nrows = 4\nsteps = 2\n'


def written(folder: Path, text: str) -> str:
    path = folder / "scenario.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def run(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own: there is one ngspice a process."""
    command = [sys.executable, "-m", "spicetwin", "cosim", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.ngspice
def test_a_column_runs_and_writes_waveforms_dump_and_picture(tmp_path: Path) -> None:
    files = [str(tmp_path / name) for name in ("a.nc", "a.vcd", "a.png")]
    done = run([written(tmp_path, SMALL), "-o", files[0], "--vcd", files[1], "--plot", files[2], "--json"])
    assert done.returncode == 0, done.stderr
    steps = json.loads(done.stdout)["steps"]
    assert len(steps) == 2
    with netCDF4.Dataset(files[0]) as file:
        assert file.ended == "complete"
        assert file["digital/k/value"][-1] == steps[-1]["k"]
    assert "$var wire 6" in Path(files[1]).read_text()
    assert Path(files[2]).stat().st_size > 10_000


@pytest.mark.ngspice
def test_a_converter_gives_dnl_and_inl(tmp_path: Path) -> None:
    text = 'circuit = "sar"\n[parameters]\nbits = 3\n[stimulus]\nhalvings = 10\n'
    done = run([written(tmp_path, text), "--json"])
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["codes"] == list(range(1, 8))
    assert np.abs(found["dnl"]).max() < 0.02  # ideal switches: what bisection leaves
    assert np.abs(found["inl"]).max() < 0.02
    assert found["lsb"] == pytest.approx(0.4 * 1280 / 1284 / 8, rel=2e-3)


@pytest.mark.ngspice
def test_ctrl_c_keeps_the_steps_that_were_reached(tmp_path: Path) -> None:
    long = SMALL.replace("steps = 2", "steps = 2000")
    out = tmp_path / "part.nc"
    command = [sys.executable, "-m", "spicetwin", "cosim", written(tmp_path, long), "-o", str(out), "--json"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, text=True, env=environment, **pipes) as process:  # type: ignore[call-overload]
        while process.poll() is None and not list(tmp_path.glob("spicetwin-ngspice-*")):
            time.sleep(0.05)
        time.sleep(8.0)  # ngspice is up and some steps are done; all of them take minutes
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "interrupted" in stderr
    assert ", step " in stderr
    assert ", phase " in stderr
    assert 0 < len(json.loads(stdout)["steps"]) < 2000
    with netCDF4.Dataset(out) as file:
        assert file.ended.startswith("stopped at")


def test_a_file_gives_weights_and_inputs(tmp_path: Path) -> None:
    from spicetwin.scenario import Scenario

    rng = np.random.default_rng(0)
    arrays = {f"weights_{n}": rng.integers(0, 4, (4, 2)) for n in "hz"}
    arrays |= {f"biases_{n}": np.array([1, 2]) for n in "hz"} | {"inputs": rng.integers(0, 2, (3, 4))}
    np.savez(tmp_path / "stimulus.npz", **arrays)
    text = 'circuit = "mingru"\n[stimulus]\nfile = "stimulus.npz"\ncolumn = 1\n'
    job = Scenario.read(Path(written(tmp_path, text))).job()
    assert job.weights[0] == tuple(arrays["weights_h"][:, 1])  # type: ignore[union-attr]
    assert job.biases == (2, 2)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("circuit = 3", "circuit"),
        ('circuit = "mixer"', "'mixer' is not one of ['mingru', 'sar']"),
        ("level = 1", "'circuit' is a required property"),
        ('circuit = "sar"\n[stimulus]\nrows = 4', "unknown entry 'stimulus.rows'; accepted: transitions"),
        ('circuit = "sar"\n[stimulus]\ntransitions = [9, 8]', "ascending codes from 1 to 63"),
        ('circuit = "sar"\n[parameters]\nbits = 2.5', "bits = 2.5 is no whole number"),
        ('circuit = "mingru"\n[stimulus]\nrows = 12', "multiple of 64"),
        ('circuit = "mingru"\n[parameters]\nc_unti = 1.0', "unknown parameter 'c_unti'"),
        ('circuit = "mingru"\nlevel = "layout"', "'layout' is not one of"),
        ('circuit = "mingru"\n[stimulus]\nfile = "absent.npz"', "absent.npz: No such file"),
        ('circuit = "mingru"\n[stimulus]\nfile = "a.npz"\nrows = 4', "exclude each other"),
        ("circuit = ", "not TOML"),
    ],
)
def test_a_wrong_scenario_is_one_clear_line(
    text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cosim", written(tmp_path, text)]) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.err.count("\n") == 1
    assert not shown.out


def test_a_generated_circuit_is_described_with_the_testbench_that_uses_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["circuits", "mingru_swap", "--json"]) == 0
    names = [parameter["name"] for parameter in json.loads(capsys.readouterr().out)["parameters"]]
    assert names[0] == "codes"
    assert {"rows", "c_unit", "v_gate"} <= set(names)
