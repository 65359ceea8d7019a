"""Progress of many points on stderr: done, failed, cached, time left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class PointProgress:
    """Display that :func:`circuits.characterise.characterise` tells after every point."""

    def __init__(self, display: Progress, task: TaskID) -> None:
        """Show counts in ``task`` of ``display``."""
        self._display = display
        self._task = task

    def update(self, done: int, failed: int, cached: int, total: int, eta: float | None) -> None:
        """Show the counts; ``eta`` in seconds, ``None`` while unknown."""
        left = "" if eta is None else f"{duration(eta)} left"
        self._display.update(
            self._task, completed=done, total=total, counts=f"{failed} failed, {cached} cached", left=left
        )


@contextmanager
def point_progress(title: str) -> Iterator[PointProgress]:
    """Bar on stderr while the block runs; a terminal sees it move, a log only its last state."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    shown = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[counts]}"),
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*shown, console=Console(stderr=True)) as display:
        task = display.add_task(title, total=None, counts="", left="")
        yield PointProgress(display, task)


def duration(seconds: float) -> str:
    """Seconds as ``42 s``, ``3 min 05 s`` or ``2 h 10 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
