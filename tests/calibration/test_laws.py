"""Laws: limits, known solutions, derivatives, and recovery of their own parameters."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.fit import Dataset, FitParameter, ModelFailure, fit, law_model, law_parameters
from calibration.laws import Law, LawParam, UnknownLaw, get_law, laws
from calibration.laws.law import LawDomainError, thermal_voltage

FloatArray = NDArray[np.float64]
U_T = float(thermal_voltage(300.0))

# Inputs over which each law must give back its parameters, true values, and what has to be held fixed.
CASES: dict[str, tuple[dict[str, FloatArray], dict[str, float], tuple[str, ...]]] = {
    "dpi_decay": (
        {"time": np.linspace(0, 0.2, 60)},
        {"amplitude": 1e-10, "tau": 8e-3, "kappa": 0.7, "i_floor": 1e-13},
        (),
    ),
    "dpi_vsyn_ramp": (
        {"time": np.linspace(0, 0.1, 60), "temperature": np.full(60, 300.0)},
        {"v_start": 1.3, "v_rest": 1.77, "slope": 9.6},
        (),
    ),
    "dpi_tau": (
        {"i_tau": np.geomspace(1e-14, 1e-10, 30), "temperature": np.full(30, 300.0)},
        {"c_syn": 1.5e-12, "kappa": 0.72, "i_leak": 2e-14},
        ("c_syn",),
    ),
    "dpi_turn_on": (
        {"time": np.linspace(0, 0.05, 60)},
        {"i_start": 1e-13, "tau": 1e-2, "i_gain": 2e-11, "drive_ratio": 8.0, "slope_ratio": 1.1},
        ("slope_ratio",),
    ),
    "dpi_increment": (
        {
            "t_pulse": np.geomspace(1e-6, 1e-2, 30),
            "i_weight": np.full(30, 1e-8),
            "i_tau": np.full(30, 5e-12),
        },
        {"i_gain": 2e-11, "charge": 5.5e-14},
        (),
    ),
    "dpi_counts": (
        {
            "time": 0.02 * np.arange(6.0),
            "interval": np.full(6, 0.02),
            "temperature": np.full(6, 300.0),
        },
        {
            "v_start": 1.3,
            "v_rest": 1.77,
            "slope": 4.4,
            "kappa": 0.74,
            "rate": 9e4,
            "v_ref": 1.33,
            "background": 13.0,
        },
        ("v_start", "v_rest", "v_ref", "slope"),
    ),
    "f_i_curve": (
        {"i_in": np.linspace(1.2e-11, 2e-10, 40)},
        {"i_rheobase": 1e-11, "tau": 2e-2, "t_refractory": 2e-3, "reset_ratio": 0.1},
        ("reset_ratio",),
    ),
    "subthreshold_fet": (
        {
            "v_gs": np.linspace(-0.2, 0.5, 40),
            "v_ds": np.full(40, 0.05),
            "temperature": np.full(40, 300.0),
        },
        {"i0": 1e-12, "kappa": 0.76, "i_floor": 1e-13},
        (),
    ),
    "ekv_fet": (
        {
            "v_gs": np.linspace(-0.2, 1.2, 60),
            "v_ds": np.full(60, 0.05),
            "temperature": np.full(60, 300.0),
        },
        {"i0": 1e-12, "kappa": 0.76, "i_spec": 4e-7, "i_floor": 1e-13},
        (),
    ),
    "constant": ({}, {"value": 3.0}, ()),
    "line": ({"x": np.linspace(-1, 2, 9)}, {"slope": 2.0, "offset": -3.0}, ()),
    "power_law": (
        {"x": np.geomspace(1, 100, 9)},
        {"scale": 2.0, "x_ref": 10.0, "exponent": -1.3},
        ("x_ref",),
    ),
    "lognormal": ({"z": np.linspace(-2, 2, 21)}, {"median": 5.0, "sigma": 0.3}, ()),
    "arrhenius": (
        {"temperature": np.linspace(250, 400, 9)},
        {"value_ref": 1e-13, "activation": 0.62, "temperature_ref": 300.0},
        ("temperature_ref",),
    ),
    "linear_temperature": (
        {"temperature": np.linspace(250, 400, 9)},
        {"value_ref": 0.76, "coefficient": -3e-4, "temperature_ref": 300.0},
        ("temperature_ref",),
    ),
    "exponential_temperature": (
        {"temperature": np.linspace(250, 400, 9)},
        {"value_ref": 1e-2, "coefficient": -0.05, "temperature_ref": 300.0},
        ("temperature_ref",),
    ),
}


def case(name: str) -> tuple[Law, dict[str, FloatArray], dict[str, float], tuple[str, ...], FloatArray]:
    inputs, true, fixed = CASES[name]
    law = get_law(name)
    y = np.atleast_1d(law(inputs, true))
    return law, inputs, true, fixed, np.repeat(y, 5) if not inputs else y


OWN = sorted(name for name, law in laws().items() if law.function.__module__.startswith("calibration.laws."))
FAMILY = [name for name in OWN if name in CASES]


def test_every_law_of_this_family_has_a_recovery_case() -> None:
    modules = {"dpi", "neuron", "fet", "generic"}
    mine = {name for name, law in laws().items() if law.function.__module__.split(".")[-1] in modules}
    assert mine == set(CASES)


@pytest.mark.parametrize("name", FAMILY)
def test_fit_of_a_law_recovers_the_parameters_that_made_the_data(name: str) -> None:
    law, inputs, true, fixed, y = case(name)
    start = {
        key: value
        if key in fixed
        else value * (1.3 if law.params[key].scale == "log" else 1.0) + nudge(law, key)
        for key, value in true.items()
    }
    parameters = law_parameters(law, **start)
    for key in fixed:
        parameters[key] = FitParameter(true[key], vary=False)
    positive = bool(np.all(y > 0)) and law.output in ("A", "1")
    data = Dataset(name, inputs, y, 0.01 * (1.0 if positive else np.maximum(np.abs(y), 1e-3)))
    if positive:
        data = Dataset(name, inputs, y, 0.01, "lognormal")
    model = partial(law_model, law=law)
    if not inputs:
        model = lambda p, d: np.full(d.y.shape, law.function(**p))  # noqa: E731
    result = fit(model, [data], parameters)
    for key in true:
        assert result[key].value == pytest.approx(true[key], rel=1e-4), key


def nudge(law: Law, key: str) -> float:
    """Small step off the true value of a linear parameter, towards the middle of its bounds."""
    return 0.0 if law.params[key].scale == "log" else (-0.03 if key in ("kappa", "activation") else 0.0)


@pytest.mark.parametrize("name", FAMILY)
def test_law_broadcasts_and_gives_float64(name: str) -> None:
    law, inputs, true, _, _ = case(name)
    whole = law(inputs, true)
    assert whole.dtype == np.float64
    if inputs:
        first = law({key: values[3] for key, values in inputs.items()}, true)
        assert float(first) == pytest.approx(float(whole[3]), rel=1e-14)


@pytest.mark.parametrize("name", FAMILY)
def test_law_says_its_units_equation_source_and_guesses_within_bounds(name: str) -> None:
    law = get_law(name)
    assert law.id == name
    assert law.equation
    assert law.source
    for param in law.params.values():
        assert param.unit
        assert param.bounds[0] <= param.guess <= param.bounds[1]


def test_decay_starts_at_its_amplitude_and_ends_at_its_floor() -> None:
    law = get_law("dpi_decay")
    p = {"amplitude": 1e-9, "tau": 1e-2, "kappa": 0.7, "i_floor": 1e-15}
    assert law({"time": 0.0}, p) == pytest.approx(1e-9, rel=1e-13)
    assert law({"time": 10.0}, p) == pytest.approx(1e-15, rel=1e-9)


def test_decay_slope_is_tau_far_above_the_floor_for_any_kappa() -> None:
    law = get_law("dpi_decay")
    p = {"amplitude": 1e-9, "tau": 1e-2, "kappa": 0.7, "i_floor": 1e-16}
    t = np.linspace(0, 3e-2, 50)
    slope = np.gradient(np.log(law({"time": t}, p)), t)
    assert slope[:30] == pytest.approx(-100.0, rel=1e-3)


def test_decay_without_saturation_is_floor_plus_exponential() -> None:
    law = get_law("dpi_decay")
    p = {"amplitude": 1e-12, "tau": 1e-2, "kappa": 1.0, "i_floor": 1e-13}
    t = np.linspace(0, 0.1, 11)
    expected = 1e-13 + 9e-13 * np.exp(-t / 1e-2)
    assert law({"time": t}, p) == pytest.approx(expected, rel=1e-12)


def test_ramp_solves_its_differential_equation() -> None:
    law = get_law("dpi_vsyn_ramp")
    p = {"v_start": 1.60, "v_rest": 1.77, "slope": 9.6}
    t = np.linspace(0, 0.03, 2001)
    v = law({"time": t, "temperature": 300.0}, p)
    rate = np.gradient(v, t)[1:-1]
    assert rate == pytest.approx(9.6 * (1 - np.exp(-(1.77 - v[1:-1]) / U_T)), rel=1e-4)


def test_current_of_the_ramp_is_the_decay_law() -> None:
    t = np.linspace(0, 0.1, 31)
    kappa, floor = 0.7, 1e-14
    v = get_law("dpi_vsyn_ramp")(
        {"time": t, "temperature": 300.0}, {"v_start": 1.5, "v_rest": 1.77, "slope": 9.6}
    )
    current = floor * np.exp(kappa * (1.77 - v) / U_T)
    decay = get_law("dpi_decay")(
        {"time": t},
        {"amplitude": current[0], "tau": U_T / (kappa * 9.6), "kappa": kappa, "i_floor": floor},
    )
    assert decay == pytest.approx(current, rel=1e-11)


def test_tau_saturates_at_the_leakage() -> None:
    tau = get_law("dpi_tau")(
        {"i_tau": np.array([0.0]), "temperature": 300.0}, {"c_syn": 1e-12, "kappa": 0.7, "i_leak": 1e-13}
    )
    assert tau[0] == pytest.approx(0.37, rel=0.01)


@pytest.mark.parametrize("m", [0.9, 1.0, 1.2])
@pytest.mark.parametrize("r", [1.05, 3.0, 1e3])
def test_turn_on_inverts_the_implicit_solution(m: float, r: float) -> None:
    p = {"i_start": 1e-13, "tau": 1e-2, "i_gain": 1e-11, "drive_ratio": r, "slope_ratio": m}
    t = np.geomspace(1e-7, 0.3, 40) / r
    u = (get_law("dpi_turn_on")({"time": t}, p) / 1e-11) ** m
    ui = (1e-13 / 1e-11) ** m
    left = np.log((r - 1 - ui) / np.maximum(r - 1 - u, 1e-300))
    implicit = 1e-2 / m * (np.log(u / ui) / (r - 1) + r / (r - 1) * left)
    far = u < 0.999 * (r - 1)
    assert np.count_nonzero(far) > 5
    assert implicit[far] == pytest.approx(t[far], rel=1e-7, abs=1e-12)


def test_turn_on_agrees_with_integration_of_its_equation() -> None:
    p = {"i_start": 1e-12, "tau": 1e-2, "i_gain": 1e-11, "drive_ratio": 4.0, "slope_ratio": 1.0}
    law = get_law("dpi_turn_on")
    x, t = 1e-12, 0.0
    h = 1e-5
    for _ in range(1500):

        def rate(i: float) -> float:
            return i * (3e-11 - i) / (1e-2 * (i + 1e-11))

        a = rate(x)
        b = rate(x + h * a / 2)
        c = rate(x + h * b / 2)
        d = rate(x + h * c)
        x, t = x + h * (a + 2 * b + 2 * c + d) / 6, t + h
    assert float(law({"time": t}, p)) == pytest.approx(x, rel=1e-9)


def test_turn_on_refuses_a_drive_that_does_not_turn_on() -> None:
    law = get_law("dpi_turn_on")
    p = {"i_start": 1e-13, "tau": 1e-2, "i_gain": 1e-11, "drive_ratio": 0.9, "slope_ratio": 1.0}
    with pytest.raises(LawDomainError, match="drive_ratio > 1"):
        law({"time": 1e-3}, p)
    with pytest.raises(ModelFailure):
        law_model(p, Dataset("d", {"time": np.array([1e-3])}, np.ones(1)), law=law)


def test_counts_of_an_unsaturated_ramp_are_a_geometric_series() -> None:
    tau = U_T / (0.74 * 4.4)
    n = get_law("dpi_counts")(
        {"time": 0.02 * np.arange(4.0), "interval": 0.02 * np.ones(4), "temperature": 300.0},
        {
            "v_start": 1.0,
            "v_rest": 3.0,
            "slope": 4.4,
            "kappa": 0.74,
            "rate": 1e4,
            "v_ref": 1.0,
            "background": 0.0,
        },
    )
    assert n[0] == pytest.approx(1e4 * tau * (1 - np.exp(-0.02 / tau)), rel=1e-9)
    assert n[1:] / n[:-1] == pytest.approx(np.exp(-0.02 / tau), rel=1e-9)


def test_increment_of_a_short_pulse_is_charge_over_charge() -> None:
    short = get_law("dpi_increment")(
        {"t_pulse": 1e-9, "i_weight": 1e-8, "i_tau": 5e-12}, {"i_gain": 2e-11, "charge": 5.5e-14}
    )
    assert float(short) == pytest.approx(2e-11 * 1e-8 * 1e-9 / 5.5e-14, rel=1e-6)


def test_firing_stops_at_the_rheobase_and_saturates_at_the_refractory_rate() -> None:
    law = get_law("f_i_curve")
    p = {"i_rheobase": 1e-11, "tau": 2e-2, "t_refractory": 2e-3, "reset_ratio": 0.0}
    rates = law({"i_in": np.array([0.0, 1e-11, 1.001e-11, 1e-6])}, p)
    assert rates[0] == rates[1] == 0.0
    assert 0 < rates[2] < 10
    assert rates[3] == pytest.approx(500.0, rel=1e-3)


def test_ekv_becomes_the_subthreshold_law_in_weak_inversion() -> None:
    x = {"v_gs": np.linspace(-0.3, 0.1, 9), "v_ds": 0.05, "temperature": 300.0}
    weak = get_law("subthreshold_fet")(x, {"i0": 1e-13, "kappa": 0.7, "i_floor": 1e-15})
    ekv = get_law("ekv_fet")(x, {"i0": 1e-13, "kappa": 0.7, "i_floor": 1e-15, "i_spec": 1e-6})
    assert ekv == pytest.approx(weak, rel=1e-3)


def test_unknown_law_lists_the_known_ones() -> None:
    with pytest.raises(UnknownLaw, match="dpi_decay"):
        get_law("dpi_decai")


def test_missing_and_unknown_names_are_named() -> None:
    law = get_law("line")
    with pytest.raises(ValueError, match="parameter 'offset' is missing"):
        law({"x": 1.0}, {"slope": 1.0})
    with pytest.raises(ValueError, match="input 'y' is unknown; accepted: x"):
        law({"x": 1.0, "y": 2.0}, {"slope": 1.0, "offset": 0.0})


def test_a_guess_outside_its_bounds_is_refused() -> None:
    with pytest.raises(ValueError, match="outside its bounds"):
        LawParam("1", 2.0, (0.0, 1.0))
    with pytest.raises(ValueError, match="positive lower bound"):
        LawParam("A", 1.0, (0.0, 2.0), "log")


def test_laws_load_neither_scipy_nor_lmfit() -> None:
    heavy = "('scipy', 'lmfit', 'matplotlib')"
    code = f"import sys, calibration.laws; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_a_law_must_declare_what_its_function_takes() -> None:
    line = get_law("line")
    with pytest.raises(ValueError, match="law odd: function and declaration differ in x"):
        Law("odd", line.function, {}, "1", line.params, "", "")


def test_laws_of_installed_packages_are_found_and_may_not_replace_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = get_law("line")

    class Point:
        def __init__(self, name: str) -> None:
            self.name, self.value = name, "package:LAW"

        def load(self) -> Law:
            return line

    monkeypatch.setattr("calibration.laws.entry_points", lambda group: [Point("their_line")])
    assert get_law("their_line") is line
    monkeypatch.setattr("calibration.laws.entry_points", lambda group: [Point("dpi_tau")])
    with pytest.raises(UnknownLaw, match="existing law"):
        laws()
