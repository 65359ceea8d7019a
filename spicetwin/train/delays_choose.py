"""Choice of a study's values by cross-validation within its training samples."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.table import CalibrationTable
from pysim.delays.events import Events
from pysim.tasks.spike_task import SpikeTask
from spicetwin.train.delays_kinds import DELAYS, RECURRENT, SLOW, build, with_values
from spicetwin.train.delays_net import DelayNet
from spicetwin.train.delays_recurrent import RecurrentNet
from spicetwin.train.delays_settings import DelaySettings

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

#: Distance of the seeds of a choice from those of the study.
_SEED = 1000
#: What each kind of network chooses.
CHOSEN = {
    DELAYS: ("mean_delay", "tau_membrane", "rate"),
    SLOW: ("slow", "rate"),
    RECURRENT: ("tau_neuron", "tau_readout", "rate"),
}


def folds(classes: IntArray, group: IntArray, count: int) -> Iterator[BoolArray]:
    """Validation samples of each fold: contiguous parts of each class of each source, in the order of the samples.

    A class of which a source has fewer samples than there are folds is only trained on.
    """
    part = np.full(len(classes), -1)
    for source, kind in itertools.product(np.unique(group), np.unique(classes)):
        mine = np.flatnonzero((group == source) & (classes == kind))
        if len(mine) >= count:
            part[mine] = np.arange(len(mine)) * count // len(mine)
    for k in range(count):
        yield part == k


@dataclass(frozen=True)
class Fold:
    """One split of the training samples.

    Attributes
    ----------
    learned, learned_y
        Samples to train on.
    seen, seen_y
        Samples to validate on: as they are, then as other sources might give them.
    """

    learned: Events
    learned_y: IntArray
    seen: tuple[Events, ...]
    seen_y: IntArray

    @classmethod
    def of(cls, task: SpikeTask, held: BoolArray) -> Fold:
        """The fold that holds out ``held``."""
        seen = tuple(Events.from_dense(x[held]) for x in (task.train_x, *task.train_moved))
        return cls(Events.from_dense(task.train_x[~held]), task.train_y[~held], seen, task.train_y[held])

    def judge(self, net: DelayNet | RecurrentNet) -> float:
        """Mean balanced accuracy on the samples held out."""
        present = np.unique(self.seen_y)
        answers = [net.decide(events) for events in self.seen]
        return float(
            np.mean([np.mean([(a[self.seen_y == c] == c).mean() for c in present]) for a in answers])
        )


@dataclass(frozen=True)
class Chosen:
    """What a kind of network chose.

    Attributes
    ----------
    settings
        Description with the chosen values.
    values
        The chosen values; empty where there was nothing to choose.
    tried
        Every combination with its validated balanced accuracy.
    """

    settings: DelaySettings
    values: dict[str, float]
    tried: tuple[dict[str, float], ...]


def choose(task: SpikeTask, settings: DelaySettings, table: CalibrationTable, kind: str) -> Chosen:
    """The best values of a kind of network, by cross-validation; the first of equals."""
    names = [n for n in CHOSEN[kind] if getattr(settings.choose, n) != (0.0,)]
    if not settings.choose.folds or not names:
        return Chosen(settings, {}, ())
    splits = [Fold.of(task, held) for held in folds(task.train_y, task.train_group, settings.choose.folds)]
    seeds = [settings.seed + _SEED + k for k in range(settings.choose.seeds)]
    tried = []
    for combination in itertools.product(*(getattr(settings.choose, n) for n in names)):
        values = dict(zip(names, combination, strict=True))
        mine = with_values(settings, values)
        found = [
            s.judge(build(kind, mine, task, table, s.learned, s.learned_y, seed))
            for s in splits
            for seed in seeds
        ]
        tried.append({**values, "balanced": float(np.mean(found))})
    best = max(tried, key=lambda t: t["balanced"])
    values = {n: best[n] for n in names}
    return Chosen(with_values(settings, values), values, tuple(tried))
