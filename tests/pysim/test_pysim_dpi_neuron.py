"""DPI neuron against closed forms, an independent ODE solution, and its compiled twin."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from pysim.errors import ModelError
from pysim.integrators import Problem, State, Trains, integrate
from pysim.neurons.dpi import (
    DpiNeuron,
    Feedback,
    NoFeedback,
    PowerFeedback,
    SigmoidFeedback,
    TableFeedback,
    linear_rate,
    pair_share,
)
from pysim.population import run_neurons
from pysim.synapses.dpi import Backend, DpiSynapse, pulse

BACKENDS: tuple[Backend, ...] = ("numpy", "numba")
GRID = np.linspace(np.log(1e-14), np.log(1e-8), 200)
FEEDBACKS: dict[str, Feedback] = {
    "none": NoFeedback(),
    "sigmoid": SigmoidFeedback(i_feedback=100e-12, i_feedback_threshold=1e-9, i_feedback_norm=0.2e-9),
    "power": PowerFeedback(i_feedback=1e-12, feedback_exponent=0.4),
    "table": TableFeedback(ln_current=GRID, current=20e-12 / (1 + np.exp(-3 * (GRID - np.log(1e-9))))),
}


def neuron(**changes: object) -> DpiNeuron:
    values: dict[str, object] = {
        "tau": 20e-3,
        "i_tau": 5e-12,
        "i_gain": 20e-12,
        "i_threshold": 2e-9,
        "i_reset": 1e-12,
        "t_refractory": 2e-3,
    }
    return DpiNeuron(**(values | changes))  # type: ignore[arg-type]


def direct_spikes(n: DpiNeuron, i_in: float, duration: float, feedback: object) -> list[float]:
    """Spike times from eq. (3) as it stands in the literature, in I_m, by scipy's DOP853."""
    q = {
        k: float(n.array(k))
        for k in ("tau", "i_tau", "i_gain", "i_threshold", "i_reset", "t_refractory", "i_floor")
    }

    def rate(_t: float, i_m: np.ndarray) -> np.ndarray:
        i_sum = q["i_tau"] - feedback(i_m)  # type: ignore[operator]
        right = q["i_gain"] / q["i_tau"] * (i_in - i_sum) - i_sum / q["i_tau"] * i_m
        return right / (q["tau"] * (1 + q["i_gain"] / i_m)) + q["i_floor"] / q["tau"]

    def crossing(_t: float, i_m: np.ndarray) -> float:
        return float(i_m[0]) - q["i_threshold"]

    crossing.terminal, crossing.direction = True, 1.0  # type: ignore[attr-defined]
    t, found = 0.0, []
    while t < duration:
        part = solve_ivp(
            rate,
            (t, duration),
            [q["i_reset"]],
            method="DOP853",
            rtol=1e-10,
            atol=1e-20,
            events=crossing,
        )
        if part.status != 1:
            break
        at = float(part.t_events[0][0])
        found.append(at)
        t = at + q["t_refractory"]
    return found


@pytest.mark.parametrize("kind", ["none", "sigmoid", "power"])
def test_spike_times_match_the_published_equation_within_a_thousandth_of_the_interval(kind: str) -> None:
    laws = {
        "none": lambda _i: 0.0,
        "sigmoid": lambda i: 100e-12 / (1 + np.exp(-(i - 1e-9) / 0.2e-9)),
        "power": lambda i: 1e-12 * (i / 1e-12) ** 0.4,
    }
    n = neuron(feedback=FEEDBACKS[kind])
    exact = direct_spikes(n, 1.5e-9, 0.4, laws[kind])
    spikes = run_neurons(n, 1.5e-9, 0.4).time
    assert len(exact) > 5
    assert spikes.size == len(exact)
    # Errors add up over the train: the shift of the last spike counts, against one interval.
    assert np.abs(spikes - exact).max() < 1e-3 * np.diff(exact).min()


def test_a_finer_tolerance_converges_on_the_exact_spike_times() -> None:
    n = neuron(feedback=FEEDBACKS["sigmoid"])
    exact = np.array(direct_spikes(n, 1.5e-9, 0.2, lambda i: 100e-12 / (1 + np.exp(-(i - 1e-9) / 0.2e-9))))
    errors = [
        np.abs(run_neurons(n, 1.5e-9, 0.2, tolerance=tol).time - exact).max() for tol in (1e-4, 1e-6, 1e-9)
    ]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-8


@pytest.mark.parametrize("backend", BACKENDS)
def test_rate_far_above_the_gain_current_is_that_of_the_linear_neuron(backend: Backend) -> None:
    # I_g << I_m: equation (3) becomes linear, and the rate has a closed form.
    n = neuron(i_gain=1e-15, i_reset=0.2e-9, i_floor=1e-20)
    i_in = 5e-12 / 1e-15 * np.array([2.5e-9, 4e-9, 20e-9]) + 5e-12
    expected = linear_rate(i_in, 20e-3, 5e-12, 1e-15, 2e-9, 0.2e-9, 2e-3)
    spikes = run_neurons(n, i_in[:, None], 0.5, backend=backend)
    np.testing.assert_allclose(1 / spikes.isi_mean()[:, 0], expected, rtol=2e-4)


def test_free_rise_of_the_membrane_is_the_turn_on_of_the_synapse_equation() -> None:
    # Without feedback, adaptation and floor both obey the same equation: the first spike is a known rise
    # time.
    n = neuron(i_floor=1e-25)
    first = run_neurons(n, 1.5e-9, 0.2).time[0]
    assert float(pulse(1e-12, first, 20e-3, 20e-12, 300.0, 1.0)) == pytest.approx(2e-9, rel=1e-5)


def test_neuron_fires_above_its_rheobase_and_not_below() -> None:
    n = neuron()
    border = float(n.rheobase())
    assert run_neurons(n, 0.995 * border, 5.0).time.size == 0
    assert run_neurons(n, 1.005 * border, 5.0).time.size > 0


def test_refractory_time_bounds_the_rate() -> None:
    gaps = np.diff(run_neurons(neuron(t_refractory=5e-3), 1e-3, 0.1).time)
    assert gaps.min() > 5e-3
    assert gaps.max() < 5.1e-3


@pytest.mark.parametrize("i_in", [1e-11, 1e-10, 1e-9])
def test_the_input_pair_shares_its_current_as_two_ekv_transistors_do(i_in: float) -> None:
    i_spec = 1e-7
    y = np.linspace(-3.0, 5.0, 9)

    def extrapolated(current: float) -> float:
        return i_spec * math.expm1(math.sqrt(current / i_spec)) ** 2

    def share(at: float) -> float:  # x_t / x_s = e^(m y) for the two halves of i_in
        balance = lambda s: math.log(extrapolated(i_in - s) / extrapolated(s)) - 1.1 * at  # noqa: E731
        return float(brentq(balance, 1e-9 * i_in, (1 - 1e-9) * i_in, xtol=1e-25, rtol=1e-12))

    n = neuron(slope_ratio=1.1, i_spec_pair=i_spec)
    found = pair_share(n.parameters(), y, np.full_like(y, i_in))
    np.testing.assert_allclose(found, [share(float(at)) for at in y], rtol=2e-4 * max(1.0, i_in / 1e-9 * 10))
    ideal = pair_share(neuron(slope_ratio=1.1).parameters(), y, np.full_like(y, i_in))
    assert np.abs(found / ideal - 1).max() > 5e-3


def test_the_threshold_is_compared_with_the_current_that_left_weak_inversion() -> None:
    n = neuron(i_spec=1e-7)
    x = 2e-11 * math.exp(float(n.parameters()[4, 0]))
    assert 1e-7 * math.log1p(math.sqrt(x / 1e-7)) ** 2 == pytest.approx(2e-9, rel=1e-12)
    assert x > 1.1 * 2e-9


def test_a_leak_that_grows_towards_the_threshold_is_smaller_after_the_reset() -> None:
    sloped, flat = neuron(leak_slope=0.01), neuron()
    np.testing.assert_allclose(sloped.rheobase(), flat.rheobase(), rtol=1e-12)
    first = [run_neurons(n, 1.3 * float(flat.rheobase()), 0.5).time[0] for n in (sloped, flat)]
    assert 0.99 * first[1] < first[0] < 0.998 * first[1]


def test_moderate_inversion_of_the_pair_lowers_the_rheobase_as_the_balance_says() -> None:
    n = neuron(i_spec_pair=1e-8)
    border = float(n.rheobase())
    assert border < 0.95 * float(neuron().rheobase())
    assert run_neurons(n, 0.998 * border, 5.0).time.size == 0
    assert run_neurons(n, 1.002 * border, 5.0).time.size > 0


@pytest.mark.parametrize(
    ("name", "value"), [("i_spec", 0.0), ("i_spec_pair", float("nan")), ("leak_slope", 0.2), ("tau", np.inf)]
)
def test_a_parameter_out_of_range_is_named(name: str, value: float) -> None:
    with pytest.raises(ModelError, match=name):
        neuron(**{name: value})


def test_positive_feedback_lowers_the_rheobase() -> None:
    quiet = 0.8 * float(neuron().rheobase())
    assert run_neurons(neuron(), quiet, 1.0).time.size == 0
    assert run_neurons(neuron(feedback=FEEDBACKS["sigmoid"]), quiet, 1.0).time.size > 0


def test_a_tabulated_feedback_law_acts_as_the_law_it_samples() -> None:
    law = SigmoidFeedback(i_feedback=100e-12, i_feedback_threshold=1e-9, i_feedback_norm=0.2e-9)
    grid = np.linspace(np.log(1e-14), np.log(1e-8), 1500)
    table = TableFeedback(ln_current=grid, current=100e-12 / (1 + np.exp(-(np.exp(grid) - 1e-9) / 0.2e-9)))
    a, b = (run_neurons(neuron(feedback=f), 1.5e-9, 0.3).time for f in (law, table))
    np.testing.assert_allclose(a, b, rtol=1e-5)


def driven(feedback: Feedback, n: int = 12) -> tuple[Problem, Trains]:
    """Neurons with an excitatory and an inhibitory synapse under random input."""
    rng = np.random.default_rng(2)
    soma = neuron(
        tau=20e-3 * np.exp(0.3 * rng.standard_normal(n)),
        slope_ratio=rng.uniform(0.9, 1.2, n),
        i_spec=1e-7,
        i_spec_pair=rng.uniform(3e-8, 3e-7, n),
        leak_slope=0.004,
        feedback=feedback,
    )
    exc = DpiSynapse(
        tau=10e-3 * np.exp(0.3 * rng.standard_normal(n)),
        i_gain=20e-12,
        i_weight=20e-9,
        i_tau=10e-12,
        t_pulse=1e-4,
        kappa=0.7,
        slope_ratio=1.1,
        i_spec=1e-7,
    )
    inh = dataclasses.replace(exc, i_weight=1e-9, i_spec=np.inf)
    rows = np.repeat(np.arange(2 * n), 40)
    trains = Trains.from_events(rows, rng.uniform(0, 0.3, rows.size), 2 * n)
    return Problem.build(soma, 0.3e-9, (exc, inh), (False, True), np.arange(2 * n).reshape(2, n)), trains


@pytest.mark.parametrize("kind", list(FEEDBACKS))
def test_numba_equals_numpy_for_driven_neurons(kind: str) -> None:
    problem, trains = driven(FEEDBACKS[kind])
    runs = {}
    for backend in BACKENDS:
        state = State.rest(problem)
        runs[backend] = (*integrate(problem, state, trains, 0.3, backend=backend), state.y, state.x)
    assert runs["numpy"][1].size > 10
    np.testing.assert_array_equal(runs["numba"][0], runs["numpy"][0])
    for a, b in zip(runs["numba"][1:], runs["numpy"][1:], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def test_integration_in_windows_equals_one_piece() -> None:
    problem, trains = driven(FEEDBACKS["none"])
    whole = integrate(problem, State.rest(problem), trains, 0.3, tolerance=1e-9)
    state = State.rest(problem)
    parts = []
    for k in range(30):
        low, high = k * 0.01, (k + 1) * 0.01 if k < 29 else 0.3
        rows = np.repeat(np.arange(trains.n), np.diff(trains.offsets))
        inside = (trains.times >= low) & (trains.times < high)
        window = Trains.from_events(rows[inside], trains.times[inside], trains.n)
        parts.append(integrate(problem, state, window, high, tolerance=1e-9)[1])
    np.testing.assert_allclose(np.sort(np.concatenate(parts)), np.sort(whole[1]), rtol=0, atol=1e-6)


def test_more_spikes_than_the_buffer_holds_are_all_returned() -> None:
    spikes = run_neurons(neuron(t_refractory=1e-4), 1e-6, 0.02)
    reference = run_neurons(neuron(t_refractory=1e-4), 1e-6, 0.02, backend="numpy")
    assert spikes.time.size > 130
    np.testing.assert_allclose(spikes.time, reference.time, rtol=1e-9)


def test_a_crossing_and_return_within_one_step_is_found() -> None:
    # A short strong input lifts the membrane just over the threshold between long steps.
    n = neuron()
    strong = DpiSynapse(tau=2e-3, i_gain=20e-12, i_weight=1e-6, i_tau=50e-12, t_pulse=1e-4, i_floor=1e-16)
    trains = Trains.from_events(np.zeros(1, dtype=np.int64), np.array([0.05]), 1)
    for weight in np.geomspace(2e-7, 2e-5, 25):
        s = dataclasses.replace(strong, i_weight=weight)
        problem = Problem.build(n, 0.0, (s,), (False,), np.zeros((1, 1), dtype=np.int64))
        coarse = integrate(problem, State.rest(problem), trains, 0.3)[1]
        fine = integrate(problem, State.rest(problem), trains, 0.3, tolerance=1e-11)[1]
        assert coarse.size == fine.size
        np.testing.assert_allclose(coarse, fine, rtol=1e-4)


@pytest.mark.parametrize(
    ("field", "value"),
    [("tau", -1.0), ("i_gain", 0.0), ("t_refractory", -1e-3), ("i_floor", np.nan), ("i_reset", 1.0)],
)
def test_impossible_neurons_are_named(field: str, value: float) -> None:
    with pytest.raises(ModelError, match=field):
        neuron(**{field: value})


def test_an_uneven_feedback_table_is_refused() -> None:
    with pytest.raises(ModelError, match="uniformly"):
        TableFeedback(ln_current=np.array([0.0, 1.0, 3.0]), current=np.zeros(3))
