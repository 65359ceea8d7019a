"""DPI synapse against its closed forms and an independent ODE solution."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from pysim.synapses.dpi import Backend, DpiSynapse, decay, output, pulse

BACKENDS: tuple[Backend, ...] = ("numpy", "numba")


def synapse(**changes: object) -> DpiSynapse:
    values: dict[str, object] = {
        "tau": 10e-3,
        "i_gain": 20e-12,
        "i_weight": 1e-9,
        "i_tau": 5e-12,
        "t_pulse": 1e-3,
        "i_floor": 1e-14,
    }
    return DpiSynapse(**(values | changes))  # type: ignore[arg-type]


def implicit_time(x: float, x0: float, i_gain: float, r: float, m: float, tau: float) -> float:
    """The implicit on-phase solution as it stands in the literature, for r != 1."""
    u, u0 = (x / i_gain) ** m, (x0 / i_gain) ** m
    return tau / m * (np.log(u / u0) / (r - 1) + r / (r - 1) * np.log((r - 1 - u0) / (r - 1 - u)))


@pytest.mark.parametrize("m", [1.0, 1.15, 0.8])
@pytest.mark.parametrize("r", [0.3, 5.0, 200.0])
@pytest.mark.parametrize("level", [1e-4, 0.3, 30.0, 1e4])
def test_pulse_inverts_the_implicit_solution(m: float, r: float, level: float) -> None:
    x0, ig, tau = level * 20e-12, 20e-12, 10e-3
    x = float(pulse(x0, 7e-3, tau, ig, r, m))
    assert implicit_time(x, x0, ig, r, m, tau) == pytest.approx(7e-3, rel=1e-7)


def test_pulse_matches_an_ode_solver_from_deep_floor_to_saturation() -> None:
    rng = np.random.default_rng(5)
    for _ in range(60):
        v0, r, total = rng.uniform(-15, 12), 10 ** rng.uniform(-3, 3), 10 ** rng.uniform(-4, 1.3)
        x0 = 1e-11 * np.exp(v0)
        exact = solve_ivp(
            lambda _t, v, r=r: r / (1 + np.exp(v)) - 1,
            (0, total),
            [v0],
            method="LSODA",
            rtol=1e-11,
            atol=1e-12,
        ).y[0, -1]
        assert np.log(float(pulse(x0, total, 1.0, 1e-11, r, 1.0)) / 1e-11) == pytest.approx(exact, abs=2e-9)


@pytest.mark.parametrize("r", [1.0 - 1e-12, 1.0, 1.0 + 1e-12])
def test_pulse_is_smooth_where_the_weight_equals_the_leak(r: float) -> None:
    # At r = 1 the solution obeys 1/u - 1/u0 - ln(u/u0) = t/tau.
    u = float(pulse(3.0, 2.0, 1.0, 1.0, r, 1.0))
    assert 1 / u - 1 / 3.0 - np.log(u / 3.0) == pytest.approx(2.0, rel=1e-9)


def test_pulse_in_parts_equals_the_whole() -> None:
    half = pulse(pulse(1e-12, 1e-3, 1e-2, 2e-11, 40.0, 1.1), 2e-3, 1e-2, 2e-11, 40.0, 1.1)
    assert float(half) == pytest.approx(float(pulse(1e-12, 3e-3, 1e-2, 2e-11, 40.0, 1.1)), rel=1e-12)


def test_pulse_settles_at_the_gain_times_r_minus_one() -> None:
    assert float(pulse(1e-18, 100.0, 1.0, 2e-11, 50.0, 1.0)) == pytest.approx(2e-11 * 49.0, rel=1e-12)


def test_off_phase_is_exactly_exponential_at_every_level() -> None:
    levels = np.logspace(-12, -6, 7)
    after = decay(levels, 3e-2, 1e-2, 1.0, 1e-30)
    np.testing.assert_allclose(after, levels * np.exp(-3.0), rtol=1e-12)


def test_off_phase_obeys_its_differential_equation_near_rest() -> None:
    # The pFET leaves saturation: dx/dt = -(x / tau) (1 - (I_fl / x)^(1/k)).
    k, floor, tau = 0.7, 1e-13, 1e-2
    exact = solve_ivp(
        lambda _t, y: -(1 - (floor / np.exp(y)) ** (1 / k)) / tau,
        (0, 0.05),
        [np.log(3e-12)],
        rtol=1e-11,
        atol=1e-12,
    ).y[0, -1]
    assert np.log(float(decay(3e-12, 0.05, tau, k, floor))) == pytest.approx(exact, abs=1e-8)
    assert float(decay(3e-12, 100.0, tau, k, floor)) == pytest.approx(floor, rel=1e-12)


def test_output_is_the_state_in_weak_inversion_and_below_it_above() -> None:
    assert float(output(1e-15, 1e-7)) == pytest.approx(1e-15, rel=2e-4)
    assert float(output(1e-9, np.inf)) == 1e-9
    assert float(output(1e-5, 1e-7)) < 1e-6


@pytest.mark.parametrize("backend", BACKENDS)
def test_run_matches_an_ode_solver_over_a_spike_train(backend: Backend) -> None:
    s = synapse(slope_ratio=1.2)
    spikes = np.array([5e-3, 5.5e-3, 20e-3, 26e-3])  # the second extends the first pulse
    times = np.array([1e-3, 5.2e-3, 6.3e-3, 19e-3, 39e-3])
    edges = [0.0, 5e-3, 6.5e-3, 20e-3, 21e-3, 26e-3, 27e-3, 40e-3]
    dense = []
    y = np.log(1e-14)
    for k, (start, end) in enumerate(itertools.pairwise(edges)):
        gate = 200.0 if k % 2 else 0.0

        def rate(_t: float, v: np.ndarray, gate: float = gate) -> np.ndarray:
            x = np.exp(v)
            floor = 0.0 if gate else 1e-14 / x
            return (gate / (1 + (x / 20e-12) ** 1.2) - 1 + floor) / 10e-3

        inside = times[(times >= start) & (times < end)]
        part = solve_ivp(rate, (start, end), [y], rtol=1e-10, atol=1e-12, t_eval=[*inside, end])
        dense.extend(np.exp(part.y[0, : inside.size]))
        y = part.y[0, -1]
    np.testing.assert_allclose(s.run(spikes, times, backend=backend), dense, rtol=1e-7)


def test_overlapping_spikes_extend_the_pulse_instead_of_adding() -> None:
    s = synapse()
    twice = s.run(np.array([0.0, 0.4e-3]), np.array([2e-3]), backend="numpy")
    longer = synapse(t_pulse=1.4e-3).run(np.array([0.0]), np.array([2e-3]), backend="numpy")
    np.testing.assert_allclose(twice, longer, rtol=1e-12)


def test_large_currents_approach_the_linear_limit() -> None:
    # I >> I_g and I_w >> I_tau: a chord of spikes on a high plateau superposes.
    s = synapse(i_gain=1e-17, i_weight=1e-4, t_pulse=1e-5, i_floor=1e-20)
    spikes = np.arange(1, 41) * 5e-3
    times = np.linspace(0.15, 0.2, 101)
    exact, linear = s.run(spikes, times, backend="numpy"), s.run_linear(spikes, times)
    np.testing.assert_allclose(exact, linear, rtol=5e-5)


def test_low_currents_break_superposition() -> None:
    s = synapse(i_weight=50e-12, t_pulse=1e-4)
    alone = s.run(np.array([0.0]), np.array([1e-3]), backend="numpy")[0]
    both = s.run(np.array([0.0, 5e-4]), np.array([1e-3]), backend="numpy")[0]
    assert float(both) < 1.5 * float(alone)


def test_numba_equals_numpy_over_a_random_batch() -> None:
    rng = np.random.default_rng(11)
    shape = (4, 25)
    s = DpiSynapse(
        tau=10 ** rng.uniform(-3, 0, shape),
        i_gain=10 ** rng.uniform(-13, -9, shape),
        i_weight=np.where(rng.random(shape) < 0.1, 0.0, 10 ** rng.uniform(-13, -7, shape)),
        i_tau=10 ** rng.uniform(-13, -10, shape),
        t_pulse=10 ** rng.uniform(-6, -2, shape),
        slope_ratio=rng.uniform(0.7, 1.4, shape),
        kappa=rng.uniform(0.5, 1.0, shape),
        i_floor=10 ** rng.uniform(-17, -13, shape),
        i_spec=np.where(rng.random(shape) < 0.5, np.inf, 1e-7),
    )
    spikes = np.sort(rng.uniform(0, 1, (*shape, 30)), axis=-1)
    spikes[..., 20:] = np.where(rng.random((*shape, 1)) < 0.5, np.inf, spikes[..., 20:])
    times = np.linspace(0, 1, 97)
    np.testing.assert_allclose(
        s.run(spikes, times, backend="numba"), s.run(spikes, times, backend="numpy"), rtol=1e-9
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_spike_leaves_the_synapse_at_its_floor(backend: Backend) -> None:
    assert synapse().run(np.empty(0), np.array([0.1]), backend=backend).tolist() == [1e-14]


@pytest.mark.parametrize(
    ("field", "value"), [("tau", 0.0), ("i_weight", -1e-12), ("i_floor", np.nan), ("kappa", np.inf)]
)
def test_impossible_parameters_are_named(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        synapse(**{field: value})


def test_unsorted_spikes_are_refused() -> None:
    with pytest.raises(ValueError, match="ascending"):
        synapse().run(np.array([2e-3, 1e-3]), np.array([1.0]))
