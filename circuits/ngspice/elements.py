"""Element, model and parameter statements that ngspice 39 reads as something else, and says nothing.

Every rule was found by experiment; the comments say what ngspice makes of the statement.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from circuits.ngspice.errors import NetlistSyntax
from circuits.ngspice.statements import (
    Statement,
    is_misread_number,
    is_number,
    is_positive,
    literal,
    parse,
    without_comment,
)

#: Longest argument lists of the waveforms of a source; ngspice drops the rest.
_ARGUMENTS = {"pulse": 8, "sin": 6, "exp": 6}
_WAVEFORM = re.compile(r"\b(pulse|sin|exp|pwl)\s*\(([^(){}']*)\)", re.I)
#: Random functions: each load of the deck would draw anew, past the plan's seed and the result cache.
_RANDOM = re.compile(r"\b(a?gauss|a?unif)\s*\(", re.I)
#: Pairs whose value is no number.
_TEXT_VALUES = frozenset({"version", "file", "model"})
#: Models whose parameters all are ``name=value``.
_PLAIN_MODELS = frozenset({"nmos", "pmos", "d", "npn", "pnp", "njf", "pjf", "r", "c", "l"})
#: Elements whose parameters are ``name=value`` and count once.
_WITH_PARAMETERS = frozenset("mrcldqjx.")
ABSOLUTE_ZERO = -273.15


@lru_cache(maxsize=8192)
def check_statement(text: str) -> None:
    """Raise :class:`NetlistSyntax` for a statement that ngspice would misread."""
    code = without_comment(text)
    if code.count("(") != code.count(")") or code.count("{") != code.count("}"):
        raise NetlistSyntax(f"{text!r}: brackets are not balanced")
    random = _RANDOM.search(code)
    if random:
        raise NetlistSyntax(f"{text!r}: {random[1]} draws a number at every run; accepted: samples of a plan")
    statement = parse(text)
    if not statement.words:
        return
    head = statement.words[0]
    _check_pairs(statement)
    check = _CARDS.get(head[:6]) if head.startswith(".") else _ELEMENTS.get(head[0])
    if check is not None:
        check(statement)


def _refuse(statement: Statement, reason: str) -> NetlistSyntax:
    return NetlistSyntax(f"{statement.text!r}: {reason}")


def _check_pairs(statement: Statement) -> None:
    kind = statement.words[0][0]
    if kind not in _WITH_PARAMETERS:
        return
    names = statement.names
    if len(set(names)) < len(names):  # the last one counts
        twice = next(name for k, name in enumerate(names) if name in names[:k])
        raise _refuse(statement, f"{twice} is given twice; accepted: once")
    for name, value in statement.pairs:
        if value.endswith(")") and value.count("(") < value.count(")"):
            value = value.rstrip(")")  # the bracket around a model's parameters
        if name not in _TEXT_VALUES and is_misread_number(value):  # the readable part counts
            raise _refuse(statement, f"{name}={value}: ngspice would read a part of that number")
        number = literal(value)
        if name in ("temp", "tnom") and number is not None and number <= ABSOLUTE_ZERO:
            raise _refuse(statement, f"{name}={value} degC; accepted: above {ABSOLUTE_ZERO} degC")
        if name in ("w", "l", "area") and kind in "md" and not is_positive(value):
            raise _refuse(statement, f"{name}={value}; accepted: a positive size")


def _check_passive(statement: Statement) -> None:
    values = statement.words[3:]
    if len(statement.words) < 3 or not (values or statement.pairs):  # 1 mOhm, 0 F, 0 H
        raise _refuse(statement, "cut short; accepted: name, two nodes, value")
    for value in values:
        if is_misread_number(value):
            raise _refuse(statement, f"ngspice would read a part of {value}; accepted: a number like 1.5k")
    if sum(map(is_number, values)) > 1:  # the last one counts
        raise _refuse(statement, "two values; accepted: one")
    if "tc" in statement.names and any(map(is_number, statement.loose)):  # the second is dropped
        raise _refuse(statement, "a list behind tc=; accepted: tc1=... tc2=...")
    if statement.words[0][0] == "r" and any(literal(value) == 0 for value in values):  # 1 mOhm
        raise _refuse(statement, "ngspice takes 1 mOhm for zero; accepted: another value, or one node")


def _check_source(statement: Statement) -> None:
    for value in statement.words[3:]:
        if "(" not in value and is_misread_number(value):
            raise _refuse(statement, f"ngspice would read a part of {value}; accepted: a number like 1.5")
    for waveform, inner in _WAVEFORM.findall(without_comment(statement.text)):
        count = len(inner.replace(",", " ").split())
        if waveform.lower() == "pwl":
            if count % 2:
                raise _refuse(
                    statement, "a PWL list holds pairs of time and value, this one has an odd count"
                )
        elif count > _ARGUMENTS[waveform.lower()]:
            most = _ARGUMENTS[waveform.lower()]
            raise _refuse(statement, f"{waveform} with {count} values; accepted: at most {most}")


def _check_controlled(statement: Statement) -> None:
    """Two gains make a polynomial of another order (E, G), or the second is dropped (F, H)."""
    first = 5 if statement.words[0][0] in "eg" else 4
    gains = statement.words[first:]
    if len(statement.words) > 3 and not statement.words[3].startswith(("poly", "table", "vol", "cur")):
        if sum(map(is_number, gains)) > 1:
            raise _refuse(statement, "two gains; accepted: one, or POLY(...) with its coefficients")
        if any(map(is_misread_number, gains)):
            raise _refuse(statement, f"ngspice would read a part of {gains[0]}")


def _check_model(statement: Statement) -> None:
    kind = statement.words[2].partition("(")[0] if len(statement.words) > 2 else ""
    loose = [word for word in (*statement.words[3:], *statement.loose) if word.strip("()")]
    if kind in _PLAIN_MODELS and loose:  # dropped, or taken for another parameter's value
        raise _refuse(statement, f"{loose[0]} has no value; accepted: name=value")


def _check_parameters(statement: Statement) -> None:
    if len(statement.words) > 1:  # dropped
        raise _refuse(statement, f"{statement.words[1]} has no value; accepted: .param name=value")


_ELEMENTS: Mapping[str, Callable[[Statement], None]] = {
    **dict.fromkeys("rcl", _check_passive),
    **dict.fromkeys("vi", _check_source),
    **dict.fromkeys("efgh", _check_controlled),
}
_CARDS: Mapping[str, Callable[[Statement], None]] = {
    ".model": _check_model,
    ".param": _check_parameters,
}
