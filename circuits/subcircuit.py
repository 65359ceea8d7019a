"""A circuit in a deck: the text of its subcircuit file and the line that instances it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from circuits.circuit import Circuit
from circuits.process import Mismatch, mismatch_parameters


def subcircuit_lines(circuit: Circuit) -> tuple[str, ...]:
    """Lines of the circuit's netlist file without comments and empty lines."""
    text = files("netlists").joinpath(circuit.netlist).read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("*"))


def instance_line(circuit: Circuit, name: str, nodes: Sequence[str], mismatch: Mismatch | None = None) -> str:
    """``X<name> <nodes> <circuit> <parameters>`` with every parameter written out, mismatch included.

    Numbers are written so that they read back as the same float: equal circuits give equal decks.
    """
    if len(nodes) != len(circuit.ports):
        raise ValueError(f"{circuit.name} has ports {' '.join(circuit.ports)}; got nodes {' '.join(nodes)}")
    values = circuit.values() | mismatch_parameters(circuit, mismatch or {})
    parameters = " ".join(f"{parameter}={value!r}" for parameter, value in values.items())
    return f"x{name} {' '.join(nodes)} {circuit.name} {parameters}"
