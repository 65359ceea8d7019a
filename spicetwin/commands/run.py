"""``spicetwin run``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spicetwin.boundary import FAILED
from spicetwin.output import emit_json


def run_command(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder of results.")] = Path(
        "build"
    ),
    quick: Annotated[bool, typer.Option("--quick", help="Fewer points and samples, about a minute.")] = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Simulator processes; all cores when left out.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Checks and paths as JSON.")] = False,
) -> None:
    """Do the main job: simulate, fit, build the table, compare, run a population, and write the report.

    Exit code 1 when a check of the report fails; the results are kept.
    """
    from spicetwin.pipeline import run_pipeline
    from spicetwin.report.render import render

    document = run_pipeline(output, quick=quick, jobs=jobs)
    page = render(output)
    checks = [check for _, check in document.checks()]
    held = sum(check.passed for check in checks)
    if as_json:
        failed = [check.claim for check in checks if not check.passed]
        emit_json({"report": str(page), "checks": len(checks), "passed": held, "failed": failed})
    else:
        typer.echo(f"{held} of {len(checks)} checks hold\n{page}")
    if not document.passed:
        raise typer.Exit(FAILED)
