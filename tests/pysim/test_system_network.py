import dataclasses

import numpy as np
import pytest
from system_networks import (
    core,
    delays,
    dpi_table,
    integrators,
    mingru_table,
    mixed,
    population,
    spikes,
)

from calibration.table import OutOfDomain
from pysim import mingru
from pysim.delays.draw import assumed_table
from pysim.errors import ModelError
from pysim.interval import Design, interval
from pysim.network import Network, Projection, SpikeSource
from pysim.seeds import SourceSeeds
from pysim.system import (
    Conditions,
    MinGruStack,
    Signal,
    SystemNetwork,
    counting,
    ridge,
)
from pysim.system.classify import Classification


def bits(network: SystemNetwork, chip: object, signal: Signal, **conditions: float) -> list[np.ndarray]:
    run = network.run(signal, chip, Conditions(**conditions))  # type: ignore[arg-type]
    return [layer.output.dense() for layer in run.layers]


def test_network_of_one_family_is_the_chip_that_the_family_draws() -> None:
    network, table, signal = SystemNetwork((MinGruStack(core()),)), mingru_table(), spikes()
    ours = network.run(signal, network.draw(table, 7)).layers[0]
    chip = mingru.draw(core(), table, 7, mingru.SOURCES)
    theirs = core().run(signal.dense(), chip, seed=7)
    assert np.array_equal(ours.output.dense(), theirs.outputs)
    assert ours.energy is not None
    assert np.array_equal(ours.energy, theirs.energy)


def test_four_families_run_in_one_network_bit_equal_for_equal_seeds() -> None:
    network, tables = mixed()
    signal = spikes(4)
    one, two, other = (network.draw(tables, seed) for seed in (1, 1, 2))
    assert one.id == two.id != other.id
    first, second, third = (bits(network, chip, signal) for chip in (one, two, other))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(first, third, strict=True))
    assert all(layer.any() for layer in first)


def test_chip_id_follows_table_seed_and_sources_but_not_the_conditions() -> None:
    network, tables = mixed()
    ids = {
        network.draw(tables, 1).id,
        network.draw(tables, 1, ("die",)).id,
        network.draw(tables, SourceSeeds(1, {"die": 9})).id,
        network.draw((*tables[:2], dataclasses.replace(assumed_table(), version="9.0.0"), None), 1).id,
    }
    assert len(ids) == 4
    chip = network.draw(tables, 1)
    before = chip.id
    network.run(spikes(4), chip, Conditions(temperature=310.0))
    assert chip.id == before == network.draw(tables, 1).id


def test_temperature_and_time_are_inputs_of_a_run_of_the_same_chip() -> None:
    network = SystemNetwork((population(8, 8), delays()))
    tables, signal = (dpi_table(), assumed_table()), spikes()
    chip = network.draw(tables, 3)
    cold = bits(network, chip, signal)
    warm = bits(network, chip, signal, temperature=318.0)
    aged = bits(network, chip, signal, time=1e6)
    assert not np.array_equal(cold[0], warm[0])
    assert np.array_equal(cold[0], aged[0])
    assert not np.array_equal(cold[1], aged[1])
    assert all(np.array_equal(a, b) for a, b in zip(bits(network, chip, signal), cold, strict=True))
    with pytest.raises(OutOfDomain, match="temperature"):
        network.run(signal, chip, Conditions(temperature=420.0))


def test_two_blocks_of_a_family_share_the_die_and_nothing_within_it() -> None:
    network = SystemNetwork((MinGruStack(core()), MinGruStack(core())))
    chip = network.draw(mingru_table(), 5)
    first, second = (circuit.chip for circuit in chip.at(Conditions()))  # type: ignore[attr-defined]
    assert not np.array_equal(first.cores[0].comparator_offset, second.cores[0].comparator_offset)


def test_part_of_a_seed_changes_its_source_alone() -> None:
    network = SystemNetwork((MinGruStack(core()),))
    table = mingru_table()
    plain, changed = (network.draw(table, seed) for seed in (5, SourceSeeds(5, {"noise": 6})))
    a, b = (chip.at(Conditions())[0].chip.cores[0] for chip in (plain, changed))  # type: ignore[attr-defined]
    assert np.array_equal(a.comparator_offset, b.comparator_offset)
    signal = spikes(steps=200)
    assert not np.array_equal(bits(network, plain, signal)[0], bits(network, changed, signal)[0])


def test_a_batch_in_pieces_is_the_whole_batch() -> None:
    network, tables = mixed()
    labels = np.array([0, 1, 2, 3])
    whole = Classification(network, tables, spikes(4), labels, batch=4)
    pieces = dataclasses.replace(whole, batch=3)
    assert whole(Design(1).point(0)) == pieces(Design(1).point(0))


def test_classification_counts_what_a_chip_did() -> None:
    network, tables = mixed()
    signal, labels = spikes(4), np.array([0, 1, 2, 3])
    metric = Classification(network, tables, signal, labels)
    found = dict(zip(metric.names, metric(Design(1).point(0)), strict=True))
    run = network.run(signal, network.draw(tables, Design(1).seeds(0)))
    assert found["accuracy"] == np.mean(run.classes == labels)
    assert found["active.core"] == run.layers[1].output.dense().mean()
    assert found["energy.core"] == pytest.approx(run.layers[1].energy.mean())  # type: ignore[union-attr]
    assert found["energy.delays"] == -1.0
    assert sum(v for name, v in found.items() if name.startswith("confusion")) == 4
    delivered = (
        run.layers[1].output.dense().sum() * np.count_nonzero(network.layers[2].weights, axis=1)[0] / 4
    )  # type: ignore[attr-defined]
    assert found["operations.delays"] == pytest.approx(delivered)


def test_population_of_a_chip_is_the_network_that_its_family_runs() -> None:
    layer, signal = population(), spikes(4, samples=1)
    network = SystemNetwork((layer,))
    circuit = network.draw(dpi_table(), 2).at(Conditions())[0]
    source = SpikeSource(signal.bits.channel.astype(np.int64), signal.bits.step * signal.dt, 4)
    projection = Projection("drive", circuit.synapses[0], layer.projections[0].connection, source)  # type: ignore[attr-defined]
    alone = Network(circuit.neuron, (projection,)).run(signal.steps * signal.dt, tolerance=1e-3)  # type: ignore[attr-defined]
    ours = network.run(signal, network.draw(dpi_table(), 2)).layers[0]
    counts = ours.features["rate"][0] * signal.steps * signal.dt
    assert np.allclose(counts, alone.spikes.counts()[0])
    fan_in = layer.projections[0].connection.sum(axis=0)
    assert ours.operations[0] == fan_in[signal.bits.channel].sum()


def test_interval_of_a_mixed_network_with_shares() -> None:
    network, tables = mixed()
    labels = np.arange(4)
    metric = Classification(network, tables, spikes(4), labels)
    assert network.spreading(tables) == ("fit", "die", "within_die", "cycle", "noise", "drift")
    found = interval(metric, Design(1, shared=("within_die", "die")), 4)
    assert found.mean.n == 4
    assert found.runs == 8
    same = network.interval(metric, 4, seed=1, shares=("within_die", "die"))
    assert np.array_equal(same.values, found.values)


def test_chip_outside_the_range_of_a_table_is_named() -> None:
    network = SystemNetwork((population(),), counting(8))
    metric = Classification(network, dpi_table(), spikes(4), np.arange(4))
    with pytest.raises(
        OutOfDomain, match=r"chip 0 at 4\d\d.\d\d K, 1 s since programming: neuron.*temperature"
    ):
        interval(metric, Design(1, temperature=(400.0, 420.0)), 2)


def test_least_squares_read_out_separates_what_is_separable() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    features = np.eye(3)[labels] + 0.1 * rng.standard_normal((60, 3))
    features = np.column_stack([features, np.zeros(60)])
    scores = ridge(features, labels).scores({"mean_output": features})
    assert np.array_equal(scores.argmax(axis=1), labels)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: SystemNetwork((delays(8, 6), integrators(5, 4))),
            r"denram0 has 6 outputs, memcap1 takes 5 inputs",
        ),
        (lambda: SystemNetwork(()), r"no layers; accepted: one at least"),
        (lambda: SystemNetwork((delays(),), counting(5)), r"read-out of 5 neurons behind denram0 with 6"),
        (
            lambda: SystemNetwork((delays(), MinGruStack(core(6)))).layers,
            r"layer|rows",
        ),
        (
            lambda: SystemNetwork((population(),)).draw(assumed_table(), 0),
            r"layer dpi0: table denram_assumed@0.0.0 lacks the entry neuron.tau; make one with '.* build dpi'",
        ),
        (
            lambda: SystemNetwork((delays(),)).draw(assumed_table(), 0, ("luck",)),
            r"source 'luck' cannot be drawn",
        ),
        (lambda: SystemNetwork((delays(),)).run(spikes(3)), r"the inputs have 3 channels, denram0 takes 8"),
        (
            lambda: SystemNetwork((delays(),)).run(Signal(levels=np.zeros((2, 5)))),
            r"layer denram0 takes bits",
        ),
        (
            lambda: SystemNetwork((delays(),)).run(
                spikes(), SystemNetwork((delays(seed=1),)).draw(assumed_table(), 0)
            ),
            r"is of another network",
        ),
        (lambda: Conditions(temperature=-1.0), r"temperature -1.0 K"),
        (lambda: Conditions(time=0.0), r"time since programming 0.0 s"),
    ],
)
def test_what_cannot_be_built_is_one_clear_error(make: object, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        make()  # type: ignore[operator]
