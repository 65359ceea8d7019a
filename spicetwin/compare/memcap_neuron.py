"""Comparison of the spiking neuron: 50 spikes at states, currents, thresholds and input trains that no fit has seen."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.table import CalibrationTable, Validation
from circuits.families.memcap_integrator import RESET
from circuits.families.memcap_neuron import MemcapNeuron, NeuronSpikes
from circuits.ngspice.pool import Pool
from spicetwin.calibrate.memcap import calibrate
from spicetwin.calibrate.memcap_neuron import (
    POINTS,
    NeuronFit,
    calibrate_neuron,
    currents,
    spike_run,
    twin_of,
)
from spicetwin.report.document import Check
from spicetwin.writing import write_netcdf

FloatArray = NDArray[np.float64]

#: Accepted error of an interval, and of the last of the spikes over an interval.
INTERVAL = 0.01
#: Spikes that are compared; fewer in a quick run.
SPIKES, QUICK_SPIKES = 50, 8
#: Start of the twin's input spikes after the source's: half a rise, which the width gains as well (s).
HALF_EDGE = 50e-9
COMMAND = "spicetwin compare memcap"


@dataclass(frozen=True)
class Held:
    """A held-out case: state, gate of the current source (V), threshold (V), period and width of input spikes (s)."""

    state: float
    v_bias: float
    v_th: float
    period: float = 0.0
    t_spike: float = 10e-6


#: None of their states, biases and thresholds together is in a calibration.
HELD_OUT = (
    Held(0.3, 1.45, 0.3),
    Held(0.6, 1.43, 0.28),
    Held(0.8, 1.46, 0.26),
    Held(0.45, 1.49, 0.29),
    Held(0.5, 1.35, 0.3, period=150e-6, t_spike=10e-6),
    Held(0.5, 1.35, 0.3, period=40e-6, t_spike=2e-6),
)
QUICK = 2


@dataclass(frozen=True)
class NeuronCase:
    """Spike times (s) of transistor level and twin from the end of the hold."""

    held: Held
    spice: FloatArray
    twin: FloatArray

    @property
    def interval_error(self) -> float:
        """Largest relative error of an interval; infinite when a spike is missing."""
        if self.twin.size < self.spice.size or self.spice.size < 2:
            return np.inf
        twin = np.diff(self.twin[: self.spice.size])
        return float(np.max(np.abs(twin / np.diff(self.spice) - 1.0)))

    @property
    def drift(self) -> float:
        """Error of the last spike's time over one interval: what has accumulated over the whole train."""
        if self.twin.size < self.spice.size or self.spice.size < 2:
            return np.inf
        late = self.twin[self.spice.size - 1] - self.spice[-1]
        return float(abs(late) / np.mean(np.diff(self.spice)))


@dataclass(frozen=True)
class NeuronComparison:
    """Held-out cases, the fit of the twin, and what could not be simulated."""

    cases: tuple[NeuronCase, ...]
    fitted: NeuronFit
    failures: tuple[str, ...]

    def checks(self) -> tuple[Check, ...]:
        """What is claimed of the neuron, and whether it holds."""
        if not self.cases:
            return (
                Check(
                    "spikes of the neuron at held-out states and inputs",
                    "none simulated",
                    "1 %",
                    False,
                    COMMAND,
                ),
            )
        errors = np.array([case.interval_error for case in self.cases])
        drifts = np.array([case.drift for case in self.cases])
        least = min(case.spice.size for case in self.cases)
        failed = f"{len(self.failures)}" + (f": {self.failures[0]}" if self.failures else "")
        return (
            Check(
                f"intervals of the neuron, {len(self.cases)} held-out states and inputs, {least} spikes or more",
                f"{100 * float(errors.max()):.2f} % at worst", "1 %", bool(errors.max() <= INTERVAL), COMMAND,
            ),
            Check(
                f"time of spike {least} over the interval (what {least} intervals accumulate)",
                f"{100 * float(drifts.max()):.2f} % at worst, median {100 * float(np.median(drifts)):.2f} %",
                "1 %", bool(drifts.max() <= INTERVAL), COMMAND,
            ),
            Check("neuron runs that failed", failed, "0", not self.failures, COMMAND),
        )  # fmt: skip


def bench_of(held: Held, interval: float, spikes: int) -> NeuronSpikes:
    """Testbench of a case, about ``spikes`` spikes long."""
    return NeuronSpikes(
        dut=MemcapNeuron(x_start=held.state), v_bias=held.v_bias, v_th=held.v_th,
        period=held.period, t_spike=held.t_spike, duration=float(f"{interval * (spikes + 0.5):.2g}"),
    )  # fmt: skip


def compare_neuron(pool: Pool, *, quick: bool = False) -> NeuronComparison:
    """Calibrate the neuron's twin, predict the held-out cases, then simulate them."""
    cases = HELD_OUT[:QUICK] if quick else HELD_OUT
    spikes = QUICK_SPIKES if quick else SPIKES
    found = currents(pool, MemcapNeuron(), [p[1] for p in POINTS] + [held.v_bias for held in cases])
    fitted = calibrate_neuron(pool, found)
    # The edges of input spikes couple onto the membrane alike in the bare integrator, whose fit has them.
    trains = any(held.period > 0.0 for held in cases)
    q_edge = calibrate(pool)[0].parameters.q_edge if trains else 0.0
    benches, twins = [], []
    for held in cases:
        probe = bench_of(held, 1e-3, spikes)
        twin = twin_of(found[held.v_bias], fitted.stage, fitted.t_pulse, probe, q_edge)
        if held.period <= 0.0:
            interval = twin.interval(found[held.v_bias].i_in)
            times = twin.constant(found[held.v_bias].i_in, spikes + 1, fitted.stage.v_start)
        else:
            guess = bench_of(held, 10e-3, spikes)
            times = twin.respond(
                (guess.starts() - RESET + HALF_EDGE).tolist(), held.t_spike + 2 * HALF_EDGE, guess.duration,
                fitted.stage.v_start,
            )[: spikes + 1]  # fmt: skip
            interval = float(np.mean(np.diff(times)))
        benches.append(bench_of(held, interval, spikes))
        twins.append(times)
    outcomes = pool.map(spike_run, benches)
    return NeuronComparison(
        tuple(
            NeuronCase(held, outcome.value.times, times)
            for held, outcome, times in zip(cases, outcomes, twins, strict=True)
            if outcome.value is not None
        ),
        fitted,
        tuple(f"{o.item.values()}: {o.error}" for o in outcomes if o.error is not None),
    )


def validated_neuron(table: CalibrationTable, comparison: NeuronComparison) -> CalibrationTable:
    """The table with the held-out errors of intervals and accumulated time in its threshold stage."""
    if not comparison.cases:
        return table
    least = min(case.spice.size for case in comparison.cases)
    found = tuple(
        Validation("held-out states, currents, thresholds and input trains", metric, float(value), INTERVAL)
        for metric, value in (
            ("largest relative error of an interval", max(c.interval_error for c in comparison.cases)),
            (f"largest error of spike {least} over the interval", max(c.drift for c in comparison.cases)),
        )
    )
    name = "memcap.neuron_t_stage"
    entry = dataclasses.replace(table.entries[name], validation=found)
    return dataclasses.replace(table, entries={**table.entries, name: entry})


def write_spikes(comparison: NeuronComparison, path: Path) -> None:
    """Write spike times as netCDF, whole or not at all."""
    import xarray as xr

    variables = {
        f"{kind}_{k}": ((f"spike_{kind}_{k}",), values, {"units": "s", **dataclasses.asdict(case.held)})
        for k, case in enumerate(comparison.cases)
        for kind, values in (("spice", case.spice), ("twin", case.twin))
    }
    write_netcdf(xr.Dataset(variables), path)
