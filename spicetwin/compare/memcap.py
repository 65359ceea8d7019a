"""Comparison of the leaky integrator: steps and time constants at states and inputs that no fit has seen."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.table import CalibrationTable, Validation
from circuits.families.memcap_integrator import IntegratorDecay, MemcapIntegrator
from circuits.ngspice.pool import Pool
from spicetwin.calibrate.memcap import Fitted, calibrate, predict, simulate
from spicetwin.report.document import Check
from spicetwin.writing import write_netcdf

FloatArray = NDArray[np.float64]

#: Accepted: relative error of a step, of a time constant.
STEP, TAU = 0.01, 0.01

#: Held-out states, spike widths (s), numbers of spikes, memristors (ohm); none of them in a calibration.
HELD_OUT: tuple[tuple[float, float, float, float], ...] = (
    (0.25, 8e-6, 1.0, 3e9),
    (0.25, 14e-6, 4.0, 4.5e9),
    (0.5, 8e-6, 4.0, 3e9),
    (0.5, 12e-6, 2.0, 2.4e9),
    (0.6, 7e-6, 5.0, 5e9),
    (0.75, 14e-6, 1.0, 4.5e9),
    (0.9, 10e-6, 3.0, 3e9),
    (0.1, 16e-6, 3.0, 5e9),
)
QUICK = 3

COMMAND = "spicetwin compare memcap"


@dataclass(frozen=True)
class MemcapComparison:
    """Held-out points: states, and step (V) and time constant (s) of simulation and twin; failures."""

    states: FloatArray
    spice: dict[str, FloatArray]
    twin: dict[str, FloatArray]
    fitted: Fitted
    failures: tuple[str, ...]

    def error(self, name: str) -> FloatArray:
        """Relative error of every point."""
        return np.asarray(np.abs(self.twin[name] / self.spice[name] - 1.0))

    def checks(self) -> tuple[Check, ...]:
        """What is claimed of the twin, and whether it holds."""
        found = []
        for name, limit, text in (
            ("v_step", STEP, "step of a spike"),
            ("v_top", STEP, "membrane after a burst"),
            ("tau", TAU, "time constant of the decay"),
        ):
            error = self.error(name)
            low, high = float(self.spice[name].min()), float(self.spice[name].max())
            found.append(
                Check(
                    f"{text} at {error.size} held-out states and inputs, {low:.3g} to {high:.3g}",
                    f"{100 * float(error.max()):.2f} % at worst, median {100 * float(np.median(error)):.2f} %",
                    f"{100 * limit:g} %",
                    bool(error.max() <= limit),
                    COMMAND,
                )
            )
        found.append(
            Check(
                "calibration points, largest error of step, top and time constant",
                f"{100 * self.fitted.worst:.2f} %",
                "1 %",
                self.fitted.worst <= STEP,
                COMMAND,
            )
        )
        failed = f"{len(self.failures)}" + (f": {self.failures[0]}" if self.failures else "")
        return (*found, Check("transistor-level runs that failed", failed, "0", not self.failures, COMMAND))


def benches(points: Sequence[tuple[float, float, float, float]]) -> list[IntegratorDecay]:
    """Testbenches at points of state, width, number of spikes, memristor."""
    return [
        IntegratorDecay(dut=MemcapIntegrator(x_start=x, r_m=r), t_spike=width, spikes=number)
        for x, width, number, r in points
    ]


def compare_memcap(pool: Pool, *, quick: bool = False) -> MemcapComparison:
    """Calibrate the twin, then simulate the held-out points and run the twin beside them."""
    fitted, lost = calibrate(pool)
    held_out = benches(HELD_OUT[:QUICK] if quick else HELD_OUT)
    outcomes = pool.map(simulate, held_out)
    failures = [*lost, *(f"{o.item.values()}: {o.error}" for o in outcomes if o.error is not None)]
    good = [(o.item, o.value) for o in outcomes if o.value is not None]
    twins = [predict(fitted.parameters, bench) for bench, _ in good]
    names = ("v_step", "v_top", "tau")
    return MemcapComparison(
        np.array([bench.dut.values()["x_start"] for bench, _ in good]),
        {name: np.array([value[name] for _, value in good]) for name in names},
        {name: np.array([twin[name] for twin in twins]) for name in names},
        fitted,
        tuple(failures),
    )


def validated(table: CalibrationTable, comparison: MemcapComparison) -> CalibrationTable:
    """The table with the twin's held-out errors in its time constant and step."""
    names = {"memcap.tau": ("tau", TAU), "memcap.step": ("v_step", STEP)}
    found = {
        entry: Validation(
            "held-out states, inputs and memristors",
            f"largest relative error of the twin's {key}",
            float(comparison.error(key).max()),
            limit,
        )
        for entry, (key, limit) in names.items()
    }
    entries = {
        name: dataclasses.replace(entry, validation=(*entry.validation, found[name]))
        if name in found
        else entry
        for name, entry in table.entries.items()
    }
    return dataclasses.replace(table, entries=entries)


def write_points(comparison: MemcapComparison, path: Path) -> None:
    """Write states, steps and time constants as netCDF, whole or not at all."""
    import xarray as xr

    units = {"v_step": "V", "v_top": "V", "tau": "s"}
    variables = {
        f"{name}_{kind}": (("point",), values[name], {"units": unit})
        for kind, values in (("spice", comparison.spice), ("twin", comparison.twin))
        for name, unit in units.items()
    }
    variables["state"] = (("point",), comparison.states, {"units": "1"})
    attributes = {f"twin_{k}": v for k, v in dataclasses.asdict(comparison.fitted.parameters).items()}
    write_netcdf(xr.Dataset(variables, attrs=attributes), path)
