"""The solver: likelihoods, sharing, bounds, verdicts, intervals, failures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_ndtr

from calibration.fit import (
    Criteria,
    Dataset,
    FitError,
    FitParameter,
    FitProblem,
    FitResult,
    ModelFailure,
    fit,
    law_model,
    law_parameters,
    solve,
)
from calibration.laws import get_law
from calibration.profile import profile_interval

FloatArray = NDArray[np.float64]
TIMES = np.linspace(0.0, 0.1, 41)
DECAY = partial(law_model, law=get_law("dpi_decay"))


def line(parameters: Mapping[str, float], dataset: Dataset) -> FloatArray:
    return parameters["slope"] * dataset.x["x"] + parameters["offset"]


def decay_data(seed: int, sigma: float = 0.03, floor: float | None = None) -> Dataset:
    """Noisy decay on a log scale; values below ``floor`` are censored there."""
    clean = get_law("dpi_decay")(
        {"time": TIMES}, {"amplitude": 1e-10, "tau": 1e-2, "kappa": 1.0, "i_floor": 1e-14}
    )
    noisy = clean * np.exp(sigma * np.random.default_rng(seed).standard_normal(len(TIMES)))
    if floor is None:
        return Dataset("decay", {"time": TIMES}, noisy, sigma, "lognormal")
    return Dataset("decay", {"time": TIMES}, np.maximum(noisy, floor), sigma, "lognormal", noisy <= floor)


def decay_parameters() -> dict[str, FitParameter]:
    start = law_parameters(get_law("dpi_decay"), amplitude=3e-11, tau=3e-2)
    start["kappa"] = FitParameter(1.0, vary=False)
    return start


def test_fit_recovers_tau_within_three_sigma() -> None:
    result = fit(DECAY, [decay_data(1)], decay_parameters())
    assert result.verdict == "GOOD", result.reasons
    tau = result["tau"]
    assert tau.stderr is not None
    assert abs(tau.value - 1e-2) < 3 * tau.stderr
    assert tau.stderr < 1e-4


def test_censored_values_pull_tau_less_than_values_taken_at_the_floor() -> None:
    data = decay_data(2, floor=3e-13)
    parameters = {**decay_parameters(), "i_floor": FitParameter(1e-14, "A", vary=False)}
    censored = fit(DECAY, [data], parameters)
    naive = fit(DECAY, [Dataset("decay", data.x, data.y, 0.03, "lognormal")], parameters)
    assert censored.n_censored > 10
    assert censored["tau"].value == pytest.approx(1e-2, rel=0.01)
    assert abs(naive["tau"].value / 1e-2 - 1) > 0.1


def test_censored_deviance_has_the_minimum_of_the_tobit_likelihood() -> None:
    rng = np.random.default_rng(3)
    x = np.linspace(-1.0, 3.0, 60)
    raw = 2.0 * x + 1.0 + rng.standard_normal(60)
    limit = 0.5
    censored = raw <= limit
    y = np.maximum(raw, limit)

    def negative(v: FloatArray) -> float:
        z = y - (v[0] * x + v[1])
        return float(-np.sum(np.where(censored, log_ndtr(z), -0.5 * z**2)))

    best = minimize(negative, [1.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12}).x
    data = Dataset("tobit", {"x": x}, y, 1.0, censored=censored)
    result = fit(line, [data], {"slope": FitParameter(1.0), "offset": FitParameter(0.0)})
    assert [result["slope"].value, result["offset"].value] == pytest.approx(best, abs=1e-5)


def test_poisson_fit_of_a_constant_gives_the_mean_and_its_exact_error() -> None:
    counts = np.array([0.0, 0.0, 1.0, 0.0, 2.0, 0.0, 0.0, 1.0])
    data = Dataset("counts", {"x": np.zeros(8)}, counts, likelihood="poisson")
    parameters = {
        "slope": FitParameter(0.0, vary=False),
        "offset": FitParameter(2.0, bounds=(1e-9, 1e9), scale="log"),
    }
    result = fit(line, [data], parameters)
    assert result["offset"].value == pytest.approx(0.5, rel=1e-6)
    assert result["offset"].stderr == pytest.approx(np.sqrt(0.5 / 8), rel=1e-4)


def test_straight_line_has_the_textbook_covariance() -> None:
    x = np.linspace(0.0, 10.0, 21)
    y = 2.0 * x + 1.0 + 0.1 * np.random.default_rng(4).standard_normal(21)
    result = fit(line, [Dataset("l", {"x": x}, y)], {"slope": FitParameter(1.0), "offset": FitParameter(0.0)})
    coefficients, covariance = np.polyfit(x, y, 1, cov=True)
    assert [result["slope"].value, result["offset"].value] == pytest.approx(coefficients, rel=1e-8)
    assert result.natural_covariance() == pytest.approx(covariance, rel=1e-5)
    assert result.scaled


def test_shared_and_per_condition_parameters_are_fitted_together() -> None:
    x = np.linspace(0.0, 1.0, 11)
    sets = [
        Dataset(f"d{i}", {"x": x}, s * x + 3.0, 0.01, conditions={"code": c})
        for i, (s, c) in enumerate([(1.0, 5.0), (2.0, 10.0), (2.0, 10.0)])
    ]
    parameters = {"slope": FitParameter(1.5, per="code"), "offset": FitParameter(0.0)}
    result = fit(line, sets, parameters)
    assert list(result.parameters) == ["slope[5]", "offset", "slope[10]"]
    assert result["slope[5]"].value == pytest.approx(1.0)
    assert result["slope[10]"].value == pytest.approx(2.0)


def test_parameter_at_its_bound_makes_the_fit_poor() -> None:
    x = np.linspace(0.0, 1.0, 11)
    data = Dataset("d", {"x": x}, 2.0 * x, 0.01)
    result = fit(line, [data], {"slope": FitParameter(0.5, bounds=(0.0, 1.0)), "offset": FitParameter(0.0)})
    assert result["slope"].at_bound
    assert result["slope"].stderr is None
    assert result.verdict == "POOR"
    assert any("slope is at its bound" in reason for reason in result.reasons)


def test_parameter_without_influence_fails_the_fit_by_name() -> None:
    data = Dataset("d", {"x": np.zeros(5)}, np.arange(5.0), 1.0)
    result = fit(line, [data], {"slope": FitParameter(1.0), "offset": FitParameter(0.0)})
    assert result.verdict == "FAILED"
    assert any("slope is undetermined" in reason for reason in result.reasons)


def test_wrong_model_is_poor_not_good() -> None:
    x = np.linspace(0.0, 1.0, 21)
    data = Dataset("d", {"x": x}, np.sin(6.0 * x), 0.01)
    result = fit(line, [data], {"slope": FitParameter(1.0), "offset": FitParameter(0.0)})
    assert result.verdict == "POOR"
    assert any("chi-squared" in reason for reason in result.reasons)


def test_evaluate_many_gets_whole_jacobians_and_gives_the_same_fit() -> None:
    batches: list[int] = []

    def many(tasks: Sequence[tuple[Mapping[str, float], Dataset]]) -> list[FloatArray | None]:
        batches.append(len(tasks))
        return [DECAY(*task) for task in tasks]

    alone = fit(DECAY, [decay_data(5)], decay_parameters())
    batched = fit(None, [decay_data(5)], decay_parameters(), evaluate_many=many)
    assert batched.values() == alone.values()
    assert max(batches) == 6


def test_solver_steps_back_from_parameters_where_the_model_fails() -> None:
    x = np.linspace(0.1, 5.0, 30)

    def model(parameters: Mapping[str, float], dataset: Dataset) -> FloatArray:
        if parameters["rate"] > 3.0:
            raise ModelFailure("no convergence")
        return np.exp(-parameters["rate"] * dataset.x["x"])

    data = Dataset("d", {"x": x}, np.exp(-2.9 * x), 1e-3)
    result = fit(model, [data], {"rate": FitParameter(0.2, bounds=(1e-3, 1e3), scale="log")})
    assert result["rate"].value == pytest.approx(2.9, rel=1e-3)


def test_model_that_fails_at_the_start_is_a_setup_error() -> None:
    def model(parameters: Mapping[str, float], dataset: Dataset) -> FloatArray:
        raise ModelFailure("never")

    with pytest.raises(FitError, match="start values"):
        fit(model, [Dataset("d", {}, np.ones(3), 1.0)], {"a": FitParameter(1.0)})


def test_profile_interval_of_a_line_equals_the_covariance_interval() -> None:
    x = np.linspace(0.0, 1.0, 15)
    y = 2 * x + 0.1 * np.random.default_rng(6).standard_normal(15)
    problem = FitProblem(
        line, (Dataset("d", {"x": x}, y, 0.1),), {"slope": FitParameter(1.0), "offset": FitParameter(0.0)}
    )
    result = solve(problem)
    assert profile_interval(problem, result, "slope") == pytest.approx(result.interval("slope"), rel=1e-3)


def test_profile_interval_of_a_poisson_mean_is_asymmetric() -> None:
    data = Dataset("n", {"x": np.zeros(3)}, np.array([1.0, 0.0, 1.0]), likelihood="poisson")
    parameters = {"slope": FitParameter(0.0, vary=False), "offset": FitParameter(1.0, bounds=(1e-6, 1e3))}
    problem = FitProblem(line, (data,), parameters)
    result = solve(problem)
    low, high = profile_interval(problem, result, "offset")
    assert 0 < low < 2 / 3 < high
    assert high - 2 / 3 > 1.5 * (2 / 3 - low)


def test_result_is_plain_json() -> None:
    result = fit(DECAY, [decay_data(7)], decay_parameters())
    text = json.dumps(result.to_dict(), allow_nan=False)
    assert json.loads(text)["verdict"] == "GOOD"
    assert json.loads(text)["covariance"]["parameters"] == ["amplitude", "tau", "i_floor"]


def coverage(solve: object, true: float, name: str, repeats: int) -> float:
    """Share of 95 % intervals that hold the true value."""
    hits = 0
    for seed in range(repeats):
        result: FitResult = solve(seed)  # type: ignore[operator]
        low, high = result.interval(name)
        hits += low <= true <= high
    return hits / repeats


def test_ninety_five_percent_intervals_cover_the_truth() -> None:
    found = coverage(lambda seed: fit(DECAY, [decay_data(seed)], decay_parameters()), 1e-2, "tau", 60)
    assert 0.87 <= found <= 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.array([1.0, np.nan])}, "finite"),
        ({"sigma": 0.0}, "sigma must be positive"),
        ({"likelihood": "poisson", "sigma": None, "y": np.array([0.5, 1.0])}, "0, 1, 2"),
        ({"likelihood": "lognormal", "y": np.array([0.0, 1.0])}, "log scale must be positive"),
        ({"sigma": None, "censored": np.array([True, False])}, "need a known sigma"),
        ({"likelihood": "cauchy"}, "unknown likelihood"),
    ],
)
def test_impossible_data_sets_are_refused(change: dict[str, object], message: str) -> None:
    fields: dict[str, object] = {"name": "d", "x": {}, "y": np.array([1.0, 2.0]), "sigma": 1.0} | change
    with pytest.raises(FitError, match=message):
        Dataset(**fields)  # type: ignore[arg-type]


def test_start_value_outside_bounds_is_refused_by_name() -> None:
    data = Dataset("d", {"x": np.ones(3)}, np.ones(3), 1.0)
    with pytest.raises(FitError, match=r"slope = 3.0 is outside its bounds 0.0 to 1.0"):
        fit(line, [data], {"slope": FitParameter(3.0, bounds=(0.0, 1.0)), "offset": FitParameter(0.0)})


def test_criteria_decide_the_verdict() -> None:
    strict = Criteria(max_relative_stderr=1e-6)
    result = fit(DECAY, [decay_data(8)], decay_parameters(), criteria=strict)
    assert result.verdict == "POOR"
