"""Chips on several processes of this machine."""

from __future__ import annotations

import multiprocessing
import pickle
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field

from pysim.interval import Metric, Outcome, Point
from spicetwin.boundary import InputError

#: Points that wait for each process, so that none idles; and how often a point may lose its process.
AHEAD, TRIES = 2, 2

_metric: list[Metric] = []


class Processes:
    """Runs chips on ``jobs`` processes, one thread each; a :class:`pysim.interval.Workers`.

    A process that dies costs the points that were under way; each is tried once more, alone, so that a point
    which kills its process is the only one lost.
    """

    def __init__(self, jobs: int) -> None:
        """Check the number; processes start with the first chip."""
        if jobs < 1:
            raise InputError(f"{jobs} processes; accepted: 1 or more")
        self.jobs = jobs

    def imap(self, metric: Metric, points: Iterable[Point]) -> Iterator[Outcome]:
        """Outcomes as they come."""
        packed = pickle.dumps(metric)
        waiting = _Waiting(iter(points))
        running: dict[Future[tuple[float, ...]], Point] = {}
        while True:
            pool = ProcessPoolExecutor(
                self.jobs,
                mp_context=multiprocessing.get_context("forkserver"),
                initializer=_begin,
                initargs=(packed,),
            )
            try:
                yield from self._drain(pool, waiting, running)
                return
            except BrokenProcessPool:
                yield from waiting.back(running.values())
                running.clear()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _drain(
        self, pool: ProcessPoolExecutor, waiting: _Waiting, running: dict[Future[tuple[float, ...]], Point]
    ) -> Iterator[Outcome]:
        """Outcomes until there is nothing left; a broken pool leaves in ``running`` what was under way."""
        while True:
            while len(running) < self._room(waiting, running) and (point := waiting.draw()) is not None:
                try:
                    running[pool.submit(_run, point)] = point
                except BrokenProcessPool:
                    waiting.again.append(point)
                    raise
            if not running:
                return
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                values = future.result()
                yield Outcome(running.pop(future), values)

    def _room(self, waiting: _Waiting, running: dict[Future[tuple[float, ...]], Point]) -> int:
        """How many points may be under way: one that was lost before runs alone, for it may be what kills."""
        suspect = waiting.again or any(point.index in waiting.lost for point in running.values())
        return 1 if suspect else AHEAD * self.jobs


@dataclass
class _Waiting:
    """Points to hand out: those that lost their process first."""

    source: Iterator[Point]
    again: deque[Point] = field(default_factory=deque)
    lost: dict[int, int] = field(default_factory=dict)

    def draw(self) -> Point | None:
        """Next point; ``None`` when there is none."""
        return self.again.popleft() if self.again else next(self.source, None)

    def back(self, points: Iterable[Point]) -> Iterator[Outcome]:
        """Take back what was under way; what has no try left has failed."""
        for point in points:
            self.lost[point.index] = self.lost.get(point.index, 0) + 1
            if self.lost[point.index] >= TRIES:
                yield Outcome(point, None, f"its process died {TRIES} times")
            else:
                self.again.append(point)


def _begin(packed: bytes) -> None:
    """Unpack the metric once per process; its kernels run on one thread."""
    import numba

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which keeps what is finished
    numba.set_num_threads(1)
    _metric[:] = [pickle.loads(packed)]


def _run(point: Point) -> tuple[float, ...]:
    """Numbers of a chip, in a process."""
    return _metric[0](point)
