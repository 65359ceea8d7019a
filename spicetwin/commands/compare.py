"""``spicetwin compare``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from spicetwin.boundary import FAILED
from spicetwin.output import columns, emit_json


def compare_command(
    family: Annotated[str, typer.Argument(help="Circuit family: dpi, mingru, denram, memcap.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="OUT.nc", help="Waveforms, netCDF.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer stimuli.")] = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Simulator processes; all cores when left out.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Checks as JSON.")] = False,
) -> None:
    """Compare transistor level and twin on stimuli that the fit has not seen.

    Exit code 1 when an error is out of tolerance.
    """
    from spicetwin.compare import compare_family

    checks = compare_family(family, output=output, quick=quick, jobs=jobs)
    if as_json:
        emit_json([dataclasses.asdict(check) for check in checks])
    else:
        rows = [
            ("holds" if check.passed else "FAILS", check.claim, check.value, check.limit) for check in checks
        ]
        typer.echo(columns([("result", "claim", "found", "required"), *rows]))
    if not all(check.passed for check in checks):
        raise typer.Exit(FAILED)
