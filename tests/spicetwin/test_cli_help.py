"""Help and version are quick because nothing heavy is imported for them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from spicetwin.cli import COMMANDS, main

HEAVY = {
    "numpy",
    "scipy",
    "matplotlib",
    "xarray",
    "lmfit",
    "numba",
    "PySpice",
    "jinja2",
    "jsonschema",
    "rich",
}


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_global_options_import_nothing_heavy(argument: str) -> None:
    code = (
        "import json, sys; from spicetwin.cli import main; code = main([sys.argv[1]]); "
        "print(json.dumps([code, sorted({m.partition('.')[0] for m in sys.modules})]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, argument], capture_output=True, text=True, timeout=60, check=True
    )
    exit_code, modules = json.loads(done.stdout.splitlines()[-1])
    assert exit_code == 0
    assert not HEAVY & set(modules)


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {mounted.name} " in shown for mounted in COMMANDS)


def test_calling_without_arguments_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "Commands:" in capsys.readouterr().out


@pytest.mark.parametrize("mounted", COMMANDS, ids=lambda mounted: mounted.name)
def test_every_command_loads_and_explains_itself(mounted, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([mounted.name, "--help"]) == 0
    assert f"Usage: spicetwin {mounted.name}" in capsys.readouterr().out


def test_module_and_command_are_the_same_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "spicetwin", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith("spicetwin ")
