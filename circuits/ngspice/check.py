"""What a deck may contain: refuses what would run commands in ngspice or be misread by it in silence."""

from __future__ import annotations

import re

from circuits.deck import Deck
from circuits.ngspice.elements import check_statement
from circuits.ngspice.errors import NetlistSyntax
from circuits.ngspice.included import Definitions, definitions
from circuits.ngspice.statements import Statement, joined, parse

#: Analysis commands of ngspice; any other word would be a front-end command (``shell``, ``write``).
ANALYSES = frozenset({"op", "dc", "ac", "tran", "noise", "tf", "pz", "sens", "disto", "pss"})

#: Options of ngspice 39's simulator; it ignores a misspelt one without a word.
_OPTION_NAMES = (
    "abstol acct autostop badmos3 bypass chgtol convabsstep convlimit convstep cshunt defad defas "
    "defl defw gmin gminsteps gshunt interp itl1 itl2 itl3 itl4 itl5 itl6 keepopinfo maxevtiter "
    "maxopalter maxord maxwarns method minbreak noacct noinit nomod noopac noopalter noopiter nopage "
    "numdgt oldlimit opts pivrel pivtol ramptime reltol rseries rshunt savecurrents scale seed "
    "srcsteps tnom trtol trytocompact vntol warn xmu"
)
OPTIONS = frozenset(_OPTION_NAMES.split())

#: Cards that would run commands, end the deck early, or ask for what the deck states elsewhere or returns
#: as waveforms.
_REFUSED_CARD = re.compile(
    r"\.(control|endc|end|exec|probe|save|print|plot|four|meas\w*|width|temp|"
    r"op|dc|ac|tran|noise|tf|pz|sens|disto|pss)\b",
    re.I,
)
_BREAK = re.compile(r"[\r\n\x00\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_VECTOR = re.compile(r"[^\s;|<>&`$\"'\\]+")
_COMMAND = re.compile(r"[\w\s.+\-*/@()\[\],:#=]+")

#: Kelvin in which a deck may be simulated; models for silicon hold in a part of it.
TEMPERATURES = (1.0, 1000.0)


def check_deck(deck: Deck) -> None:
    """Raise an error when ``deck`` holds text outside its contract.

    Refused: line breaks inside a line, ``.control`` and other command, output or analysis cards, analysis
    strings that are no analysis, save names with command characters, unknown options, temperatures outside
    1 to 1000 K; statements that ngspice reads as something else in silence
    (:mod:`circuits.ngspice.elements`); parameters that a subcircuit does not have, transistors without W or L,
    names defined twice. Files that the deck includes are refused where they hold commands, analyses or a
    temperature; their elements are not judged.

    Raises
    ------
    NetlistSyntax
        One of the above, with the statement and what is accepted.
    ModelMissing
        A file that the deck includes is not there.
    """
    for text in (deck.title, *deck.lines, *deck.analyses, *deck.save):
        if _BREAK.search(text):
            raise NetlistSyntax(f"line break inside {text!r}; accepted: one netlist line for each entry")
    _check_temperature(deck.temperature)
    for analysis in deck.analyses:
        word = analysis.split(maxsplit=1)[0].lower() if analysis.strip() else ""
        if word not in ANALYSES or not _COMMAND.fullmatch(analysis):
            raise NetlistSyntax(
                f"{analysis!r} is no analysis; accepted: {', '.join(sorted(ANALYSES))} and numbers"
            )
    for vector in deck.save:
        if not _VECTOR.fullmatch(vector):
            raise NetlistSyntax(
                f"{vector!r} is no vector name; accepted: names like vsyn, vout#branch, @m.x1.m1[id]"
            )
    for name, value in deck.options.items():
        _check_option(name.lower())
        if not re.fullmatch(r"[\w.+\-]*", value):
            raise NetlistSyntax(f"option {name} = {value!r} is no number or word")
    statements = tuple(joined(deck.lines))
    for text in statements:
        if _REFUSED_CARD.match(text):
            raise NetlistSyntax(
                f"{text!r} is not accepted in a circuit; analyses, vectors and temperature are named beside it"
            )
        if text[:7].lower() == ".option":
            _check_option_card(text)
        check_statement(text)
    _check_scope(statements, default_size={"defw", "defl"} <= set(map(str.lower, deck.options)))


def _check_temperature(kelvin: float) -> None:
    low, high = TEMPERATURES
    if not low <= kelvin <= high:
        raise NetlistSyntax(f"temperature {kelvin:g} K; accepted: {low:g} to {high:g} K")


def _check_option(name: str) -> None:
    if name not in OPTIONS:  # ngspice ignores it
        raise NetlistSyntax(f"unknown option {name!r}; accepted: {', '.join(sorted(OPTIONS))}")


def _check_option_card(text: str) -> None:
    statement = parse(text)
    for name in (*statement.words[1:], *statement.names, *statement.loose):
        _check_option(name)


def _check_scope(statements: tuple[str, ...], *, default_size: bool) -> None:
    """Check what needs more than one statement: definitions and their uses."""
    defined = definitions(statements)
    seen: dict[str, str] = {}
    depth = 0  # of subcircuits and conditions: a name counts there on its own
    for text in statements:
        if text[0] in "xX":
            _check_instance(parse(text), defined)
        elif text[0] in "mM" and not default_size:
            _check_transistor(parse(text), defined)
        elif text[0] == ".":
            card = _card(text)
            depth += (card in (".subckt", ".if")) - (card in (".ends", ".endif"))
            if depth == 0 and card in (".param", ".model"):
                _check_defined_once(parse(text), seen)


def _card(text: str) -> str:
    return text.partition("(")[0].split(maxsplit=1)[0].lower()


def _check_instance(statement: Statement, defined: Definitions) -> None:
    accepted = defined.parameters.get(statement.words[-1])
    if accepted is None:
        return  # ngspice names a missing subcircuit itself
    for name in statement.names:
        if name not in accepted and name != "m":  # ngspice drops it
            raise NetlistSyntax(
                f"{statement.text!r}: subcircuit {statement.words[-1]} has no parameter {name};"
                f" accepted: {', '.join(sorted(accepted)) or 'none'}"
            )


def _check_transistor(statement: Statement, defined: Definitions) -> None:
    model = next((word for word in statement.words[4:] if word in defined.kinds), "")
    missing = {"w", "l"} - set(statement.names)
    if missing and defined.kinds.get(model) != "vdmos":  # ngspice takes 5 um or 100 um
        raise NetlistSyntax(
            f"{statement.text!r}: no {' and no '.join(sorted(missing))}; accepted: W and L in metres"
        )


def _check_defined_once(statement: Statement, seen: dict[str, str]) -> None:
    """A second model is dropped; of two values of a parameter the last counts, for the lines above it too."""
    card = statement.words[0]
    for name in statement.names if card == ".param" else statement.words[1:2]:
        first = seen.setdefault(f"{card} {name}", statement.text)
        if first is not statement.text:
            raise NetlistSyntax(f"{card} {name} is defined twice: {first!r} and {statement.text!r}")
