"""What a deck may contain: refuses what would run commands in ngspice or be misread by it in silence."""

from __future__ import annotations

import re

from circuits.deck import Deck
from circuits.ngspice.errors import NetlistSyntax

#: Analysis commands of ngspice; any other word would be a front-end command (``shell``, ``write``).
ANALYSES = frozenset({"op", "dc", "ac", "tran", "noise", "tf", "pz", "sens", "disto", "pss"})

#: Options of ngspice 39's simulator; it ignores a misspelt one without a word.
_OPTION_NAMES = (
    "abstol acct autostop badmos3 bypass chgtol convabsstep convlimit convstep cshunt defad defas "
    "defl defw gmin gminsteps gshunt interp itl1 itl2 itl3 itl4 itl5 itl6 keepopinfo maxevtiter "
    "maxopalter maxord maxwarns method minbreak noacct noinit nomod noopac noopalter noopiter nopage "
    "numdgt oldlimit opts pivrel pivtol ramptime reltol rseries rshunt savecurrents scale seed "
    "srcsteps temp tnom trtol trytocompact vntol warn xmu"
)
OPTIONS = frozenset(_OPTION_NAMES.split())

#: Cards that would run commands, end the deck early, or ask for what the deck states elsewhere.
_REFUSED_CARD = re.compile(
    r"^\s*\.(control|endc|end|exec|probe|save|op|dc|ac|tran|noise|tf|pz|sens|disto|pss)\b", re.I
)
_BREAK = re.compile(r"[\r\n\x00\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_VECTOR = re.compile(r"[^\s;|<>&`$\"'\\]+")
_COMMAND = re.compile(r"[\w\s.+\-*/@()\[\],:#=]+")
#: R, C or L with less than two nodes and a value; ngspice takes 1 mOhm, 0 F, 0 H without an error.
_SHORT = re.compile(r"^[rcl]\S*(?:\s+\S+){0,2}\s*$", re.I)
#: ngspice takes 1 mOhm for a resistor of zero ohm.
_ZERO_OHM = re.compile(r"^r\S*\s+\S+\s+\S+\s+0+(?:\.0*)?(?:e[+-]?\d+)?\s*$", re.I)
_COMMENT = re.compile(r"\s\$.*|;.*")
_PWL = re.compile(r"\bpwl\s*\(([^(){}']*)\)", re.I)


def check_deck(deck: Deck) -> None:
    """Raise :class:`NetlistSyntax` when ``deck`` holds text outside its contract.

    Refused: line breaks inside a line, ``.control`` and other command or analysis cards, analysis strings
    that are no analysis, save names with command characters, unknown options, R, C and L lines cut short,
    resistors of zero ohm, odd PWL lists, unbalanced brackets (ngspice 39 overruns a buffer on some).
    Included files are not read.
    """
    for text in (deck.title, *deck.lines, *deck.analyses, *deck.save):
        if _BREAK.search(text):
            raise NetlistSyntax(f"line break inside {text!r}; accepted: one netlist line for each entry")
    _check_lines(deck.lines)
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
        if name.lower() not in OPTIONS:
            raise NetlistSyntax(f"unknown option {name!r}; accepted: {', '.join(sorted(OPTIONS))}")
        if not re.fullmatch(r"[\w.+\-]*", value):
            raise NetlistSyntax(f"option {name} = {value!r} is no number or word")


def _check_lines(lines: tuple[str, ...]) -> None:
    statement = ""
    for line in lines:
        if _REFUSED_CARD.match(line):
            raise NetlistSyntax(
                f"{line!r} is not accepted in a circuit; analyses and vectors are named beside it"
            )
        if line.lstrip().startswith("+"):
            statement += line.lstrip()[1:]
            continue
        _check_statement(statement)
        statement = "" if line.startswith("*") else line
    _check_statement(statement)


def _check_statement(statement: str) -> None:
    """Refuse what ngspice would misread in a line with its continuations."""
    code = _COMMENT.sub("", statement)
    if _SHORT.match(code):
        raise NetlistSyntax(f"{statement!r} is cut short; accepted: name, two nodes, value")
    if _ZERO_OHM.match(code):
        raise NetlistSyntax(
            f"{statement!r}: ngspice takes 1 mOhm for zero; accepted: another value, or one node"
        )
    if code.count("(") != code.count(")") or code.count("{") != code.count("}"):
        raise NetlistSyntax(f"{statement!r}: brackets are not balanced")
    pairs = _PWL.search(code)
    if pairs and len(pairs[1].replace(",", " ").split()) % 2:
        raise NetlistSyntax(
            f"{statement!r}: a PWL list holds pairs of time and value, this one has an odd count"
        )
