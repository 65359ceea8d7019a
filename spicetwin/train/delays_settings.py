"""Description of a study of networks with delays in TOML: task, network, training, comparisons, chips."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from spicetwin.boundary import InputError
from spicetwin.train.settings import read_toml, refuse_unknown, section, task_data_seed

TASKS = ("fsdd", "shd", "ecg")


@dataclass(frozen=True)
class DelayNetwork:
    """One layer of delayed synapses onto integrating somata.

    Attributes
    ----------
    copies
        Synapses, each with a delay of its own, between an input and an output.
    tau_membrane
        Of the somata (s).
    mean_delay
        Mean of the drawn delays (s); the table gives their shape, this their scale.
    buffer
        Longest delay (s); longer ones are cut to it.
    table
        Calibration table that cells are drawn from: ``assumed``, a name or a file.
    """

    copies: int = 16
    tau_membrane: float = 30e-3
    mean_delay: float = 0.25
    buffer: float = 1.0
    table: str = "assumed"


@dataclass(frozen=True)
class DelayTraining:
    """How to train.

    Attributes
    ----------
    epochs, batch, rate
        Passes, samples of a step, learning rate of Adam; a fifth of it after half, a twentieth after 80 %.
    start
        Scale of the starting weights |N(0, 1)| / sqrt(synapses of a neuron).
    bound
        Largest |weight| of networks that are trained under weight noise, as a conductance window sets one; 0: none.
    balance
        Weigh samples so that all classes count the same.
    """

    epochs: int = 25
    batch: int = 64
    rate: float = 2e-3
    start: float = 0.3
    bound: float = 0.0
    balance: bool = False


@dataclass(frozen=True)
class RecurrentTraining:
    """The recurrent network of spiking neurons to compare with; its size follows from the number of parameters.

    Attributes
    ----------
    tau_membrane, tau_readout
        Of the recurrent neurons and of the integrating outputs (s).
    epochs, batch, rate
        As in :class:`DelayTraining`; 0 epochs leave it out.
    """

    tau_membrane: float = 50e-3
    tau_readout: float = 200e-3
    epochs: int = 20
    batch: int = 128
    rate: float = 5e-3


@dataclass(frozen=True)
class Choice:
    """Values to choose among by cross-validation within the training samples; the test is not looked at.

    Every kind of network takes what validates best in the mean of its balanced accuracy over folds and seeds; what is
    not listed, or listed as 0 alone, stays as it is.

    Attributes
    ----------
    folds
        Parts of the training samples, contiguous in each class of each source; 0: nothing is chosen.
    seeds
        Networks a fold, with seeds that the study does not use.
    mean_delay, tau_membrane
        Of the network with delays (s).
    slow
        Membrane of the second network without delays (s).
    tau_neuron, tau_readout
        Of the recurrent network (s).
    rate
        Learning rates, of every kind.
    """

    folds: int = 0
    seeds: int = 1
    mean_delay: tuple[float, ...] = (0.0,)
    tau_membrane: tuple[float, ...] = (0.0,)
    slow: tuple[float, ...] = (0.0,)
    tau_neuron: tuple[float, ...] = (0.0,)
    tau_readout: tuple[float, ...] = (0.0,)
    rate: tuple[float, ...] = (0.0,)


@dataclass(frozen=True)
class Study:
    """What to do with the networks.

    Attributes
    ----------
    seeds
        Networks trained of each kind, each on delays of its own.
    slow
        Time constant of a second network without delays, whose membrane is its only memory (s); 0 leaves it out.
    noise
        Weight noise (% of the largest weight) of the resilience curve, in training and in the test.
    readings
        Draws of that noise in the test.
    chips, programmed
        Chips that every trained network is programmed into, and the noise (%) under which those were trained.
    sizes
        Smaller numbers of copies, to compare all networks at as few weights.
    g_min, g_max
        Conductances of a weight of zero and of the largest (S): w ~ G+ - G-, both cells within this window.
    attempts
        Programmings of a weight cell, of which the closest is kept (program and verify).
    age
        Time since programming (s).
    """

    seeds: int = 5
    slow: float = 0.0
    noise: tuple[int, ...] = (0, 5, 10, 15, 20)
    readings: int = 10
    chips: int = 20
    programmed: int = 5
    sizes: tuple[int, ...] = ()
    g_min: float = 0.0
    g_max: float = 100e-6
    attempts: int = 1
    age: float = 1.0


@dataclass(frozen=True)
class DelaySettings:
    """A checked description of a study.

    Attributes
    ----------
    task, data
        ``fsdd`` with the folder of its recordings, ``shd`` with that of its two HDF5 files, ``ecg`` with its NPZ file.
    seed
        First seed; network k of a study has ``seed + k``.
    """

    task: str
    data: Path | None
    seed: int
    network: DelayNetwork
    train: DelayTraining
    recurrent: RecurrentTraining
    study: Study
    choose: Choice

    @classmethod
    def read(cls, path: Path) -> DelaySettings:
        """Read and check a TOML file.

        Raises
        ------
        InputError
            Naming the file, the key, the value and what is accepted.
        """
        document = read_toml(path)
        known = ("task", "data", "seed", "network", "train", "recurrent", "study", "choose")
        refuse_unknown(path, "", document, known)
        settings = cls(
            *task_data_seed(path, document, TASKS, "the task's folder or file"),
            section(path, document, "network", DelayNetwork),
            section(path, document, "train", DelayTraining),
            section(path, document, "recurrent", RecurrentTraining),
            section(path, document, "study", Study),
            section(path, document, "choose", Choice),
        )
        settings._check(path)
        return settings

    def _check(self, path: Path) -> None:
        """Ranges; types are already right."""
        n, t, r, s, c = self.network, self.train, self.recurrent, self.study, self.choose
        checks: tuple[tuple[bool, str, object, str], ...] = (
            (1 <= n.copies <= 256, "network.copies", n.copies, "1 to 256"),
            (n.tau_membrane > 0, "network.tau_membrane", n.tau_membrane, "> 0 s"),
            (n.mean_delay > 0, "network.mean_delay", n.mean_delay, "> 0 s"),
            (n.buffer > 0, "network.buffer", n.buffer, "> 0 s"),
            (t.epochs >= 1, "train.epochs", t.epochs, "1 or more"),
            (t.batch >= 1, "train.batch", t.batch, "1 or more"),
            (t.rate > 0, "train.rate", t.rate, "> 0"),
            (t.start > 0, "train.start", t.start, "> 0"),
            (t.bound >= 0, "train.bound", t.bound, ">= 0"),
            (r.epochs >= 0, "recurrent.epochs", r.epochs, "0 or more"),
            (r.batch >= 1, "recurrent.batch", r.batch, "1 or more"),
            (r.rate > 0, "recurrent.rate", r.rate, "> 0"),
            (
                r.tau_membrane > 0 and r.tau_readout > 0,
                "recurrent.tau_membrane, tau_readout",
                [r.tau_membrane, r.tau_readout],
                "> 0 s",
            ),
            (s.seeds >= 2, "study.seeds", s.seeds, "2 or more, for an interval"),
            (s.slow >= 0, "study.slow", s.slow, ">= 0 s"),
            (
                len(s.noise) > 0 and min(s.noise) >= 0,
                "study.noise",
                list(s.noise),
                "percentages >= 0, at least one",
            ),
            (s.readings >= 1, "study.readings", s.readings, "1 or more"),
            (s.chips >= 2, "study.chips", s.chips, "2 or more"),
            (s.programmed >= 0, "study.programmed", s.programmed, "a percentage >= 0"),
            (0 <= s.g_min < s.g_max, "study.g_min, g_max", [s.g_min, s.g_max], "0 S <= g_min < g_max"),
            (1 <= s.attempts <= 100, "study.attempts", s.attempts, "1 to 100"),
            (all(1 <= c <= n.copies for c in s.sizes), "study.sizes", list(s.sizes), f"1 to {n.copies}"),
            (c.folds == 0 or c.folds >= 2, "choose.folds", c.folds, "0, or 2 or more"),
            (c.seeds >= 1, "choose.seeds", c.seeds, "1 or more"),
            *(
                (
                    len(listed) > 0 and min(listed) > 0,
                    f"choose.{name}",
                    list(listed),
                    "values > 0, at least one",
                )
                for name, listed in vars(c).items()
                if isinstance(listed, tuple) and listed != (0.0,)
            ),
            (s.age > 0, "study.age", s.age, "> 0 s"),
        )
        for good, key, value, accepted in checks:
            if not good:
                raise InputError(f"{path}: {key} = {value}; accepted: {accepted}")

    def changed(self, data: Path | None, epochs: int | None, seed: int | None) -> DelaySettings:
        """The settings with the values of the command line."""
        train = self.train if epochs is None else replace(self.train, epochs=epochs)
        recurrent = self.recurrent
        if epochs is not None and recurrent.epochs:
            recurrent = replace(recurrent, epochs=epochs)
        return replace(
            self,
            data=self.data if data is None else data,
            train=train,
            recurrent=recurrent,
            seed=self.seed if seed is None else seed,
        )
