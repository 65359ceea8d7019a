"""A branch with a spiking soma at transistor level against its twin: when it fires."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.table import CalibrationTable
from circuits.families.denram_deck import LEAD
from circuits.families.denram_spiking import BranchFire, SpikingBranch, fire_times
from circuits.families.dpi_deck import EDGE
from circuits.ngspice.pool import Pool
from circuits.process import get_process
from circuits.testbench import Conditions
from pysim.delays.branch import FiringSoma
from spicetwin.calibrate.block import T_REF
from spicetwin.calibrate.denram_weight import STEP
from spicetwin.compare.denram_branch import twin_of

FloatArray = NDArray[np.float64]

#: Intervals of two spikes (s), full and quick: from coincidence to none.
INTERVALS = (0.0, 2e-3, -4e-3, 8e-3, -12e-3, 20e-3)
QUICK = (0.0, 8e-3)

#: Random trains of the full comparison: spikes a synapse, seeds.
SPIKES, SEEDS = 5, (31, 32)


@dataclass(frozen=True)
class FireCase:
    """One stimulus, a pair or trains: spikes of the soma in simulation and twin (s), first input spike (s)."""

    name: str
    first: float
    spice: FloatArray
    twin: FloatArray
    pair: bool = True

    @property
    def equal(self) -> bool:
        """As many spikes."""
        return self.spice.size == self.twin.size

    @property
    def count_error(self) -> float:
        """Relative error of the number of spikes."""
        return abs(self.twin.size - self.spice.size) / max(self.spice.size, 1)

    @property
    def error(self) -> float:
        """Largest error of a spike's time over the time since the first input spike; of equal numbers."""
        if not (self.equal and self.spice.size):
            return 0.0
        return float(np.max(np.abs(self.twin - self.spice) / (self.spice - self.first)))


def stimuli(dut: SpikingBranch, quick: bool) -> dict[str, BranchFire]:
    """Benches by name: pairs at several intervals; in the full comparison random trains too."""
    found = {
        f"interval {1e3 * gap:g} ms": BranchFire(dut=dut, interval=gap)
        for gap in (QUICK if quick else INTERVALS)
    }
    for seed in () if quick else SEEDS:
        rng = np.random.default_rng(seed)
        gaps = 9e-3 + rng.exponential(5e-3, (dut.count, SPIKES))
        trains = tuple(tuple((LEAD + np.cumsum(row)).tolist()) for row in gaps)
        found[f"random trains {seed}"] = BranchFire(dut=dut, trains=trains)
    return found


def twin_spikes(
    table: CalibrationTable, dpi: CalibrationTable, dut: SpikingBranch, trains: Sequence[Sequence[float]]
) -> FloatArray:
    """Spikes of the twin (s)."""
    branch = twin_of(table, dpi, dut)
    lag, stage = (float(table.entry(f"denram.{name}").evaluate({})) for name in ("lag", "t_stage"))
    begin = [np.asarray(train) + 0.5 * EDGE for train in trains]
    last = max(float(train[-1]) for train in begin if train.size)
    times = np.arange(0.0, last + float(branch.elements.delay().max()) + 0.05, STEP)
    return branch.fire(begin, times, FiringSoma(threshold=dut.v_fire, lag=lag, t_dead=stage))


def compare_fire(
    pool: Pool, table: CalibrationTable, dpi: CalibrationTable, process: str, *, quick: bool
) -> tuple[list[FireCase], list[str]]:
    """All stimuli; second, one line per run that failed."""
    dut = SpikingBranch()
    benches = stimuli(dut, quick)
    outcomes = pool.map(fire_times, [(bench, process, T_REF) for bench in benches.values()])
    cases, failures = [], []
    for (name, bench), outcome in zip(benches.items(), outcomes, strict=True):
        if outcome.value is None:
            failures.append(f"spiking soma, {name}: {outcome.error}")
            continue
        trains = bench.times()
        twin = twin_spikes(table, dpi, dut, trains)
        # The simulation ends two time constants after the last delay.
        end = bench.stop(get_process(process), Conditions())
        first = min(train[0] for train in trains if train)
        spice = outcome.value[outcome.value <= end]
        cases.append(FireCase(name, first, spice, twin[twin <= end], not bench.trains))
    return cases, failures
