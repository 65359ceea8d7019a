"""``spicetwin report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spicetwin.output import emit_json


def report_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that 'spicetwin run' wrote.")],
    as_json: Annotated[bool, typer.Option("--json", help="Path and check counts as JSON.")] = False,
) -> None:
    """Write DIR/report/index.html, one self-contained page, from the files of a run."""
    from spicetwin.report.document import Document
    from spicetwin.report.render import render

    path = render(folder)
    if not as_json:
        typer.echo(str(path))
        return
    checks = [check for _, check in Document.load(folder).checks()]
    emit_json({"report": str(path), "checks": len(checks), "passed": sum(check.passed for check in checks)})
