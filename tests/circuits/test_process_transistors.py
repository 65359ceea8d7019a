"""Transistors of every process in real ngspice: corners, heat, mismatch, cut cards against full libraries."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

import numpy as np
import pytest

from circuits.deck import Deck, FloatArray, Simulator
from circuits.families.fet import Fet, FetIdVg, NFet, PFet, PFetIdVg
from circuits.ngspice.errors import MeasureFailed, SimulationError
from circuits.ngspice.pool import Pool
from circuits.process import Process, ProcessError, draw_mismatch, get_process
from circuits.processes import gf180, sky130
from circuits.processes.package import kit_file
from circuits.testbench import Conditions

NAMES = ("generic130", "sky130", "gf180")
BENCHES = {"n": FetIdVg(), "p": PFetIdVg()}
ROOM = 300.15

Item = tuple[FetIdVg, str, Conditions]


def observe(simulator: Simulator, item: Item) -> dict[str, float]:
    bench, name, conditions = item
    return bench.run(simulator, get_process(name), conditions)


def drain_currents(simulator: Simulator, deck: Deck) -> FloatArray:
    waves = simulator.run(deck).analyses[0]
    return np.array([waves[vector] for vector in deck.save])


def values(pool: Pool, items: Sequence[Item]) -> list[dict[str, float]]:
    outcomes = pool.map(observe, items)
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error
    return [outcome.value for outcome in outcomes if outcome.value is not None]


@pytest.fixture(params=NAMES)
def process(request: pytest.FixtureRequest) -> Process:
    found = get_process(request.param)
    try:
        found.cards("tt", [("n", 1e-6, 1e-6)])
    except ProcessError as error:
        pytest.skip(str(error))
    return found


def test_same_testbench_runs_on_every_process(pool: Pool, process: Process) -> None:
    items = [(bench, process.name, Conditions()) for bench in BENCHES.values()]
    for observed in values(pool, items):
        assert set(observed) == {o.name for o in FetIdVg.observables}
        assert 0.5 < observed["kappa"] < 0.8
        assert observed["slope"] == pytest.approx(np.log(10) * 0.0258647 / observed["kappa"], rel=1e-4)
        assert 0.3 < observed["vth"] < 1.0
        assert observed["i_floor"] < observed["i_off"] < 1e-11 < 1e-6 < observed["i_on"]


@pytest.mark.parametrize("polarity", ["n", "p"])
def test_first_corner_letter_moves_n_and_second_moves_p(pool: Pool, process: Process, polarity: str) -> None:
    items = [(BENCHES[polarity], process.name, Conditions(corner=c)) for c in process.corners]
    found = dict(zip(process.corners, values(pool, items), strict=True))
    for corner, observed in found.items():
        letter = corner["np".index(polarity)]
        if letter == "s":
            assert observed["vth"] > found["tt"]["vth"] + 0.02
            assert observed["i_on"] < found["tt"]["i_on"]
            assert observed["i_off"] < found["tt"]["i_off"]
        if letter == "f":
            assert observed["vth"] < found["tt"]["vth"] - 0.02
            assert observed["i_on"] > found["tt"]["i_on"]
            assert observed["i_off"] > found["tt"]["i_off"]


@pytest.mark.parametrize("polarity", ["n", "p"])
def test_heat_lowers_the_threshold_and_raises_leakage(pool: Pool, process: Process, polarity: str) -> None:
    items = [(BENCHES[polarity], process.name, Conditions(temperature=t)) for t in (253.15, ROOM, 358.15)]
    cold, room, hot = values(pool, items)
    for cooler, warmer in ((cold, room), (room, hot)):
        assert -3e-3 < (warmer["vth"] - cooler["vth"]) / 56 < -0.3e-3
        assert warmer["i_off"] > cooler["i_off"]
        assert warmer["slope"] > cooler["slope"]


@pytest.mark.parametrize("polarity", ["n", "p"])
def test_positive_shift_raises_the_magnitude_of_the_threshold(
    pool: Pool, process: Process, polarity: str
) -> None:
    items = [
        (BENCHES[polarity], process.name, Conditions(mismatch={"m": (shift, 1.0)})) for shift in (0.0, 10e-3)
    ]
    nominal, shifted = values(pool, items)
    assert shifted["vth"] - nominal["vth"] == pytest.approx(10e-3, rel=0.05)


def test_mobility_factor_scales_the_weak_inversion_current(pool: Pool, process: Process) -> None:
    items = [(BENCHES["n"], process.name, Conditions(mismatch={"m": (0.0, mu)})) for mu in (1.0, 1.1)]
    nominal, quicker = values(pool, items)
    assert quicker["i0"] / nominal["i0"] == pytest.approx(1.1, rel=0.03)


@pytest.mark.parametrize("polarity", ["n", "p"])
def test_monte_carlo_spread_of_the_threshold_follows_pelgrom(
    pool: Pool, process: Process, polarity: str
) -> None:
    """sigma(V_th) of 300 simulated transistors against A_VT/sqrt(WL), within four sampling errors."""
    samples, width, length = 300, 1e-6, 2e-6
    bench = BENCHES[polarity].at({"w": width, "l": length, "v_step": 0.02, "v_start": 0.0})
    rng = np.random.default_rng(20)
    draws = [draw_mismatch(bench.dut, process, rng) for _ in range(samples)]
    items = [(bench, process.name, Conditions(mismatch=draw)) for draw in draws]
    thresholds = np.array([observed["vth"] for observed in values(pool, items)])
    expected = process.pelgrom.sigma_vt(polarity, width, length)
    assert thresholds.std(ddof=1) == pytest.approx(expected, rel=4 / np.sqrt(2 * (samples - 1)))
    assert np.corrcoef(thresholds, [draw["m"][0] for draw in draws])[0, 1] > 0.99


def sweep_deck(cards: Sequence[str], models: dict[str, str], sizes: Sequence[tuple[float, float]]) -> Deck:
    """One gate sweep of n and p transistors of all sizes, each with its own drain source at 1.2 V."""
    lines = [*cards, "vg g 0 0", "eg gp 0 g 0 -1"]
    save = []
    for polarity, gate, drain in (("n", "g", 1.2), ("p", "gp", -1.2)):
        for i, (w, length) in enumerate(sizes):
            node = f"d{polarity}{i}"
            lines.append(f"v{node} {node} 0 {drain}")
            lines.append(f"m{node} {node} {gate} 0 0 {models[polarity]} w={w!r} l={length!r}")
            save.append(f"v{node}#branch")
    return Deck("currents", tuple(lines), ("dc vg 0 1.8 0.1",), tuple(save))


#: Inside bins, on borders of one range, on corners of four bins.
SKY_SIZES = (
    (1e-6, 0.5e-6),
    (1e-6, 2e-6),
    (0.9e-6, 0.7e-6),
    (0.55e-6, 10e-6),
    (3.1e-6, 0.15e-6),
    (2e-6, 1e-6),
)
GF_SIZES = (
    (1e-6, 0.5e-6),
    (1e-6, 2e-6),
    (1.2e-6, 1.2e-6),
    (0.5e-6, 10e-6),
    (10e-6, 0.28e-6),
    (0.9e-6, 0.7e-6),
)


@pytest.mark.parametrize(("corner", "file"), [("tt", "tt"), ("sf", "fs")])
def test_cut_sky130_cards_give_the_currents_of_the_full_library(pool: Pool, corner: str, file: str) -> None:
    process = get_process("sky130")
    geometries = [(polarity, w, length) for polarity in "np" for w, length in SKY_SIZES]
    try:
        cards = process.cards(corner, geometries)
    except ProcessError as error:
        pytest.skip(str(error))
    path = kit_file("sky130", sky130.PACKAGE, f"c4m/pdk/sky130/models/C4M.Sky130_logic_{file}_model.spice")
    decks = [
        sweep_deck(cards, {"n": "nfet", "p": "pfet"}, SKY_SIZES),
        sweep_deck([f".include '{path}'"], sky130.MODELS, SKY_SIZES),
    ]
    assert_equal_currents(pool, decks)


@pytest.mark.parametrize(("corner", "file"), [("tt", "typical"), ("sf", "sf")])
def test_cut_gf180_cards_give_the_currents_of_the_full_library(pool: Pool, corner: str, file: str) -> None:
    process = get_process("gf180")
    geometries = [(polarity, w, length) for polarity in "np" for w, length in GF_SIZES]
    try:
        cards = process.cards(corner, geometries)
    except ProcessError as error:
        pytest.skip(str(error))
    path = kit_file("gf180", gf180.PACKAGE, gf180.LIBRARY)
    full = [f".include '{path.with_name('design.ngspice')}'", f".lib '{path}' {file}"]
    decks = [
        sweep_deck(cards, {"n": "nfet", "p": "pfet"}, GF_SIZES),
        sweep_deck(full, {"n": "nfet_03v3", "p": "pfet_03v3"}, GF_SIZES),
    ]
    assert_equal_currents(pool, decks)


@pytest.mark.parametrize("corner", ["tt", "ff", "ss", "sf", "fs"])
def test_generic130_library_file_gives_the_same_currents_in_plain_ngspice(pool: Pool, corner: str) -> None:
    path = files("netlists").joinpath("models/generic130.lib")
    sizes = ((1e-6, 0.5e-6), (2e-6, 4e-6))
    models = {"n": "nfet", "p": "pfet"}
    cards = get_process("generic130").cards(corner, [("n", *size) for size in sizes])
    assert_equal_currents(
        pool,
        [sweep_deck(cards, models, sizes), sweep_deck([f".lib '{path}' {corner}"], models, sizes)],
    )


def assert_equal_currents(pool: Pool, decks: Sequence[Deck]) -> None:
    outcomes = pool.map(drain_currents, decks)
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error
    ours, theirs = (outcome.value for outcome in outcomes)
    assert ours is not None
    assert theirs is not None
    assert np.abs(ours).max(axis=1).min() > 1e-7, "every transistor conducts somewhere in the sweep"
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_every_parameter_of_generic130_is_known_to_ngspice(pool: Pool) -> None:
    """A parameter ngspice does not know fails the point, as the second deck shows."""
    good = get_process("generic130").cards("tt", [])
    bad = tuple(card.replace("toxe=", "toxee=", 1) for card in good)
    models = {"n": "nfet", "p": "pfet"}
    known, unknown = pool.map(drain_currents, [sweep_deck(c, models, ((1e-6, 1e-6),)) for c in (good, bad)])
    assert known.error is None
    assert isinstance(unknown.error, SimulationError)
    assert "toxee" in unknown.error.message


def test_generic130_is_smooth_in_width_and_length(pool: Pool) -> None:
    """No bins: threshold steps between neighbouring lengths shrink steadily from 0.5 to 8 um."""
    bench = FetIdVg()
    lengths = np.geomspace(0.5e-6, 8e-6, 13)
    items = [(bench.at({"l": float(x)}), "generic130", Conditions()) for x in lengths]
    steps = np.diff([observed["vth"] for observed in values(pool, items)])
    assert np.abs(np.diff(steps)).max() < 3e-3


def test_fit_window_below_the_floor_is_a_failed_measure(pool: Pool) -> None:
    bench = FetIdVg().at({"i_fit_low": 1e-15, "i_fit_high": 1e-14, "v_start": 0.0})
    (outcome,) = pool.map(observe, [(bench, "generic130", Conditions())])
    assert isinstance(outcome.error, MeasureFailed)
    assert "weak inversion: 0 points" in outcome.error.message


@pytest.mark.parametrize("dut", [NFet(), PFet()], ids=lambda dut: dut.name)
def test_netlist_defaults_equal_the_declared_ones(dut: Fet) -> None:
    text = files("netlists").joinpath(dut.netlist).read_text()
    assert f".subckt {dut.name} {' '.join(dut.ports)}\n" in text
    (line,) = (line for line in text.splitlines() if line.startswith("+ params:"))
    defaults = dict(word.split("=") for word in line.removeprefix("+ params:").split())
    assert defaults == {"w": "1u", "l": "0.5u", "dvt_m": "0", "mu_m": "1"}
    assert dut.values() == {"w": 1e-6, "l": 0.5e-6}
