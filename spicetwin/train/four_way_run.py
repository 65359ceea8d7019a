"""A four-way study from its description to its files."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numba
import torch

from calibration.table import load, resolve
from pysim.mingru import MinGruNetwork
from pysim.recurrent.chip import RecurrentChip, TableDraw, draw_published
from pysim.tasks import digits
from pysim.tasks.ecg import ecg
from pysim.tasks.fsdd import fsdd
from pysim.tasks.multiscale_xor import MultiscaleXor
from spicetwin.boundary import InputError
from spicetwin.mingru_chips import network_folder
from spicetwin.train.delays_chips import cell_table
from spicetwin.train.delays_family import DelayFamily
from spicetwin.train.dpi_family import DpiFamily
from spicetwin.train.four_way import Say, Split, Study
from spicetwin.train.four_way_figure import draw_four_way
from spicetwin.train.four_way_results import write_results
from spicetwin.train.four_way_settings import FourWay
from spicetwin.train.learning import Family
from spicetwin.train.memcap_family import MemcapFamily
from spicetwin.train.mingru_family import MinGruFamily
from spicetwin.train.table import named_table

PUBLISHED = "published"


def run_four_way(settings: FourWay, output: Path, threads: int, say: Say) -> dict[str, Any]:
    """Run a study, or what is left of it; writes values, table and picture into ``output``.

    Raises
    ------
    InputError
        Without the task's data, for a training that diverges, or for a folder of another study.
    """
    numba.set_num_threads(min(threads, os.cpu_count() or 1))
    torch.set_num_threads(threads)
    study = Study(settings, _SPLITS[settings.family](settings), output, say)
    found = study.run()
    result = write_results(study, found)
    draw_four_way(study, found, output / "four_way.svg")
    return result


def _place(settings: FourWay, what: str) -> Path:
    if settings.data is None:
        raise InputError(f"task {settings.task} needs its {what}: key 'data', or --data")
    return settings.data


def _dpi_splits(settings: FourWay) -> tuple[Split, ...]:
    """Heart beats, each of the test records unseen in turn."""
    path = _place(settings, "NPZ file of beats")

    def family(record: int, seed: int) -> Family[Any]:
        del seed  # the split is the same for all seeds
        task = ecg(path, record)
        draw, origin = _recurrent_chips(settings, task.channels, task.classes)
        return DpiFamily(
            task,
            settings.network,
            draw,
            origin=origin,
            balance=settings.balance,
            whole=not settings.validation,
        )

    return tuple(Split(f"record{record}", partial(family, record)) for record in settings.test_records)


def _recurrent_chips(
    settings: FourWay, inputs: int, outputs: int
) -> tuple[Callable[[int], RecurrentChip], str]:
    """Chips of the published spread or of a table, and the digest of the table."""
    design = settings.network.design(inputs, outputs)
    if settings.table == PUBLISHED:
        return partial(draw_published, design), PUBLISHED
    name = settings.table
    table = load(Path(name) if name.endswith(".json") else resolve(name))
    return TableDraw(table, design).chip, table.digest


def _denram_splits(settings: FourWay) -> tuple[Split, ...]:
    """Spoken digits, the official split; the planned delays are another draw for every seed."""
    task, table = fsdd(_place(settings, "folder of recordings")), cell_table(settings.table)

    def family(seed: int) -> Family[Any]:
        return DelayFamily(
            task,
            settings.network,
            table,
            planned=seed,
            balance=settings.balance,
            whole=not settings.validation,
        )

    return (Split("test", family),)


def _mingru_splits(settings: FourWay) -> tuple[Split, ...]:
    """Digits; a seed has its own split and its own network at the start."""
    table = named_table(settings.table)

    def family(seed: int) -> Family[Any]:
        name = settings.network.begin.replace("{seed}", str(seed))
        path = Path(name) if name.endswith(".npz") else network_folder() / f"{name}.npz"
        if not path.exists():
            raise InputError(
                f"network.begin: there is no {path}; accepted: a network of the package, an NPZ file"
            )
        start = MinGruNetwork.load(path)
        trained_on = start.summary.get("settings", {}).get("seed", seed)
        if trained_on != seed:
            raise InputError(
                f"{path}: trained on the digits' split {trained_on}, which is not that of seed {seed}: test samples "
                "would have been seen; accepted: a network of this seed"
            )
        task = digits(seed)
        return MinGruFamily(task, start, settings.network, table, whole=not settings.validation)

    return (Split("test", family),)


def _memcap_splits(settings: FourWay) -> tuple[Split, ...]:
    """Multi-time-scale XOR; a seed draws its own samples."""
    name, n = settings.table, settings.network
    table = load(Path(name) if name.endswith(".json") else resolve(name))

    def family(seed: int) -> Family[Any]:
        task = MultiscaleXor(bits=n.bits).task(n.train, n.validation, n.test, seed)
        return MemcapFamily(task, n, table, whole=not settings.validation)

    return (Split("test", family),)


_SPLITS: dict[str, Callable[[FourWay], tuple[Split, ...]]] = {
    "dpi": _dpi_splits,
    "denram": _denram_splits,
    "mingru": _mingru_splits,
    "memcap": _memcap_splits,
}
