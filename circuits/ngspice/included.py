"""Files that a deck includes: refused where they hold commands, read for the subcircuits they define."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from circuits.ngspice.errors import ModelMissing, NetlistSyntax
from circuits.ngspice.statements import joined, parse

#: Cards that ngspice obeys in an included file too: commands (``shell`` among them), analyses, the temperature.
_COMMAND = re.compile(
    r"^\s*\.(control|endc|exec|probe|save|temp|op|dc|ac|tran|noise|tf|pz|sens|disto|pss)\b.*", re.I | re.M
)
_INCLUDE = re.compile(r"""^\s*\.(inc\w*|lib)\s+(?:"([^"]*)"|'([^']*)'|(\S+))(?:[ \t]+(\S+))?""", re.I)
_HEAD = re.compile(r"^\s*\.(?:subckt|ends|param|model|inc|lib)|^\s*\+", re.I)


@dataclass(frozen=True)
class Definitions:
    """What some netlist text defines.

    Attributes
    ----------
    parameters
        Subcircuit name -> parameters an instance may set: those of its head, and the ``.param`` of its body.
        Definitions of one name (sections of a library) count together.
    kinds
        Model name -> its type (``nmos``, ``vdmos``).
    files
        Every file that was read for it, with the nested ones.
    """

    parameters: Mapping[str, frozenset[str]]
    kinds: Mapping[str, str]
    files: tuple[Path, ...] = ()


def definitions(
    statements: Iterable[str], folder: Path | None = None, above: tuple[Path, ...] = ()
) -> Definitions:
    """Subcircuits and models of ``statements`` and of the files they include; a file in ``above`` is known.

    Raises
    ------
    ModelMissing
        An included file that is not there.
    NetlistSyntax
        An included file with a command, an analysis or a temperature.
    """
    parameters: dict[str, frozenset[str]] = {}
    kinds: dict[str, str] = {}
    files: list[Path] = []
    inside: list[str] = []
    for text in statements:
        if not text.startswith("."):
            continue
        card = text[:4].lower()
        if card in (".inc", ".lib"):
            path = _path(text, folder)
            if path is None or path in above:  # a library names its own sections
                continue
            found = _file(path, above)
            for name, accepted in found.parameters.items():
                parameters[name] = parameters.get(name, frozenset()) | accepted
            kinds.update(found.kinds)
            files += [path, *found.files]
        elif card == ".sub":
            statement = parse(text)
            inside.append(statement.words[1] if len(statement.words) > 1 else "")
            parameters[inside[-1]] = parameters.get(inside[-1], frozenset()) | set(statement.names)
        elif card == ".end" and inside:
            inside.pop()
        elif card == ".par" and inside:
            parameters[inside[-1]] |= set(parse(text).names)
        elif card == ".mod":
            words = text.split(maxsplit=3)
            if len(words) > 2:
                kinds[words[1].lower()] = words[2].lower().partition("(")[0]
    return Definitions(parameters, kinds, tuple(files))


def _path(text: str, folder: Path | None) -> Path | None:
    """File that an include card names; None for the head of a library section and for a nested absent file."""
    match = _INCLUDE.match(text)
    if match is None or (match[1].lower() == "lib" and match[5] is None):
        return None
    named = Path(match[2] or match[3] or match[4]).expanduser()
    places = [named] if named.is_absolute() or folder is None else [folder / named, named]
    for place in places:
        if place.is_file():
            return place.resolve()
    if folder is not None:  # perhaps in a section that nobody asks for; ngspice says so when it does
        return None
    raise ModelMissing(f"{text!r}: could not find include or library file {named}")


def _file(path: Path, above: tuple[Path, ...]) -> Definitions:
    """Definitions of a file, from memory while it and the files it includes are unchanged."""
    try:
        status = path.stat()
        read = _read(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise ModelMissing(f"include file {path} cannot be read: {error.strerror}") from error
    return definitions(read, path.parent, (*above, path))


@lru_cache(maxsize=64)
def _read(path: Path, size: int, changed: int) -> tuple[str, ...]:
    """Statements of a file that define or include something; an edited file is read again."""
    text = path.read_text(encoding="latin-1")
    command = _COMMAND.search(text)
    if command:
        line = text.count("\n", 0, command.end()) + 1
        raise NetlistSyntax(
            f"{path}, line {line}: {command[0].strip()!r} is not accepted in an included file;"
            " accepted: elements, subcircuits, models, parameters, options"
        )
    return tuple(_defining(text.splitlines()))


def _defining(lines: Iterable[str]) -> Iterator[str]:
    """Statements that define or include something, without the rest of a large library."""
    kept: list[str] = []
    wanted = False
    for line in lines:
        if line.lstrip().startswith("+"):
            if wanted:
                kept.append(line)
        elif not line.strip() or line.lstrip().startswith("*"):
            continue
        else:
            wanted = _HEAD.match(line) is not None
            if wanted:
                kept.append(line)
    yield from joined(kept)
