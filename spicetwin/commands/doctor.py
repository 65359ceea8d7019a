"""``spicetwin doctor``."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from spicetwin.boundary import FAILED
from spicetwin.output import columns, emit_json


def doctor_command(
    as_json: Annotated[bool, typer.Option("--json", help="Findings as JSON.")] = False,
) -> None:
    """Report versions, the simulator with one operating point, extras and shadowing packages.

    Exit code 1 when something required is missing.
    """
    from spicetwin.doctor import examine

    findings = examine()
    if as_json:
        emit_json(
            {"ok": not any(f.failed for f in findings), "findings": [dataclasses.asdict(f) for f in findings]}
        )
    else:
        typer.echo(columns([(f.state, f.name, f.detail) for f in findings]))
    if any(finding.failed for finding in findings):
        raise typer.Exit(FAILED)
