"""One training from its description: task, network, checkpoint after every epoch, figures at the end."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numba
import torch

from pysim.tasks import Task
from spicetwin.task_data import named_task
from spicetwin.train.fit import Trainer, accuracy
from spicetwin.train.mingru import MinGruStack
from spicetwin.train.settings import Settings
from spicetwin.train.table import named_table, spread_of


def load_task(settings: Settings) -> Task:
    """The task of ``settings``, MNIST from their folder or from the registry's.

    Raises
    ------
    InputError
        When MNIST is in neither place.
    TaskError
        When its files are absent or damaged.
    """
    return named_task(settings.task, settings.seed, settings.data)


def use_threads(threads: int) -> None:
    """Threads of the matrix products and of the scans; results do not depend on it beyond rounding."""
    torch.set_num_threads(threads)
    numba.set_num_threads(min(threads, os.cpu_count() or 1))


def prepare(settings: Settings, task: Task, begin: Path | None = None) -> Trainer:
    """Trainer of a fresh network, or of one that begins with the weights of the checkpoint ``begin``.

    Raises
    ------
    InputError
        When ``begin`` is no checkpoint of this network.
    """
    net = MinGruStack(settings.network, task.classes, settings.seed)
    if begin is not None:
        net.begin_from(begin)
    return Trainer(net, task, settings)


def summary(trainer: Trainer) -> dict[str, Any]:
    """Figures of a finished training, the test set included, in float32."""
    task, net, exact = trainer.task, trainer.net, torch.float32
    return {
        "task": task.name,
        "settings": {
            "seed": trainer.seed,
            "network": asdict(net.shape),
            "train": asdict(trainer.schedule),
            "constraints": asdict(trainer.constraints),
            "nonideal": asdict(trainer.nonideal.drawn) if trainer.nonideal else None,
        },
        "epochs": len(trainer.curve),
        "validation_accuracy": trainer.curve[-1].validation,
        "test_accuracy": accuracy(net, task.test_x, task.test_y, trainer.constraints, exact, trainer.typical),
        "test_samples": len(task.test_y),
        "seconds": round(sum(e.seconds for e in trainer.curve), 1),
    }


def with_data(settings: Settings, data: Path | None, epochs: int | None, seed: int | None) -> Settings:
    """``settings`` with the values of the command line."""
    schedule = settings.schedule if epochs is None else replace(settings.schedule, epochs=epochs)
    return replace(
        settings,
        data=settings.data if data is None else data,
        schedule=schedule,
        seed=settings.seed if seed is None else seed,
    )


def with_table(settings: Settings, name: str) -> Settings:
    """``settings`` with the spread of a calibration table, for columns of the first layer's rows."""
    return replace(settings, spread=spread_of(named_table(name), settings.network.rows))
