"""One study of networks with delays: comparison, noise resilience, drawn chips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pysim.delays.events import Events
from pysim.tasks.ecg import ecg
from pysim.tasks.fsdd import fsdd
from pysim.tasks.spike_task import SpikeTask
from spicetwin.boundary import InputError
from spicetwin.train.delays_chips import SOURCES, Cells, cell_table, program, time_scale
from spicetwin.train.delays_net import DelayNet, noisy, train
from spicetwin.train.delays_recurrent import RecurrentNet, train_recurrent, units_of
from spicetwin.train.delays_score import Score, importance, linear, score, spread, summary
from spicetwin.train.delays_settings import DelaySettings

Say = Callable[[str], None]

#: Records of the beats that have enough of both classes to test on.
ECG_RECORDS = (106, 119)


def tasks(settings: DelaySettings) -> list[SpikeTask]:
    """The splits of the task: one of the digits; of the beats, each record unseen in turn, and later beats.

    Raises
    ------
    InputError
        Without the data's place.
    TaskError
        When the data are absent or damaged.
    """
    if settings.data is None:
        what = "folder of recordings" if settings.task == "fsdd" else "NPZ file of beats"
        raise InputError(f"task {settings.task} needs its {what}: key 'data', or --data")
    if settings.task == "fsdd":
        return [fsdd(settings.data)]
    return [ecg(settings.data, record) for record in (*ECG_RECORDS, None)]


class TaskStudy:
    """All of a study on one split."""

    def __init__(self, task: SpikeTask, settings: DelaySettings, say: Say) -> None:
        """Events and cells; nothing is trained yet."""
        self.task, self.settings, self.say = task, settings, say
        self.train_events = Events.from_dense(task.train_x)
        self.test_events = Events.from_dense(task.test_x)
        self.table = cell_table(settings.network.table)
        self.shape = (task.channels, task.classes, settings.network.copies)
        seeds = range(settings.seed, settings.seed + settings.study.seeds)
        self.cells = [Cells.drawn(self.table, settings.network, self.shape, task.dt, seed) for seed in seeds]

    def run(self) -> dict[str, Any]:
        """Figures of the study, as JSON values."""
        s = self.settings.study
        nets = {p: self._delayed(p) for p in sorted({0, s.programmed, *s.noise})}
        networks = {"delays": self._figures(nets[0])}
        networks["no delays"] = self._figures(self._undelayed(self.settings.network.tau_membrane))
        if s.slow:
            networks["no delays, slow membrane"] = self._figures(self._undelayed(s.slow))
        parameters = int(np.prod(self.shape))
        sizes = {name: {"parameters": parameters} for name in networks}
        if self.settings.recurrent.epochs:
            networks["recurrent"], sizes["recurrent"] = self._recurrent(parameters)
        return {
            "task": self.task.name,
            "train_samples": len(self.task.train_y),
            "test_samples": len(self.task.test_y),
            "dt": self.task.dt,
            "steps": self.task.steps,
            "channels": self.task.channels,
            "time_scale": time_scale(self.table, self.settings.network.mean_delay),
            "table": self.table.reference,
            "cut_delays": float(np.mean([c.cut for c in self.cells])),
            "networks": {name: {**sizes[name], **figures} for name, figures in networks.items()},
            "linear": asdict(linear(self.task, self.settings.train.balance)),
            "noise": [self._noise(p, nets[p]) for p in s.noise],
            "chips": self._chips(nets[s.programmed]),
        }

    def _delayed(self, percent: int) -> list[DelayNet]:
        """Networks with delays, one per seed, trained under weight noise."""
        self.say(f"{self.task.name}: delays, {percent} % weight noise")
        return [
            self._train(c.steps(), self.settings.network.tau_membrane, c.seed, percent / 100)
            for c in self.cells
        ]

    def _undelayed(self, tau: float) -> list[DelayNet]:
        self.say(f"{self.task.name}: no delays, membrane of {1e3 * tau:g} ms")
        return [self._train(np.zeros(self.shape, np.int64), tau, c.seed, 0.0) for c in self.cells]

    def _train(self, delays: NDArray[np.int64], tau: float, seed: int, noise: float) -> DelayNet:
        return train(
            self.train_events, self.task.train_y, delays, tau, self.task.dt, self.settings.train, seed, noise
        )

    def _score(self, answers: NDArray[np.int64]) -> Score:
        return score(self.task.test_y, answers, self.task.classes)

    def _figures(self, nets: Sequence[DelayNet | RecurrentNet]) -> dict[str, Any]:
        """Figures on the test, and the accuracy on the training samples, over the seeds."""
        learned = [float((n.decide(self.train_events) == self.task.train_y).mean()) for n in nets]
        return {
            **summarised([self._score(n.decide(self.test_events)) for n in nets]),
            "training": summary(learned),
        }

    def _recurrent(self, parameters: int) -> tuple[dict[str, Any], dict[str, int]]:
        """Figures and size of the recurrent network of as many parameters."""
        task, how = self.task, self.settings.recurrent
        units = units_of(parameters, task.channels, task.classes)
        weights = importance(task.train_y, self.settings.train.balance)
        nets = []
        self.say(f"{task.name}: recurrent, {units} units")
        for cells in self.cells:
            net = RecurrentNet.drawn(task.channels, units, task.classes, task.dt, how, cells.seed)
            train_recurrent(self.train_events, task.train_y, net, how, cells.seed, weights)
            nets.append(net)
        return self._figures(nets), {"parameters": nets[0].size, "units": units}

    def _noise(self, percent: int, nets: list[DelayNet]) -> dict[str, Any]:
        """Accuracy of networks trained under a weight noise and read under the same."""
        means = []
        for net, cells in zip(nets, self.cells, strict=True):
            rng = np.random.default_rng([cells.seed, 2, percent])
            readings = 1 if percent == 0 else self.settings.study.readings
            drawn = [noisy(net.weights, percent / 100, rng) for _ in range(readings)]
            answers = [self._score(net.decide(self.test_events, weights)) for weights in drawn]
            means.append(replace(answers[0], **mean_of(answers)))
        return {"percent": percent, **summarised(means)}

    def _chips(self, nets: list[DelayNet]) -> dict[str, Any]:
        """Balanced accuracy over chips, all sources together and one at a time."""
        self.say(f"{self.task.name}: drawn chips")
        together = self._programmed(nets, SOURCES)
        alone = {source: self._programmed(nets, (source,)) for source in SOURCES}
        exact = np.array([self._score(n.decide(self.test_events)).balanced for n in nets])
        variance = {"within_die": float(exact.var(ddof=1))}
        variance |= {source: float(a.var(axis=1, ddof=1).mean()) for source, a in alone.items()}
        total = sum(variance.values())
        foreign = [
            self._score(net.decide(self.test_events, delays=other.steps())).balanced
            for net, other in zip(nets, [*self.cells[1:], self.cells[0]], strict=True)
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

    def _programmed(self, nets: list[DelayNet], sources: tuple[str, ...]) -> NDArray[np.float64]:
        """Balanced accuracy of every network on every chip, shape (networks, chips)."""
        study = self.settings.study
        return np.array(
            [
                [
                    self._score(
                        net.decide(self.test_events, *program(net, cells, k, sources, study))
                    ).balanced
                    for k in range(study.chips)
                ]
                for net, cells in zip(nets, self.cells, strict=True)
            ]
        )


def summarised(scores: list[Score]) -> dict[str, Any]:
    """Mean and interval of every figure."""
    return {name: summary([asdict(s)[name] for s in scores]) for name in asdict(scores[0])}


def mean_of(scores: list[Score]) -> dict[str, float]:
    """Mean of every figure."""
    return {name: float(np.mean([asdict(s)[name] for s in scores])) for name in asdict(scores[0])}
