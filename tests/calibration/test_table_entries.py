"""Predictions, domains, draws and consistency of table entries."""

from __future__ import annotations

import math

import numpy as np
import pytest

from calibration.table import Covariance, Entry, Interval, OutOfDomain, Parameter, TableError, Variation


def line(**changes: object) -> Entry:
    fields: dict[str, object] = {
        "quantity": "line",
        "unit": "V",
        "law": "line",
        "parameters": {"offset": Parameter(1.0, "V", 0.3), "slope": Parameter(2.0, "V", 0.2)},
        "covariance": Covariance(("offset", "slope"), ((0.09, -0.03), (-0.03, 0.04))),
        "domain": {"x": Interval(0.0, 10.0, "1")},
        "name": "a.line",
    }
    return Entry(**(fields | changes))  # type: ignore[arg-type]


def lognormal(sd: float = 0.1) -> Entry:
    return Entry(
        quantity="time constant",
        unit="s",
        law="constant",
        scale="log",
        parameters={"value": Parameter(1e-2, "s", 1e-2 * sd, (0.0, math.inf), True, "log")},
        covariance=Covariance(("value",), ((sd**2,),)),
        variation=(Variation("die", "lognormal", 0.3), Variation("die", "lognormal", -0.4, factor="vth")),
        name="a.tau",
    )


@pytest.mark.parametrize("x", [0.0, 0.75, 10.0])
def test_standard_error_of_a_line_is_the_closed_form(x: float) -> None:
    p = line().predict({"x": x})
    assert p.value == pytest.approx(1.0 + 2.0 * x)
    assert p.stderr == pytest.approx(math.sqrt(0.09 - 2 * 0.03 * x + 0.04 * x * x), rel=1e-6)
    assert (p.low, p.high) == pytest.approx((p.value - 1.96 * p.stderr, p.value + 1.96 * p.stderr), rel=1e-3)


def test_interval_of_a_positive_quantity_is_positive_and_symmetric_in_its_logarithm() -> None:
    p = lognormal(1.0).predict()
    assert p.low > 0
    assert p.value / p.low == pytest.approx(p.high / p.value)
    assert math.log(p.high / p.value) == pytest.approx(1.96, rel=1e-3)


def test_spread_of_a_lognormal_source_is_its_standard_deviation() -> None:
    v = 0.3**2 + 0.4**2
    expected = 1e-2 * math.exp(v / 2) * math.sqrt(math.expm1(v))
    assert lognormal().predict().spread == pytest.approx({"die": expected})


@pytest.mark.parametrize("x", [-1e-6, 10.001, math.nan])
def test_outside_the_domain_is_an_error_that_names_the_range(x: float) -> None:
    with pytest.raises(OutOfDomain, match=r"a\.line: x = .* 0 to 10"):
        line().predict({"x": x})


def test_extrapolation_is_done_when_asked_for_and_marked() -> None:
    assert line().predict({"x": 11.0}, extrapolate=True).extrapolated
    assert not line().predict({"x": 9.0}, extrapolate=True).extrapolated


def test_an_input_may_feed_a_law_argument_of_another_name() -> None:
    entry = line(domain={"i_thr": Interval(0.0, 10.0, "A")}, arguments={"i_thr": "x"})
    assert entry.predict({"i_thr": 3.0}).value == pytest.approx(7.0)
    with pytest.raises(TableError, match="no input"):
        line(arguments={"i_thr": "x"})


def test_missing_and_unknown_inputs_are_named() -> None:
    with pytest.raises(TableError, match="x is missing"):
        line().predict({})
    with pytest.raises(TableError, match="unknown input y; accepted: x"):
        line().predict({"x": 1.0, "y": 2.0})


def test_an_unknown_law_is_an_error_of_the_table() -> None:
    with pytest.raises(TableError, match="nonsense"):
        line(law="nonsense").predict({"x": 1.0})


def test_samples_have_the_covariance_of_the_fit() -> None:
    rng = np.random.default_rng(3)
    draws = np.array([list(line().sample(rng).values()) for _ in range(4000)])
    np.testing.assert_allclose(np.cov(draws.T), [[0.09, -0.03], [-0.03, 0.04]], atol=0.006)
    np.testing.assert_allclose(draws.mean(axis=0), [1.0, 2.0], atol=0.02)


def test_samples_of_log_parameters_are_lognormal() -> None:
    rng = np.random.default_rng(4)
    logs = np.log([lognormal(0.5).sample(rng)["value"] / 1e-2 for _ in range(4000)])
    assert logs.std() == pytest.approx(0.5, rel=0.05)
    assert logs.mean() == pytest.approx(0.0, abs=0.03)


def test_samples_of_parameters_40_decades_apart_keep_their_correlation() -> None:
    tiny = Covariance(("offset", "slope"), ((1e-40, 0.9e-20), (0.9e-20, 1.0)))
    rng = np.random.default_rng(5)
    centred = {"offset": Parameter(0.0, "V"), "slope": Parameter(0.0, "V")}
    entry = line(covariance=tiny, parameters=centred)
    draws = np.array([list(entry.sample(rng).values()) for _ in range(2000)])
    assert np.corrcoef(draws[:, 0], draws[:, 1])[0, 1] == pytest.approx(0.9, abs=0.02)
    np.testing.assert_allclose(draws.std(axis=0), [1e-20, 1.0], rtol=0.06)


def test_equal_generators_give_equal_samples() -> None:
    a, b = (line().sample(np.random.default_rng(9)) for _ in range(2))
    assert a == b


@pytest.mark.parametrize(
    ("changes", "claim"),
    [
        ({"covariance": Covariance(("nope",), ((1.0,),))}, "unknown parameters"),
        ({"covariance": Covariance(("slope",), ((1.0, 2.0),))}, "1 x 1"),
        ({"covariance": Covariance(("offset", "slope"), ((1.0, 0.1), (0.2, 1.0)))}, "symmetric"),
        ({"covariance": Covariance(("offset", "slope"), ((1.0, 2.0), (2.0, 1.0)))}, "semidefinite"),
        ({"domain": {"x": Interval(2.0, 1.0, "1")}}, "empty"),
        ({"parameters": {"slope": Parameter(5.0, "V", bounds=(0.0, 1.0))}}, "outside its bounds"),
        ({"parameters": {"slope": Parameter(-1.0, "V", scale="log")}}, "positive"),
        ({"variation": (Variation("die", "normal", -1.0),)}, "named factor"),
        ({"variation": (Variation("die", "normal", 1.0),), "scale": "log"}, "lognormal"),
    ],
)
def test_contradictory_entries_are_refused(changes: dict[str, object], claim: str) -> None:
    with pytest.raises(TableError, match=claim):
        line(**changes)
