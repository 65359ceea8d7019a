"""Spoken digits: the Free Spoken Digit Dataset through a filter bank and integrate-and-fire encoders.

It stands in for the Spiking Heidelberg Digits, which cannot be obtained here: 3,000 recordings of ten digits by six
speakers at 8 kHz, files ``digit_speaker_take.wav``. The official split tests with takes 0 to 4.

Encoder: energies of bands evenly spaced on the mel scale (700 Hz scale of O'Shaughnessy), Hann windows of 25 ms, one
per step; in decibels below the recording's loudest band, from -60 dB (0) to 0 dB (1); every channel adds its level to
an integrator and spikes whenever that reaches ``charge``.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pysim.tasks.spike_task import SpikeTask
from pysim.tasks.task import TaskError
from pysim.tasks.wav import read_wav

FloatArray = NDArray[np.float64]

RATE = 8000
TEST_TAKES = 5
BANDS = 32
STEPS = 100
DT = 10e-3
_WINDOW = 200
_LOW, _HIGH, _RANGE = 100.0, 3900.0, 60.0
_CHARGE = 2.0
_NAME = re.compile(r"(\d)_([a-z]+)_(\d+)\.wav")
#: Pieces of time that the baseline sees.
_PIECES = 10


def fsdd(folder: Path, bands: int = BANDS) -> SpikeTask:
    """The task from the recordings in ``folder``: takes 0 to 4 of every speaker and digit test, the rest train.

    Raises
    ------
    TaskError
        When the folder holds no recordings, or one is of another rate, stereo or cut short.
    """
    found = [(m, path) for path in sorted(folder.glob("*.wav")) if (m := _NAME.fullmatch(path.name))]
    if not found:
        raise TaskError(f"{folder}: holds no recordings; accepted: files named digit_speaker_take.wav")
    bank = filter_bank(bands)
    levels = np.stack([band_levels(read_wav(path, RATE), bank) for _, path in found])
    spikes = fire(levels)
    digit = np.array([int(m[1]) for m, _ in found])
    names = sorted({m[2] for m, _ in found})
    speaker = np.array([names.index(m[2]) for m, _ in found])
    test = np.array([int(m[3]) for m, _ in found]) < TEST_TAKES
    raw = levels.reshape(len(levels), _PIECES, -1, bands).mean(axis=2).reshape(len(levels), -1)
    return SpikeTask(
        "fsdd", DT,
        spikes[~test], digit[~test], spikes[test], digit[test], speaker[~test], speaker[test],
        raw[~test], raw[test],
    )  # fmt: skip


def mel(hertz: float | FloatArray) -> FloatArray:
    """Mel scale, 2595 log10(1 + f / 700 Hz)."""
    return np.asarray(2595.0 * np.log10(1.0 + np.asarray(hertz) / 700.0))


def filter_bank(bands: int) -> FloatArray:
    """Weights of the power spectrum in each band, triangles, shape (frequencies, bands)."""
    if not 1 <= bands <= _WINDOW // 2:
        raise TaskError(f"{bands} bands; accepted: 1 to {_WINDOW // 2}")
    edge = 700.0 * (10.0 ** (np.linspace(mel(_LOW), mel(_HIGH), bands + 2) / 2595.0) - 1.0)
    frequency = np.fft.rfftfreq(_WINDOW, 1.0 / RATE)[:, None]
    low, centre, high = edge[:-2], edge[1:-1], edge[2:]
    # The lowest bands are narrower than a line of the spectrum: each takes at least the width of one.
    width = np.maximum(np.stack([centre - low, high - centre]), RATE / _WINDOW)
    rise, fall = (frequency - centre) / width[0] + 1.0, (centre - frequency) / width[1] + 1.0
    return np.asarray(np.clip(np.minimum(rise, fall), 0.0, None))


def band_levels(signal: NDArray[np.int16], bank: FloatArray) -> FloatArray:
    """Levels 0 to 1 of the bands, shape (STEPS, bands); longer recordings are cut, shorter ones followed by silence."""
    hop = round(DT * RATE)
    padded = np.zeros(hop * (STEPS - 1) + _WINDOW)
    used = signal[: len(padded)].astype(np.float64)
    padded[: len(used)] = used
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::hop]
    power = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW), axis=1)) ** 2 @ bank
    top = float(power.max())
    if top == 0.0:
        return np.zeros_like(power)
    return np.asarray(np.clip(1.0 + 10.0 * np.log10(np.maximum(power / top, 1e-12)) / _RANGE, 0.0, 1.0))


def fire(levels: FloatArray, charge: float = _CHARGE) -> NDArray[np.uint8]:
    """Spikes of integrate-and-fire encoders driven by ``levels`` (samples, steps, bands), all below ``charge``."""
    whole = np.floor(np.cumsum(levels, axis=1) / charge)
    return np.diff(whole, axis=1, prepend=0.0).astype(np.uint8)
