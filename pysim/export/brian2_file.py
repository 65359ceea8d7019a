"""Brian2 script of a delay layer or of a DPI population; see :mod:`pysim.export.scripts`."""

from __future__ import annotations

from typing import cast

import numpy as np

from calibration.table import CalibrationTable
from pysim.delays.layer import DelayLayer
from pysim.delays.network import run_layer
from pysim.delays.soma import IntegratingSoma
from pysim.export.exporter import At, Conformance, Exporter, ExportError, Source, provenance
from pysim.export.population_arrays import chip_of, on_grid, one_chip, population_arrays, step_of
from pysim.export.program import program
from pysim.export.receiver import run_program, version_there
from pysim.export.spikes import largest_shift, population_shift
from pysim.export.stimulus import delay_events
from pysim.export.synapse_list import dense_spikes, event_arrays, spiking_run, synapse_list, weight_list
from pysim.mingru.network import MinGruNetwork
from pysim.network import Network
from pysim.specification import Build

#: Spikes that a comparison of populations waits for, and its longest time (s).
SPIKES, LONGEST = 8, 0.05


def content(source: Source, at: At) -> bytes:
    """Python file.

    Raises
    ------
    ExportError
        For what Brian2's equations here do not hold.
    """
    if isinstance(source, Build):
        chip = chip_of(at, source.network.neuron.shape[0])
        origin = (*provenance(source.table), f"chip {source.neurons.id}, number {chip}")
        return program("brian2_population", population_arrays(_stepped(source.network, chip)), origin)
    layer = cast(DelayLayer, source)
    made_from = [f"table {layer.origin}"] if layer.origin else []
    if isinstance(layer.soma, IntegratingSoma):
        return program("brian2_integrating", weight_list(layer, layer.weights[None], layer.grid), made_from)
    return program("brian2_layer", synapse_list(layer, "brian2"), made_from)


def check(source: Source, at: At, data: bytes) -> tuple[Conformance, ...]:
    """Run the script, code in NumPy: every spike within one step of the twin's, largest currents equal to 1e-6.

    Raises
    ------
    ToolMissing
        Without Brian2.
    ExportError
        When the script fails.
    """
    version = version_there("brian2", "brian2")
    if isinstance(source, Build):
        chip = chip_of(at, source.network.neuron.shape[0])
        return (_population(_stepped(source.network, chip), data, version),)
    layer = cast(DelayLayer, source)
    if isinstance(layer.soma, IntegratingSoma):
        return (_integrating(layer, data, version),)
    events, twin = spiking_run(layer)
    found = dense_spikes(run_program(data, event_arrays(events)), twin.shape)
    stimulus = f"{len(events)} random events, {int(twin.sum())} spikes, step {layer.dt:g} s"
    return (_line(version, stimulus, largest_shift(twin, found)),)


def _stepped(network: Network, chip: int) -> Network:
    """One chip, with inputs on the steps of its script."""
    one = one_chip(network, chip)
    return on_grid(one, step_of(one))


def _integrating(layer: DelayLayer, data: bytes, version: str) -> Conformance:
    events = delay_events(layer)
    twin = run_layer(layer, events).peak
    found = run_program(data, event_arrays(events))["peak"]
    if twin is None or not twin.any():
        raise ExportError("no neuron of the layer rises above 0 on random events: nothing to compare")
    return Conformance(
        tool="Brian2",
        version=version,
        stimulus=f"{len(events)} random events, {twin.size} largest currents, step {layer.dt:g} s",
        metric="largest difference over the largest of all",
        value=float(np.abs(found - twin).max() / twin.max()),
        tolerance=1e-6,
    )


def _population(network: Network, data: bytes, version: str) -> Conformance:
    spikes = network.run(LONGEST).spikes
    times = sorted(spikes.time.tolist())
    duration = LONGEST if len(times) <= SPIKES else 0.5 * (times[SPIKES - 1] + times[SPIKES])
    twin = network.run(duration).spikes
    if not twin.time.size:
        raise ExportError(f"no neuron spikes within {LONGEST:g} s: nothing to compare; give it more input")
    found = run_program(data, {"duration": duration})
    step = step_of(network)
    stimulus = f"its own inputs on steps for {duration:.3g} s, {twin.time.size} spikes, step {step:g} s"
    return _line(version, stimulus, population_shift(twin, found["neuron"], found["time"]) / step)


def _line(version: str, stimulus: str, shift: float) -> Conformance:
    return Conformance(
        tool="Brian2",
        version=version,
        stimulus=stimulus,
        metric="largest shift of a spike, in steps",
        value=shift,
        tolerance=1.0,
    )


EXPORTER = Exporter(
    name="brian2",
    suffix=".py",
    title="Brian2 script of a delay layer or a DPI population, in amperes",
    holds=(DelayLayer, Build),
    content=content,
    check=check,
    instead={
        CalibrationTable: "a script runs a network; use a description of a population (NETWORK.toml), or spice for "
        "behavioural blocks",
        MinGruNetwork: "its clocked swaps are no differential equation; use onnx or torch",
    },
)
