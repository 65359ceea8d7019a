"""Raw files of the CoACH chip (INI "Neuromorphic Engineering I" 2021): DPI synapse, FETs and neurons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np

from calibration.measured import Campaign, FloatArray, ReadError
from calibration.readers.csv_campaign import CampaignPlan, parse_campaign
from calibration.readers.csv_table import Table
from calibration.readers.text import decode, number

SAMPLES_PER_PULSE = 10
"""A DPI record holds one input pulse every 10 samples."""


def read_coach_dpi(paths: Sequence[Path]) -> Campaign:
    """Read DPI records (three lines: time, V_syn, counts), one :class:`Measured` per bias condition.

    Columns: ``time`` (s after the first sample that follows the input pulse), ``v_syn`` (V, ADC, at the
    instant), ``counts`` (1, current-to-frequency converter over the following 20 ms), ``repeat`` (1; 0 or 1:
    which of two input pulses). Conditions, floors and left-out rows come from
    ``calibration/campaigns/coach_dpi.toml``.
    """
    return _read("coach_dpi", paths, parse_dpi)


def read_coach_fet(paths: Sequence[Path]) -> Campaign:
    """Read transistor curves (two lines): ``v_gate`` (V, to ground) and ``i_d`` (A), less clipped rows."""
    return _read("coach_fet", paths, parse_fet)


def read_coach_follower(paths: Sequence[Path]) -> Campaign:
    """Read source-follower curves (two lines): ``v_in`` and ``v_out`` (V)."""
    return _read("coach_follower", paths, parse_follower)


def read_coach_neuron(paths: Sequence[Path]) -> Campaign:
    """Read membrane traces: ``time`` (s) and ``v_mem`` (V); a record without times is sampled at 0.25 ms."""
    return _read("coach_neuron", paths, parse_neuron)


def campaign_plan(name: str) -> CampaignPlan:
    """Committed campaign of the CoACH chip: ``coach_dpi``, ``_fet``, ``_follower`` or ``_neuron``."""
    resource = files("calibration") / "campaigns" / f"{name}.toml"
    return parse_campaign(resource.read_text(encoding="utf-8"), Path(f"calibration/campaigns/{name}.toml"))


def _read(name: str, paths: Sequence[Path], parser: Callable[[bytes, Path], Table]) -> Campaign:
    """Read the files given, matched to the campaign by file name; a missing one is an error."""
    plan = campaign_plan(name)
    given = {path.name: path for path in paths}
    known = [entry.path for entry in plan.files]
    for file_name, path in given.items():
        if file_name not in known:
            raise ReadError(f"not a file of {name}", file=path, accepted=", ".join(known))

    def locate(written: str) -> Path:
        if written not in given:
            raise ReadError(f"file of {name} is missing", file=written, accepted=", ".join(known))
        return given[written]

    return plan.read(locate, parser)


def _lines(content: bytes, path: Path) -> list[FloatArray]:
    """Every line of a comma-separated file as an array."""
    rows = []
    for row, line in enumerate(decode(content, path).splitlines(), start=1):
        cells = line.split(",")
        rows.append(
            np.array([number(cell, file=path, row=row, column=str(i + 1)) for i, cell in enumerate(cells)])
        )
    return rows


def _records(content: bytes, path: Path, names: Sequence[str]) -> list[FloatArray]:
    """Lines of equal length, one per name."""
    rows = _lines(content, path)
    if len(rows) != len(names):
        raise ReadError(
            "wrong number of lines", file=path, row=len(rows), value=f"{len(rows)} lines",
            accepted=f"{len(names)} lines ({', '.join(names)})",
        )  # fmt: skip
    for row, values in enumerate(rows, start=1):
        if len(values) != len(rows[0]):
            raise ReadError(
                "ragged row", file=path, row=row, column=names[row - 1], value=f"{len(values)} values",
                accepted=f"{len(rows[0])} values as in the first line",
            )  # fmt: skip
    return rows


def parse_dpi(content: bytes, path: Path) -> Table:
    """Table of one DPI record; time restarts at each input pulse."""
    time, v_syn, counts = _records(content, path, ("time", "v_syn", "counts"))
    samples = len(time)
    if samples % SAMPLES_PER_PULSE:
        raise ReadError(
            "record is cut",
            file=path,
            value=f"{samples} samples",
            accepted=f"a multiple of {SAMPLES_PER_PULSE}",
        )
    if np.any(counts < 0) or np.any(counts != np.round(counts)):
        raise ReadError(
            "counts are not whole numbers", file=path, row=3, column="counts", accepted="0, 1, 2, ..."
        )
    repeat = np.arange(samples) // SAMPLES_PER_PULSE
    start = time[repeat * SAMPLES_PER_PULSE]
    columns = {"time": time - start, "v_syn": v_syn, "counts": counts, "repeat": repeat.astype(np.float64)}
    return Table(columns, {"time": "s", "v_syn": "V", "counts": "1", "repeat": "1"})


def parse_fet(content: bytes, path: Path) -> Table:
    """Table of one transistor curve."""
    v_gate, i_d = _records(content, path, ("v_gate", "i_d"))
    return Table({"v_gate": v_gate, "i_d": i_d}, {"v_gate": "V", "i_d": "A"})


def parse_follower(content: bytes, path: Path) -> Table:
    """Table of one source-follower curve."""
    v_in, v_out = _records(content, path, ("v_in", "v_out"))
    return Table({"v_in": v_in, "v_out": v_out}, {"v_in": "V", "v_out": "V"})


def parse_neuron(content: bytes, path: Path) -> Table:
    """Table of one membrane trace: two long lines, or one value a line at 0.25 ms."""
    rows = _lines(content, path)
    if len(rows) > 2 and all(len(row) == 1 for row in rows):
        v_mem = np.concatenate(rows)
        time = np.asarray(np.arange(len(v_mem)) * 0.25e-3, dtype=np.float64)
    else:
        time, v_mem = _records(content, path, ("time", "v_mem"))
    return Table({"time": time, "v_mem": v_mem}, {"time": "s", "v_mem": "V"})
