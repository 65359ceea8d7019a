"""Calibration of delay cells: the joint fit finds known elements again, and the shipped tables hold."""

from __future__ import annotations

import math

import numpy as np
import pytest

from calibration.table import CalibrationTable, OutOfDomain, load, resolve
from circuits.families.denram_cell import VARIANTS
from circuits.process import get_process
from pysim.delays.draw import draw, element_of
from spicetwin.calibrate.denram import (
    BOXES,
    LEAK_TEMPERATURES,
    DelayRequest,
    DelayRun,
    element,
    fit_element,
    inputs_of,
    quantities,
    requests,
)
from spicetwin.calibrate.denram_table import table_name, trip_sigma
from spicetwin.calibrate.design import corners_and_fill, inside

TRUTH = {
    "c_delay": 1.02e-12,
    "t_stage": 2.5e-6,
    "lag": 3e-8,
    "start_slope": 1.0,
    "start_offset": -4e-4,
    "start_coefficient": 0.0,
    "trip_slope": 1.004,
    "trip_offset": -1.5e-3,
    "trip_coefficient": 1e-5,
    "pulse_per_volt": 9.8e-6,
    "pulse_switch": 0.4,
    "pulse_coefficient": 8e-4,
    "i_leak": 6.5e-13,
    "g_leak": 1.4e-13,
    "leak_activation": 0.49,
}


def virtual_runs(variant: str, points: int) -> list[DelayRun]:
    """Runs of a twin with the true parameters and the noise that the fit expects."""
    rng = np.random.default_rng(11)
    items: list[DelayRequest] = requests(variant, "generic130", corners_and_fill(BOXES[variant], points, 3))
    laws, inputs = quantities(variant), inputs_of(items)
    delays = element(variant, TRUTH, inputs, laws).delay()
    runs = []
    for k, item in enumerate(items):
        at = {"temperature": inputs["temperature"][k]}
        start = laws["v_start"].value(TRUTH, {**at, "level": inputs["v_set"][k]})
        trip = laws["v_trip"].value(TRUTH, {**at, "level": inputs["trip_level"][k]})
        pulse = laws["t_pulse"].value(TRUTH, {**at, "supply": inputs["supply"][k]})
        noise = rng.standard_normal(4)
        observed = {
            "t_d": float(delays[k]) * math.exp(0.002 * noise[0]),
            "v_start": start,
            "v_static": trip + 0.5e-3 * noise[1],
            "t_pulse": pulse * math.exp(0.01 * noise[2]),
        }
        run = DelayRun(item, observed)
        runs.append(DelayRun(item, {**observed, "v_start": start + run.start_error * noise[3]}))
    return runs


@pytest.mark.parametrize("variant", ["decay_comparator", "charge_comparator"])
def test_fit_finds_a_known_element_within_three_sigma(variant: str) -> None:
    law = quantities("charge_comparator")["i_leak"]
    leakage = [
        (
            t,
            {
                "i_leak": law.value(TRUTH, {"temperature": t}),
                "g_leak": law.value(TRUTH, {"temperature": t}) * 1.4 / 6.5,
            },
        )
        for t in LEAK_TEMPERATURES
    ]
    result = fit_element(variant, virtual_runs(variant, 32), leakage)
    assert result.verdict == "GOOD", result.reasons
    for name, found in result.parameters.items():
        if found.vary:
            assert found.stderr is not None
            assert abs(found.value - TRUTH[name]) < 3 * found.stderr, name


def test_held_out_designs_share_no_point_with_the_fitted() -> None:
    for box in BOXES.values():
        fitted = {tuple(p.values()) for p in corners_and_fill(box, 32, 7)}
        assert not fitted & {tuple(p.values()) for p in inside(box, 32, 99)}


def test_trip_spread_by_hand() -> None:
    process = get_process("generic130")
    p, n = 6.3e-3 / math.sqrt(2.0), 5e-3 / math.sqrt(2.0)
    comparator = trip_sigma(VARIANTS["decay_comparator"](), process)
    assert comparator == pytest.approx(math.sqrt(2 * p**2 + 2 * n**2), rel=0.01)
    schmitt = trip_sigma(VARIANTS["charge_schmitt"](), process)
    assert schmitt == pytest.approx(0.5 * math.sqrt(2.0) * 5e-3 / 0.5, rel=0.01)


@pytest.fixture(scope="module", params=sorted(VARIANTS))
def shipped(request: pytest.FixtureRequest) -> tuple[str, CalibrationTable]:
    """Shipped table of a variant."""
    return request.param, load(resolve(table_name(request.param, "generic130")))


def test_shipped_tables_are_good_and_hold_on_held_out_points(shipped: tuple[str, CalibrationTable]) -> None:
    variant, table = shipped
    fitted = [e for n, e in table.entries.items() if n.removeprefix("denram.") in quantities(variant)]
    assert {e.verdict for e in fitted} == {"GOOD"}
    (check,) = table.entries["denram.c_delay"].validation
    assert check.limit == 0.01
    assert check.value < check.limit


def test_the_memory_of_a_shipped_table_is_marked_as_assumed(shipped: tuple[str, CalibrationTable]) -> None:
    _, table = shipped
    assert (table.entries["denram.r_hrs"].reference or {})["tag"] == "assumed"
    assert "resistance is assumed" in table.description


def test_shipped_tables_draw_chips_of_their_topology(shipped: tuple[str, CalibrationTable]) -> None:
    variant, table = shipped
    chip = draw(table, (2, 200), 1, ("within_die", "cycle"))
    assert chip.topology == variant.split("_")[0]
    delays = chip.delay()
    fires = np.isfinite(delays)
    # A charge whose memory was drawn too large for its leakage never fires.
    assert fires.all() if variant.startswith("decay") else fires.mean() > 0.9
    spread = math.sqrt(sum(t.sigma**2 for t in table.entries["denram.r_hrs"].variation))
    assert float(np.log(chip.values["r_hrs"]).std()) == pytest.approx(spread, rel=0.15)
    assert float(np.log(delays[fires]).std()) == pytest.approx(spread, rel=0.35)


def test_inputs_outside_the_fitted_levels_are_refused(shipped: tuple[str, CalibrationTable]) -> None:
    _, table = shipped
    with pytest.raises(OutOfDomain, match="v_set"):
        element_of(table, 5e9, 0.3, {"v_set": 2.5})
    with pytest.raises(OutOfDomain, match="temperature"):
        draw(table, (1, 1), 0, at={"temperature": 500.0})
