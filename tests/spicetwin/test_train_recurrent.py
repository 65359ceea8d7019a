"""The recurrent network to compare with: its gradients are those of automatic differentiation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pysim.delays.events import Events
from spicetwin.train import delays_recurrent
from spicetwin.train.delays_recurrent import RecurrentNet, train_recurrent, units_of
from spicetwin.train.delays_settings import RecurrentTraining
from spicetwin.train.learning import DivergenceError

HOW = RecurrentTraining(tau_membrane=0.1, tau_readout=0.3, epochs=100, batch=16, rate=2e-2)


def case() -> tuple[RecurrentNet, Events, Any, Any]:
    rng = np.random.default_rng(0)
    x = (rng.random((16, 60, 8)) < 0.15).astype(np.uint8)
    net = RecurrentNet.drawn(8, 11, 3, 1e-2, HOW, 0)
    return net, Events.from_dense(x), x, rng.integers(0, 3, 16)


def test_peaks_and_gradients_equal_automatic_differentiation() -> None:
    torch = pytest.importorskip("torch", reason="the extra [train] is not installed")

    class Fire(torch.autograd.Function):  # type: ignore[misc, name-defined]
        @staticmethod
        def forward(ctx: Any, above: Any) -> Any:
            ctx.save_for_backward(above)
            return (above >= 0).to(above.dtype)

        @staticmethod
        def backward(ctx: Any, slope: Any) -> Any:
            (above,) = ctx.saved_tensors
            return slope / (1.0 + 5.0 * above.abs()) ** 2

    net, events, x, y = case()
    weights = [torch.tensor(w, requires_grad=True) for w in net.weights]
    inwards, recurrent, outwards = weights
    drive = torch.tensor(x, dtype=torch.float64) @ inwards
    v = s = torch.zeros(len(x), 11, dtype=torch.float64)
    u = peak = torch.zeros(len(x), 3, dtype=torch.float64)
    for t in range(x.shape[1]):
        v = net.keep * v * (1.0 - s) + drive[:, t] + s @ recurrent
        s = Fire.apply(v - 1.0)
        u = torch.relu(net.keep_out * u + s @ outwards)
        peak = torch.maximum(peak, u)
    torch.nn.functional.cross_entropy(peak, torch.tensor(y)).backward()
    every = np.arange(len(x))
    np.testing.assert_allclose(net.peaks(events, every), peak.detach().numpy(), rtol=1e-12)
    assert peak.max() > 0.1
    slopes = [np.zeros_like(w) for w in net.weights]
    delays_recurrent._pass(
        events.start, events.channel, events.steps, every, *net.weights, net.keep, net.keep_out,
        np.empty((len(x), 3)), y, np.full(len(x), 1 / len(x)), *slopes,
    )  # fmt: skip
    for slope, weight in zip(slopes, weights, strict=True):
        np.testing.assert_allclose(slope, weight.grad.numpy(), rtol=1e-9, atol=1e-14)


def test_training_learns_by_heart_and_repeats() -> None:
    found = []
    for _ in range(2):
        net, events, _, y = case()
        before = (net.decide(events) == y).mean()
        train_recurrent(events, y, net, HOW, 0, np.ones(3))
        found.append(net.outwards)
        assert (net.decide(events) == y).mean() > before + 0.2
    np.testing.assert_array_equal(*found)


def test_absurd_rate_stops_with_the_step_and_the_weights_of_the_last_whole_epoch() -> None:
    net, events, _, y = case()
    begin = [w.copy() for w in net.weights]
    how = replace(HOW, rate=1e200)
    with pytest.raises(DivergenceError, match=r"diverged at step \d+ \(epoch 2\)") as caught:
        # One batch an epoch: the first step throws the weights out, the second finds it.
        train_recurrent(events, y, net, how, 0, np.ones(3))
    assert caught.value.step == 2
    after = [caught.value.weights[name] for name in ("inwards", "recurrent", "outwards")]
    assert all(np.isfinite(w).all() for w in after)
    assert np.abs(after[2] - begin[2]).max() > 1e100


@pytest.mark.parametrize(("parameters", "inputs", "classes"), [(5120, 32, 10), (64, 2, 2), (1, 5, 5)])
def test_size_is_the_largest_with_no_more_parameters(parameters: int, inputs: int, classes: int) -> None:
    h = units_of(parameters, inputs, classes)
    size = RecurrentNet.drawn(inputs, h, classes, 1e-3, HOW, 0).size
    assert size <= parameters or h == 1
    assert RecurrentNet.drawn(inputs, h + 1, classes, 1e-3, HOW, 0).size > parameters
