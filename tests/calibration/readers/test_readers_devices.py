"""IHP transistor files read as switches and as gate capacitances: signs, thresholds, floors, refusals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from calibration.measured import Origin, ReadError
from calibration.readers.ihp_cv import read_ihp_cv
from calibration.readers.ihp_switch import LEAKAGE_FLOOR, read_ihp_switch

ORIGIN = Origin("virtual", "Apache-2.0", "written by the test")
V_GS = np.round(np.arange(-0.5, 1.36, 0.05), 3)


def current(v_gs: float, v_sb: float, v_ds: float, celsius: float) -> float:
    """1 uA/V above 0.4 V + V_sb/12, 100 mV per decade below, doubled leakage at 0.6 V, hotter leaks more."""
    over = v_gs - 0.4 - v_sb / 12.0
    leak = 1e-7 * 10 ** (min(over, 0.0) / 0.1) * (2.0 if v_ds > 0.1 else 1.0) * math.exp((celsius - 27) / 30)
    return leak + 1e-6 * max(over, 0.0)


def idvg(
    folder: Path, celsius: float, polarity: str = "n", drains: Sequence[float] = (0.05, 0.6), w: str = "1.00u"
) -> Path:
    """An Id-Vg file with three body voltages; a p-type file has all signs turned."""
    sign = 1.0 if polarity == "n" else -1.0
    lines = [
        "BEGIN_HEADER",
        " ICCAP_INPUTS",
        "  vg V G GROUND SMU1 0.1 LIN 1 -0.5 1.35 38 0.05",
        "  vb V B GROUND SMU3 0.1 LIST 2 3 0 -0.6 -1.2",
        f"  vd V D GROUND SMU2 0.1 LIST 3 {len(drains)} {' '.join(map(str, drains))}",
        " ICCAP_OUTPUTS",
        "  id I D GROUND SMU2 B",
        " ICCAP_VALUES",
        f'  TYPE "{sign:.0f}"',
        f'  TEMP "{celsius}"',
        f'  MAIN.W "{w}"',
        '  MAIN.L "1.00u"',
        "END_HEADER",
    ]
    for v_sb in (0.0, 0.6, 1.2):
        for v_ds in drains:
            lines += ["BEGIN_DB", f" ICCAP_VAR vb {-sign * v_sb}", f" ICCAP_VAR vd {sign * v_ds}", " #vg id"]
            lines += [f" {sign * v} {sign * current(v, v_sb, v_ds, celsius)!r}" for v in V_GS.tolist()]
            lines.append("END_DB")
    path = folder / f"{polarity}_{celsius}_{w}.mdm"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("polarity", ["n", "p"])
def test_switch_of_either_polarity_has_positive_resistance_and_its_threshold(
    tmp_path: Path, polarity: str
) -> None:
    paths = [idvg(tmp_path, celsius, polarity) for celsius in (27.0, 125.0)]
    curves = {curve.name: curve for curve in read_ihp_switch(paths, ORIGIN)}
    assert set(curves) == {
        *(f"{polarity}mos_w1u_l1u_{kelvin}k" for kelvin in (300, 398)),
        f"{polarity}mos_w1u_l1u_off",
    }
    hot = curves[f"{polarity}mos_w1u_l1u_398k"]
    assert hot.number("v_t") == pytest.approx(0.4, abs=1e-9), "the threshold at 300 K, not its own"
    assert hot.number("temperature") == pytest.approx(398.15)
    room = curves[f"{polarity}mos_w1u_l1u_300k"]
    on = (room["v_gs"] == 1.0) & (room["v_sb"] == 0.6)
    assert room["r_on"][on] == pytest.approx(0.05 / current(1.0, 0.6, 0.05, 27.0))
    assert room["v_over"][on] == pytest.approx(1.0 - 0.45, abs=1e-9)
    off = curves[f"{polarity}mos_w1u_l1u_off"]
    assert off["temperature"].tolist() == pytest.approx([300.15, 300.15, 398.15, 398.15])
    assert off["i_off"][:2].tolist() == pytest.approx([1e-11, 2e-11])
    assert off.floors["i_off"] == LEAKAGE_FLOOR
    assert off.conditions["channel"] == f"{polarity}mos_l1u"


def test_device_measured_at_one_temperature_has_no_leakage_curve(tmp_path: Path) -> None:
    assert [curve.conditions["kind"] for curve in read_ihp_switch([idvg(tmp_path, 27.0)], ORIGIN)] == ["on"]


def test_device_without_room_temperature_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="no 300 K file of nmos_w1u_l1u"):
        read_ihp_switch([idvg(tmp_path, 125.0)], ORIGIN)


def test_file_without_the_second_drain_voltage_is_refused_by_name(tmp_path: Path) -> None:
    paths = [idvg(tmp_path, celsius, drains=(0.05,)) for celsius in (27.0, 125.0)]
    with pytest.raises(ReadError, match=r"no curve at V_sb = 0\.0 V, \|V_ds\| = 0\.6 V"):
        read_ihp_switch(paths, ORIGIN)


def test_device_that_never_turns_on_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="does not turn on"):
        read_ihp_switch([idvg(tmp_path, 27.0, w="1.00k")], ORIGIN)


def cv(
    folder: Path, setup: str, column: str, polarity: str = "n", module: str = "S350B", pad: str = "16"
) -> Path:
    """A C-V file of three rows."""
    sign = 1 if polarity == "n" else -1
    path = folder / f"{polarity}{setup}{module}{pad}.mdm"
    path.write_text(
        "BEGIN_HEADER\n ICCAP_INPUTS\n  vg V G D CM 0.1 LIN 1 -1 1 3 1\n"
        f" ICCAP_OUTPUTS\n  {column} C G D CM B\n ICCAP_VALUES\n"
        f'  MASTER_SETUP_TYPE "{setup}"\n  TYPE "{sign}"\n  TEMP "27"\n  MAIN.W "10.0u"\n  MAIN.L "250.0n"\n'
        f'  MAIN.NF "2.0"\n  MAIN.M "12"\n  MODULE "{module}"\n  PIN_H "{pad}"\n'
        f"END_HEADER\nBEGIN_DB\n #vg {column}\n -1 1e-12\n 0 2e-12\n 1 3e-12\nEND_DB\n"
    )
    return path


def test_gate_capacitance_counts_parallel_devices_and_turns_p_type_voltages(tmp_path: Path) -> None:
    (n,) = read_ihp_cv([cv(tmp_path, "~c_g_ds~", "cg_sd")], ORIGIN)
    assert n.number("w") == pytest.approx(120e-6)
    assert n.number("fingers") == 24
    assert n["v_gc"].tolist() == [-1.0, 0.0, 1.0]
    (p,) = read_ihp_cv([cv(tmp_path, "~c_g_ds~", "cg_sd", polarity="p")], ORIGIN)
    assert p["v_gc"].tolist() == [1.0, 0.0, -1.0]


def test_oxide_file_sweeps_the_body_so_its_gate_voltage_is_turned(tmp_path: Path) -> None:
    (n,) = read_ihp_cv([cv(tmp_path, "~c_oxide~", "cox")], ORIGIN)
    assert n["v_gb"].tolist() == [1.0, 0.0, -1.0]
    assert n.conditions["structure"] == "gate_body"


def test_wrong_length_of_a_header_is_corrected_for_its_module_and_pad_only(tmp_path: Path) -> None:
    (wrong,) = read_ihp_cv([cv(tmp_path, "~c_g_ds~", "cg_sd", "p", "S351B", "12")], ORIGIN)
    (right,) = read_ihp_cv([cv(tmp_path, "~c_g_ds~", "cg_sd", "p", "S351B", "14")], ORIGIN)
    assert (wrong.number("l"), right.number("l")) == pytest.approx((10e-6, 250e-9))


@pytest.mark.parametrize(
    ("setup", "column", "message"),
    [("~dc_idvg~", "cg_sd", "not a gate C-V file"), ("~c_g_ds~", "cox", "column cg_sd: not a gate C-V file")],
)
def test_file_that_is_no_gate_capacitance_is_refused(
    tmp_path: Path, setup: str, column: str, message: str
) -> None:
    with pytest.raises(ReadError, match=message):
        read_ihp_cv([cv(tmp_path, setup, column)], ORIGIN)
