"""Commands that are named in the help at once and imported only when they are called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


@dataclass(frozen=True)
class Mounted:
    """Where a command lives: ``attribute`` of ``module`` is a ``typer.Typer`` or a plain function."""

    name: str
    module: str
    attribute: str
    summary: str

    def load(self) -> Any:
        """Import the module and build the command object."""
        target: typer.Typer | Callable[..., Any] = getattr(import_module(self.module), self.attribute)
        if not isinstance(target, typer.Typer):
            app = typer.Typer(add_completion=False, rich_markup_mode=None)
            app.command(name=self.name)(target)
            target = app
        command = get_command(target)
        command.name = self.name
        return command


class LazyCommand(TyperCommand):
    """Stand-in that shows its one-line summary; calling it imports the command and hands over."""

    def __init__(self, mounted: Mounted) -> None:
        """Stand in for ``mounted``."""
        super().__init__(name=mounted.name, help=mounted.summary, short_help=mounted.summary)
        self.mounted = mounted

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Context of the real command, so that its options and help apply."""
        return self.mounted.load().make_context(info_name, args, parent=parent, **extra)


def lazy_group(commands: tuple[Mounted, ...]) -> type[TyperGroup]:
    """Group class whose sub-commands are ``commands``, in that order."""
    stubs = {mounted.name: LazyCommand(mounted) for mounted in commands}

    class LazyGroup(TyperGroup):
        """Group over the mounted commands."""

        def list_commands(self, ctx: Any) -> list[str]:
            """Names in the order of declaration."""
            return list(stubs)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            """Stand-in by name, or ``None``."""
            return stubs.get(cmd_name)

    return LazyGroup
