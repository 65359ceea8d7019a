"""Augmented images and drawn non-idealities: sizes of what is drawn; nothing asked, nothing drawn."""

from __future__ import annotations

import numpy as np
import pytest

from spicetwin.train.augment import augmented
from spicetwin.train.settings import Spread


def blob(n: int, size: int = 15) -> np.ndarray:
    row, col = np.mgrid[:size, :size]
    one = 255 * np.exp(-((row - 7) ** 2 + (col - 7) ** 2) / 8.0)
    return np.repeat(np.rint(one).astype(np.uint8)[None], n, axis=0)


def centres(images: np.ndarray) -> np.ndarray:
    row, col = np.mgrid[: images.shape[1], : images.shape[2]]
    total = images.sum((1, 2))
    return np.stack([(images * row).sum((1, 2)) / total, (images * col).sum((1, 2)) / total], axis=1)


def test_nothing_asked_changes_nothing() -> None:
    images = blob(3)
    assert augmented(images, 0.0, 0.0, np.random.default_rng(0)) is images


def test_half_of_the_images_stay_and_the_others_move_within_the_shift() -> None:
    images = blob(400)
    moved = augmented(images, 2.0, 0.0, np.random.default_rng(1))
    same = (moved == images).all((1, 2))
    assert 160 < same.sum() < 240
    distance = centres(moved[~same]) - 7.0
    assert np.abs(distance).max() < 2.01
    # Uniform in +-2 pixels: standard deviation 4 / sqrt(12).
    assert distance.std() == pytest.approx(4 / np.sqrt(12), rel=0.1)


def test_stretch_changes_size_and_keeps_the_centre() -> None:
    images = blob(400)
    moved = augmented(images, 0.0, 0.2, np.random.default_rng(2))
    assert np.abs(centres(moved) - 7.0).max() < 0.05
    mass = moved.sum((1, 2)) / images[0].sum()
    assert mass.std() > 0.05
    assert 0.6 < mass.min() < mass.max() < 1.7


class TestDraws:
    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("torch", reason="the extra [train] is not installed")

    def test_drawn_columns_spread_as_described(self) -> None:
        import torch

        from spicetwin.train.nonideal import Nonideal

        drawn = Nonideal(Spread(0.02, 0.03, 0.5, 0.01, 0.002, 0.1), 1, 2)
        levels = drawn.mismatched(torch.ones((200, 200)))
        assert levels.std().item() == pytest.approx(0.02, rel=0.02)
        column = torch.ones((6, 20000)) * torch.tensor([1.0, 0.0, 2.0, 0.0, -0.3, 1 / 64])[:, None]
        h_gain, h_bias, z_gain, z_bias, start, z_unit = drawn.spread(column)
        assert h_gain.unique().tolist() == [1.0]
        assert h_bias.std().item() == pytest.approx(0.01, rel=0.03)
        assert (z_gain / 2).std().item() == pytest.approx(0.03, rel=0.03)
        assert z_bias.std().item() == pytest.approx(0.5, rel=0.03)
        assert start.unique().numel() == 1
        np.testing.assert_allclose(z_unit.numpy(), 0.9 / 64, rtol=1e-6)
        pool, where = drawn.noise(4, 9, 64)
        assert pool.std() == pytest.approx(0.002, rel=0.02)
        assert where.shape == (4, 9)
        assert where.max() + 64 <= pool.size

    def test_equal_seeds_draw_equal_chips(self) -> None:
        import torch

        from spicetwin.train.nonideal import Nonideal

        ones = torch.ones((5, 5))
        first, second = (Nonideal(Spread(capacitor=0.1), 3, 4).mismatched(ones) for _ in range(2))
        other = Nonideal(Spread(capacitor=0.1), 3, 5).mismatched(ones)
        assert torch.equal(first, second)
        assert not torch.equal(first, other)
