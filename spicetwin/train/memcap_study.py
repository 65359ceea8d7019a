"""One study of recurrent networks: kinds of time constants side by side, then the networks on drawn chips."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pysim.delays.events import Events
from pysim.memcap.chip import Deployment, TrainedNetwork, deploy
from pysim.mingru.streams import digest
from pysim.tasks.fsdd import fsdd
from pysim.tasks.multiscale_xor import MultiscaleXor
from pysim.tasks.windowed_task import WindowedTask, one_window
from spicetwin.boundary import InputError
from spicetwin.train.delays_score import spread, summary
from spicetwin.train.memcap_net import MemcapNet, Taus, accuracy, train
from spicetwin.train.memcap_settings import MemcapSettings
from spicetwin.writing import write_bytes

Say = Callable[[str], None]
FloatArray = NDArray[np.float64]

#: Kinds of heterogeneous time constants: drawn and fixed; trained within the range of the bank; the same, with the fall
#: of the step left to the weights.
RANDOM, TRAINED, ABSORBED = "random", "trained", "trained, step absorbed"


#: Between the seeds of a network's starts.
APART = 1000


def task_of(settings: MemcapSettings) -> WindowedTask:
    """The task's samples.

    Raises
    ------
    InputError
        Without the recordings' place.
    TaskError
        When they are absent or damaged.
    """
    t = settings.train
    if settings.task == "multiscale_xor":
        return MultiscaleXor().task(t.train, t.validation, t.test, settings.seed)
    if settings.data is None:
        raise InputError("task fsdd needs its folder of recordings: key 'data', or --data")
    return one_window(fsdd(settings.data), t.speed, settings.seed)


def common(tau: float) -> str:
    """Name of the kind with one time constant (s)."""
    return f"homogeneous, {1e3 * tau:g} ms"


@dataclass(frozen=True)
class Result:
    """A trained network with its accuracies on validation and test."""

    network: TrainedNetwork
    validation: float
    test: float


class MemcapComparison:
    """All of a study on one task."""

    def __init__(self, task: WindowedTask, settings: MemcapSettings, say: Say, folder: Path) -> None:
        """Nothing is trained yet; trained networks are kept in ``folder``, where a stopped study finds them again."""
        self.folder = folder
        self.task, self.settings, self.say = task, settings, say
        self.test_events = Events.from_dense(task.test.x)
        self.membrane = settings.network.membrane()
        self.seeds = range(settings.seed, settings.seed + settings.study.seeds)

    def run(self) -> tuple[dict[str, Any], TrainedNetwork]:
        """Figures as JSON values, and the trained network of the first seed."""
        taus = [1e-3 * ms for ms in self.settings.study.homogeneous]
        wanted = (TRAINED, RANDOM, ABSORBED)[: 3 if self.settings.study.absorbed else 2]
        begin = taus[0] if self.settings.study.begin == "common" else 0.0
        drawn = {name: self._kind(name, 0.0 if name == RANDOM else begin) for name in wanted}
        alike = {common(tau): self._kind(common(tau), tau) for tau in taus}
        best = max(alike, key=lambda name: np.mean([r.validation for r in alike[name]]))
        kinds = alike | {name: drawn[name] for name in sorted(drawn)}
        low, high = self.membrane.range
        return {
            "task": self.task.name,
            "table": self.settings.network.table,
            "range_s": [low, high],
            "window": self.membrane.unit.window,
            "neurons": self.settings.network.neurons,
            "levels": self.settings.network.levels,
            "dt": self.task.dt,
            "steps": self.task.steps,
            "test_samples": len(self.task.test),
            "answers": int(self.task.test.y.size),
            "seed": self.settings.seed,
            "best_homogeneous": best,
            "kinds": {name: self._figures(found) for name, found in kinds.items()},
            "gain": {name: self._gain(kinds[best], kinds[name]) for name in (RANDOM, TRAINED)},
            "chips": self._chips(kinds, best),
        }, kinds[TRAINED][0].network

    def _kind(self, name: str, tau: float = 0.0) -> list[Result]:
        """Networks of one kind, one a seed."""
        self.say(f"{self.task.name}: {name}")
        return [self._trained(name, tau, seed) for seed in self.seeds]

    def _trained(self, name: str, tau: float, seed: int) -> Result:
        """A trained network, out of the folder where this very training was done before."""
        n, how = self.settings.network, self.settings.train
        key = digest(asdict(n), asdict(how), self.settings.task, self.settings.seed, name, tau, seed)
        path = self.folder / f"{key}.npz"
        if path.exists():
            network = TrainedNetwork.load(path)
            return Result(network, network.summary["validation"], network.summary["test"])
        net, validation = self._best_start(self._taus(name, tau, seed), seed)
        summary: dict[str, Any] = {"task": self.task.name, "kind": name, "seed": seed, "table": n.table}
        summary["validation"] = validation
        ideal = net.trained().ideal()
        summary["test"] = accuracy(ideal, self.test_events, self.task.test, self.task.windows)
        network, archive = net.trained(summary), io.BytesIO()
        network.save(archive)
        write_bytes(path, archive.getvalue())
        self.say(f"  seed {seed}: validation {summary['validation']:.3f}, test {summary['test']:.3f}")
        return Result(network, summary["validation"], summary["test"])

    def _best_start(self, taus: Taus, seed: int) -> tuple[MemcapNet, float]:
        """Of several trainings the network with the best validation, and that."""
        n, how = self.settings.network, self.settings.train
        best: tuple[MemcapNet, float] | None = None
        for start in (seed + APART * k for k in range(how.starts)):
            net = MemcapNet(n, self.task.channels, self.task.classes, self.task.dt, taus, start, how)
            validation = train(net, self.task, start)
            if best is None or validation > best[1]:
                best = net, validation
        assert best is not None
        return best

    def _taus(self, name: str, tau: float, seed: int) -> Taus:
        """Time constants of a kind: ``tau`` (s) for all, or for 0 drawn, uniform in their logarithm over the range."""
        low, high = self.membrane.range
        neurons, unit = self.settings.network.neurons, self.membrane.unit.tau_low
        draw = np.random.default_rng([seed, 7]).random(neurons)
        start = np.full(neurons, tau) if tau else low * (high / low) ** draw
        return Taus(start, (low, high), unit, name in (TRAINED, ABSORBED), name == ABSORBED)

    def _figures(self, found: list[Result]) -> dict[str, Any]:
        return {
            "accuracy": summary([r.test for r in found]),
            "validation": summary([r.validation for r in found]),
            "tau": [np.sort(r.network.tau).tolist() for r in found],
            "spikes": float(
                np.mean(
                    [r.network.ideal().run(self.test_events, self.task.windows).count.mean() for r in found]
                )
            ),
        }

    def _gain(self, base: list[Result], other: list[Result]) -> dict[str, Any]:
        """Mean difference of accuracy, seed by seed, with its interval."""
        difference = np.array([b.test for b in other]) - [a.test for a in base]
        found = summary(difference.tolist())
        # Differences may be negative: the interval is not cut to shares.
        half = float(_half(difference))
        mean = float(difference.mean())
        return {**found, "low": mean - half, "high": mean + half}

    def _chips(self, kinds: dict[str, list[Result]], best: str) -> dict[str, Any]:
        """Accuracies on drawn chips: the routes to a time constant, the compensation of the step, each spread alone."""
        s = self.settings.study
        base = Deployment(membrane=self.membrane, sigma_weight=s.sigma_weight, tolerance=s.tolerance)
        no_weights = replace(base, sigma_weight=0.0)
        cases: dict[str, tuple[str, Deployment]] = {
            "as trained": (TRAINED, replace(base, sources=())),
            "programmed": (TRAINED, base),
            "one pulse, unread": (TRAINED, replace(base, routine="open")),
            "step by capacitance": (TRAINED, replace(base, compensation="capacitance")),
            "no compensation": (TRAINED, replace(base, compensation="none")),
            "absorbed in the weights": (ABSORBED, replace(base, compensation="capacitance")),
            "absorbed, step trimmed": (ABSORBED, base),
            "time constants alone": (TRAINED, no_weights),
            "unread time constants alone": (TRAINED, replace(no_weights, routine="open")),
            "homogeneous, programmed": (best, base),
            "homogeneous, unread": (best, replace(base, routine="open")),
            "random, programmed": (RANDOM, base),
        }
        return {
            name: self._case(name, kinds[kind], how) for name, (kind, how) in cases.items() if kind in kinds
        }

    def _case(self, name: str, found: list[Result], how: Deployment) -> dict[str, Any]:
        """Accuracy of every network on every chip, and how the programming went."""
        self.say(f"{self.task.name}, chips: {name}")
        chips = self.settings.study.chips if how.sources else 1
        values, within, pulses = [], [], []
        for result, seed in zip(found, self.seeds, strict=True):
            ensemble = deploy(result.network, how, chips, 1000 * (seed + 1))
            values.append(
                [accuracy(n, self.test_events, self.task.test, self.task.windows) for n in ensemble.networks]
            )
            within.append(ensemble.membranes.within(how.tolerance))
            pulses.append(float(ensemble.membranes.pulses.mean()))
        flat = [v for row in values for v in row]
        return {
            "accuracy": spread(flat),
            "mean": summary([float(np.mean(row)) for row in values]),
            "values": values,
            "within_tolerance": float(np.mean(within)),
            "pulses": float(np.mean(pulses)),
        }


def _half(values: FloatArray) -> float:
    """Half the 95 % interval of a mean, Student's t."""
    from scipy import stats

    return float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values)))
