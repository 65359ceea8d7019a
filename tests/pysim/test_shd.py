"""Spiking Heidelberg Digits: a small file of their layout is read as binned; others are refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pysim.tasks import TaskError
from pysim.tasks.shd import FILES, shd

h5py = pytest.importorskip("h5py", reason="the extra [shd] is not installed")


def write(
    path: Path, times: list[list[float]], units: list[list[int]], labels: Any, without: str = ""
) -> None:
    """A file as published: lists of half-precision times and of units, labels, speakers."""
    with h5py.File(path, "w") as file:
        for name, rows, kind in (("times", times, np.float16), ("units", units, np.uint16)):
            if without == f"spikes/{name}":
                continue
            made = file.create_dataset(f"spikes/{name}", (len(rows),), dtype=h5py.vlen_dtype(kind))
            for k, row in enumerate(rows):
                made[k] = np.asarray(row, kind)
        if without != "labels":
            file["labels"] = np.asarray(labels)
        file["extra/speaker"] = np.arange(len(times))


GOOD: tuple[Any, ...] = ([[0.0, 0.0124, 0.0126, 0.905], [0.25]], [[0, 699, 699, 3], [350]], [0, 1])


def folder(tmp_path: Path, train: tuple[Any, ...] = GOOD, without: str = "") -> Path:
    times, units, labels = train
    write(tmp_path / FILES[0], times, units, labels, without)
    times, units, labels = GOOD
    write(tmp_path / FILES[1], times, units, labels)
    return tmp_path


def test_spikes_are_binned_as_published(tmp_path: Path) -> None:
    task = shd(folder(tmp_path))
    assert (task.train_x.shape, task.dt, task.classes) == ((2, 150, 700), 5e-3, 2)
    # Two spikes of a unit within a step count once; the one at 0.905 s lies behind 150 steps of 5 ms.
    np.testing.assert_array_equal(np.argwhere(task.train_x), [[0, 0, 0], [0, 2, 699], [1, 50, 350]])
    np.testing.assert_array_equal(task.test_y, [0, 1])
    np.testing.assert_array_equal(task.train_group, [0, 1])
    assert task.train_raw.shape == (2, 700)
    assert task.train_raw.sum() == 3
    assert task.train_raw[1, 3 * 70 + 35] == 1


def test_fewer_channels_merge_neighbours(tmp_path: Path) -> None:
    task = shd(folder(tmp_path), channels=256, dt=10e-3, steps=100)
    np.testing.assert_array_equal(
        np.argwhere(task.train_x), [[0, 0, 0], [0, 1, 255], [0, 90, 1], [1, 25, 128]]
    )
    with pytest.raises(TaskError, match=r"701 channels, dt = 0.005 s, 150 steps; accepted: 1 to 700"):
        shd(tmp_path, channels=701)


@pytest.mark.parametrize(
    ("train", "says"),
    [
        (([[0.1]], [[700]], [0]), "sample 0 has a spike of unit 700; accepted: 0 to 699"),
        (([[0.1], [-0.5]], [[1], [1]], [0, 1]), "sample 1 has a spike at -0.5 s; accepted: finite"),
        (([[np.nan]], [[1]], [0]), "sample 0 has a spike at nan s"),
        (([[0.1, 0.2]], [[1]], [0]), r"sample 0 has times \(2,\) for units \(1,\)"),
        (([[0.1]], [[1]], [0, 1]), r"labels \(2,\); accepted: one list"),
        (([[0.1]], [[1]], [20]), "label 20; accepted: 0 to 19"),
        (([], [], []), "at least one sample"),
    ],
)
def test_a_file_of_other_content_is_refused(tmp_path: Path, train: tuple[Any, ...], says: str) -> None:
    with pytest.raises(TaskError, match=rf"shd_train.h5: .*{says}"):
        shd(folder(tmp_path, train))


@pytest.mark.parametrize("name", ["spikes/times", "spikes/units", "labels"])
def test_a_missing_data_set_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(TaskError, match=f"holds no data set {name}; accepted: spikes/times"):
        shd(folder(tmp_path, without=name))


def test_absent_files_other_files_and_empty_classes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"shd_train\.h5: cannot be read as HDF5"):
        shd(tmp_path)
    (tmp_path / FILES[0]).write_text("text")
    with pytest.raises(TaskError, match=r"shd_train\.h5: cannot be read as HDF5"):
        shd(tmp_path)
    with pytest.raises(TaskError, match="class 1 has no training sample"):
        shd(folder(tmp_path, ([[0.1]], [[1]], [0])))


def test_without_h5py_the_reader_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(TaskError, match=r"needs h5py; accepted: pip install 'spicetwin\[shd\]'"):
        shd(tmp_path)
