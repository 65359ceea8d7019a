"""The kinds of networks that a study compares, each trained from one description."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from calibration.table import CalibrationTable
from pysim.delays.events import Events
from pysim.tasks.spike_task import SpikeTask
from spicetwin.train.delays_chips import Cells
from spicetwin.train.delays_net import DelayNet, train
from spicetwin.train.delays_recurrent import RecurrentNet, train_recurrent, units_of
from spicetwin.train.delays_score import importance
from spicetwin.train.delays_settings import DelaySettings

IntArray = NDArray[np.int64]

DELAYS, UNDELAYED, SLOW, RECURRENT = "delays", "no delays", "no delays, slow membrane", "recurrent"


def shape_of(task: SpikeTask, settings: DelaySettings) -> tuple[int, int, int]:
    """Synapses of a network without recurrence: (inputs, classes, copies)."""
    return task.channels, task.classes, settings.network.copies


def size_of(kind: str, task: SpikeTask, settings: DelaySettings) -> int:
    """Weights of a network; the recurrent one has at most as many as the others."""
    weights = int(np.prod(shape_of(task, settings)))
    if kind != RECURRENT:
        return weights
    units = units_of(weights, task.channels, task.classes)
    return units * (task.channels + units + task.classes)


def cells_of(task: SpikeTask, settings: DelaySettings, table: CalibrationTable, seed: int) -> Cells:
    """Delay cells of the chip ``seed``."""
    return Cells.drawn(table, settings.network, shape_of(task, settings), task.dt, seed)


def build(
    kind: str,
    settings: DelaySettings,
    task: SpikeTask,
    table: CalibrationTable,
    events: Events,
    classes: IntArray,
    seed: int,
    noise: float = 0.0,
) -> DelayNet | RecurrentNet:
    """A network of a kind, trained on some of the task's samples; weight noise is for those without recurrence."""
    if kind == RECURRENT:
        how = settings.recurrent
        units = units_of(int(np.prod(shape_of(task, settings))), task.channels, task.classes)
        net = RecurrentNet.drawn(task.channels, units, task.classes, task.dt, how, seed)
        train_recurrent(events, classes, net, how, seed, importance(classes, settings.train.balance))
        return net
    tau = settings.study.slow if kind == SLOW else settings.network.tau_membrane
    shape = shape_of(task, settings)
    delays = cells_of(task, settings, table, seed).steps() if kind == DELAYS else np.zeros(shape, np.int64)
    return train(events, classes, delays, tau, task.dt, settings.train, seed, noise)


def with_values(settings: DelaySettings, values: dict[str, float]) -> DelaySettings:
    """The description with values that a choice may set, by the names of :class:`~.delays_settings.Choice`."""
    v = values
    network, recurrent, study = settings.network, settings.recurrent, settings.study
    return replace(
        settings,
        network=replace(
            network,
            mean_delay=v.get("mean_delay", network.mean_delay),
            tau_membrane=v.get("tau_membrane", network.tau_membrane),
        ),
        train=replace(settings.train, rate=v.get("rate", settings.train.rate)),
        recurrent=replace(
            recurrent,
            tau_membrane=v.get("tau_neuron", recurrent.tau_membrane),
            tau_readout=v.get("tau_readout", recurrent.tau_readout),
            rate=v.get("rate", recurrent.rate),
        ),
        study=replace(study, slow=v.get("slow", study.slow)),
    )
