"""ngspice subcircuits of behavioural blocks: B-sources with the table's parameters, mismatch as parameters.

Equations: :mod:`pysim.export.block_models`. Only outputs have the circuit's levels; states are of order 1.
"""

from __future__ import annotations

import re
from typing import cast

from calibration.table import CalibrationTable
from pysim.delays.layer import DelayLayer
from pysim.export.block_models import behaviour_of
from pysim.export.blocks import Block, blocks_of
from pysim.export.exporter import At, Exporter, Source, provenance
from pysim.mingru.network import MinGruNetwork


def content(source: Source, at: At) -> bytes:
    """Library of subcircuits, one a block."""
    table = cast(CalibrationTable, source)
    parts = [f"* {line}" for line in provenance(table)]
    parts += ["* Parameters are the typical instance; give others at each X line for mismatch."]
    for block in blocks_of(table, at):
        behaviour, parameters = behaviour_of(block)
        parts += ["", f"* {point_of(block)}", behaviour.subcircuit(name_of(table, block), parameters)]
    return ("\n".join(parts) + "\n").encode("ascii")


def name_of(table: CalibrationTable, block: Block) -> str:
    """Name of a block's subcircuit or module."""
    return re.sub(r"\W", "_", f"{table.name}_{block.name}").lower()


def point_of(block: Block) -> str:
    """Block and its operating point in words."""
    point = ", ".join(f"{name} = {value!r}" for name, value in sorted(block.at.items()))
    return f"{block.name} at {point or 'its reference conditions'}"


EXPORTER = Exporter(
    name="spice",
    suffix=".lib",
    title="ngspice subcircuits (B-sources) of synapses, neurons, delay elements, integrators, minGRU columns",
    holds=(CalibrationTable,),
    content=content,
    instead={
        MinGruNetwork: "a core of thousands of columns is no behavioural subcircuit; use onnx, or 'spicetwin cosim'",
        DelayLayer: "thousands of synapses are no behavioural subcircuit; use npz or nir",
    },
)
