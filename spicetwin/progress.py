"""Progress of a plan on stderr: points done, failed, cached, and the time that remains."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self, TypeVar

Item = TypeVar("Item")


class PlanProgress:
    """A :class:`circuits.characterise.Progress` drawn with rich; silent where stderr is no terminal."""

    def __init__(self, title: str) -> None:
        """Prepare a bar with ``title``; it shows inside the ``with`` block."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[notes]}"),
            console=console,
            disable=not console.is_terminal,
            auto_refresh=False,
        )
        self._task = self._bar.add_task(title, total=None, notes="")
        self._shown = 0.0

    def __enter__(self) -> Self:
        """Start drawing."""
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last state on the screen."""
        self._bar.stop()

    def update(self, done: int, failed: int, cached: int, total: int, eta: float | None) -> None:
        """Show the counts, at most ten times a second."""
        now = time.monotonic()
        if now - self._shown < 0.1 and done < total:
            return
        self._shown = now
        notes = f"{failed} failed, {cached} cached{remaining(eta)}"
        self._bar.update(self._task, completed=done, total=total, notes=notes, refresh=True)


def remaining(eta: float | None) -> str:
    """``, 1:05 left``; empty when the time is unknown."""
    if eta is None:
        return ""
    minutes, seconds = divmod(round(eta), 60)
    hours, minutes = divmod(minutes, 60)
    return f", {hours}:{minutes:02}:{seconds:02} left" if hours else f", {minutes}:{seconds:02} left"


def counted(items: Iterable[Item], total: int, title: str) -> Iterator[Item]:
    """``items`` with a bar on stderr that counts them; silent where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return iter(
        track(items, title, total=total, console=console, disable=not console.is_terminal, transient=True)
    )
