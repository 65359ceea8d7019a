"""Tasks in flight on a cluster: a few for every worker, more as they finish, none left behind."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from distributed import Client, Future

Task = TypeVar("Task")

#: Tasks under way for each thread of the workers: enough that none waits for the network.
AHEAD = 3


def flow(
    client: Client,
    tasks: Iterator[Task],
    submit: Callable[[Task], Future[Any]],
    alone: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[Task, Future[Any]]]:
    """Tasks with their finished futures as they come, drawing tasks as there is room; the rest is cancelled.

    A worker that leaves costs nothing but time: the scheduler gives its tasks to others. While ``alone`` says so, one
    task runs at a time.
    """
    from distributed import as_completed

    running: dict[Any, Task] = {}
    pending = as_completed(loop=client.loop)

    def fill() -> None:
        room = AHEAD * max(sum(client.nthreads().values()), 1)
        while len(running) < (1 if alone() else room):
            task = next(tasks, None)
            if task is None:
                return
            future = submit(task)
            running[future.key] = task
            pending.add(future)

    fill()
    try:
        while running:
            future = next(pending)
            yield running.pop(future.key), future
            future.release()
            fill()
    finally:
        with contextlib.suppress(Exception):  # the scheduler may be gone; nothing is lost with its tasks
            client.cancel(list(pending.futures), force=True)
