"""A four-way study: ideal training on ideal circuits and on chips, training for the distribution, for one chip.

Every training is one file of the folder ``trainings``: a stopped study goes on where it was, more seeds or chips take
up what there is, and a file of another description is refused.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spicetwin.boundary import InputError
from spicetwin.train.four_way_settings import FourWay, needs_chip
from spicetwin.train.last_good import PREFIX, keep_last_good, packed
from spicetwin.train.learning import DivergenceError, Family, Learned, Weights, learn
from spicetwin.writing import write_bytes

IntArray = NDArray[np.int64]
Say = Callable[[str], None]

FORMAT = "four-way-training/1"


@dataclass(frozen=True)
class Split:
    """A split of the task: its name, and the network on it for a seed."""

    name: str
    family: Callable[[int], Family[Any]]


@dataclass(frozen=True)
class Training:
    """Which training of a study.

    Attributes
    ----------
    split
        Number of the split.
    kind
        Key of :data:`.four_way_settings.TRAININGS`.
    seed
        Number of the seed, from 0 on.
    chip
        Number of the chip it is for, -1: none.
    """

    split: int
    kind: str
    seed: int
    chip: int = -1


@dataclass(frozen=True)
class Outcome:
    """A finished training.

    Attributes
    ----------
    learned
        Weights and losses.
    ideal
        Answers of the typical instance, (samples,); none where it is for one chip.
    chips
        Answers of the chips that were tested, (chips, samples); of its own and the next where it is for one.
    """

    learned: Learned
    ideal: IntArray
    chips: IntArray


class Study:
    """All trainings of a description on given splits."""

    def __init__(self, settings: FourWay, splits: tuple[Split, ...], folder: Path, say: Say) -> None:
        """Nothing is trained yet; files go to ``folder``."""
        self.settings, self.splits, self.folder, self.say = settings, splits, folder, say
        self.part = "validation" if settings.validation else "test"
        self._families: dict[tuple[int, int], Family[Any]] = {}

    def trainings(self) -> Iterator[Training]:
        """All trainings, in the order in which they are done: those for single chips last."""
        s = self.settings
        kinds = ("ideal", *s.modes)
        places = [(split, seed) for split in range(len(self.splits)) for seed in range(s.seeds)]
        for kind in kinds:
            if not needs_chip(kind):
                yield from (Training(split, kind, seed) for split, seed in places)
        for chip in range(s.chips):
            for kind in kinds:
                if needs_chip(kind):
                    yield from (Training(split, kind, seed, chip) for split, seed in places)

    def run(self) -> dict[Training, Outcome]:
        """Do what is not done yet.

        Raises
        ------
        InputError
            When a training diverges, or the folder holds trainings of another description.
        """
        found: dict[Training, Outcome] = {}
        for training in self.trainings():
            found[training] = self.outcome(training, found)
        return found

    def outcome(self, training: Training, found: dict[Training, Outcome]) -> Outcome:
        """One training, from its file or done now."""
        path = self.path(training)
        number = len(self._tested_on(training))
        if path.exists():
            kept = read_training(path, self._identity(training))
            if len(kept.chips) >= number:
                return kept
            outcome = self._tested(training, kept.learned)
        else:
            begin = found.get(Training(training.split, "ideal", training.seed))
            outcome = self._tested(training, self._learned(training, begin))
        write_training(path, self._identity(training), outcome)
        return outcome

    def path(self, training: Training) -> Path:
        """File of a training."""
        chip = f"-chip{self.settings.first_chip + training.chip}" if training.chip >= 0 else ""
        split = self.splits[training.split].name
        name = f"{training.kind}-{split}-seed{self.settings.seed + training.seed}{chip}.npz"
        return self.folder / "trainings" / name

    def family(self, training: Training) -> Family[Any]:
        """The network on its task."""
        key = (training.split, training.seed)
        if key not in self._families:
            self._families[key] = self.splits[training.split].family(self.settings.seed + training.seed)
        return self._families[key]

    def _learned(self, training: Training, ideal: Outcome | None) -> Learned:
        family, seed = self.family(training), self.settings.seed + training.seed
        stage = self.settings.stage(training.kind)
        begin = family.begin(seed) if not stage.from_ideal or ideal is None else ideal.learned.weights
        chip = self._chip(training.chip, family) if training.chip >= 0 else None
        try:
            learned = learn(family, begin, stage.learning(training.kind), seed, chip)
        except DivergenceError as error:
            path = self.path(training).with_suffix(".last_good.npz")
            raise keep_last_good(error, path, training.kind) from error
        last = f"loss {learned.losses[-1]:.4f}" if learned.losses else "weights as they were"
        self.say(f"{self.path(training).stem}: {last}")
        return learned

    def _tested(self, training: Training, learned: Learned) -> Outcome:
        family = self.family(training)
        numbers = self._tested_on(training)
        on = [family.decide(learned.weights, self.part, self._chip(k, family)) for k in numbers]
        ideal = np.zeros(0, np.int64)
        if training.chip < 0:
            ideal = family.decide(learned.weights, self.part, None)
        return Outcome(learned, ideal, np.array(on))

    def _tested_on(self, training: Training) -> range:
        """Numbers of the chips: all, or that of the training and the next one."""
        if needs_chip(training.kind):
            return range(training.chip, training.chip + 2)
        return range(self.settings.chips)

    def _chip(self, number: int, family: Family[Any]) -> Any:
        return family.chip(self.settings.first_chip + number)

    def _identity(self, training: Training) -> str:
        return self.settings.identity(training.kind, self.family(training).origin)


def write_training(path: Path, identity: str, outcome: Outcome) -> None:
    """NPZ file of a training, whole or not at all."""
    arrays: dict[str, NDArray[Any]] = {
        "format": np.array(FORMAT),
        "identity": np.array(identity),
        "losses": np.array(outcome.learned.losses),
        "ideal": outcome.ideal.astype(np.int16),
        "chips": outcome.chips.astype(np.int16),
    }
    write_bytes(path, packed(arrays | {PREFIX + n: w for n, w in outcome.learned.weights.items()}))


def read_training(path: Path, identity: str) -> Outcome:
    """The training of a file.

    Raises
    ------
    InputError
        When it is none, or of another description (network, task, table or schedule).
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            arrays = {name: np.asarray(data[name]) for name in data.files}
        if str(arrays["format"]) != FORMAT:
            raise ValueError(f"format {arrays['format']}")
        held = str(arrays["identity"])
        weights: Weights = {
            name.removeprefix(PREFIX): array for name, array in arrays.items() if name.startswith(PREFIX)
        }
        losses = tuple(float(v) for v in arrays["losses"])
        answers = [arrays[name].astype(np.int64) for name in ("ideal", "chips")]
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: no training of a four-way study: {error}") from error
    if held != identity:
        raise InputError(
            f"{path}: trained for another description (network, schedule or table: {held}, wanted {identity}); "
            "accepted: the same description, or another folder"
        )
    return Outcome(Learned(weights, losses), answers[0], answers[1])
