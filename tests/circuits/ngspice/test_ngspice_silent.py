"""What ngspice 39 computes otherwise than asked, without a word, is a typed error; what is meant is accepted."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
from ngspice_plans import DIVIDER, deck, divided, either, waveforms

from circuits.deck import Deck
from circuits.ngspice.check import check_deck
from circuits.ngspice.errors import Distorted, ModelMissing, NetlistSyntax
from circuits.ngspice.pool import Pool

pytestmark = pytest.mark.ngspice

S = "v1 a 0 dc 1"
R = "r1 a 0 1k"
CELL = (".subckt cell p q r=1k", "r1 p q {r}", ".ends")
M = "m1 a a 0 0 n w=1u l=1u"
CARD = ".model n nmos level=14 version=4.8"
DIODE = ".model dd d"

SILENT: dict[str, tuple[tuple[str, ...], str]] = {
    "parameter the subcircuit lacks": (
        (S, "x1 a 0 cell foo=3", *CELL),
        "'x1 a 0 cell foo=3': subcircuit cell has no parameter foo; accepted: r",
    ),
    "parameter of an instance twice": ((S, "x1 a 0 cell r=2k r=4k", *CELL), "r is given twice"),
    "formal parameter twice": (
        (S, "x1 a 0 cell", ".subckt cell p q r=1k r=5k", "r1 p q {r}", ".ends"),
        "r is given twice",
    ),
    "transistor without width": ((S, "m1 a a 0 0 n l=1u", CARD), "no w; accepted: W and L"),
    "transistor without length": ((S, "m1 a a 0 0 n w=1u", CARD), "no l; accepted: W and L"),
    "level 1 transistor without size": (
        (S, "m1 a a 0 0 n", ".model n nmos level=1"),
        "no l and no w",
    ),
    "width twice": ((S, f"{M} w=2u", CARD), "w is given twice"),
    "negative width": (
        (S, "m1 a a 0 0 n w=-1u l=1u", ".model n nmos level=1"),
        "w=-1u; accepted: a positive",
    ),
    "negative area": ((S, "d1 a 0 dd area=-1", DIODE), "area=-1; accepted: a positive"),
    "part of a width": ((S, "m1 a a 0 0 n w=1u5 l=1u", CARD), "w=1u5: ngspice would read a part"),
    "model parameter without value": (
        (S, M, f"{CARD} vth0 toxe=4n"),
        "vth0 has no value; accepted: name=value",
    ),
    "model parameter twice": ((S, M, f"{CARD} vth0=0.3 vth0=0.9"), "vth0 is given twice"),
    "part of a model's number": ((S, M, f"{CARD} vth0=0.3x5"), "vth0=0.3x5: ngspice would read a part"),
    "decimal comma in a model": ((S, M, f"{CARD} vth0=0,3"), "vth0=0,3: ngspice would read a part"),
    "model twice": ((S, M, CARD, f"{CARD} vth0=0.9"), ".model n is defined twice"),
    "parameter twice": ((S, "r1 a 0 {p}", ".param p=3", ".param p=4"), ".param p is defined twice"),
    "parameter without value": ((S, R, ".param z"), "z has no value"),
    "two resistances": ((S, "r1 a 0 1k 2k"), "two values; accepted: one"),
    "decimal comma": ((S, "r1 a 0 1,5k"), "ngspice would read a part of 1,5k"),
    "two dots": ((S, "r1 a 0 1..5"), "ngspice would read a part of 1..5"),
    "letter for the point": ((S, "r1 a 0 1k5"), "ngspice would read a part of 1k5"),
    "exponent cut off": ((S, "r1 a 0 1e"), "ngspice would read a part of 1e"),
    "list of temperature coefficients": ((S, "r1 a 0 1k tc=0.01 0.001"), "accepted: tc1=... tc2=..."),
    "part of a source's value": (("v1 a 0 dc 1k5", R), "ngspice would read a part of 1k5"),
    "pulse with more values": (
        ("v1 a 0 dc 0 pulse(0 1 1u 1n 1n 1u 2u 3 4 5)", R),
        "pulse with 10 values; accepted: at most 8",
    ),
    "two voltage gains": ((S, "e1 c 0 a 0 2 3", "r1 c 0 1k"), "two gains; accepted: one"),
    "two current gains": ((S, "f1 c 0 v1 2 3", "r1 c 0 1k"), "two gains; accepted: one"),
    "number drawn at random": ((S, "r1 a 0 {p}", ".param p=agauss(1k,100,1)"), "agauss draws a number"),
    "temperature card": ((S, R, ".temp -300"), "temperature are named beside it"),
    "temperature option": ((S, R, ".options temp=100"), "unknown option 'temp'"),
    "misspelt option card": ((S, R, ".options reltl=1"), "unknown option 'reltl'"),
    "nominal temperature below zero kelvin": ((S, R, ".options tnom=-300"), "above -273.15 degC"),
    "element below zero kelvin": ((S, "r1 a 0 1k tc1=0.001 temp=-400"), "above -273.15 degC"),
    "measurement nobody returns": ((S, R, ".meas tran q max v(a)"), "is not accepted in a circuit"),
    "cut short before a comment line": ((S, "r1 a", "* comment"), "cut short"),
}

ACCEPTED: dict[str, tuple[tuple[str, ...], float]] = {
    "parameter of the head": ((S, "x1 a 0 cell r=2k", *CELL), -0.5e-3),
    "word params": ((S, "x1 a 0 cell params: r = 2k", *CELL), -0.5e-3),
    "multiplier of an instance": ((S, "x1 a 0 cell m=2", *CELL), -2e-3),
    "expression with spaces": ((S, "x1 a 0 cell r='2 * 1k'", *CELL), -0.5e-3),
    "parameter set in the body, which ngspice lets an instance set": (
        (S, "x1 a 0 cell foo=2k", ".subckt cell p q", ".param foo=1k", "r1 p q {foo}", ".ends"),
        -0.5e-3,
    ),
    "difference without braces": ((S, "r1 a 0 {z}", ".param z=3k-1k"), -0.5e-3),
    "same parameter in two subcircuits": (
        (S, "x1 a 0 cell", *CELL, ".subckt other p q", ".param r=1", ".ends", ".param r=7"),
        -1e-3,
    ),
    "value per condition": (
        (S, ".param q=1", ".if (q==1)", R, ".else", "r1 a 0 2k", ".endif"),
        -1e-3,
    ),
    "continuation behind a comment line": ((S, "r1 a 0", "* the value", "+ 2k"), -0.5e-3),
    "unit behind a number": ((S, "r1 a 0 2kOhm"), -0.5e-3),
    "comment behind a statement": ((S, "x1 a 0 cell $ foo=3", *CELL), -1e-3),
    "polynomial gain": ((S, R, "e1 c 0 poly(1) a 0 1 2", "r2 c 0 1k"), -1e-3),
}


def test_the_undisturbed_circuit_of_these_tests_runs(pool: Pool) -> None:
    runs = pool.map(waveforms, [deck((S, M, CARD), save=("v1#branch",)), deck((S, R))])
    assert all(run.error is None for run in runs)


@pytest.mark.parametrize("name", SILENT)
def test_silent_misreading_is_an_error_that_says_what_is_accepted(name: str) -> None:
    lines, words = SILENT[name]
    with pytest.raises(NetlistSyntax) as error:
        check_deck(deck(lines))
    assert words in error.value.message
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_ngspice_computes_as_asked_is_accepted(pool: Pool, name: str) -> None:
    lines, current = ACCEPTED[name]
    (outcome,) = pool.map(waveforms, [deck(lines)])
    assert outcome.error is None, outcome.error
    assert outcome.value is not None
    assert outcome.value[0]["v1#branch"][0] == pytest.approx(current, rel=1e-6)


@pytest.mark.parametrize("kelvin", [-1.0, 0.0, float("nan"), float("inf"), 5000.0])
def test_unphysical_temperature_is_refused(kelvin: float) -> None:
    with pytest.raises(NetlistSyntax, match="accepted: 1 to 1000 K"):
        check_deck(dataclasses.replace(deck(DIVIDER), temperature=kelvin))


def test_default_size_that_was_asked_for_is_accepted() -> None:
    small = deck((S, "m1 a a 0 0 n", CARD))
    check_deck(dataclasses.replace(small, options={"defw": "1u", "defl": "1u"}))


def test_power_transistor_has_no_size() -> None:
    check_deck(deck((S, "m1 a a 0 n", ".model n vdmos nchan rg=3")))


DIVIDES_BY_ZERO = deck((S, "b1 b 0 v=1/(v(a)-1)", "r1 b 0 1k"))


def test_division_by_zero_is_an_error_and_neighbours_are_unharmed(pool: Pool) -> None:
    before, fault, after = pool.map(either, [1e3, DIVIDES_BY_ZERO, 3e3])
    assert type(fault.error) is Distorted
    assert "divides by zero" in fault.error.message
    assert [before.value, after.value] == pytest.approx([divided(1e3), divided(3e3)])


ZERO_OHM = {
    "from a parameter": ((S, "r1 a 0 {z}", ".param z=0"), "r1: the value is computed to be zero"),
    "in a subcircuit": ((S, "x1 a 0 cell r=0", "x2 a 0 cell", *CELL), "r.x1.r1: the value is computed"),
    "from a difference": ((S, "r1 a 0 r={z-z}", ".param z=2"), "r1: the value is computed"),
    "on a continuation line": ((S, "r1 a 0", "+ {z}", ".param z=0"), "r1: the value is computed"),
}


@pytest.mark.parametrize("name", ZERO_OHM)
def test_a_resistance_that_is_computed_to_be_zero_is_an_error(pool: Pool, name: str) -> None:
    lines, words = ZERO_OHM[name]
    before, fault, after = pool.map(either, [1e3, deck(lines), 3e3])
    assert type(fault.error) is Distorted
    assert words in fault.error.message
    assert [before.value, after.value] == pytest.approx([divided(1e3), divided(3e3)])


def test_many_computed_resistors_and_a_plain_milliohm_are_accepted(pool: Pool) -> None:
    many = [f"r{k} a 0 {{{k}*r}}" for k in range(2, 40)]
    (outcome,) = pool.map(waveforms, [deck((S, ".param r=1k", *many, "v2 c 0 dc 1m", "r1 c 0 1m"))])
    assert outcome.error is None, outcome.error


def including(path: Path, *more: str) -> Deck:
    return deck((S, f".include '{path}'", *more))


def test_command_in_an_included_file_never_runs(tmp_path: Path, pool: Pool) -> None:
    mark, deep, shallow = tmp_path / "mark", tmp_path / "deep.inc", tmp_path / "shallow.inc"
    deep.write_text(f"r1 a 0 1k\n.Control\nshell touch {mark}\n.endc\n")
    shallow.write_text("r2 a 0 1k\n.include deep.inc\n")
    outcomes = pool.map(waveforms, [including(deep), including(shallow), deck((S, f".lib {deep} tt"))])
    for outcome in outcomes:
        assert type(outcome.error) is NetlistSyntax
        assert "deep.inc, line 2: '.Control' is not accepted" in outcome.error.message
    assert not mark.exists()


@pytest.mark.parametrize("card", [".temp 100", ".op", ".save a", ".tran 1u 1m"])
def test_other_cards_that_would_change_the_run_are_refused_in_an_included_file(
    tmp_path: Path, card: str
) -> None:
    path = tmp_path / "cards.inc"
    path.write_text(f"* cards\nr1 a 0 1k\n  {card}\n")
    with pytest.raises(NetlistSyntax, match=r"line 3: .* accepted: elements, subcircuits"):
        check_deck(including(path))


def test_instance_is_checked_against_a_subcircuit_in_an_included_file(tmp_path: Path) -> None:
    path = tmp_path / "cell.inc"
    path.write_text(".subckt cell p q\n* sizes\n+ params: r=1k\n\n+ s=2\nr1 p q {r}\n.param t=1\n.ends\n")
    check_deck(including(path, "x1 a 0 cell r=2k s=1 t=4"))
    with pytest.raises(NetlistSyntax, match="no parameter rr; accepted: r, s, t"):
        check_deck(including(path, "x1 a 0 cell rr=2k"))


def test_an_edited_included_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "cell.inc"
    path.write_text(".subckt cell p q r=1k\nr1 p q {r}\n.ends\n")
    wanted = including(path, "x1 a 0 cell new=2k")
    with pytest.raises(NetlistSyntax, match="no parameter new"):
        check_deck(wanted)
    path.write_text(".subckt cell p q new=1k\nr1 p q {new}\n.ends\n")
    os.utime(path, ns=(1, 1))
    check_deck(wanted)


def test_library_that_names_its_own_sections_and_absent_files_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "cards.lib"
    path.write_text(
        f".lib tt\n.lib 'cards.lib' devices\n.endl\n.lib other\n.lib 'absent.lib' x\n.endl\n"
        f".lib devices\n{CARD}\n.endl\n"
    )
    check_deck(deck((S, M, f".lib '{path}' tt")))


def test_an_absent_included_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"could not find include or library file .*none\.inc"):
        check_deck(including(tmp_path / "none.inc"))
