"""Calibration of the leaky integrator's twin: what transistors add to memcapacitor and memristor."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuits.deck import Simulator
from circuits.families.memcap_integrator import EDGE, RESET, IntegratorDecay, MemcapIntegrator
from circuits.ngspice.pool import Pool
from circuits.process import get_process
from circuits.testbench import Conditions
from pysim.memcap.integrator import LeakyIntegrator

FloatArray = NDArray[np.float64]

PROCESS = "generic130"
#: Time after an edge at which the testbench reads the membrane (s).
SETTLE = 2e-6
#: Calibration points: both ends of the state, short and long spikes, one and several, two memristors.
POINTS: tuple[tuple[float, float, float, float], ...] = (
    (0.0, 5e-6, 1.0, 2e9),
    (0.0, 20e-6, 1.0, 6e9),
    (0.0, 20e-6, 4.0, 2e9),
    (0.0, 5e-6, 5.0, 6e9),
    (1.0, 5e-6, 1.0, 6e9),
    (1.0, 20e-6, 1.0, 2e9),
    (1.0, 20e-6, 4.0, 6e9),
    (1.0, 5e-6, 5.0, 2e9),
)


@dataclass(frozen=True)
class Additions:
    """What the cell adds: capacitance (F), leakage (A, S, A), input (A), charge of its edges and of the reset (C)."""

    c_par: float
    i_leak: float
    g_leak: float
    i_up: float
    i_in: float
    g_out: float
    q_edge: float
    q_reset: float


SCALES = Additions(1e-14, 1e-13, 1e-12, 1e-13, 1e-9, 0.1, 1e-15, 1e-15)
"""Sizes that the fit takes as one."""


@dataclass(frozen=True)
class Fitted:
    """Calibrated additions, and the largest relative error over the calibration points."""

    parameters: Additions
    worst: float


def simulate(simulator: Simulator, bench: IntegratorDecay) -> dict[str, float]:
    """Observables of one point; called in a worker."""
    return bench.run(simulator, get_process(PROCESS), Conditions())


def twin_of(additions: Additions, dut: MemcapIntegrator) -> LeakyIntegrator:
    """Twin of a cell: declared devices, calibrated additions."""
    return LeakyIntegrator(
        state=dut.x_start,
        c_low=dut.area * dut.c_low,
        c_high=dut.area * dut.c_high,
        resistance=dut.r_m,
        v_sinh=dut.v_sinh,
        **{name: value for name, value in dataclasses.asdict(additions).items() if name != "q_reset"},
    )


def predict(additions: Additions, bench: IntegratorDecay) -> dict[str, float]:
    """The testbench's observables from the twin."""
    twin = twin_of(additions, bench.dut)
    width = bench.t_spike + EDGE
    rest = EDGE + SETTLE
    v = additions.q_reset / float(twin.capacitance)
    v = float(twin.advance(v, float(bench.starts()[0]) - RESET - EDGE))
    before, step = v, math.nan
    for k in range(int(bench.spikes)):
        v = float(twin.spike(v, width))
        if k == 0:
            step = float(twin.advance(v, rest)) - before
        if k + 1 < int(bench.spikes):
            v = float(twin.advance(v, bench.t_gap + EDGE))
    top = float(twin.advance(v, rest))
    return {"v_step": step, "v_top": top, "tau": float(twin.decay(top, top / math.e))}


def calibrate(pool: Pool) -> tuple[Fitted, list[str]]:
    """Fit the additions to the calibration points; second, one line per point that failed.

    Raises
    ------
    ArithmeticError
        When the fit does not converge, or fewer points than needed were simulated.
    """
    from scipy.optimize import least_squares

    benches = [
        IntegratorDecay(dut=MemcapIntegrator(x_start=x, r_m=r), t_spike=width, spikes=number)
        for x, width, number, r in POINTS
    ]
    outcomes = pool.map(simulate, benches)
    failures = [f"calibration: {o.error}" for o in outcomes if o.error is not None]
    good = [(o.item, o.value) for o in outcomes if o.value is not None]
    if len(good) < 4:
        raise ArithmeticError(f"only {len(good)} calibration points were simulated: {failures[0]}")
    scales = np.array(dataclasses.astuple(SCALES))
    first = good[0]
    guess = float(first[1]["v_step"]) * float(first[0].dut.capacitance(first[0].dut.x_start))

    def errors(z: FloatArray) -> FloatArray:
        additions = Additions(*(z * scales).tolist())
        rows = [(predict(additions, bench), value) for bench, value in good]
        return np.array([twin[name] / value[name] - 1.0 for twin, value in rows for name in twin])

    start = np.array([0.0, 0.0, 0.0, 0.0, guess / first[0].t_spike / SCALES.i_in, 0.0, 0.0, 0.0])
    found = least_squares(errors, start, method="lm")
    if not found.success:
        raise ArithmeticError(f"fit of the integrator stopped: {found.message}")
    return Fitted(Additions(*(found.x * scales).tolist()), float(np.max(np.abs(found.fun)))), failures
