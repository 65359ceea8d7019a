"""Reader of idx files, the format of MNIST: big-endian header, then bytes; plain or gzip-compressed."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pysim.tasks.task import TaskError

_GZIP = b"\x1f\x8b"
_UNSIGNED_BYTE = 0x08


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Array of unsigned bytes in an idx file.

    Parameters
    ----------
    path
        File, compressed or not (told by its first bytes).
    dimensions
        Number of dimensions it must have: 3 for images, 1 for labels.

    Raises
    ------
    TaskError
        Naming the file and what is wrong: unreadable, cut short, another type or number of dimensions.
    """
    try:
        content = path.read_bytes()
        if content[:2] == _GZIP:
            content = gzip.decompress(content)
    except OSError as error:
        raise TaskError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (EOFError, zlib.error) as error:
        raise TaskError(f"{path}: damaged gzip file: {error}") from error
    start = 4 + 4 * dimensions
    if len(content) < start or content[:4] != bytes([0, 0, _UNSIGNED_BYTE, dimensions]):
        raise TaskError(
            f"{path}: starts with {content[:4].hex() or 'nothing'}; accepted: 0000080{dimensions}, an idx "
            f"file of unsigned bytes with {dimensions} dimension{'s' if dimensions > 1 else ''}"
        )
    shape = [int.from_bytes(content[k : k + 4], "big") for k in range(4, start, 4)]
    expected = int(np.prod(shape, dtype=object))
    if len(content) - start != expected:
        raise TaskError(
            f"{path}: {len(content) - start} bytes of data, the header announces {expected} "
            f"({' x '.join(map(str, shape))})"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)
