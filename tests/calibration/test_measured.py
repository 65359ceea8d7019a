"""Measured curves: what they hold, what they refuse, and that left-out rows stay counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calibration.measured import Measured, Origin, ReadError

SOURCE = Origin("virtual", "Apache-2.0", "test").source(Path("x.csv"), b"abc")


def curve(**changes: object) -> Measured:
    settings: dict[str, object] = {
        "name": "c",
        "columns": {"v": np.array([0.0, 1.0, 2.0]), "i": np.array([1e-14, 1e-9, -2e-9])},
        "units": {"v": "V", "i": "A"},
        "conditions": {"temperature": 300.0, "polarity": "n"},
        "source": SOURCE,
    }
    return Measured(**{**settings, **changes})  # type: ignore[arg-type]


def test_source_hash_is_that_of_the_bytes() -> None:
    assert SOURCE.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_left_out_rows_are_counted_with_their_reason() -> None:
    kept = curve().exclude(np.array([True, False, True]), "first").exclude(np.array([True]), "second")
    assert kept.rows == 0
    assert kept.excluded_rows == 3
    assert [(e.reason, e.rows) for e in kept.exclusions] == [("first", 2), ("second", 1)]


def test_leaving_out_nothing_leaves_no_trace() -> None:
    assert curve().exclude(np.zeros(3, dtype=bool), "none").exclusions == ()


def test_leaving_out_without_a_reason_is_refused() -> None:
    with pytest.raises(ValueError, match="reason"):
        curve().exclude(np.ones(3, dtype=bool), " ")


def test_censoring_follows_floor_by_magnitude_and_ceiling_by_value() -> None:
    assert curve(floors={"i": 1e-13}).censored("i").tolist() == [True, False, False]
    assert curve(ceilings={"i": 1e-9}).censored("i").tolist() == [False, True, False]
    assert not curve().censored("v").any()


def test_columns_are_copies_that_cannot_be_written() -> None:
    values = np.array([1.0, 2.0, 3.0])
    made = curve(columns={"v": values}, units={"v": "V"})
    values[0] = 9.0
    assert made["v"][0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        made["v"][0] = 5.0


@pytest.mark.parametrize(
    "changes",
    [
        {"columns": {}},
        {"units": {"v": "V"}},
        {"columns": {"v": np.zeros(2), "i": np.zeros(3)}},
        {"columns": {"v": np.zeros((2, 2)), "i": np.zeros((2, 2))}},
        {"floors": {"nope": 1.0}},
    ],
)
def test_inconsistent_curves_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="c: "):
        curve(**changes)


def test_numeric_condition_names_the_known_ones() -> None:
    assert curve().number("temperature") == 300.0
    with pytest.raises(KeyError, match="temperature"):
        curve().number("polarity")


def test_unknown_kind_of_data_lists_the_accepted_ones() -> None:
    with pytest.raises(ValueError, match="accepted: silicon"):
        Origin("gold", "", "")  # type: ignore[arg-type]


def test_error_line_names_file_row_column_value_and_what_is_accepted() -> None:
    error = ReadError("bad", file="f.csv", row=3, column="v", value="x" * 100, accepted="numbers")
    assert str(error).startswith("f.csv, row 3, column v: bad: 'xxx")
    assert str(error).endswith("; accepted: numbers")
    assert len(str(error)) < 130
