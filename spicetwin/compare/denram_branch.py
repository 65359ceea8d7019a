"""Coincidence detection: a branch of two synapses at transistor level against its twin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.table import CalibrationTable, OutOfDomain
from circuits.families.denram_branch import DenramBranch
from circuits.families.denram_network import BranchPair, curve
from circuits.ngspice.pool import Pool
from circuits.process import get_process
from circuits.testbench import Conditions
from pysim.delays.branch import Branch
from pysim.delays.draw import element_of
from spicetwin.calibrate.block import T_REF
from spicetwin.calibrate.denram_weight import STEP, conductances_of, peak_of, synapses

FloatArray = NDArray[np.float64]

_EQUAL = DenramBranch(r_last=6.4e9, g_first=2.7e-5, g_last=2.7e-5)

#: Branches of the comparison with their temperatures (K): memories, conductances and temperatures that no fit has
#: seen, delays alike and apart.
BRANCHES: tuple[tuple[str, DenramBranch, float], ...] = (
    ("equal weights, delays 6.4 and 4.1 ms", _EQUAL, T_REF),
    (
        "weights 3:2, delays 3.2 and 8.9 ms",
        DenramBranch(r_first=5e9, r_last=14e9, g_first=4.2e-5, g_last=2.2e-5),
        T_REF,
    ),
    ("equal weights at 5 degrees C", _EQUAL, 278.15),
    ("equal weights at 42 degrees C", _EQUAL, 315.15),
)

#: Intervals of a tuning curve, full and quick, and its half width in time constants of synapse and soma.
POINTS, QUICK, SPAN = 17, 9, 4.0


@dataclass(frozen=True)
class CoincidenceCase:
    """Tuning curve of one branch: interval (s), peak of the soma (V) in simulation and twin."""

    name: str
    intervals: FloatArray
    spice: FloatArray
    twin: FloatArray

    @property
    def peak_error(self) -> float:
        """Largest relative error of a peak over all intervals."""
        return float(np.max(np.abs(self.twin / self.spice - 1.0)))

    @property
    def widths(self) -> tuple[float, float]:
        """Width at half height in simulation and twin (s), both interpolated on the same intervals."""
        return curve(self.intervals, self.spice)[2], curve(self.intervals, self.twin)[2]

    @property
    def width_error(self) -> float:
        """Relative error of the width."""
        spice, twin = self.widths
        return abs(twin / spice - 1.0)


def intervals_of(branch: DenramBranch, process: str, points: int) -> FloatArray:
    """Intervals of a tuning curve around the difference of the delays by hand, denser in the middle (s)."""
    supply = get_process(process).supply
    centre = branch.delay_cell(0).delay(supply) - branch.delay_cell(branch.count - 1).delay(supply)
    share = np.linspace(-1.0, 1.0, points)
    reach = SPAN * BranchPair(dut=branch).decay(Conditions())
    return np.asarray(centre + reach * np.sign(share) * np.abs(share) ** 1.5)


def twin_of(
    table: CalibrationTable, dpi: CalibrationTable, branch: DenramBranch, temperature: float = T_REF
) -> Branch:
    """Typical twin of a branch at a temperature (K).

    Raises
    ------
    OutOfDomain
        For a conductance or temperature that the weight cell was not calibrated at.
    """
    cells = [branch.delay_cell(k) for k in range(branch.count)]
    resistance = np.array([cell.r_read for cell in cells])
    at = {"v_set": branch.v_set, "v_th": branch.v_th, "temperature": temperature}
    conductance = conductances_of(branch)
    entry, pulse = table.entry("denram.i_weight"), table.entry("denram.t_pulse")
    if "temperature" not in entry.box and temperature != T_REF:
        raise OutOfDomain(
            f"table {table.reference}: denram.i_weight holds at {T_REF:g} K alone, not at {temperature:g} K"
        )
    inputs = entry.inputs({"conductance": conductance, "temperature": np.full(branch.count, temperature)})
    entry.check_domain(inputs)
    currents = entry.evaluate(inputs)
    reference = table.entry("denram.c_delay").reference or {}
    width = float(pulse.evaluate({"supply": float(reference["supply"]), "temperature": temperature}))
    width *= branch.c_pulse / cells[0].declarations()["c_pulse"].value
    return Branch(
        elements=element_of(table, resistance, branch.v_sinh, at),
        synapses=synapses(dpi, branch, currents, np.full(branch.count, width), temperature),
        r_m=branch.r_m,
        c_m=branch.c_m,
    )


def twin_peaks(twin: Branch, intervals: FloatArray) -> FloatArray:
    """Peak of the soma for every interval of two spikes (V)."""
    delays = twin.elements.delay()
    found = []
    for interval in intervals:
        trains: Sequence[FloatArray] = [np.zeros(1), np.full(1, interval)]
        # From before the first spike, past the last pulse and the rise of the soma.
        start = min(0.0, float(interval))
        end = max(float(delays[0]), float(interval + delays[-1])) + 0.03
        found.append(float(twin.voltage(trains, np.arange(start, end, STEP)).max()))
    return np.array(found)


def compare_coincidence(
    pool: Pool, table: CalibrationTable, dpi: CalibrationTable, process: str, *, quick: bool
) -> tuple[list[CoincidenceCase], list[str]]:
    """Tuning curves of the branches; second, one line per point that failed."""
    cases: list[CoincidenceCase] = []
    failures: list[str] = []
    for name, branch, temperature in BRANCHES[:1] if quick else BRANCHES:
        if temperature != T_REF and "temperature" not in table.entry("denram.i_weight").box:
            continue
        intervals = intervals_of(branch, process, QUICK if quick or temperature != T_REF else POINTS)
        benches = [(BranchPair(dut=branch, interval=float(gap)), process, temperature) for gap in intervals]
        outcomes = pool.map(peak_of, benches)
        failures += [f"{name}, interval {o.item[0].interval:g} s: {o.error}" for o in outcomes if o.error]
        good = [k for k, o in enumerate(outcomes) if o.value is not None]
        if len(good) < 5:
            continue
        spice = np.array([outcomes[k].value["v_peak"] for k in good if outcomes[k].value is not None])  # type: ignore[index]
        cases.append(
            CoincidenceCase(
                name,
                intervals[good],
                spice,
                twin_peaks(twin_of(table, dpi, branch, temperature), intervals[good]),
            )
        )
    return cases, failures
