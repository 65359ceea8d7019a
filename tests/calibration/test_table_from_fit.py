"""A fit becomes a table entry without a change of any number."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from calibration.fit import fit
from calibration.fitting.dataset import Dataset, law_model, law_parameters
from calibration.fitting.result import FitResult
from calibration.laws import get_law
from calibration.table import OutOfDomain, TableError
from calibration.tabulate import fitted_entry


@pytest.fixture(scope="module")
def result() -> FitResult:
    rng = np.random.default_rng(1)
    x = np.linspace(1.0, 9.0, 30)
    data = Dataset("line", {"x": x}, 2.0 * x + 1.0 + 0.1 * rng.standard_normal(30), sigma=0.1)
    law = get_law("line")
    return fit(partial(law_model, law=law), [data], law_parameters(law))


def test_the_entry_holds_the_numbers_of_the_fit(result: FitResult) -> None:
    entry = fitted_entry(result, "line", quantity="line", unit="V", arguments={"i_w": "x"})
    assert entry.values == result.values()
    place = [result.covariance_names.index(n) for n in entry.covariance.parameters]
    np.testing.assert_array_equal(entry.covariance.matrix, result.covariance[np.ix_(place, place)])
    assert (entry.redchi, entry.n_points, entry.verdict) == (result.redchi, 30, result.verdict)
    assert (entry.box["i_w"].low, entry.box["i_w"].high) == (1.0, 9.0)


def test_the_prediction_covers_the_truth(result: FitResult) -> None:
    entry = fitted_entry(result, "line", quantity="line", unit="V")
    p = entry.predict({"x": 5.0})
    assert p.stderr == pytest.approx(0.1 / np.sqrt(30), rel=0.02)
    assert abs(p.value - 11.0) < 3 * p.stderr
    with pytest.raises(OutOfDomain):
        entry.predict({"x": 10.0})


def test_a_law_the_fit_did_not_use_is_refused(result: FitResult) -> None:
    with pytest.raises(TableError, match="no parameter 'value'"):
        fitted_entry(result, "constant", quantity="line", unit="V")
