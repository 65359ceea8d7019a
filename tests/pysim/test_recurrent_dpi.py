"""Recurrent DPI networks: exact propagators, compiled twin, drawn chips, refused inputs."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from calibration.table import load, resolve
from pysim.errors import ModelError
from pysim.recurrent.chip import (
    SIGMA_NEURON,
    SIGMA_NEURON_SLOPE,
    SIGMA_SYNAPSE,
    Design,
    TableDraw,
    draw_published,
    typical,
)
from pysim.recurrent.network import RecurrentDpi, propagators

DT = 2e-3
DESIGN = Design(
    inputs=3, neurons=12, outputs=2, tau_input=10e-3, tau_recurrent=20e-3, tau_output=30e-3,
    tau_membrane=20e-3, tau_readout=20e-3,
)  # fmt: skip
TABLE = load(resolve("dpi_generic130"))


def case(seed: int):
    rng = np.random.default_rng(seed)
    weights = np.where(DESIGN.connected(), rng.normal(0.1, 0.5, DESIGN.shape), 0.0)
    return weights, (rng.random((6, 120, 3)) < 0.15).astype(np.uint8)


def test_kernel_gives_the_definitions_spikes_and_voltages():
    weights, x = case(0)
    net = RecurrentDpi(weights, draw_published(DESIGN, 3), DT)
    fast, slow = net.run(x), net.run(x, backend="numpy")
    assert slow.spikes.sum() > 100
    np.testing.assert_array_equal(fast.spikes, slow.spikes)
    np.testing.assert_allclose(fast.voltage, slow.voltage, rtol=1e-11, atol=1e-13)
    np.testing.assert_array_equal(fast.decisions, slow.decisions)


@pytest.mark.parametrize("tau", [5e-3, 20e-3, 20e-3 * (1 + 1e-12), 80e-3])
def test_response_to_one_spike_is_that_of_the_differential_equations(tau):
    design = Design(
        inputs=1, neurons=1, outputs=1, tau_input=tau, tau_recurrent=tau, tau_output=tau,
        tau_membrane=20e-3, tau_readout=20e-3,
    )  # fmt: skip
    weights = np.array([[0.5, 0.0], [0.0, 0.0]])
    x = np.zeros((1, 40, 1), np.uint8)
    x[0, 0, 0] = 1
    run = RecurrentDpi(weights, typical(design), DT).run(x)

    def slope(t, y):
        return [-y[0] / tau, y[0] - y[1] / 20e-3]

    at = DT * np.arange(40)
    exact = solve_ivp(slope, (0, at[-1]), [0.5 / tau, 0.0], t_eval=at, rtol=1e-10, atol=1e-12).y[1]
    assert not run.spikes.any()
    np.testing.assert_allclose(run.voltage[0, :, 0], exact, rtol=1e-7, atol=1e-10)


def test_step_of_equal_times_has_no_pole():
    near = [
        propagators(
            dataclasses.replace(typical(DESIGN), tau_synapse=np.full(DESIGN.shape, 20e-3 * f)), DT
        ).jump
        for f in (1.0, 1.0 + 1e-9, 1.0 + 1e-6)
    ]
    np.testing.assert_allclose(near[0], near[1], rtol=1e-8)
    np.testing.assert_allclose(near[0], near[2], rtol=1e-5)


def test_published_draw_has_the_published_spread():
    design = dataclasses.replace(DESIGN, neurons=150)
    chips = [draw_published(design, seed) for seed in range(20)]
    there = design.connected()
    still = typical(design)
    synapse = np.array([np.log(c.tau_synapse / still.tau_synapse)[there] for c in chips])
    neuron = np.array([np.log(c.tau_membrane / still.tau_membrane) for c in chips])
    assert abs(synapse.std() / SIGMA_SYNAPSE - 1) < 0.01
    assert abs(neuron.std() / (SIGMA_NEURON + SIGMA_NEURON_SLOPE * 20e-3) - 1) < 0.05
    assert len({c.id for c in chips}) == 20
    np.testing.assert_array_equal(draw_published(design, 4).tau_synapse, chips[4].tau_synapse)


def test_table_draw_centres_on_the_design_and_spreads_as_the_entries_say():
    design = dataclasses.replace(DESIGN, neurons=60)
    draws = TableDraw(TABLE, design, sources=("within_die",))
    chip, still = draws.chip(1), typical(design)
    there = design.connected()
    sigma = {n: TABLE.entries[n].variation for n in TABLE.entries}
    tau = np.log(chip.tau_synapse / still.tau_synapse)[there]
    assert abs(np.median(tau)) < 0.01
    within = next(abs(v.sigma) for v in sigma["synapse.tau"] if v.source == "within_die")
    assert abs(tau.std() / within - 1) < 0.05
    # Charge of a spike: I_g, I_w and the pulse length of the synapse vary alone; the leak's mirror cancels, and
    # every synapse of a neuron shares the neuron's own gain, which is divided out here.
    charge = np.log(np.where(there, chip.strength / np.where(there, still.strength, 1.0), 1.0))[:, :60]
    own = there[:, :60]
    column = np.where(own, charge, 0.0).sum(0) / own.sum(0)
    spread = (charge - column)[own].std()
    parts = [
        v.sigma
        for n in ("synapse.i_gain", "synapse.i_weight", "synapse.t_pulse")
        for v in sigma[n]
        if v.source == "within_die"
    ]
    assert abs(spread / np.sqrt(np.sum(np.square(parts))) - 1) < 0.05
    assert abs(np.median(chip.threshold) - 1) < 0.1


def test_without_sources_the_table_gives_the_typical_chip():
    chip, still = TableDraw(TABLE, DESIGN, sources=()).chip(7), typical(DESIGN)
    there = DESIGN.connected()
    np.testing.assert_allclose(chip.tau_synapse, still.tau_synapse, rtol=1e-9)
    np.testing.assert_allclose(chip.tau_membrane, still.tau_membrane, rtol=1e-9)
    np.testing.assert_allclose(chip.strength[there], still.strength[there], rtol=1e-9)
    np.testing.assert_allclose(chip.threshold, 1.0)


def test_leaving_a_source_out_changes_no_other_draw():
    one = TableDraw(TABLE, DESIGN, sources=("within_die",)).chip(3)
    more = TableDraw(TABLE, DESIGN, sources=("die", "within_die")).chip(3)
    ratio = np.log(more.tau_synapse / one.tau_synapse)[DESIGN.connected()]
    assert np.ptp(ratio) < 1e-12
    assert abs(ratio[0]) > 1e-9


def test_time_constant_that_the_table_cannot_give_is_refused():
    with pytest.raises(ModelError, match=r"neuron\.tau of 1 s; accepted: 0\.004\d+ to 0\.02\d+ s"):
        TableDraw(TABLE, dataclasses.replace(DESIGN, tau_membrane=1.0))


def test_table_without_an_entry_is_refused_with_the_command_that_makes_it():
    entries = {n: e for n, e in TABLE.entries.items() if n != "synapse.t_pulse"}
    with pytest.raises(ModelError, match=r"lacks the entry synapse\.t_pulse .*spicetwin table build"):
        TableDraw(dataclasses.replace(TABLE, entries=entries), DESIGN)


@pytest.mark.parametrize(
    ("weights", "x", "text"),
    [
        (np.zeros((3, 3)), None, r"weights of shape \(3, 3\)"),
        (np.full(DESIGN.shape, np.nan), None, "finite"),
        (None, np.zeros((2, 10, 4), np.uint8), r"accepted: integers, \(samples, steps, 3\)"),
        (None, np.zeros((2, 10, 3)), "type float64"),
        (None, np.full((2, 10, 3), -1), "0 to 255"),
    ],
)
def test_what_does_not_fit_is_refused(weights, x, text):
    good, spikes = case(0)
    with pytest.raises(ModelError, match=text):
        RecurrentDpi(good if weights is None else weights, typical(DESIGN), DT).run(
            spikes if x is None else x
        )
