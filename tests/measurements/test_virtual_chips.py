"""Virtual chips: committed files are what the generator writes, and they carry their truth."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

from measurements.load import load
from measurements.virtual.generate import DpiTruth, dpi_depth, dpi_floor, dpi_pulse_end, generate

FOLDER = Path(__file__).resolve().parents[2] / "measurements" / "virtual"
U_T = 8.617333262e-5 * 300.0


def test_committed_files_are_those_of_the_generator(tmp_path: Path) -> None:
    """Numbers agree to a few last digits (libm differs between machines); names and text agree exactly."""
    generate(tmp_path)
    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    kept = {path.relative_to(FOLDER) for path in FOLDER.rglob("*") if path.suffix in (".csv", ".toml")}
    assert made == kept
    for name in sorted(made):
        new, old = (tmp_path / name).read_text(), (FOLDER / name).read_text()
        if name.suffix == ".toml":
            assert new == old
        else:
            numbers = [np.loadtxt(text.splitlines()[2:], delimiter=",") for text in (new, old)]
            np.testing.assert_allclose(*numbers, rtol=2e-6, atol=2e-6 if "dpi" in str(name) else 0.0)


def test_decay_after_the_pulse_is_linear_in_volts_with_the_true_slope() -> None:
    truth = DpiTruth()
    for curve in load("coach_dpi", virtual=True):
        slope = truth.mirror_tau * curve.number("i_tau") / curve.number("c_syn")
        linear = curve["v_syn"] < truth.v_rest - 4 * U_T
        fitted = np.polyfit(curve["time"][linear], curve["v_syn"][linear], 1)[0]
        assert fitted == pytest.approx(slope, rel=0.02)


def test_pulse_end_solves_the_synapse_equation() -> None:
    """Direct integration of equation (1) over the pulse reaches the depth of the implicit solution."""
    from scipy.integrate import solve_ivp

    truth = DpiTruth()
    conditions = load("coach_dpi", virtual=True)[0].conditions
    i_tau = truth.mirror_tau * float(conditions["i_tau"])
    i_thr = truth.mirror_thr * float(conditions["i_thr"])
    drive = truth.mirror_weight * float(conditions["i_weight"]) / i_tau
    tau = float(conditions["c_syn"]) * U_T / (truth.kappa * i_tau)
    floor = dpi_floor(truth, conditions)
    solution = solve_ivp(
        lambda _, y: [(drive / (1.0 + np.exp(y[0]) / i_thr) - 1.0) / tau],
        (0.0, truth.t_pulse), [np.log(floor)], rtol=1e-10, atol=1e-12,
    )  # fmt: skip
    depth = (solution.y[0, -1] - np.log(floor)) * U_T / truth.kappa
    assert dpi_pulse_end(truth, conditions) == pytest.approx(depth, rel=1e-7)


def test_depth_reaches_rest_exponentially_and_starts_where_the_pulse_ended() -> None:
    time = np.array([0.0, 1.0, 1.0 + 0.01])
    depth = dpi_depth(time, 0.4, 1.0, U_T)
    assert depth[0] == pytest.approx(0.4)
    assert depth[2] / depth[1] == pytest.approx(np.exp(-0.01 / U_T), rel=1e-6)


def test_transistors_show_their_true_kappa_in_weak_inversion() -> None:
    truth = tomllib.loads((FOLDER / "ihp_sg13g2_idvg" / "truth.toml").read_text())
    for curve in load("ihp_sg13g2_idvg", virtual=True):
        section = truth[f"{curve.conditions['polarity']}mos"]
        away = curve.number("temperature") - 300.15
        kappa = section["kappa"] + section["kappa_slope"] * away
        area = curve.number("w") / curve.number("l")
        i_d = curve["i_d"] - section["leakage"]
        weak = (i_d > 300 * section["noise_current"]) & (i_d < 0.03 * section["i_spec"] * area)
        slope = np.polyfit(curve["v_gs"][weak], np.log(i_d[weak]), 1)[0]
        assert slope * 8.617333262e-5 * curve.number("temperature") == pytest.approx(kappa, rel=0.06)


def test_every_virtual_file_says_that_it_is_not_a_measurement() -> None:
    for path in FOLDER.rglob("*.csv"):
        assert path.read_text().startswith("# virtual data, not a measurement")
    for name in (
        "coach_dpi",
        "ihp_sg13g2_idvg",
        "ihp_sg13g2_switch",
        "ihp_sg13g2_cv",
        "sky130_mim_cv",
    ):
        assert {curve.source.kind for curve in load(name, virtual=True)} == {"virtual"}
