"""The training loop of all families: what each mode lets the forward pass see, determinism, divergence."""

from __future__ import annotations

import numpy as np
import pytest

from spicetwin.train.learning import MODES, DivergenceError, Learning, learn, rounded


class Line:
    """y = (w + chip) x by least squares: the best weight on a chip is 2 - chip."""

    samples = 64
    programmed = ("w",)

    def __init__(self) -> None:
        self.seen: list[tuple[float, object, object]] = []
        self.x = np.random.default_rng(0).normal(size=self.samples)

    def begin(self, seed):
        return {"w": np.array([0.3 + seed])}

    def chip(self, seed):
        return np.random.default_rng(seed % 2**64).normal(0.0, 0.5)

    def gradient(self, weights, batch, twin, seen):
        self.seen.append((float(weights["w"][0]), twin, seen))
        shift = 0.0 if twin is None else twin
        told = shift if seen is None else seen
        error = (weights["w"][0] + told - 2.0) * self.x[batch]
        return float(np.mean(error**2)), {"w": np.array([2.0 * np.mean(error * self.x[batch])])}

    def limited(self, weights):
        return weights

    def rate(self, name):
        return 1.0

    def wanted(self, part):
        raise NotImplementedError

    def decide(self, weights, part, chip):
        raise NotImplementedError


def trained(mode, chip=None, seed=0, **more):
    family = Line()
    learned = learn(family, family.begin(0), Learning(mode, 60, 16, 0.05, **more), seed, chip)
    return family, learned


def test_ideal_training_finds_the_weight_of_the_typical_instance():
    family, learned = trained("ideal")
    assert abs(learned.weights["w"][0] - 2.0) < 1e-2
    assert all(twin is None and seen is None for _, twin, seen in family.seen)
    assert learned.losses[-1] < 1e-3 < learned.losses[0]


@pytest.mark.parametrize("mode", ["chip", "in_the_loop"])
def test_training_on_a_chip_finds_the_weight_that_corrects_for_it(mode):
    family, learned = trained(mode, chip=0.7)
    assert abs(learned.weights["w"][0] - 1.3) < 1e-2
    expected = (0.7, None) if mode == "chip" else (None, 0.7)
    assert {(twin, seen) for _, twin, seen in family.seen} == {expected}


def test_training_on_the_distribution_draws_a_chip_for_every_batch():
    family, learned = trained("distribution")
    chips = [twin for _, twin, _ in family.seen]
    assert len(set(chips)) == len(chips) == 240
    assert abs(learned.weights["w"][0] - 2.0) < 0.2


def test_rounded_weights_lie_on_the_levels_and_the_gradient_passes():
    values = np.array([-1.0, -0.2, 0.0, 0.3, 0.9])
    levels = np.linspace(-1.0, 1.0, 5)
    found = rounded(values, 5)
    assert found[2] == 0.0
    np.testing.assert_allclose(np.abs(found[:, None] - levels).min(axis=1), 0.0, atol=1e-12)
    np.testing.assert_allclose(found, [-1.0, -0.0, 0.0, 0.5, 1.0], atol=1e-12)
    _, learned = trained("quantised", levels=3)
    assert abs(learned.weights["w"][0] - 2.0) < 1e-2


def test_noise_is_drawn_anew_and_leaves_the_kept_weights_alone():
    family, learned = trained("noise_aware", noise=0.2)
    quiet, plain = trained("ideal")
    ratio = np.array([w for w, _, _ in family.seen[-100:]]) / learned.weights["w"][0]
    assert 0.1 < ratio.std() < 0.3
    assert abs(learned.weights["w"][0] - plain.weights["w"][0]) < 0.2
    assert np.std([w for w, _, _ in quiet.seen[-100:]]) < 1e-2


@pytest.mark.parametrize("mode", MODES)
def test_equal_seeds_give_equal_weights(mode):
    chip = 0.4 if mode in ("chip", "in_the_loop") else None
    first, again = (trained(mode, chip=chip, seed=5)[1] for _ in range(2))
    assert first.losses == again.losses
    np.testing.assert_array_equal(first.weights["w"], again.weights["w"])


def test_mode_and_chip_must_go_together():
    with pytest.raises(ValueError, match="mode 'chip'"):
        trained("chip")
    with pytest.raises(ValueError, match="mode 'ideal'"):
        trained("ideal", chip=0.1)
    with pytest.raises(ValueError, match="mode 'perfect'; accepted: ideal, quantised"):
        trained("perfect")


class Exploding(Line):
    """Loses its head in step 6, of the second epoch."""

    def __init__(self, loss: float, slope: float) -> None:
        super().__init__()
        self.given = loss, slope

    def gradient(self, weights, batch, twin, seen):
        loss, slope = super().gradient(weights, batch, twin, seen)
        return (self.given[0], {"w": np.array([self.given[1]])}) if len(self.seen) == 6 else (loss, slope)


@pytest.mark.parametrize(("loss", "slope"), [(np.nan, 0.0), (1.0, np.inf), (1e6, 0.0)])
def test_diverging_training_stops_with_the_step_and_the_weights_of_the_last_whole_epoch(loss, slope):
    family = Exploding(loss, slope)
    after = []
    with pytest.raises(
        DivergenceError, match=r"diverged at step 6 \(epoch 2\): loss .*; accepted: a lower rate"
    ) as got:
        learn(family, family.begin(0), Learning("ideal", 5, 16, 0.05), 0, after=lambda k, v: after.append(k))
    assert after == [1]
    assert got.value.step == 6
    # Step 5 is the first of epoch 2 and sees exactly the weights that epoch 1 left.
    assert got.value.weights["w"][0] == family.seen[4][0]
