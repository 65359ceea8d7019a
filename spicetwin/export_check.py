"""Checks of exported files in their receiving tools."""

from __future__ import annotations

from calibration.table import CalibrationTable
from pysim.export.exporter import At, Conformance, Exporter, Source
from spicetwin.boundary import InputError


def check_export(exporter: Exporter, source: Source, at: At) -> tuple[Conformance, ...]:
    """Export ``source``, run the file in its receiving tool, compare with the twin.

    Raises
    ------
    ExportError
        When the format cannot hold the source, or its tool is missing.
    InputError
        For a format of a third party without a check.
    """
    data = exporter.export(source, at)
    if exporter.name == "spice" and isinstance(source, CalibrationTable):
        from spicetwin.export_ngspice import check_spice

        return check_spice(source, at, data)
    if exporter.check is None:
        raise InputError(f"format {exporter.name!r} comes without a check")
    return exporter.check(source, at, data)
