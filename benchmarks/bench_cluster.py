"""Chips on a Dask scheduler of this machine: cost of a task, two workers against one, and what that means for many.

Chips that wait instead of computing show what the distribution itself costs, whatever else the machine does. Chips that
compute are given beside two bare processes of the same work, in turns: on a busy machine of two cores neither reaches
two. The processor time of an empty task says how many workers one scheduler can feed.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.bench_mingru import row
from pysim.interval import Design, Point, interval
from pysim.mingru.streams import stream
from spicetwin.cluster.chips import task_seconds

EMPTY, CHIPS, ROUNDS = 500, 40, 3
#: Time of a chip in the comparison (s): between one of the spiking benchmark network and half of it.
WORK = 0.1
TARGET, WORKERS = 1.8, 1000


@dataclass(frozen=True)
class Busy:
    """A chip that takes this processor time and nothing else."""

    seconds: float
    names: tuple[str, ...] = ("value",)
    bounds: tuple[float, float] = (-10.0, 10.0)
    resolution: float = 0.0

    def fingerprint(self) -> str:
        return str(self.seconds)

    def __call__(self, point: Point) -> tuple[float, ...]:
        end = time.process_time() + self.seconds
        while time.process_time() < end:
            pass
        return (float(stream(point.seeds, "die", "bench").standard_normal()),)


@dataclass(frozen=True)
class Waiting(Busy):
    """A chip that takes time and no processor."""

    def __call__(self, point: Point) -> tuple[float, ...]:
        time.sleep(self.seconds)
        return (0.0,)


def timed(metric: Busy, chips: int, workers: Any) -> float:
    """Seconds for the chips."""
    begin = time.perf_counter()
    interval(metric, Design(1, ("die",)), chips, workers=workers)
    return time.perf_counter() - begin


def bare(processes: int) -> float:
    """Seconds for the same work in plain processes, its share each."""
    context = multiprocessing.get_context("spawn")
    work = [context.Process(target=spend, args=(CHIPS * WORK / processes,)) for _ in range(processes)]
    begin = time.perf_counter()
    for process in work:
        process.start()
    for process in work:
        process.join()
    return time.perf_counter() - begin


def spend(seconds: float) -> None:
    """Take processor time."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def empty(number: int) -> int:
    """A task without work."""
    return number


def run() -> Iterator[dict[str, Any]]:
    """Rows of the benchmark; none without Dask."""
    try:
        from distributed import LocalCluster
    except ImportError:
        return
    from spicetwin.cluster import Cluster
    from spicetwin.cluster.flow import flow

    clusters = [
        LocalCluster(
            n_workers=n, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
        )
        for n in (1, 2)
    ]
    try:
        with Cluster(clusters[0].scheduler_address) as one, Cluster(clusters[1].scheduler_address) as two:
            pair = (one.chips(), two.chips())
            for workers in pair:
                timed(Busy(WORK), 4, workers)
            # A local cluster's scheduler runs in this process, so its processor time is that of client and scheduler.
            wall, own = time.perf_counter(), time.process_time()
            for _ in flow(two.client, iter(range(EMPTY)), lambda n: two.client.submit(empty, n, pure=False)):
                pass
            wall, own = (time.perf_counter() - wall) / EMPTY, (time.process_time() - own) / EMPTY
            yield row("an empty task, wall time", 1e3 * wall, "ms")
            yield row("an empty task, processor time of client and scheduler", 1e3 * own, "ms")
            waits = [timed(Waiting(WORK), CHIPS, workers) for workers in pair]
            ratio = waits[0] / waits[1]
            yield row(
                f"two workers over one, chips that wait {WORK:g} s",
                ratio,
                "",
                f">= {TARGET:g}",
                ratio >= TARGET,
            )
            busy, plain = [], []
            for _ in range(ROUNDS):
                times = [timed(Busy(WORK), CHIPS, workers) for workers in pair]
                busy.append(times[0] / times[1])
                plain.append(bare(1) / bare(2))
            yield row(f"two workers over one, chips that compute {WORK:g} s", float(np.median(busy)), "")
            yield row("two bare processes over one, the same work", float(np.median(plain)), "")
            length = task_seconds(WORKERS)
            fed = length / own
            yield row(f"workers fed with tasks of {length:g} s", fed, "", f">= {WORKERS}", fed >= WORKERS)
    finally:
        for cluster in clusters:
            cluster.close()
