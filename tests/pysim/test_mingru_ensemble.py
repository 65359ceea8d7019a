"""minGRU networks on ensembles of chips, and the descriptions they run from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pysim.errors import ModelError
from pysim.mingru import CoreEffects, MinGruChip, MinGruLayer, MinGruNetwork, Readout, assumed_table
from pysim.mingru.ensemble import run_chip, run_ensemble
from pysim.mingru.specification import MinGruExperiment, describes_mingru

STACK = """
table = "assumed"
task = "digits"
chips = 3
seed = 4

[network]
layers = [{ weight_h = [[3, 0], [1, 2], [0, 3], [2, 2]], weight_z = [[3, 3], [2, 2], [1, 1], [0, 0]], \
bias_z = [1, -2], bits = 2, analog = true }]
readout = { weight = [[1.0, -1.0], [0.5, 2.0]], bias = [0.0, 0.1] }
"""


def network(rng: np.random.Generator) -> MinGruNetwork:
    layers = tuple(
        MinGruLayer(
            weight_h=rng.integers(0, 4, (64, 64)).astype(np.uint8),
            weight_z=rng.integers(0, 4, (64, 64)).astype(np.uint8),
            bias_z=rng.integers(-8, 8, 64),
            threshold=np.full(64, 0.5),
            analog=k == 0,
        )
        for k in range(2)
    )
    return MinGruNetwork(layers, Readout(rng.normal(size=(64, 3)), np.zeros(3)))


@pytest.fixture
def task() -> tuple[MinGruNetwork, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    net = network(rng)
    inputs = rng.random((40, 30))
    return net, inputs, net.run(inputs, backend="numpy").classes


class TestEnsemble:
    def test_labels_of_the_ideal_network_are_all_right_on_it_and_not_on_chips(
        self, task: tuple[MinGruNetwork, np.ndarray, np.ndarray]
    ) -> None:
        net, inputs, labels = task
        found = run_ensemble(net, assumed_table(), range(4), inputs, labels, backend="numpy")
        assert found.ideal.accuracy == 1.0
        assert 0.0 < float(found.accuracy.mean) < 1.0
        assert float(found.accuracy.low) < float(found.accuracy.mean) < float(found.accuracy.high)
        assert found.confusion.shape == (3, 3)
        present = np.unique(labels)
        np.testing.assert_allclose(found.confusion[present].sum(axis=1), 1.0)
        assert found.sampling_error > 0.0
        assert (np.array([chip.energy for chip in found.chips]) > 0.0).all()

    def test_more_chips_begin_with_the_same_ones(
        self, task: tuple[MinGruNetwork, np.ndarray, np.ndarray]
    ) -> None:
        net, inputs, labels = task
        few, more = (
            run_ensemble(net, assumed_table(), range(7, 7 + n), inputs, labels, backend="numpy")
            for n in (2, 3)
        )
        assert [c.id for c in few.chips] == [c.id for c in more.chips[:2]]
        assert [c.accuracy for c in few.chips] == [c.accuracy for c in more.chips[:2]]

    def test_typical_chip_without_spread_is_one_chip(
        self, task: tuple[MinGruNetwork, np.ndarray, np.ndarray]
    ) -> None:
        net, inputs, labels = task
        found = run_ensemble(net, assumed_table(), range(3), inputs, labels, sources=(), backend="numpy")
        assert {c.accuracy for c in found.chips} == {found.typical.accuracy}

    def test_knobs_of_the_converters_take_the_gain_of_the_gate_away(
        self, task: tuple[MinGruNetwork, np.ndarray, np.ndarray]
    ) -> None:
        net, inputs, labels = task
        lossy = MinGruChip(
            tuple(
                CoreEffects(rows=n.rows, columns=n.columns, bits=n.bits, swap_gain=0.85) for n in net.layers
            )
        )
        plain = run_chip(net, lossy, inputs, labels, backend="numpy").accuracy
        tuned = run_chip(net.with_gate_gain(0.85), lossy, inputs, labels, backend="numpy").accuracy
        assert tuned > plain
        with pytest.raises(ModelError, match=r"gain of the gate 0\.0; accepted: above 0, at most 1"):
            net.with_gate_gain(0.0)

    def test_a_network_without_readout_has_no_classes(
        self, task: tuple[MinGruNetwork, np.ndarray, np.ndarray]
    ) -> None:
        net, inputs, labels = task
        with pytest.raises(ModelError, match="the network has no readout"):
            run_chip(MinGruNetwork(net.layers), None, inputs, labels)


class TestDescription:
    def test_layers_and_readout_written_out_make_the_network(self, tmp_path: Path) -> None:
        path = tmp_path / "net.toml"
        path.write_text(STACK)
        assert describes_mingru(path)
        experiment = MinGruExperiment.read(path)
        assert experiment.network.layers[0].weight_h.tolist() == [[3, 0], [1, 2], [0, 3], [2, 2]]
        assert experiment.network.readout is not None
        assert (experiment.chips, experiment.seed, experiment.table.name) == (3, 4, "mingru_assumed")

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            (
                ("[3, 0]", "[4, 0]"),
                r"net.toml:7: network: minGRU layer: weight_h\[0, 0\] = 4; accepted: 2-bit",
            ),
            (("[3, 0]", "[3]"), "net.toml:7: network: layer 0: weight_h has rows of different length"),
            (("bits = 2", "bits = 3"), "net.toml:7: network: minGRU layer: 4 rows cannot be swapped in 8"),
            (("chips = 3", "chip = 3"), "net.toml:4: chip: unknown key 'chip'; accepted: network, table"),
            (("weight = [[1.0", "weight = [[nan"), "nan is not a finite number"),
            (('"digits"', '"cifar"'), r"task: 'cifar' is not one of \['digits', 'mnist'\]"),
        ],
    )
    def test_what_is_no_network_is_told_with_its_line(
        self, tmp_path: Path, change: tuple[str, str], says: str
    ) -> None:
        path = tmp_path / "net.toml"
        path.write_text(STACK.replace(*change))
        with pytest.raises(ModelError, match=says):
            MinGruExperiment.read(path)

    def test_an_unknown_network_lists_the_known_ones(self, tmp_path: Path) -> None:
        path = tmp_path / "net.toml"
        path.write_text('network = "nope"\ntable = "assumed"\ntask = "digits"\n')
        with pytest.raises(ModelError, match=r"net.toml:1: network: 'nope' is no network; accepted: a path"):
            MinGruExperiment.read(path)
