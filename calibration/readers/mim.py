"""C(V) files of the sky130 MIM capacitors (IC-CAP MDM): geometry from the file name, which alone states it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from calibration.measured import Campaign, Measured, Origin, ReadError
from calibration.readers.mdm import load_mdm

MICRON = 1e-6
STACKS = {
    "mim": "m3",
    "mim2": "m4",
    "stacked": "m3_m4",
}
"""Word of the file name -> metal under the plate: capm on metal 3, cap2m on metal 4, or both in parallel."""
_NAME = re.compile(
    r"(?:(?P<kind>area_intensive|periphery_intensive|large)_(?P<stack>mim2?)_cap|capm_m3_cap2m_m4_(?P<both>stacked))"
    r"_(?P<w>\d+)_by_(?P<l>\d+)_m(?P<count>\d+)\((?P<module>\d+)_\d+_\d+\)"
)


def read_sky130_mim(paths: Sequence[Path], origin: Origin) -> Campaign:
    """Read MIM C(V) files: one :class:`Measured` per file, named after its layout and test module.

    Columns ``v`` (V, between the pads B and C; the file does not say which plate is which) and ``c`` (F, the
    whole array). Conditions: ``stack`` (m3, m4 or m3_m4), ``kind`` (large, area, periphery or stacked),
    ``w`` and ``l`` (m) of one plate, ``count`` of plates, ``area`` (m^2) and ``perimeter`` (m) of the array as
    drawn, ``module``. Temperature is not recorded.

    Raises
    ------
    ReadError
        For a file name that does not state the geometry, more than one block, or other columns.
    """
    return tuple(_read_one(path, origin) for path in paths)


def _read_one(path: Path, origin: Origin) -> Measured:
    """One file."""
    match = _NAME.fullmatch(path.stem)
    if match is None:
        raise ReadError(
            "file name does not state the geometry",
            file=path,
            value=path.stem,
            accepted="e.g. large_mim_cap_40_by_40_m11(4530_1_2).mdm",
        )
    mdm, content = load_mdm(path)
    columns = mdm.blocks[0].columns
    if len(mdm.blocks) != 1 or not {"vbc", "cbc"} <= set(columns):
        raise ReadError("not a MIM C(V) file", file=path, accepted="one block with the columns vbc and cbc")
    kind = (match["kind"] or match["both"]).removesuffix("_intensive")
    w, length, count = int(match["w"]) * MICRON, int(match["l"]) * MICRON, int(match["count"])
    conditions: dict[str, float | str] = {
        "stack": STACKS[match["stack"] or match["both"]],
        "kind": kind,
        "w": w,
        "l": length,
        "count": float(count),
        "area": w * length * count,
        "perimeter": 2.0 * (w + length) * count,
        "module": match["module"],
    }
    return Measured(
        f"{kind}_{match['module']}",
        {"v": columns["vbc"], "c": columns["cbc"]},
        {"v": "V", "c": "F"},
        conditions,
        origin.source(path, content),
    )
