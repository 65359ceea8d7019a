"""Spiking cell: closed forms, the two ways of driving it, what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pysim.errors import ModelError
from pysim.memcap.integrator import LeakyIntegrator
from pysim.memcap.neuron import SpikingCell

C, R, V_TH = 2.5e-12, 3e9, 0.3


def cell(**changes: float) -> LeakyIntegrator:
    return LeakyIntegrator(
        **(
            {"state": 0.0, "c_low": C, "c_high": 1.3 * C, "resistance": R, "v_sinh": 1e4, "i_in": 2e-10}
            | changes
        )
    )


def test_interval_of_a_linear_membrane_is_its_closed_form() -> None:
    for current in (1.05 * V_TH / R, 2e-10, 1e-9):
        neuron = SpikingCell(cell=cell(), v_threshold=V_TH, t_pulse=14e-6, t_stage=3e-6)
        expected = 17e-6 + R * C * math.log(current * R / (current * R - V_TH))
        assert neuron.interval(current) == pytest.approx(expected, rel=1e-6)


def test_state_lengthens_the_interval_by_the_window() -> None:
    low, high = (SpikingCell(cell=cell(state=x), v_threshold=V_TH) for x in (0.0, 1.0))
    assert high.interval(2e-10) / low.interval(2e-10) == pytest.approx(1.3, rel=1e-9)


def test_current_below_the_threshold_never_fires() -> None:
    assert SpikingCell(cell=cell(), v_threshold=V_TH).interval(0.99 * V_TH / R) == math.inf


def test_slower_ramps_are_seen_later_by_the_logarithm_of_the_slope() -> None:
    plain = SpikingCell(cell=cell(), v_threshold=V_TH)
    late = SpikingCell(cell=cell(), v_threshold=V_TH, t_stage=1e-5, t_log=3e-6)
    slope = (2e-10 - V_TH / R) / C
    expected = 1e-5 + 3e-6 * math.log(100 / slope)
    assert late.interval(2e-10) - plain.interval(2e-10) == pytest.approx(expected, rel=1e-9)


def test_long_input_spike_drives_as_the_constant_current_does() -> None:
    neuron = SpikingCell(cell=cell(), v_threshold=V_TH, t_pulse=14e-6, t_stage=1e-5, v_reset=-1e-3)
    expected = neuron.constant(2e-10, 9, v_start=0.0)
    found = neuron.respond([0.0], 0.1, 0.1)[:9]
    assert found == pytest.approx(expected, rel=1e-4)


def test_spikes_of_an_input_train_add_up_to_the_threshold() -> None:
    # 10 us of 10 nA are 40 mV on 2.5 pF: the eighth crosses 0.3 V where nothing leaks.
    neuron = SpikingCell(cell=cell(resistance=1e13, i_in=1e-8), v_threshold=V_TH, t_pulse=20e-6)
    starts = 1e-3 * np.arange(1, 25)
    found = neuron.respond(starts.tolist(), 1e-5, 30e-3)
    assert found == pytest.approx([8e-3 + 5e-6, 16e-3 + 5e-6, 24e-3 + 5e-6], abs=2e-6)


def test_input_within_the_hold_is_lost() -> None:
    neuron = SpikingCell(cell=cell(i_in=1e-7), v_threshold=V_TH, t_pulse=1e-3)
    found = neuron.respond([1e-3, 1.5e-3, 3e-3], 1e-5, 5e-3)
    assert found.size == 2
    assert found[1] > 3e-3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"v_threshold": 0.0}, "above v_reset"),
        ({"t_pulse": -1.0}, "t_pulse = -1.0"),
        ({"t_log": np.nan}, "t_log"),
    ],
)
def test_bad_values_are_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        SpikingCell(**({"cell": cell(), "v_threshold": V_TH} | change))  # type: ignore[arg-type]


def test_several_membranes_and_overlapping_inputs_are_refused() -> None:
    many = LeakyIntegrator(state=np.zeros(3), c_low=C, c_high=C, resistance=R, v_sinh=1.0, i_in=1e-10)
    with pytest.raises(ModelError, match="one neuron"):
        SpikingCell(cell=many, v_threshold=V_TH)
    with pytest.raises(ModelError, match="do not overlap"):
        SpikingCell(cell=cell(), v_threshold=V_TH).respond([0.0, 1e-6], 1e-5, 1e-3)
