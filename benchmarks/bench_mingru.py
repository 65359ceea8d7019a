"""Speed of the minGRU twin: four layers of 64 units, 784 steps, every implementation in turn in one run.

Ratios are taken between runs that follow each other, so that other load on the machine hits all alike; samples per
second are medians and hold for the machine as it was. Targets are for two free cores: they are judged by processor
time, which other load stretches less than wall time. The peer is a PyTorch scan over time (all layers in the step,
float32, the ideal network, one thread), where PyTorch is installed. The arithmetic limit is the rate of a loop that
counts the bits and does nothing else.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numba import get_num_threads, njit, prange, set_num_threads

from pysim.kernels.mingru_ideal import popcount
from pysim.mingru import CoreEffects, MinGruChip, MinGruLayer, MinGruNetwork
from pysim.mingru.effects import dac_weight, swap_share

UNITS, LAYERS, STEPS, BATCH, ROUNDS = 64, 4, 784, 256, 3
#: Samples per second wanted on two cores.
IDEAL, CHIP, NUMPY = 7000.0, 2500.0, 1300.0


def network(rng: np.random.Generator) -> MinGruNetwork:
    """Random codes; gates and outputs busy."""
    return MinGruNetwork(
        tuple(
            MinGruLayer(
                weight_h=rng.integers(0, 4, (UNITS, UNITS)).astype(np.uint8),
                weight_z=rng.integers(0, 4, (UNITS, UNITS)).astype(np.uint8),
                bias_h=rng.integers(-32, 32, UNITS),
                bias_z=rng.integers(-32, 32, UNITS),
                threshold=rng.integers(-8, 8, UNITS) + 0.5,
                slope=4.1,
                offset=-0.1,
                analog=k == 0,
            )
            for k in range(LAYERS)
        )
    )


def chip(net: MinGruNetwork, rng: np.random.Generator) -> MinGruChip:
    """Every deterministic effect switched on."""
    cores = []
    for n in net.layers:
        c = 0.01 * rng.standard_normal((2, n.rows, n.columns))

        def near(mean: float, sigma: float, columns: int = n.columns) -> Any:
            return mean + sigma * rng.standard_normal(columns)

        cores.append(
            CoreEffects(
                rows=n.rows,
                columns=n.columns,
                bits=n.bits,
                gain_h=near(0.97, 0.002),
                gain_z=near(0.97, 0.002),
                bias_gain_h=near(0.97, 0.002),
                bias_gain_z=near(0.97, 0.002),
                offset_h=near(0.0, 0.003),
                offset_z=near(0.0, 0.003),
                capacitor_h=c[0],
                capacitor_z=c[1],
                memory_h=np.abs(near(0.02, 0.002)),
                memory_z=np.abs(near(0.02, 0.002)),
                gate_slope=near(1.0, 0.002),
                gate_offset=near(0.0, 0.3),
                gate_weight=dac_weight(0.005 * rng.standard_normal((n.columns, n.bits + 1))),
                swap_gain=near(0.97, 0.002),
                swap_share=swap_share(c[0], n.bits),
                injection_base=near(0.0, 1e-4),
                injection_swap=near(2e-3, 5e-4),
                injection_state=near(-2e-3, 5e-4),
                leak_level=near(-0.5, 0.01),
                retention=1.0 - np.abs(near(1e-5, 1e-6)),
                comparator_offset=near(0.0, 0.01),
            )
        )
    return MinGruChip(tuple(cores))


def torch_scan(net: MinGruNetwork, x: Any) -> Callable[[], Any] | None:
    """The ideal network as a PyTorch loop over time, all layers in the step; ``None`` without PyTorch."""
    try:
        import torch
    except ImportError:
        return None
    weights, biases, thetas = [], [], []
    for n in net.layers:
        share = 1.0 / (3 * n.rows)
        w = np.concatenate([n.levels_h * share, n.levels_z * (share * n.gate_gain)], axis=1)
        b = np.concatenate([n.b_h, n.gate_gain * n.b_z + n.gate_zero])
        weights.append(torch.tensor(w.sum(axis=0, keepdims=True) if n.analog else w, dtype=torch.float32))
        biases.append(torch.tensor(b, dtype=torch.float32))
        thetas.append(torch.tensor(n.theta, dtype=torch.float32))
    signal = torch.tensor(x, dtype=torch.float32)

    def run() -> Any:
        # Products this small only wait for each other on more threads; the compiled twin, which shares the OpenMP
        # runtime, sets their number again whenever it runs.
        torch.set_num_threads(1)
        with torch.inference_mode():
            states = [torch.zeros(len(x), n.columns) for n in net.layers]
            ones = torch.zeros(len(x), net.layers[-1].columns)
            for t in range(x.shape[1]):
                y = signal[:, t : t + 1]
                for k, n in enumerate(net.layers):
                    a = torch.addmm(biases[k], y, weights[k])
                    z = a[:, n.columns :].floor_().clamp_(0, n.top).mul_(2.0**-n.bits)
                    states[k].addcmul_(z, a[:, : n.columns] - states[k])
                    y = (states[k] > thetas[k]).to(torch.float32)
                ones += y
            return ones.numpy()

    return run


@njit(parallel=True)
def count_bits(words: Any, planes: Any) -> Any:  # pragma: no cover
    """The bit counts of a layer and nothing else."""
    total = np.zeros(words.shape[0], np.int64)
    for n in prange(words.shape[0]):
        plane, held = planes.copy(), np.zeros((4, 64), np.int64)
        for t in range(words.shape[1]):
            for p in range(4):
                for j in range(64):
                    held[p, j] += np.int64(popcount(words[n, t] & plane[p, j]))
        total[n] = held.sum()
    return total


def one_thread(run: Callable[[], Any]) -> None:
    """Run on one thread: where other load takes the second core, two would count the wait for each other as work."""
    threads = get_num_threads()
    set_num_threads(1)
    try:
        run()
    finally:
        set_num_threads(threads)


def timed(run: Callable[[], Any]) -> tuple[float, float]:
    """Wall time and processor time of one call (s)."""
    start, used = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - start, time.process_time() - used


def run() -> Iterator[dict[str, Any]]:
    """Samples per second, ratios, and the limit."""
    rng = np.random.default_rng(0)
    net = network(rng)
    drawn, x = chip(net, rng), rng.random((BATCH, STEPS))
    words = rng.integers(0, 2**63, (BATCH, STEPS), dtype=np.uint64)
    planes = rng.integers(0, 2**63, (4, 64), dtype=np.uint64)
    few = x[:64, :112]
    # The slow ones run a part of the work; their time is scaled to the whole.
    part = few.size / x.size
    contenders: dict[str, tuple[Callable[[], Any], float]] = {
        "ideal": (lambda: net.run(x), 1.0),
        "chip": (lambda: net.run(x, drawn), 1.0),
        "ideal, one thread": (lambda: one_thread(lambda: net.run(x)), 1.0),
        "chip, one thread": (lambda: one_thread(lambda: net.run(x, drawn)), 1.0),
        "limit": (lambda: [count_bits(words, planes) for _ in range(LAYERS - 1)], 1.0),
        "numpy": (lambda: net.run(x[:, :112], backend="numpy"), 112 / STEPS),
        "numpy chip": (lambda: net.run(few, drawn, backend="numpy"), part),
    }
    peer = torch_scan(net, x[:, :112])
    if peer is not None:
        contenders["torch"] = (peer, 112 / STEPS)
        difference = float(np.abs(peer() - net.run(x[:, :112]).ones[-1]).mean() / 112)
        yield row(
            "outputs that differ between twin and PyTorch (float32)",
            difference,
            "",
            "<= 0.001",
            difference <= 1e-3,
        )
    for call, _ in contenders.values():
        call()
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, (call, scale) in contenders.items():
            wall, used = timed(call)
            times[name].append((wall / scale, used / scale))
    measured = {name: np.median(t, axis=0) for name, t in times.items()}
    yield row(
        "load of the machine (processes waiting, per core)", os.getloadavg()[0] / (os.cpu_count() or 1), ""
    )
    wanted = {"ideal, one thread": IDEAL, "chip, one thread": CHIP, "numpy": NUMPY}
    for name, (wall, used) in measured.items():
        target, free = wanted.get(name), 2 * BATCH / used
        text = f">= {target:g}" if target else ""
        label = "bit counts alone (limit of the ideal twin)" if name == "limit" else name
        yield row(f"{label}, wall time", BATCH / wall, "samples/s")
        met = bool(free >= target) if target else None
        yield row(f"{label}, two cores of processor time", free, "samples/s", text, met)
    for name, base in (
        ("ideal", "numpy"),
        ("chip", "numpy chip"),
        ("ideal", "torch"),
        ("chip", "torch"),
        ("ideal", "limit"),
    ):
        if base in measured:
            ratio = np.median(np.array(times[base]) / np.array(times[name]), axis=0)
            against = "bit counts alone" if base == "limit" else base
            yield row(f"{name} / {against}, wall time", float(ratio[0]), "")
            yield row(f"{name} / {against}, processor time", float(ratio[1]), "")


def row(quantity: str, value: float, unit: str, target: str = "", met: bool | None = None) -> dict[str, Any]:
    """A line of the report."""
    return {"quantity": quantity, "value": value, "unit": unit, "target": target, "met": met}


if __name__ == "__main__":
    for line in run():
        print(line)
