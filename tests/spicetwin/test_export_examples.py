"""The examples of docs/exports.md run as written, from a table to the other tool's own API."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from pysim.export.exporter import ToolMissing
from pysim.export.receiver import interpreter
from pysim.export.veriloga import _tools
from spicetwin.cli import main

ROOT = Path(__file__).parents[2]
LAYER = "A delay layer from a table"
#: Sections whose tools take their time.
SLOW = ("VACASK", "PyTorch", "Brian2", "NEST", "NIR")


@dataclass(frozen=True)
class Section:
    """Title, command lines and blocks (language, text) of a section."""

    title: str
    commands: tuple[list[str], ...]
    blocks: tuple[tuple[str, str], ...]


def sections() -> list[Section]:
    """Sections of the page that end in a tool."""
    page = (ROOT / "docs" / "exports.md").read_text(encoding="utf-8")
    found = []
    for part in page.split("\n## ")[1:]:
        title, _, body = part.partition("\n")
        commands = re.findall(r"^    \$ spicetwin (.*)$", body, re.MULTILINE)
        blocks = re.findall(r"```(\w+)\n(.*?)```", body, re.DOTALL)
        if commands or blocks:
            found.append(Section(title, tuple(shlex.split(c) for c in commands), tuple(blocks)))
    return found


def run(command: list[str], folder: Path) -> str:
    """Output of a command that has to succeed."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_python(text: str, folder: Path) -> None:
    """Run a block where its modules are: here, or in the environment of the receivers."""
    modules = {n.split(".")[0] for n in imported(text)} - {path.stem for path in folder.glob("*.py")}
    find = "import importlib.util as u, sys; sys.exit(not all(u.find_spec(m) for m in sys.argv[1:]))"
    for python in dict.fromkeys((sys.executable, interpreter())):
        if subprocess.run([python, "-c", find, *sorted(modules)], check=False).returncode == 0:
            run([python, "-W", "ignore", "-c", text], folder)
            return
    pytest.skip(f"one of {', '.join(sorted(modules))} is not installed")


def imported(text: str) -> set[str]:
    """Modules that a block imports."""
    nodes = list(ast.walk(ast.parse(text)))
    names = {a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}
    return names | {n.module for n in nodes if isinstance(n, ast.ImportFrom) and n.module}


def run_block(language: str, text: str, folder: Path) -> None:
    """Run one block in its tool."""
    if language == "python":
        run_python(text, folder)
    elif language == "c":
        if shutil.which("gcc") is None:
            pytest.skip("gcc is not installed")
        (folder / "use.c").write_text(text)
        run(["gcc", "-Wall", "-Werror", "-o", "use", "use.c", "-lm"], folder)
        assert float(run(["./use"], folder).split()[0]) > 0.0
    elif language == "spice":
        if shutil.which("ngspice") is None:
            pytest.skip("ngspice is not installed")
        (folder / "use.cir").write_text(text)
        peak = re.search(r"peak\s*=\s*(\S+)", run(["ngspice", "-b", "use.cir"], folder))
        assert peak is not None
        assert float(peak[1]) > 1e-12
    elif language == "vacask":
        try:
            tools = _tools()
        except ToolMissing as error:
            pytest.skip(str(error))
        run([str(tools / "openvaf-r"), "dpi.va", "-o", "dpi.osdi"], folder)
        (folder / "pulses.sim").write_text(text)
        run([str(tools / "vacask"), "pulses.sim"], folder)
        assert (folder / "pulses.raw").stat().st_size > 1000
    else:
        # There was no MATLAB to run it in; the page says so.
        assert language == "matlab"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Working folder, with the project's examples and the delay layer."""
    path = tmp_path_factory.mktemp("exports")
    (path / "examples").symlink_to(ROOT / "examples")
    (layer,) = (s for s in sections() if s.title == LAYER)
    run([sys.executable, "-c", layer.blocks[0][1]], path)
    return path


def marked() -> list[object]:
    """Sections with their marks."""
    return [
        pytest.param(s, id=s.title, marks=[pytest.mark.slow] if s.title.startswith(SLOW) else [])
        for s in sections()
        if s.title != LAYER
    ]


@pytest.mark.parametrize("section", marked())
def test_the_example_runs_as_written(
    section: Section, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    for command in section.commands:
        if main(command) != 0:
            said = capsys.readouterr().err
            if "is not installed" in said:
                pytest.skip(said.strip())
            pytest.fail(said)
    for language, text in section.blocks:
        run_block(language, text, folder)


def test_every_format_has_an_example() -> None:
    from pysim.export.registry import OWN

    page = (ROOT / "docs" / "exports.md").read_text(encoding="utf-8")
    shown = set(
        re.findall(r"^    \$ spicetwin export \S+ --to (\S+)(?: --target (\S+))?", page, re.MULTILINE)
    )
    names = {f"{form}-{target}" if target else form for form, target in shown}
    # The one target that is not supported can only be checked.
    assert set(OWN) - names == {"nir-rockpool"}
