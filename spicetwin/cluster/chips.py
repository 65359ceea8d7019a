"""Chips of an interval on a cluster."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pysim.interval import Metric, Outcome, Point
from spicetwin.boundary import InputError
from spicetwin.cluster.flow import flow

if TYPE_CHECKING:
    from distributed import Client, Future

# Compiled kernels share one pool of threads a process: two at once would bring it down.
_one_at_a_time = threading.Lock()


class ClusterChips:
    """Runs chips on the workers of a scheduler; a :class:`pysim.interval.Workers`."""

    def __init__(self, client: Client) -> None:
        """Keep the connection."""
        self._client = client

    def imap(self, metric: Metric, points: Iterable[Point]) -> Iterator[Outcome]:
        """Outcomes as they come. A point that brought down several workers in a row has failed.

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

        def submit(point: Point) -> Future[Any]:
            return self._client.submit(run_chip, shared, point, key=f"chip-{run}-{point.index}", retries=1)

        try:
            for point, future in flow(self._client, iter(points), submit):
                try:
                    yield Outcome(point, future.result())
                except KilledWorker as error:
                    yield Outcome(point, None, f"its workers died ({error.allowed_failures + 1} of them)")
        except (CommClosedError, TimeoutError) as error:
            raise InputError(
                f"the scheduler was lost ({error}); finished chips are kept, run again"
            ) from error
        finally:
            shared.release()


def run_chip(metric: Metric, point: Point) -> tuple[float, ...]:
    """Numbers of a chip, on a worker; one thread, since every worker has its own."""
    import numba

    with _one_at_a_time:
        numba.set_num_threads(1)
        return metric(point)
