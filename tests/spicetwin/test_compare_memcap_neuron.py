"""Spiking neuron: twin against transistor level over many spikes, and checks that can fail."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from calibration.table import load, resolve
from circuits.ngspice.pool import Pool
from spicetwin.calibrate.memcap_neuron import POINTS, NeuronFit, Stage
from spicetwin.compare.memcap_neuron import (
    HELD_OUT,
    INTERVAL,
    SPIKES,
    Held,
    NeuronCase,
    NeuronComparison,
    compare_neuron,
    validated_neuron,
)

FIT = NeuronFit(Stage(0.0, 0.0, 0.0, 1e-5, 0.0, 0.0, 0.0, 0.0), 14e-6, 1e-11, 1e-4)


def comparison(factor: float, missing: int = 0) -> NeuronComparison:
    """Fifty spikes whose twin's intervals are off by a factor."""
    times = np.linspace(1e-3, 50e-3, 50)
    twin = np.asarray(times[0] + factor * (times - times[0]), dtype=np.float64)
    return NeuronComparison((NeuronCase(Held(0.3, 1.45, 0.3), times, twin[: 50 - missing]),), FIT, ())


def passed(of: NeuronComparison) -> list[bool]:
    return [check.passed for check in of.checks()]


def test_held_out_points_are_no_calibration_points_and_ask_for_fifty_spikes() -> None:
    assert not {(h.state, h.v_bias, h.v_th) for h in HELD_OUT} & {point[:3] for point in POINTS}
    assert SPIKES == 50
    assert {h.period > 0.0 for h in HELD_OUT} == {True, False}


def test_error_accumulates_over_the_train_and_is_told_apart_from_the_interval() -> None:
    (case,) = comparison(1.0005).cases
    assert case.interval_error == pytest.approx(5e-4)
    assert case.drift == pytest.approx(49 * 5e-4)
    assert passed(comparison(1.0001)) == [True, True, True]
    assert passed(comparison(1.0005)) == [True, False, True]
    assert passed(comparison(1.02)) == [False, False, True]


def test_missing_spikes_fail() -> None:
    assert passed(comparison(1.0, missing=1)) == [False, False, True]
    assert passed(dataclasses.replace(comparison(1.0), cases=())) == [False]


def test_shipped_table_holds_the_held_out_errors_within_their_limit() -> None:
    table = load(resolve("memcap_generic130"))
    found = table.entry("memcap.neuron_t_stage").validation
    assert len(found) == 2
    assert all(v.limit == INTERVAL and v.value <= INTERVAL for v in found)
    again = validated_neuron(table, comparison(1.0001)).entry("memcap.neuron_t_stage").validation
    assert again[0].value == pytest.approx(1e-4)


@pytest.mark.slow
@pytest.mark.ngspice
def test_neuron_twin_follows_the_transistors(pool: Pool) -> None:
    found = compare_neuron(pool, quick=True)
    assert passed(found) == [True, True, True], found.checks()
    assert found.fitted.worst < 1e-3
