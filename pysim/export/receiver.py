"""Runs of exported programs in the interpreter that has the receiving tool.

Receiving tools want libraries of other versions than this package does (Brian2 an older numpy, others a PyTorch of
their own), so they run in a process of their own: in the interpreter that ``SPICETWIN_RECEIVERS`` names, or in the
present one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pysim.export.exporter import ExportError, ToolMissing

VARIABLE = "SPICETWIN_RECEIVERS"
#: Longest run of a receiving tool (s).
PATIENCE = 600.0

Arrays = dict[str, NDArray[Any]]


def interpreter() -> str:
    """Interpreter of the receiving tools: the one named in the environment, or this one.

    Raises
    ------
    ToolMissing
        When the one named does not exist.
    """
    named = os.environ.get(VARIABLE)
    if not named:
        return sys.executable
    path = Path(named)
    if path.is_dir():
        path = path / "bin" / "python"
    if not path.is_file():
        raise ToolMissing(f"{VARIABLE} = {named!r}: no interpreter there; accepted: a python, or a venv")
    return str(path)


def version_there(package: str, module: str) -> str:
    """Version of a receiving tool.

    Raises
    ------
    ToolMissing
        With the name to install.
    """
    code = "import importlib.metadata as m, importlib.util as u\n"
    code += f"print(m.version({package!r})); u.find_spec({module!r}).name"
    done = subprocess.run([interpreter(), "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolMissing(
            f"{package} is not installed: pip install {package} (here, or in a venv that {VARIABLE} names)"
        )
    return done.stdout.strip()


def run_program(program: bytes, inputs: Mapping[str, Any], *extra: tuple[str, bytes]) -> Arrays:
    """Arrays that a program writes when it gets ``inputs``; ``extra``: names and contents of further files.

    Raises
    ------
    ExportError
        With the last line that the program says, when it fails.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "program.py").write_bytes(program)
        for file, content in extra:
            (folder / file).write_bytes(content)
        np.savez(folder / "inputs.npz", **dict(inputs))
        command = [interpreter(), "program.py", "inputs.npz", "outputs.npz", *(file for file, _ in extra)]
        try:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, check=False, timeout=PATIENCE
            )
        except subprocess.TimeoutExpired as error:
            raise ExportError(f"the receiving tool did not end within {PATIENCE:g} s") from error
        if done.returncode or not (folder / "outputs.npz").is_file():
            said = (done.stderr or done.stdout).strip().splitlines()
            raise ExportError(f"the receiving tool fails on the exported file: {said[-1] if said else '-'}")
        with np.load(folder / "outputs.npz", allow_pickle=False) as data:
            return {key: data[key] for key in data.files}
