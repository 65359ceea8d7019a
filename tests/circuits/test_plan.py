"""Plans: order, laziness, checks before the first simulation, and chips that stay the same chip."""

from __future__ import annotations

import itertools
import pickle
from typing import Any

import pytest
from rc_bench import RcClosedForm

from circuits.circuit import ParameterError
from circuits.plan import NOMINAL, Plan, PlanError, PlanPoint
from circuits.process import get_process


def plan(**changes: Any) -> Plan:
    return Plan(RcClosedForm(), get_process("generic130"), **changes)


def shift(p: Plan, point: PlanPoint) -> float:
    return p.runner().prepare(point)[1].mismatch["m1"][0]


def test_product_order_is_sweeps_then_corner_temperature_supply_sample() -> None:
    p = plan(
        sweeps={"r": (1.0, 2.0), "c": (1e-9,)}, corners=("tt", "ss"), temperatures=(250.0, 300.0), samples=3
    )
    assert p.dims == ("r", "c", "corner", "temperature", "supply", "sample")
    assert p.shape == (2, 1, 2, 2, 1, 3)
    points = list(p.points())
    assert len(points) == len(p) == 24
    wanted = list(itertools.product((1.0, 2.0), ("tt", "ss"), (250.0, 300.0), (0, 1, 2)))
    assert [(q.params["r"], q.corner, q.temperature, q.sample) for q in points] == wanted
    assert [q.index for q in points] == list(range(24))
    assert len({q.digest for q in points}) == 24


def test_points_of_a_large_plan_come_one_at_a_time() -> None:
    p = plan(samples=2_000_000)
    assert [q.sample for q in itertools.islice(p.points(), 2)] == [0, 1]


def test_no_samples_is_the_nominal_chip_at_the_nominal_supply() -> None:
    (point,) = plan().points()
    assert (point.sample, point.supply) == (NOMINAL, 1.8)
    assert plan().runner().prepare(point)[1].mismatch == {}


def test_a_chip_is_the_same_at_every_temperature_corner_and_bias() -> None:
    p = plan(sweeps={"r": (1.0, 2.0)}, corners=("tt", "ff"), temperatures=(250.0, 300.0), samples=3, seed=7)
    shifts: dict[int, set[float]] = {}
    for point in p.points():
        shifts.setdefault(point.sample, set()).add(shift(p, point))
    assert all(len(values) == 1 for values in shifts.values())
    assert len(set().union(*shifts.values())) == 3


def test_chips_differ_between_seeds_and_do_not_depend_on_their_number() -> None:
    few, many, other = plan(samples=2, seed=1), plan(samples=9, seed=1), plan(samples=2, seed=2)
    first = [shift(p, next(p.points())) for p in (few, many, other)]
    assert first[0] == first[1] != first[2]


def test_the_point_runner_crosses_process_borders() -> None:
    p = plan(samples=1)
    point = next(p.points())
    assert pickle.loads(pickle.dumps(p.runner())).prepare(point) == p.runner().prepare(point)


def test_equal_plans_have_equal_digests_and_any_change_another() -> None:
    assert plan(samples=2).digest == plan(samples=2).digest
    changed = [plan(), plan(seed=1), plan(samples=1), plan(corners=("ss",)), plan(sweeps={"r": (1.0,)})]
    assert len({p.digest for p in changed}) == len(changed)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sweeps": {"rr": (1.0,)}}, "unknown parameter 'rr'; known: v0, r, c"),
        ({"sweeps": {"c": ()}}, "sweep of 'c': empty"),
        ({"sweeps": {"c": (1e-9, 1e-9)}}, "a value is given twice"),
        ({"corners": ("zz",)}, "unknown corner 'zz'; accepted: tt"),
        ({"corners": ()}, "corners: empty"),
        ({"temperatures": (27.0,)}, "temperature 27 K is out of range; accepted: 218.15"),
        ({"temperatures": (float("nan"),)}, "temperature nan K is out of range"),
        ({"supplies": (5.0,)}, "supply 5 V is out of range"),
        ({"samples": -1}, "samples = -1"),
        ({"samples": 10**12}, "accepted: at most 2000000"),
        ({"samples": 1000, "sweeps": {"r": tuple(range(1, 3000))}}, "the plan has 2999000 points"),
        ({"seed": -3}, "seed = -3"),
        ({"seed": 1.5}, "seed = 1.5"),
    ],
)
def test_a_bad_plan_is_refused_with_what_is_accepted(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(PlanError) as error:
        plan(**changes)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", [-1e-12, float("nan"), float("inf"), 1.0])
def test_a_swept_value_out_of_bounds_is_refused(value: float) -> None:
    with pytest.raises(ParameterError, match="sweep of 'c': c = "):
        plan(sweeps={"c": (1e-9, value)})
