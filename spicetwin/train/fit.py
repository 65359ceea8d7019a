"""Training loop: AdamW under a warm-up and cosine rate, a checkpoint and a line of the learning curve per epoch."""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pysim.tasks import Task
from spicetwin.boundary import InputError
from spicetwin.train.augment import augmented
from spicetwin.train.learning import DivergenceError
from spicetwin.train.mingru import MinGruStack
from spicetwin.train.nonideal import Nonideal
from spicetwin.train.settings import Constraints, Settings
from spicetwin.writing import write_bytes, write_text

CURVE = ("epoch", "rate", "loss", "train", "validation", "seconds")
#: Share of an ideal run's steps during which the rate rises.
WARM_UP = 0.05


@dataclass(frozen=True)
class Epoch:
    """One line of the learning curve: losses in nats, accuracies as fractions."""

    epoch: int
    rate: float
    loss: float
    train: float
    validation: float
    seconds: float


def accuracy(
    net: MinGruStack,
    x: Any,
    y: Any,
    constraints: Constraints,
    inner: Any,
    typical: Nonideal | None = None,
    batch: int = 250,
) -> float:
    """Fraction of the samples ``x`` that ``net`` classifies as ``y``, on the ``typical`` chip where there is one."""
    right = 0
    with torch.no_grad():
        for start in range(0, len(y), batch):
            scores = net(pixels(x[start : start + batch]), constraints, typical, inner)
            right += int((scores.argmax(1).numpy() == y[start : start + batch]).sum())
    return right / max(len(y), 1)


def pixels(images: NDArray[np.uint8]) -> Any:
    """Grey values 0..255 of (samples, ...) as float32 sequences in [0, 1]."""
    return torch.from_numpy(images.reshape(len(images), -1).astype(np.float32) / np.float32(255.0))


def rate_at(step: int, steps: int, peak: float) -> float:
    """Learning rate: linear rise, then half a cosine to zero."""
    rise = max(1, round(WARM_UP * steps))
    if step < rise:
        return peak * (step + 1) / rise
    return 0.5 * peak * (1.0 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


class Trainer:
    """Trains one network on one task; after every epoch the state can be saved and taken up again."""

    def __init__(self, net: MinGruStack, task: Task, settings: Settings, inner: Any = torch.bfloat16) -> None:
        """Split the training set and prepare the optimiser; ``inner`` is the type between layers.

        Raises
        ------
        InputError
            When the validation samples leave nothing to train on.
        """
        schedule = settings.schedule
        if not 0 < schedule.validation < len(task.train_y):
            raise InputError(
                f"train.validation = {schedule.validation}; accepted: 1 to {len(task.train_y) - 1} of the "
                f"{len(task.train_y)} training samples"
            )
        self.net, self.task, self.schedule, self.seed = net, task, schedule, settings.seed
        self.constraints, self.inner = settings.constraints, inner
        self.nonideal = Nonideal(settings.spread, self.seed, 3) if settings.spread.present else None
        typical = settings.spread.typical
        self.typical = Nonideal(typical, self.seed, 4) if typical.present else None
        order = np.random.default_rng([self.seed, 1]).permutation(len(task.train_y))
        self.held, self.used = order[: schedule.validation], order[schedule.validation :]
        self.optimiser = torch.optim.AdamW(
            [
                {"params": [layer.weight for layer in net.layers], "weight_decay": 0.0, "share": 1.0},
                {
                    "params": [
                        p for layer in net.layers for p in (layer.bias, layer.log_slope, layer.offset)
                    ],
                    "weight_decay": 0.0,
                    "share": schedule.bias_rate,
                },
                {
                    "params": [net.readout_weight, net.readout_bias],
                    "weight_decay": schedule.decay,
                    "share": 1.0,
                },
            ],
            lr=schedule.rate,
            betas=(0.9, 0.99),
        )
        self.curve: list[Epoch] = []

    @property
    def steps(self) -> int:
        """Optimiser steps of an epoch."""
        return math.ceil(len(self.used) / self.schedule.batch)

    def run(self, after: Callable[[Trainer], None]) -> None:
        """Train the remaining epochs; ``after`` is called behind each."""
        while len(self.curve) < self.schedule.epochs:
            self.curve.append(self._epoch(len(self.curve)))
            after(self)

    def _epoch(self, number: int) -> Epoch:
        """One pass; a loss that is not finite leaves the weights of the epoch before and raises DivergenceError."""
        s = self.schedule
        begin = time.monotonic()
        rng = np.random.default_rng([self.seed, 2, number])
        if self.nonideal is not None:
            self.nonideal.restart(self.seed, 3, number)
        losses, right, seen, rate = 0.0, 0, 0, 0.0
        good = {name: value.clone() for name, value in self.net.state_dict().items()}
        for k, (images, labels) in enumerate(self._batches(rng)):
            rate = rate_at(number * self.steps + k, s.epochs * self.steps, s.rate)
            for group in self.optimiser.param_groups:
                group["lr"] = rate * group["share"]
            scores = self.net(pixels(images), self.constraints, self.nonideal, self.inner)
            loss = torch.nn.functional.cross_entropy(
                scores, torch.from_numpy(labels), label_smoothing=s.smoothing
            )
            if not math.isfinite(float(loss.detach())):
                self.net.load_state_dict(good)
                raise DivergenceError(number * self.steps + k + 1, number + 1, float(loss.detach()))
            self.optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
            self.optimiser.step()
            self.net.clamp(self.constraints)
            losses += float(loss.detach()) * len(labels)
            right += int((scores.detach().argmax(1).numpy() == labels).sum())
            seen += len(labels)
        x, y = self.task.train_x[self.held], self.task.train_y[self.held]
        held = accuracy(self.net, x, y, self.constraints, self.inner, self.typical)
        return Epoch(number + 1, rate, losses / seen, right / seen, held, round(time.monotonic() - begin, 1))

    def _batches(self, rng: np.random.Generator) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
        s = self.schedule
        order = rng.permutation(self.used)
        for start in range(0, len(order), s.batch):
            chosen = order[start : start + s.batch]
            images = augmented(self.task.train_x[chosen], s.shift, s.stretch, rng)
            yield images, self.task.train_y[chosen]

    def save(self, path: Path) -> None:
        """Checkpoint: weights, optimiser and curve, whole or not at all."""
        buffer = io.BytesIO()
        torch.save(
            {
                "net": self.net.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "curve": [asdict(e) for e in self.curve],
                "schedule": asdict(self.schedule),
            },
            buffer,
        )
        write_bytes(path, buffer.getvalue())

    def resume(self, path: Path) -> None:
        """Take up a checkpoint of the same schedule.

        Raises
        ------
        InputError
            When the file is no checkpoint, or of another schedule or network.
        """
        try:
            # weights_only: tensors and plain values, nothing that could run code.
            state = torch.load(path, weights_only=True)
            if state["schedule"] != asdict(self.schedule):
                raise InputError(f"{path}: checkpoint of another schedule: {state['schedule']}")
            self.net.load_state_dict(state["net"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.curve = [Epoch(**e) for e in state["curve"]]
        except InputError:
            raise
        except Exception as error:
            raise InputError(f"{path}: no checkpoint of this network: {error}") from error

    def write_curve(self, path: Path) -> None:
        """Learning curve as CSV."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(CURVE)
        for e in self.curve:
            figures = (f"{e.rate:.3g}", f"{e.loss:.4f}", f"{e.train:.4f}", f"{e.validation:.4f}")
            writer.writerow([e.epoch, *figures, e.seconds])
        write_text(path, text.getvalue())
