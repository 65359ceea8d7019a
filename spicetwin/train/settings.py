"""Description of a training in TOML: task, network, schedule, constraints, non-idealities."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from spicetwin.boundary import InputError

T = TypeVar("T")

TASKS = ("digits", "mnist")
READOUTS = ("mean_output", "last_state")
OUTPUTS = ("linear", "clipped", "binary")


@dataclass(frozen=True)
class Network:
    """Sizes of a stack.

    Attributes
    ----------
    columns
        Units of each layer.
    rows
        Rows that the one analog input drives in the first layer.
    bits
        Of gates and biases.
    bias_step
        Step of the bias codes, in V_FS / 2.
    readout
        Digital matrix on the mean of the last layer's outputs over time (``mean_output``), or on its last state
        (``last_state``).
    steepness
        Slope of the surrogate gradient of the binary output, per unit of the state; gain of a linear one.
    """

    columns: tuple[int, ...] = (64, 64, 64, 64)
    rows: int = 64
    bits: int = 6
    bias_step: float = 1.0 / 128.0
    readout: str = "mean_output"
    steepness: float = 10.0

    @property
    def layer_rows(self) -> tuple[int, ...]:
        """Rows of each layer."""
        return (self.rows, *self.columns[:-1])


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train.

    Attributes
    ----------
    epochs, batch
        Passes over the training set; samples of a step.
    rate
        Peak learning rate of AdamW.
    bias_rate
        Rate of biases and gate knobs over that of the weights: a step of ``rate`` would move a bias by more than
        one code, and the slowest gates with it.
    decay
        Weight decay of the readout; the shadow weights of the layers are bounded by their range instead.
    smoothing
        Label smoothing.
    shift, stretch
        Augmentation: largest shift (pixels) and largest relative change of each entry of the image's map.
    validation
        Samples held out of the training set to watch the training; the test set is not looked at.
    """

    epochs: int = 20
    batch: int = 32
    rate: float = 2e-2
    bias_rate: float = 0.05
    decay: float = 1e-3
    smoothing: float = 0.0
    shift: float = 0.0
    stretch: float = 0.0
    validation: int = 5000


@dataclass(frozen=True)
class Constraints:
    """Which constraints of the hardware hold.

    Attributes
    ----------
    weights, biases, gates
        2-bit weights, biases in codes, gates in codes.
    output
        Output of the layers: ``linear``, ``clipped`` or ``binary``.
    """

    weights: bool = True
    biases: bool = True
    gates: bool = True
    output: str = "binary"

    @property
    def hardware(self) -> bool:
        """All constraints hold, so that the network can be mapped onto cores."""
        return self.weights and self.biases and self.gates and self.output == "binary"


IDEAL = Constraints(weights=False, biases=False, gates=False, output="linear")
HARDWARE = Constraints()


@dataclass(frozen=True)
class Spread:
    """Non-idealities injected in training; standard deviations, drawn anew for every batch.

    Attributes
    ----------
    capacitor
        Relative mismatch of a row's capacitor.
    gate_slope, gate_offset
        Relative spread of a column's converter gain; spread of its offset in LSB.
    line_offset
        Offset of a gate's line and converter in V_FS / 2: the more LSB, the larger the layer's slope.
    candidate_offset, comparator_offset
        Offset of a column's candidate, and of the comparator that makes its output, in V_FS / 2.
    state_noise
        Thermal noise of a state, in V_FS / 2; the part that a step renews follows from its gate.
    gate_loss
        Relative loss of z by the parasitic capacitor of the state's line, the same on all columns.
    """

    capacitor: float = 0.0
    gate_slope: float = 0.0
    gate_offset: float = 0.0
    line_offset: float = 0.0
    candidate_offset: float = 0.0
    comparator_offset: float = 0.0
    state_noise: float = 0.0
    gate_loss: float = 0.0

    @property
    def present(self) -> bool:
        """Any of them is not zero."""
        return any(getattr(self, f.name) != 0.0 for f in fields(self))

    @property
    def typical(self) -> Spread:
        """What is the same on every chip."""
        return Spread(gate_loss=self.gate_loss)


@dataclass(frozen=True)
class Settings:
    """A checked description of a training.

    Attributes
    ----------
    task, data
        ``digits``, or ``mnist`` with the folder of its idx files.
    seed
        Of the split, the start, the order of the samples, the augmentation and the drawn non-idealities.
    """

    task: str
    data: Path | None
    seed: int
    network: Network
    schedule: Schedule
    constraints: Constraints
    spread: Spread

    @classmethod
    def read(cls, path: Path) -> Settings:
        """Read and check a TOML file.

        Raises
        ------
        InputError
            Naming the file, the key, the value and what is accepted.
        """
        document = read_toml(path)
        known = ("task", "data", "seed", "network", "train", "constraints", "nonideal")
        refuse_unknown(path, "", document, known)
        settings = cls(
            *task_data_seed(path, {"task": "digits", **document}, TASKS, "the folder of the task's files"),
            section(path, document, "network", Network),
            section(path, document, "train", Schedule),
            section(path, document, "constraints", Constraints),
            section(path, document, "nonideal", Spread),
        )
        settings._check(path)
        return settings

    def _check(self, path: Path) -> None:
        """Ranges; types are already right."""
        n, s, c = self.network, self.schedule, self.constraints
        checks: tuple[tuple[bool, str, object, str], ...] = (
            (
                len(n.columns) > 0 and all(w >= 1 for w in n.columns),
                "network.columns",
                list(n.columns),
                "at least one layer, 1 or more units each",
            ),
            (n.rows >= 1, "network.rows", n.rows, "1 or more"),
            (1 <= n.bits <= 8, "network.bits", n.bits, "1 to 8"),
            (n.bias_step > 0, "network.bias_step", n.bias_step, "> 0"),
            (n.steepness > 0, "network.steepness", n.steepness, "> 0"),
            (n.readout in READOUTS, "network.readout", n.readout, ", ".join(READOUTS)),
            (c.output in OUTPUTS, "constraints.output", c.output, ", ".join(OUTPUTS)),
            (s.epochs >= 1, "train.epochs", s.epochs, "1 or more"),
            (s.batch >= 1, "train.batch", s.batch, "1 or more"),
            (s.rate > 0, "train.rate", s.rate, "> 0"),
            (s.bias_rate > 0, "train.bias_rate", s.bias_rate, "> 0"),
            (s.decay >= 0, "train.decay", s.decay, ">= 0"),
            (0 <= s.smoothing < 1, "train.smoothing", s.smoothing, "0 to below 1"),
            (0 <= s.shift <= 8, "train.shift", s.shift, "0 to 8 pixels"),
            (0 <= s.stretch <= 0.5, "train.stretch", s.stretch, "0 to 0.5"),
            (s.validation >= 1, "train.validation", s.validation, "1 or more samples"),
            *(
                (
                    0 <= getattr(self.spread, f.name) < 1,
                    f"nonideal.{f.name}",
                    getattr(self.spread, f.name),
                    "0 to 1",
                )
                for f in fields(Spread)
                if f.name != "gate_offset"
            ),
            (
                0 <= self.spread.gate_offset < 64,
                "nonideal.gate_offset",
                self.spread.gate_offset,
                "0 to 64 LSB",
            ),
        )
        groups = 2**n.bits
        divided = all(rows % groups == 0 for rows in n.layer_rows)
        checks += (
            (
                divided or not c.hardware,
                "rows of the layers (network.rows, network.columns)",
                list(n.layer_rows),
                f"multiples of {groups}, as {n.bits}-bit gates swap rows in {groups} groups; or fewer network.bits",
            ),
        )
        for holds, key, value, accepted in checks:
            if not holds:
                raise InputError(f"{path}: {key} = {value!r}; accepted: {accepted}")


def read_toml(path: Path) -> dict[str, Any]:
    """Content of a TOML file.

    Raises
    ------
    InputError
        When it is none.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not TOML: {error}") from error


def refuse_unknown(path: Path, where: str, given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    """Refuse keys of the table ``where`` that are not ``known``."""
    for key in given:
        if key not in known:
            raise InputError(f"{path}: unknown key {where}{key}; accepted: {', '.join(known)}")


def task_data_seed(
    path: Path, document: Mapping[str, Any], tasks: tuple[str, ...], place: str
) -> tuple[str, Path | None, int]:
    """What every training begins with: the task, where its data lie beside ``path``, the seed (0 when absent).

    ``tasks`` and ``place`` are what is accepted of the first two, for the error.
    """
    task, data, seed = document.get("task"), document.get("data"), document.get("seed", 0)
    if not isinstance(task, str) or task not in tasks:
        raise InputError(f"{path}: task = {task!r}; accepted: {', '.join(tasks)}")
    if not (data is None or isinstance(data, str)):
        raise InputError(f"{path}: data = {data!r}; accepted: {place}")
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise InputError(f"{path}: seed = {seed!r}; accepted: an integer >= 0")
    return task, None if data is None else path.parent / data, seed


def section(path: Path, document: Mapping[str, Any], name: str, kind: type[T]) -> T:
    """Dataclass ``kind`` out of the table ``[name]``; absent keys take their defaults."""
    given = document.get(name, {})
    if not isinstance(given, dict):
        raise InputError(f"{path}: {name} = {given!r}; accepted: a table [{name}]")
    defaults = {f.name: f.default for f in fields(kind)}  # type: ignore[arg-type]
    prefix = f"{name}." if name else ""
    refuse_unknown(path, prefix, given, tuple(defaults))
    values = {k: _typed(path, f"{prefix}{k}", v, defaults[k]) for k, v in given.items()}
    return kind(**values)


def _typed(path: Path, key: str, value: Any, like: Any) -> Any:
    """``value`` when it has the type of the default ``like``."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    if isinstance(like, bool):
        fits, accepted = isinstance(value, bool), "true or false"
    elif isinstance(like, int):
        fits, accepted = whole, "an integer"
    elif isinstance(like, float):
        number = whole or (isinstance(value, float) and math.isfinite(value))
        fits, accepted = number, "a finite number"
    elif isinstance(like, tuple):
        real = bool(like) and isinstance(like[0], float)
        listed = isinstance(value, list) and all(_number(v, real) for v in value)
        fits, accepted = listed, "a list of finite numbers" if real else "a list of integers"
    else:
        fits, accepted = isinstance(value, str), "text"
    if not fits:
        raise InputError(f"{path}: {key} = {value!r}; accepted: {accepted}")
    if isinstance(like, tuple):
        return tuple(float(v) for v in value) if real else tuple(value)
    return float(value) if isinstance(like, float) else value


def _number(value: Any, real: bool) -> bool:
    """An integer, or where ``real`` a finite number."""
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (real and isinstance(value, float) and math.isfinite(value))
