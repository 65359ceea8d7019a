"""``spicetwin circuits``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spicetwin.output import columns, emit_json, engineering

if TYPE_CHECKING:
    from circuits.circuit import Circuit, Parametrised
    from circuits.testbench import Testbench


def circuits_command(
    name: Annotated[
        str | None, typer.Argument(help="Circuit or testbench; all of them when left out.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Declarations as JSON.")] = False,
) -> None:
    """List circuit families, or the parameters, ports and observables of one circuit or testbench."""
    from circuits.families import circuits, testbenches

    if name is None:
        listing = _overview(circuits(), testbenches())
        emit_json(listing) if as_json else typer.echo(_overview_text(listing))
        return
    description = _describe(name)
    emit_json(description) if as_json else typer.echo(_description_text(description))


def _overview(circuits: dict[str, type[Circuit]], benches: dict[str, type[Testbench]]) -> dict[str, Any]:
    """Every circuit and testbench with family and one line."""
    return {
        "circuits": [
            {"name": name, "family": cls.family, "summary": _first_line(cls)}
            for name, cls in sorted(circuits.items())
        ],
        "testbenches": [
            {"name": name, "family": cls.family, "summary": cls.description}
            for name, cls in sorted(benches.items())
        ],
    }


def _overview_text(listing: dict[str, Any]) -> str:
    """Two blocks of aligned lines."""
    blocks = []
    for kind in ("circuits", "testbenches"):
        rows = [(entry["family"], entry["name"], entry["summary"]) for entry in listing[kind]]
        blocks.append(f"{kind}\n{columns(rows)}")
    return "\n\n".join(blocks)


def _describe(name: str) -> dict[str, Any]:
    """Everything declared about one circuit or testbench."""
    from circuits.families import circuits, testbenches
    from spicetwin.registry import find_circuit

    benches = testbenches()
    if name in benches and name not in circuits():
        bench = benches[name]
        dut = bench().dut  # type: ignore[call-arg]  # every field has a default
        generated = _parameters(type(dut)) if dut.name not in circuits() else []
        return {
            "name": name,
            "kind": "testbench",
            "family": bench.family,
            "summary": bench.description,
            "parameters": [*_parameters(bench), *generated],
            "observables": [dataclasses.asdict(observable) for observable in bench.observables],
        }
    circuit = find_circuit(name)
    return {
        "name": name,
        "kind": "circuit",
        "family": circuit.family,
        "summary": _first_line(circuit),
        "netlist": circuit.netlist,
        "ports": list(circuit.ports),
        "transistors": list(circuit.transistors),
        "parameters": _parameters(circuit),
        "testbenches": sorted(n for n, bench in benches.items() if bench.family == circuit.family),
    }


def _parameters(cls: type[Parametrised]) -> list[dict[str, Any]]:
    """Declared parameters with default, bounds, unit, meaning and source."""
    return [{"name": name, **dataclasses.asdict(declared)} for name, declared in cls.declarations().items()]


def _description_text(description: dict[str, Any]) -> str:
    """The description as a short manual page."""
    lines = [
        f"{description['kind']} {description['name']} ({description['family']}): {description['summary']}"
    ]
    for key in ("netlist", "ports", "transistors", "testbenches"):
        if key in description:
            value = description[key]
            lines.append(f"{key}: {value if isinstance(value, str) else ' '.join(value)}")
    rows = [("parameter", "default", "from", "to", "meaning", "source")]
    for declared in description["parameters"]:
        low, high = (engineering(bound, declared["unit"]) for bound in declared["bounds"])
        default = engineering(declared["value"], declared["unit"])
        rows.append((declared["name"], default, low, high, declared["description"], declared["source"]))
    lines += ["", columns(rows)]
    if "observables" in description:
        observed = [(o["name"], o["unit"], o["description"]) for o in description["observables"]]
        lines += ["", columns([("observable", "unit", "definition"), *observed])]
    return "\n".join(lines)


def _first_line(cls: type) -> str:
    """First line of a class's docstring."""
    return (cls.__doc__ or "").strip().partition("\n")[0].replace("``", "")
