"""ngspice's words -> typed errors."""

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

_ERRORS: tuple[tuple[str, type[SimulationError]], ...] = (
    (
        r"unknown subckt|could not find a valid modelname|could not find include file|library file .* not found",
        ModelMissing,
    ),
    (
        r"error on line|circuit not parsed|error:.*(syntax|undefined|parameter)|no circuits? loaded",
        NetlistSyntax,
    ),
    (r"is invalid, must be|unknown parameter", NetlistSyntax),
    (r"singular matrix", SingularMatrix),
    (r"timestep too small", TimestepTooSmall),
    (r"iteration limit|no convergence|stepping failed", NoConvergence),
)

_BENIGN = (
    r"singular matrix|gmin|source step|supplies reduced|transient op|trying gmin",
    r"has no value, DC 0 assumed",
)


def classify(text: Sequence[str], ran: bool) -> SimulationError | None:
    """The error that ``text`` stands for, or None when the run is good."""
    message = "; ".join(
        line.strip()
        for line in text
        if re.search(r"error|warning|unknown|could not|unrecognized", line, re.I)
    )
    if not ran or any(re.match(r"\s*(fatal )?error", line, re.I) or "aborted" in line for line in text):
        whole = "\n".join(text)
        for pattern, kind in _ERRORS:
            if re.search(pattern, whole, re.I):
                return kind(message[:600])
        if "aborted" in whole or "rror" in whole:
            return SimulationError(message[:600])
    for line in text:
        if re.search(r"warning|ignored|resistance to low", line, re.I) and not any(
            re.search(b, line, re.I) for b in _BENIGN
        ):
            return Distorted(message[:600])
    return None
