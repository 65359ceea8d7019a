"""Spread of a calibration table as the non-idealities injected into training."""

from __future__ import annotations

import math
from pathlib import Path

from calibration.table import CalibrationTable, Entry, load, resolve
from pysim.mingru.draw import BLOCK, BOLTZMANN, T_REFERENCE, assumed_table
from spicetwin.boundary import InputError
from spicetwin.train.settings import Spread

ASSUMED = "assumed"


def named_table(name: str) -> CalibrationTable:
    """``assumed`` (hand estimates, fitted to nothing), a packaged table by name, or a JSON file."""
    if name == ASSUMED:
        return assumed_table()
    return load(Path(name) if name.endswith(".json") else resolve(name))


def spread_of(table: CalibrationTable, rows: int) -> Spread:
    """Standard deviations in the units of the layer equations, of columns of ``rows`` rows at 300.15 K.

    Die-to-die and within-die terms add in squares: every batch sees another chip. Offsets in volts are divided by
    V_FS / 2. The gain of the gate is left out: the converters' knobs take it away on the chip
    (:meth:`pysim.mingru.MinGruNetwork.with_gate_gain`).

    Raises
    ------
    InputError
        When the table holds no minGRU core.
    """
    if f"{BLOCK}.v_fs" not in table.entries:
        raise InputError(f"table {table.reference} has no entry {BLOCK}.v_fs: no table of a minGRU core")
    half_scale = _value(table, "v_fs", 0.0) / 2.0
    capacity = rows * _value(table, "c_unit", math.inf)
    thermal = math.sqrt(BOLTZMANN * T_REFERENCE / capacity) * _value(table, "noise_excess", 1.0)
    return Spread(
        capacitor=_sigma(table, "capacitor"),
        gate_slope=_sigma(table, "gate_slope"),
        line_offset=math.hypot(_sigma(table, "gate_offset"), _sigma(table, "offset_z")) / half_scale,
        candidate_offset=_sigma(table, "offset_h") / half_scale,
        comparator_offset=_sigma(table, "comparator_offset") / half_scale,
        state_noise=thermal / half_scale,
    )


def _entry(table: CalibrationTable, name: str) -> Entry | None:
    return table.entries.get(f"{BLOCK}.{name}")


def _value(table: CalibrationTable, name: str, absent: float) -> float:
    entry = _entry(table, name)
    if entry is None:
        return absent
    return float(entry.evaluate(entry.inputs({"temperature": T_REFERENCE})))


def _sigma(table: CalibrationTable, name: str) -> float:
    """All spread of an entry; 0 without one."""
    entry = _entry(table, name)
    return math.sqrt(sum(term.sigma**2 for term in entry.variation)) if entry is not None else 0.0
