"""The documentation refers to what exists."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from spicetwin.cli import COMMANDS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_resolves(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    files = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in files if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_shown_exists(page: Path) -> None:
    shown = set(re.findall(r"^\s*\$ spicetwin ([a-z]+)", page.read_text(), flags=re.MULTILINE))
    assert shown <= {mounted.name for mounted in COMMANDS}


def shown_commands() -> list[str]:
    """Every command line of the documentation, without the comment behind it."""
    lines = "\n".join(page.read_text() for page in PAGES).replace("\\\n", " ")
    return sorted(set(re.findall(r"^\s*\$ spicetwin ([^#\n]+)", lines, flags=re.MULTILINE)))


@pytest.mark.parametrize("line", shown_commands())
def test_every_command_line_shown_is_accepted_as_written(line: str) -> None:
    name, *arguments = shlex.split(line)
    command = next(mounted for mounted in COMMANDS if mounted.name == name).load()
    # Parsing alone refuses unknown options, missing arguments and values of the wrong type.
    while hasattr(command, "commands"):
        command = command.commands[arguments.pop(0)]
    command.make_context(name, arguments)


def test_the_report_example_runs_as_written(tmp_path: Path) -> None:
    match = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "report.md").read_text(), flags=re.DOTALL)
    assert match is not None
    done = subprocess.run(
        [sys.executable, "-c", match[1]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / done.stdout.strip()).is_file()
