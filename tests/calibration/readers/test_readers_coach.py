"""CoACH chip files: shapes, conditions and left-out rows; originals where there is a mirror."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calibration.measured import Measured, ReadError
from calibration.readers.coach import campaign_plan, parse_dpi, parse_neuron, read_coach_dpi
from measurements.load import load

PATH = Path("data_ex_3_1.csv")


def record(samples: int = 20, counts: str = "3") -> bytes:
    time = ",".join(f"{0.02 * i:.18e}" for i in range(samples))
    volts = ",".join(["1.500000000000000000e+00"] * samples)
    return f"{time}\n{volts}\n{','.join([counts] * samples)}\n".encode()


def slope(curve: Measured) -> float:
    """Slope in V/s between the first and third sample of both pulses, where the decay is linear."""
    first = curve["time"] < 0.05
    return float(np.polyfit(curve["time"][first], curve["v_syn"][first], 1)[0])


def test_time_restarts_at_each_pulse() -> None:
    table = parse_dpi(record(), PATH)
    np.testing.assert_allclose(table.columns["time"], np.tile(0.02 * np.arange(10), 2), atol=1e-15)
    assert table.columns["repeat"].tolist() == [0.0] * 10 + [1.0] * 10


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (record(19), "record is cut: '19 samples'; accepted: a multiple of 10"),
        (record()[:-31], "ragged row"),
        (record().split(b"\n", 1)[1], "wrong number of lines: '2 lines'; accepted: 3 lines"),
        (record(counts="3.5"), "counts are not whole numbers"),
        (record(counts="-1"), "counts are not whole numbers"),
        (record(counts="nan"), "not a finite number"),
    ],
)
def test_bad_records_give_one_line(content: bytes, problem: str) -> None:
    with pytest.raises(ReadError) as caught:
        parse_dpi(content, PATH)
    assert problem in str(caught.value)


def test_an_unknown_or_missing_file_is_named(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_bytes(record())
    with pytest.raises(ReadError, match=r"other\.csv: not a file of coach_dpi; accepted: data_ex_3_1\.csv"):
        read_coach_dpi([other])
    with pytest.raises(ReadError, match="file of coach_dpi is missing"):
        read_coach_dpi([])


def test_a_changed_original_is_refused_by_its_hash(tmp_path: Path) -> None:
    path = tmp_path / PATH.name
    path.write_bytes(record())
    with pytest.raises(ReadError, match="sha256 differs"):
        read_coach_dpi([path])


def test_samples_without_times_are_a_quarter_millisecond_apart() -> None:
    table = parse_neuron(b"0.1\n0.2\n0.3\n", Path("n.csv"))
    np.testing.assert_allclose(table.columns["time"], [0.0, 0.25e-3, 0.5e-3])


def test_nominal_bias_currents_are_fine_value_over_256_of_the_master_current() -> None:
    for entry in campaign_plan("coach_dpi").files:
        known = entry.conditions
        for bias, master in (("tau", 60e-12), ("thr", 60e-12), ("weight", 30e-9)):
            assert known[f"i_{bias}"] == pytest.approx(float(known[f"fine_{bias}"]) / 256 * master, rel=1e-12)


@pytest.mark.measured
def test_originals_have_seven_conditions_and_lose_only_the_first_interval_of_the_long_pulse(
    mirror: Path,
) -> None:
    curves = {curve.name: curve for curve in load("coach_dpi", mirror, virtual=False)}
    assert len(curves) == 7
    assert {name: curve.excluded_rows for name, curve in curves.items() if curve.excluded_rows} == {
        "pulse_long": 2
    }
    assert curves["pulse_long"]["time"].min() == pytest.approx(0.02)
    base = curves["base"]
    assert base["counts"][[0, 10]].tolist() == [366.0, 368.0]
    assert slope(base) == pytest.approx(9.63, rel=0.05)
    assert slope(curves["tau_small"]) == pytest.approx(4.32, rel=0.03)


@pytest.mark.measured
def test_transistor_originals_are_clipped_and_censored_where_the_instrument_ends(mirror: Path) -> None:
    for curve in load("coach_fet", mirror):
        assert curve["i_d"].max() <= 0.99e-6
        assert curve.excluded_rows > 40
        assert curve.censored("i_d").any()


def test_virtual_chip_has_the_columns_conditions_and_names_of_the_original() -> None:
    plan = campaign_plan("coach_dpi")
    virtual = load("coach_dpi", virtual=True)
    assert [curve.name for curve in virtual] == [entry.name for entry in plan.files]
    for curve, entry in zip(virtual, plan.files, strict=True):
        assert curve.source.kind == "virtual"
        assert set(curve.units) == {"time", "v_syn", "counts", "repeat"}
        assert dict(curve.conditions) == pytest.approx(dict(entry.conditions))
