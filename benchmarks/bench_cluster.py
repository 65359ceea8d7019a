"""Chips on a Dask scheduler of this machine: cost of a task, two workers against one, and what that means for many.

The ratio of two workers to one is taken in turns, so that other load hits both alike, on chips whose work is a fixed
amount of processor time; with other load on a machine of two cores it falls short of two by what that load takes. The
cost of a task is that of empty ones: what one scheduler can hand out at most.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.bench_mingru import row
from pysim.interval import Design, Point, interval
from pysim.mingru.streams import stream

EMPTY, CHIPS, ROUNDS = 1000, 40, 3
#: Processor time of a chip in the comparison (s), and of one of the spiking benchmark network.
WORK, W2 = 0.1, 0.15
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


def timed(metric: Busy, chips: int, workers: Any) -> float:
    """Seconds for the chips."""
    begin = time.perf_counter()
    interval(metric, Design(1, ("die",)), chips, workers=workers)
    return time.perf_counter() - begin


def run() -> Iterator[dict[str, Any]]:
    """Rows of the benchmark; none without Dask."""
    try:
        from distributed import LocalCluster
    except ImportError:
        return
    from spicetwin.cluster import Cluster

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
                timed(Busy(0.0), 20, workers)
            overhead = min(timed(Busy(0.0), EMPTY, pair[1]) / EMPTY for _ in range(ROUNDS))
            yield row("cost of a task: scheduler, network, journal apart", 1e3 * overhead, "ms")
            ratios = []
            for _ in range(ROUNDS):
                times = [timed(Busy(WORK), CHIPS, workers) for workers in pair]
                ratios.append(times[0] / times[1])
            best = max(ratios)
            yield row(
                f"two workers over one, chips of {WORK:g} s", best, "", f">= {TARGET:g}", best >= TARGET
            )
            yield row(
                f"workers that one scheduler feeds with chips of {W2:g} s",
                W2 / overhead,
                "",
                f"{WORKERS} asked",
            )
            yield row(f"chip that feeds {WORKERS} workers", WORKERS * overhead, "s")
    finally:
        for cluster in clusters:
            cluster.close()
