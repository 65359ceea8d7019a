"""Description of a four-way study in TOML: a network trained for ideal circuits, for chips in general, for one chip."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pysim.mingru.streams import digest
from spicetwin.boundary import InputError
from spicetwin.train.delays_family import DelayCells
from spicetwin.train.dpi_family import DpiNetwork
from spicetwin.train.learning import ON_CHIP, Learning
from spicetwin.train.memcap_family import MemcapStack
from spicetwin.train.mingru_family import CoreNetwork
from spicetwin.train.settings import read_toml, refuse_unknown, section

STUDY = "four_way"
#: Families, with the tasks they learn and the dataclass of their network.
FAMILIES: dict[str, tuple[str, type[Any]]] = {
    "dpi": ("ecg", DpiNetwork),
    "denram": ("fsdd", DelayCells),
    "mingru": ("digits", CoreNetwork),
    "memcap": ("multiscale_xor", MemcapStack),
}
#: Trainings of a study, with the section that describes each.
TRAININGS = {
    "ideal": "ideal",
    "quantised": "ideal",
    "noise_aware": "ideal",
    "distribution": "distribution",
    "chip": "chip",
    "in_the_loop": "chip",
}
#: Trainings that a family cannot do: memories are not programmed at every step; cores, and conductances of the
#: memcapacitive stack, round their weights themselves.
LEFT_OUT: dict[str, tuple[str, ...]] = {
    "dpi": (),
    "denram": ("in_the_loop",),
    "mingru": ("quantised", "noise_aware"),
    "memcap": ("quantised",),
}


@dataclass(frozen=True)
class Stage:
    """One training.

    Attributes
    ----------
    epochs, batch, rate
        As in :class:`.learning.Learning`; 0 epochs take the weights as they are.
    from_ideal
        Begin with the weights of the ideal training instead of fresh ones.
    noise, levels
        Of the trainings ``noise_aware`` and ``quantised``, as in :class:`.learning.Learning`.
    """

    epochs: int = 15
    batch: int = 64
    rate: float = 5e-3
    from_ideal: bool = False
    noise: float = 0.05
    levels: int = 16

    def learning(self, mode: str) -> Learning:
        """Training in a mode."""
        return Learning(mode, self.epochs, self.batch, self.rate, self.noise, self.levels)

    def used(self, mode: str) -> dict[str, Any]:
        """What a training in a mode depends on."""
        only = {"noise": "noise_aware", "levels": "quantised"}
        return {name: value for name, value in asdict(self).items() if only.get(name, mode) == mode}


@dataclass(frozen=True)
class FourWay:
    """A checked description.

    Attributes
    ----------
    family, data
        Out of :data:`FAMILIES`; file or folder of its task's data.
    table
        Calibration table that chips come from; ``published`` (family ``dpi``) is the spread of arXiv:2202.05094's code.
    test_records
        Records of the heart beats, each unseen in turn.
    seed, seeds
        First seed of the trainings, and their number.
    chips, first_chip
        Number of chips that are tested on, the same for all trainings, and the seed of the first.
    modes
        Trainings beside the ideal one, keys of :data:`TRAININGS`.
    validation
        Train on part of the training samples and test on the rest: to choose hyperparameters.
    """

    family: str
    data: Path | None
    table: str
    test_records: tuple[int, ...]
    seed: int
    seeds: int
    chips: int
    first_chip: int
    balance: bool
    validation: bool
    modes: tuple[str, ...]
    network: Any
    stages: dict[str, Stage]

    @classmethod
    def read(cls, path: Path) -> FourWay:
        """Read and check a TOML file.

        Raises
        ------
        InputError
            Naming the file, the key, the value and what is accepted.
        """
        document = read_toml(path)
        sections = ("network", "ideal", "distribution", "chip")
        refuse_unknown(path, "", document, ("study", "family", "data", "modes", *sorted(_HEAD), *sections))
        family = document.get("family")
        if family not in FAMILIES:
            raise InputError(f"{path}: family = {family!r}; accepted: {', '.join(FAMILIES)}")
        head = section(path, {"": {k: v for k, v in document.items() if k in _HEAD}}, "", _Head)
        modes = document.get("modes", ["distribution", "chip"])
        others = [m for m in TRAININGS if m not in ("ideal", *LEFT_OUT[family])]
        if not isinstance(modes, list) or not set(modes) <= set(others):
            raise InputError(f"{path}: modes = {modes!r}; accepted: a list out of {', '.join(others)}")
        data = document.get("data")
        if not (data is None or isinstance(data, str)):
            raise InputError(f"{path}: data = {data!r}; accepted: the place of the task's data")
        settings = cls(
            family=family,
            data=None if data is None else path.parent / data,
            table=head.table,
            test_records=head.test_records,
            seed=head.seed,
            seeds=head.seeds,
            chips=head.chips,
            first_chip=head.first_chip,
            balance=head.balance,
            validation=head.validation,
            modes=tuple(modes),
            network=_beside(path, section(path, document, "network", FAMILIES[family][1])),
            stages={name: section(path, document, name, Stage) for name in sections[1:]},
        )
        settings._check(path)
        return settings

    def changed(
        self, *, data: Path | None, seed: int | None, epochs: int | None, table: str | None
    ) -> FourWay:
        """With the values of the command line; ``epochs`` of the ideal training."""
        stages = dict(self.stages)
        if epochs is not None:
            stages["ideal"] = replace(stages["ideal"], epochs=epochs)
        return replace(
            self,
            data=self.data if data is None else data,
            seed=self.seed if seed is None else seed,
            table=self.table if table is None else table,
            stages=stages,
        )

    @property
    def task(self) -> str:
        """Name of the task."""
        return FAMILIES[self.family][0]

    def stage(self, training: str) -> Stage:
        """How a training of :data:`TRAININGS` is done."""
        return self.stages[TRAININGS[training]]

    def identity(self, training: str, origin: str) -> str:
        """Digest of all that weights of a training depend on beside seed, chip and split.

        ``origin``: :attr:`.learning.Family.origin`.
        """
        used = {"ideal", TRAININGS[training]}
        stages = {name: self.stages[name].used(training) for name in sorted(used)}
        # A network at the start counts by its content, not by where it lies.
        network = {name: value for name, value in asdict(self.network).items() if name != "begin"}
        kind = () if TRAININGS[training] == training or training == "in_the_loop" else (training,)
        return digest(self.family, origin, self.balance, self.validation, network, stages, *kind)

    def _check(self, path: Path) -> None:
        """Ranges; types are already right."""
        checks: list[tuple[bool, str, object, str]] = [
            (bool(self.table), "table", self.table, "a calibration table by name or file"),
            (self.seed >= 0, "seed", self.seed, "0 or more"),
            (self.seeds >= 1, "seeds", self.seeds, "1 or more"),
            (self.chips >= 1, "chips", self.chips, "1 or more"),
            (self.first_chip >= 0, "first_chip", self.first_chip, "0 or more"),
            (bool(self.test_records), "test_records", self.test_records, "one record or more"),
        ]
        if isinstance(self.network, MemcapStack):
            checks += self.network.checks()
        for name, stage in self.stages.items():
            checks += [
                (stage.epochs >= 0, f"{name}.epochs", stage.epochs, "0 or more"),
                (stage.batch >= 1, f"{name}.batch", stage.batch, "1 or more"),
                (stage.rate > 0, f"{name}.rate", stage.rate, "> 0"),
                (0 <= stage.noise < 1, f"{name}.noise", stage.noise, "0 to below 1"),
                (stage.levels >= 2, f"{name}.levels", stage.levels, "2 or more"),
            ]
        for holds, key, value, accepted in checks:
            if not holds:
                raise InputError(f"{path}: {key} = {value!r}; accepted: {accepted}")


@dataclass(frozen=True)
class _Head:
    """Keys outside the sections."""

    table: str = ""
    test_records: tuple[int, ...] = (119,)
    seed: int = 0
    seeds: int = 3
    chips: int = 20
    first_chip: int = 1000
    balance: bool = False
    validation: bool = False


def _beside(path: Path, network: Any) -> Any:
    """The network, its file beside the description."""
    if isinstance(network, CoreNetwork) and network.begin.endswith(".npz"):
        return replace(network, begin=str(path.parent / network.begin))
    return network


_HEAD = frozenset(_Head.__dataclass_fields__)


def is_four_way(path: Path) -> bool:
    """The description asks for a four-way study."""
    return read_toml(path).get("study") == STUDY


def needs_chip(training: str) -> bool:
    """The training is for one chip."""
    return training in ON_CHIP
