"""Chips of an interval on a cluster."""

from __future__ import annotations

import pickle
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from pysim.interval import Metric, Outcome, Point
from spicetwin.boundary import InputError
from spicetwin.cluster.flow import flow

if TYPE_CHECKING:
    from distributed import Client, Future

# Compiled kernels share one pool of threads a process: two at once would bring it down.
_one_at_a_time = threading.Lock()


#: Seconds of the scheduler and the client for one task, with a margin (docs/system.md): with n workers a task must last
#: n times as long, or some of them wait; and the least that a task lasts.
PER_TASK, LEAST = 4e-3, 0.2
#: Most chips of a task.
MOST = 256


class _Tasks:
    """Points in tasks of about ``seconds``, as far as is known what a chip takes."""

    def __init__(self, points: Iterator[Point], seconds: float) -> None:
        """Nothing is known yet: tasks of one chip."""
        self._points = points
        self._seconds = seconds
        self._suspects: deque[Point] = deque()
        self._tried: tuple[Point, ...] = ()
        self._size = 1

    def __iter__(self) -> Iterator[tuple[Point, ...]]:
        """Return the tasks."""
        return self

    def __next__(self) -> tuple[Point, ...]:
        """Points of the next task."""
        if self._suspects:
            self._tried = (self._suspects.popleft(),)
            return self._tried
        task = tuple(islice(self._points, self._size))
        if not task:
            raise StopIteration
        return task

    def took(self, task: tuple[Point, ...], seconds: float) -> None:
        """Note what a task took."""
        if task == self._tried:
            self._tried = ()
        self._size = int(np.clip(self._seconds * len(task) / max(seconds, 1e-6), 1, MOST))

    def suspect(self, task: tuple[Point, ...]) -> bool:
        """Whether a task whose workers died has not yet run alone: its points then will, one by one.

        The scheduler blames every task that a dead worker held, so most of them are innocent.
        """
        if task == self._tried:
            self._tried = ()
            return False
        self._suspects.extend(task)
        return True

    def alone(self) -> bool:
        """Whether nothing else may run."""
        return bool(self._suspects or self._tried)


class ClusterChips:
    """Runs chips on the workers of a scheduler; a :class:`pysim.interval.Workers`."""

    def __init__(self, client: Client) -> None:
        """Keep the connection."""
        self._client = client

    def imap(self, metric: Metric, points: Iterable[Point]) -> Iterator[Outcome]:
        """Outcomes as they come. A point that alone brought down several workers in a row has failed.

        Raises
        ------
        ModelError
            What a chip cannot be drawn or run with.
        InputError
            When the scheduler is lost.
        """
        from distributed import KilledWorker
        from distributed.comm import CommClosedError

        # A task that others depend on: should its worker go, the scheduler makes it again elsewhere.
        run = uuid4().hex
        shared = self._client.submit(pickle.loads, pickle.dumps(metric), key=f"network-{run}")
        tasks = _Tasks(iter(points), task_seconds(sum(self._client.nthreads().values())))

        def submit(task: tuple[Point, ...]) -> Future[Any]:
            return self._client.submit(run_chips, shared, task, key=f"chips-{uuid4().hex}")

        try:
            for task, future in flow(self._client, tasks, submit, tasks.alone):
                try:
                    values, seconds = future.result()
                except KilledWorker as error:
                    if not tasks.suspect(task):
                        died = error.allowed_failures + 1
                        yield Outcome(task[0], None, f"its workers died ({died} of them)")
                    continue
                tasks.took(task, seconds)
                for point, found in zip(task, values, strict=True):
                    yield Outcome(point, found)
        except (CommClosedError, TimeoutError) as error:
            raise InputError(
                f"the scheduler was lost ({error}); finished chips are kept, run again"
            ) from error
        finally:
            shared.release()


def task_seconds(workers: int) -> float:
    """Length of a task (s) with which one scheduler keeps this number of workers busy."""
    return max(LEAST, PER_TASK * workers)


def run_chips(metric: Metric, points: tuple[Point, ...]) -> tuple[list[tuple[float, ...]], float]:
    """Numbers of chips and the seconds they took, on a worker; one thread, since every worker has its own."""
    import numba

    with _one_at_a_time:
        numba.set_num_threads(1)
        begin = time.perf_counter()
        return [metric(point) for point in points], time.perf_counter() - begin
