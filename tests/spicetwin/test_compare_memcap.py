"""Leaky integrator: twin against transistor level, and checks that can fail."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from circuits.ngspice.pool import Pool
from spicetwin.calibrate.memcap import POINTS
from spicetwin.compare.memcap import HELD_OUT, MemcapComparison, compare_memcap


@pytest.fixture(scope="module")
def comparison(pool: Pool) -> MemcapComparison:
    return compare_memcap(pool)


def test_step_and_tau_of_held_out_states_agree_within_one_percent(comparison: MemcapComparison) -> None:
    assert not comparison.failures
    assert comparison.states.size == len(HELD_OUT)
    assert np.max(comparison.error("tau")) <= 0.01
    assert np.max(comparison.error("v_step")) <= 0.01
    assert all(check.passed for check in comparison.checks())


def test_held_out_points_are_not_calibration_points() -> None:
    assert not {point[0] for point in HELD_OUT} & {point[0] for point in POINTS}


def test_a_twin_two_percent_off_fails(comparison: MemcapComparison) -> None:
    twin = comparison.twin | {"tau": comparison.twin["tau"] * 1.02}
    off = dataclasses.replace(comparison, twin=twin)
    assert [check.passed for check in off.checks()].count(False) == 1
