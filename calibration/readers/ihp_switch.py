"""IHP SG13G2 Id-Vg files read as a switch: on-resistance with body bias, and leakage against temperature."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from calibration.measured import Campaign, DataSource, FloatArray, Measured, Origin, ReadError
from calibration.readers.ihp import check_idvg, polarity_of
from calibration.readers.mdm import MdmFile, header_number, load_mdm

V_DS_ON = 0.05
V_SB = (0.0, 0.6, 1.2)
"""Source-body voltages kept, in V: present for both polarities."""
V_DS_OFF = (0.05, 0.6)
LEAKAGE_FLOOR = 5e-13
"""Floor of the leakage in A: devices of 0.15 um and 10 um width read the same few 1e-13 A at 233 K."""
PER_SQUARE = 1e-7
"""Current I_d L/W in A at which the gate-source voltage counts as the threshold."""
ROOM = 300.15


@dataclass(frozen=True)
class _File:
    """One Id-Vg file: curves by source-body and drain voltage, in the n-type convention of signs."""

    mdm: MdmFile
    source: DataSource
    polarity: str
    w: float
    length: float
    temperature: float

    def curve(self, v_sb: float, v_ds: float) -> tuple[FloatArray, FloatArray]:
        """v_gs in V, rising, and i_d in A."""
        sign = 1.0 if self.polarity == "n" else -1.0
        for block in self.mdm.blocks:
            body, drain = (sign * block.variables.get(name, math.nan) for name in ("vb", "vd"))
            if math.isclose(-body, v_sb, abs_tol=1e-9) and math.isclose(drain, v_ds, abs_tol=1e-9):
                order = np.argsort(sign * block.columns["vg"])
                return sign * block.columns["vg"][order], sign * block.columns["id"][order]
        raise ReadError(
            f"no curve at V_sb = {v_sb} V, |V_ds| = {v_ds} V",
            file=self.source.path,
            accepted="Id-Vg at V_sb of 0, 0.6 and 1.2 V and |V_ds| of 0.05 and 0.6 V",
        )

    @property
    def device(self) -> str:
        """Name of the transistor, the same at every temperature."""
        return f"{self.polarity}mos_w{self.w * 1e6:g}u_l{self.length * 1e6:g}u"

    def conditions(self) -> dict[str, float | str]:
        """What holds for the device."""
        return {"polarity": self.polarity, "device": self.device, "w": self.w, "l": self.length}


def read_ihp_switch(paths: Sequence[Path], origin: Origin) -> Campaign:
    """Read Id-Vg files as switches, in the n-type convention of signs.

    Curves of kind ``on``, one per file: ``r_on`` (ohm) = V_ds/I_d at |V_ds| = 0.05 V against ``v_gs`` and
    ``v_sb`` (0, 0.6, 1.2 V), with ``v_over`` (V), the gate voltage above the threshold of that very curve
    (100 nA per square). Rows with no current in the direction of V_ds are left out. Conditions: ``polarity``,
    ``device``, ``w``, ``l`` (m), ``temperature`` (K), and ``v_t`` (V), the threshold at 300 K and V_sb = 0.

    Curves of kind ``off``, one per device that was measured at several temperatures: ``i_off`` (A) at V_gs = 0
    and V_sb = 0 against ``temperature`` (K) and ``v_ds`` (0.05 and 0.6 V); ``channel`` names polarity and
    length.

    Raises
    ------
    ReadError
        For a file that is no Id-Vg sweep of this kind, or a device without its 300 K file.
    """
    files = [_load(path, origin) for path in paths]
    devices: dict[str, list[_File]] = {}
    for file in files:
        devices.setdefault(file.device, []).append(file)
    thresholds = {name: _room_threshold(name, mine) for name, mine in devices.items()}
    on = [_on(file, thresholds[file.device]) for file in files]
    return (*on, *(_off(mine) for mine in devices.values() if len(mine) > 1))


def _load(path: Path, origin: Origin) -> _File:
    """One file."""
    mdm, content = load_mdm(path)
    check_idvg(mdm, path)
    w, length = (round(header_number(mdm, key, path), 12) for key in ("MAIN.W", "MAIN.L"))
    temperature = header_number(mdm, "TEMP", path) + 273.15
    return _File(mdm, origin.source(path, content), polarity_of(mdm, path), w, length, temperature)


def _room_threshold(device: str, files: Sequence[_File]) -> float:
    """Threshold at 300 K and V_sb = 0."""
    for file in files:
        if math.isclose(file.temperature, ROOM, abs_tol=1.0):
            return _threshold(file, *file.curve(0.0, V_DS_ON))
    raise ReadError(f"no 300 K file of {device}", file=files[0].source.path, accepted="one file at 300 K")


def _threshold(file: _File, v_gs: FloatArray, i_d: FloatArray) -> float:
    """Gate-source voltage in V at 100 nA per square, between samples by their logarithm."""
    wanted = PER_SQUARE * file.w / file.length
    above = np.flatnonzero(i_d >= wanted)
    if not above.size or above[0] == 0 or i_d[above[0] - 1] <= 0:
        raise ReadError("the device does not turn on within the sweep", file=file.source.path)
    place = int(above[0])
    logs = np.log(i_d[place - 1 : place + 1])
    return float(np.interp(math.log(wanted), logs, v_gs[place - 1 : place + 1]))


def _on(file: _File, v_t: float) -> Measured:
    """On-resistance of one file."""
    parts: Mapping[str, list[FloatArray]] = {name: [] for name in ("v_gs", "v_sb", "v_over", "r_on")}
    for v_sb in V_SB:
        v_gs, i_d = file.curve(v_sb, V_DS_ON)
        over = v_gs - _threshold(file, v_gs, i_d)
        keep = i_d > 0
        parts["v_gs"].append(v_gs[keep])
        parts["v_sb"].append(np.full(int(keep.sum()), v_sb))
        parts["v_over"].append(over[keep])
        parts["r_on"].append(V_DS_ON / i_d[keep])
    columns = {name: np.concatenate(values) for name, values in parts.items()}
    units = {"v_gs": "V", "v_sb": "V", "v_over": "V", "r_on": "ohm"}
    conditions = file.conditions() | {"kind": "on", "temperature": file.temperature, "v_t": v_t}
    return Measured(f"{file.device}_{file.temperature:.0f}k", columns, units, conditions, file.source)


def _off(files: Sequence[_File]) -> Measured:
    """Leakage of one device at all its temperatures; the source is that of its first file."""
    rows = []
    for file in sorted(files, key=lambda f: f.temperature):
        for v_ds in V_DS_OFF:
            v_gs, i_d = file.curve(0.0, v_ds)
            rows.append((file.temperature, v_ds, float(np.interp(0.0, v_gs, i_d))))
    temperature, v_ds, i_off = np.array(rows).T
    first = files[0]
    channel = f"{first.polarity}mos_l{first.length * 1e6:g}u"
    return Measured(
        f"{first.device}_off",
        {"temperature": temperature, "v_ds": v_ds, "i_off": i_off},
        {"temperature": "K", "v_ds": "V", "i_off": "A"},
        first.conditions() | {"kind": "off", "channel": channel},
        first.source,
        {"i_off": LEAKAGE_FLOOR},
    )
