"""Networks: wiring, delays, recurrent windows, statistics, measured integration error."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from dpi_truth import constant, dpi_table

from pysim.chip import draw
from pysim.errors import ModelError
from pysim.network import Network, Projection, SpikeSource, poisson
from pysim.population import Spikes, over_chips, rate_response
from pysim.synapses.dpi import Backend, DpiSynapse

TABLE = dpi_table(**{"synapse.i_weight": constant(20e-9, "A")})
SHAPE = (3, 8)
NEURON = draw(TABLE, SHAPE, 1, block="neuron").neuron()
SYNAPSE = draw(TABLE, SHAPE, 1).synapse()


def drive(weight: float = 1.0, delay: float = 0.0) -> Projection:
    source = poisson(32, 60.0, 0.4, np.random.default_rng(1))
    wires = np.random.default_rng(2).random((8, 32)) < 0.5
    return Projection("drive", _scaled(weight), wires, source, delay)


def recurrent(delay: float = 2e-3, inhibitory: bool = True, weight: float = 1.0) -> Projection:
    return Projection("loop", _scaled(weight), ~np.eye(8, dtype=bool), None, delay, inhibitory)


def _scaled(weight: float) -> DpiSynapse:
    return dataclasses.replace(SYNAPSE, i_weight=weight * SYNAPSE.array("i_weight"))


@pytest.mark.parametrize("loop", [False, True])
def test_numba_equals_numpy_for_networks(loop: bool) -> None:
    network = Network(NEURON, (drive(), recurrent(delay=20e-3)) if loop else (drive(),))
    runs = [network.run(0.2, backend=b) for b in ("numpy", "numba")]
    assert runs[0].spikes.time.size > 10
    np.testing.assert_array_equal(runs[0].spikes.index, runs[1].spikes.index)
    np.testing.assert_allclose(runs[0].spikes.time, runs[1].spikes.time, rtol=1e-9)


def test_equal_networks_give_bit_equal_spikes() -> None:
    a, b = (Network(NEURON, (drive(), recurrent())).run(0.4).spikes for _ in range(2))
    np.testing.assert_array_equal(a.time, b.time)


def test_a_delay_of_the_input_shifts_the_spikes_it_causes() -> None:
    # From rest at the floor nothing happens before the first arrival, so all times shift alike.
    quiet = dataclasses.replace(NEURON, i_floor=NEURON.array("i_reset"))
    at_once = Network(quiet, (drive(),)).run(0.4, tolerance=1e-9).spikes
    late = Network(quiet, (drive(delay=0.1),)).run(0.5, tolerance=1e-9).spikes
    assert at_once.time.size > 10
    np.testing.assert_allclose(late.time - 0.1, at_once.time, atol=1e-6)


def test_a_recurrent_network_is_the_feed_forward_network_of_its_own_spikes() -> None:
    # Replay the spikes of chip 0 as external input: every neuron must fire exactly as in the loop.
    both = (drive(), recurrent(delay=3e-3))
    loop = Network(NEURON, both).run(0.3, tolerance=1e-9).spikes
    own = loop.chip == 0
    tape = SpikeSource(loop.neuron[own], loop.time[own], 8)
    replay = dataclasses.replace(both[1], source=tape)
    open_loop = Network(NEURON, (both[0], replay)).run(0.3, tolerance=1e-9).spikes
    for neuron in range(8):
        np.testing.assert_allclose(open_loop.of(0, neuron), loop.of(0, neuron), atol=1e-6)


def test_inhibition_lowers_and_excitation_raises_the_rate() -> None:
    alone = Network(NEURON, (drive(),)).run(0.4).spikes.time.size
    less = Network(NEURON, (drive(), recurrent())).run(0.4).spikes.time.size
    more = Network(NEURON, (drive(), recurrent(inhibitory=False))).run(0.4).spikes.time.size
    assert less < alone < more


def test_integration_error_is_below_a_thousandth_of_the_interval() -> None:
    error = Network(NEURON, (drive(),)).run(0.4).error
    assert error.miscounted == 0
    assert 0.0 < error.spike_shift < 1e-3
    assert error.probed == 16


def test_a_coarse_tolerance_is_reported_as_a_larger_error() -> None:
    network = Network(NEURON, (drive(),))
    assert network.run(0.4, tolerance=1e-3).error.spike_shift > 10 * network.run(0.4).error.spike_shift


def test_membrane_trace_meets_the_threshold_at_the_spikes_and_the_reset_after_them() -> None:
    network = Network(NEURON, (drive(),))
    spikes = network.run(0.4, tolerance=1e-9).spikes
    chip, neuron = np.unravel_index(int(spikes.counts().argmax()), SHAPE)
    first = spikes.of(int(chip), int(neuron))[0]
    trace = network.membrane(np.array([0.0, first - 1e-7, first + 1e-6]), tolerance=1e-9)[chip, neuron]
    reset, threshold = (NEURON.array(n)[chip, neuron] for n in ("i_reset", "i_threshold"))
    assert trace[0] == pytest.approx(reset)
    assert trace[1] == pytest.approx(threshold, rel=1e-3)
    assert trace[1] < threshold
    assert trace[2] == pytest.approx(reset)


def test_membrane_traces_of_recurrent_networks_are_refused() -> None:
    with pytest.raises(ModelError, match="feed-forward"):
        Network(NEURON, (recurrent(),)).membrane(np.array([0.1]))


def test_statistics_of_a_known_train() -> None:
    spikes = Spikes(np.array([0, 0, 0, 3]), np.array([0.1, 0.2, 0.4, 0.5]), (2, 2), 2.0)
    np.testing.assert_array_equal(spikes.counts(), [[3, 0], [0, 1]])
    np.testing.assert_allclose(spikes.rates(), [[1.5, 0], [0, 0.5]])
    np.testing.assert_allclose(spikes.isi_mean(), [[0.15, np.nan], [np.nan, np.nan]])
    expected = np.std([0.1, 0.2], ddof=1) / 0.15
    np.testing.assert_allclose(spikes.isi_cv(), [[expected, np.nan], [np.nan, np.nan]])
    np.testing.assert_array_equal(spikes.of(1, 1), [0.5])


def test_interval_of_the_mean_over_chips_covers_the_truth_at_its_level() -> None:
    rng = np.random.default_rng(7)
    estimates = over_chips(rng.normal(5.0, 2.0, (6, 4000)))
    covered = (estimates.low <= 5.0) & (estimates.high >= 5.0)
    assert covered.mean() == pytest.approx(0.95, abs=0.012)


def test_spread_over_chips_covers_the_chips() -> None:
    e = over_chips(np.random.default_rng(8).normal(0.0, 1.0, (20_000, 1)))
    assert (e.p2_5[0], e.p97_5[0]) == pytest.approx((-1.96, 1.96), abs=0.06)


def test_one_chip_has_no_interval_of_the_mean() -> None:
    assert np.isnan(over_chips(np.ones((1, 2))).low).all()


def test_rate_response_rises_with_the_current_and_differs_between_chips() -> None:
    response = rate_response(NEURON, np.array([0.0, 1e-9, 2e-9, 4e-9]), 0.3)
    assert response.rate.shape == (3, 8, 4)
    mean = response.spread().mean
    assert mean[0] == 0.0
    assert (np.diff(mean) > 0).all()
    assert np.ptp(response.rate[:, :, 3], axis=0).min() > 0


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_rate_response_agrees_with_single_neurons(backend: Backend) -> None:
    response = rate_response(NEURON, np.array([1.5e-9]), 0.2, backend=backend)
    network = Network(NEURON, (), 1.5e-9).run(0.2).spikes
    np.testing.assert_allclose(response.rate[:, :, 0], 1 / network.isi_mean(), rtol=1e-9)


def test_poisson_sources_have_their_rate_and_independent_gaps() -> None:
    source = poisson(200, 50.0, 10.0, np.random.default_rng(1))
    assert source.time.size / 2000.0 == pytest.approx(50.0, rel=0.02)
    gaps = np.diff(np.sort(source.time[source.source == 3]))
    assert gaps.std() / gaps.mean() == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize(
    ("projection", "claim"),
    [
        (dataclasses.replace(drive(), connection=np.ones((3, 3), dtype=bool)), "connection of shape"),
        (recurrent(delay=0.0), "> 0 s if recurrent"),
        (dataclasses.replace(drive(), delay=-1.0), "delay"),
        (dataclasses.replace(drive(), synapse=draw(TABLE, (3, 9), 1).synapse()), "synapses of shape"),
    ],
)
def test_networks_that_do_not_fit_are_refused(projection: Projection, claim: str) -> None:
    with pytest.raises(ModelError, match=claim):
        Network(NEURON, (projection,))


@pytest.mark.parametrize(
    ("source", "time", "claim"),
    [
        ([0], [np.nan], "finite"),
        ([0], [-1.0], "negative"),
        ([5], [0.0], r"0\.\.1"),
        ([0, 1], [0.0], "one time"),
    ],
)
def test_spike_sources_that_are_no_trains_are_refused(
    source: list[int], time: list[float], claim: str
) -> None:
    with pytest.raises(ModelError, match=claim):
        SpikeSource(np.array(source), np.array(time), 2)
