"""Read SPICE model libraries: ``.lib`` sections and ``.model`` cards as plain lines, nothing evaluated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from circuits.process import ProcessError

_SECTION = re.compile(r"^\.lib\s+(\w+)\s*$", re.IGNORECASE)
_NESTED = re.compile(r"^\.lib\s+['\"]?([^'\"\s]+)['\"]?\s+(\w+)\s*$", re.IGNORECASE)
_ENDL = re.compile(r"^\.endl\b", re.IGNORECASE)


def statements(path: Path) -> Iterator[str]:
    """Statements of a SPICE file: continuation lines joined, comment and empty lines dropped."""
    pending = ""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ProcessError(f"cannot read the model library {path}: {error.strerror}") from error
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line.startswith("*"):
            continue
        if line.startswith("+"):
            pending += " " + line[1:].strip()
            continue
        if pending:
            yield pending
        pending = line
    if pending:
        yield pending


def section(path: Path, name: str) -> tuple[str, ...]:
    """Statements of one ``.lib`` section, sections of the same file that it names included in place.

    Raises
    ------
    ProcessError
        When the file cannot be read or has no such section.
    """
    found: list[str] = []
    inside = seen = False
    known: list[str] = []
    for statement in statements(path):
        if head := _SECTION.match(statement):
            known.append(head[1])
            inside = head[1].lower() == name.lower()
            seen = seen or inside
        elif _ENDL.match(statement):
            inside = False
        elif inside:
            nested = _NESTED.match(statement)
            found.extend(section(path.parent / nested[1], nested[2]) if nested else [statement])
    if not seen:
        raise ProcessError(f"{path.name}: no section {name!r}; known: {', '.join(known)}")
    return tuple(found)
