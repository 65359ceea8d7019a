"""NEST script of a spiking delay layer; its neurons are built-in models whose propagators are the layer's own."""

from __future__ import annotations

from typing import cast

from calibration.table import CalibrationTable
from pysim.delays.layer import DelayLayer
from pysim.export.exporter import At, Conformance, Exporter, Source
from pysim.export.program import program
from pysim.export.receiver import run_program, version_there
from pysim.export.spikes import largest_shift
from pysim.export.synapse_list import dense_spikes, event_arrays, spiking_run, synapse_list
from pysim.mingru.network import MinGruNetwork
from pysim.specification import Build


def content(source: Source, at: At) -> bytes:
    """Python file.

    Raises
    ------
    ExportError
        For a soma that integrates, or thresholds located inside the step.
    """
    del at
    layer = cast(DelayLayer, source)
    return program(
        "nest_layer", synapse_list(layer, "nest"), [f"table {layer.origin}"] if layer.origin else []
    )


def check(source: Source, at: At, data: bytes) -> tuple[Conformance, ...]:
    """Run the script: every spike within one step of the twin's.

    Raises
    ------
    ToolMissing
        Without NEST.
    ExportError
        When the script fails.
    """
    del at
    layer = cast(DelayLayer, source)
    version = version_there("nest-simulator", "nest")
    events, twin = spiking_run(layer)
    found = dense_spikes(run_program(data, event_arrays(events)), twin.shape)
    return (
        Conformance(
            tool="NEST",
            version=version,
            stimulus=f"{len(events)} random events, {int(twin.sum())} spikes, step {layer.dt:g} s",
            metric="largest shift of a spike, in steps",
            value=largest_shift(twin, found),
            tolerance=1.0,
        ),
    )


EXPORTER = Exporter(
    name="nest",
    suffix=".py",
    title="NEST script of a spiking delay layer (iaf_psc_exp)",
    holds=(DelayLayer,),
    content=content,
    check=check,
    instead={
        CalibrationTable: "a script runs a network; use spice for behavioural blocks, npz or csv for look-up tables",
        MinGruNetwork: "NEST has no clocked state with a product; use onnx or torch",
        Build: "the log-domain neuron and its synapses are no built-in model of NEST, and own models need NESTML "
        "and a compiler; use brian2",
    },
)
