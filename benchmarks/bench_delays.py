"""Speed of networks with delays: 700 inputs on 256 neurons, a delay of 0 to 60 steps per synapse, 1000 steps of 1 ms,
1 % input rate, 64 samples; every implementation in turn in one run.

Ratios are taken between runs that follow each other, so that other load hits all alike. Targets are for two free cores:
they are judged by the processor time of one thread, since with two a loaded machine counts their waiting for each other
as work; wall time is given beside it. Peers: PyTorch with a 61-tap convolution and a loop over time (the usual way to
get a delay per synapse) on a part of the batch, and Brian2 on one sample, each where it is installed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numba import get_num_threads, set_num_threads

from benchmarks.bench_mingru import row, timed
from pysim.delays import reference
from pysim.delays.events import Events
from pysim.delays.layer import DelayLayer
from pysim.delays.network import run_layer
from pysim.delays.soma import SpikingSoma

INPUTS, NEURONS, LONGEST, STEPS, RATE, BATCH, ROUNDS = 700, 256, 60, 1000, 0.01, 64, 3
DT, TAU_SYNAPSE, TAU_MEMBRANE = 1e-3, 10e-3, 20e-3
#: Samples per second wanted on two cores, and the share of spikes in the same step.
GRID, OWN_TAU, LOCATED, COINCIDENCE = 1400.0, 450.0, 700.0, 0.999
#: Mean and deviation of the weights: neurons then fire some 13 Hz.
WEIGHTS = (0.0137, 0.045)
#: Samples of the slow peers, and of the comparisons with exact forms.
FEW, EXACT = 4, 2


def layers(rng: np.random.Generator) -> dict[str, DelayLayer]:
    """The same synapses with one time constant, with one each, and with located crossings."""
    shape = (INPUTS, NEURONS)
    weights, delays = rng.normal(*WEIGHTS, shape), rng.integers(0, LONGEST + 1, shape)
    own = np.clip(TAU_SYNAPSE * np.exp(0.2 * rng.standard_normal(shape)), 5e-3, 20e-3)
    choices: dict[str, tuple[Any, bool]] = {
        "grid": (TAU_SYNAPSE, False),
        "own tau": (own, False),
        "located": (TAU_SYNAPSE, True),
    }
    return {
        name: DelayLayer(
            weights=weights,
            delays=delays,
            soma=SpikingSoma(tau_membrane=TAU_MEMBRANE, located=located),
            dt=DT,
            tau_synapse=tau,
        )
        for name, (tau, located) in choices.items()
    }


def coincidence(one: Any, other: Any) -> float:
    """Share of spikes that both have in the same step, of the larger number."""
    return float((one & other).sum() / max(one.sum(), other.sum()))


def fine_spikes(layer: DelayLayer, events: Events, fine: int = 1000) -> Any:
    """Spikes on a grid ``fine`` times as fine, in steps of the coarse one (a spike before step t belongs to t)."""
    start = np.zeros(events.samples * events.steps * fine + 1, np.int64)
    start[1 + fine * np.arange(events.samples * events.steps)] = np.diff(events.start)
    spread = Events(np.cumsum(start), events.channel, events.samples, events.steps * fine, events.channels)
    run = run_layer(
        DelayLayer(
            weights=layer.weights,
            delays=layer.delays.astype(np.int64) * fine,
            soma=SpikingSoma(tau_membrane=TAU_MEMBRANE),
            dt=layer.dt / fine,
            tau_synapse=layer.tau_synapse,
        ),
        spread,
    )
    assert run.spikes is not None
    sample, step = np.divmod(run.spikes.step, spread.steps)
    coarse = -(-step // fine)
    spikes = np.zeros((events.samples, events.steps, layer.neurons), np.bool_)
    inside = coarse < events.steps
    spikes[sample[inside], coarse[inside], run.spikes.channel[inside]] = True
    return spikes


def torch_convolution(layer: DelayLayer, events: Events) -> Callable[[], Any] | None:
    """Delays as taps of a dense convolution, then a loop over time; ``None`` without PyTorch."""
    try:
        import torch
    except ImportError:
        return None
    taps = np.zeros((NEURONS, INPUTS, LONGEST + 1), np.float32)
    i, j = np.indices(layer.delays.shape)
    taps[j, i, LONGEST - layer.delays] = layer.weights
    kernel = torch.from_numpy(taps)
    signal = torch.from_numpy(events.dense().astype(np.float32)).transpose(1, 2)
    keep, decay = np.exp(-DT / TAU_MEMBRANE), np.exp(-DT / TAU_SYNAPSE)
    gain = TAU_SYNAPSE / (TAU_SYNAPSE - TAU_MEMBRANE) * (decay - keep)

    def run() -> Any:
        torch.set_num_threads(1)
        with torch.inference_mode():
            drive = torch.nn.functional.conv1d(torch.nn.functional.pad(signal, (LONGEST, 0)), kernel)
            v, current = torch.zeros(2, len(signal), NEURONS).unbind()
            spikes = torch.zeros(len(signal), STEPS, NEURONS, dtype=torch.bool)
            for t in range(STEPS):
                v = keep * v + gain * current
                spikes[:, t] = v >= 1.0
                v = torch.where(spikes[:, t], 0.0, v)
                current = decay * current + drive[:, :, t]
            return spikes.numpy()

    return run


def brian_network(layer: DelayLayer, events: Events) -> Callable[[], Any] | None:
    """The first sample in Brian2 with exact integration; ``None`` where it is not installed."""
    try:
        import brian2 as b2
    except ImportError:
        return None
    step, channel = np.nonzero(events.dense()[0])

    def build() -> Any:
        b2.start_scope()
        b2.defaultclock.dt = DT * b2.second
        source = b2.SpikeGeneratorGroup(INPUTS, channel, step * DT * b2.second)
        equations = "dv/dt = (drive - v) / tau_m : 1\nddrive/dt = -drive / tau_s : 1"
        space = {"tau_m": TAU_MEMBRANE * b2.second, "tau_s": TAU_SYNAPSE * b2.second}
        neurons = b2.NeuronGroup(
            NEURONS, equations, threshold="v >= 1", reset="v = 0", method="exact", namespace=space
        )
        synapses = b2.Synapses(source, neurons, "w : 1", on_pre="drive_post += w")
        synapses.connect()
        synapses.w = layer.weights.ravel()
        synapses.delay = layer.delays.ravel() * DT * b2.second
        monitor = b2.SpikeMonitor(neurons)
        net = b2.Network(source, neurons, synapses, monitor)
        net.store()
        return net, monitor

    net, monitor = build()

    def run() -> Any:
        net.restore()
        net.run(STEPS * DT * b2.second)
        return int(monitor.num_spikes)

    return run


def run() -> Iterator[dict[str, Any]]:
    """Samples per second, coincidences with exact forms, ratios to peers."""
    rng = np.random.default_rng(0)
    known = layers(rng)
    events = Events.from_dense(rng.random((BATCH, STEPS, INPUTS)) < RATE)
    few, exact = events.select(range(FEW)), events.select(range(EXACT))
    yield from agreement(known, exact)
    contenders: dict[str, tuple[Callable[[], Any], int]] = {
        name: (lambda layer=layer: run_layer(layer, events), BATCH) for name, layer in known.items()
    }
    contenders["NumPy"] = (lambda: run_layer(known["grid"], few.select([0]), "numpy"), 1)
    for name, peer, samples in (
        ("PyTorch convolution", torch_convolution(known["grid"], few), FEW),
        ("Brian2", brian_network(known["grid"], few), 1),
    ):
        if peer is None:
            yield row(f"{name}: not installed, skipped", 0.0, "samples/s")
        else:
            contenders[name] = (peer, samples)
    yield from speeds(contenders)


def agreement(known: dict[str, DelayLayer], exact: Events) -> Iterator[dict[str, Any]]:
    """Coincidence with the dense form and with a grid of 1 us, and the rate of the neurons."""
    spikes = {name: _spikes(layer, exact) for name, layer in known.items()}
    rate = spikes["grid"].mean() / DT
    yield row("mean rate of the neurons", float(rate), "Hz")
    own = known["own tau"]
    assert isinstance(own.soma, SpikingSoma)
    for label, ours, truth in (
        (
            "own tau, 8 exponentials against one state a synapse",
            "own tau",
            reference.dense(own, own.soma, exact),
        ),
        ("located crossings against a grid of 1 us", "located", fine_spikes(known["located"], exact)),
    ):
        share = coincidence(spikes[ours], truth)
        yield row(f"same-step spikes, {label}", share, "", f">= {COINCIDENCE}", share >= COINCIDENCE)
    truth = fine_spikes(known["grid"], exact)
    yield row(
        "same-step spikes, threshold on the grid against a grid of 1 us",
        coincidence(spikes["grid"], truth),
        "",
    )
    yield row("error of the kernels of 8 exponentials", own.basis.error, "of the peak")


def speeds(contenders: dict[str, tuple[Callable[[], Any], int]]) -> Iterator[dict[str, Any]]:
    """Wall time on all threads, processor time on one, interleaved; targets on the latter."""
    for call, _ in contenders.values():
        call()
    threads = get_num_threads()
    wall: dict[str, list[float]] = {name: [] for name in contenders}
    used: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, (call, samples) in contenders.items():
            wall[name].append(timed(call)[0] / samples)
            set_num_threads(1)
            used[name].append(timed(call)[1] / samples)
            set_num_threads(threads)
    yield row(
        "load of the machine (processes waiting, per core)", os.getloadavg()[0] / (os.cpu_count() or 1), ""
    )
    wanted = {"grid": GRID, "own tau": OWN_TAU, "located": LOCATED}
    for name in contenders:
        target, free = wanted.get(name), 2.0 / float(np.median(used[name]))
        yield row(f"{name}, wall time", 1.0 / float(np.median(wall[name])), "samples/s")
        text, met = (f">= {target:g}", bool(free >= target)) if target else ("", None)
        yield row(f"{name}, two cores of processor time", free, "samples/s", text, met)
    for name in contenders:
        if name not in wanted:
            ratio = float(np.median(np.array(used[name]) / np.array(used["grid"])))
            yield row(f"grid / {name}, processor time", ratio, "")


def _spikes(layer: DelayLayer, events: Events) -> Any:
    found = run_layer(layer, events).spikes
    assert found is not None
    return found.dense()


if __name__ == "__main__":
    for line in run():
        print(line)
