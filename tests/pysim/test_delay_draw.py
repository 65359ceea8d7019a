"""Drawn delay chips: sources apart, cycles of the same cells, relaxation, and what a table must hold."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys

import numpy as np
import pytest

from calibration.table import CalibrationTable, OutOfDomain
from pysim.delays.draw import R_MEAN, R_SIGMA, assumed_table, draw, element_of
from pysim.delays.element import sinh_delay
from pysim.errors import ModelError

TABLE = assumed_table()


def with_entry(table: CalibrationTable, name: str, **changes: object) -> CalibrationTable:
    """The table with one entry changed."""
    entry = dataclasses.replace(table.entries[name], **changes)  # type: ignore[arg-type]
    return dataclasses.replace(table, entries={**table.entries, name: entry})


def test_the_typical_assumed_element_delays_by_r_c() -> None:
    median = R_MEAN * math.exp(-0.5 * R_SIGMA**2)
    assert draw(TABLE, (1, 1), 0, ()).delay()[0, 0] == pytest.approx(median * 1e-12, rel=1e-9)


def test_drawn_delays_have_the_published_mean_and_spread() -> None:
    delays = draw(TABLE, (1, 20000), 3, ("within_die", "cycle")).delay()
    assert float(delays.mean()) == pytest.approx(R_MEAN * 1e-12, rel=0.02)
    assert float(np.log(delays).std()) == pytest.approx(R_SIGMA, rel=0.02)


def test_equal_seeds_give_equal_chips_and_ids() -> None:
    one, two, other = (draw(TABLE, (2, 3), seed) for seed in (5, 5, 6))
    assert one.id == two.id != other.id
    assert np.array_equal(one.delay(), two.delay())
    assert not np.any(one.delay() == other.delay())


def test_leaving_a_source_out_changes_no_other_draw() -> None:
    cells = draw(TABLE, (2, 50), 1, ("within_die",)).values["r_hrs"]
    both = draw(TABLE, (2, 50), 1, ("within_die", "cycle")).values["r_hrs"]
    cycle = draw(TABLE, (2, 50), 1, ("cycle",)).values["r_hrs"]
    typical = draw(TABLE, (2, 50), 1, ()).values["r_hrs"]
    assert np.allclose(both, cells * cycle / typical, rtol=1e-12)


def test_another_cycle_programs_the_same_cells_again() -> None:
    first, second = (draw(TABLE, (1, 4000), 1, ("within_die", "cycle"), cycle=k).delay() for k in (0, 1))
    ratio = np.log(first / second)
    assert float(ratio.std()) == pytest.approx(math.sqrt(2) * 0.1, rel=0.05)
    assert np.corrcoef(np.log(first[0]), np.log(second[0]))[0, 1] > 0.9


def test_relaxation_grows_with_time_since_programming() -> None:
    fresh = draw(TABLE, (1, 4000), 1, ())
    spreads = []
    for time in (1.0, 1e4):
        aged = draw(TABLE, (1, 4000), 1, ("drift",), time=time)
        spreads.append(float(np.log(aged.delay() / fresh.delay()).std()))
        assert float(aged.conductance(1e-5).std()) == pytest.approx(spreads[-1] * 1e-5, rel=0.1)
    assert spreads == pytest.approx([0.03, 0.03 * 1e4**0.1], rel=0.05)


def test_read_noise_differs_between_readings_of_one_chip() -> None:
    chip = draw(TABLE, (1, 4000), 1, ("noise",))
    assert float(np.log(chip.delay(0) / chip.delay(1)).std()) == pytest.approx(math.sqrt(2) * 0.01, rel=0.05)
    assert np.array_equal(chip.delay(7), chip.delay(7))


def test_programming_error_of_weights_is_a_share_of_the_target_and_never_negative() -> None:
    chip = draw(TABLE, (1, 4000), 1, ("cycle",))
    for target in (1e-6, 5e-5):
        assert float(chip.conductance(target).std()) == pytest.approx(0.1 * target, rel=0.05)
    wild = with_entry(
        TABLE,
        "denram.g_weight",
        parameters={
            n: dataclasses.replace(p, value=2.0 if n == "slope" else 0.0)
            for n, p in TABLE.entries["denram.g_weight"].parameters.items()
        },
    )
    assert float(draw(wild, (1, 1000), 1, ("cycle",)).conductance(1e-5).min()) == 0.0


def test_element_of_takes_given_memories() -> None:
    found = element_of(TABLE, [1e9, 5e9], 0.3).delay()
    assert found == pytest.approx(sinh_delay([1e9, 5e9], 1e-12, 0.8, 0.8 / math.e, 0.3), rel=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sources": ("within_die", "luck")}, "'luck' cannot be drawn"),
        ({"at": {"v_read": 1.0}}, "input 'v_read' is unknown"),
        ({"cycle": -1}, "a cycle of 0 or more"),
        ({"time": 0.0}, "a time above 0 s"),
        ({"shape": (0, 3)}, "at least 1"),
    ],
)
def test_a_wrong_request_is_refused(options: dict[str, object], message: str) -> None:
    request = {"shape": (1, 2), "seed": 0, **options}
    with pytest.raises(ModelError, match=message):
        draw(TABLE, **request)  # type: ignore[arg-type]


def test_an_unknown_entry_is_refused_by_name() -> None:
    odd = dataclasses.replace(TABLE, entries={**TABLE.entries, "denram.r_mrs": TABLE.entries["denram.r_hrs"]})
    with pytest.raises(ModelError, match=r"denram\.r_mrs is unknown; accepted: r_hrs"):
        draw(odd, (1, 1), 0)


def test_a_missing_entry_and_a_wrong_unit_are_named() -> None:
    few = {n: e for n, e in TABLE.entries.items() if n != "denram.v_trip"}
    with pytest.raises(ModelError, match=r"lacks the entry denram\.v_trip"):
        draw(dataclasses.replace(TABLE, entries=few), (1, 1), 0)
    with pytest.raises(ModelError, match=r"c_delay is in pF; accepted: F"):
        draw(with_entry(TABLE, "denram.c_delay", unit="pF"), (1, 1), 0)


def test_a_memory_outside_the_fitted_range_needs_extrapolation() -> None:
    bounded = with_entry(
        TABLE, "denram.c_delay", reference={"r_read_low": 1e8, "r_read_high": 1e10, "topology": "decay"}
    )
    with pytest.raises(OutOfDomain, match=r"denram\.r_hrs"):
        draw(bounded, (1, 1), 0)
    assert draw(bounded, (1, 1), 0, extrapolate=True).delay().shape == (1, 1)


def test_a_conductance_outside_the_range_of_its_laws_needs_extrapolation() -> None:
    with pytest.raises(OutOfDomain, match="conductance"):
        draw(TABLE, (1, 2), 0).conductance(2e-3)
    assert draw(TABLE, (1, 2), 0, extrapolate=True).conductance(2e-3).shape == (1, 2)


@pytest.mark.parametrize("target", [-1e-6, math.nan, math.inf])
def test_an_impossible_conductance_is_refused(target: float) -> None:
    with pytest.raises(ModelError, match="0 S or more"):
        draw(TABLE, (1, 2), 0).conductance(target)


def test_drawing_loads_neither_lmfit_nor_the_simulator() -> None:
    code = (
        "import sys, pysim.delays.draw\n"
        "bad = {'lmfit', 'xarray', 'matplotlib', 'PySpice', 'numba', 'circuits'} & set(sys.modules)\n"
        "sys.exit(repr(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
