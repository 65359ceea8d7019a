"""Calibration: design, joint fits of known truth, spread, and the table that comes with the package."""

from __future__ import annotations

import math

import numpy as np
import pytest

from calibration.laws import get_law
from calibration.table import CalibrationTable, OutOfDomain, load, resolve
from circuits.families.dpi import DpiSynapse
from circuits.process import get_process
from circuits.testbench import Conditions
from pysim.chip import draw
from pysim.neurons.response import response
from spicetwin.calibrate import neuron, spread, synapse
from spicetwin.calibrate.block import T_REF
from spicetwin.calibrate.design import corners_and_fill, inside
from spicetwin.calibrate.synapse_trace import SynapseTrace, calibration_request
from spicetwin.compare.neuron import WEIGHT, default_biases, twin


@pytest.fixture(scope="module")
def table() -> CalibrationTable:
    return load(resolve("dpi_generic130"))


def test_design_touches_the_ends_of_every_range_and_repeats_bit_for_bit() -> None:
    points = corners_and_fill(synapse.BOX, 16, 1)
    assert points == corners_and_fill(synapse.BOX, 16, 1)
    for name, r in synapse.BOX.items():
        values = [p[name] for p in points]
        assert min(values) == pytest.approx(r.low)
        assert max(values) == pytest.approx(r.high)


def test_held_out_points_are_inside_the_box_and_no_calibration_points() -> None:
    fitted = corners_and_fill(synapse.BOX, 64, 1)
    for point in inside(synapse.BOX, 16, 99):
        assert point not in fitted
        assert all(r.low <= point[name] <= r.high for name, r in synapse.BOX.items())


def truth_traces(parameters: dict[str, float], n: int, noise: float) -> list[SynapseTrace]:
    """Traces of a twin of known parameters at a design's points."""
    rng = np.random.default_rng(7)
    traces = []
    for point in corners_and_fill(synapse.BOX, n, 1):
        biases = {k: v for k, v in point.items() if k != "temperature"}
        request = calibration_request(biases, Conditions(temperature=point["temperature"]), "generic130", 120)
        exact = synapse.twin(parameters, point).run(np.asarray(request.spikes), np.asarray(request.times))
        current = np.maximum(exact + noise * exact.max() * rng.standard_normal(exact.size), 1e-18)
        width = synapse.QUANTITIES["t_pulse"].value(parameters, point)
        floor = synapse.QUANTITIES["i_floor"].value(parameters, point)
        traces.append(SynapseTrace(request, current, width, floor, 0.0))
    return traces


def test_joint_fit_finds_the_parameters_of_a_known_twin() -> None:
    truth = {name: float(p.value) for name, p in {**synapse.START, **synapse.PULSE_START}.items()}  # type: ignore[arg-type]
    truth |= {
        "kappa": 0.70,
        "gain_scale": 1.25,
        "weight_exponent": 1.03,
        "slope_ratio": 1.12,
        "i_floor": 2e-13,
    }
    traces = truth_traces(truth, 16, 1e-4)
    widths = synapse.fit_pulse_width(traces)
    fit = synapse.fit_traces(traces, {name: p.value for name, p in widths.parameters.items()})
    for name, tolerance in (
        ("kappa", 1e-3),
        ("gain_scale", 5e-3),
        ("weight_exponent", 2e-3),
        ("slope_ratio", 2e-3),
    ):
        assert fit.parameters[name].value == pytest.approx(truth[name], rel=tolerance), name
    assert widths.parameters["pulse_charge"].value == pytest.approx(truth["pulse_charge"], rel=1e-3)


def test_time_to_threshold_is_the_interval_of_the_event_driven_neuron() -> None:
    at = {"i_tau": 5e-12, "i_gain": 1e-10, "i_threshold": 1e-9, "i_refractory": 4e-10, "temperature": T_REF}
    cell = neuron.twin(neuron.start_values(), at)
    current = 2.0 * float(cell.rheobase()[0])
    interval = neuron.time_to_threshold(cell, current) + float(cell.array("t_refractory")[0])
    spikes = response(cell, [(0.0, current)], 4.5 * interval).row(0)
    assert np.diff(spikes) == pytest.approx(interval, rel=1e-4)
    assert spikes[0] == pytest.approx(neuron.time_to_threshold(cell, current, from_rest=True), rel=1e-4)


def test_no_interval_below_the_rheobase() -> None:
    at = {"i_tau": 5e-12, "i_gain": 1e-10, "i_threshold": 1e-9, "i_refractory": 4e-10, "temperature": T_REF}
    cell = neuron.twin(neuron.start_values(), at)
    assert math.isinf(neuron.time_to_threshold(cell, 0.98 * float(cell.rheobase()[0])))


def test_mismatch_of_tau_is_that_of_its_two_transistors() -> None:
    process, circuit, kappa = get_process("generic130"), DpiSynapse(), 0.73
    terms = spread.within_die(spread.SYNAPSE, circuit, process, kappa, T_REF)
    one = kappa * process.pelgrom.sigma_vt("p", circuit.w_tau, circuit.l_tau) / (8.617333262e-5 * T_REF)
    expected = math.sqrt(2) * math.hypot(one, process.pelgrom.sigma_mu("p", circuit.w_tau, circuit.l_tau))
    assert -terms["tau"].sigma == pytest.approx(expected, rel=1e-6)
    assert terms["i_tau"].sigma == pytest.approx(expected, rel=1e-6)
    assert terms["tau"].factor == terms["i_tau"].factor != ""


def test_packaged_table_is_good_and_carries_spread_and_held_out_errors(table: CalibrationTable) -> None:
    assert {name.partition(".")[0] for name in table.entries} == {"synapse", "neuron", "adaptation"}
    assert all(entry.verdict == "GOOD" for entry in table.entries.values())
    assert all(entry.validation for entry in table.entries.values())
    assert {term.source for term in table.entry("synapse.tau").variation} == {"die", "within_die"}
    assert table.provenance.netlist_sha256
    assert table.provenance.git_dirty is False


def test_packaged_table_gives_tau_by_its_closed_form(table: CalibrationTable) -> None:
    found = table.entry("synapse.tau").predict({"i_tau": 5e-12, "temperature": T_REF})
    kappa = table.entry("synapse.tau").values["kappa"]
    assert found.value == pytest.approx(1.5e-12 * 8.617333e-5 * T_REF / (kappa * 5e-12), rel=0.01)
    assert found.low < found.value < found.high
    with pytest.raises(OutOfDomain, match="outside the fitted range"):
        table.entry("synapse.tau").predict({"i_tau": 5e-9, "temperature": T_REF})


def test_drawn_tau_and_leak_of_one_instance_hang_together(table: CalibrationTable) -> None:
    at = {name: r.at(0.5) for name, r in synapse.BOX.items()}
    values = draw(table, (50, 8), 3, ("within_die",), block="synapse", at=at).values
    product = values["tau"] * values["i_tau"]
    assert product.std() / product.mean() < 1e-6
    assert 0.05 < np.log(values["tau"]).std() < 0.25


@pytest.mark.parametrize(
    "law", ["dpi_tau_biased", "dpi_leak_current", "dpi_gain", "dpi_weight", "dpi_threshold"]
)
def test_bias_laws_are_proportional_at_the_ideal_mirror(law: str) -> None:
    declared = get_law(law)
    bias = next(name for name in declared.inputs if name != "temperature")
    leaks = {name: 1e-30 for name in ("i_leak", "i_floor") if name in declared.params}
    values = {**declared.guesses(), **{k: max(v, declared.params[k].bounds[0]) for k, v in leaks.items()}}
    one, two = (
        float(declared.function(**{bias: np.float64(b), "temperature": np.float64(300.15)}, **values))
        for b in (1e-11, 2e-11)
    )
    assert two / one == pytest.approx(0.5 if law == "dpi_tau_biased" else 2.0, rel=1e-5)


def test_twin_without_adaptation_has_no_block(table: CalibrationTable) -> None:
    assert twin(table, default_biases(), T_REF).adaptation is not None
    assert twin(table, default_biases() | {WEIGHT: neuron.NO_ADAPTATION}, T_REF).adaptation is None
