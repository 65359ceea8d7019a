"""Netlist statements as ngspice reads them: continuations joined, comments gone, words and ``name=value`` apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

_COMMENT = re.compile(r"\s\$.*|;.*|(?:^|\s)//.*")
#: Innermost bracketed or quoted expression; it counts as one word.
_EXPRESSION = re.compile(r"\{[^{}]*\}|'[^']*'|\"[^\"]*\"")
_EQUALS = re.compile(r"\s*=\s*")
#: What a reader takes for a number, and what ngspice reads whole: it stops at the first character that does not
#: fit and says nothing (``1..5`` is 1, ``1k5`` is 1 kOhm, ``1e`` is 1).
_LOOKS_LIKE_NUMBER = re.compile(r"[+-]?\.?\d[\w.,]*(?:(?<=e)[+-]\d\w*)?", re.I)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?(?!e$)[a-z]*", re.I)

#: Stands for an expression, whose value is not known before ngspice evaluates it.
EXPRESSION = "{}"


@dataclass(frozen=True)
class Statement:
    """One statement in lower case.

    Attributes
    ----------
    text
        As it was written, continuations joined.
    words
        Words before the first ``name=value``; the first is the element's name or the card.
    pairs
        ``name=value`` in order; expressions read ``{}``.
    loose
        Words after the first ``name=value`` that have no ``=``.
    """

    text: str
    words: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    loose: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the pairs."""
        return tuple(name for name, _ in self.pairs)


def joined(lines: Iterable[str]) -> Iterator[str]:
    """Lines with their continuations; comment and empty lines between them do not end a statement."""
    pending = ""
    for line in lines:
        text = line.strip()
        if not text or text.startswith("*"):
            continue
        if text.startswith("+"):
            pending += f" {text[1:]}"
            continue
        if pending:
            yield pending
        pending = text
    if pending:
        yield pending


@lru_cache(maxsize=4096)
def parse(text: str) -> Statement:
    """Words and pairs of one statement with its continuations joined."""
    code = without_comment(text).lower()
    grouped = _EXPRESSION.sub(EXPRESSION, code)
    while grouped != code and _EXPRESSION.search(grouped.replace(EXPRESSION, "")):
        code, grouped = grouped, _EXPRESSION.sub(EXPRESSION, grouped.replace(EXPRESSION, ""))
    words: list[str] = []
    pairs: list[tuple[str, str]] = []
    loose: list[str] = []
    for word in _EQUALS.sub("=", grouped).split():
        name, equals, value = word.partition("=")
        if equals:
            pairs.append((name, value))
        elif word != "params:":
            (loose if pairs else words).append(word)
    return Statement(text, tuple(words), tuple(pairs), tuple(loose))


def without_comment(text: str) -> str:
    """Statement without what ngspice takes for a comment at its end."""
    return _COMMENT.sub("", text)


def is_number(word: str) -> bool:
    """Whether ngspice reads the whole word as one number."""
    return _NUMBER.fullmatch(word) is not None


def is_misread_number(word: str) -> bool:
    """Whether a word looks like a number of which ngspice would read a part."""
    return _LOOKS_LIKE_NUMBER.fullmatch(word) is not None and not is_number(word)


def is_positive(word: str) -> bool:
    """Whether a number is above zero; anything but a plain number is taken to be."""
    digits = re.match(r"[+]?[\d.]*", word)
    return not is_number(word) or (digits is not None and re.search(r"[1-9]", digits[0]) is not None)


def literal(word: str) -> float | None:
    """Value of a plain number without a suffix letter; None for anything else."""
    try:
        return float(word)
    except ValueError:
        return None
