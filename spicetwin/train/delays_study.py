"""One study of networks with delays: comparison, noise resilience, drawn chips."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pysim.delays.events import Events
from pysim.tasks.ecg import ecg
from pysim.tasks.fsdd import fsdd
from pysim.tasks.shd import shd
from pysim.tasks.spike_task import SpikeTask
from spicetwin.boundary import InputError
from spicetwin.train.delays_chips import SOURCES, Cells, cell_table, program, time_scale
from spicetwin.train.delays_choose import Chosen, choose
from spicetwin.train.delays_kinds import DELAYS, RECURRENT, SLOW, UNDELAYED, build, cells_of, size_of
from spicetwin.train.delays_net import DelayNet, noisy
from spicetwin.train.delays_recurrent import RecurrentNet
from spicetwin.train.delays_score import Score, linear, score, spread, summary
from spicetwin.train.delays_settings import DelaySettings

Say = Callable[[str], None]

#: Records of the beats that have enough of both classes to test on.
ECG_RECORDS = (106, 119)
_DATA = {"fsdd": "folder of recordings", "shd": "folder of HDF5 files", "ecg": "NPZ file of beats"}


def tasks(settings: DelaySettings) -> list[SpikeTask]:
    """The splits of the task: one of either digits; of the beats, each record unseen in turn, and later beats.

    Raises
    ------
    InputError
        Without the data's place.
    TaskError
        When the data are absent or damaged.
    """
    if settings.data is None:
        what = _DATA[settings.task]
        raise InputError(f"task {settings.task} needs its {what}: key 'data', or --data")
    if settings.task == "fsdd":
        return [fsdd(settings.data)]
    if settings.task == "shd":
        return [shd(settings.data)]
    return [ecg(settings.data, record) for record in (*ECG_RECORDS, None)]


class TaskStudy:
    """All of a study on one split."""

    def __init__(self, task: SpikeTask, settings: DelaySettings, say: Say) -> None:
        """Events and table; nothing is chosen or trained yet."""
        self.task, self.settings, self.say = task, settings, say
        self.train_events = Events.from_dense(task.train_x)
        self.test_events = Events.from_dense(task.test_x)
        self.table = cell_table(settings.network.table)
        self.seeds = range(settings.seed, settings.seed + settings.study.seeds)

    def run(self) -> dict[str, Any]:
        """Figures of the study, as JSON values."""
        s = self.settings.study
        kinds = [
            DELAYS,
            *([SLOW] if s.slow else []),
            *([RECURRENT] if self.settings.recurrent.epochs else []),
        ]
        chosen = {kind: self._choose(kind) for kind in kinds}
        own = {kind: c.settings for kind, c in chosen.items()}
        # The same network without delays: all as in that with delays.
        own = {DELAYS: own[DELAYS], UNDELAYED: own[DELAYS], **own}
        nets = {p: self._delayed(own[DELAYS], p) for p in sorted({0, s.programmed, *s.noise})}
        networks = {
            kind: self._figures(nets[0] if kind == DELAYS else self._trained(kind, how))
            for kind, how in own.items()
        }
        cells = [cells_of(self.task, own[DELAYS], self.table, seed) for seed in self.seeds]
        return {
            "task": self.task.name,
            "train_samples": len(self.task.train_y),
            "test_samples": len(self.task.test_y),
            "dt": self.task.dt,
            "steps": self.task.steps,
            "channels": self.task.channels,
            "time_scale": time_scale(self.table, own[DELAYS].network.mean_delay),
            "table": self.table.reference,
            "cut_delays": float(np.mean([c.cut for c in cells])),
            "chosen": {kind: {"values": c.values, "tried": c.tried} for kind, c in chosen.items()},
            "networks": {
                kind: {"parameters": size_of(kind, self.task, own[kind]), **found}
                for kind, found in networks.items()
            },
            "linear": asdict(linear(self.task, self.settings.train.balance)),
            "sizes": [self._size(copies, own) for copies in s.sizes],
            "noise": [self._noise(p, nets[p]) for p in s.noise],
            "chips": self._chips(nets[s.programmed], cells),
        }

    def _choose(self, kind: str) -> Chosen:
        if self.settings.choose.folds:
            self.say(f"{self.task.name}: choice for {kind}")
        return choose(self.task, self.settings, self.table, kind)

    def _delayed(self, how: DelaySettings, percent: int) -> list[DelayNet]:
        """Networks with delays, one per seed, trained under weight noise."""
        self.say(f"{self.task.name}: {DELAYS}, {percent} % weight noise")
        return [net for net in self._built(DELAYS, how, percent / 100) if isinstance(net, DelayNet)]

    def _trained(self, kind: str, how: DelaySettings) -> list[DelayNet | RecurrentNet]:
        self.say(f"{self.task.name}: {kind}")
        return self._built(kind, how)

    def _built(self, kind: str, how: DelaySettings, noise: float = 0.0) -> list[DelayNet | RecurrentNet]:
        data = self.train_events, self.task.train_y
        return [build(kind, how, self.task, self.table, *data, seed, noise) for seed in self.seeds]

    def _score(self, answers: NDArray[np.int64]) -> Score:
        return score(self.task.test_y, answers, self.task.classes)

    def _figures(self, nets: Sequence[DelayNet | RecurrentNet]) -> dict[str, Any]:
        """Figures on the test, and the accuracy on the training samples, over the seeds."""
        learned = [float((n.decide(self.train_events) == self.task.train_y).mean()) for n in nets]
        return {
            **summarised([self._score(n.decide(self.test_events)) for n in nets]),
            "training": summary(learned),
        }

    def _size(self, copies: int, own: Mapping[str, DelaySettings]) -> dict[str, Any]:
        """Figures of all networks at fewer weights, with the values chosen at full size."""
        found = {}
        for kind, how in own.items():
            smaller = replace(how, network=replace(how.network, copies=copies))
            parameters = size_of(kind, self.task, smaller)
            found[kind] = {"parameters": parameters, **self._figures(self._trained(kind, smaller))}
        return {"copies": copies, "networks": found}

    def _noise(self, percent: int, nets: list[DelayNet]) -> dict[str, Any]:
        """Accuracy of networks trained under a weight noise and read under the same."""
        means = []
        for net, seed in zip(nets, self.seeds, strict=True):
            rng = np.random.default_rng([seed, 2, percent])
            readings = 1 if percent == 0 else self.settings.study.readings
            drawn = [noisy(net.weights, percent / 100, rng) for _ in range(readings)]
            answers = [self._score(net.decide(self.test_events, weights)) for weights in drawn]
            means.append(replace(answers[0], **mean_of(answers)))
        return {"percent": percent, **summarised(means)}

    def _chips(self, nets: list[DelayNet], cells: list[Cells]) -> dict[str, Any]:
        """Balanced accuracy over chips, all sources together and one at a time."""
        self.say(f"{self.task.name}: drawn chips")
        together = self._programmed(nets, cells, SOURCES)
        alone = {source: self._programmed(nets, cells, (source,)) for source in SOURCES}
        exact = np.array([self._score(n.decide(self.test_events)).balanced for n in nets])
        variance = {"within_die": float(exact.var(ddof=1))}
        variance |= {source: float(a.var(axis=1, ddof=1).mean()) for source, a in alone.items()}
        total = sum(variance.values())
        foreign = [
            self._score(net.decide(self.test_events, delays=other.steps())).balanced
            for net, other in zip(nets, [*cells[1:], cells[0]], strict=True)
        ]
        return {
            "trained_noise": self.settings.study.programmed,
            "balanced": spread(together.ravel().tolist()),
            "as_trained": summary(exact.tolist()),
            "means": {source: float(a.mean()) for source, a in alone.items()},
            "variance": variance,
            "share": {source: v / total if total else 0.0 for source, v in variance.items()},
            "values": together.tolist(),
            "delays_of_another_chip": summary(foreign),
        }

    def _programmed(
        self, nets: list[DelayNet], cells: list[Cells], sources: tuple[str, ...]
    ) -> NDArray[np.float64]:
        """Balanced accuracy of every network on every chip, shape (networks, chips)."""
        study = self.settings.study
        return np.array(
            [
                [
                    self._score(net.decide(self.test_events, *program(net, own, k, sources, study))).balanced
                    for k in range(study.chips)
                ]
                for net, own in zip(nets, cells, strict=True)
            ]
        )


def summarised(scores: list[Score]) -> dict[str, Any]:
    """Mean and interval of every figure."""
    return {name: summary([asdict(s)[name] for s in scores]) for name in asdict(scores[0])}


def mean_of(scores: list[Score]) -> dict[str, float]:
    """Mean of every figure."""
    return {name: float(np.mean([asdict(s)[name] for s in scores])) for name in asdict(scores[0])}
