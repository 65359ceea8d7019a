"""What an exporter is: a format, what it can hold, the bytes of a file, and a run of the receiving tool on them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from types import ModuleType

from calibration.table import CalibrationTable
from pysim.delays.layer import DelayLayer
from pysim.errors import ModelError
from pysim.mingru.network import MinGruNetwork
from pysim.specification import Build

#: What can be exported.
Source = CalibrationTable | MinGruNetwork | DelayLayer | Build

#: Inputs of a table's laws (A, V, K, ...) where a format holds one operating point.
At = Mapping[str, float]

KINDS: Mapping[type, str] = {
    CalibrationTable: "calibration table",
    MinGruNetwork: "minGRU network",
    DelayLayer: "delay layer",
    Build: "DPI population",
}

#: Where an object goes that a format says nothing about.
_NEAREST: Mapping[type, str] = {Build: "its membranes are nonlinear equations; use brian2"}


class ExportError(ModelError):
    """Something cannot be exported or read back; the message says what, why, and what is accepted."""


class ToolMissing(ExportError):  # noqa: N818 - says what is the matter, as OutOfDomain does
    """The receiving tool is not installed; the message names the package."""


def kind_of(source: Source) -> str:
    """Kind of an exportable object in words."""
    return next(words for kind, words in KINDS.items() if isinstance(source, kind))


@dataclass(frozen=True, kw_only=True)
class Conformance:
    """One comparison of the twin with the exported file in its receiving tool.

    Attributes
    ----------
    tool, version
        What ran the file.
    stimulus
        Inputs of both.
    metric, value, tolerance, unit
        What was compared, what was found, and the largest value accepted.
    """

    tool: str
    version: str
    stimulus: str
    metric: str
    value: float
    tolerance: float
    unit: str = "1"

    @property
    def passed(self) -> bool:
        """Whether the value is within the tolerance; NaN is not."""
        return self.value <= self.tolerance


@dataclass(frozen=True, kw_only=True)
class Exporter:
    """A format.

    Attributes
    ----------
    name, suffix, title
        Name on the command line, ending of its files, one line about it.
    holds
        Kinds of objects that the format can hold.
    content
        File of an object (and of one operating point, where the format needs one).
    check
        Runs the receiving tool on a file and compares; ``None``: the application brings the check.
    notes
        What of an object is not in its file, a line each; ``None``: everything is.
    instead
        For kinds that the format cannot hold: the reason, and the nearest format that can.
    unsupported
        Evidence that the receiving tool does not reproduce the twin: no file is written then, only checked.
    """

    name: str
    suffix: str
    title: str
    holds: tuple[type, ...]
    content: Callable[[Source, At], bytes]
    check: Callable[[Source, At, bytes], tuple[Conformance, ...]] | None = None
    notes: Callable[[Source, At], tuple[str, ...]] | None = None
    instead: Mapping[type, str] = field(default_factory=dict)
    unsupported: str = ""

    def export(self, source: Source, at: At | None = None) -> bytes:
        """File of ``source``.

        Raises
        ------
        ExportError
            When the format cannot hold it, with the reason and the nearest alternative.
        """
        if not isinstance(source, self.holds):
            reason = self.instead.get(
                type(source), _NEAREST.get(type(source), "the format has no place for it; use npz or json")
            )
            raise ExportError(f"{self.name} cannot hold a {kind_of(source)}: {reason}")
        return self.content(source, dict(at or {}))


def tool(module: str, package: str) -> ModuleType:
    """Import the receiving tool.

    Raises
    ------
    ToolMissing
        With the name to install.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        raise ToolMissing(f"{package} is not installed: pip install {package}") from None


def version_of(package: str) -> str:
    """Installed version of a distribution."""
    return metadata.version(package)


def provenance(table: CalibrationTable) -> tuple[str, ...]:
    """Lines that say where the numbers of a table come from."""
    origin = table.provenance
    simulator = " ".join(part for part in (origin.simulator, origin.simulator_version) if part)
    lines = (
        f"table {table.reference}, created {table.created}",
        f"digest {table.digest}",
        f"origin {origin.kind}" + (f", process {origin.process}" if origin.process else ""),
        f"simulator {simulator}" if simulator else "",
        f"licence {table.licence}" if table.licence else "",
        f"written by spicetwin {version_of('spicetwin')}",
    )
    return tuple(line for line in lines if line)
