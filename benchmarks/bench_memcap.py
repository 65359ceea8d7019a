"""Speed of the recurrent network of the memcapacitive stack: 128 neurons, each with a time constant of its own, 40
inputs, 10 outputs, 1,000 steps of 1 ms, 64 samples, 5 % input rate; every implementation in turn in one run.

The peer is the same network in snnTorch (RLeaky with all-to-all recurrence, a beta per neuron, reset to zero within the
step, no gradients, float32), where it is installed. Neither has a floor of the membrane, which snnTorch lacks. All run
on one thread; the ratio is taken between runs that follow each other and judged by processor time. Ours begins with
the same dense spikes: building the list of events is counted.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numba import get_num_threads, set_num_threads

from benchmarks.bench_mingru import row, timed
from pysim.delays.events import Events
from pysim.memcap.network import MemcapNetwork

INPUTS, NEURONS, OUTPUTS, STEPS, BATCH, RATE, ROUNDS = 40, 128, 10, 1000, 64, 0.05, 5
#: Samples of the slow definition.
FEW = 8
DT = 1e-3
#: Wanted of the ratio to the peer.
TARGET = 10.0
WINDOWS = np.array([[0, STEPS]])


def network(rng: np.random.Generator) -> MemcapNetwork:
    """Time constants of 7 to 73 ms, weights that let neurons fire some 30 Hz."""
    return MemcapNetwork(
        w_in=rng.normal(0.01, 0.13, (INPUTS, NEURONS)),
        w_rec=rng.normal(0.0, 0.1, (NEURONS, NEURONS)),
        w_out=rng.normal(0.0, 0.3, (NEURONS, OUTPUTS)),
        tau=np.geomspace(7e-3, 73e-3, NEURONS),
        tau_out=10e-3,
        dt=DT,
        floor=-np.inf,
    )


def snntorch_network(net: MemcapNetwork, spikes: Any) -> Callable[[], Any] | None:
    """The same network in snnTorch, its spike counts and mean outputs; ``None`` where it is not installed."""
    try:
        import snntorch
        import torch
    except ImportError:
        return None
    (w_in, w_rec, w_out), (keep, keep_out) = net.steps(), net.keeps()

    def tensor(values: Any) -> Any:
        return torch.tensor(np.asarray(values), dtype=torch.float32)

    inwards = torch.nn.Linear(INPUTS, NEURONS, bias=False)
    layer = snntorch.RLeaky(
        tensor(keep),
        linear_features=NEURONS,
        threshold=net.threshold,
        reset_mechanism="zero",
        reset_delay=False,
        surrogate_disable=True,
    )
    outwards = torch.nn.Linear(NEURONS, OUTPUTS, bias=False)
    reading = snntorch.Leaky(tensor(keep_out), reset_mechanism="none", surrogate_disable=True)
    with torch.no_grad():
        inwards.weight.copy_(tensor(w_in.T))
        layer.recurrent.weight.copy_(tensor(w_rec.T))
        layer.recurrent.bias.zero_()
        outwards.weight.copy_(tensor(w_out.T))
    x = torch.from_numpy(spikes.transpose(1, 0, 2).astype(np.float32))

    def run() -> Any:
        torch.set_num_threads(1)
        with torch.inference_mode():
            spike, membrane = torch.zeros(2, BATCH, NEURONS).unbind()
            output = torch.zeros(BATCH, OUTPUTS)
            count, total = torch.zeros(BATCH, NEURONS), torch.zeros(BATCH, OUTPUTS)
            drive = inwards(x)
            for t in range(STEPS):
                spike, membrane = layer(drive[t], spike, membrane)
                _, output = reading(outwards(spike), output)
                count += spike
                total += output
            return count.numpy(), (total / STEPS).numpy()

    return run


def run() -> Iterator[dict[str, Any]]:
    """Samples per second, ratios, agreement of the implementations."""
    rng = np.random.default_rng(0)
    net = network(rng)
    spikes = rng.random((BATCH, STEPS, INPUTS)) < RATE
    contenders: dict[str, tuple[Callable[[], Any], int]] = {
        "compiled": (lambda: net.run(Events.from_dense(spikes), WINDOWS), BATCH),
        "NumPy definition": (lambda: net.run(Events.from_dense(spikes[:FEW]), WINDOWS, "numpy"), FEW),
    }
    peer = snntorch_network(net, spikes)
    if peer is None:
        yield row("snnTorch: not installed, skipped (pip install 'spicetwin[peers]')", 0.0, "samples/s")
    else:
        contenders["snnTorch"] = (peer, BATCH)
    threads = get_num_threads()
    set_num_threads(1)
    try:
        found = {name: call() for name, (call, _) in contenders.items()}
        used: dict[str, list[float]] = {name: [] for name in contenders}
        wall: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(ROUNDS):
            for name, (call, samples) in contenders.items():
                seconds, processor = timed(call)
                wall[name].append(seconds / samples)
                used[name].append(processor / samples)
    finally:
        set_num_threads(threads)
    ours = found["compiled"]
    yield row(
        "load of the machine (processes waiting, per core)", os.getloadavg()[0] / (os.cpu_count() or 1), ""
    )
    yield row("mean rate of the neurons", float(ours.count.mean()) / (STEPS * DT), "Hz")
    exact = found["NumPy definition"]
    same = bool(
        np.array_equal(ours.count[:FEW], exact.count) and np.array_equal(ours.score[:FEW], exact.score)
    )
    yield row("compiled equals the definition bit for bit", float(same), "", "1", same)
    for name in contenders:
        yield row(f"{name}, processor time", 1.0 / float(np.median(used[name])), "samples/s")
        yield row(f"{name}, wall time", 1.0 / float(np.median(wall[name])), "samples/s")
    ratio = float(np.median(np.array(used["NumPy definition"]) / np.array(used["compiled"])))
    yield row("compiled / NumPy definition, processor time", ratio, "")
    if peer is not None:
        count, _ = found["snnTorch"]
        yield row(
            "spikes of snnTorch over ours (float32 against float64)",
            float(count.sum() / ours.count.sum()),
            "",
        )
        equal = float(np.mean(count == ours.count))
        yield row("neurons of a sample with as many spikes in snnTorch", equal, "")
        ratio = float(np.median(np.array(used["snnTorch"]) / np.array(used["compiled"])))
        yield row("compiled / snnTorch, processor time", ratio, "", f">= {TARGET:g}", ratio >= TARGET)


if __name__ == "__main__":
    for line in run():
        print(line)
