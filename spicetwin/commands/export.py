"""``spicetwin export``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spicetwin.boundary import FAILED, InputError
from spicetwin.output import columns, emit_json

if TYPE_CHECKING:
    from pysim.export.exporter import Conformance

At = Annotated[
    list[str] | None,
    typer.Option(
        "--at", metavar="P=V", help="Input of a table's laws to hold, such as i_tau=5p; repeatable."
    ),
]


def export_command(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="[check] SOURCE",
            help="Table (name, name@version), shipped network, or a .npz or .json file; 'check' first runs the "
            "receiving tool instead of writing.",
        ),
    ],
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help="Format; an unknown one lists all.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="File to write.")
    ] = None,
    at: At = None,
    target: Annotated[
        str | None,
        typer.Option("--target", metavar="TOOL", help="With nir: importer whose normal form to use."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Result as JSON.")] = False,
) -> None:
    """Export a calibration table or a network, or check that the receiving tool reproduces it.

    Exit code 1 when a check is out of tolerance.
    """
    from pysim.export.registry import find_exporter
    from spicetwin.export_source import find_source
    from spicetwin.quantity import parse_assignments

    checks = len(what) == 2 and what[0] == "check"
    if len(what) != 1 and not checks:
        raise InputError(f"{' '.join(what)!r}: accepted are SOURCE, or check SOURCE")
    exporter = find_exporter(to if target is None else f"{to}-{target}")
    inputs = parse_assignments(at or ())
    if checks:
        if output is not None:
            raise InputError("check writes no file; leave -o out")
        from spicetwin.export_check import check_export

        _report(check_export(exporter, find_source(what[1]), inputs), as_json)
        return
    if exporter.unsupported:
        raise InputError(f"{exporter.name} is not supported: {exporter.unsupported}")
    if output is None:
        raise InputError(f"-o FILE is missing; a file of this format ends in {exporter.suffix}")
    source = find_source(what[0])
    data = exporter.export(source, inputs)
    _write(output, data)
    for note in exporter.notes(source, inputs) if exporter.notes else ():
        typer.echo(f"spicetwin: {note}", err=True)
    if as_json:
        emit_json({"file": str(output), "format": exporter.name, "bytes": len(data)})
    else:
        typer.echo(f"{output}  {exporter.name}, {len(data)} bytes")


def _write(path: Path, data: bytes) -> None:
    """Write the file, or leave nothing behind."""
    from spicetwin.writing import write_bytes

    if path.is_dir():
        raise InputError(f"{path}: is a folder; accepted: a file name")
    try:
        write_bytes(path, data)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error


def _report(lines: tuple[Conformance, ...], as_json: bool) -> None:
    if as_json:
        emit_json([{**dataclasses.asdict(line), "passed": line.passed} for line in lines])
    else:
        rows = [
            (
                "holds" if line.passed else "FAILS",
                f"{line.tool} {line.version}",
                line.stimulus,
                line.metric,
                f"{line.value:.3g}",
                f"<= {line.tolerance:.3g}",
            )
            for line in lines
        ]
        typer.echo(columns([("result", "tool", "stimulus", "metric", "value", "tolerance"), *rows]))
    if not all(line.passed for line in lines):
        raise typer.Exit(FAILED)
