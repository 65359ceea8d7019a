"""Multi-time-scale XOR: answers, rates, refusals; tasks with one window."""

from __future__ import annotations

import numpy as np
import pytest

from pysim.tasks.multiscale_xor import MultiscaleXor
from pysim.tasks.spike_task import SpikeTask
from pysim.tasks.task import TaskError
from pysim.tasks.windowed_task import one_window


def test_answers_are_the_xor_of_what_the_spikes_say() -> None:
    xor = MultiscaleXor()
    part = xor.part(200, 0, "test")
    slow = part.x[:, : xor.first, : xor.channels].mean(axis=(1, 2)) > 0.4
    fast = np.stack([part.x[:, a:b, xor.channels :].mean(axis=(1, 2)) > 0.4 for a, b in xor.windows], axis=1)
    assert np.array_equal(slow[:, None] ^ fast, part.y.astype(bool))


def test_neither_signal_alone_tells_the_answer() -> None:
    """Both bits are fair and independent: a linear read-out of rates cannot beat 1/2 by more than chance."""
    part = MultiscaleXor().part(4000, 1, "test")
    assert abs(part.y.mean() - 0.5) < 4 * 0.5 / np.sqrt(part.y.size)


def test_equal_seeds_give_equal_samples_and_parts_differ() -> None:
    xor = MultiscaleXor(bits=2)
    assert np.array_equal(xor.part(5, 3, "a").x, xor.part(5, 3, "a").x)
    assert not np.array_equal(xor.part(5, 3, "a").x, xor.part(5, 3, "b").x)


def test_slow_signal_is_silent_but_for_noise_after_its_bit() -> None:
    xor = MultiscaleXor()
    after = xor.part(300, 2, "test").x[:, xor.first :, : xor.channels].mean()
    assert after == pytest.approx(xor.noise, rel=0.1)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"bits": 0}, r"bits = 0; accepted: 1 or more"),
        ({"high": 1.5}, r"high = 1\.5; accepted: a probability"),
        ({"dt": 0.0}, r"dt = 0\.0; accepted: above 0 s"),
    ],
)
def test_values_without_meaning_are_refused(values: dict[str, float], said: str) -> None:
    with pytest.raises(TaskError, match=said):
        MultiscaleXor(**values)  # type: ignore[arg-type]


def test_one_window_sets_samples_aside_and_replays_faster() -> None:
    rng = np.random.default_rng(0)
    x, y = (rng.random((40, 10, 3)) < 0.3).astype(np.uint8), np.arange(40) % 2
    spikes = SpikeTask("t", 1e-2, x, y, x[:4], y[:4], y, y[:4], np.zeros((40, 1)), np.zeros((4, 1)))
    task = one_window(spikes, 10.0, 0)
    assert task.dt == pytest.approx(1e-3)
    assert (len(task.train), len(task.validation), len(task.test)) == (34, 6, 4)
    with pytest.raises(TaskError, match=r"speed = 0\.0; accepted"):
        one_window(spikes, 0.0, 0)
