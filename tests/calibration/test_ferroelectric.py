"""Ferroelectric hysteresis: laws, readers and what they refuse, recipes on virtual devices and on the sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.laws import get_law
from calibration.measured import Campaign, DataSource, Measured, Origin, ReadError
from calibration.readers import read
from calibration.recipe_run import run_recipe
from measurements.load import load
from spicetwin.cli import main

FloatArray = NDArray[np.float64]
SOURCE = DataSource("virtual", "made here", "0" * 64, "Apache-2.0", "test")
ORIGIN = Origin("virtual", "Apache-2.0", "written by the test")
TRUTH = {
    "p_0": 0.0, "p_s": 1.0, "v_down": -1.1, "width_down": 0.2, "skew_down": 1.5,
    "v_up": 0.9, "width_up": 0.15, "skew_up": 1.2, "link": -0.1,
}  # fmt: skip
#: Reversal voltages that the recipe leaves out, and some between.
LEFT_OUT = (2.11723, 1.51857, 0.917283, 0.316487, -0.282753, -0.886589, -1.48389, -2.08442, -2.68477)


def reversals() -> Campaign:
    """Virtual reversal curves with 1 % of noise."""
    rng = np.random.default_rng(5)
    law = get_law("reversal_curve")
    curves = []
    for turn in sorted((*LEFT_OUT, 0.6, 0.0, -0.6, -1.2, -1.8, -2.4, -2.9), reverse=True):
        v = np.concatenate([np.arange(3.0, turn, -0.06), np.arange(turn, 3.0, 0.06)])
        rising = np.r_[np.zeros(len(np.arange(3.0, turn, -0.06))), np.ones(len(np.arange(turn, 3.0, 0.06)))]
        inputs = {"v": v, "v_r": np.full(v.size, turn), "rising": rising}
        p = law(inputs, TRUTH) + 0.01 * rng.standard_normal(v.size)
        units = {"v": "V", "v_r": "V", "rising": "1", "p": "1"}
        curves.append(Measured(f"r{turn}", {**inputs, "p": p}, units, {"v_reversal": turn}, SOURCE))
    return tuple(curves)


def test_recipe_finds_the_hysterons_of_virtual_reversal_curves() -> None:
    result = run_recipe("fecap_forc", reversals())
    assert result.verdict == "GOOD", result.metrics
    for name, truth in TRUTH.items():
        low, high = result.fits["joint"].interval(name, 0.999)
        assert low <= truth <= high, name
    (held_out,) = [m for m in result.metrics if m.check.startswith("reversal curves left out")]
    assert held_out.error == pytest.approx(0.01, rel=0.1), "no worse than the noise put in"


def test_minor_loops_lie_inside_the_major_loop_and_close_at_saturation() -> None:
    law = get_law("reversal_curve")
    v = np.linspace(-3.0, 3.0, 61)
    major = {"v": v, "v_r": np.full(61, -3.0)}
    up = law({**major, "rising": np.ones(61)}, TRUTH)
    down = law({**major, "rising": np.zeros(61)}, TRUTH)
    assert np.all(up <= down + 1e-6)
    for turn in (-2.0, -1.1, -0.5):
        inside = v >= turn
        minor = law(
            {"v": v[inside], "v_r": np.full(inside.sum(), turn), "rising": np.ones(inside.sum())}, TRUTH
        )
        assert np.all(np.diff(minor) >= 0)
        assert minor[0] == pytest.approx(down[inside][0], abs=2e-3)
        assert minor[-1] == pytest.approx(1.0, abs=1e-3)
        assert np.all(minor <= down[inside] + 2e-3)


def test_unit_skew_is_the_tanh_hysteron_and_half_switches_at_the_coercive_voltage() -> None:
    law = get_law("switched_polarisation")
    v = np.linspace(0.0, 3.0, 7)
    plain = law({"v": v}, {"p_s": 0.4, "v_c": 1.2, "width": 0.2, "skew": 1.0})
    assert plain == pytest.approx(0.2 * (1.0 + np.tanh((v - 1.2) / 0.4)), rel=1e-12)
    for skew in (0.05, 0.3, 4.0, 50.0):
        half = law({"v": 1.2}, {"p_s": 0.4, "v_c": 1.2, "width": 0.2, "skew": skew})
        assert float(half) == pytest.approx(0.2, rel=1e-9)


def write_b1500(path: Path, signs: str, *, reverse: bool = True, scale: float = 1.0) -> Path:
    """Record of triangular pulses on a virtual capacitor: switching, dielectric and leakage known."""
    dt, ramp = 0.5e-6, 50
    law = get_law("switched_polarisation")
    time, v, i, polarity = [], [], [], "+"
    volts: list[float] = [0.0] * 40
    for sign in signs:
        shape = np.r_[np.linspace(0, 3, ramp), np.linspace(3, 0, ramp)[1:]]
        volts += [*((1.0 if sign == "+" else -1.0) * shape), *([0.0] * 40)]
    drive = np.array(volts)
    charge = 1e-10 * drive
    at = 40
    for sign in signs:
        if sign != polarity:
            grown = law(
                {"v": np.abs(drive[at : at + ramp])}, {"p_s": 0.4, "v_c": 1.1, "width": 0.1, "skew": 1.0}
            )
            step = (1.0 if sign == "+" else -1.0) * 2.5e-9 * grown
            charge[at : at + ramp] += step
            charge[at + ramp :] += step[-1]
            polarity = sign
        at += 2 * ramp - 1 + 40
    current = scale * (np.gradient(charge, dt) + 1e-7 * drive)
    for k, (level, flow) in enumerate(zip(drive, current, strict=True)):
        time.append(k * dt)
        v.append(level)
        i.append(-flow if reverse else flow)
    lines = [
        "SetupTitle, pund",
        "MetaData, TestRecord.EntryPoint, true",
        f"Dimension1, {len(time)}, {len(time)}, {len(time)}, {len(time)}",
        "DataName, MeasResult1_value, MeasResult2_value, MeasResult1_time, MeasResult2_time",
    ]
    lines += [f"DataValue, {a!r}, {b!r}, {t!r}, {t!r}" for a, b, t in zip(v, i, time, strict=True)]
    path.write_text("\n".join(line.replace("np.float64(", "").replace(")", "") for line in lines) + "\n")
    return path


@pytest.mark.parametrize("reverse", [False, True])
def test_pund_gives_the_switched_polarisation_without_dielectric_and_leakage(
    tmp_path: Path, reverse: bool
) -> None:
    path = write_b1500(tmp_path / "pund.csv", "-++--", reverse=reverse)
    campaign = read([path], "fecap_pund", origin=ORIGIN)
    assert [c.conditions["polarity"] for c in campaign] == ["positive", "negative"]
    for curve in campaign:
        assert curve.conditions["current_turned"] == float(reverse)
        assert curve["p"].max() == pytest.approx(0.4, rel=0.01)
        top = int(np.argmax(curve["v"]))
        half = np.interp(0.2, curve["p"][: top + 1], curve["v"][: top + 1])
        assert half == pytest.approx(1.1, abs=0.04)
        middle = (curve["v"] > 1.0) & (curve["v"] < 2.0) & (curve["rate"] > 0)
        expected = 1e-10 * curve["rate"][middle] + 1e-7 * curve["v"][middle]
        assert curve["i_background"][middle] == pytest.approx(expected, rel=0.02)


def test_a_missing_pulse_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="one branch of the loop cannot be formed"):
        read([write_b1500(tmp_path / "pund.csv", "-++-")], "fecap_pund", origin=ORIGIN)


@pytest.mark.parametrize(
    ("scale", "hint"), [(100.0, "100 times less"), (0.01, "100 times more"), (1e8, "area in um")]
)
def test_wrong_units_are_seen_by_the_size_of_the_polarisation(
    tmp_path: Path, scale: float, hint: str
) -> None:
    with pytest.raises(ReadError, match=hint):
        read([write_b1500(tmp_path / "pund.csv", "-++--", scale=scale)], "fecap_pund", origin=ORIGIN)


def loop_csv(path: Path, unit: str, factor: float, branches: tuple[int, ...] = (1, -1)) -> Path:
    """A loop of 20 uC/cm^2 in a unit of the user's."""
    rows = [
        (v, factor * 0.2 * np.tanh((v - sign * 1.0) / 0.4))
        for sign in branches
        for v in np.linspace(-3 * sign, 3 * sign, 61)
    ]
    path.write_text(f"v [V],p [{unit}]\n" + "".join(f"{float(v)!r},{float(p)!r}\n" for v, p in rows))
    return path


def test_own_loop_is_read_by_branches_in_either_unit(tmp_path: Path) -> None:
    for unit, factor in (("C/m^2", 1.0), ("uC/cm^2", 100.0)):
        up, down = read([loop_csv(tmp_path / "loop.csv", unit, factor)], "fecap_loop", origin=ORIGIN)
        for curve in (up, down):
            assert curve["p"][-1] == pytest.approx(0.4, rel=1e-3)
            assert np.interp(0.2, curve["p"], curve["v"]) == pytest.approx(1.0, abs=0.01)


def test_own_loop_with_one_branch_or_swapped_units_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="the falling branch is missing"):
        read([loop_csv(tmp_path / "a.csv", "C/m^2", 1.0, (1,))], "fecap_loop", origin=ORIGIN)
    with pytest.raises(ReadError, match=r"C/m\^2 labelled as uC/cm\^2"):
        read([loop_csv(tmp_path / "b.csv", "uC/cm^2", 1.0)], "fecap_loop", origin=ORIGIN)
    with pytest.raises(ReadError, match=r"uC/cm\^2 labelled as C/m\^2"):
        read([loop_csv(tmp_path / "c.csv", "C/m^2", 100.0)], "fecap_loop", origin=ORIGIN)


def butterfly_csv(path: Path, unit: str, factor: float, branches: tuple[int, ...] = (1, -1)) -> Path:
    """A butterfly of 70 pF with peaks at +-1 V in a unit of the user's."""
    truth = {"c": 7e-11, "bow": 0.0, "q_s": 4e-11, "v_c": 1.0, "width": 0.1, "skew": 1.0}
    rows = [
        (sign * v, factor * float(get_law("butterfly_capacitance")({"v": v}, truth)))
        for sign in branches
        for v in np.linspace(-3, 3, 121)
    ]
    path.write_text(f"v [V],c [{unit}]\n" + "".join(f"{float(v)!r},{c!r}\n" for v, c in rows))
    return path


def test_own_butterfly_is_read_and_fitted_by_recipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = butterfly_csv(tmp_path / "mine.csv", "pF", 1e12)
    for curve in read([path], "fecap_butterfly", origin=ORIGIN):
        assert curve["v"][int(np.argmax(curve["c"]))] == pytest.approx(1.0, abs=0.03)
    start = ["--set", "c=70p", "--set", "q_s=30p", "--set", "v_c=0.9"]
    assert main(["fit", "fecap_cv", "--data", str(path), *start, "--json"]) == 0
    assert "mine_positive" in capsys.readouterr().out


def test_own_loop_is_fitted_by_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = loop_csv(tmp_path / "mine.csv", "uC/cm^2", 100.0)
    assert main(["fit", "fecap_loop", "--data", str(path), "--set", "v_c=0.9", "--json"]) == 0
    capsys.readouterr()
    assert main(["fit", "fecap_loop", "--data", str(loop_csv(tmp_path / "one.csv", "C/m^2", 1.0, (1,)))]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "the falling branch is missing" in error


@pytest.mark.parametrize(
    ("unit", "factor", "branches", "message"),
    [
        ("F", 1.0, (1,), "the falling branch is missing"),
        ("F", 1.0, (-1,), "the rising branch is missing"),
        ("F", 1e12, (1, -1), "pF labelled as F"),
        ("pF", 1.0, (1, -1), "F labelled as pF"),
        ("F", -1.0, (1, -1), "not positive"),
        ("A", 1.0, (1, -1), "column is missing"),
    ],
)
def test_own_butterfly_that_cannot_be_one_is_refused(
    tmp_path: Path, unit: str, factor: float, branches: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ReadError, match=message):
        read([butterfly_csv(tmp_path / "b.csv", unit, factor, branches)], "fecap_butterfly", origin=ORIGIN)


def test_butterfly_holds_the_charge_that_switches() -> None:
    law = get_law("butterfly_capacitance")
    v = np.linspace(-2.0, 4.0, 6001)
    for skew in (0.2, 1.0, 6.0):
        c = law({"v": v}, {"c": 1e-12, "bow": 0.0, "q_s": 3e-9, "v_c": 1.0, "width": 0.05, "skew": skew})
        switched = np.concatenate([[0.0], np.cumsum(0.5 * (c[1:] + c[:-1] - 2e-12) * np.diff(v))])
        assert switched[-1] == pytest.approx(3e-9, rel=1e-3)
        assert np.interp(1.5e-9, switched, v) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.measured
def test_large_signal_butterfly_peaks_where_the_polarisation_switches(mirror: Path) -> None:
    result = run_recipe("fecap_cv", load("fecap_cv", mirror, virtual=False))
    assert result.verdict == "GOOD", result.metrics
    switched = run_recipe("fecap_pund", load("fecap_pund", mirror, virtual=False))
    for name, found in result.fits.items():
        assert found["v_c"].value == pytest.approx(switched.fits[name]["v_c"].value, rel=0.06)


@pytest.mark.measured
def test_pund_of_both_instruments_is_fitted_within_5_percent_of_what_is_read_off(mirror: Path) -> None:
    campaign = load("fecap_pund", mirror, virtual=False)
    result = run_recipe("fecap_pund", campaign)
    assert result.verdict == "GOOD", result.metrics
    for curve in campaign:
        top = int(np.argmax(curve["v"]))
        p, v = curve["p"][: top + 1], curve["v"][: top + 1]
        fitted = result.fits[curve.name]
        assert fitted["p_s"].value == pytest.approx(p[-1], rel=0.05)
        assert fitted["v_c"].value == pytest.approx(float(np.interp(0.5 * p[-1], p, v)), rel=0.05)


@pytest.mark.measured
def test_reversal_curves_left_out_are_predicted(mirror: Path) -> None:
    result = run_recipe("fecap_forc", load("fecap_forc", mirror, virtual=False))
    assert result.verdict == "GOOD", result.metrics


@pytest.mark.measured
def test_varactor_is_described_to_one_percent(mirror: Path) -> None:
    """One large and one short structure here; all 14 by 'spicetwin fit varactor_sky130'."""
    some = tuple(load("sky130_varactor_cv", mirror, virtual=False)[k] for k in (2, 12))
    result = run_recipe("varactor_sky130", some)
    assert result.verdict == "GOOD", result.metrics
