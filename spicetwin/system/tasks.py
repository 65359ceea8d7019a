"""Tasks of a description as signals: training samples for a fitted read-out, test samples for the chips."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from measurements.registry import DataError, locate
from pysim.delays.events import Events
from pysim.mingru.streams import stream
from pysim.system.signal import Signal
from pysim.tasks.ecg import ecg
from pysim.tasks.fsdd import fsdd
from pysim.tasks.patterns import patterns
from pysim.tasks.spike_task import SpikeTask
from spicetwin.boundary import InputError
from spicetwin.task_data import named_task

IntArray = NDArray[np.int64]

#: Of images as spikes: steps, and the probability of a spike at full level in one.
STEPS, RATE, DT = 50, 0.3, 1e-3


@dataclass(frozen=True)
class LabelledSignals:
    """A task as what networks take.

    Attributes
    ----------
    name
        Label.
    test, test_labels
        What chips are judged on.
    train, train_labels
        What a read-out may be fitted on.
    """

    name: str
    test: Signal
    test_labels: IntArray
    train: Signal
    train_labels: IntArray


def signals(given: Mapping[str, Any], folder: Path, *, analog: bool, split: int = 0) -> LabelledSignals:
    """The task of a description's ``[task]``.

    Parameters
    ----------
    given
        The table.
    folder
        That paths are relative to.
    analog
        The first layer takes levels.
    split
        Seed of the split of the digits where the description has none.

    Raises
    ------
    InputError
        For data that are nowhere, with how to get them, or an encoding that the first layer does not take.
    TaskError
        When files are damaged.
    """
    name, seed = given["name"], given.get("seed", split)
    data = None if "data" not in given else folder / given["data"]
    if name in ("digits", "mnist"):
        task = named_task(name, seed, data)
        encoding = given.get("encoding", "pixels" if analog else "rate")
        if (encoding == "pixels") != analog:
            takes = "levels, which is encoding 'pixels'" if analog else "spikes, which is encoding 'rate'"
            raise InputError(f"task {name}: encoding {encoding!r}, but the first layer takes {takes}")
        parts = [(task.test_x, task.test_y, "test"), (task.train_x, task.train_y, "train")]
        make: Callable[[NDArray[np.uint8], str], Signal] = (
            (lambda x, part: _levels(x, given)) if analog else (lambda x, part: _rate(x, given, seed, part))
        )
    else:
        if analog:
            raise InputError(
                f"task {name} is spikes, but the first layer takes levels; accepted: digits, mnist"
            )
        spikes = _spike_task(name, seed, data, given)
        parts = [(spikes.test_x, spikes.test_y, "test"), (spikes.train_x, spikes.train_y, "train")]

        def make(x: NDArray[np.uint8], part: str) -> Signal:
            del part
            return Signal(events=Events.from_dense(x), dt=float(given.get("dt", spikes.dt)))

    counts = {"test": given.get("samples"), "train": given.get("training")}
    found: dict[str, tuple[Signal, IntArray]] = {}
    for x, y, part in parts:
        chosen = _some(y, counts[part], part)
        found[part] = make(x[chosen], part), y[chosen]
    return LabelledSignals(name, *found["test"], *found["train"])


def _some(y: IntArray, count: int | None, part: str) -> IntArray:
    """Samples used: of the test the first ones, of the training ones spread over it, for every class to be there."""
    if count is None or count >= len(y):
        return np.arange(len(y))
    return np.arange(count) if part == "test" else np.linspace(0, len(y) - 1, count).astype(np.int64)


def _levels(x: NDArray[np.uint8], given: Mapping[str, Any]) -> Signal:
    """Images pixel by pixel."""
    return Signal(levels=x.reshape(len(x), -1) / 255.0, dt=float(given.get("dt", DT)))


def _rate(x: NDArray[np.uint8], given: Mapping[str, Any], seed: int, part: str) -> Signal:
    """All pixels at once: in every step a spike with a probability that follows the level."""
    steps, rate = given.get("steps", STEPS), float(given.get("rate", RATE))
    level = x.reshape(len(x), 1, -1) / 255.0 * rate
    drawn = stream(seed, "encoding", part).random((len(x), steps, level.shape[2]))
    return Signal(events=Events.from_dense(drawn < level), dt=float(given.get("dt", DT)))


def _spike_task(name: str, seed: int, data: Path | None, given: Mapping[str, Any]) -> SpikeTask:
    if name == "patterns":
        sizes = {k: given[k] for k in ("classes", "channels", "steps", "rate", "dt") if k in given}
        number = max(given.get("samples", 0), given.get("training", 0)) or 200
        return patterns(seed, samples=number, **sizes)
    if name == "fsdd":
        return fsdd(_located("fsdd")[0].parent if data is None else data)
    if data is None:
        raise InputError(
            "task ecg needs its NPZ file of beats (x, y, record, fs): key 'data'; 'spicetwin data pull mitbih_100' "
            "gets one record of the database"
        )
    return ecg(data, given.get("record"))


def _located(name: str) -> tuple[Path, ...]:
    """Files of a source, or how to get them."""
    try:
        return locate(name)
    except DataError as error:
        raise InputError(f"task {name}: {error}; or name its folder with 'data'") from error
