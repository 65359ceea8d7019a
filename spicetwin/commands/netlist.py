"""``spicetwin netlist``."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spicetwin.output import emit_json

if TYPE_CHECKING:
    from circuits.circuit import Circuit


def netlist_command(
    circuit: Annotated[str, typer.Argument(help="Circuit, see 'spicetwin circuits'.")],
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="P=V", help="Parameter value, such as c_syn=2p; repeatable."),
    ] = None,
    process: Annotated[str, typer.Option(help="Process: generic130, sky130, gf180.")] = "generic130",
    corner: Annotated[str, typer.Option(help="Corner of the process.")] = "tt",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File; stdout when left out.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Text, parameters and digest as JSON.")] = False,
) -> None:
    """Write a circuit as plain SPICE: model cards, subcircuit, and one instance with its values."""
    from spicetwin.quantity import parse_assignments
    from spicetwin.registry import find_circuit
    from spicetwin.writing import write_text

    dut = find_circuit(circuit)().replace(parse_assignments(assignments or ()))
    text = netlist_text(dut, process, corner)
    if output is not None:
        write_text(output, text)
    if as_json:
        emit_json(
            {"circuit": circuit, "process": process, "corner": corner, "values": dut.values(), "text": text}
        )
    elif output is None:
        typer.echo(text, nl=False)


def netlist_text(dut: Circuit, process_name: str, corner: str) -> str:
    """Model cards of the corner, the subcircuit file, an instance ``xdut`` on nodes named as its ports."""
    from circuits.deck import DEFAULT_OPTIONS
    from circuits.process import get_process

    process = get_process(process_name)
    cards = process.cards(corner, list(dut.geometries().values()))
    source = files("netlists").joinpath(dut.netlist).read_text(encoding="utf-8")
    values = [f"+ {name}={value!r}" for name, value in dut.values().items()]
    instance = [f"xdut {' '.join(dut.ports)} {dut.name}", *values]
    # Without these ngspice's default gmin alone shifts time constants of picoampere circuits by 60 %.
    options = ".options " + " ".join(f"{name}={value}" for name, value in DEFAULT_OPTIONS.items())
    title = f"* {dut.name} on {process.name}, corner {corner}"
    return "\n".join([title, options, *cards, "", source.rstrip(), "", *instance, ".end"]) + "\n"
