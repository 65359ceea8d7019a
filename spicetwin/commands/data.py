"""``spicetwin data``: what measured data there is, where it is, and getting it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spicetwin.boundary import FAILED
from spicetwin.output import emit_json

if TYPE_CHECKING:
    from calibration.measured import Campaign
    from measurements.registry import Source, Verification

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Measured data: list, pull, verify, show.",
)

Mirror = Annotated[
    Path | None,
    typer.Option(
        "--mirror", help="Folder laid out <owner>/<repo>/<commit>/<path>; default $SPICETWIN_MIRROR."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Result as JSON.")]
Names = Annotated[
    list[str] | None, typer.Argument(metavar="[SOURCE]...", help="Sources; all of them when left out.")
]


@app.command("list")
def list_command(as_json: Json = False) -> None:
    """List the registered data sources."""
    from measurements.registry import sources

    known = sources().values()
    if as_json:
        emit_json([_summary(source) for source in known])
        return
    rows = [(s.name, s.kind, str(len(s.files)), _size(s.bytes), s.licence, s.description) for s in known]
    _print_table(("source", "kind", "files", "size", "licence", "description"), rows)


@app.command("pull")
def pull_command(
    names: Names = None,
    mirror: Mirror = None,
    dest: Annotated[
        Path | None, typer.Option("--dest", help="Folder to write to; default the data folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Get the files of data sources from a mirror or their repository; every file's hash is checked."""
    from rich.console import Console
    from rich.progress import Progress

    from measurements.registry import data_folder, get_source, pull

    chosen = [get_source(name) for name in _chosen(names)]
    pulled: dict[str, int] = {}
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("pull", total=sum(len(source.files) for source in chosen))
        for source in chosen:
            progress.update(task, description=f"pull {source.name}")
            pulled[source.name] = len(
                pull(source.name, mirror, dest, on_file=lambda _: progress.advance(task))
            )
    folder = str(dest or data_folder())
    if as_json:
        emit_json({"folder": folder, "files": pulled})
        return
    for name, count in pulled.items():
        typer.echo(f"{name}: {count} files in {folder}")


@app.command("verify")
def verify_command(names: Names = None, mirror: Mirror = None, as_json: Json = False) -> None:
    """Check the files in the mirror or the data folder; exit 1 when any is absent or wrong."""
    from measurements.registry import verify

    results = [verify(name, mirror) for name in _chosen(names)]
    if as_json:
        emit_json([_result(result) for result in results])
    else:
        rows = [
            (r.name, r.state, f"{r.present}/{r.total}", next(iter(r.wrong + r.missing), "")) for r in results
        ]
        _print_table(("source", "state", "files", "first wrong or absent file"), rows)
    if any(result.state != "complete" for result in results):
        raise typer.Exit(FAILED)


@app.command("show")
def show_command(
    name: Annotated[str, typer.Argument(metavar="SOURCE", help="Registered source, or a file.")],
    mirror: Mirror = None,
    as_json: Json = False,
) -> None:
    """Describe a source: origin, columns, oddities, curves; or the curves of your own file or campaign."""
    from measurements.registry import get_source, sources

    if name not in sources() and (Path(name).suffix or Path(name).exists()):
        _show_file(Path(name), as_json)
        return
    source = get_source(name)
    curves = _curves(source, mirror)
    if as_json:
        files = [
            {"path": f.path, "bytes": f.bytes, "sha256": f.sha256, "url": source.url(f)} for f in source.files
        ]
        emit_json({**_summary(source), "notes": list(source.notes), "curves": curves, "files": files})
        return
    typer.echo(f"{source.name}: {source.description}")
    for label in ("kind", "licence", "reference", "repository", "commit"):
        typer.echo(f"  {label:<11}{getattr(source, label)}")
    typer.echo(f"  {'files':<11}{len(source.files)} ({_size(source.bytes)}), first: {source.files[0].path}")
    if source.columns:
        typer.echo(
            f"  {'columns':<11}" + ", ".join(f"{key} [{unit}]" for key, unit in source.columns.items())
        )
    for note in source.notes:
        typer.echo(f"  {'note':<11}{note}")
    if not curves:
        typer.echo("  curves     not read: the files are absent, or there is no reader for them")
        return
    _print_curves(curves)


def _show_file(path: Path, as_json: bool) -> None:
    """Curves of a file that belongs to the user."""
    from calibration.readers import read

    curves = _described(read(path))
    if as_json:
        emit_json({"file": str(path), "curves": curves})
        return
    _print_curves(curves)


def _print_curves(curves: Sequence[dict[str, Any]]) -> None:
    """Table of curves with the rows kept, left out and censored."""
    _print_table(
        ("curve", "kind", "rows", "left out", "censored", "reasons"),
        [
            (
                c["name"],
                c["kind"],
                str(c["rows"]),
                str(c["left_out"]),
                str(c["censored"]),
                "; ".join(c["reasons"]),
            )
            for c in curves
        ],
    )


def _chosen(names: list[str] | None) -> list[str]:
    """Names given, else all; an unknown one is an error before any work."""
    from measurements.registry import get_source, sources

    return [get_source(name).name for name in names] if names else list(sources())


def _curves(source: Source, mirror: Path | None) -> list[dict[str, Any]]:
    """Curves of a source: its originals, else its virtual stand-in, else none."""
    from measurements.load import load
    from measurements.registry import MissingDataError

    if not source.reader:
        return []
    try:
        return _described(load(source.name, mirror))
    except MissingDataError:
        return []


def _described(campaign: Campaign) -> list[dict[str, Any]]:
    """Curves with columns, conditions and the rows kept, left out and censored."""
    return [
        {
            "name": curve.name,
            "kind": curve.source.kind,
            "rows": curve.rows,
            "left_out": curve.excluded_rows,
            "censored": int(sum(curve.censored(column).sum() for column in {*curve.floors, *curve.ceilings})),
            "reasons": [f"{exclusion.reason} ({exclusion.rows})" for exclusion in curve.exclusions],
            "columns": dict(curve.units),
            "conditions": dict(curve.conditions),
            "sha256": curve.source.sha256,
        }
        for curve in campaign
    ]


def _summary(source: Source) -> dict[str, Any]:
    """Source without its files."""
    plain = (
        "name",
        "description",
        "kind",
        "licence",
        "reference",
        "repository",
        "commit",
        "reader",
        "virtual",
    )
    return {
        **{key: getattr(source, key) for key in plain},
        "columns": dict(source.columns),
        "n_files": len(source.files),
        "bytes": source.bytes,
    }


def _result(result: Verification) -> dict[str, Any]:
    """Verification as JSON."""
    return {
        "name": result.name,
        "state": result.state,
        "total": result.total,
        "present": result.present,
        "missing": list(result.missing),
        "wrong": list(result.wrong),
    }


def _size(count: int) -> str:
    """Bytes for people."""
    for unit, scale in (("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count} B"


def _print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Table on stdout; text of a data file is never taken as markup."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in header:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
