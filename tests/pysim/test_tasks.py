"""Tasks: idx files, the digits, and what is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from pysim.tasks import Task, TaskError, digits, mnist
from pysim.tasks.idx import read_idx

MNIST = Path(__file__).resolve().parents[3] / "shared" / "tasks" / "mnist"


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    head = bytes([0, 0, kind, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return head + array.astype(np.uint8).tobytes()


def folder_of(path: Path, images: np.ndarray, labels: np.ndarray) -> Path:
    for part in ("train", "t10k"):
        (path / f"{part}-images-idx3-ubyte").write_bytes(idx(images))
        (path / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    return path


def test_idx_files_read_the_same_compressed_or_not(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)
    plain, packed = tmp_path / "a", tmp_path / "b"
    plain.write_bytes(idx(images))
    packed.write_bytes(gzip.compress(idx(images)))
    np.testing.assert_array_equal(read_idx(plain, 3), images)
    np.testing.assert_array_equal(read_idx(packed, 3), images)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "starts with nothing"),
        (b"PK\x03\x04 a zip file, say", "starts with 504b0304"),
        (idx(np.zeros((2, 2, 2)), kind=13), "starts with 00000d03"),
        (idx(np.zeros((2, 2))), "accepted: 00000803"),
        (idx(np.zeros((2, 2, 2)))[:-1], "7 bytes of data, the header announces 8"),
        (idx(np.zeros((2, 2, 2))) + b"x", "9 bytes of data, the header announces 8"),
        (gzip.compress(idx(np.zeros((2, 2, 2))), mtime=0)[:-9], "damaged gzip file"),
    ],
    ids=["empty", "zip", "kind", "dimensions", "short", "long", "damaged gzip"],
)
def test_damaged_idx_file_is_refused_by_name(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "images"
    path.write_bytes(content)
    with pytest.raises(TaskError, match=f"images: .*{says}"):
        read_idx(path, 3)


def test_mnist_reads_four_files_and_names_the_one_that_is_absent(tmp_path: Path) -> None:
    images = np.random.default_rng(1).integers(0, 256, (6, 28, 28), dtype=np.uint8)
    folder = folder_of(tmp_path, images, np.array([3, 1, 4, 1, 5, 9]))
    task = mnist(folder)
    assert (task.steps, task.classes) == (784, 10)
    np.testing.assert_array_equal(task.test_pixels[2], images[2].ravel() / 255)
    (folder / "t10k-images-idx3-ubyte").unlink()
    with pytest.raises(TaskError, match=r"no t10k-images-idx3-ubyte\.gz; accepted: a folder with the four"):
        mnist(folder)


def test_images_and_labels_of_different_number_are_refused(tmp_path: Path) -> None:
    images = np.zeros((6, 28, 28), dtype=np.uint8)
    with pytest.raises(TaskError, match="images \\(6, 28, 28\\) with classes \\(5,\\)"):
        mnist(folder_of(tmp_path, images, np.zeros(5)))


def test_task_without_samples_is_refused() -> None:
    x, y = np.zeros((0, 2, 2), dtype=np.uint8), np.zeros(0, dtype=np.int64)
    with pytest.raises(TaskError, match="no samples"):
        Task("empty", x, y, x, y)


@pytest.mark.skipif(not MNIST.is_dir(), reason="no MNIST beside the checkout")
def test_mnist_originals_have_the_known_counts() -> None:
    task = mnist(MNIST)
    assert np.bincount(task.train_y).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert task.test_x.shape == (10000, 28, 28)


class TestDigits:
    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("sklearn", reason="scikit-learn is not installed")

    def test_every_digit_is_in_exactly_one_part(self) -> None:
        from sklearn.datasets import load_digits

        task = digits()
        assert len(task.train_y) + len(task.test_y) == 1797
        assert np.bincount(task.test_y).min() >= 34
        both = np.concatenate([task.train_x, task.test_x]).reshape(1797, -1)
        original = np.rint(load_digits().data * 255 / 16)
        assert sorted(map(bytes, both)) == sorted(map(bytes, original.astype(np.uint8)))

    def test_the_split_depends_on_the_seed_alone(self) -> None:
        a, b, other = digits(3), digits(3), digits(4)
        np.testing.assert_array_equal(a.test_x, b.test_x)
        assert not np.array_equal(a.test_x, other.test_x)
