"""Tasks of spikes: recordings and beats become the spikes they should, and bad files are refused by name."""

from __future__ import annotations

import dataclasses
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pysim.tasks import TaskError
from pysim.tasks.ecg import delta_modulated, ecg, r_peak, stretched
from pysim.tasks.fsdd import DT, RATE, STEPS, band_levels, filter_bank, fire, fsdd, mel
from pysim.tasks.wav import read_wav

BEATS = Path(__file__).resolve().parents[3] / "shared" / "tasks" / "mitbih_beats_pvc.npz"


def record(path: Path, signal: Any, rate: int = RATE, channels: int = 1, width: int = 2) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(np.asarray(signal, f"<i{width}").tobytes())
    return path


def tone(hertz: float, seconds: float = 0.3) -> Any:
    return np.rint(8000 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE))


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"rate": 16000}, "16000 Hz; accepted: 8000"),
        ({"channels": 2}, "2 channels; accepted: 1"),
        ({"width": 4}, "4 bytes a sample; accepted: 2"),
    ],
)
def test_recordings_of_another_kind_are_refused(tmp_path: Path, how: dict[str, int], says: str) -> None:
    path = record(tmp_path / "0_ann_0.wav", tone(500), **how)
    with pytest.raises(TaskError, match=f"0_ann_0.wav: {says}"):
        read_wav(path, RATE)


def test_a_recording_cut_short_is_refused(tmp_path: Path) -> None:
    path = record(tmp_path / "0_ann_0.wav", tone(500))
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    with pytest.raises(TaskError, match="cut short: 2350 samples of the 2400 that its header announces"):
        read_wav(path, RATE)
    path.write_bytes(whole[:20])
    with pytest.raises(TaskError, match="no WAV recording"):
        read_wav(path, RATE)
    path.write_text("text")
    with pytest.raises(TaskError, match="no WAV recording"):
        read_wav(path, RATE)
    with pytest.raises(TaskError, match="cannot be read: No such file"):
        read_wav(tmp_path / "1_ann_0.wav", RATE)
    with pytest.raises(TaskError, match="holds no samples"):
        read_wav(record(path, []), RATE)


def test_a_tone_excites_the_band_it_lies_in() -> None:
    bank = filter_bank(32)
    centres = 700 * (10 ** (np.linspace(mel(100), mel(3900), 34)[1:-1] / 2595) - 1)
    for band in (5, 15, 28):
        levels = band_levels(tone(centres[band]).astype(np.int16), bank)
        assert abs(int(levels[:25].sum(axis=0).argmax()) - band) <= 1
    # Silence behind the tone, and a recording of zeros, are silent.
    assert levels[40:].max() == 0.0
    assert band_levels(np.zeros(4000, np.int16), bank).max() == 0.0


def test_encoders_spike_as_often_as_their_level_fills_them() -> None:
    levels = np.broadcast_to([0.0, 0.25, 1.0], (1, STEPS, 3))
    np.testing.assert_array_equal(fire(levels, charge=2.0).sum(axis=1)[0], [0, 12, 50])


def test_takes_below_five_test(tmp_path: Path) -> None:
    for digit in range(2):
        for take in (4, 5, 6):
            record(tmp_path / f"{digit}_ann_{take}.wav", tone(400 + 900 * digit))
    task = fsdd(tmp_path)
    assert task.test_y.tolist() == [0, 1]
    assert task.train_y.tolist() == [0, 0, 1, 1]
    assert (task.dt, task.steps, task.channels, task.classes) == (DT, STEPS, 32, 2)
    assert not np.array_equal(task.test_x[0], task.test_x[1])
    with pytest.raises(TaskError, match="holds no recordings; accepted: files named digit_speaker_take"):
        fsdd(tmp_path / "empty")
    (tmp_path / "1_ann_4.wav").unlink()
    with pytest.raises(TaskError, match="task fsdd: class 1 has no testing sample"):
        fsdd(tmp_path)


@pytest.mark.measured
def test_spoken_digits_have_the_official_split(mirror: Path) -> None:
    folders = list(mirror.glob("Jakobovski/free-spoken-digit-dataset/*/recordings"))
    if not folders:
        pytest.skip("the mirror holds no spoken digits")
    task = fsdd(folders[0])
    assert (len(task.train_y), len(task.test_y)) == (2700, 300)
    np.testing.assert_array_equal(np.bincount(task.test_y), 30)
    assert len(np.unique(task.train_group)) == 6
    # Between a spike in nearly every step of a channel and none at all.
    assert 0.05 < task.train_x.mean() < 0.15


def test_delta_modulation_follows_the_signal_to_a_step() -> None:
    rng = np.random.default_rng(0)
    signal = np.cumsum(rng.normal(0, 0.2, (4, 200)), axis=1)
    spikes = delta_modulated(signal, np.full(4, 1.0)).astype(int)
    followed = signal[:, :1] + np.cumsum(spikes[:, :, 0] - spikes[:, :, 1], axis=1)
    assert np.abs(followed - signal).max() < 1.0
    # Gain and offset fall out.
    np.testing.assert_array_equal(delta_modulated(7 * signal + 3, np.full(4, 7.0)), spikes)


def beats(folder: Path, **changed: Any) -> Path:
    """Two records of wide and narrow beats; ``None`` leaves an array out."""
    rng = np.random.default_rng(1)
    y = np.tile([0, 1], 20)
    t = np.arange(64)
    x = 200 * np.exp(-(((t - 30) / np.where(y, 12.0, 4.0)[:, None]) ** 2)) + rng.normal(0, 5, (40, 64))
    given = {
        "x": x.astype(np.int16),
        "y": y.astype(np.uint8),
        "record": np.repeat([1, 2], 20),
        "fs": np.array(360),
    }
    path = folder / "beats.npz"
    np.savez(path, **{k: v for k, v in {**given, **changed}.items() if v is not None})
    return path


def test_beats_of_the_test_record_are_not_in_the_training(tmp_path: Path) -> None:
    task = ecg(beats(tmp_path), 2)
    assert set(task.train_group) == {1}
    assert set(task.test_group) == {2}
    assert task.dt == 1 / 360
    later = ecg(beats(tmp_path), None)
    assert len(later.test_y) == 8
    assert len(later.train_y) == 32


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"y": None}, "holds no labels .array y.; found: x, record, fs"),
        ({"record": None}, "holds no array record"),
        ({"y": np.zeros(39)}, r"labels \(39,\)"),
        ({"y": np.full(40, 2)}, "label 2; accepted: 0 and 1"),
        ({"fs": np.array(0)}, "fs = 0; accepted"),
        ({"x": np.zeros((40, 64))}, "beat 0 is flat"),
        ({"record": np.ones(40, int)}, "holds no record 2; accepted: 1"),
        ({"y": np.repeat([0, 1], 20)}, "class 1 has no training sample"),
        ({"y": np.repeat([1, 0], 20)}, "class 0 has no training sample"),
        ({"y": np.r_[np.tile([0, 1], 10), np.zeros(20, int)]}, "class 1 has no testing sample"),
    ],
)
def test_beats_without_labels_or_with_an_empty_class_are_refused(
    tmp_path: Path, changed: dict[str, Any], says: str
) -> None:
    with pytest.raises(TaskError, match=says):
        ecg(beats(tmp_path, **changed), 2)


def test_files_that_hold_no_beats_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "beats.npz"
    with pytest.raises(TaskError, match="cannot be read: No such file"):
        ecg(path, 2)
    path.write_text("text")
    with pytest.raises(TaskError, match="no NPZ file of numbers"):
        ecg(path, 2)
    path.write_bytes(beats(tmp_path).read_bytes()[:300])
    with pytest.raises(TaskError, match="no NPZ file of numbers"):
        ecg(path, 2)


@pytest.mark.skipif(not BEATS.is_file(), reason="no heart beats (../shared/tasks)")
def test_measured_beats_have_both_classes_in_every_split() -> None:
    task = ecg(BEATS, 106)
    assert np.bincount(task.test_y).tolist() == [900, 520]
    assert task.channels == 2
    assert len(ecg(BEATS, 119).test_y) == 1344
    assert np.bincount(ecg(BEATS, None).test_y).min() > 100


def test_moved_beats_are_stretched_about_their_peak_and_scaled(tmp_path: Path) -> None:
    t = np.arange(64)
    beat = np.exp(-(((t - 24) / 4.0) ** 2))
    longer = stretched(beat[None], 24, 1.25)[0]
    np.testing.assert_allclose(longer, np.exp(-(((t - 24) / 5.0) ** 2)), atol=0.02)
    assert r_peak(np.tile(beat, (5, 1)), np.zeros(5, np.int64)) == 24
    rng = np.random.default_rng(0)
    x = 200 * np.exp(-(((t - 24) / rng.uniform(3, 9, 40)[:, None]) ** 2))
    np.savez(tmp_path / "b.npz", x=x, y=np.tile([0, 1], 20), record=np.repeat([1, 2], 20), fs=np.array(360))
    task = ecg(tmp_path / "b.npz", 1)
    assert len(task.train_moved) == 6
    # A smaller gain makes fewer steps of the modulator, a larger one more; the beats as they are lie between.
    counts = [int(moved.sum()) for moved in (task.train_moved[2], task.train_x, task.train_moved[3])]
    assert counts == sorted(set(counts))
    with pytest.raises(TaskError, match=r"moved samples of shape \(1, 1, 1\)"):
        dataclasses.replace(task, train_moved=(np.zeros((1, 1, 1), np.uint8),))
