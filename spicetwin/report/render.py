"""One self-contained HTML page from a run folder: no script, no request, pictures inside."""

from __future__ import annotations

import base64
import math
import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from spicetwin.report.document import Cell, Document, ReportError, Table
from spicetwin.writing import write_text

if TYPE_CHECKING:
    from jinja2 import Environment

#: Width in CSS pixels of pictures that do not say theirs.
FALLBACK_WIDTH = 560

MEDIA_TYPES = {".png": "image/png", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class Rendered:
    """Text of a cell and whether it lines up as a number."""

    text: str
    numeric: bool


def render(folder: Path) -> Path:
    """Write ``report/index.html`` from the run in ``folder`` and return its path.

    Raises
    ------
    ReportError
        When ``run.json`` is missing or invalid, or names a figure that is not there or is no picture.
    """
    document = Document.load(folder)
    path = folder / "report" / "index.html"
    write_text(path, page(document, folder))
    return path


def page(document: Document, folder: Path) -> str:
    """HTML text of ``document``, whose figures lie below ``folder``."""
    template = _environment(folder).get_template("index.html")
    checks = [check for _, check in document.checks()]
    return template.render(
        document=document,
        checks=list(document.checks()),
        held=sum(check.passed for check in checks),
        version=version("spicetwin"),
    )


def data_uri(path: Path) -> str:
    """A picture as a ``data:`` address; a script inside an SVG cannot run there.

    Raises
    ------
    ReportError
        When the file is missing or its content is not what its suffix says.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ReportError(
            f"{path}: this figure is named in the document, but there is no such file"
        ) from None
    genuine = content.startswith(b"\x89PNG\r\n\x1a\n") if path.suffix == ".png" else b"<svg" in content[:4096]
    if not genuine:
        raise ReportError(f"{path}: the content is not {path.suffix.removeprefix('.').upper()}")
    return f"data:{MEDIA_TYPES[path.suffix]};base64,{base64.b64encode(content).decode('ascii')}"


def natural_width(path: Path) -> int:
    """Width of a picture in CSS pixels at its own size: what its text was set for."""
    content = path.read_bytes()
    if path.suffix == ".svg":
        match = re.search(rb'<svg[^>]*?\swidth="([\d.]+)(pt|px|)"', content[:4096])
        pixels = {b"pt": 96 / 72, b"px": 1.0, b"": 1.0}
        return round(float(match[1]) * pixels[match[2]]) if match else FALLBACK_WIDTH
    dots = int.from_bytes(content[16:20], "big")
    place = content.find(b"pHYs", 0, 4096)
    per_metre = int.from_bytes(content[place + 4 : place + 8], "big") if place > 0 else 0
    return round(dots * (96 / 0.0254) / per_metre) if per_metre else min(dots, FALLBACK_WIDTH)


def cell(value: Cell) -> Rendered:
    """Cell as shown: four significant digits, a dash for what is absent."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return Rendered("–", numeric=True)
    if isinstance(value, bool):
        return Rendered("yes" if value else "no", numeric=False)
    if isinstance(value, int):
        return Rendered(str(value), numeric=True)
    if isinstance(value, float):
        return Rendered(_number(value), numeric=True)
    return Rendered(value, numeric=False)


def number_columns(table: Table) -> set[int]:
    """Columns whose cells all line up as numbers."""
    return {
        i for i in range(len(table.columns)) if table.rows and all(cell(row[i]).numeric for row in table.rows)
    }


def _number(value: float) -> str:
    """Four significant digits with a true minus sign, and powers of ten written out."""
    mantissa, _, exponent = f"{value:.4g}".partition("e")
    text = mantissa.replace("-", "−")
    if not exponent:
        return text
    superscripts = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    return f"{text}·10{str(int(exponent)).translate(superscripts)}"


def _environment(folder: Path) -> Environment:
    """Template environment in which every value is escaped and an unknown name is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("spicetwin.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = cell
    environment.filters["number_columns"] = number_columns
    environment.globals["picture"] = lambda file: data_uri(folder / file)
    environment.globals["natural_width"] = lambda file: natural_width(folder / file)
    return environment
