"""Scripts for Brian2 and NEST: what they hold, and that the simulators give the twin's spikes."""

from __future__ import annotations

import ast
import base64
import dataclasses
import io
import re
from pathlib import Path

import numpy as np
import pytest
from export_cases import delay_layer, digits, small_table

from pysim.delays.layer import DelayLayer
from pysim.delays.soma import IntegratingSoma
from pysim.export.exporter import ExportError, ToolMissing
from pysim.export.population_arrays import on_grid, one_chip, population_arrays, step_of
from pysim.export.receiver import run_program, version_there
from pysim.export.registry import find_exporter
from pysim.export.spikes import largest_shift, population_shift, unmatched
from pysim.export.synapse_list import synapse_list
from pysim.neurons.dpi import PowerFeedback, SigmoidFeedback, TableFeedback
from pysim.population import Spikes
from pysim.specification import Build, Specification, build

ROOT = Path(__file__).parents[3]
PACKAGES = {"brian2": ("brian2", "brian2"), "nest": ("nest-simulator", "nest")}


def population() -> Build:
    """The example's population on two chips."""
    return build(Specification.read(ROOT / "examples" / "dpi_population.toml"), chips=2)


def installed(form: str) -> None:
    """Skip without the receiving tool."""
    try:
        version_there(*PACKAGES[form])
    except ToolMissing as error:
        pytest.skip(str(error))


def arrays_in(program: bytes) -> dict[str, np.ndarray]:
    """Arrays that an exported program carries."""
    data = next(re.finditer(rb'^DATA = "(.*)"$', program, re.MULTILINE))[1]
    with np.load(io.BytesIO(base64.b64decode(data)), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


@pytest.mark.parametrize("own_tau", [False, True])
@pytest.mark.parametrize("form", PACKAGES)
def test_every_spike_is_in_the_step_of_the_twin(form: str, own_tau: bool) -> None:
    installed(form)
    exporter, layer = find_exporter(form), delay_layer(own_tau=own_tau)
    assert exporter.check is not None
    (line,) = exporter.check(layer, {}, exporter.export(layer))
    assert line.passed
    assert line.value == 0.0
    assert " 0 spikes" not in line.stimulus


@pytest.mark.parametrize("form", PACKAGES)
def test_other_delays_in_the_script_are_caught(form: str) -> None:
    installed(form)
    exporter, layer = find_exporter(form), delay_layer()
    other = dataclasses.replace(layer, delays=np.roll(layer.delays, 1, axis=0))
    assert exporter.check is not None
    (line,) = exporter.check(layer, {}, exporter.export(other))
    assert not line.passed


@pytest.mark.slow
def test_a_dpi_population_spikes_within_one_step() -> None:
    installed("brian2")
    exporter, source = find_exporter("brian2"), population()
    assert exporter.check is not None
    (line,) = exporter.check(source, {"chip": 1.0}, exporter.export(source, {"chip": 1.0}))
    assert line.passed


@pytest.mark.parametrize("form", PACKAGES)
def test_a_script_is_one_python_file_with_all_synapses_in_it(form: str) -> None:
    layer = delay_layer()
    program = find_exporter(form).export(layer)
    assert "def build(" in ast.unparse(ast.parse(program))
    arrays = arrays_in(program)
    weights = np.zeros(layer.weights.shape)
    weights[arrays["source"], arrays["target"]] = arrays["weight"][0] * arrays["grid"]
    assert np.array_equal(weights, layer.weights)
    assert np.array_equal(arrays["delay"], layer.delays[arrays["source"], arrays["target"]])


def test_a_population_is_told_with_its_table_and_chip() -> None:
    source = population()
    program = find_exporter("brian2").export(source, {"chip": 1.0})
    assert f"digest {source.table.digest}" in program.decode()
    arrays = arrays_in(program)
    assert np.array_equal(arrays["i_tau"], source.network.neuron.array("i_tau")[1])
    assert np.array_equal(arrays["tau_s0"], source.network.projections[0].synapse.array("tau")[1])


def test_a_chip_alone_spikes_as_among_others() -> None:
    source = population()
    alone = one_chip(source.network, 1).run(0.03, backend="numba").spikes
    together = source.network.run(0.03, backend="numba").spikes
    assert alone.time.size > 0
    assert np.array_equal(alone.time, together.time[together.chip == 1])


@pytest.mark.parametrize(
    "feedback",
    [
        SigmoidFeedback(
            i_feedback=[[1e-12] * 16, [2e-12] * 16], i_feedback_threshold=1e-10, i_feedback_norm=1e-11
        ),
        PowerFeedback(i_feedback=[[1e-9] * 16, [2e-9] * 16], feedback_exponent=1.5),
    ],
)
def test_a_feedback_goes_with_its_chip(feedback: SigmoidFeedback | PowerFeedback) -> None:
    network = population().network
    network = dataclasses.replace(network, neuron=dataclasses.replace(network.neuron, feedback=feedback))
    arrays = population_arrays(one_chip(network, 1))
    assert np.array_equal(arrays["fb_0"], np.asarray(feedback.i_feedback)[1])


def test_inputs_are_moved_to_steps_by_at_most_half_a_step() -> None:
    network = population().network
    moved = on_grid(network, 2e-6)
    before, after = network.projections[0].source, moved.projections[0].source
    assert before is not None
    assert after is not None
    assert np.abs(after.time - before.time)[before.time > 2e-6].max() <= 1.001e-6
    assert np.allclose(after.time / 2e-6, np.rint(after.time / 2e-6), rtol=0.0, atol=1e-6)


def test_a_sampled_feedback_is_refused() -> None:
    network = population().network
    table = TableFeedback(ln_current=np.array([-30.0, -20.0]), current=np.zeros(2))
    network = dataclasses.replace(network, neuron=dataclasses.replace(network.neuron, feedback=table))
    with pytest.raises(ExportError, match="feedback that is a sampled characteristic; use"):
        population_arrays(one_chip(network, 0))


def test_the_step_resolves_the_shortest_pulse() -> None:
    network = population().network
    shortest = min(float(p.synapse.array("t_pulse").min()) for p in network.projections)
    assert step_of(network) <= shortest / 10
    assert step_of(network) > shortest / 100


@pytest.mark.parametrize("form", PACKAGES)
def test_what_a_simulator_cannot_hold_is_refused_with_the_nearest(form: str) -> None:
    exporter, layer = find_exporter(form), delay_layer()
    for source in (small_table(), digits()):
        with pytest.raises(ExportError, match=rf"{form} cannot hold a .*; use "):
            exporter.export(source)
    with pytest.raises(ExportError, match=r"located inside the step; use npz"):
        exporter.export(dataclasses.replace(layer, soma=dataclasses.replace(layer.soma, located=True)))


def integrating() -> DelayLayer:
    """Layer of two synapses between an input and a neuron, without spikes."""
    layer = delay_layer()
    shape = (*layer.weights.shape[:2], 2)
    rng = np.random.default_rng(4)
    delays = rng.integers(0, 13, shape).astype(np.uint16)
    return DelayLayer(weights=rng.normal(0.2, 1.0, shape), delays=delays, soma=IntegratingSoma())


def test_nest_has_no_integrating_soma() -> None:
    with pytest.raises(ExportError, match=r"nest cannot hold an integrating soma.*; use npz, brian2"):
        find_exporter("nest").export(integrating())


def test_brian2_finds_the_largest_currents_of_integrating_somata() -> None:
    installed("brian2")
    exporter, layer = find_exporter("brian2"), integrating()
    assert exporter.check is not None
    (line,) = exporter.check(layer, {}, exporter.export(layer))
    assert line.passed
    late = dataclasses.replace(layer, delays=layer.delays[::-1])
    (line,) = exporter.check(layer, {}, exporter.export(late))
    assert not line.passed


def test_several_synapses_of_a_pair_are_all_in_the_script() -> None:
    layer = integrating()
    arrays = arrays_in(find_exporter("brian2").export(layer))
    assert arrays["weight"].shape == (1, layer.weights.size)
    assert np.array_equal(arrays["delay"], layer.delays.ravel())


def test_nest_refuses_a_population_and_names_brian2() -> None:
    for form, reason in (("nest", "NESTML"), ("npz", "nonlinear equations")):
        with pytest.raises(ExportError, match=rf"cannot hold a DPI population: .*{reason}.*use brian2"):
            find_exporter(form).export(population())


@pytest.mark.parametrize(
    ("at", "message"),
    [({"chip": 2.0}, "chip = 2; accepted: 0 to 1"), ({"x": 0.0}, "no input 'x'; accepted: chip")],
)
def test_another_chip_than_drawn_is_refused(at: dict[str, float], message: str) -> None:
    with pytest.raises(ExportError, match=message):
        find_exporter("brian2").export(population(), at)


def test_synapses_without_weight_are_left_out() -> None:
    layer = delay_layer()
    weights = layer.weights.copy()
    weights[0] = 0.0
    found = synapse_list(dataclasses.replace(layer, weights=weights), "nest")
    assert found["weight"].shape == (1, weights[1:].size)
    assert 0 not in found["source"]


def test_a_missing_receiver_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ToolMissing, match="no-such-tool is not installed: pip install no-such-tool"):
        version_there("no-such-tool", "no_such_tool")
    monkeypatch.setenv("SPICETWIN_RECEIVERS", "/nowhere")
    with pytest.raises(ToolMissing, match="no interpreter there"):
        version_there("numpy", "numpy")


def test_a_program_that_fails_is_one_error() -> None:
    with pytest.raises(ExportError, match="fails on the exported file: ValueError: of no use"):
        run_program(b"raise ValueError('of no use')", {"x": 1})


def test_a_program_gets_inputs_and_gives_outputs() -> None:
    program = b"import sys, numpy as np\nx = np.load(sys.argv[1])['x']\nnp.savez(sys.argv[2], y=2 * x)"
    assert run_program(program, {"x": np.arange(3)})["y"].tolist() == [0, 2, 4]


def test_measures_of_spikes_see_a_missing_and_a_late_spike() -> None:
    twin = np.zeros((1, 5, 2), np.bool_)
    twin[0, [1, 3], 0] = True
    late = np.roll(twin, 1, axis=1)
    one = twin.copy()
    one[0, 3, 0] = False
    assert (unmatched(twin, twin), unmatched(twin, late), unmatched(twin, one)) == (0.0, 1.0, 1 / 3)
    assert (largest_shift(twin, twin), largest_shift(twin, late), largest_shift(twin, one)) == (
        0.0,
        1.0,
        np.inf,
    )
    spikes = Spikes(np.array([0, 1]), np.array([0.1, 0.2]), (1, 2), 1.0)
    assert population_shift(spikes, np.array([1, 0]), np.array([0.2, 0.13])) == pytest.approx(0.03)
    assert population_shift(spikes, np.array([1]), np.array([0.2])) == np.inf
