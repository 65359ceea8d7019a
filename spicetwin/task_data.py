"""Tasks by name, with their data from a folder, from the registry's data folder, or from a package."""

from __future__ import annotations

from pathlib import Path

from measurements.registry import DataError, locate
from pysim.tasks import Task, digits, mnist
from spicetwin.boundary import InputError

TASKS = ("digits", "mnist")


def named_task(name: str, seed: int = 0, folder: Path | None = None) -> Task:
    """The task ``name``; ``seed`` splits the digits, ``folder`` holds the idx files of MNIST.

    Without a folder MNIST is taken from where ``spicetwin data pull mnist`` puts it.

    Raises
    ------
    InputError
        For an unknown task, or data that are nowhere; the message says how to get them.
    TaskError
        When files are damaged, or the package of the digits is missing.
    """
    if name == "digits":
        return digits(seed)
    if name != "mnist":
        raise InputError(f"task {name!r}; accepted: {', '.join(TASKS)}")
    if folder is not None:
        return mnist(folder)
    try:
        return mnist(locate("mnist")[0].parent)
    except DataError as error:
        raise InputError(f"task mnist: {error}; or name a folder with its four idx files") from error
