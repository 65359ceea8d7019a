"""Hysteresis of ferroelectric capacitors: switched polarisation from PUND, large-signal C(V), reversal curves.

The two instruments' own formats are read by :mod:`calibration.readers.aixacct` and :mod:`calibration.readers.b1500`;
here their pulses become what is switched and what is not. Where the current meter was connected the other way round
(a passive device would seem to deliver energy) its sign is turned, and the condition ``current_turned`` says so.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from calibration.measured import Campaign, FloatArray, Measured, Origin, ReadError
from calibration.readers.aixacct import read_aixacct
from calibration.readers.b1500 import read_b1500

AREA = 2.5e-9
"""Electrode of the registered sample in m^2, 50 x 50 um^2 by its authors' script; for files that state none."""
PLAUSIBLE = (5e-3, 5.0)
"""Polarisations in C/m^2 taken for real: 0.5 to 500 uC/cm^2. Ferroelectrics have 0.01 to 1."""
REST = 0.05
"""Volts below which a sample lies between pulses."""
FORC_RATE = 2e4
"""Ramps slower than this (V/s) are not part of a reversal curve."""


def check_polarisation(largest: float, where: Path, column: str) -> None:
    """Refuse a polarisation that only a wrong unit explains, and say which.

    Raises
    ------
    ReadError
        With the unit that the size points to.
    """
    low, high = PLAUSIBLE
    if low <= largest <= high:
        return
    if low <= largest * 100.0 <= high:
        hint = "100 times more would be plausible: C/m^2 labelled as uC/cm^2?"
    elif low <= largest / 100.0 <= high:
        hint = "100 times less would be plausible: uC/cm^2 labelled as C/m^2?"
    elif low <= largest * 1e8 <= high or low <= largest / 1e8 <= high:
        hint = "a factor of 1e8 would make it plausible: area in um^2 taken for cm^2, or the reverse?"
    else:
        hint = "check the units of polarisation and area"
    raise ReadError(
        f"implausible polarisation ({hint})",
        file=where,
        column=column,
        value=f"{largest:.3g} C/m^2",
        accepted=f"{low:g} to {high:g} C/m^2 (0.5 to 500 uC/cm^2)",
    )


def read_pund(paths: Sequence[Path], origin: Origin) -> Campaign:
    """PUND of either instrument: one curve per file and polarity.

    Columns, all counted along the drive (so both polarities rise): ``v`` (V), ``rate`` (V/s), ``p`` (C/m^2,
    switched since the start of the pulse), ``i_switched`` and ``i_background`` (A, first minus second pulse, and the
    second), ``time`` (s). Conditions ``instrument``, ``polarity``, ``area``, ``current_turned``.

    Raises
    ------
    ReadError
        When a pulse of the sequence is missing, or the polarisation is implausible.
    """
    found: list[Measured] = []
    for path in paths:
        pulses = (
            _aixacct_pulses(path, origin) if path.suffix.lower() == ".dat" else _b1500_pulses(path, origin)
        )
        found += [_difference(path, polarity, *pair) for polarity, pair in pulses.items()]
    return tuple(found)


def read_large_signal_cv(paths: Sequence[Path], origin: Origin) -> Campaign:
    """Large-signal capacitance of PUND pulses, current over ramp: one curve per file and polarity.

    Columns ``v`` (V, counted along the drive) and ``c`` (F, of the first pulse: switching, dielectric and leakage
    together), on the rising ramp where it is steady. Conditions as for :func:`read_pund`. Nothing small-signal.

    Raises
    ------
    ReadError
        As :func:`read_pund`.
    """
    found = []
    for curve in read_pund(paths, origin):
        rate = curve["rate"]
        steady = rate > 0.8 * float(rate.max())
        capacitance = (curve["i_switched"] + curve["i_background"])[steady] / rate[steady]
        columns = {"v": curve["v"][steady], "c": capacitance}
        units = {"v": "V", "c": "F"}
        found.append(Measured(curve.name, columns, units, curve.conditions, curve.source))
    return tuple(found)


Pair = tuple[Measured, Measured, str, float]


def _aixacct_pulses(path: Path, origin: Origin) -> dict[str, Pair]:
    """Pulse pairs of a TF Analyzer file, named by its own sequence (X U N D P)."""
    pulses = read_aixacct([path], origin)
    sequence = str(pulses[0].conditions.get("pulse_sequence", ""))
    letters = [letter for letter in sequence if letter in "XPUND"]
    named = dict(zip(letters, pulses, strict=False))
    if missing := [letter for letter in "PUND" if letter not in named]:
        raise ReadError(
            f"pulse {missing[0]} is missing: one branch of the loop cannot be formed",
            file=path,
            value=f"sequence {sequence!r} with {len(pulses)} pulses",
            accepted="the pulses P, U, N and D",
        )
    area = pulses[0].conditions.get("area", AREA)
    size = area if isinstance(area, float) else AREA
    return {
        "positive": (named["P"], named["U"], "aixacct", size),
        "negative": (named["N"], named["D"], "aixacct", size),
    }


def _b1500_pulses(path: Path, origin: Origin) -> dict[str, Pair]:
    """Pulse pairs of a WGFMU record: a write pulse, then P, U, N, D."""
    (record,) = read_b1500([path], origin)
    driven = np.abs(record["v"]) > REST
    edges = np.flatnonzero(np.diff(driven.astype(np.int8)))
    starts, stops = edges[::2], edges[1::2]
    signs = "".join(
        "+" if record["v"][(a + b) // 2] > 0 else "-" for a, b in zip(starts, stops, strict=False)
    )
    if signs != "-++--":
        raise ReadError(
            "not a PUND sequence, or a pulse is missing: one branch of the loop cannot be formed",
            file=path,
            value=f"pulses of sign {signs or 'none'}",
            accepted="-++-- (write, P, U, N, D)",
        )
    margin = 4
    parts = [
        _rows(record, slice(max(a - margin, 0), b + margin), f"#{k}")
        for k, (a, b) in enumerate(zip(starts, stops, strict=True))
    ]
    return {
        "positive": (parts[1], parts[2], "b1500", AREA),
        "negative": (parts[3], parts[4], "b1500", AREA),
    }


def _rows(record: Measured, part: slice, suffix: str) -> Measured:
    """Some rows of a record."""
    columns = {name: values[part] for name, values in record.columns.items()}
    return Measured(record.name + suffix, columns, record.units, record.conditions, record.source)


def _difference(
    path: Path, polarity: str, first: Measured, second: Measured, instrument: str, area: float
) -> Measured:
    """What the first pulse of a pair switches, and what the second shows instead."""
    sign = 1.0 if polarity == "positive" else -1.0
    time = first["time"] - first["time"][0]
    v = sign * first["v"]
    # The grids of two pulses may differ by a part of a sample: the second is shifted by where it peaks.
    lag = _centre(second) - _centre(first)
    again = sign * np.interp(time + lag, second["time"] - second["time"][0], second["i"])
    current = sign * first["i"]
    turned = float(np.trapezoid(current * v, time)) < 0.0
    if turned:
        current, again = -current, -again
    difference = current - again
    steps = np.diff(time) * 0.5 * (difference[1:] + difference[:-1])
    p = np.concatenate([[0.0], np.cumsum(steps)]) / area
    check_polarisation(float(np.max(np.abs(p))), path, "i")
    pulse = v > REST
    columns = {
        "time": time, "v": v, "rate": np.gradient(v, time), "p": p,
        "i_switched": difference, "i_background": again,
    }  # fmt: skip
    units = {"time": "s", "v": "V", "rate": "V/s", "p": "C/m^2", "i_switched": "A", "i_background": "A"}
    conditions: dict[str, float | str] = {
        "instrument": instrument, "polarity": polarity, "area": area, "current_turned": float(turned),
    }  # fmt: skip
    kept = {name: values[pulse] for name, values in columns.items()}
    return Measured(f"{instrument}_{polarity}", kept, units, conditions, first.source)


def _centre(pulse: Measured) -> float:
    """Middle of a pulse from its start (s), weighted by the voltage: finer than a sample."""
    size = np.abs(pulse["v"])
    return float(np.sum(size * (pulse["time"] - pulse["time"][0])) / np.sum(size))


def read_forc(paths: Sequence[Path], origin: Origin) -> Campaign:
    """First-order reversal curves from positive saturation: one curve per reversal voltage.

    Columns ``v`` (V), ``rising`` (1 after the reversal), ``v_r`` (V), ``p`` (1, in heights of the largest loop,
    1 at positive saturation). The dielectric charge comes from the loops that switch least; charge that a loop does
    not return (leakage, offset) is taken as growing evenly with time. Conditions ``v_reversal``, ``loop_height``
    (C/m^2), ``capacitance`` (F), ``current_turned``.

    Raises
    ------
    ReadError
        When there are fewer than five loops (a descending and an ascending ramp each), or the polarisation is
        implausible.
    """
    return tuple(curve for path in paths for curve in _forc(path, origin))


def _forc(path: Path, origin: Origin) -> Campaign:
    """Curves of one file."""
    (record,) = read_b1500([path], origin)
    time, v = record["time"], record["v"]
    loops = _loops(time, v)
    if len(loops) < 5:
        raise ReadError(
            "too few reversal curves, or one of the two ramps of each is missing",
            file=path,
            value=f"{len(loops)} loops",
            accepted="5 or more, each a descending and an ascending ramp",
        )
    current = record["i"]
    deepest = slice(loops[-1][0], loops[-1][2])
    turned = float(np.trapezoid(current[deepest] * v[deepest], time[deepest])) < 0.0
    current = -current if turned else current
    capacitance = _dielectric(current, time, v, loops)
    charges = [_closed(current, time, v, loop, capacitance) for loop in loops]
    height = float(np.ptp(charges[-1]))
    check_polarisation(height / AREA, path, "i")
    curves = []
    for (start, turn, stop), charge in zip(loops, charges, strict=True):
        part = slice(start, stop)
        reversal = float(v[turn])
        rows = stop - start
        columns = {
            "v": v[part],
            "rising": (np.arange(start, stop) > turn).astype(np.float64),
            "v_r": np.full(rows, reversal),
            "p": 1.0 + charge / height,
        }
        conditions: dict[str, float | str] = {
            "v_reversal": round(reversal, 3), "loop_height": height / AREA, "capacitance": capacitance,
            "current_turned": float(turned), "area": AREA,
        }  # fmt: skip
        units = {"v": "V", "rising": "1", "v_r": "V", "p": "1"}
        curves.append(Measured(f"forc_{reversal:+.2f}V", columns, units, conditions, record.source))
    return tuple(curves)


def _loops(time: FloatArray, v: FloatArray) -> list[tuple[int, int, int]]:
    """Start, reversal and end (exclusive) of every loop: a run of descending and one of ascending samples."""
    rate = np.gradient(v, time)
    kind = np.where(rate < -FORC_RATE, -1, np.where(rate > FORC_RATE, 1, 0))
    runs, at = [], 0
    for value, group in itertools.groupby(kind.tolist()):
        length = len(list(group))
        if value and length >= 8:
            runs.append((value, at, at + length))
        at += length
    return [
        (a[1], int(a[1] + np.argmin(v[a[1] : b[2]])), b[2])
        for a, b in itertools.pairwise(runs)
        if a[0] < 0 < b[0]
    ]


def _dielectric(
    current: FloatArray, time: FloatArray, v: FloatArray, loops: Sequence[tuple[int, int, int]]
) -> float:
    """Capacitance (F) from the fifth of the loops that go down least: half the distance of their two currents."""
    rate = np.gradient(v, time)
    rows = np.concatenate([np.arange(a, b) for a, _, b in loops[: max(len(loops) // 5, 1)]])
    rows = rows[np.abs(rate[rows]) > FORC_RATE]
    slope = np.polyfit(rate[rows], current[rows], 1)[0]
    return float(slope)


def _closed(
    current: FloatArray, time: FloatArray, v: FloatArray, loop: tuple[int, int, int], capacitance: float
) -> FloatArray:
    """Switched charge over a loop (C), 0 at both ends."""
    part = slice(loop[0], loop[2])
    t, i = time[part], current[part]
    flown = np.concatenate([[0.0], np.cumsum(np.diff(t) * 0.5 * (i[1:] + i[:-1]))])
    flown -= capacitance * (v[part] - v[part][0])
    return np.asarray(flown - flown[-1] * (t - t[0]) / (t[-1] - t[0]))
