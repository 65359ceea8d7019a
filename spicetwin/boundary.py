"""The one place where exceptions become a line on stderr and an exit code."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

import typer

#: Exit codes: done; a check or some points failed (results kept); usage or bad input; stopped by Ctrl-C.
DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

#: Packages whose own exception types carry messages written for the user.
OUR_PACKAGES = frozenset({"circuits", "netlists", "measurements", "calibration", "pysim", "spicetwin"})

# typer hides where click's exceptions live (its own copy, or the package): take them from the class tree.
UsageError: type[Exception] = typer.BadParameter.__mro__[1]
ClickError: type[Exception] = typer.BadParameter.__mro__[2]


class InputError(ValueError):
    """A command-line value cannot be used; the message says which, why, and what is accepted."""


@dataclass(frozen=True)
class Ending:
    """What an exception means to the user: exit code and one line, empty for silence."""

    code: int
    line: str


def one_line(text: str) -> str:
    """``text`` with line breaks and runs of blanks folded into single spaces, without control characters."""
    folded = " ".join(text.split())
    return "".join(character for character in folded if character.isprintable())


def ending(error: BaseException) -> Ending:
    """Exit code and message of any exception that reaches the top.

    The project's own exceptions and operating-system errors speak for themselves. Anything else is a defect
    of the program: the line says so and how to report it.
    """
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        return Ending(INTERRUPTED, "interrupted; finished points are kept")
    if isinstance(error, BrokenPipeError):
        return Ending(DONE, "")
    if isinstance(error, ClickError):
        return Ending(USAGE, _usage(error))
    if isinstance(error, OSError):
        code = USAGE if isinstance(error, (FileNotFoundError, IsADirectoryError, PermissionError)) else FAILED
        return Ending(code, one_line(_operating_system(error)))
    if type(error).__module__.partition(".")[0] in OUR_PACKAGES:
        return Ending(_own_code(error), one_line(str(error)) or type(error).__name__)
    where = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" at {where[0].name}:{where[0].lineno}" if where else ""
    message = f"unexpected {type(error).__name__}{place}: {error}"
    return Ending(FAILED, one_line(f"{message} (a defect: please report it with the output of --debug)"))


def _usage(error: Exception) -> str:
    """Message of a usage error with the command whose help explains it."""
    message = one_line(getattr(error, "format_message", error.__str__)()).rstrip(".")
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "spicetwin"
    return f"{message} (see '{path} --help')"


def _operating_system(error: OSError) -> str:
    """``file: reason`` where the error knows its file."""
    if error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__


def _own_code(error: BaseException) -> int:
    """Simulations that failed are results (1); everything else of ours is refused input (2)."""
    return FAILED if any(base.__name__ == "SimulationError" for base in type(error).__mro__) else USAGE
