"""Decks of the DPI testbenches: supplies, input spikes as a waveform, the instanced circuit."""

from __future__ import annotations

from collections.abc import Sequence

from circuits.circuit import Circuit, ParameterError
from circuits.process import Process
from circuits.subcircuit import instance_line, subcircuit_lines
from circuits.testbench import Conditions

BOLTZMANN_OVER_CHARGE = 8.617333262e-5  # V/K, CODATA 2018

#: Rise and fall time of input spikes (s).
EDGE = 100e-9

#: Largest time step of any deck (s). ngspice merges breakpoints closer than 5e-5 of the largest step and then
#: steps over whole spikes without a word: EDGE must stay above that. It also gives up below 1e-11 of it.
LARGEST_STEP = 1e-3

#: kappa used only to choose how long to simulate; no observable depends on it.
ROUGH_KAPPA = 0.72

#: Time before the first stimulus, so that every waveform shows the resting state (s).
LEAD = 1e-3


def supply_voltage(process: Process, conditions: Conditions) -> float:
    """Supply of this point in volt."""
    return process.supply if conditions.supply is None else conditions.supply


def rough_tau(capacitance: float, leak: float, temperature: float) -> float:
    """C U_T / (kappa I_tau) in seconds, for choosing time steps."""
    return capacitance * BOLTZMANN_OVER_CHARGE * temperature / (ROUGH_KAPPA * leak)


def merged_spikes(times: Sequence[float], width: float) -> int:
    """Number of separate pulses of :func:`spike_source`, for checking that all of them were simulated."""
    count, end = 0, -1.0
    for time in times:
        count += time > end + EDGE
        end = time + width + EDGE
    return count


def spike_source(times: Sequence[float], width: float, voltage: float) -> str:
    """Piecewise-linear values of rectangular spikes that start at ``times`` (s); overlapping ones merge.

    Raises
    ------
    ParameterError
        A time that is negative, not finite, or earlier than the one before it.
    """
    points = ["0 0"]
    end = -1.0
    for k, time in enumerate(map(float, times)):
        if not 0.0 < time < float("inf") or (k and time < times[k - 1]):
            raise ParameterError(
                f"spike_times[{k}] = {time!r}; accepted: finite positive seconds in ascending order"
            )
        if time <= end + EDGE:
            points = points[:-2]
        else:
            points += [f"{time!r} 0", f"{time + EDGE!r} {voltage!r}"]
        end = time + width + EDGE
        points += [f"{time + width!r} {voltage!r}", f"{end!r} 0"]
    return f"pwl({' '.join(points)})"


def level_source(levels: Sequence[tuple[float, float]], what: str) -> str:
    """Piecewise-linear values from (time, value) pairs.

    Raises
    ------
    ParameterError
        Fewer than one pair, values that are not finite, or times that do not increase.
    """
    if not levels:
        raise ParameterError(f"{what} is empty; accepted: one or more (time, value) pairs")
    for k, (time, value) in enumerate(levels):
        late = k == 0 or time > levels[k - 1][0]
        if not (0.0 <= time < float("inf") and abs(value) < float("inf") and late):
            raise ParameterError(
                f"{what}[{k}] = ({time!r}, {value!r}); accepted: finite values at increasing times from 0 s"
            )
    return f"pwl({' '.join(f'{float(time)!r} {float(value)!r}' for time, value in levels)})"


def dpi_lines(
    dut: Circuit, nodes: Sequence[str], process: Process, conditions: Conditions, sources: Sequence[str]
) -> tuple[str, ...]:
    """Cards, subcircuit, supplies ``vdd`` and ``vddb`` (bias diodes), sources and the instance ``xdut``."""
    supply = supply_voltage(process, conditions)
    return (
        *process.cards(conditions.corner, dut.geometries().values()),
        *subcircuit_lines(dut),
        f"vdd vdd 0 {supply!r}",
        f"vddb vddb 0 {supply!r}",
        *sources,
        instance_line(dut, "dut", nodes, conditions.mismatch),
    )
