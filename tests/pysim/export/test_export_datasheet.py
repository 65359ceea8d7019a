"""The datasheet shows what the table says."""

from __future__ import annotations

import dataclasses
import math

import pytest
from export_cases import small_table

from calibration.table import OutOfDomain, Variation
from pysim.export.datasheet import check, content, limits
from pysim.export.exporter import ExportError


def test_every_entry_has_its_typical_value() -> None:
    table = small_table()
    data = content(table, {})
    (line,) = check(table, {}, data)
    assert line.passed
    assert "block.tau" in data.decode()
    assert f"digest {table.digest}" in data.decode()


def test_a_value_of_another_point_fails_the_check() -> None:
    table = small_table()
    (line,) = check(table, {"current": 5e-11}, content(table, {"current": 4e-11}))
    assert not line.passed


def test_a_missing_row_fails_the_check() -> None:
    table = small_table()
    less = dataclasses.replace(table, entries={"block.gain": table.entries["block.gain"]})
    (line,) = check(table, {}, content(less, {}))
    assert not line.passed


def test_limits_are_three_sigma_of_die_and_cell_together() -> None:
    entry = small_table().entries["block.tau"]
    spread = (Variation("die", "lognormal", 0.03), Variation("within_die", "lognormal", 0.04))
    low, typical, high = limits(dataclasses.replace(entry, variation=spread), {"current": 1e-11})
    assert float(high / typical) == pytest.approx(math.exp(3 * 0.05), rel=1e-12)
    assert float(low * high) == pytest.approx(float(typical) ** 2, rel=1e-12)


def test_text_of_a_table_cannot_become_markup() -> None:
    table = dataclasses.replace(small_table(), description="<script>x</script>")
    assert b"<script>" not in content(table, {})


def test_inputs_are_checked() -> None:
    with pytest.raises(ExportError, match="no entry has an input 'x'; accepted: current"):
        content(small_table(), {"x": 1.0})
    with pytest.raises(OutOfDomain, match="outside the fitted range of every entry"):
        content(small_table(), {"current": 1.0})
