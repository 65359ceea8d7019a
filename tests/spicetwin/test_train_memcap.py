"""Training of the recurrent memcapacitive network: equations of the twin, gradients, constraints, settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pysim.delays.events import Events  # noqa: E402
from pysim.memcap.network import MemcapNetwork  # noqa: E402
from pysim.tasks.multiscale_xor import MultiscaleXor  # noqa: E402
from spicetwin.boundary import InputError  # noqa: E402
from spicetwin.train.memcap_kernels import Recurrent  # noqa: E402
from spicetwin.train.memcap_net import MemcapNet, Taus, accuracy, train  # noqa: E402
from spicetwin.train.memcap_settings import MemcapSettings, MemcapShape, MemcapTraining  # noqa: E402

FLOOR, STEEPNESS = -0.2, 3.0
WINDOWS = np.array([[2, 9], [9, 20]])


class Step(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, distance: Any) -> Any:
        context.save_for_backward(distance)
        return (distance >= 0).double()

    @staticmethod
    def backward(context: Any, slope: Any) -> Any:
        (distance,) = context.saved_tensors
        return slope / (1 + STEEPNESS * distance.abs()) ** 2


def looped(x: Any, w_in: Any, w_rec: Any, w_out: Any, keep: Any, keep_out: Any) -> Any:
    """The same network written step by step in torch."""
    v = s = torch.zeros(len(x), w_rec.shape[0], dtype=torch.float64)
    u, history = torch.zeros(len(x), w_out.shape[1], dtype=torch.float64), []
    count = torch.zeros_like(v)
    for t in range(x.shape[1]):
        v = keep * v * (1 - s.detach()) + x[:, t] @ w_in + s @ w_rec
        # The surrogate sees a neuron on its floor as one at its floor; what it carries on has no slope there.
        floored = v.clamp(min=FLOOR)
        s = Step.apply(v + (floored - v).detach() - 1.0)
        v, count = floored, count + s
        u = keep_out * u + s @ w_out
        history.append(u)
    trace = torch.stack(history, dim=1)
    return torch.stack([trace[:, a:b].mean(dim=1) for a, b in WINDOWS], dim=1), count


def parameters(seed: int = 0) -> list[Any]:
    rng = np.random.default_rng(seed)
    values = [
        rng.normal(0.3, 0.4, (4, 7)),
        rng.normal(0.0, 0.4, (7, 7)),
        rng.normal(0.0, 0.5, (7, 3)),
        rng.uniform(0.6, 0.95, 7),
        rng.uniform(0.6, 0.95, 3),
    ]
    return [torch.tensor(value, requires_grad=True) for value in values]


def spikes(samples: int = 9) -> Any:
    return (np.random.default_rng(2).random((samples, 20, 4)) < 0.3).astype(np.uint8)


def test_scores_and_gradients_equal_those_of_a_loop_in_torch() -> None:
    """Every weight and every propagator, the reset's own gradient left out in both."""
    x, ours, theirs = spikes(), parameters(), parameters()
    found, count = Recurrent.apply(
        *ours, 1.0, FLOOR, STEEPNESS, Events.from_dense(x), np.arange(len(x)), WINDOWS
    )
    wanted, counted = looped(torch.tensor(x, dtype=torch.float64), *theirs)
    assert torch.allclose(found, wanted, rtol=1e-12, atol=1e-12)
    assert torch.equal(count, counted)
    rng = np.random.default_rng(3)
    pull, press = (torch.tensor(rng.normal(size=shape)) for shape in (found.shape, count.shape))
    ((found * pull).sum() + (count * press).sum()).backward()
    ((wanted * pull).sum() + (counted * press).sum()).backward()
    for one, other in zip(ours, theirs, strict=True):
        assert float(other.grad.abs().max()) > 0.0
        assert torch.allclose(one.grad, other.grad, rtol=1e-9, atol=1e-11)


def net(trained: bool = False, absorbed: bool = False, neurons: int = 6) -> MemcapNet:
    taus = Taus(np.geomspace(8e-3, 70e-3, neurons), (7e-3, 73e-3), 7e-3, trained, absorbed)
    return MemcapNet(MemcapShape(neurons=neurons), 4, 3, 1e-3, taus, 0)


@pytest.mark.parametrize("absorbed", [False, True])
def test_training_runs_the_equations_of_the_numpy_twin(absorbed: bool) -> None:
    x, model = spikes(), net(absorbed=absorbed)
    with torch.no_grad():
        for weight in model.weights.values():
            weight.mul_(3.0)
        score = model(Events.from_dense(x), np.arange(len(x)), WINDOWS)[0].numpy()
    twin: MemcapNetwork = model.trained().ideal()
    outcome = twin.run(Events.from_dense(x), WINDOWS, "numpy")
    assert outcome.count.sum() > 0
    assert np.allclose(outcome.score, score, rtol=1e-9, atol=1e-12)


def test_weights_are_codes_of_a_pair_of_conductances() -> None:
    model = net()
    for weight in model.trained().w_in, model.trained().w_rec, model.trained().w_out:
        codes = weight / np.abs(weight).max() * MemcapShape().levels
        assert np.allclose(codes, np.round(codes), atol=1e-9)


def test_trained_time_constants_stay_in_their_range_and_others_where_they_were() -> None:
    task = MultiscaleXor(channels=2, bits=2).task(32, 8, 8, 0)
    taus = Taus(np.geomspace(8e-3, 70e-3, 6), (7e-3, 73e-3), 7e-3, trained=True)
    how = MemcapTraining(epochs=2, batch=8, rate_tau=5.0)
    model = MemcapNet(MemcapShape(neurons=6), 4, 2, 1e-3, taus, 0, how)
    train(model, task, 0)
    moved = model.trained().tau
    assert moved.min() >= 7e-3
    assert moved.max() <= 73e-3
    assert not np.allclose(moved, taus.start, rtol=0.05)
    fixed = Taus(taus.start, taus.range, taus.unit)
    model = MemcapNet(MemcapShape(neurons=6), 4, 2, 1e-3, fixed, 0, how)
    train(model, task, 0)
    assert np.array_equal(model.trained().tau, taus.start)


def test_equal_seeds_train_equal_networks() -> None:
    task = MultiscaleXor(channels=2, bits=2).task(32, 8, 8, 0)
    taus = Taus(np.full(6, 2e-2), (7e-3, 73e-3), 7e-3)
    found, how = [], MemcapTraining(epochs=2, batch=8, noise=0.1)
    for _ in range(2):
        model = MemcapNet(MemcapShape(neurons=6), 4, 2, 1e-3, taus, 4, how)
        train(model, task, 4)
        found.append(model.trained().w_in)
    assert np.array_equal(found[0], found[1])


@pytest.mark.slow
def test_ten_neurons_learn_the_task_as_the_example_says() -> None:
    settings = MemcapSettings.read(Path(__file__).resolve().parents[2] / "examples" / "memcap_xor.toml")
    how, membrane = settings.train, settings.network.membrane()
    task = MultiscaleXor().task(how.train, how.validation, how.test, settings.seed)
    taus = Taus(np.full(10, 30e-3), membrane.range, membrane.unit.tau_low, trained=True)
    model = MemcapNet(settings.network, task.channels, 2, task.dt, taus, 0, how)
    train(model, task, 0)
    found = accuracy(model.trained().ideal(), Events.from_dense(task.test.x), task.test, task.windows)
    assert found >= 0.95


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('task = "mnist"', r"task = 'mnist'; accepted: multiscale_xor, fsdd"),
        ('task = "fsdd"\n[network]\ncells = 3', r"unknown key network\.cells; accepted: neurons"),
        ('task = "fsdd"\n[network]\ntau_out = 1.0', r"network\.tau_out \(s\) = 1\.0; accepted: 7\.5 to 78 ms"),
        ('task = "fsdd"\n[study]\nhomogeneous = [5]', r"homogeneous \(ms\) = \[5\]; accepted: at least one, 7\.5"),
        ('task = "fsdd"\n[study]\nseeds = 1', r"study\.seeds = 1; accepted: 2 or more, for an interval"),
        ('task = "fsdd"\n[train]\nbatch = "a"', r"train\.batch = 'a'; accepted: an integer"),
    ],
)  # fmt: skip
def test_descriptions_out_of_place_are_refused_by_key(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "study.toml"
    if "[network]" in text:
        text = text.replace("[network]", '[network]\ntable = "assumed"')
    else:
        text += '\n[network]\ntable = "assumed"'
    path.write_text('family = "memcap"\n' + text, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        MemcapSettings.read(path)
