"""IC-CAP MDM files and the IHP Id-Vg reader on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calibration.measured import Origin, ReadError
from calibration.readers import read
from calibration.readers.ihp import read_ihp_idvg
from calibration.readers.mdm import parse_mdm, read_mdm

ORIGIN = Origin("virtual", "Apache-2.0", "written by the test")


def mdm(
    polarity: int = 1, drains: tuple[str, ...] = ("0.05", "1.2"), bodies: tuple[str, ...] = ("0", "-0.6")
) -> str:
    """An Id-Vg file of a made-up transistor with one block per body and drain bias."""
    text = (
        "! VERSION = 6.00\nBEGIN_HEADER\n ICCAP_INPUTS\n  vg V G GROUND SMU2 0.001 LIN 1 0 1 3 0.5\n"
        f"  vb V B GROUND SMU4 0.1 LIN 2 0 -0.6 {len(bodies)} -0.6\n"
        f"  vd V D GROUND SMU1 0.1 LIST 3 {len(drains)} 0.05 1.2\n ICCAP_OUTPUTS\n"
        "  id I D GROUND SMU1 B\n ICCAP_VALUES\n"
        f'  TYPE "{polarity}"\n  TEMP " 27.0000 "\n  MAIN.W "10.00u"\n  MAIN.L "130.0n"\n'
        '  MODULE "S1"\nEND_HEADER\n'
    )
    sign = "" if polarity == 1 else "-"
    for body in bodies:
        for drain in drains:
            text += f"\nBEGIN_DB\n ICCAP_VAR vb {body}\n ICCAP_VAR vd {sign}{drain}\n\n #vg  id \n"
            text += "".join(
                f" {sign}{v} {sign}{i}\n" for v, i in (("0", "1e-014"), ("0.5", "2.5e-010"), ("1", "3e-005"))
            )
            text += "END_DB\n"
    return text


def write(folder: Path, text: str) -> Path:
    path = folder / "device.mdm"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_block_becomes_a_curve_with_its_variables(tmp_path: Path) -> None:
    curves = read_mdm([write(tmp_path, mdm())], ORIGIN)
    assert [(c.number("vb"), c.number("vd")) for c in curves] == [
        (0, 0.05),
        (0, 1.2),
        (-0.6, 0.05),
        (-0.6, 1.2),
    ]
    assert dict(curves[0].units) == {"vg": "V", "id": "A"}
    np.testing.assert_array_equal(curves[0]["id"], [1e-14, 2.5e-10, 3e-5])
    assert curves[0].conditions["header.MODULE"] == "S1"


@pytest.mark.parametrize("polarity", [1, -1])
def test_ihp_reader_keeps_one_curve_in_n_type_signs_and_counts_the_rest(
    polarity: int, tmp_path: Path
) -> None:
    (curve,) = read_ihp_idvg([write(tmp_path, mdm(polarity))])
    assert curve.conditions["polarity"] == ("n" if polarity == 1 else "p")
    np.testing.assert_allclose(curve["v_gs"], [0.0, 0.5, 1.0])
    np.testing.assert_allclose(curve["i_d"], [1e-14, 2.5e-10, 3e-5])
    assert (curve.number("w"), curve.number("l")) == pytest.approx((10e-6, 130e-9))
    assert curve.number("temperature") == pytest.approx(300.15)
    assert [e.rows for e in curve.exclusions] == [6, 3]
    assert "body" in curve.exclusions[0].reason
    assert "drain" in curve.exclusions[1].reason
    assert curve.censored("i_d").tolist() == [True, False, False]


@pytest.mark.parametrize("lines_kept", [3, 8, 14, 20, 22, 24])
def test_a_file_cut_in_the_middle_is_refused(lines_kept: int, tmp_path: Path) -> None:
    text = "\n".join(mdm(drains=("0.05",), bodies=("0",)).splitlines()[:lines_kept])
    with pytest.raises(
        ReadError, match=r"ends inside the header|no data block|cut inside a data block"
    ) as caught:
        read(write(tmp_path, text))
    assert str(caught.value).count("\n") == 0


def test_every_cut_that_loses_data_is_refused() -> None:
    """Cut at any character, at the end of a block too: the header tells how much there was."""
    text = mdm()
    complete = text.rindex("END_DB") + len("END_DB")
    assert len(parse_mdm(text[:complete], Path("w.mdm")).blocks) == 4
    for end in range(complete):
        with pytest.raises(ReadError):
            parse_mdm(text[:end], Path("w.mdm"))


BAD = {
    "not MDM": (lambda t: "hello\n", "not an MDM file"),
    "ragged row": (lambda t: t.replace(" 0.5 2.5e-010\n", " 0.5\n", 1), "ragged row"),
    "nan": (lambda t: t.replace("2.5e-010", "nan", 1), "not a finite number: 'nan'"),
    "undeclared column": (lambda t: t.replace("#vg  id", "#vg  ix", 1), "undeclared column; accepted: v"),
    "duplicate column": (lambda t: t.replace("#vg  id", "#id  id", 1), "duplicate column"),
    "data before names": (lambda t: t.replace(" #vg  id \n", "", 1), "data before the column names"),
    "unknown quantity": (lambda t: t.replace("  id I D", "  id Q D"), "unknown quantity"),
    "text between blocks": (lambda t: t.replace("END_DB\n", "END_DB\nhuh\n", 1), "text outside a block"),
    "empty block": (lambda t: t[: t.index(" 0 1e-014")] + "END_DB\n", "block without data"),
    "variable without value": (lambda t: t.replace("_VAR vb 0\n", "_VAR vb\n", 1), "malformed variable"),
    "malformed sweep": (lambda t: t.replace("LIN 1 0 1 3 0.5", "LIN 1"), "malformed sweep"),
    "row missing": (lambda t: t.replace(" 1 3e-005\n", "", 1), "file is cut: '2 rows in a block'"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_mdm_gives_one_line_that_names_the_file(case: str, tmp_path: Path) -> None:
    change, problem = BAD[case]
    with pytest.raises(ReadError) as caught:
        read(write(tmp_path, change(mdm())))
    assert problem in str(caught.value)
    assert "device.mdm" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda t: t.replace('TYPE "1"', 'TYPE "7"'), "unknown transistor type: '7'; accepted: 1 or -1"),
        (lambda t: t.replace('"10.00u"', '"wide"'), "column MAIN.W: header value is not a number: 'wide'"),
        (lambda t: t.replace("  MAIN.L", "  MAIN.X"), "column MAIN.L: header value is missing"),
        (lambda t: t.replace("vd 0.05", "vd 0.1"), "0 curves at V_b = 0"),
        (lambda t: t.replace("#vg  id", "#vg  vd"), "not an Id-Vg file"),
    ],
)
def test_bad_ihp_file_gives_one_line(change: object, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ReadError) as caught:
        read_ihp_idvg([write(tmp_path, change(mdm()))])  # type: ignore[operator]
    assert problem in str(caught.value)


@pytest.mark.measured
def test_ihp_originals_reach_a_tenth_of_a_picoampere_in_108_devices(mirror: Path) -> None:
    from measurements.load import load

    curves = load("ihp_sg13g2_idvg", mirror, virtual=False)
    assert len(curves) == 108
    assert {c.conditions["polarity"] for c in curves} == {"n", "p"}
    assert {round(c.number("temperature")) for c in curves} == {233, 300, 398}
    assert len({(c.conditions["polarity"], c.number("w"), c.number("l")) for c in curves}) == 76
    room = [c for c in curves if round(c.number("temperature")) == 300]
    assert min(np.abs(c["i_d"]).min() for c in room) <= 1e-13
    assert all(c["i_d"][-1] > 5e-8 for c in curves), (
        "every device is on, with positive current, at its last point"
    )


@pytest.mark.measured
def test_sky130_mim_density_agrees_with_two_femtofarad_per_square_micrometre(mirror: Path) -> None:
    from measurements.load import load

    curves = {c.name: c for c in load("sky130_mim_cv", mirror)}
    large = curves["large_4530"]
    at_zero = float(np.interp(0.0, large["v"], large["c"]))
    assert at_zero / large.number("area") == pytest.approx(1.89e-3, rel=0.005)
