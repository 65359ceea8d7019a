"""Exported programs: the source of a module of :mod:`pysim.export.scripts` with the data of a network in it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from pysim.export.arrays import packed
from pysim.export.exporter import version_of

_PLACE = 'DATA = ""'


def program(script: str, arrays: Mapping[str, Any], origin: Sequence[str]) -> bytes:
    """Python file: lines of origin, the script, its arrays in base64."""
    source = files("pysim.export").joinpath("scripts", f"{script}.py").read_text(encoding="utf-8")
    lines = [*origin, f"written by spicetwin {version_of('spicetwin')}"]
    header = "".join(f"# {line}\n" for line in dict.fromkeys(lines))
    data = base64.b64encode(packed(arrays)).decode("ascii")
    return (header + source.replace(_PLACE, f'DATA = "{data}"', 1)).encode("utf-8")
