"""Interval over 100 drawn chips of the spiking benchmark network: 700 inputs, 256 neurons with a delay of 0 to 60 steps
per synapse, 20 outputs, 1000 steps of 1 ms, 1 % input rate, 64 samples; one time constant, then one per synapse.

Wall time is what a user waits on two cores; on a machine that others use it says little, so the processor time of all
processes is given too, and the target is judged by that over two cores. Memory is the largest resident size of one
process over few and over many chips.
"""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.bench_mingru import row
from pysim.delays.draw import assumed_table
from pysim.delays.events import Events
from pysim.delays.soma import SpikingSoma
from pysim.interval import Design, Interval, interval
from pysim.system import DelayedSpikes, Signal, SystemNetwork, counting
from pysim.system.classify import Classification
from spicetwin.system.processes import Processes

INPUTS, HIDDEN, OUTPUTS, STEPS, RATE, BATCH = 700, 256, 20, 1000, 0.01, 64
DT, MEAN_DELAY, LONGEST = 1e-3, 30e-3, 60e-3
CHIPS, FEW, CORES = 100, 4, 2
#: Seconds wanted for all chips on two cores.
TARGETS = {"one time constant": (0.0, 10.0), "one per synapse": (0.2, 40.0)}


def metric(tau_spread: float) -> Classification:
    """The network on random spikes; its classes mean nothing, its cost does."""
    rng = np.random.default_rng(1)
    soma = SpikingSoma(tau_membrane=20e-3)
    hidden = DelayedSpikes(
        rng.normal(0.0137, 0.045, (INPUTS, HIDDEN)), MEAN_DELAY, LONGEST, soma, tau_spread=tau_spread, dt=DT
    )
    outputs = DelayedSpikes(
        rng.normal(0.02, 0.08, (HIDDEN, OUTPUTS)), MEAN_DELAY, LONGEST, soma, tau_spread=tau_spread, dt=DT
    )
    # Sample by sample: all numbers at once would be the largest thing in memory and hide what chips take.
    spikes = np.stack([rng.random((STEPS, INPUTS)) < RATE for _ in range(BATCH)])
    events = Events.from_dense(spikes)
    labels = rng.integers(0, OUTPUTS, BATCH)
    network = SystemNetwork((hidden, outputs), counting(OUTPUTS))
    return Classification(network, assumed_table(), Signal(events=events, dt=DT), labels)


def used() -> float:
    """Processor time of this process and of its ended children (s)."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(r.ru_utime + r.ru_stime for r in (resource.getrusage(kind) for kind in kinds))


def largest_memory(tau_spread: float, chips: int, pipe: Any) -> None:
    """In a process of its own: largest resident size after ``chips`` chips (MB)."""
    interval(metric(tau_spread), Design(1), chips)
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0)


def memory(tau_spread: float, chips: int) -> float:
    """Largest resident size of a fresh process that ran ``chips`` chips (MB)."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=largest_memory, args=(tau_spread, chips, theirs))
    process.start()
    found = float(ours.recv())
    process.join()
    return found


def run() -> Iterator[dict[str, Any]]:
    """Rows of the benchmark."""
    for name, (spread, target) in TARGETS.items():
        asked = metric(spread)
        interval(asked, Design(0), 1)  # compiles
        before = used()
        alone = interval(asked, Design(1), CHIPS // 10)
        own = (used() - before) * 10
        begin = time.perf_counter()
        found: Interval = interval(asked, Design(1), CHIPS, workers=Processes(CORES))
        wall = time.perf_counter() - begin
        assert np.array_equal(found.values[: len(alone.values)], alone.values)
        asked_for = f"<= {target:g}"
        yield row(f"{name}: {CHIPS} chips on {CORES} processes", wall, "s", asked_for, wall <= target)
        half = own / CORES
        yield row(f"{name}: the same by processor time", half, "s", asked_for, half <= target)
        few, many = memory(spread, FEW), memory(spread, 5 * FEW)
        growth = many / few
        yield row(f"{name}: memory, {5 * FEW} chips over {FEW}", growth, "", "<= 1.05", growth <= 1.05)
        yield row(f"{name}: memory of a process", many, "MB")
