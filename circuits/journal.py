"""Journal of a running characterisation: append-only JSON lines that survive an interruption at any byte."""

from __future__ import annotations

import fcntl
import json
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

#: Longest time between two fsyncs (s): what a power cut can cost. A killed process loses nothing.
SYNC_SECONDS = 1.0


class JournalError(ValueError):
    """The journal belongs to another plan, is in use, or is not a journal."""


@dataclass(frozen=True)
class Record:
    """What became of one point: its observables in declared order, or the reason why there are none."""

    index: int
    values: tuple[float, ...] | None
    reason: str


class Journal:
    """Open journal of one plan; one process at a time.

    Parameters
    ----------
    path : Path
        The file; created with a header when absent.
    header : mapping
        Strings that must equal those of an existing journal (digests of plan and code, simulator, version).
    resume : bool
        Keep what an existing journal holds; otherwise start anew.

    Raises
    ------
    JournalError
        Another process holds it, its header differs, or a line that is not the last one cannot be read.
    OSError
        The file cannot be written.
    """

    def __init__(self, path: Path, header: Mapping[str, str], *, resume: bool = True) -> None:
        """Open or create the file and lock it."""
        self.path = path
        self._header = dict(header)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        self._synced = time.monotonic()
        try:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise JournalError(f"{path}: in use by another running characterisation") from None
            self._end = self._whole() if resume else 0
            os.ftruncate(self._file, self._end)
            if self._end == 0:
                self._append(self._header)
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Self:
        """Return the journal."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file; it stays on the disk."""
        os.close(self._file)

    def records(self, names: Sequence[str], size: int) -> Iterator[Record]:
        """Records on the disk, checked against the observables' number and the plan's size."""
        with self.path.open("rb") as file:
            next(file)
            for number, line in enumerate(file, start=2):
                yield self._record(number, line, len(names), size)

    def add(self, record: Record) -> None:
        """Append one record; after an ``OSError`` the file ends with the record before."""
        self._append([record.index, record.values, record.reason])

    def remove(self) -> None:
        """Delete the file: its content is safe elsewhere."""
        self.path.unlink()

    def _append(self, content: Any) -> None:
        line = json.dumps(content, allow_nan=False).encode() + b"\n"
        try:
            self._write(line)
        except OSError as error:
            os.ftruncate(self._file, self._end)
            raise OSError(error.errno, error.strerror, str(self.path)) from error
        self._end += len(line)

    def _write(self, line: bytes) -> None:
        done = 0
        while done < len(line):
            done += os.pwrite(self._file, line[done:], self._end + done)
        if time.monotonic() - self._synced > SYNC_SECONDS:
            os.fsync(self._file)
            self._synced = time.monotonic()

    def _whole(self) -> int:
        """Length of the complete lines of a file whose header is ours; a torn last line is dropped."""
        with self.path.open("rb") as file:
            first = file.readline()
            if not first.endswith(b"\n"):
                return 0
            self._check_header(first)
            end = len(first)
            for line in file:
                if line.endswith(b"\n"):
                    end += len(line)
            return end

    def _check_header(self, line: bytes) -> None:
        found = _decoded(line)
        if not isinstance(found, dict):
            raise JournalError(f"{self.path}: line 1 is not a journal's header; move the file away")
        for key, wanted in self._header.items():
            if found.get(key) != wanted:
                raise JournalError(
                    f"{self.path}: an interrupted run with another {key} ({str(found.get(key))[:16]}, now"
                    f" {wanted[:16]}); finish that run, delete the journal, or choose another output"
                )

    def _record(self, number: int, line: bytes, width: int, size: int) -> Record:
        content = _decoded(line)
        if isinstance(content, list) and len(content) == 3:
            index, values, reason = content
            whole = type(index) is int and 0 <= index < size and isinstance(reason, str)
            if whole and values is None and reason:
                return Record(index, None, reason)
            if whole and isinstance(values, list) and len(values) == width and all(map(_finite, values)):
                return Record(index, tuple(values), "")
        raise JournalError(f"{self.path}: line {number} is not a record of this plan; delete the journal")


def _finite(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _decoded(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None
