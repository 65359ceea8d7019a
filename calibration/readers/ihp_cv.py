"""C-V files of IHP SG13G2 transistors (IC-CAP MDM): gate to channel (Cgds) and gate to body (Cox)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from calibration.measured import Campaign, FloatArray, Measured, Origin, ReadError
from calibration.readers.ihp import polarity_of
from calibration.readers.mdm import MdmFile, header_number, load_mdm

CHANNEL_SETUP, BODY_SETUP = "~c_g_ds~", "~c_oxide~"
CORRECTED_LENGTHS = {("S351B", "16"): 130e-9, ("S351B", "12"): 10e-6}
"""Channel length in m by module and pad where the header is wrong: it says 250 nm for all three p-type
structures, while their inversion capacitances per width (1.46, 3.01 and 120 fF/um) are those of the n-type
structures on the same pads of module S350B (1.40, 3.03 and 125 fF/um), which are 130 nm, 250 nm and 10 um long.
"""


def read_ihp_cv(paths: Sequence[Path], origin: Origin) -> Campaign:
    """Read C-V files: one :class:`Measured` per file, in the n-type convention of signs.

    ``structure`` gate_channel: ``c_gc`` (F) over ``v_gc`` (V, gate to source and drain, body grounded).
    ``structure`` gate_body: ``c_gb`` (F) over ``v_gb`` (V, gate to body). A rising voltage inverts the body of
    either polarity. Conditions: ``polarity``, ``w`` (m, of all parallel devices), ``l`` (m, drawn), ``area``
    (m^2), ``fingers``, ``temperature`` (K), ``module``.

    Raises
    ------
    ReadError
        For a file that is neither, or has more than one block.
    """
    return tuple(_read_one(path, origin) for path in paths)


def _read_one(path: Path, origin: Origin) -> Measured:
    """One file."""
    mdm, content = load_mdm(path)
    setup = mdm.values.get("MASTER_SETUP_TYPE", "")
    if setup not in (CHANNEL_SETUP, BODY_SETUP) or len(mdm.blocks) != 1:
        raise ReadError(
            "not a gate C-V file",
            file=path,
            column="MASTER_SETUP_TYPE",
            value=setup,
            accepted=f"{CHANNEL_SETUP} or {BODY_SETUP}, one block",
        )
    polarity = polarity_of(mdm, path)
    sign = 1.0 if polarity == "n" else -1.0
    short, columns = _columns(mdm, setup, sign, path)
    module, pad = mdm.values.get("MODULE", ""), mdm.values.get("PIN_H", "")
    devices = header_number(mdm, "MAIN.M", path)
    w = header_number(mdm, "MAIN.W", path) * devices
    length = CORRECTED_LENGTHS.get((module, pad), round(header_number(mdm, "MAIN.L", path), 12))
    conditions: dict[str, float | str] = {
        "polarity": polarity,
        "structure": "gate_channel" if setup == CHANNEL_SETUP else "gate_body",
        "w": w,
        "l": length,
        "area": w * length,
        "fingers": header_number(mdm, "MAIN.NF", path) * devices,
        "temperature": header_number(mdm, "TEMP", path) + 273.15,
        "module": module,
    }
    name = f"{polarity}mos_{short}_l{length * 1e6:g}u"
    units = {key: "V" if key.startswith("v") else "F" for key in columns}
    return Measured(name, columns, units, conditions, origin.source(path, content))


def _columns(mdm: MdmFile, setup: str, sign: float, path: Path) -> tuple[str, dict[str, FloatArray]]:
    """``gc`` or ``gb``, and the columns; the Cox files sweep the body against the gate."""
    short, wanted, side = ("gc", "cg_sd", sign) if setup == CHANNEL_SETUP else ("gb", "cox", -sign)
    found = mdm.blocks[0].columns
    for name in ("vg", wanted):
        if name not in found:
            raise ReadError(
                "not a gate C-V file", file=path, column=name, accepted=f"columns vg and {wanted}"
            )
    return short, {f"v_{short}": side * found["vg"], f"c_{short}": found[wanted]}
