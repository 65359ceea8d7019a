"""A branch: pulses of delay elements through DPI synapses on an exact RC soma."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from pysim.delays.branch import Branch, FiringSoma
from pysim.delays.element import DelayElement
from pysim.errors import ModelError
from pysim.synapses.dpi import DpiSynapse


def branch(count: int = 2) -> Branch:
    """Two synapses with delays of 5 and 10 ms."""
    elements = DelayElement(
        resistance=np.linspace(5e9, 1e10, count), capacitance=1e-12, v_start=np.e * 0.3, v_trip=0.3
    )
    synapses = DpiSynapse(
        tau=np.full(count, 1e-2),
        i_tau=np.full(count, 5e-12),
        i_gain=np.full(count, 2e-11),
        i_weight=np.full(count, 2e-8),
        t_pulse=np.full(count, 1.4e-5),
    )
    return Branch(elements=elements, synapses=synapses, r_m=4e8, c_m=1e-11)


def test_voltage_solves_the_soma_s_equation() -> None:
    model = branch()
    times = np.linspace(0.0, 0.06, 1501)
    trains = [[1e-3], [2e-3, 3e-2]]
    drive = 4e8 * model.current(trains, times)
    solved = solve_ivp(
        lambda t, v: [(np.interp(t, times, drive) - v[0]) / 4e-3],
        (0.0, 0.06),
        [drive[0]],
        t_eval=times,
        max_step=4e-5,
        rtol=1e-9,
        atol=1e-15,
    )
    voltage = model.voltage(trains, times)
    assert np.max(np.abs(voltage - solved.y[0])) < 1e-4 * voltage.max()


def test_pulses_come_after_each_synapse_s_own_delay() -> None:
    pulses = branch().pulses([[0.0], [0.0, 5e-2]])
    assert pulses[0] == pytest.approx([5e-3, np.inf])
    assert pulses[1] == pytest.approx([1e-2, 6e-2])


def test_coincident_pulses_add_up_most() -> None:
    model, times = branch(), np.linspace(0.0, 0.1, 2501)
    peaks = [float(model.voltage([[2e-2], [2e-2 + gap]], times).max()) for gap in (-2e-2, -5e-3, 1e-2)]
    assert peaks[1] > 1.3 * max(peaks[0], peaks[2])
    assert peaks[1] == pytest.approx(2 * float(model.voltage([[2e-2], []], times).max()), rel=0.02)


def test_a_branch_of_unlike_sizes_or_a_membrane_without_capacitance_is_refused() -> None:
    model = branch()
    with pytest.raises(ModelError, match=r"accepted: both \(n,\)"):
        Branch(elements=branch(3).elements, synapses=model.synapses, r_m=4e8, c_m=1e-11)
    with pytest.raises(ModelError, match="c_m = 0"):
        Branch(elements=model.elements, synapses=model.synapses, r_m=4e8, c_m=0.0)
    with pytest.raises(ModelError, match="1 input trains for 2 synapses"):
        model.pulses([[0.0]])
    with pytest.raises(ModelError, match="strictly ascending"):
        model.voltage([[0.0], [0.0]], [0.0, 0.0])


def test_soma_fires_where_its_equation_crosses_the_threshold_and_starts_anew() -> None:
    model = branch()
    times = np.linspace(0.0, 0.1, 2501)
    trains = [[1e-3], [2e-3, 3e-2]]
    threshold = 0.4 * float(model.voltage(trains, times).max())
    drive = 4e8 * model.current(trains, times)
    found = model.fire(trains, times, FiringSoma(threshold=threshold, t_dead=1e-4))

    def crossing(t: float, v: np.ndarray) -> float:
        return float(v[0]) - threshold

    crossing.terminal, crossing.direction = True, 1  # type: ignore[attr-defined]
    expected, start, v = [], 0.0, float(drive[0])
    while start < times[-1]:
        solved = solve_ivp(
            lambda t, v: [(np.interp(t, times, drive) - v[0]) / 4e-3],
            (start, times[-1]),
            [v],
            events=crossing,
            max_step=4e-5,
            rtol=1e-9,
            atol=1e-15,
        )
        (found_at,) = solved.t_events or (np.zeros(0),)
        if not found_at.size:
            break
        expected.append(float(found_at[0]))
        start, v = expected[-1] + 1e-4, 0.0
    assert len(expected) > 2
    np.testing.assert_allclose(found, expected, rtol=2e-5)


def test_a_comparator_answers_late_and_a_high_threshold_never_fires() -> None:
    model = branch()
    times = np.linspace(0.0, 0.06, 1501)
    trains = [[1e-3], [2e-3]]
    peak = float(model.voltage(trains, times).max())
    (sharp,) = model.fire(trains, times, FiringSoma(threshold=0.4 * peak))[:1]
    (late,) = model.fire(trains, times, FiringSoma(threshold=0.4 * peak, lag=1e-8))[:1]
    assert 1e-6 < late - sharp < 1e-3
    assert model.fire(trains, times, FiringSoma(threshold=1.01 * peak)).size == 0
    with pytest.raises(
        ModelError, match=r"threshold = 0.0 V, lag = 0.0 V s, t_dead = 0.0 s; accepted: > 0 V"
    ):
        FiringSoma(threshold=0.0)
