"""Drawing of minGRU chips out of a calibration table, sources of spread kept apart.

Entries are ``mingru.<quantity>``, see :data:`QUANTITIES`; a quantity without an entry is ideal. Every entry may name
in its reference conditions the ``rows`` of the core it was measured on: line gains, droop and noise depend on it.
Entries of devices, ``mingru.capacitor.*`` and ``mingru.switch.*``, are passed over.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from calibration.table import (
    CalibrationTable,
    Entry,
    Interval,
    Parameter,
    Provenance,
    Variation,
)
from pysim import chip as drawing
from pysim.errors import ModelError
from pysim.mingru.chip import MinGruChip
from pysim.mingru.effects import CoreEffects, dac_weight, swap_share
from pysim.mingru.energy import EnergyCost
from pysim.mingru.layer import MinGruLayer
from pysim.mingru.network import MinGruNetwork
from pysim.mingru.streams import digest

FloatArray = NDArray[np.float64]

BLOCK = "mingru"
BOLTZMANN = 1.380649e-23
T_REFERENCE = 300.15

#: ``fit``, ``die``, ``within_die`` as for other blocks; ``noise``: temporal noise; ``temperature``: laws at the
#: temperature of the draw, else at 300.15 K.
SOURCES = ("fit", "die", "within_die", "noise", "temperature")

#: Quantity -> (unit, assumed value, assumed spread within a die, scale). Values are for 64 rows of 20 fF; those that
#: the table of observables gives as a range are taken from its middle, all are assumed until a table is fitted.
QUANTITIES: Mapping[str, tuple[str, float, float, str]] = {
    "v_fs": ("V", 0.8, 0.0, "log"),
    "t_step": ("s", 5.05e-7, 0.0, "log"),
    "c_unit": ("F", 20e-15, 0.0, "log"),
    "gain_h": ("1", 1.0, 0.0, "log"),
    "gain_z": ("1", 1.0, 0.0, "log"),
    "bias_gain_h": ("1", 1.0, 0.0, "log"),
    "bias_gain_z": ("1", 1.0, 0.0, "log"),
    "offset_h": ("V", 0.0, 1e-3, "linear"),
    "offset_z": ("V", 0.0, 1e-3, "linear"),
    "capacitor": ("1", 0.0, 2.2e-3, "linear"),
    "memory_h": ("1", 0.0, 0.0, "linear"),
    "memory_z": ("1", 0.0, 0.0, "linear"),
    "gate_slope": ("1", 1.0, 2e-3, "log"),
    "gate_offset": ("V", 0.0, 2.5e-3, "linear"),
    "gate_unit": ("1", 0.0, 2e-3, "linear"),
    "swap_gain": ("1", 0.976, 0.0, "log"),
    "injection_base": ("V", 0.0, 0.0, "linear"),
    "injection_swap": ("V", 1e-3, 2e-4, "linear"),
    "injection_state": ("1", 0.0, 0.0, "linear"),
    "leak_level": ("V", -0.4, 0.0, "linear"),
    "tau_leak": ("s", 0.05, 0.2, "log"),
    "comparator_offset": ("V", 0.0, 3e-3, "linear"),
    "comparator_noise": ("V", 3e-4, 0.0, "log"),
    "gate_noise": ("V", 3e-4, 0.0, "log"),
    "noise_excess": ("1", 1.0, 0.0, "log"),
    "energy_column": ("J", 4.8e-12, 0.0, "log"),
    "energy_row": ("J", 3.6e-15, 0.0, "log"),
    "energy_swap": ("J", 52e-15, 0.0, "log"),
}
_NEEDED = ("v_fs",)
#: Sub-blocks of devices that a table may carry beside the core's quantities; they are not drawn.
DEVICES = ("capacitor", "switch")
#: Activation energy of the assumed leakage (eV).
_ACTIVATION = 0.6


def assumed_table() -> CalibrationTable:
    """Table of the assumed values of :data:`QUANTITIES`: a place to start from, fitted to nothing."""
    entries = {f"{BLOCK}.{name}": _assumed(name) for name in QUANTITIES}
    provenance = Provenance("virtual", plan="hand estimates, fitted to nothing")
    return CalibrationTable(
        "mingru_assumed",
        "0.0.0",
        "2026-11-21T00:00:00Z",
        entries,
        provenance,
        "Assumed minGRU core of 64 rows.",
    )


def _assumed(name: str) -> Entry:
    unit, value, spread, scale = QUANTITIES[name]
    log = scale == "log"
    term = Variation("within_die", "lognormal" if log else "normal", spread)
    variation = (term,) if spread else ()
    if name == "tau_leak":
        # Leakage is activated, so its time constant falls with temperature.
        fixed = {"value_ref": value, "activation": -_ACTIVATION, "temperature_ref": T_REFERENCE}
        units = {"value_ref": "s", "activation": "eV", "temperature_ref": "K"}
        parameters = {n: Parameter(v, units[n], vary=False) for n, v in fixed.items()}
        domain = {"temperature": Interval(233.15, 398.15, "K")}
        return Entry(name, unit, "arrhenius", parameters, domain=domain, scale="log", variation=variation)
    parameters = {"value": Parameter(value, unit, vary=False)}
    return Entry(
        name, unit, "constant", parameters, scale="log" if log else "linear", variation=variation,
        reference={"rows": 64},
    )  # fmt: skip


def draw(
    network: MinGruNetwork,
    table: CalibrationTable,
    seed: int,
    sources: tuple[str, ...] = SOURCES,
    *,
    temperature: float = T_REFERENCE,
    extrapolate: bool = False,
) -> MinGruChip:
    """A chip for ``network``: every column and row capacitor of every layer.

    Streams are keyed by seed, source, entry and layer: leaving a source out changes no other draw.

    Parameters
    ----------
    table
        Calibration table with entries ``mingru.<quantity>``; :func:`assumed_table` where there is none.
    seed
        Of the chip.
    sources
        Out of :data:`SOURCES`; empty: the typical chip without noise.
    temperature
        In K.

    Raises
    ------
    ModelError
        For an unknown source, a table without minGRU entries or of another core size, or a failed entry.
    OutOfDomain
        For a temperature outside the fitted range.
    """
    unknown = [s for s in sources if s not in SOURCES]
    if unknown:
        raise ModelError(f"source {unknown[0]!r} cannot be drawn; accepted: {', '.join(SOURCES)}")
    if not (math.isfinite(temperature) and temperature > 0.0):
        raise ModelError(f"temperature {temperature!r} K; accepted: > 0")
    for layer in network.layers:
        _check_size(table, layer)
    at = {"temperature": temperature if "temperature" in sources else T_REFERENCE}
    spread = tuple(s for s in sources if s in drawing.SOURCES)
    core = dataclasses.replace(table, entries=_quantities(table))

    def values(count: int, label: str) -> Mapping[str, FloatArray]:
        found = drawing.draw(
            core, (1, count), seed, spread, block=BLOCK, label=label, at=at, extrapolate=extrapolate
        )
        return {name: array[0] for name, array in found.values.items()}

    cores = tuple(
        _core(layer, values, f"layer{k}", "noise" in sources, at["temperature"])
        for k, layer in enumerate(network.layers)
    )
    common = values(1, "layer0")
    costs = (float(common.get(f"energy_{name}", np.zeros(1))[0]) for name in ("column", "row", "swap"))
    sizes = [(n.rows, n.columns, n.bits) for n in network.layers]
    identity = digest(table.digest, seed, sorted(sources), temperature, extrapolate, sizes)
    return MinGruChip(cores, EnergyCost(*costs), identity, seed, tuple(sources), temperature, table.reference)


def _quantities(table: CalibrationTable) -> dict[str, Entry]:
    """Entries of the core, without those of its devices."""
    devices = tuple(f"{BLOCK}.{name}." for name in DEVICES)
    return {n: e for n, e in table.entries.items() if n.startswith(f"{BLOCK}.") and not n.startswith(devices)}


def _check_size(table: CalibrationTable, layer: MinGruLayer) -> None:
    entries = _quantities(table)
    missing = [n for n in _NEEDED if f"{BLOCK}.{n}" not in entries]
    if missing:
        raise ModelError(
            f"table {table.reference} lacks the entry {BLOCK}.{missing[0]}: no table of a minGRU core"
        )
    for name, entry in entries.items():
        if name.removeprefix(f"{BLOCK}.") not in QUANTITIES:
            raise ModelError(f"table {table.reference}: {name} is unknown; accepted: {', '.join(QUANTITIES)}")
        rows = (entry.reference or {}).get("rows", layer.rows)
        if float(rows) != layer.rows:
            raise ModelError(
                f"table {table.reference}: {name} was measured on a core of {rows} rows, the layer has "
                f"{layer.rows}; accepted: a table of this core size"
            )


def _core(
    layer: MinGruLayer,
    values: Callable[[int, str], Mapping[str, FloatArray]],
    label: str,
    noise: bool,
    temperature: float,
) -> CoreEffects:
    """Effects of one layer, voltages over V_FS / 2."""
    found = values(layer.columns, label)
    unit = 2.0 / found["v_fs"]
    volts = {"offset_h", "offset_z", "injection_base", "injection_swap", "leak_level", "comparator_offset"}
    plain = {"gain_h", "gain_z", "bias_gain_h", "bias_gain_z", "memory_h", "memory_z", "gate_slope",
             "swap_gain", "injection_state"}  # fmt: skip
    fields = {name: found[name] * (unit if name in volts else 1.0) for name in found if name in volts | plain}
    if "gate_offset" in found:
        codes = unit * layer.gate_gain * found.get("gate_slope", 1.0)
        fields["gate_offset"] = found["gate_offset"] * codes
    if "capacitor" in found:
        size = layer.rows * layer.columns
        for which in "hz":
            drawn = values(size, f"{label}/capacitor_{which}")["capacitor"]
            fields[f"capacitor_{which}"] = drawn.reshape(layer.rows, layer.columns)
        fields["swap_share"] = swap_share(fields["capacitor_h"], layer.bits)
    if "gate_unit" in found:
        size = layer.columns * (layer.bits + 1)
        drawn = values(size, f"{label}/converter")["gate_unit"].reshape(layer.columns, -1)
        # A capacitor of 2^b units has 2^-b/2 of a unit's relative spread; the last one ends the array.
        fields["gate_weight"] = dac_weight(drawn * np.append(2.0 ** (-np.arange(layer.bits) / 2.0), 1.0))
    if "tau_leak" in found and "t_step" in found:
        fields["retention"] = np.exp(-found["t_step"] / found["tau_leak"])
    if noise:
        fields |= _noise(layer, found, unit, temperature)
    return CoreEffects(rows=layer.rows, columns=layer.columns, bits=layer.bits, **fields)


def _noise(
    layer: MinGruLayer, found: Mapping[str, FloatArray], unit: FloatArray, temperature: float
) -> dict[str, FloatArray]:
    """Standard deviations: kT / (N C) of state and gate line, and what the comparators add."""
    none = np.zeros(layer.columns)
    thermal = none
    if "c_unit" in found:
        thermal = np.sqrt(BOLTZMANN * temperature / (layer.rows * found["c_unit"])) * found.get(
            "noise_excess", 1.0
        )
    gate = np.hypot(thermal, found.get("gate_noise", none))
    return {
        "state_noise": unit * thermal,
        "gate_noise": unit * gate * layer.gate_gain * found.get("gate_slope", 1.0),
        "comparator_noise": unit * found.get("comparator_noise", none),
    }
