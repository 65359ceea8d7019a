"""aixACCT, B1500 and RRAM array files, and the choice of a reader."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calibration.measured import Origin, ReadError
from calibration.readers import Reader, read, readers
from calibration.readers.aixacct import read_aixacct
from calibration.readers.b1500 import read_b1500
from calibration.readers.rram import RESET_SWEEP
from measurements.load import load

ORIGIN = Origin("virtual", "Apache-2.0", "written by the test")
ROW = "1.0e-003\t2.0\t3.0e-006\t1.0\t"
AIXACCT = (
    "PulseResult\n\nTable 1\nPulse Points: 2\nPund Frequency [Hz]: 2500\nArea [mm2]: 0.0025\nOperator: x\n"
    "Pr+ [uC/cm2]: 96.6\nTime [s]\tV [V]\tI [A]\tP [uC/cm2]\tTime [s]\tV [V]\tI [A]\tP [uC/cm2]\t\n"
    f"{ROW}{ROW}\n{ROW}{ROW}\n"
)
B1500 = (
    "SetupTitle, t1\nMetaData, TestRecord.EntryPoint, true\nDimension1, 2, 2, 2, 2\n"
    "DataName, MeasResult1_value, MeasResult2_value, MeasResult1_time, MeasResult2_time\n"
    "DataValue, 1.5, 2E-06, 3E-07, 3E-07\nDataValue, 1.6, 3E-06, 6E-07, 6E-07\n"
)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_aixacct_pulses_come_out_in_si_with_the_header_as_conditions(tmp_path: Path) -> None:
    first, second = read(write(tmp_path, "pund.dat", AIXACCT), origin=ORIGIN)
    assert dict(first.units) == {"time": "s", "v": "V", "i": "A", "p": "C/m^2"}
    np.testing.assert_allclose(second["p"], [1e-2, 1e-2])
    assert first.number("pund_frequency") == 2500.0
    assert first.number("area") == pytest.approx(2.5e-9)
    assert first.number("pr_plus") == pytest.approx(0.966)
    assert (first.number("pulse"), second.number("pulse")) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("hello\n", "not an aixACCT pulse export"),
        (AIXACCT[: AIXACCT.index("Time [s]")], "file is cut before its data"),
        (AIXACCT[: AIXACCT.rindex(ROW + ROW)], "file is cut: '1 rows'; accepted: 2 rows"),
        (AIXACCT[:-12], "ragged row"),
        (AIXACCT.replace("I [A]", "Q [C]", 1), "unexpected column"),
        (AIXACCT.replace("V [V]", "V [apples]", 1), "unknown unit 'apples'"),
        (AIXACCT.replace("3.0e-006", "nan", 1), "not a finite number"),
    ],
)
def test_bad_aixacct_file_gives_one_line(text: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ReadError) as caught:
        read_aixacct([write(tmp_path, "pund.dat", text)], ORIGIN)
    assert problem in str(caught.value)


def test_b1500_display_copy_is_not_read_twice(tmp_path: Path) -> None:
    copy = B1500.replace("true", "false").replace("SetupTitle, t1", "SetupTitle, display")
    (curve,) = read_b1500([write(tmp_path, "x.csv", "\ufeff\n" + B1500 + copy)], ORIGIN)
    assert curve["v"].tolist() == [1.5, 1.6]
    assert curve["time"].tolist() == [3e-7, 6e-7]
    assert curve.conditions["title"] == "t1"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (B1500[: B1500.rindex("DataValue")], "file is cut: '1 rows'; accepted: 2 rows"),
        (B1500.replace("1.6, 3E-06", "1.6"), "ragged row, 3 values"),
        (B1500.replace("MeasResult2_value", "other"), "column MeasResult2_value: column is missing"),
        ("a,b\n1,2\n", "not a B1500 export"),
        ("SetupTitle, t\n", "no data"),
        (B1500.replace("3E-06", "#N/A"), "not a finite number"),
    ],
)
def test_bad_b1500_file_gives_one_line(text: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ReadError) as caught:
        read_b1500([write(tmp_path, "x.csv", text)], ORIGIN)
    assert problem in str(caught.value)


def test_reset_map_below_three_volts_is_left_out_and_high_resistance_censored(tmp_path: Path) -> None:
    text = "".join(f"0\t1e-06\t2.5\t{v}\t9000\t{r}\n" for v, r in ((2.5, 9000), (3.0, 9100), (3.0, 2e5)))
    (curve,) = RESET_SWEEP.read([write(tmp_path, "r.tsv", text)], ORIGIN)
    assert (curve.rows, curve.excluded_rows) == (2, 1)
    assert curve.censored("r_after").tolist() == [False, True]
    with pytest.raises(ReadError, match="ragged row, 2 cells"):
        RESET_SWEEP.read([write(tmp_path, "s.tsv", "1\t2\n")], ORIGIN)


def test_unknown_reader_ending_and_empty_list_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, "x.xyz", "1")
    with pytest.raises(ReadError, match=r"no reader for this kind of file: '\.xyz'; accepted"):
        read(path)
    with pytest.raises(ReadError, match=r"unknown reader: 'nope'; accepted: .*aixacct"):
        read(path, "nope")
    with pytest.raises(ReadError, match="no file to read"):
        read([])
    with pytest.raises(ReadError, match=r"cannot be opened \(No such file"):
        read(tmp_path / "absent.mdm")


def test_third_party_readers_join_and_may_not_take_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        def __init__(self, name: str) -> None:
            self.name, self.value = name, "somewhere:reader"

        def load(self) -> Reader:
            return Reader(self.name, "test", lambda paths, origin: ())

    monkeypatch.setattr("calibration.readers.entry_points", lambda group: [Point("mine")])
    assert readers()["mine"].description == "test"
    monkeypatch.setattr("calibration.readers.entry_points", lambda group: [Point("mdm")])
    with pytest.raises(ValueError, match="reader 'mdm' of somewhere:reader has the name"):
        readers()


@pytest.mark.measured
def test_ferroelectric_originals_agree_with_their_own_headers(mirror: Path) -> None:
    pulses = load("fecap_pund_aixacct", mirror)
    assert [len(c["v"]) for c in pulses] == [401] * 5
    assert max(c["v"].max() for c in pulses) == pytest.approx(pulses[0].number("vmax_plus"), rel=2e-3)
    assert [c.rows for c in load("fecap_pund_b1500", mirror)] == [1000]
    (forc,) = load("fecap_forc_b1500", mirror)
    assert (forc.rows, forc["v"].max()) == (5000, pytest.approx(3.0, abs=0.02))


@pytest.mark.measured
def test_rram_originals_show_the_published_low_resistance_spread(mirror: Path) -> None:
    (cycles,) = load("rram_cycles", mirror)
    low = np.log(cycles["r_low"])
    assert np.median(cycles["r_low"]) == pytest.approx(7430, rel=0.01)
    assert low.std() == pytest.approx(0.075, rel=0.1)
