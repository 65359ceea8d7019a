"""CSV with units in the header, and campaigns: what is read, and the one line each bad file gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.measured import ReadError
from calibration.readers import read
from calibration.readers.csv_campaign import load_campaign
from calibration.readers.csv_table import Table, format_csv, parse_csv
from calibration.readers.units import SI_UNITS, UnitError, conversion, to_si

GOOD = "time [ms],v_syn [V],i_syn [pA]\n0,1.5,2\n# comment\n20,1.6,3\n"
HEAD = '[campaign]\nname = "c"\nkind = "virtual"\nlicence = "MIT"\nreference = "r"\n'
FILE = '[[file]]\npath = "a.csv"\n'
NAMES = ("a", "b_2", "Temperature", "i_syn")


def parse(text: str | bytes) -> Table:
    return parse_csv(text.encode() if isinstance(text, str) else text, Path("a.csv"))


def campaign(folder: Path, toml: str, **files: str) -> Path:
    for name, text in {"a": GOOD, **files}.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    path = folder / "campaign.toml"
    path.write_text(toml, encoding="utf-8")
    return path


def test_columns_come_out_in_si_units() -> None:
    table = parse(GOOD)
    assert dict(table.units) == {"time": "s", "v_syn": "V", "i_syn": "A"}
    np.testing.assert_allclose(table.columns["time"], [0.0, 0.02], rtol=1e-15)
    np.testing.assert_allclose(table.columns["i_syn"], [2e-12, 3e-12], rtol=1e-15)


@pytest.mark.parametrize(
    ("unit", "value", "expected", "si"),
    [
        ("mV", 2.0, 2e-3, "V"),
        ("degC", 27.0, 300.15, "K"),
        ("°C", -40.0, 233.15, "K"),
        ("uC/cm^2", 1.0, 1e-2, "C/m^2"),
        ("uC/cm2", 1.0, 1e-2, "C/m^2"),
        ("fF/um^2", 2.0, 2e-3, "F/m^2"),
        ("µA", 1.0, 1e-6, "A"),
        ("kHz", 1.0, 1e3, "Hz"),
        ("%", 5.0, 0.05, "1"),
        ("kΩ", 3.0, 3e3, "ohm"),
        ("um", 3.0, 3e-6, "m"),
    ],
)
def test_units_convert_to_si(unit: str, value: float, expected: float, si: str) -> None:
    values, name = to_si(np.array([value]), unit)
    assert name == si
    assert values[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("unit", SI_UNITS)
def test_si_units_convert_to_themselves_exactly(unit: str) -> None:
    assert conversion(unit) == (1.0, 0.0, unit)


@pytest.mark.parametrize(
    "unit", ["", "apples", "V**9999999", "kg", "V;A", "__import__('os')", "V" * 500, "2 V", "m^99"]
)
def test_other_units_are_refused(unit: str) -> None:
    with pytest.raises(UnitError, match="accepted"):
        conversion(unit)


BAD_CSV = {
    "unknown unit": ("t [ms],v [apples]\n1,2\n", "unknown unit: 'apples'", 1, "v"),
    "missing unit": ("t [ms],v\n1,2\n", "without a unit: 'v'", 1, "2"),
    "empty unit": ("t [ms],v []\n1,2\n", "unknown unit", 1, "v"),
    "nan": ("t [ms],v [V]\n1,2\n3,NaN\n", "not a finite number: 'NaN'", 3, "v"),
    "infinite": ("t [ms],v [V]\n1,inf\n", "not a finite number", 2, "v"),
    "overflow": ("t [ms],v [V]\n1,1e999\n", "not a finite number", 2, "v"),
    "text": ("t [ms],v [V]\n1,abc\n", "not a finite number: 'abc'", 2, "v"),
    "digit separator": ("t [ms],v [V]\n1,1_0\n", "not a finite number", 2, "v"),
    "own unit in a cell": ("t [ms],v [V]\n1,3 mV\n", "not a finite number: '3 mV'", 2, "v"),
    "missing value": ("t [ms],v [V]\n1,\n", "missing value", 2, "v"),
    "duplicate column": ("t [ms],t [s]\n1,2\n", "duplicate column", 1, "t"),
    "ragged row": ("t [ms],v [V]\n1,2\n1,2,3\n", "ragged row, 3 cells", 3, None),
    "short row": ("t [ms],v [V]\n1\n", "ragged row, 1 cells", 2, None),
    "bad quote": ('t [ms],v [V]\n"1,2\n', "malformed CSV", 2, None),
    "empty file": ("", "file is empty", None, None),
    "only comments": ("# nothing\n", "file is empty", None, None),
    "header only": ("t [ms],v [V]\n", "no data", 1, None),
    "nul character": ("t [ms],v [V]\n1,2\n\0", "NUL", 3, None),
    "code in a cell": ("t [ms],v [V]\n1,__import__('os').getcwd()\n", "not a finite number", 2, "v"),
    "code in the header": ("__import__('os').getcwd() [V]\n1\n", "bad column header", 1, "1"),
}


@pytest.mark.parametrize("case", BAD_CSV)
def test_bad_csv_gives_one_line_that_names_the_place(case: str, tmp_path: Path) -> None:
    text, problem, row, column = BAD_CSV[case]
    path = campaign(tmp_path, HEAD + FILE, a=text)
    with pytest.raises(ReadError) as caught:
        read(path)
    error = caught.value
    assert problem in str(error)
    assert "a.csv" in str(error)
    assert "\n" not in str(error)
    assert (error.row, error.column) == (row, column)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_wrong_encoding_is_named(encoding: str) -> None:
    with pytest.raises(ReadError, match=r"wrong encoding.*accepted: UTF-8|NUL"):
        parse("t [ms],v [µV]\n1,2\n".encode(encoding))


def test_byte_order_mark_and_crlf_are_read() -> None:
    table = parse(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert list(table.columns) == ["time", "v_syn", "i_syn"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(*(st.floats(allow_nan=False, allow_infinity=False) for _ in NAMES)), min_size=1, max_size=20
    ),
    st.tuples(*(st.sampled_from(SI_UNITS) for _ in NAMES)),
)
def test_written_csv_reads_back_to_the_same_bits(
    rows: list[tuple[float, ...]], units: tuple[str, ...]
) -> None:
    values = np.array(rows)
    table = Table({name: values[:, i] for i, name in enumerate(NAMES)}, dict(zip(NAMES, units, strict=True)))
    back = parse(format_csv(table, ["a comment"]))
    assert dict(back.units) == dict(table.units)
    for name in NAMES:
        np.testing.assert_array_equal(back.columns[name], table.columns[name])


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_a_table_or_a_read_error(content: bytes) -> None:
    try:
        table = parse(content)
    except ReadError:
        return
    assert all(np.isfinite(values).all() for values in table.columns.values())


def test_campaign_gives_conditions_floors_signs_and_left_out_rows(tmp_path: Path) -> None:
    path = campaign(
        tmp_path,
        HEAD
        + '[conditions]\nvdd = "1.8 V"\nchip = "A7"\n[columns.i_syn]\nfloor = "2 pA"\nsign = "positive"\n'
        + '[[file]]\npath = "a.csv"\nname = "base"\n'
        + 'conditions = { i_tau = "5.86 pA", fine = 25, temperature = "27 degC" }\n'
        + '[[file]]\npath = "b.csv"\n'
        + '[[exclude]]\nfile = "base"\ncolumn = "time"\nbelow = "10 ms"\nreason = "pulse still on"\n',
        b=GOOD,
    )
    base, second = read(path)
    assert base.number("i_tau") == pytest.approx(5.86e-12, rel=1e-14)
    assert base.conditions["chip"] == "A7"
    assert base.number("temperature") == pytest.approx(300.15)
    assert base.number("vdd") == 1.8
    assert (base.rows, base.excluded_rows, base.exclusions[0].reason) == (1, 1, "pulse still on")
    assert (second.name, second.rows, second.exclusions) == ("b", 2, ())
    assert second.censored("i_syn").tolist() == [True, False]
    assert base.source.kind == "virtual"


BAD_CAMPAIGN = {
    "not TOML": ("[campaign", "not valid TOML"),
    "unknown table": (HEAD + FILE + "[extra]\n", "unknown key; accepted: campaign"),
    "unknown key": (HEAD + 'kindd = "x"\n' + FILE, "column campaign.kindd: unknown key"),
    "unknown kind": (
        HEAD.replace("virtual", "gold") + FILE,
        "unknown kind of data: 'gold'; accepted: silicon",
    ),
    "no licence": (HEAD.replace('licence = "MIT"\n', "") + FILE, "campaign.licence: text is required"),
    "no file": (HEAD, "array of tables is required"),
    "file twice": (HEAD + FILE + FILE, "duplicate file name"),
    "absent file": (HEAD + '[[file]]\npath = "no.csv"\n', "cannot be opened"),
    "file outside": (HEAD + '[[file]]\npath = "../a.csv"\n', "outside the campaign's folder"),
    "wrong hash": (HEAD + FILE + 'sha256 = "00"\n', "sha256 differs"),
    "unknown unit": (HEAD + '[conditions]\ni = "3 apples"\n' + FILE, "unknown unit 'apples'"),
    "condition list": (HEAD + "[conditions]\ni = [1]\n" + FILE, "neither number nor text"),
    "floor without unit": (HEAD + '[columns.i_syn]\nfloor = "3"\n' + FILE, "not a number and a unit"),
    "floor of other unit": (HEAD + '[columns.i_syn]\nfloor = "3 V"\n' + FILE, "another unit than its floor"),
    "sign": (HEAD + '[columns.v_syn]\nsign = "negative"\n' + FILE, "mixed signs: '1.5'"),
    "unknown sign": (HEAD + '[columns.v_syn]\nsign = "up"\n' + FILE, "accepted: any, positive, negative"),
    "no reason": (HEAD + FILE + '[[exclude]]\ncolumn = "time"\nbelow = "1 s"\n', "reason: text is required"),
    "no limit": (HEAD + FILE + '[[exclude]]\ncolumn = "time"\nreason = "r"\n', "left out by a limit"),
    "unknown column": (
        HEAD + FILE + '[[exclude]]\ncolumn = "x"\nbelow = "1 s"\nreason = "r"\n',
        "unknown column; accepted: time, v_syn, i_syn",
    ),
    "unknown format": (
        HEAD.replace('name = "c"', 'name = "c"\nformat = "exe"') + FILE,
        "unknown file format: 'exe'",
    ),
    "mixed units": (
        HEAD + FILE + '[[file]]\npath = "b.csv"\n',
        "mixed units within the campaign (a.csv has V)",
    ),
}


@pytest.mark.parametrize("case", BAD_CAMPAIGN)
def test_bad_campaign_gives_one_line(case: str, tmp_path: Path) -> None:
    toml, problem = BAD_CAMPAIGN[case]
    path = campaign(tmp_path, toml, b=GOOD.replace("v_syn [V]", "v_syn [A]"))
    with pytest.raises(ReadError) as caught:
        read(path)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_volts_and_millivolts_in_one_campaign_agree(tmp_path: Path) -> None:
    second = GOOD.replace("v_syn [V]", "v_syn [mV]").replace("1.5", "1500").replace("1.6", "1600")
    first, other = read(campaign(tmp_path, HEAD + FILE + '[[file]]\npath = "b.csv"\n', b=second))
    np.testing.assert_allclose(first["v_syn"], other["v_syn"], rtol=1e-14)


def test_nothing_in_a_campaign_is_executed(tmp_path: Path) -> None:
    """Code in every text field of a campaign stays text: the marker file never appears."""
    marker = tmp_path / "ran"
    code = f"__import__('pathlib').Path('{marker}').touch()"
    toml = HEAD.replace('"r"', f'"{code}"') + f'[conditions]\nnote = "{code}"\n' + FILE
    (curve,) = read(campaign(tmp_path, toml))
    assert curve.conditions["note"] == code
    for unit in (code, f"V*{code}"):
        with pytest.raises(ReadError, match=r"unknown unit|bad column header"):
            parse(f"t [{unit}]\n1\n")
    assert not marker.exists()


def test_campaign_without_toml_content_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "empty.toml"
    path.write_text("\n", encoding="utf-8")
    with pytest.raises(ReadError, match="file is empty"):
        load_campaign(path)


def test_a_csv_on_its_own_is_a_curve_without_conditions(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(GOOD, encoding="utf-8")
    (curve,) = read(tmp_path / "mine.csv")
    assert (curve.name, curve.rows, dict(curve.conditions)) == ("mine", 2, {})
    assert curve.source.licence == "not stated"


def test_example_campaign_gives_the_time_constants_of_its_bias_currents() -> None:
    """C U_T / (kappa I_tau) with the kappa of 0.72 the example was made with."""
    example = Path(__file__).resolve().parents[3] / "examples" / "own_csv" / "campaign.toml"
    for curve in read(example):
        measured = ~curve.censored("i_syn")
        slope = np.polyfit(curve["time"][measured], np.log(curve["i_syn"][measured]), 1)[0]
        assert -1.0 / slope == pytest.approx(2e-12 * 0.02585 / (0.72 * curve.number("i_tau")), rel=0.02)
