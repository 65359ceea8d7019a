"""Description of a study of recurrent networks of the memcapacitive stack in TOML: ``family = "memcap"``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from calibration.table import load, resolve
from pysim.memcap.bank import MembraneModel
from spicetwin.boundary import InputError
from spicetwin.train.settings import read_toml, refuse_unknown, section, task_data_seed

FAMILY = "memcap"
TASKS = ("multiscale_xor", "fsdd")
BEGINS = ("common", "drawn")
#: Table of hand estimates without the circuit, in place of a calibrated one.
ASSUMED = "assumed"


@dataclass(frozen=True)
class MemcapShape:
    """One recurrent layer and its output integrators.

    Attributes
    ----------
    neurons
        Recurrent neurons.
    levels
        Conductances above zero of each device of a pair.
    units
        Memcapacitors that a membrane can switch in.
    tau_out
        Time constant of the outputs (s).
    floor
        Lowest membrane voltage, where the sinks of inhibition end, in thresholds above reset: reset lies above ground.
    table
        Calibration table of the membranes, ``assumed``, a name or a file.
    """

    neurons: int = 10
    levels: int = 15
    units: float = 8.0
    tau_out: float = 10e-3
    floor: float = -2.0
    table: str = "memcap_generic130"

    def membrane(self) -> MembraneModel:
        """Membranes out of the table."""
        if self.table == ASSUMED:
            return MembraneModel(most=self.units)
        path = Path(self.table) if self.table.endswith(".json") else resolve(self.table)
        return MembraneModel.calibrated(load(path), self.units)


@dataclass(frozen=True)
class MemcapTraining:
    """How to train.

    Attributes
    ----------
    epochs, batch, rate
        Passes, samples of a step, learning rate of Adam at the beginning of half a cosine.
    rate_tau
        That of the time constants' positions.
    start, steepness
        Scale of the starting input weights; of the surrogate 1 / (1 + steepness |V - V_th|)^2.
    noise
        Relative error of weights and time constants that is drawn anew for every batch.
    starts
        Trainings of one network from weights of their own, at one set of time constants to begin with; the best by
        validation stays. Start k > 0 has the seed plus 1000 k.
    train, validation, test
        Samples of the XOR task.
    speed
        How many times as fast as recorded the digits are replayed.
    """

    epochs: int = 15
    batch: int = 16
    rate: float = 0.01
    rate_tau: float = 0.02
    start: float = 1.5
    steepness: float = 5.0
    noise: float = 0.0
    starts: int = 1
    train: int = 2000
    validation: int = 400
    test: int = 1000
    speed: float = 10.0


@dataclass(frozen=True)
class MemcapStudy:
    """What to compare.

    Attributes
    ----------
    seeds
        Networks trained of each kind.
    homogeneous
        Common time constants to try (ms); the best by validation stands for all.
    begin
        What trained time constants begin with: ``common``, the first of ``homogeneous``, or ``drawn``.
    absorbed
        Also train networks whose weights make up for the step's fall with the capacitance.
    chips
        Chips that every trained network is brought onto.
    sigma_weight
        Deviation of the logarithm of a written conductance; assumed.
    tolerance
        Of the programmed time constants.
    """

    seeds: int = 5
    homogeneous: tuple[int, ...] = (15, 30, 60)
    begin: str = "common"
    absorbed: bool = True
    chips: int = 10
    sigma_weight: float = 0.05
    tolerance: float = 0.05


@dataclass(frozen=True)
class MemcapSettings:
    """A checked description.

    Attributes
    ----------
    task, data
        Out of :data:`TASKS`; ``fsdd`` with the folder of its recordings.
    seed
        First seed; network k of a kind has ``seed + k``.
    """

    task: str
    data: Path | None
    seed: int
    network: MemcapShape
    train: MemcapTraining
    study: MemcapStudy

    @classmethod
    def read(cls, path: Path) -> MemcapSettings:
        """Read and check a TOML file.

        Raises
        ------
        InputError
            Naming the file, the key, the value and what is accepted.
        ModelError, TableError
            For a table that is not there or lacks an entry.
        """
        document = read_toml(path)
        refuse_unknown(path, "", document, ("family", "task", "data", "seed", "network", "train", "study"))
        settings = cls(
            *task_data_seed(path, document, TASKS, "the folder of the task's files"),
            section(path, document, "network", MemcapShape),
            section(path, document, "train", MemcapTraining),
            section(path, document, "study", MemcapStudy),
        )
        settings._check(path)
        return settings

    def _check(self, path: Path) -> None:
        """Ranges; types are already right."""
        n, t, s = self.network, self.train, self.study
        low, high = n.membrane().range
        reach = f"{1e3 * low:.3g} to {1e3 * high:.3g} ms, the range of a bank of {n.units:g} units"
        checks: tuple[tuple[bool, str, object, str], ...] = (
            (1 <= n.neurons <= 4096, "network.neurons", n.neurons, "1 to 4096"),
            (1 <= n.levels <= 1023, "network.levels", n.levels, "1 to 1023"),
            (n.floor <= 0, "network.floor", n.floor, "0 or less"),
            (low <= n.tau_out <= high, "network.tau_out (s)", n.tau_out, reach),
            (t.epochs >= 1, "train.epochs", t.epochs, "1 or more"),
            (t.batch >= 1, "train.batch", t.batch, "1 or more"),
            (t.rate > 0, "train.rate", t.rate, "> 0"),
            (t.rate_tau > 0, "train.rate_tau", t.rate_tau, "> 0"),
            (t.start > 0 and t.steepness > 0, "train.start, steepness", [t.start, t.steepness], "> 0"),
            (0 <= t.noise < 1, "train.noise", t.noise, "0 to below 1"),
            (t.starts >= 1, "train.starts", t.starts, "1 or more"),
            (
                min(t.train, t.validation, t.test) >= 1,
                "train.train, validation, test",
                [t.train, t.validation, t.test],
                "1 or more samples each",
            ),
            (t.speed > 0, "train.speed", t.speed, "> 0"),
            (s.seeds >= 2, "study.seeds", s.seeds, "2 or more, for an interval"),
            (
                len(s.homogeneous) > 0 and all(low <= 1e-3 * ms <= high for ms in s.homogeneous),
                "study.homogeneous (ms)",
                list(s.homogeneous),
                f"at least one, {reach}",
            ),
            (s.begin in BEGINS, "study.begin", s.begin, ", ".join(BEGINS)),
            (s.chips >= 2, "study.chips", s.chips, "2 or more"),
            (0 <= s.sigma_weight < 1, "study.sigma_weight", s.sigma_weight, "0 to below 1"),
            (0 < s.tolerance < 1, "study.tolerance", s.tolerance, "between 0 and 1"),
        )
        for good, key, value, accepted in checks:
            if not good:
                raise InputError(f"{path}: {key} = {value}; accepted: {accepted}")

    def changed(self, data: Path | None, epochs: int | None, seed: int | None) -> MemcapSettings:
        """The settings with the values of the command line."""
        return replace(
            self,
            data=self.data if data is None else data,
            train=self.train if epochs is None else replace(self.train, epochs=epochs),
            seed=self.seed if seed is None else seed,
        )


def is_memcap_study(path: Path) -> bool:
    """The description names the family."""
    return read_toml(path).get("family") == FAMILY
