"""Content of the report that comes from characterisations."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray

from circuits.characterisation import Characterisation
from spicetwin.report.content import curve_figure, curves, failures_table, observables_table, provenance_table
from spicetwin.report.document import ReportError

CURRENTS = np.array([1e-12, 1e-11, 1e-10])
DIMS = ("i_tau", "corner", "temperature", "supply", "sample")


@pytest.fixture
def result() -> Characterisation:
    """Three currents, two corners, two temperatures; one point failed."""
    tau = np.empty((3, 2, 2, 1, 1))
    for j, factor in enumerate((1.0, 1.1)):
        for k, kelvin in enumerate((300.15, 350.0)):
            tau[:, j, k, 0, 0] = factor * kelvin / 300.15 * 1e-13 / CURRENTS
    status = np.zeros(tau.shape, dtype=np.int8)
    reason = np.full(tau.shape, -1)
    tau[2, 1, 1, 0, 0], status[2, 1, 1, 0, 0], reason[2, 1, 1, 0, 0] = np.nan, 1, 0
    dataset = xarray.Dataset(
        {
            "tau": (DIMS, tau, {"units": "s", "long_name": "decay time"}),
            "status": (DIMS, status),
            "reason": (DIMS, reason),
            "reason_text": ("reasons", np.array(["timeout: 60 s"], dtype=object)),
        },
        {
            "i_tau": ("i_tau", CURRENTS, {"units": "A"}),
            "corner": ["tt", "ss"],
            "temperature": ("temperature", [300.15, 350.0], {"units": "K"}),
            "supply": [1.8],
            "sample": [-1],
        },
        {
            "testbench": "dpi_synapse_decay",
            "circuit": "dpi_synapse",
            "circuit_digest": "c" * 64,
            "process": "generic130",
            "model_cards": json.dumps({"tt": "t" * 64, "ss": "s" * 64}),
            "simulator_sha256": "n" * 64,
            "plan_digest": "p" * 64,
            "seed": "0",
            "package_version": "0.1.0",
            "git_commit": "abc",
            "git_dirty": "yes",
        },
    )
    return Characterisation(Path("x.nc"), dataset)


def test_curves_are_those_of_the_chosen_condition(result: Characterisation) -> None:
    found = curves(result, "tau", "i_tau", at={"temperature": 300.15})
    assert list(found) == ["tt", "ss"]
    np.testing.assert_allclose(found["ss"][1], 1.1e-13 / CURRENTS)


def test_failed_points_leave_a_gap_and_no_value(result: Characterisation) -> None:
    found = curves(result, "tau", "i_tau", at={"temperature": 350.0})
    np.testing.assert_array_equal(found["ss"][0], CURRENTS[:2])


def test_curves_can_go_by_temperature(result: Characterisation) -> None:
    found = curves(result, "tau", "i_tau", by="temperature", at={"corner": "tt"})
    assert list(found) == ["300.15 K", "350 K"]


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ({}, "'temperature' has 2 values"),
        ({"temperature": 77.0}, "not among"),
        ({"humidity": 1.0}, "no dimension"),
    ],
)
def test_an_ambiguous_choice_is_refused(result: Characterisation, at: dict[str, float], said: str) -> None:
    with pytest.raises(ReportError, match=said):
        curves(result, "tau", "i_tau", at=at)


def test_figure_has_units_and_a_line_for_each_corner(result: Characterisation) -> None:
    figure = curve_figure(result, "tau", "i_tau", at={"temperature": 300.15})
    assert figure.axes[0].get_ylabel() == "tau (ms)"
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["tt", "ss"]


def test_observables_table_has_a_column_for_each_corner(result: Characterisation) -> None:
    table = observables_table(result, at={"temperature": 350.0, "i_tau": 1e-10})
    assert table.columns == ("Observable", "tt", "ss", "Definition")
    assert table.rows == (("tau", "1.166 ms", "failed", "decay time"),)


def test_failures_are_listed_with_place_and_reason(result: Characterisation) -> None:
    table = failures_table([result])
    assert table.caption == "Failed points: 1 of 12"
    assert table.rows[0][2] == "timeout: 60 s"
    assert "i_tau = 1e-10, corner = ss, temperature = 350" in str(table.rows[0][1])


def test_provenance_names_everything_a_result_depends_on(result: Characterisation) -> None:
    values = " ".join(str(row[2]) for row in provenance_table([result]).rows)
    assert all(letter * 64 in values for letter in "ctsnp")
    assert "commit abc, with uncommitted changes" in values
