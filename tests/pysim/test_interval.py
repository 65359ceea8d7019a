from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from interval_truth import Additive, MeanLogTau, Skewed
from system_networks import delays, spikes

from pysim.delays.draw import assumed_table
from pysim.errors import ModelError
from pysim.interval import Design, Metric, Outcome, Point, Serial, interval, stream
from pysim.interval.estimate import LEAST, over_chips
from pysim.mingru.streams import stream as generator
from pysim.seeds import SourceSeeds, seed_of
from pysim.system import SystemNetwork, counting
from pysim.system.classify import Classification

METRIC = Additive({"fit": 1.0, "die": 2.0, "within_die": 3.0}, ("die", "within_die", 1.0))


class Shuffled:
    """Workers that finish a window of points in another order."""

    def __init__(self, window: int, seed: int) -> None:
        self.window, self.rng = window, np.random.default_rng(seed)

    def imap(self, metric: Metric, points: Iterable[Point]) -> Iterator[Outcome]:
        source = iter(points)
        held: list[Point] = []
        while True:
            while len(held) < self.window and (point := next(source, None)) is not None:
                held.append(point)
            if not held:
                return
            chosen = held.pop(int(self.rng.integers(len(held))))
            yield Outcome(chosen, metric(chosen))


class Kept:
    """A store in memory."""

    def __init__(self) -> None:
        self.found: dict[int, tuple[float, ...]] = {}
        self.added = 0

    def known(self) -> Iterable[tuple[int, tuple[float, ...]]]:
        return list(self.found.items())

    def add(self, index: int, values: tuple[float, ...]) -> None:
        self.found[index] = values
        self.added += 1


class Losing(Serial):
    """Workers that lose one point for good."""

    def __init__(self, index: int) -> None:
        self.index = index

    def imap(self, metric: Metric, points: Iterable[Point]) -> Iterator[Outcome]:
        for outcome in super().imap(metric, points):
            lost = outcome.point.index == self.index
            yield Outcome(outcome.point, None, "its process died") if lost else outcome


def design(seed: int = 1, *, shares: bool = False) -> Design:
    sources = ("fit", "die", "within_die")
    return Design(seed, sources, sources if shares else ())


def covered(metric: Metric, truth: float, chips: int, half_width: float | None = None) -> float:
    hits = 0
    for repeat in range(200):
        mean = interval(metric, design(repeat), chips, half_width=half_width).mean
        hits += mean.low <= truth <= mean.high
    return hits / 200


@pytest.mark.parametrize(
    "chips", [20, pytest.param(5, marks=pytest.mark.slow), pytest.param(60, marks=pytest.mark.slow)]
)
def test_interval_covers_the_mean_of_virtual_chips_in_90_to_98_percent(chips: int) -> None:
    assert 0.90 <= covered(MeanLogTau(), 0.0, chips) <= 0.98


def test_interval_covers_a_bounded_skewed_accuracy_at_the_least_number_of_a_stop() -> None:
    metric = Skewed()
    assert 0.90 <= covered(metric, metric.mean, LEAST) <= 0.98


@pytest.mark.slow
def test_interval_covers_the_accuracy_of_a_virtual_network() -> None:
    network = SystemNetwork((delays(8, 6),), counting(6))
    signal = spikes(samples=24)
    typical = network.run(signal, network.draw(assumed_table(), 0, ()))
    metric = Classification(network, assumed_table(), signal, typical.classes)
    everyone = interval(metric, Design(1), 2000).of("accuracy")
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(200):
        some = rng.choice(everyone, LEAST, replace=False)
        mean = over_chips(some, metric.bounds, metric.resolution)
        hits += mean.low <= everyone.mean() <= mean.high
    assert 0.90 <= hits / 200 <= 0.98


def test_interval_still_covers_when_it_stops_early() -> None:
    metric = Skewed()
    assert 0.90 <= covered(metric, metric.mean, 200, half_width=0.008) <= 0.98


def test_shares_agree_with_the_closed_form() -> None:
    truth = METRIC.shares()
    for share in interval(METRIC, design(2, shares=True), 4000).shares:
        first, total = truth[share.source]
        assert share.first == pytest.approx(first, abs=0.05)
        assert share.total == pytest.approx(total, rel=0.1)


@pytest.mark.slow
def test_both_shares_agree_with_the_closed_form_within_a_tenth() -> None:
    truth = METRIC.shares()
    for share in interval(METRIC, design(shares=True), 10_000).shares:
        first, total = truth[share.source]
        assert share.first == pytest.approx(first, abs=max(0.1 * first, 0.025))
        assert share.total == pytest.approx(total, rel=0.1)


def test_shares_of_drawn_synapses_agree_with_their_table() -> None:
    metric = MeanLogTau()
    found = {s.source: s for s in interval(metric, design(shares=True), 1000).shares}
    parts = {"fit": 0.05**2, "die": 0.1**2, "within_die": 0.3**2 / metric.synapses}
    for source, part in parts.items():
        assert found[source].total == pytest.approx(part / sum(parts.values()), rel=0.1)
        assert found[source].first == pytest.approx(part / sum(parts.values()), abs=0.05)


def test_small_shares_are_small_with_few_pairs() -> None:
    metric = Additive({"fit": 0.05, "die": 0.05, "within_die": 1.0})
    for seed in range(5):
        found = {s.source: s for s in interval(metric, design(seed, shares=True), 32).shares}
        assert abs(found["fit"].first) < 0.12
        assert abs(found["die"].first) < 0.12
        assert found["within_die"].first == pytest.approx(1.0, abs=0.4)


def test_bootstrap_interval_of_a_share_covers_the_closed_form() -> None:
    truth = METRIC.shares()["within_die"][1]
    hits = 0
    for seed in range(40):
        share = interval(METRIC, design(seed, shares=True), 120).shares[2]
        hits += share.total_low <= truth <= share.total_high
    assert hits / 40 >= 0.85


@pytest.mark.parametrize("shares", [False, True])
def test_result_does_not_depend_on_the_order_in_which_chips_finish(shares: bool) -> None:
    alone = interval(METRIC, design(shares=shares), 100, half_width=0.9)
    for window, seed in ((4, 1), (40, 2)):
        other = interval(METRIC, design(shares=shares), 100, half_width=0.9, workers=Shuffled(window, seed))
        assert np.array_equal(other.values, alone.values)
        assert (other.mean, other.shares, other.stopped) == (alone.mean, alone.shares, alone.stopped)


def test_interrupted_run_goes_on_where_it_was() -> None:
    whole = interval(METRIC, design(shares=True), 40)
    kept = Kept()
    estimates = stream(METRIC, design(shares=True), 40, store=kept)
    next(estimates)
    estimates.close()
    before = kept.added
    assert 0 < before < whole.runs
    again = interval(METRIC, design(shares=True), 40, store=kept)
    assert kept.added == whole.runs
    assert np.array_equal(again.values, whole.values)
    assert again.shares == whole.shares


def test_estimates_stream_at_growing_numbers_of_chips_and_stop_when_narrow_enough() -> None:
    counts = [e.mean.n for e in stream(METRIC, design(), 100)]
    assert counts[0] == LEAST
    assert counts == sorted(set(counts))
    assert counts[-1] == 100
    found = interval(METRIC, design(), 10_000, half_width=1.0)
    assert found.stopped
    assert found.mean.half_width <= 1.0
    assert LEAST < found.mean.n < 200


def test_chips_that_all_agree_do_not_promise_an_exact_mean() -> None:
    mean = over_chips(np.full(16, 1.0), (0.0, 1.0), 1 / 100)
    assert mean.half_width == pytest.approx(2.131 * 0.01 / np.sqrt(12) / 4, rel=1e-3)
    assert mean.high == 1.0


def test_one_chip_says_nothing_of_others() -> None:
    assert np.isnan(over_chips(np.ones(1)).low)


def test_lost_chip_is_named_and_not_counted() -> None:
    found = interval(METRIC, design(), 20, workers=Losing(3))
    assert found.failed == ((3, "its process died"),)
    assert found.mean.n == 19
    assert 3 not in found.chips


def test_copy_shares_all_draws_but_one() -> None:
    d = design(shares=True)
    a, b, copy = d.point(0).seeds, d.point(1).seeds, d.point(3).seeds
    assert d.point(3).source == "die"
    for source in ("fit", "within_die", "noise"):
        assert seed_of(copy, source) == seed_of(a, source)
    assert seed_of(copy, "die") == seed_of(b, "die")
    assert len({int(a), int(b), int(copy)}) == 3


def test_temperature_and_time_are_drawn_in_their_ranges_and_belong_to_their_sources() -> None:
    d = Design(1, shared=("temperature", "drift"), temperature=(280.0, 320.0), time=(1.0, 1e4))
    points = list(d.points(200))
    warm = [p.conditions.temperature for p in points if not p.source]
    assert 280.0 <= min(warm) < 285.0
    assert 315.0 < max(warm) <= 320.0
    assert points[2].conditions.temperature == points[1].conditions.temperature
    assert points[2].conditions.time == points[0].conditions.time
    assert points[3].conditions.time == points[1].conditions.time


def test_seeds_travel_and_keep_blocks_of_a_family_apart() -> None:
    import pickle

    seeds = SourceSeeds(5, {"die": 7})
    assert pickle.loads(pickle.dumps(seeds)).of("die") == 7
    first, second = seeds.at("0"), seeds.at("1")
    assert first.of("die") == second.of("die") == 7
    assert first.of("within_die") != second.of("within_die")
    assert generator(SourceSeeds(5), "noise").random() == generator(5, "noise").random()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: interval(METRIC, design(), 0), r"0 chips; accepted: 1 or more"),
        (lambda: interval(METRIC, design(), 5, half_width=-1.0), r"half-width -1.0; accepted"),
        (lambda: Design(-1), r"seed -1; accepted: 0 or more"),
        (lambda: Design(0, ("luck",)), r"source 'luck'; accepted: fit, die"),
        (lambda: Design(0, ("die",), ("fit",)), r"share of 'fit': the source is off"),
        (lambda: Design(0, temperature=(300.0, 200.0)), r"temperature from 300.0 to 200.0"),
    ],
)
def test_bad_input_is_one_clear_error(call: object, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        call()  # type: ignore[operator]
