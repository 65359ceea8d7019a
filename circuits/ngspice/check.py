"""What a deck may contain: refuses, before ngspice sees it, what would run commands or be silently misread."""

from __future__ import annotations

import re

from circuits.deck import Deck
from circuits.ngspice.errors import NetlistSyntax

#: Analysis commands of ngspice; any other word in ``Deck.analyses`` would be a front-end command (``shell``, ``write``).
ANALYSES = frozenset({"op", "dc", "ac", "tran", "noise", "tf", "pz", "sens", "disto", "pss"})

#: Options of ngspice 39's simulator; it ignores a misspelt one without a word.
OPTIONS = frozenset(
    "abstol acct autostop badmos3 bypass chgtol convabsstep convlimit convstep cshunt defad defas defl defw gmin "
    "gminsteps gshunt interp itl1 itl2 itl3 itl4 itl5 itl6 keepopinfo maxevtiter maxopalter maxord maxwarns method "
    "minbreak noacct noinit nomod noopac noopalter noopiter nopage numdgt oldlimit opts pivrel pivtol ramptime reltol "
    "rseries rshunt savecurrents scale seed srcsteps temp tnom trtol trytocompact vntol warn xmu".split()
)

#: Cards that would run commands, end the deck early, or ask for what the deck states elsewhere.
_REFUSED_CARD = re.compile(
    r"^\s*\.(control|endc|end|exec|probe|save|op|dc|ac|tran|noise|tf|pz|sens|disto|pss)\b", re.I
)
_BREAK = re.compile(r"[\r\n\x00\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_VECTOR = re.compile(r"[^\s;|<>&`$\"'\\]+")
_COMMAND = re.compile(r"[\w\s.+\-*/@()\[\],:#=]+")
#: R, C or L with less than two nodes and a value; ngspice takes 1 mOhm, 0 F, 0 H without an error.
_SHORT = re.compile(r"^[rcl]\S*(?:\s+\S+){0,2}\s*$", re.I)
_PWL = re.compile(r"\bpwl\s*\(([^(){}']*)\)", re.I)


def check_deck(deck: Deck) -> None:
    """Raise :class:`NetlistSyntax` when ``deck`` holds text outside its contract.

    Refused: line breaks inside a line, ``.control`` and other command or analysis cards, analysis strings that are no
    analysis, save names with command characters, unknown options, R, C and L lines cut short, odd PWL lists.
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
    following = (*lines[1:], "") if lines else ()
    for line, after in zip(lines, following, strict=True):
        if _REFUSED_CARD.match(line):
            raise NetlistSyntax(
                f"{line!r} is not accepted in a circuit; analyses and vectors are named beside it"
            )
        if _SHORT.match(line) and not after.lstrip().startswith("+"):
            raise NetlistSyntax(f"{line!r} is cut short; accepted: name, two nodes, value")
        pairs = _PWL.search(line)
        if pairs and len(pairs[1].replace(",", " ").split()) % 2:
            raise NetlistSyntax(
                f"{line!r}: a PWL list holds pairs of time and value, this one has an odd count"
            )
