"""Text of a data file: bytes to checked lines and numbers, with errors that name the place."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from calibration.measured import FloatArray, ReadError

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_PLAIN = re.compile(r"[0-9eE+\-.,\t\r\n ]*")
_SEPARATORS = {"\t": "tab", ",": "comma"}
_LARGEST = 512 * 2**20


def read_bytes(path: Path) -> bytes:
    """Bytes of a data file that exists, is not empty and is not absurdly large."""
    try:
        size = path.stat().st_size
        if size > _LARGEST:
            raise ReadError("file is too large", file=path, value=f"{size} bytes", accepted="at most 512 MiB")
        content = path.read_bytes()
    except OSError as error:
        raise ReadError(f"cannot be opened ({error.strerror})", file=path) from error
    if not content.strip(b"\xef\xbb\xbf \t\r\n"):
        raise ReadError("file is empty", file=path, accepted="a header and at least one row of data")
    return content


def decode(content: bytes, path: Path) -> str:
    """Text of a UTF-8 file (a byte-order mark is allowed); anything else is a :class:`ReadError`."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        raise ReadError(
            "wrong encoding",
            file=path,
            row=row,
            value=f"byte 0x{content[error.start]:02x}",
            accepted="UTF-8 text",
        ) from None
    if "\0" in text:
        row = text[: text.index("\0")].count("\n") + 1
        raise ReadError("NUL character in a text file", file=path, row=row, accepted="UTF-8 text")
    return text


def rows_of_numbers(text: str, names: Sequence[str], separator: str, path: Path) -> FloatArray:
    """Rows of as many finite numbers as there are names; shape (rows, names).

    Raises
    ------
    ReadError
        For a ragged row, or a cell that is not a finite decimal number.
    """
    lines = text.splitlines()
    if _PLAIN.fullmatch(text):
        try:
            values = np.loadtxt(lines, dtype=np.float64, delimiter=separator, ndmin=2)
        except ValueError:
            values = np.empty((0, 0))
        if values.shape == (len(lines), len(names)) and np.all(np.isfinite(values)):
            return values
    # Only now cell by cell, which is ten times slower and names the one that is wrong.
    rows = []
    for row, line in enumerate(lines, start=1):
        cells = line.split(separator)
        if len(cells) != len(names):
            raise ReadError(
                f"ragged row, {len(cells)} cells", file=path, row=row, value=line,
                accepted=f"{len(names)} {_SEPARATORS[separator]}-separated cells ({', '.join(names)})",
            )  # fmt: skip
        rows.append([number(cell, file=path, row=row, column=names[i]) for i, cell in enumerate(cells)])
    return np.array(rows, dtype=np.float64)


def number(text: str, *, file: Path, row: int, column: str) -> float:
    """Finite decimal number in ``text``; NaN, infinities, digit separators and units are refused."""
    stripped = text.strip()
    if _NUMBER.fullmatch(stripped) and stripped.isascii():
        value = float(stripped)
        if math.isfinite(value):
            return value
    problem = "missing value" if not stripped else "not a finite number"
    raise ReadError(
        problem, file=file, row=row, column=column, value=text, accepted="a decimal number such as 1.5e-12"
    )
