"""``spicetwin table`` and ``spicetwin predict``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spicetwin.boundary import FAILED
from spicetwin.output import columns, emit_json, engineering

if TYPE_CHECKING:
    from calibration.table import CalibrationTable, Entry, Prediction

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="Calibration tables."
)

TableName = Annotated[str, typer.Argument(metavar="TABLE", help="name, name@version, or a .json file.")]
Json = Annotated[bool, typer.Option("--json", help="Result as JSON.")]


def _load(reference: str) -> CalibrationTable:
    from calibration.table import load, resolve

    return load(resolve(reference))


@app.command("list")
def list_command(as_json: Json = False) -> None:
    """Tables that come with the package."""
    from calibration.table import list_tables, load

    tables = [load(path) for path in list_tables()]
    rows = [
        {
            "table": t.reference,
            "entries": len(t.entries),
            "kind": t.provenance.kind,
            "created": t.created,
            "description": t.description,
        }
        for t in tables
    ]
    if as_json:
        emit_json(rows)
        return
    typer.echo(
        columns([["table", "entries", "kind", "created"], *([str(r[k]) for k in list(r)[:4]] for r in rows)])
    )


@app.command("show")
def show_command(
    table: TableName,
    entry: Annotated[str | None, typer.Argument(help="One entry in full.")] = None,
    as_json: Json = False,
) -> None:
    """Entries of a table, or one entry with parameters, domain, spread and validation."""
    loaded = _load(table)
    document = loaded.document()
    if entry is not None:
        one = loaded.entry(entry)
        emit_json(document["entries"][entry]) if as_json else typer.echo(_entry_text(one))
    elif as_json:
        emit_json(document)
    else:
        typer.echo(_table_text(loaded))


@app.command("verify")
def verify_command(
    tables: Annotated[list[str] | None, typer.Argument(help="Tables; all of the package if none.")] = None,
    as_json: Json = False,
) -> None:
    """Check schema, digest and consistency; exit code 1 if a table fails."""
    from calibration.table import TableError, list_tables, load, resolve

    rows: list[dict[str, Any]] = []
    for reference in tables or [str(path) for path in list_tables()]:
        try:
            found = load(resolve(reference))
            rows.append({"table": reference, "ok": True, "digest": found.digest, "error": None})
        except TableError as error:
            rows.append({"table": reference, "ok": False, "digest": None, "error": str(error)})
    if as_json:
        emit_json(rows)
    else:
        typer.echo(
            columns(
                [
                    ["ok" if r["ok"] else "FAILED", str(r["table"]), str(r["error"] or r["digest"])]
                    for r in rows
                ]
            )
        )
    if not all(r["ok"] for r in rows):
        raise typer.Exit(FAILED)


@app.command("diff")
def diff_command(before: TableName, after: TableName, as_json: Json = False) -> None:
    """Every value in which two tables differ."""
    from calibration.table import diff

    found = diff(_load(before), _load(after))
    if as_json:
        emit_json([dataclasses.asdict(d) for d in found])
    elif found:
        typer.echo(
            columns([["value", before, after], *([d.path, repr(d.before), repr(d.after)] for d in found)])
        )


def predict_command(
    table: TableName,
    entry: Annotated[str, typer.Argument(help="Entry, such as synapse.tau.")],
    at: Annotated[
        list[str] | None,
        typer.Option("--at", metavar="P=V", help="Input of the law, such as i_tau=5p; repeatable."),
    ] = None,
    extrapolate: Annotated[bool, typer.Option(help="Allow inputs outside the fitted domain.")] = False,
    as_json: Json = False,
) -> None:
    """Value of a table entry with standard error and 95 % interval, or OutOfDomain."""
    from spicetwin.quantity import parse_assignments

    prediction = _load(table).entry(entry).predict(parse_assignments(at or ()), extrapolate=extrapolate)
    emit_json(dataclasses.asdict(prediction)) if as_json else typer.echo(_prediction_text(prediction))


def _table_text(table: CalibrationTable) -> str:
    origin = table.provenance
    head = [
        f"{table.reference}   {origin.kind}   created {table.created}   licence {table.licence or '-'}",
        *([table.description] if table.description else []),
        f"digest {table.digest}",
        "",
    ]
    rows = [["entry", "unit", "law", "inputs", "points", "verdict"]]
    rows += [
        [name, e.unit, e.law, ", ".join(e.box) or "-", str(e.n_points), e.verdict]
        for name, e in table.entries.items()
    ]
    return "\n".join([*head, columns(rows)])


def _entry_text(entry: Entry) -> str:
    parameters = [["parameter", "value", "stderr", "scale"]]
    for name, p in entry.parameters.items():
        error = engineering(p.stderr, p.unit) if p.stderr is not None else "fixed" if not p.vary else "-"
        parameters.append([name, engineering(p.value, p.unit), error, p.scale])
    parts = [f"{entry.name}: {entry.quantity}, law {entry.law}, {entry.verdict}", columns(parameters)]
    if entry.box:
        boxes = [
            [n, engineering(b.low, b.unit), "to", engineering(b.high, b.unit)] for n, b in entry.box.items()
        ]
        parts.append("domain\n" + columns(boxes))
    if entry.reference:
        parts.append("reference  " + ", ".join(f"{k} = {v}" for k, v in entry.reference.items()))
    if entry.variation:
        rows = [["source", "distribution", "sigma", "n", "factor"]]
        rows += [
            [v.source, v.distribution, f"{v.sigma:.4g}", str(v.n), v.factor or "-"] for v in entry.variation
        ]
        parts.append(columns(rows))
    parts += [f"validation: {v.metric} = {v.value:.4g} on {v.held_out}" for v in entry.validation]
    return "\n\n".join(parts)


def _prediction_text(p: Prediction) -> str:
    lines = [
        f"{p.entry} = {engineering(p.value, p.unit)} ± {engineering(p.stderr, p.unit)}",
        f"95 % interval {engineering(p.low, p.unit)} to {engineering(p.high, p.unit)}",
        *(f"{source} spread (one sigma) {engineering(sd, p.unit)}" for source, sd in p.spread.items()),
        *(["EXTRAPOLATED: outside the fitted domain"] if p.extrapolated else []),
        *([f"verdict of the fit: {p.verdict}"] if p.verdict != "GOOD" else []),
    ]
    return "\n".join(lines)


@app.command("build")
def build_command(
    family: Annotated[
        str,
        typer.Argument(
            metavar="[FAMILY]", help="Circuit family: dpi, mingru, memcap, denram and its other cells."
        ),
    ] = "dpi",
    process: Annotated[str, typer.Option(help="Process to calibrate on.")] = "generic130",
    version: Annotated[str, typer.Option(help="Version of the new table.")] = "1.0.0",
    root: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="Folder of tables; the package's.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer bias points, fewer chips.")] = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Simulator processes; all cores when left out.")
    ] = None,
    mirror: Annotated[
        Path | None, typer.Option(help="Mirror of measured data, for families that use them.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Calibrate a family on a process and write the table; an existing version is never overwritten.

    Exit code 1 when a fit is not GOOD; the table is written all the same, with the verdict in it.
    """
    from calibration.table import TABLES, write
    from spicetwin.calibrate.build import build_table

    built = build_table(family, process, version, quick=quick, jobs=jobs, mirror=mirror)
    path = write(built.table, TABLES if root is None else root)
    if as_json:
        emit_json({"table": str(path), "verdicts": built.verdicts, "failed_points": len(built.failures)})
    else:
        rows = [(name, verdict, built.reasons.get(name, "")) for name, verdict in built.verdicts.items()]
        typer.echo(columns([("fit", "verdict", "reasons"), *rows]))
        typer.echo(f"{len(built.failures)} points failed\n{path}")
    if any(verdict != "GOOD" for verdict in built.verdicts.values()):
        raise typer.Exit(FAILED)
