"""The differentiable recurrent DPI network against the simulator and against autograd."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pysim.recurrent.chip import Design, draw_published  # noqa: E402
from pysim.recurrent.network import RecurrentDpi, propagators  # noqa: E402
from spicetwin.train.dpi_twin import RecurrentScan, Step, unrolled  # noqa: E402

DT = 4e-3
DESIGN = Design(
    inputs=3, neurons=7, outputs=2, tau_input=10e-3, tau_recurrent=20e-3, tau_output=30e-3,
    tau_membrane=20e-3, tau_readout=40e-3,
)  # fmt: skip


def case(seed: int):
    rng = np.random.default_rng(seed)
    weights = np.where(DESIGN.connected(), rng.normal(0.1, 0.6, DESIGN.shape), 0.0)
    x = (rng.random((5, 60, 3)) < 0.2).astype(np.uint8)
    return draw_published(DESIGN, seed), weights, x


def test_twin_gives_the_simulators_voltages_and_spikes_to_rounding():
    chip, weights, x = case(1)
    run = RecurrentDpi(weights, chip, DT).run(x, backend="numpy")
    step = Step.of(propagators(chip, DT), 10.0, torch.float64)
    outputs, spikes = unrolled(torch.from_numpy(weights), x, step)
    assert run.spikes.sum() > 50
    np.testing.assert_array_equal(spikes.numpy(), run.spikes)
    np.testing.assert_allclose(outputs.numpy(), run.voltage[:, :, 7:], rtol=1e-12, atol=1e-13)
    compiled = RecurrentScan.apply(torch.from_numpy(weights), x, step, None)
    np.testing.assert_allclose(compiled.numpy(), run.voltage[:, :, 7:], rtol=1e-12, atol=1e-13)


def test_compiled_gradient_is_that_of_autograd():
    chip, weights, x = case(2)
    step = Step.of(propagators(chip, DT), 10.0, torch.float64)
    goal = torch.from_numpy(np.random.default_rng(3).normal(size=(5, 60, 2)))
    found = []
    for forward in (
        lambda w: unrolled(w, x, step)[0],
        lambda w: RecurrentScan.apply(w, x, step, None),
    ):
        w = torch.from_numpy(weights.copy()).requires_grad_()
        ((forward(w) - goal) ** 2).sum().backward()
        found.append(w.grad.numpy())
    there = DESIGN.connected()
    assert np.count_nonzero(found[0][there]) > 0.4 * there.sum()  # neurons that never fire give none
    np.testing.assert_allclose(found[1], found[0], rtol=1e-9, atol=1e-9 * np.abs(found[0]).max())


def test_twin_follows_the_spikes_that_a_chip_fired():
    chip, weights, x = case(4)
    other, _, _ = case(5)
    run = RecurrentDpi(weights, chip, DT).run(x)
    step = Step.of(propagators(other, DT), 10.0, torch.float64)
    w = torch.from_numpy(weights.copy()).requires_grad_()
    outputs = RecurrentScan.apply(w, x, step, run.spikes.copy())
    # Each output is then a linear filter of the chip's spikes, with the twin's time constants.
    p = propagators(other, DT)
    jump = weights * p.jump
    v, current = np.zeros((5, 2)), np.zeros((5, 10, 2))
    for t in range(60):
        v = p.keep[7:] * v + current.sum(1)
        np.testing.assert_allclose(outputs.detach().numpy()[:, t], v, rtol=1e-11, atol=1e-12)
        arrived = np.concatenate([x[:, t], run.spikes[:, t]], 1)
        current = p.decay[:, 7:] * current + arrived[:, :, None] * jump[:, 7:]
    outputs.sum().backward()
    assert np.isfinite(w.grad.numpy()).all()
    assert w.grad.abs().sum() > 0
