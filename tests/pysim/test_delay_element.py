"""The delay element obeys its closed forms and the differential equation, and loses spikes as one capacitor must."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from pysim.delays.element import DelayElement, charge_delay, leak_delay, sinh_delay
from pysim.errors import ModelError

PF = 1e-12


def integrated(element: DelayElement) -> float:
    """Trip time of a scalar element by an adaptive integration of its capacitor (s)."""
    r, c, v0, v1, vs, leak, slope = (
        float(np.asarray(getattr(element, name)))
        for name in ("resistance", "capacitance", "v_start", "v_trip", "v_sinh", "i_leak", "g_leak")
    )
    scale = r * c
    charges = element.topology == "charge"

    def rate(_: float, v: np.ndarray) -> list[float]:
        w = v0 - v[0] if charges else v[0]
        memory = w / r if math.isinf(vs) else vs / r * math.sinh(w / vs)
        drain = leak + slope * v[0]
        return [scale / c * (memory - drain if charges else -memory - drain)]

    def trip(_: float, v: np.ndarray) -> float:
        return float(v[0] - v1)

    trip.terminal = True  # type: ignore[attr-defined]
    found = solve_ivp(
        rate,
        (0.0, 50.0),
        [0.0 if charges else v0],
        events=trip,
        rtol=1e-9,
        atol=1e-13,
        first_step=1e-12,
        method="LSODA",
    )
    assert found.t_events is not None
    return float(found.t_events[0][0]) * scale


@pytest.mark.parametrize(
    ("resistance", "leak", "expected"),
    [
        (10e9, 0.0, 10.99e-3),
        (10e9, 1e-12, 10.8e-3),
        (10e9, 1e-11, 9.6e-3),
        (100e9, 0.0, 109.9e-3),
        (100e9, 1e-12, 95.6e-3),
        (100e9, 1e-11, 45.2e-3),
        (500e9, 0.0, 549e-3),
        (500e9, 1e-12, 318e-3),
        (500e9, 1e-11, 69e-3),
    ],
)
def test_leak_bounded_delay_has_the_published_numbers(
    resistance: float, leak: float, expected: float
) -> None:
    assert float(leak_delay(resistance, PF, 1.2, 0.4, leak)) == pytest.approx(expected, rel=5e-3)


@pytest.mark.parametrize("leak", [0.0, 1e-13, 5e-12])
@pytest.mark.parametrize("resistance", [1e8, 1e10, 5e11])
def test_leak_law_equals_the_integrated_equation_to_a_thousandth(resistance: float, leak: float) -> None:
    element = DelayElement(resistance=resistance, capacitance=PF, v_start=0.8, v_trip=0.3, i_leak=leak)
    law = float(leak_delay(resistance, PF, 0.8, 0.3, leak))
    assert law == pytest.approx(integrated(element), rel=1e-3)
    assert float(element.delay()) == pytest.approx(law, rel=1e-9)


@pytest.mark.parametrize("v_sinh", [0.1, 0.3, 1.0, 30.0])
@pytest.mark.parametrize(("v_start", "v_trip"), [(0.8, 0.3), (1.8, 0.05)])
def test_sinh_law_equals_the_integrated_equation_to_a_thousandth(
    v_sinh: float, v_start: float, v_trip: float
) -> None:
    element = DelayElement(resistance=1e10, capacitance=PF, v_start=v_start, v_trip=v_trip, v_sinh=v_sinh)
    law = float(sinh_delay(1e10, PF, v_start, v_trip, v_sinh))
    assert law == pytest.approx(integrated(element), rel=1e-3)
    assert float(element.delay()) == pytest.approx(law, rel=1e-7)


def test_charge_law_equals_the_integrated_equation_to_a_thousandth() -> None:
    element = DelayElement(
        resistance=1e10, capacitance=PF, v_start=0.8, v_trip=0.5, i_leak=1e-11, topology="charge"
    )
    law = float(charge_delay(1e10, PF, 0.8, 0.5, 1e-11))
    assert law == pytest.approx(integrated(element), rel=1e-3)
    assert float(element.delay()) == pytest.approx(law, rel=1e-9)


@pytest.mark.parametrize("topology", ["decay", "charge"])
@pytest.mark.parametrize("leak", [2e-12, -2e-13])
def test_sinh_with_leakage_equals_the_integrated_equation_to_a_thousandth(topology: str, leak: float) -> None:
    element = DelayElement(
        resistance=2e10,
        capacitance=PF,
        v_start=0.9,
        v_trip=0.35,
        v_sinh=0.2,
        i_leak=leak,
        g_leak=2e-13,
        topology=topology,  # type: ignore[arg-type]
    )
    assert float(element.delay()) == pytest.approx(integrated(element), rel=1e-3)


def test_delay_saturates_at_the_leakage_bound() -> None:
    bound = PF * (0.8 - 0.3) / 1e-12
    assert float(leak_delay(1e18, PF, 0.8, 0.3, 1e-12)) == pytest.approx(bound, rel=1e-3)


def test_a_capacitor_that_leakage_holds_never_trips() -> None:
    held = DelayElement(
        resistance=[1e10, 1e11], capacitance=PF, v_start=0.8, v_trip=0.5, i_leak=1e-11, topology="charge"
    )
    assert np.isfinite(held.delay()).tolist() == [True, False]
    assert np.isinf(charge_delay(1e11, PF, 0.8, 0.5, 1e-11))
    assert held.filter([0.0, 1.0], (1,)).size == 0


def test_lag_is_the_time_to_integrate_the_overdrive_of_the_ramp() -> None:
    plain = DelayElement(resistance=1e10, capacitance=PF, v_start=0.8, v_trip=0.3)
    late = DelayElement(resistance=1e10, capacitance=PF, v_start=0.8, v_trip=0.3, lag=1e-8, t_stage=3e-6)
    slope = 0.3 / 1e10 / PF
    assert float(late.delay() - plain.delay()) == pytest.approx(math.sqrt(1e-8 / slope) + 3e-6, rel=1e-9)


def test_a_decay_merges_spikes_into_the_last_of_a_group() -> None:
    element = DelayElement(resistance=1e10, capacitance=PF, v_start=math.e * 0.3, v_trip=0.3)
    spikes = [0.0, 4e-3, 9e-3, 30e-3, 39.9e-3, 60e-3]
    assert element.filter(spikes).tolist() == [9e-3, 39.9e-3, 60e-3]
    assert element.fire(spikes) == pytest.approx([19e-3, 49.9e-3, 70e-3])


def test_a_charge_drops_spikes_until_it_is_armed_again() -> None:
    element = DelayElement(
        resistance=1e10,
        capacitance=PF,
        v_start=0.8,
        v_trip=0.8 * (1 - 1 / math.e),
        t_rearm=1e-3,
        topology="charge",
    )
    spikes = [0.0, 4e-3, 10.5e-3, 11.5e-3, 20e-3, 23e-3]
    assert element.filter(spikes).tolist() == [0.0, 11.5e-3, 23e-3]


def test_no_spikes_give_no_pulses() -> None:
    element = DelayElement(resistance=1e10, capacitance=PF, v_start=0.8, v_trip=0.3)
    assert element.fire([]).size == 0


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("resistance", -1.0, "resistance"),
        ("resistance", math.inf, "resistance"),
        ("v_trip", 0.9, "v_trip must lie below v_start"),
        ("capacitance", math.nan, "capacitance"),
        ("lag", -1e-9, "lag"),
        ("topology", "ring", "accepted: decay, charge"),
    ],
)
def test_an_impossible_element_is_refused(field: str, value: object, message: str) -> None:
    fields = {"resistance": 1e10, "capacitance": PF, "v_start": 0.8, "v_trip": 0.3, field: value}
    with pytest.raises(ModelError, match=message):
        DelayElement(**fields)  # type: ignore[arg-type]


def test_shapes_that_do_not_broadcast_are_named() -> None:
    with pytest.raises(ModelError, match=r"resistance \(2,\)"):
        DelayElement(resistance=[1e9, 2e9], capacitance=[PF] * 3, v_start=0.8, v_trip=0.3)


@pytest.mark.parametrize("times", [[1.0, 0.5], [0.0, math.nan], [0.0, math.inf]])
def test_spike_times_out_of_order_or_not_finite_are_refused(times: list[float]) -> None:
    element = DelayElement(resistance=1e10, capacitance=PF, v_start=0.8, v_trip=0.3)
    with pytest.raises(ModelError, match="spike time 1"):
        element.filter(times)


def test_filter_of_many_elements_needs_an_index() -> None:
    element = DelayElement(resistance=[1e9, 2e9], capacitance=PF, v_start=0.8, v_trip=0.3)
    with pytest.raises(ModelError, match="accepted: an index of one"):
        element.filter([0.0])
    assert element.filter([0.0], (1,)).tolist() == [0.0]
