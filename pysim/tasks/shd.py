"""Spiking Heidelberg Digits: spikes of 700 cochlear channels for spoken digits, twenty classes.

The files are the user's own (Cramer et al. 2022, doi:10.1109/TNNLS.2020.3044364): ``shd_train.h5`` and ``shd_test.h5``,
each with ``spikes/times`` (s), ``spikes/units`` (a list a sample) and ``labels``. Reading them needs h5py, since the
times are half-precision numbers, which netCDF lacks.

Binned as in the published delay networks (EIS-Hub/DenRAM): steps of 5 ms, 0 or 1 spike a step and channel, the first
150 steps. Fewer channels merge neighbours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pysim.tasks.spike_task import SpikeTask
from pysim.tasks.task import TaskError

UNITS = 700
CLASSES = 20
DT = 5e-3
STEPS = 150
FILES = ("shd_train.h5", "shd_test.h5")
#: Pieces of time and groups of channels that the baseline counts spikes in.
_PIECES, _GROUPS = 10, 70


def shd(folder: Path, channels: int = UNITS, dt: float = DT, steps: int = STEPS) -> SpikeTask:
    """The task from ``shd_train.h5`` and ``shd_test.h5`` in ``folder``.

    Parameters
    ----------
    channels
        1 to 700; fewer merge neighbouring units.
    dt, steps
        Step (s) and number of steps; later spikes are cut off.

    Raises
    ------
    TaskError
        When h5py or a file is missing, or a file is not what it should be; with the file, sample and value.
    """
    if not (1 <= channels <= UNITS and dt > 0.0 and steps >= _PIECES):
        raise TaskError(
            f"{channels} channels, dt = {dt:g} s, {steps} steps; accepted: 1 to {UNITS}, > 0 s, {_PIECES} or more"
        )
    parts = [_read(folder / name, channels, dt, steps) for name in FILES]
    (x, y, speaker, raw), (test_x, test_y, test_speaker, test_raw) = parts
    return SpikeTask("shd", dt, x, y, test_x, test_y, speaker, test_speaker, raw, test_raw)


def _read(
    path: Path, channels: int, dt: float, steps: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Spikes, classes, speakers and counts of one file."""
    try:
        import h5py
    except ImportError as error:
        raise TaskError(f"{path}: reading HDF5 needs h5py; accepted: pip install 'spicetwin[shd]'") from error
    try:
        with h5py.File(path, "r") as file:
            times, units = _dataset(path, file, "spikes/times"), _dataset(path, file, "spikes/units")
            labels = np.asarray(_dataset(path, file, "labels")[...])
            speakers = np.asarray(file["extra/speaker"][...]) if "extra/speaker" in file else None
            if not (times.shape == units.shape == labels.shape and labels.ndim == 1 and len(labels)):
                raise TaskError(
                    f"{path}: times {times.shape}, units {units.shape}, labels {labels.shape}; accepted: one list of "
                    "times, one of units and one label a sample, at least one sample"
                )
            x = np.zeros((len(labels), steps, channels), np.uint8)
            for k in range(len(labels)):
                _bin(path, k, times[k], units[k], dt, x[k])
    except OSError as error:
        raise TaskError(f"{path}: cannot be read as HDF5: {error}") from error
    strange = [v for v in np.unique(labels).tolist() if v not in range(CLASSES)]
    if strange:
        raise TaskError(f"{path}: label {strange[0]!r}; accepted: 0 to {CLASSES - 1}")
    group = np.zeros(len(labels), np.int64) if speakers is None else speakers.astype(np.int64)
    if group.shape != labels.shape:
        raise TaskError(f"{path}: {group.shape} speakers for {len(labels)} samples; accepted: one a sample")
    return x, labels.astype(np.int64), group, _counts(x)


def _dataset(path: Path, file: Any, name: str) -> Any:
    """A data set of a file that must have it."""
    if name not in file:
        raise TaskError(f"{path}: holds no data set {name}; accepted: spikes/times, spikes/units, labels")
    return file[name]


def _bin(path: Path, sample: int, times: Any, units: Any, dt: float, out: NDArray[np.uint8]) -> None:
    """Mark the spikes of one sample in ``out`` (steps, channels)."""
    when, unit = np.asarray(times, dtype=np.float64), np.asarray(units)
    if when.shape != unit.shape or when.ndim != 1:
        raise TaskError(
            f"{path}: sample {sample} has times {when.shape} for units {unit.shape}; accepted: one time a unit"
        )
    if not np.all(np.isfinite(when)) or np.any(when < 0.0):
        wrong = when[~np.isfinite(when) | (when < 0.0)][0]
        raise TaskError(
            f"{path}: sample {sample} has a spike at {wrong:g} s; accepted: finite times of 0 s or more"
        )
    unit = unit.astype(np.int64)
    if np.any((unit < 0) | (unit >= UNITS)):
        wrong = unit[(unit < 0) | (unit >= UNITS)][0]
        raise TaskError(f"{path}: sample {sample} has a spike of unit {wrong}; accepted: 0 to {UNITS - 1}")
    step = np.floor(when / dt).astype(np.int64)
    kept = step < len(out)
    out[step[kept], unit[kept] * out.shape[1] // UNITS] = 1


def _counts(x: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Spikes in pieces of time and groups of channels, a row a sample."""
    samples, steps, channels = x.shape
    group = np.arange(channels) * min(_GROUPS, channels) // channels
    piece = np.arange(steps) * _PIECES // steps
    by_group = np.add.reduceat(x, np.unique(group, return_index=True)[1], axis=2, dtype=np.float64)
    both = np.add.reduceat(by_group, np.unique(piece, return_index=True)[1], axis=1)
    return np.asarray(both.reshape(samples, -1))
