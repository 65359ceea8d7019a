"""Leaky integrator and programming: closed forms, spreads kept apart, targets met, bad requests refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pysim.errors import ModelError
from pysim.memcap.draw import MemcapChip, MemcapModel
from pysim.memcap.integrator import LeakyIntegrator
from pysim.memcap.program import levels, program, separable_levels

CELL = {"c_low": 2.5e-12, "c_high": 3.25e-12, "resistance": 3e9, "v_sinh": 1e4, "i_in": 1e-8}


def test_linear_decay_takes_r_c_of_the_state() -> None:
    for x in (0.0, 0.4, 1.0):
        cell = LeakyIntegrator(state=x, **CELL)
        expected = 3e9 * (2.5e-12 + 0.75e-12 * x)
        assert float(cell.tau()) == pytest.approx(expected, rel=1e-12)
        assert float(cell.decay(0.2, 0.2 / math.e)) == pytest.approx(expected, rel=1e-6)
        assert float(cell.advance(0.2, expected)) == pytest.approx(0.2 / math.e, rel=1e-5)


def test_sinh_decay_is_its_closed_form() -> None:
    cell = LeakyIntegrator(state=0.5, **(CELL | {"v_sinh": 0.3}))
    c = 2.875e-12
    expected = 3e9 * c * math.log(math.tanh(0.5 / 0.6) / math.tanh(0.1 / 0.6))
    assert float(cell.decay(0.5, 0.1)) == pytest.approx(expected, rel=1e-9)


def test_state_programs_tau_and_step_and_their_product_is_the_charge() -> None:
    x = np.linspace(0.0, 1.0, 5)
    cell = LeakyIntegrator(state=x, **CELL)
    step = cell.spike(np.zeros(5), 1e-5)
    charge = step * cell.capacitance
    assert np.ptp(charge) < 1e-3 * charge[0]
    assert cell.tau()[-1] / cell.tau()[0] == pytest.approx(1.3)
    assert step[0] / step[-1] == pytest.approx(1.3, rel=1e-3)


def test_decay_that_settles_above_its_end_is_infinite() -> None:
    assert np.isinf(LeakyIntegrator(state=0.0, i_up=1e-10, **CELL).decay(0.5, 0.1))


@pytest.mark.parametrize(
    ("change", "message"),
    [({"state": 1.2}, "state = 1.2"), ({"resistance": -1.0}, "resistance"), ({"c_high": 1e-12}, "c_high")],
)
def test_bad_integrator_is_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        LeakyIntegrator(**({"state": 0.5} | CELL | change))


def test_write_follows_the_threshold_law() -> None:
    chip = MemcapChip(MemcapModel(), (1, 2), 0, ())
    chip.write(3.0, 1e-6)
    assert chip.state == pytest.approx(1 - math.exp(-0.18))
    chip.write(-3.0, [[1e-6, 0.0]])
    assert chip.state[0] == pytest.approx([(1 - math.exp(-0.18)) * math.exp(-0.18), 1 - math.exp(-0.18)])
    before = chip.state.copy()
    chip.write(1.1, 1.0)
    assert np.array_equal(chip.state, before), "below threshold nothing moves"


def test_sources_are_drawn_apart() -> None:
    model = MemcapModel()
    whole, devices = MemcapChip(model, (3, 4), 9), MemcapChip(model, (3, 4), 9, ("within_die",))
    assert np.array_equal(whole.tau_low, devices.tau_low)
    assert np.array_equal(devices.read(), devices.tau())
    assert not np.array_equal(whole.read(), whole.tau())
    devices.wait(1e9)
    assert np.array_equal(devices.state, np.zeros((3, 4)))
    whole.wait(1e9)
    assert whole.state == pytest.approx(0.5)


def test_programming_meets_5_percent_in_95_percent_of_devices_over_the_range() -> None:
    model = MemcapModel()
    low, high = model.range
    for seed in (1, 2):
        chip = MemcapChip(model, (20, 100), seed)
        targets = np.random.default_rng(seed).uniform(low, high, chip.shape)
        done = program(chip, targets)
        own = (chip.tau_low <= targets) & (targets <= chip.tau_high)
        assert done.yield_ >= 0.95
        assert np.mean(done.reached[own]) >= 0.995
        assert done.failures == np.count_nonzero(~done.accepted) > 0, (
            "devices whose spread excludes the target"
        )
        assert np.mean(done.pulses[own]) < 2.0
        assert np.array_equal(chip.tau(), done.tau)


def test_without_pulses_the_range_is_not_met() -> None:
    model = MemcapModel()
    chip = MemcapChip(model, (10, 100), 3)
    assert program(chip, model.range[1], most=0).yield_ < 0.05


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"v_write": 4.5}, r"4.5 V is beyond breakdown; accepted: -4 to 4 V"),
        ({"v_write": 1.0}, "above the threshold of 1.2 V"),
        ({"target": 0.012}, r"outside the achievable range; accepted: 0.0075 to 0.00975 s"),
        ({"tolerance": 0.0}, "tolerance"),
    ],
)
def test_bad_programming_request_is_one_clear_error(request_: dict[str, float], message: str) -> None:
    chip = MemcapChip(MemcapModel(), (1, 3), 0)
    with pytest.raises(ModelError, match=message):
        program(chip, **({"target": 8e-3} | request_))  # type: ignore[arg-type]


def test_more_levels_than_separable_are_refused() -> None:
    model = MemcapModel()
    assert separable_levels(model) == 3
    assert np.diff(np.log(levels(model, 3))) == pytest.approx(0.5 * math.log(1.3))
    with pytest.raises(ModelError, match=r"8 levels .* are not separable at .*accepted: 1 to 3"):
        levels(model, 8)
    assert separable_levels(MemcapModel(window=2.0), 0.02) == 18
