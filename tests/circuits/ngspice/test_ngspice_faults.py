"""Each fault comes back as its typed error in ngspice's own words, and the points around it are unharmed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from ngspice_plans import (
    CRASHES,
    DIVIDER,
    HANGS,
    POISON,
    deck,
    divided,
    either,
    last_b,
    raises,
    unpicklable,
    waveforms,
)

from circuits.deck import Deck
from circuits.ngspice.errors import (
    Distorted,
    ModelMissing,
    NetlistSyntax,
    NoConvergence,
    SimulationError,
    SimulatorCrash,
    SimulatorTimeout,
    SingularMatrix,
    TimestepTooSmall,
)
from circuits.ngspice.pool import Pool

pytestmark = pytest.mark.ngspice

MOS = "m1 a a 0 0 n w=1u l=1u"
SOURCE = "v1 a 0 dc 1"
FAULTS: dict[str, tuple[Deck, type[SimulationError], str]] = {
    "unknown card": (deck((*DIVIDER, ".foo 3")), NetlistSyntax, "unimplemented control card"),
    "unknown element": (deck((*DIVIDER, "7x a 0 1")), NetlistSyntax, "7x a 0 1"),
    "text for a number": (deck((SOURCE, "r1 a 0 lots")), NetlistSyntax, "lots"),
    "element twice": (deck((*DIVIDER, "r1 a 0 1k")), NetlistSyntax, "already exists"),
    "unknown instance parameter": (
        deck((SOURCE, "r1 a 0 1k foo=3")),
        NetlistSyntax,
        "unknown parameter (foo)",
    ),
    "transient without end": (deck(DIVIDER, ("tran 1u",)), NetlistSyntax, "TSTOP is invalid"),
    "sweep of an absent source": (
        deck(DIVIDER, ("dc v9 0 1 0.1",)),
        NetlistSyntax,
        '"v9" is not in the circuit',
    ),
    "subcircuit without ends": (deck((*DIVIDER, ".subckt s a b", "r3 a b 1")), NetlistSyntax, ".subckt"),
    "too few nodes": (
        deck((SOURCE, "x1 a s", ".subckt s a b", "r1 a b 1", ".ends")),
        NetlistSyntax,
        "Too few",
    ),
    "undefined parameter": (POISON, NetlistSyntax, "Undefined parameter [nowhere]"),
    "fatal card value": (
        deck((SOURCE, MOS, ".model n nmos level=14 version=4.8 vsat=-1")),
        NetlistSyntax,
        "Vsat at current temperature",
    ),
    "missing model": (deck((SOURCE, "d1 a 0 nope")), ModelMissing, "'nope'"),
    "missing model bin": (
        deck((SOURCE, MOS, ".model n.1 nmos level=14 version=4.8 lmin=2u lmax=3u wmin=1u wmax=2u")),
        ModelMissing,
        MOS,
    ),
    "missing subcircuit": (deck((SOURCE, "x1 a 0 nope")), ModelMissing, "nope"),
    "missing include": (deck((*DIVIDER, ".include /nowhere/cards.lib")), ModelMissing, "/nowhere/cards.lib"),
    "missing library": (deck((*DIVIDER, ".lib /nowhere/cards.lib tt")), ModelMissing, "/nowhere/cards.lib"),
    "loop of voltage sources": (deck((SOURCE, "v2 a 0 dc 2")), SingularMatrix, "singular matrix"),
    "floating node": (deck(("i1 0 a dc 1", "c1 a 0 1n")), SingularMatrix, "check node a"),
    "no operating point": (deck(("v1 a 0 dc -1", "b1 b 0 v=ln(v(a))", "r1 b 0 1")), NoConvergence, "op"),
    "runaway": (
        deck(("c1 b 0 1f ic=0", "b1 b 0 i=-exp(v(b)*1e3)"), ("tran 1u 3u uic",)),
        TimestepTooSmall,
        'trouble with node "b"',
    ),
    "unknown model parameter": (
        deck((SOURCE, MOS, ".model n nmos level=1 foo=3")),
        Distorted,
        "unrecognized parameter (foo) - ignored",
    ),
    "resistor of no value": (deck((SOURCE, "r1 a 0 tc1=0.001")), Distorted, "resistance to low"),
    "source of no value": (deck(("v1 a 0", "r1 a 0 1k")), Distorted, "has no value"),
    "initial condition of no node": (deck((*DIVIDER, ".ic v(zz)=1")), Distorted, "non-existent node"),
    "saved vector of no node": (deck(DIVIDER, save=("b", "zz")), Distorted, "no vector zz"),
    "no saved vector exists": (deck(DIVIDER, save=("zz",)), Distorted, "no data saved"),
    "effective length negative": (
        deck((SOURCE, MOS, ".model n nmos level=1 tox=4n ld=1u")),
        Distorted,
        "channel length less than zero",
    ),
    "line cut short": (deck((SOURCE, "r1 a")), NetlistSyntax, "cut short"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_a_typed_error_in_ngspice_words_and_neighbours_are_unharmed(pool: Pool, name: str) -> None:
    faulty, kind, words = FAULTS[name]

    before, fault, after, again = pool.map(either, [1e3, faulty, 3e3, 4e3])

    assert type(fault.error) is kind, fault.error
    assert words in fault.error.message
    assert fault.value is None
    assert [before.value, after.value, again.value] == pytest.approx(
        [divided(1e3), divided(3e3), divided(4e3)]
    )


def test_poisoned_session_is_replaced_before_the_next_point() -> None:
    with Pool(1) as pool:
        (first,) = pool.map(either, [1e3])
        pid = pool.pids()
        poisoned, after = pool.map(either, [POISON, 2e3])
        replaced = pool.pids()

    assert first.error is None
    assert isinstance(poisoned.error, NetlistSyntax)
    assert after.value == pytest.approx(divided(2e3))
    assert pid != replaced


def test_hanging_deck_is_a_timeout_and_its_deck_is_saved(tmp_path: Path) -> None:
    with Pool(2, timeout=4.0, failures=tmp_path) as pool:
        outcomes = pool.map(either, [1e3, HANGS, 3e3, 4e3])

    error = outcomes[1].error
    assert isinstance(error, SimulatorTimeout)
    assert "4 s" in error.message
    assert error.deck is not None
    assert error.deck.read_text() == HANGS.text()
    assert [o.value for o in outcomes if o.index != 1] == pytest.approx([divided(r) for r in (1e3, 3e3, 4e3)])


def test_crash_of_the_library_is_reported_and_its_deck_is_saved(tmp_path: Path) -> None:
    with Pool(1, failures=tmp_path) as pool:
        before, crash, after = pool.map(either, [1e3, CRASHES, 3e3])

    assert isinstance(crash.error, SimulatorCrash)
    assert "signal" in crash.error.message
    assert crash.error.deck is not None
    assert crash.error.deck.read_text() == CRASHES.text()
    assert [before.value, after.value] == pytest.approx([divided(1e3), divided(3e3)])


def test_error_of_the_function_names_the_exception_and_saves_the_deck(tmp_path: Path) -> None:
    with Pool(1, failures=tmp_path) as pool:
        (outcome,) = pool.map(raises, [1e3])

    assert type(outcome.error) is SimulationError
    assert outcome.error.message.startswith("LookupError in raises (ngspice_plans.py:")
    assert outcome.error.message.endswith("the peak is missing")
    assert outcome.error.deck is not None
    assert outcome.error.deck.parent == tmp_path


def test_result_that_cannot_be_sent_back_fails_that_item_only(pool: Pool) -> None:
    (outcome,) = pool.map(unpicklable, [1e3])
    (after,) = pool.map(either, [1e3])

    assert "pickle" in str(outcome.error).lower()
    assert after.error is None


def test_saved_deck_replayed_by_the_ngspice_command_gives_the_same_numbers(tmp_path: Path) -> None:
    if shutil.which("ngspice") is None:
        pytest.skip("the ngspice command is not installed")
    lines = ("v1 a 0 dc 0 pulse(0 1 1u 1n 1n 1)", "r1 a b 1k", "c1 b 0 1n")
    rc = deck(lines, ("tran 10n 5u",), ("b",), title="replay")
    with Pool(1) as pool:
        (outcome,) = pool.map(waveforms, [rc])
    assert outcome.value is not None
    replay = tmp_path / "replay.cir"
    replay.write_text(rc.text().replace(".endc", "write replay.raw\n.endc"))

    subprocess.run(["ngspice", "-b", replay.name], cwd=tmp_path, capture_output=True, timeout=60, check=False)

    raw = (tmp_path / "replay.raw").read_bytes().partition(b"Binary:\n")[2]
    time, b = np.frombuffer(raw).reshape(-1, 2).T
    np.testing.assert_array_equal(time, outcome.value[0]["time"])
    np.testing.assert_array_equal(b, outcome.value[0]["b"])


def test_messages_of_a_hundred_failing_points_leave_later_points_right(pool: Pool) -> None:
    faulty = [fault for fault, _, _ in FAULTS.values() if fault is not POISON][:12]

    outcomes = pool.map(either, [item for fault in faulty for item in (fault, 2e3)])

    assert all(o.error is not None for o in outcomes[::2])
    assert [o.value for o in outcomes[1::2]] == pytest.approx([divided(2e3)] * len(faulty))


def test_node_names_that_look_like_messages_are_no_error(pool: Pool) -> None:
    lines = ("v1 error 0 dc 1", "r1 error warning 1k", "r2 warning 0 1k", "r3 warning b 1", "r4 b 0 1g")

    (outcome,) = pool.map(last_b, [deck(lines, ("tran 1u 3u",), title="error: aborted")])

    assert outcome.value == pytest.approx(0.5, rel=1e-5)
