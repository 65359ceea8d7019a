"""Memcapacitive twin out of a calibration table: model of the devices, integrators and neurons of a drawn chip."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from calibration.table import CalibrationTable, Entry
from pysim.errors import ModelError
from pysim.memcap.draw import MemcapChip, MemcapModel
from pysim.memcap.integrator import LeakyIntegrator
from pysim.memcap.neuron import SpikingCell
from pysim.mingru.streams import stream

FloatArray = NDArray[np.float64]

#: Threshold at which the table states the neuron's delay (V).
LEVEL = 0.3
#: Additions of the transistors that the integrator takes as they are.
_ADDITIONS = ("c_par", "i_leak", "g_leak", "i_up", "g_out", "q_edge")


def memcap_model(table: CalibrationTable) -> MemcapModel:
    """Typical device and spreads of the table's entries ``memcap.*``.

    The time constants are those of the cell, transistors included; ``sigma_tau`` joins drawn transistors and devices,
    since programming cannot tell them apart. What a whole die shifts is left out: the memristor, programmed first to
    the time constant that is read, takes it away.

    Raises
    ------
    ModelError
        When the table lacks an entry.
    """
    tau = _entry(table, "tau")
    retention = _entry(table, "retention").parameters
    write = _entry(table, "write_up")
    return MemcapModel(
        tau_low=tau.parameters["tau_low"].value,
        window=tau.parameters["window"].value,
        k_up=_value(table, "rate_up"),
        k_down=_value(table, "rate_down"),
        v_up=_value(table, "v_up"),
        v_down=_value(table, "v_down"),
        v_breakdown=_value(table, "v_breakdown"),
        x_rest=retention["x_rest"].value,
        tau_relax=retention["tau"].value,
        sigma_tau=_sigma(tau, "within_die"),
        sigma_window=_sigma(_entry(table, "window_excess"), "within_die"),
        sigma_rate=_sigma(write, "within_die"),
        sigma_threshold=_sigma(_entry(table, "v_up"), "within_die"),
        sigma_write=_sigma(write, "cycle"),
        sigma_read=_sigma(tau, "noise"),
    )


def integrators(table: CalibrationTable, chip: MemcapChip) -> LeakyIntegrator:
    """Leaky integrators of a drawn chip at its present states.

    A drawn time constant is taken for the memristor's, a drawn window for the capacitor's, so that the step keeps the
    input current; this one is drawn for every cell (``within_die``) and chip (``die``) from ``memcap.step``.

    Parameters
    ----------
    table
        The table that the chip's model came from.
    chip
        States, drawn time constants and windows, seed and sources.

    Raises
    ------
    ModelError
        When the table lacks an entry.
    """
    values = {name: _value(table, name) for name in _ADDITIONS}
    low, model, step = _value(table, "c_low"), chip.model, _entry(table, "step")
    window = (chip.tau_high / chip.tau_low - 1.0) / (model.window - 1.0)
    log = np.zeros(chip.shape)
    for source, shape in (("within_die", chip.shape), ("die", (chip.shape[0], 1))):
        if source in chip.sources:
            draws = stream(chip.seed, source, "memcap", "input").standard_normal(shape)
            log = log + _sigma(step, source) * draws
    return LeakyIntegrator(
        state=chip.state,
        c_low=low,
        c_high=low + (_value(table, "c_high") - low) * window,
        resistance=_value(table, "r_m") * chip.tau_low / model.tau_low,
        v_sinh=_value(table, "v_sinh"),
        i_in=_value(table, "i_in") * np.exp(log),
        **values,
    )


def spiking_cell(
    table: CalibrationTable, chip: MemcapChip, place: tuple[int, int], v_threshold: float = 0.3
) -> SpikingCell:
    """One neuron of a drawn chip: its leaky integrator, with offset and pulse drawn as well.

    Parameters
    ----------
    place
        Chip and neuron on it.
    v_threshold
        Level of the threshold line (V).

    Raises
    ------
    ModelError
        When the table lacks an entry, or there is no such neuron.
    """
    if not all(0 <= k < n for k, n in zip(place, chip.shape, strict=True)):
        raise ModelError(f"neuron {place}; accepted: chip and neuron of {chip.shape}")
    every = integrators(table, chip)
    fields = {f.name: float(np.asarray(getattr(every, f.name))[place]) for f in dataclasses.fields(every)}
    # The neuron's transistors in place of the bare integrator's.
    fields |= {name: _value(table, f"neuron_{name}") for name in ("c_par", "i_leak", "g_leak", "i_up")}
    offset, pulse = _value(table, "neuron_v_offset"), _value(table, "neuron_t_pulse")
    if "within_die" in chip.sources:
        for name in ("neuron_v_offset", "neuron_t_pulse"):
            drawn = stream(chip.seed, "within_die", "memcap", name).standard_normal(chip.shape)[place]
            sigma = _sigma(_entry(table, name), "within_die")
            if name == "neuron_v_offset":
                offset += sigma * float(drawn)
            else:
                pulse *= math.exp(sigma * float(drawn))
    stage = _value(table, "neuron_t_stage") + _value(table, "neuron_t_level") * (v_threshold - LEVEL)
    return SpikingCell(
        cell=LeakyIntegrator(**fields),
        v_threshold=v_threshold * (1.0 + _value(table, "neuron_v_slope")) + offset,
        v_reset=_value(table, "neuron_v_reset"),
        t_stage=stage,
        t_log=_value(table, "neuron_t_log"),
        t_pulse=pulse,
    )


def _entry(table: CalibrationTable, name: str) -> Entry:
    full = f"memcap.{name}"
    if full not in table.entries:
        raise ModelError(f"table {table.reference} lacks the entry {full}")
    return table.entries[full]


def _value(table: CalibrationTable, name: str) -> float:
    return _entry(table, name).parameters["value"].value


def _sigma(entry: Entry, *sources: str) -> float:
    """Joint standard deviation of the terms of these sources."""
    return math.sqrt(sum(term.sigma**2 for term in entry.variation if term.source in sources))
