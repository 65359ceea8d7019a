"""Entries of a minGRU table from the fits of its columns, the spread of its testbenches and measured switches.

A core is used with references that are set for the typical chip: the span of the gate's converter, of the bias DACs
and the thresholds follow the typical gain of its lines, and typical offsets are trimmed. So V_FS of the table is the
span that the state really has (gain of line h~ times the span of the weight voltages), typical gains are 1, typical
offsets of converter and comparator 0 (``trimmed`` in the reference conditions says how much was taken away), and the
entries tell what references cannot take away: kappa, injection, droop, noise, every chip's and column's deviation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.entry import Entry, Parameter, TableError, Variation
from circuits.families.mingru import Comparator
from circuits.families.mingru_column import MingruColumn
from circuits.process import Process
from pysim.mingru.draw import QUANTITIES
from spicetwin.calibrate.mingru_core import CoreFit
from spicetwin.calibrate.spread import CORNER_SIGMAS

FloatArray = NDArray[np.float64]

#: Closed gates that hang on a held capacitor.
GATES_PER_ROW = 3

#: Noise of the comparators, by hand: sqrt(4 k T / (g_m t_int)) for 0.6 mS and 0.4 ns (docs/physics-mingru.md).
COMPARATOR_NOISE = 0.26e-3

#: Capacitance of a row of line h with its gates (F), by hand (docs/physics-mingru.md).
ROW_CAPACITANCE = 28.9e-15

#: Spread of the leakage of gates in a die, log-normal: assumed, one finger's of the measured ones differ by less.
LEAK_SPREAD = 0.2


@dataclass(frozen=True)
class Found:
    """What the testbenches found: over drawn chips (arrays), on the nominal chip (numbers)."""

    column: MingruColumn
    bench_rows: int
    samples: int
    imc: Mapping[str, FloatArray]
    swap: Mapping[str, FloatArray]
    noise: Mapping[str, float]
    energy: Mapping[str, float]


def core_entries(
    fits: Mapping[str, CoreFit], found: Found, devices: Mapping[str, Entry], process: Process
) -> dict[str, Entry]:
    """Entries ``mingru.*`` with those of the devices.

    Parameters
    ----------
    fits
        Of the typical column (``"tt"``) and, of a smaller one, ``"side"`` and the corners.
    found
        Results of the testbenches.
    devices
        Entries of :mod:`.mingru_devices`.
    process
        For Pelgrom's law of the comparators.

    Raises
    ------
    TableError
        When the devices lack the leakage of the switches.
    """
    typical = fits["tt"]
    column = found.column
    volt = column.v_fs / 2
    values = typical.values
    span = column.v_fs * values["gain_h"]
    die = {name: _die(fits, name) for name in values}
    comparator = _comparator_sigma(process)
    line = 1.0 / math.sqrt(column.n_rows / found.bench_rows)
    samples = found.samples
    units = column.capacitor_spreads()
    entries = {
        "v_fs": _entry("v_fs", span),
        "t_step": _entry("t_step", column.t_step),
        "c_unit": _entry("c_unit", column.c_unit),
        "noise_excess": _entry("noise_excess", found.noise["sigma_ratio"]),
        "capacitor": _entry("capacitor", 0.0, _within(units["h0.dev_a"])),
        "gate_unit": _entry("gate_unit", 0.0, _within(column.a_c * math.sqrt(1e-15 / column.c_dac))),
        "offset_h": _entry("offset_h", volt * values["offset_h"], _spread(found.imc["vos_h"], line, samples)),
        "offset_z": _entry(
            "offset_z",
            0.0,
            _spread(found.imc["vos_z"], line, samples),
            trimmed=volt * values["offset_z"],
        ),
        "gate_offset": _entry("gate_offset", 0.0, _within(comparator), *_volts(die["offset_z"], volt)),
        "swap_gain": _entry("swap_gain", values["swap_gain"], *die["swap_gain"]),
        "injection_base": _entry("injection_base", volt * values["injection_base"]),
        "injection_swap": _entry(
            "injection_swap",
            volt * values["injection_swap"],
            _spread(found.swap["dv_swap_unit"] * found.bench_rows, line, samples),
        ),
        "injection_state": _entry("injection_state", values["injection_state"]),
        "comparator_offset": _entry(
            "comparator_offset", 0.0, _within(comparator), trimmed=volt * values["comparator_offset"]
        ),
        "comparator_noise": _entry("comparator_noise", COMPARATOR_NOISE, assumed=True),
        "gate_noise": _entry("gate_noise", COMPARATOR_NOISE, assumed=True),
        "leak_level": _entry("leak_level", -span / 2, assumed=True),
        "tau_leak": _droop(devices, column, span),
        "energy_column": _entry("energy_column", found.energy["e_supply"] + found.energy["e_control"]),
        "energy_row": _entry("energy_row", found.energy["e_array"] / column.n_rows),
    }
    for name in ("gain_h", "gain_z", "bias_gain_h", "bias_gain_z", "gate_slope"):
        entries[name] = _entry(name, 1.0, *die[name])
    for name in ("memory_h", "memory_z"):
        if values.get(name):
            entries[name] = _entry(name, values[name])
    return {f"mingru.{name}": entry for name, entry in entries.items()} | dict(devices)


def _entry(
    name: str, value: float, *variation: Variation, assumed: bool = False, trimmed: float | None = None
) -> Entry:
    unit, _, _, scale = QUANTITIES[name]
    reference: dict[str, float | str] = {"rows": 64, "source": "assumed" if assumed else "ngspice"}
    if trimmed is not None:
        reference["trimmed"] = trimmed
    kept = tuple(term for term in variation if term.sigma)
    return Entry(
        quantity=name.replace("_", " "),
        unit=unit,
        law="constant",
        parameters={"value": Parameter(float(value), unit, vary=False)},
        scale="log" if scale == "log" else "linear",
        reference={**reference, "temperature": 300.15},
        variation=kept,
    )


def _within(sigma: float) -> Variation:
    return Variation("within_die", "normal", sigma, kind="virtual")


def _spread(values: FloatArray, factor: float, samples: int) -> Variation:
    """Spread of simulated chips, carried to the rows of the core."""
    sigma = factor * float(np.std(values, ddof=1))
    return Variation(
        "within_die", "normal", sigma, sigma / math.sqrt(2 * (samples - 1)), n=samples, kind="virtual"
    )


def _die(fits: Mapping[str, CoreFit], name: str) -> tuple[Variation, ...]:
    """Corners of the smaller column against its typical one: the widest counts :data:`CORNER_SIGMAS` sigma."""
    if "side" not in fits or name not in fits["side"].values:
        return ()
    corners = [fit.values[name] for label, fit in fits.items() if label in ("ss", "ff", "sf", "fs")]
    reference = fits["side"].values[name]
    if not corners:
        return ()
    if name.startswith(("offset", "comparator", "injection", "gate_offset")):
        sigma = max(abs(value - reference) for value in corners) / CORNER_SIGMAS
        return (Variation("die", "normal", sigma, n=len(corners), kind="virtual"),)
    sigma = max(abs(math.log(value / reference)) for value in corners) / CORNER_SIGMAS
    return (Variation("die", "lognormal", sigma, n=len(corners), kind="virtual"),)


def _volts(terms: tuple[Variation, ...], volt: float) -> tuple[Variation, ...]:
    return tuple(Variation(t.source, "normal", t.sigma * volt, n=t.n, kind=t.kind) for t in terms)


def _comparator_sigma(process: Process) -> float:
    """Offset of a comparator by its input pair: sqrt(2) A_VT / sqrt(W L)."""
    polarity, width, length = Comparator().geometries()["ip"]
    return math.sqrt(2.0) * process.pelgrom.sigma_vt(polarity, width, length)


def _droop(devices: Mapping[str, Entry], column: MingruColumn, span: float) -> Entry:
    """Time constant of the droop: charge of half the span over the leakage of the gates that hold a capacitor.

    A gate that holds has its control at a rail and its channel far below threshold: what is left of the measured
    leakage is the part that heat does not raise. n and p are added, as if they never cancelled.
    """
    names = [f"mingru.switch.i_off_{polarity}" for polarity in "np"]
    missing = [name for name in names if name not in devices]
    if missing:
        raise TableError(f"the devices lack the entry {missing[0]}, which the droop comes from")
    width = column.w_switch
    current = sum(devices[name].parameters["i_band"].value * width for name in names) * GATES_PER_ROW
    tau = ROW_CAPACITANCE * span / 2 / current
    unit = QUANTITIES["tau_leak"][0]
    return Entry(
        quantity="time constant of the droop",
        unit=unit,
        law="constant",
        parameters={"value": Parameter(tau, unit, vary=False)},
        scale="log",
        reference={"rows": 64, "source": "leakage of measured switches, capacitance by hand"},
        variation=(Variation("within_die", "lognormal", LEAK_SPREAD, kind="virtual"),),
    )
