"""Id-Vg files of IHP SG13G2 (IC-CAP MDM): one linear-region curve per transistor, for subthreshold fits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from calibration.measured import Campaign, Exclusion, Measured, Origin, ReadError
from calibration.readers.mdm import MdmBlock, MdmFile, header_number, load_mdm

ORIGIN = Origin("silicon", "Apache-2.0", "IHP-Open-PDK, ihp-sg13g2/libs.doc/meas/MOS")
FLOOR = 1e-13
"""Current floor of the instrument in A (the currents reach it at 300 K)."""
V_DS = 0.05
_BODY = "body bias: only V_b = 0 has no body effect in kappa and I0"
_DRAIN = "drain bias: only |V_d| = 0.05 V is free of drain-induced barrier lowering"


def read_ihp_idvg(paths: Sequence[Path], origin: Origin = ORIGIN) -> Campaign:
    """Read Id-Vg files: one :class:`Measured` per file, at V_b = 0 and |V_d| = 0.05 V.

    Columns ``v_gs`` (V) and ``i_d`` (A) follow the n-type convention: those of a p-type device are negated:
    a device turns on with rising v_gs and its current is positive. Conditions: ``polarity`` n or p, ``w`` and
    ``l`` (m), ``temperature`` (K), ``v_ds`` and ``v_bs`` (V), ``module`` (chip module). The other curves of a
    file are left out and counted with the reason.
    """
    return tuple(_read_one(path, origin) for path in paths)


def _read_one(path: Path, origin: Origin) -> Measured:
    """The V_b = 0, |V_d| = 0.05 V curve of one file."""
    mdm, content = load_mdm(path)
    check_idvg(mdm, path)
    polarity = polarity_of(mdm, path)
    sign = 1.0 if polarity == "n" else -1.0
    exclusions, kept = _filter(mdm.blocks, sign)
    if len(kept) != 1:
        raise ReadError(
            f"{len(kept)} curves at V_b = 0 and |V_d| = {V_DS} V",
            file=path,
            accepted="exactly one such curve",
        )
    columns = {"v_gs": sign * kept[0].columns["vg"], "i_d": sign * kept[0].columns["id"]}
    w, length = header_number(mdm, "MAIN.W", path), header_number(mdm, "MAIN.L", path)
    temperature = header_number(mdm, "TEMP", path) + 273.15
    conditions: dict[str, float | str] = {
        "polarity": polarity,
        "w": w,
        "l": length,
        "temperature": temperature,
        "v_ds": V_DS,
        "v_bs": 0.0,
        "module": mdm.values.get("MODULE", ""),
    }
    name = f"{polarity}mos_w{w * 1e6:g}u_l{length * 1e6:g}u_{temperature:.0f}k"
    units = {"v_gs": "V", "i_d": "A"}
    return Measured(
        name, columns, units, conditions, origin.source(path, content), {"i_d": FLOOR}, exclusions
    )


def check_idvg(mdm: MdmFile, path: Path) -> None:
    """Refuse an MDM file that is not an Id-Vg sweep."""
    for name in ("vg", "id"):
        if name not in mdm.blocks[0].columns:
            raise ReadError("not an Id-Vg file", file=path, column=name, accepted="columns vg and id")


def polarity_of(mdm: MdmFile, path: Path) -> str:
    """``n`` or ``p`` from the header's TYPE."""
    value = mdm.values.get("TYPE", "")
    try:
        return {"1": "n", "-1": "p"}[value]
    except KeyError:
        raise ReadError(
            "unknown transistor type", file=path, column="TYPE", value=value, accepted="1 or -1"
        ) from None


def _filter(blocks: Sequence[MdmBlock], sign: float) -> tuple[tuple[Exclusion, ...], list[MdmBlock]]:
    """Blocks at V_b = 0 and V_d = 0.05 V (n-type convention), and what the rest was left out for."""
    dropped = {_BODY: 0, _DRAIN: 0}
    kept = []
    for block in blocks:
        if not math.isclose(block.variables.get("vb", 0.0), 0.0, abs_tol=1e-9):
            dropped[_BODY] += len(block.columns["vg"])
        elif not math.isclose(sign * block.variables.get("vd", math.nan), V_DS, abs_tol=1e-9):
            dropped[_DRAIN] += len(block.columns["vg"])
        else:
            kept.append(block)
    return tuple(Exclusion(reason, rows) for reason, rows in dropped.items() if rows), kept
