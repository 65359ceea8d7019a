"""ngspice's words -> typed errors.

ngspice reports most failures in text alone, and goes on after remarks that mean it computes something else
than the deck says (``r1: resistance to low, set to 1 mOhm`` for an element line cut short). The rule is
therefore strict: *every* line on its error stream that is not in :data:`BENIGN` makes the point fail, as
:class:`Distorted` when the run completed. A remark nobody has judged yet costs a failed point with its
text; the opposite default would cost a wrong number. The texts are those of ngspice 39, found by
experiment.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from circuits.ngspice.errors import (
    Distorted,
    ModelMissing,
    NetlistSyntax,
    NoConvergence,
    SimulationError,
    SingularMatrix,
    TimestepTooSmall,
)

#: Remarks under which the completed run is what was asked, with the reason.
BENIGN: tuple[tuple[str, str], ...] = (
    (r"^\s*$", "an empty line"),
    (
        r"gmin (stepping|step)|gmin increment|^Trying gmin",
        "the operating point is found by a homotopy at full gmin",
    ),
    (
        r"source step|^Supplies reduced",
        "the operating point is found by raising the supplies to their full value",
    ),
    (r"Transient op (started|finished)", "the operating point is found by a pseudo-transient that settled"),
    (
        r"^Warning: singular matrix",
        "a homotopy solved it afterwards; unsolved ones fail, see singular_matrix",
    ),
    (
        r"^Error: \S+ out of range for|^\s*in line b",
        "a Newton iterate left a function's domain; the solution is inside",
    ),
    (r"dc value used for op instead of transient time=0 value", "what SPICE defines for a source with both"),
    (r"^Checking parameters for (BSIM|model)", "heading of model-card remarks"),
    (
        r"^Warning:\s+\S.* = \S+ "
        r"(is (negative|too (small|large)|out of range|less than \S+)|may be too (small|large))\.?$",
        "a card's value is unusual and is used as it stands (changed ones say 'set to' or 'reset')",
    ),
    (
        r"^Warning: Pd = \S+ is less than W|^Warning: Ps = \S+ is less than W",
        "a geometry remark, nothing is changed",
    ),
    (r"^Reference value", "progress of the analysis"),
    (r"^Using (SPARSE|KLU)", "name of the matrix solver"),
)

#: Text of a failed run -> what it stands for; the first match decides.
KINDS: tuple[tuple[str, type[SimulationError]], ...] = (
    (r"tran:\s+timestep too small; time", TimestepTooSmall),
    (r"undefined parameter|cannot compute substitute|mismatch of \.subckt", NetlistSyntax),
    (r"unknown subckt|find (include|library) file|library file .* not found|unknown model", ModelMissing),
    (
        r"unknown (parameter|device type)|unimplemented control card|already exists|too (few|many) param",
        NetlistSyntax,
    ),
    (r"valid modelname|can't find model", ModelMissing),
    (
        r"error on line|not parsed|is invalid|no such command|in the circuit|unknown controlling|syntax",
        NetlistSyntax,
    ),
    (r"no data saved", Distorted),  # none of the vectors to save exists
    (r"no such (parameter|device|vector)|input not found|incomplete CKTunsetup", NetlistSyntax),
    (r"parameter checking|^fatal", NetlistSyntax),
    (r"breakpoint in the past", NetlistSyntax),
    (r"singular matrix", SingularMatrix),
    (
        r"iteration limit|stepping failed|transient op failed|initial timepoint|op:\s+timestep too small",
        NoConvergence,
    ),
    (r"timestep too small", TimestepTooSmall),
)

_FAILED = re.compile(
    r"aborted\s*$|not parsed|cannot recover|no such command|any circuits loaded|doAnalyses:|"
    r"^\s*(Fatal|Panic)|Internal Error",
    re.IGNORECASE,
)
_BENIGN = re.compile("|".join(f"(?:{pattern})" for pattern, _ in BENIGN))
_KINDS = tuple((re.compile(pattern, re.IGNORECASE | re.MULTILINE), kind) for pattern, kind in KINDS)
_PAUSED = re.compile(r"simulation interrupted", re.IGNORECASE)
_HALTED = re.compile(
    r"condition met: stop\s+when time|doAnalyses: pause requested|simulation interrupted\s*$"
)
_POISONED = re.compile(r"cannot recover|Internal Error")
_MESSAGE_LENGTH = 600


def classify_load(remarks: Sequence[str], accepted: bool) -> SimulationError | None:
    """Error that the remarks while reading a deck stand for; ``accepted``: ngspice took the deck."""
    serious = _serious(remarks)
    if accepted and not serious:
        return None
    return (_kind(remarks) or (Distorted if accepted else NetlistSyntax))(_message(serious or remarks))


def classify_run(remarks: Sequence[str], completed: bool) -> SimulationError | None:
    """Error that the remarks during one analysis stand for; ``completed``: the command came back well."""
    if not completed or any(_FAILED.search(line) for line in remarks):
        kind = _kind(remarks) or SimulationError
        first = [line for line in remarks if kind is SingularMatrix and "singular matrix" in line][:1]
        return kind(_message([*first, *_serious(remarks)] or remarks))
    unsolved = singular_matrix(remarks)
    if unsolved:
        return SingularMatrix(f"{unsolved.strip()} (a floating node, or a loop of voltage sources)")
    serious = _serious(remarks)
    return Distorted(_message(serious)) if serious else None


def without_stops(remarks: Sequence[str]) -> list[str]:
    """The remarks without those of a halt that was asked for (``stop when time = ...``).

    At a halt ngspice may add ``doAnalyses:`` and the words of an earlier circuit's trouble, solved since then.
    """
    paused = any(_PAUSED.search(line) for line in remarks)
    return [
        line for line in remarks if not (_HALTED.search(line) or (paused and line.startswith("doAnalyses:")))
    ]


def singular_matrix(remarks: Sequence[str]) -> str | None:
    """The remark of a singular matrix that no homotopy solved.

    ngspice then falls back to a pseudo-transient, which ends and leaves a floating node at an arbitrary
    voltage (10 kV for a capacitor fed by a current source).
    """
    if not any("Transient op finished" in line for line in remarks):
        return None
    return next((line for line in remarks if "singular matrix" in line), None)


def is_poisoned(remarks: Sequence[str]) -> bool:
    """Whether ngspice itself says that it cannot go on in this process."""
    return any(_POISONED.search(line) for line in remarks)


def _serious(remarks: Sequence[str]) -> list[str]:
    """Remarks that are not benign, without repetition."""
    return list(dict.fromkeys(line.strip() for line in remarks if not _BENIGN.search(line)))


def _kind(remarks: Sequence[str]) -> type[SimulationError] | None:
    text = "\n".join(remarks)
    return next((kind for pattern, kind in _KINDS if pattern.search(text)), None)


def _message(lines: Sequence[str]) -> str:
    text = "; ".join(line.strip() for line in lines if line.strip())
    return text if len(text) <= _MESSAGE_LENGTH else f"{text[:_MESSAGE_LENGTH]} ..."
