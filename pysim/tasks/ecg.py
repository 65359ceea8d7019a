"""Heart beats of the MIT-BIH arrhythmia database as spikes: premature ventricular contractions against all others.

Encoder: delta modulation, as the published pipelines do. A reference follows the signal in steps of a tenth of the
record's span; every crossing of a step up or down is a spike on one of two channels. The span is the median over a
record's beats of their range, so an electrode's gain falls out.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pysim.tasks.spike_task import SpikeTask
from pysim.tasks.task import TaskError

FloatArray = NDArray[np.float64]

#: Steps of the modulator in a record's span.
STEPS_PER_SPAN = 10
#: Every how many samples the baseline sees one.
_COARSE = 4
#: Stretch in time about the R peak, and gain, of the beats of patients that were not recorded; assumed.
MOVED = ((0.8, 1.0), (1.25, 1.0), (1.0, 0.75), (1.0, 1.33), (0.85, 0.85), (1.18, 1.18))
_KEYS = ("x", "y", "record", "fs")
#: Share of a record's beats that a split in time trains on.
EARLIER = 0.8


def ecg(path: Path, test_record: int | None) -> SpikeTask:
    """Beats with the class 1 for a premature ventricular contraction, 0 for any other.

    Parameters
    ----------
    path
        NPZ file: ``x`` (beats, samples) with the R peak at a fixed place, ``y`` 0 or 1, ``record``, ``fs`` (Hz).
    test_record
        Record whose beats test what was learned from all others; ``None``: the last fifth of every record with
        both classes tests what was learned from the beats before.

    Raises
    ------
    TaskError
        When the file is damaged, holds no labels, or a class is empty in the training or the test.
    """
    beats, classes, record, rate = _read(path)
    if test_record is None:
        test = _later(classes, record)
    else:
        test = record == test_record
        if not test.any():
            known = ", ".join(map(str, np.unique(record)))
            raise TaskError(f"{path}: holds no record {test_record}; accepted: {known}")
    span = _spans(beats, record)
    spikes = delta_modulated(beats, span / STEPS_PER_SPAN)
    # The baseline has the same help: gain and offset of the record do not count.
    raw = beats[:, ::_COARSE] / span[:, None]
    raw = raw - raw.mean(axis=1, keepdims=True)
    trained = beats[~test]
    peak = r_peak(trained, classes[~test])
    moved = tuple(
        delta_modulated(gain * stretched(trained, peak, stretch), span[~test] / STEPS_PER_SPAN)
        for stretch, gain in MOVED
    )
    name = "ecg, later beats" if test_record is None else f"ecg, record {test_record} unseen"
    return SpikeTask(
        name, 1.0 / rate,
        spikes[~test], classes[~test], spikes[test], classes[test], record[~test], record[test],
        raw[~test], raw[test], moved,
    )  # fmt: skip


def r_peak(beats: FloatArray, classes: NDArray[np.int64]) -> int:
    """Sample where the beats of class 0 (all, where there is none) are, in the median, farthest from their median."""
    usual = beats[classes == 0] if (classes == 0).any() else beats
    return int(np.median(np.abs(usual - np.median(usual, axis=1, keepdims=True)).argmax(axis=1)))


def stretched(beats: FloatArray, centre: int, factor: float) -> FloatArray:
    """Beats ``factor`` times as long about the sample ``centre``, linearly interpolated, their ends held."""
    time = np.arange(beats.shape[1])
    place = np.clip(centre + (time - centre) / factor, 0, beats.shape[1] - 1)
    low = np.minimum(place.astype(np.int64), beats.shape[1] - 2)
    share = place - low
    return np.asarray((1.0 - share) * beats[:, low] + share * beats[:, low + 1])


def delta_modulated(signal: FloatArray, step: FloatArray) -> NDArray[np.uint8]:
    """Spikes up and down (samples, times, 2) of signals (samples, times) with steps (samples,).

    The reference makes as many steps at once as the signal is away; they are one spike.
    """
    spikes = np.zeros((*signal.shape, 2), np.uint8)
    reference = signal[:, 0].copy()
    for t in range(1, signal.shape[1]):
        away = np.trunc((signal[:, t] - reference) / step)
        spikes[:, t, 0], spikes[:, t, 1] = away > 0, away < 0
        reference += step * away
    return spikes


def _read(path: Path) -> tuple[FloatArray, NDArray[np.int64], NDArray[np.int64], float]:
    """Beats, classes, records and sampling rate of a file that holds them."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            held = {name: np.asarray(data[name]) for name in data.files}
    except OSError as error:
        raise TaskError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, EOFError, zipfile.BadZipFile, KeyError) as error:
        raise TaskError(f"{path}: no NPZ file of numbers: {error}") from error
    if "y" not in held:
        raise TaskError(f"{path}: holds no labels (array y); found: {', '.join(held) or 'nothing'}")
    missing = [name for name in _KEYS if name not in held]
    if missing:
        raise TaskError(f"{path}: holds no array {missing[0]}; accepted: {', '.join(_KEYS)}")
    x, y, record, rate = (held[name] for name in _KEYS)
    if x.ndim != 2 or not len(x) or y.shape != x.shape[:1] or record.shape != y.shape:
        raise TaskError(
            f"{path}: beats {x.shape}, labels {y.shape}, records {record.shape}; accepted: (beats, samples), "
            "(beats,), (beats,)"
        )
    strange = sorted(set(np.unique(y).tolist()) - {0, 1})
    if strange:
        raise TaskError(f"{path}: label {strange[0]}; accepted: 0 and 1")
    if rate.size != 1 or not float(rate) > 0:
        raise TaskError(f"{path}: fs = {rate}; accepted: one sampling rate > 0 Hz")
    beats = x.astype(np.float64)
    flat = np.flatnonzero(~np.isfinite(beats).all(axis=1) | (np.ptp(beats, axis=1) == 0))
    if len(flat):
        raise TaskError(f"{path}: beat {flat[0]} is flat or not finite")
    return beats, y.astype(np.int64), record.astype(np.int64), float(rate)


def _spans(beats: FloatArray, record: NDArray[np.int64]) -> FloatArray:
    """Median range of the beats of each beat's record."""
    ranges = np.ptp(beats, axis=1)
    span = np.empty(len(beats))
    for name in np.unique(record):
        span[record == name] = np.median(ranges[record == name])
    return span


def _later(classes: NDArray[np.int64], record: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Last fifth of the beats of each record that has both classes on both sides."""
    test = np.zeros(len(classes), np.bool_)
    for name in np.unique(record):
        beats = np.flatnonzero(record == name)
        later = beats[round(EARLIER * len(beats)) :]
        if len(np.unique(classes[later])) == 2:
            test[later] = True
    return test
