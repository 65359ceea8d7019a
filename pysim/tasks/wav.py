"""Reader of mono 16-bit PCM recordings."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pysim.tasks.task import TaskError


def read_wav(path: Path, rate: int) -> NDArray[np.int16]:
    """Samples of a mono 16-bit recording at ``rate`` (Hz).

    Raises
    ------
    TaskError
        Naming the file and what is wrong: unreadable, another rate, stereo, another sample format, cut short, empty.
    """
    try:
        with wave.open(str(path), "rb") as file:
            form = file.getparams()
            content = file.readframes(form.nframes)
    except OSError as error:
        raise TaskError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (wave.Error, EOFError) as error:
        raise TaskError(f"{path}: no WAV recording: {error or 'ends inside its header'}") from error
    for name, value, accepted in (
        ("channels", form.nchannels, 1),
        ("bytes a sample", form.sampwidth, 2),
        ("Hz", form.framerate, rate),
    ):
        if value != accepted:
            raise TaskError(f"{path}: {value} {name}; accepted: {accepted} (mono 16-bit PCM at {rate} Hz)")
    if len(content) != 2 * form.nframes:
        raise TaskError(
            f"{path}: cut short: {len(content) // 2} samples of the {form.nframes} that its header announces"
        )
    if not content:
        raise TaskError(f"{path}: holds no samples")
    return np.frombuffer(content, dtype="<i2").astype(np.int16)
