"""Layers with delays: kernels equal the definition, the definition equals closed forms, bad input is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from pysim.delays import reference
from pysim.delays.basis import exponents
from pysim.delays.events import Events
from pysim.delays.layer import DelayLayer, delay_steps
from pysim.delays.network import run_layer
from pysim.delays.soma import IntegratingSoma, SpikingSoma, coupling
from pysim.errors import ModelError


def case(
    seed: int = 0, copies: int | None = None, longest: int = 60, **fields: Any
) -> tuple[DelayLayer, Events]:
    """A busy random layer of 40 inputs on 70 neurons, not a whole number of blocks, and three samples."""
    rng = np.random.default_rng(seed)
    shape = (40, 70) if copies is None else (40, 70, copies)
    given: dict[str, Any] = {
        "weights": rng.normal(0.1, 0.3, shape),
        "delays": rng.integers(0, longest + 1, shape),
        "soma": SpikingSoma(),
        "tau_synapse": 5e-3,
    }
    return DelayLayer(**{**given, **fields}), Events.from_dense(rng.random((3, 200, 40)) < 0.03)


def equal(layer: DelayLayer, events: Events) -> int:
    """Spikes of the kernel, after making sure that they are those of the definition."""
    compiled, definition = (run_layer(layer, events, b).spikes for b in ("numba", "numpy"))
    assert compiled is not None
    assert definition is not None
    np.testing.assert_array_equal(compiled.dense(), definition.dense())
    return len(compiled)


@pytest.mark.parametrize("copies", [None, 3])
@pytest.mark.parametrize("longest", [0, 60, 63, 64, 1100])
def test_compiled_spikes_equal_the_definition(copies: int | None, longest: int) -> None:
    spikes = equal(*case(copies=copies, longest=longest))
    assert spikes > (100 if longest < 200 else -1)


@pytest.mark.parametrize("copies", [None, 3])
def test_compiled_peaks_equal_the_definition_to_the_bit(copies: int | None) -> None:
    layer, events = case(copies=copies, soma=IntegratingSoma(tau_membrane=10e-3), tau_synapse=None)
    compiled, definition = run_layer(layer, events), run_layer(layer, events, "numpy")
    assert compiled.peak is not None
    np.testing.assert_array_equal(compiled.peak, definition.peak)
    assert compiled.peak.min() >= 0
    assert len(np.unique(compiled.decision)) > 1


def test_one_event_arrives_after_its_delay_and_gives_the_closed_form() -> None:
    w, d, dt, tau = 0.7, 17, 1e-3, 12e-3
    layer = DelayLayer(
        weights=np.array([[w]]), delays=np.array([[d]]), soma=IntegratingSoma(tau_membrane=tau), dt=dt
    )
    train = Events.from_times([([0.004, 0.009], [0, 0])], 1, 0.1, dt)
    peak = run_layer(layer, train).peak
    assert peak is not None
    # The second arrives 5 ms behind the first and adds to what is left of it.
    assert peak[0, 0] == pytest.approx(w * (1 + math.exp(-5e-3 / tau)), rel=1e-8)
    late = Events.from_times([([0.08], [0])], 1, 0.08 + d * dt, dt)
    assert run_layer(layer, late).peak == 0.0


def test_propagator_is_the_solution_of_the_equations() -> None:
    tau_m, tau_s, dt = 20e-3, np.array([2e-3, 20e-3, 20.000001e-3, 50e-3]), 1e-3
    k = tau_s / (tau_s - tau_m + np.where(tau_s == tau_m, 1.0, 0.0))
    exact = k * (np.exp(-dt / tau_s) - math.exp(-dt / tau_m))
    exact[1] = dt / tau_m * math.exp(-dt / tau_m)
    np.testing.assert_allclose(coupling(dt, tau_m, tau_s)[[0, 1, 3]], exact[[0, 1, 3]], rtol=1e-12)
    assert coupling(dt, tau_m, tau_s)[2] == pytest.approx(exact[1], rel=1e-6)


def test_sums_of_weights_do_not_depend_on_their_order() -> None:
    layer, events = case(copies=3)
    turned = DelayLayer(
        weights=layer.weights[::-1],
        delays=layer.delays[::-1],
        soma=layer.soma,
        tau_synapse=layer.tau_synapse,
    )
    back = Events.from_dense(events.dense()[:, :, ::-1])
    one, other = run_layer(layer, events).spikes, run_layer(turned, back).spikes
    assert one is not None
    assert other is not None
    np.testing.assert_array_equal(one.channel, other.channel)


def test_more_exponentials_make_better_kernels_and_eight_are_enough() -> None:
    errors = [exponents(np.geomspace(5e-3, 20e-3, 500), k)[2] for k in (2, 4, 6, 8)]
    # Errors of a separate least-squares fit to the same range, for 2, 4, 6 and 8 exponentials.
    np.testing.assert_allclose(errors, [8.6e-2, 1.5e-3, 4.6e-5, 1.6e-6], rtol=0.5)


def test_time_constants_of_their_own_give_the_exact_spikes() -> None:
    rng = np.random.default_rng(3)
    tau = np.clip(10e-3 * np.exp(0.2 * rng.standard_normal((40, 70))), 5e-3, 20e-3)
    layer, events = case(tau_synapse=tau)
    assert equal(layer, events) > 200
    soma = layer.soma
    assert isinstance(soma, SpikingSoma)
    exact = reference.dense(layer, soma, events)
    run = run_layer(layer, events)
    assert run.spikes is not None
    assert run.kernel_error < 1e-4
    found = run.spikes.dense()
    assert (found & exact).sum() >= 0.999 * max(found.sum(), exact.sum())


@pytest.mark.parametrize("tau", [2e-3, 5e-3, 20e-3, 50e-3])
def test_located_crossings_equal_the_definition_and_a_grid_3000_times_as_fine(tau: float) -> None:
    weights = 10e-3 / tau * np.random.default_rng(1).normal(0.1, 0.3, (40, 70))
    layer, events = case(soma=SpikingSoma(located=True), tau_synapse=tau, longest=20, weights=weights)
    assert equal(layer, events) > 200
    compiled, definition = run_layer(layer, events), run_layer(layer, events, "numpy")
    assert compiled.located is not None
    np.testing.assert_array_equal(compiled.located[:, :2], definition.located[:, :2])  # type: ignore[index]
    np.testing.assert_allclose(compiled.located, definition.located, rtol=0, atol=1e-12)
    fine = 3000
    few = events.select([0])
    start = np.zeros(few.steps * fine + 1, np.int64)
    start[1 + fine * np.arange(few.steps)] = np.diff(few.start)
    step = Events(np.cumsum(start), few.channel, 1, few.steps * fine, few.channels)
    reference_layer = DelayLayer(
        weights=layer.weights,
        delays=fine * layer.delays.astype(np.int64),
        soma=SpikingSoma(),
        tau_synapse=tau,
        dt=layer.dt / fine,
    )
    spikes = run_layer(reference_layer, step).spikes
    assert spikes is not None
    exact = {(int(-(-t // fine)), int(j)) for t, j in zip(spikes.step, spikes.channel, strict=True)}
    found = run_layer(layer, few).spikes
    assert found is not None
    ours = {(int(t), int(j)) for t, j in zip(found.step, found.channel, strict=True)}
    # Steps behind the last arrival but one are not simulated by the coarse grid.
    exact = {(t, j) for t, j in exact if t < few.steps}
    assert len(exact & ours) >= 0.995 * max(len(exact), len(ours))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"delays": np.full((40, 70), 61), "buffer": 60}, "delay 61 at .0, 0.; accepted: at most 60 steps"),
        ({"delays": np.full((40, 70), -1)}, "delay -1 at .0, 0.; accepted: >= 0 steps"),
        ({"delays": np.where(np.eye(40, 70) > 0, np.nan, 3.0)}, "delay nan at .0, 0.; accepted: finite"),
        ({"delays": np.full((40, 70), 0.5)}, "delay 0.5 at .0, 0.; accepted: whole steps"),
        ({"delays": np.full((40, 71), 1)}, "delays of shape .40, 71. for weights of shape .40, 70."),
        ({"delays": np.full((40, 70), 1), "buffer": -1}, "a buffer of -1 steps"),
        ({"window": (0.0, 1.0)}, r"weight -[\d.]+ at .\d+, \d+. is beyond the conductance window"),
        ({"weights": np.full((40, 70), np.inf)}, "weight inf at .0, 0.; accepted: finite numbers"),
        ({"weights": np.zeros(4)}, "weights have shape .4,."),
        ({"tau_synapse": None}, "a spiking soma needs tau_synapse"),
        ({"tau_synapse": -1e-3}, "tau_synapse holds -0.001; accepted: times > 0 s"),
        ({"tau_synapse": np.ones((2, 2))}, "tau_synapse of shape .2, 2."),
        ({"soma": IntegratingSoma()}, "an integrating soma .* takes no tau_synapse"),
        ({"dt": 0.0}, "dt = 0.0; accepted: a time > 0 s"),
    ],
)
def test_a_layer_that_cannot_be_is_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        case(**fields)


@pytest.mark.parametrize(
    ("times", "units", "says"),
    [
        ([0.2, 0.1], [0, 0], "sample 0: spike times are not sorted: 0.1 s behind 0.2 s at spike 1"),
        ([0.1, 1.0], [0, 0], "sample 0: spike 1 at 1.0 s is outside the run; accepted: 0 to below 1.0 s"),
        ([-0.1], [0], "spike 0 at -0.1 s is outside the run"),
        ([math.nan], [0], "spike 0 at nan s is outside the run"),
        ([0.1], [5], "spike 0 on channel 5; accepted: 0 to 4"),
        ([0.1], [0, 1], "one channel a time"),
    ],
)
def test_spike_times_that_cannot_be_are_refused(times: list[float], units: list[int], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        Events.from_times([(times, units)], 5, 1.0, 1e-3)


def test_spikes_of_one_channel_in_one_step_count_once_and_are_reported() -> None:
    events = Events.from_times([([0.0101, 0.0105, 0.0109], [1, 0, 1])], 2, 0.1, 1e-3)
    assert (len(events), events.merged) == (2, 1)
    assert events.dense()[0, 10].all()


def test_lists_out_of_order_and_foreign_channels_are_refused() -> None:
    start = np.array([0, 2, 2])
    with pytest.raises(ModelError, match="sample 0, step 0: channel 1 behind 3"):
        Events(start, np.array([3, 1], np.int32), 1, 2, 4)
    with pytest.raises(ModelError, match="event 1 is on channel 4; accepted: 0 to 3"):
        Events(start, np.array([3, 4], np.int32), 1, 2, 4)
    layer, _ = case()
    with pytest.raises(ModelError, match="events on 4 channels for a layer of 40 inputs"):
        run_layer(layer, Events(start, np.array([1, 3], np.int32), 1, 2, 4))


def test_delays_in_seconds_round_to_steps() -> None:
    np.testing.assert_array_equal(delay_steps([0.0, 0.0124, 0.0126], 5e-3), [0, 2, 3])
