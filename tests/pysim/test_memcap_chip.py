"""Networks on drawn chips: banks reach their targets, steps are compensated, spread changes what it should."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration.table import load, resolve
from pysim.errors import ModelError
from pysim.memcap.bank import MembraneModel, set_membranes
from pysim.memcap.chip import Deployment, TrainedNetwork, deploy
from pysim.memcap.draw import MemcapModel

MODEL = MembraneModel()
TARGETS = np.geomspace(7.8e-3, 75e-3, 40)


def trained(absorbed: bool = False) -> TrainedNetwork:
    rng = np.random.default_rng(0)
    return TrainedNetwork(
        w_in=rng.normal(size=(3, 8)), w_rec=rng.normal(size=(8, 8)), w_out=rng.normal(size=(8, 2)),
        tau=np.geomspace(8e-3, 70e-3, 8), tau_out=10e-3, dt=1e-3, tau_low=7.5e-3, absorbed=absorbed,
        summary={"task": "none"},
    )  # fmt: skip


def test_bank_reaches_every_target_over_a_decade_within_tolerance() -> None:
    """One device spans 1.3; with sections of 1/8 unit 95 % of the neurons of 50 chips come within 5 %."""
    made = set_membranes(MODEL, TARGETS, 50, 0)
    assert made.within(0.05) >= 0.95
    assert made.units.max() <= MODEL.most
    assert made.pulses.mean() < 3.0


def test_unread_pulses_keep_the_devices_spread() -> None:
    """sigma of tau is 5 % and the writes' spread adds to it: far fewer within 5 % than with readings."""
    made = set_membranes(MODEL, TARGETS, 50, 0, routine="open")
    error = np.log(made.tau / made.target)
    assert 0.05 <= error.std() <= 0.07
    assert made.within(0.05) < 0.8


def test_typical_devices_meet_their_targets_exactly() -> None:
    made = set_membranes(MODEL, TARGETS, 1, 0, routine="open", sources=())
    assert np.allclose(made.tau, made.target, rtol=1e-9)
    assert np.allclose(made.step * made.tau, MODEL.unit.tau_low, rtol=1e-9)


def test_step_falls_as_the_capacitance_rises_and_measuring_it_brings_it_back() -> None:
    """C programs tau and dV at once: dV C = q, here q with 5 % spread; the compensation leaves the read noise."""
    network = trained()
    base = Deployment(membrane=MODEL, sigma_weight=0.0)
    none, capacitance, measured = (
        np.array([n.step for n in deploy(network, replace(base, compensation=c), 20, 3).networks])
        for c in ("none", "capacitance", "measured")
    )
    slope = np.polyfit(np.log(network.tau), np.log(none).mean(axis=0), 1)[0]
    assert slope == pytest.approx(-1.0, abs=0.05)
    assert np.log(none).mean() == pytest.approx(0.0, abs=0.03)
    assert 0.03 < np.log(capacitance).std() < 0.12
    assert np.log(measured).std() == pytest.approx(MODEL.unit.sigma_read, rel=0.15)


def test_absorbed_steps_are_those_of_the_training() -> None:
    network = trained(absorbed=True)
    how = Deployment(membrane=MODEL, sigma_weight=0.0, sources=(), compensation="none", routine="open")
    chip = deploy(network, how, 1, 0).networks[0]
    assert np.allclose(chip.step, network.ideal().step, rtol=1e-9)
    assert np.allclose(chip.step_out, 1.0, rtol=1e-9)


def test_without_sources_the_chip_is_the_network_as_trained() -> None:
    network = trained()
    chip = deploy(network, Deployment(membrane=MODEL, sources=(), routine="open"), 1, 0).networks[0]
    assert np.array_equal(chip.w_in, network.w_in)
    assert np.allclose(chip.tau, network.tau, rtol=1e-9)
    assert np.allclose(chip.step, 1.0, rtol=1e-9)


def test_equal_seeds_draw_equal_chips_and_weights_carry_their_spread() -> None:
    network, how = trained(), Deployment(membrane=MODEL, sigma_weight=0.1)
    one, again, other = (deploy(network, how, 30, seed) for seed in (5, 5, 6))
    assert np.array_equal(one.networks[3].w_rec, again.networks[3].w_rec)
    assert not np.array_equal(one.networks[3].w_rec, other.networks[3].w_rec)
    ratio = np.log(np.array([np.asarray(n.w_in) / network.w_in for n in one.networks]))
    assert ratio.std() == pytest.approx(0.1, rel=0.1)


def test_calibrated_table_gives_the_membranes() -> None:
    model = MembraneModel.calibrated(load(resolve("memcap_generic130")))
    low, high = model.range
    assert low == pytest.approx(7.09e-3, rel=0.01)
    assert high / low == pytest.approx(8 * model.unit.window)
    assert 0.1 < model.sigma_step < 0.2
    assert set_membranes(model, np.geomspace(1.03 * low, 0.97 * high, 30), 50, 1).within(0.05) >= 0.95


def test_archive_keeps_the_network(tmp_path: Path) -> None:
    network, buffer = trained(absorbed=True), io.BytesIO()
    network.save(buffer)
    path = tmp_path / "n.npz"
    path.write_bytes(buffer.getvalue())
    found = TrainedNetwork.load(path)
    assert np.array_equal(found.w_rec, network.w_rec)
    assert (found.absorbed, found.tau_low, found.summary) == (True, 7.5e-3, {"task": "none"})


def test_foreign_archives_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "n.npz"
    with pytest.raises(ModelError, match=r"n\.npz: cannot be read"):
        TrainedNetwork.load(path)
    path.write_bytes(b"PK")
    with pytest.raises(ModelError, match=r"no NPZ file of a memcapacitive network"):
        TrainedNetwork.load(path)
    np.savez(path, format=np.array("other/1"))
    with pytest.raises(ModelError, match=r"format 'other/1'; accepted: 'memcap-network/1'"):
        TrainedNetwork.load(path)


def test_requests_without_meaning_are_refused() -> None:
    with pytest.raises(
        ModelError, match=r"0\.1 s is outside the achievable range.*accepted: 0\.0075 to 0\.078 s"
    ):
        set_membranes(MODEL, [0.1], 1, 0)
    with pytest.raises(ModelError, match=r"beyond breakdown; accepted: -4 to 4 V"):
        set_membranes(MODEL, [1e-2], 1, 0, v_write=6.0)
    with pytest.raises(ModelError, match=r"routine 'blind'; accepted: verified, open"):
        set_membranes(MODEL, [1e-2], 1, 0, routine="blind")
    with pytest.raises(ModelError, match=r"compensation 'all'; accepted: none, capacitance, measured"):
        Deployment(membrane=MODEL, compensation="all")
    with pytest.raises(ModelError, match=r"window of 1\.05 leaves gaps between sections; accepted: 1\.125"):
        MembraneModel(unit=MemcapModel(window=1.05))
