"""Numbers, assignments and sweeps at the command line."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicetwin.boundary import InputError
from spicetwin.output import engineering
from spicetwin.quantity import SUFFIXES, parse_assignments, parse_quantity, parse_sweeps


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1p", 1e-12),
        ("5p", 5e-12),
        ("10Meg", 1e7),
        ("-.5u", -5e-7),
        ("2.5e-9", 2.5e-9),
        ("1e3k", 1e6),
        ("3", 3.0),
    ],
)
def test_suffixes_give_the_nearest_float(text: str, value: float) -> None:
    assert parse_quantity(text) == value


@pytest.mark.parametrize(
    "text", ["", "p", "1 p", "1M", "1x", "nan", "inf", "1e999", "1p2", "1,5", "0x10", "1p\n2"]
)
def test_anything_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(InputError, match="accepted"):
        parse_quantity(text)


@given(st.integers(-9999, 9999), st.sampled_from(sorted(SUFFIXES)))
def test_every_suffix_scales_by_its_power_of_ten(mantissa: int, suffix: str) -> None:
    assert parse_quantity(f"{mantissa}{suffix}") == pytest.approx(mantissa * SUFFIXES[suffix], rel=1e-15)


def test_sweeps_are_ranges_or_lists() -> None:
    sweeps = parse_sweeps(["i_tau=1p:100p:log:3", "c=1p,2p", "v=0:1:lin:5"])
    np.testing.assert_allclose(sweeps["i_tau"], [1e-12, 1e-11, 1e-10], rtol=1e-12)
    np.testing.assert_array_equal(sweeps["c"], [1e-12, 2e-12])
    np.testing.assert_array_equal(sweeps["v"], [0, 0.25, 0.5, 0.75, 1])


@pytest.mark.parametrize(
    "text",
    ["p", "p=", "p=1:2", "p=1:2:log", "p=0:2:log:3", "p=1:2:cubic:3", "p=1:2:lin:1", "p=1:2:lin:x", "1=2"],
)
def test_malformed_sweeps_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_sweeps([text])


def test_a_name_given_twice_is_refused() -> None:
    with pytest.raises(InputError, match="twice"):
        parse_assignments(["a=1", "a=2"])


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.74, "1", "0.74"),
        (300.15, "K", "300.15 K"),
        (2e-3, "1/K", "0.002 1/K"),
        (5e-12, "A", "5 pA"),
        (0.0, "A", "0 A"),
    ],
)
def test_only_plain_units_take_a_prefix(value: float, unit: str, text: str) -> None:
    assert engineering(value, unit) == text


@given(st.floats(1e-17, 1e11))
def test_engineering_notation_reads_back(value: float) -> None:
    number, _, unit = engineering(value, "A").partition(" ")
    assert parse_quantity(number + unit.removesuffix("A").replace("M", "Meg")) == pytest.approx(
        value, rel=1e-5
    )
