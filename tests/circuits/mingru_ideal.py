"""The mathematical minGRU of a column, written down once more for the tests, with its divider ratios."""

from __future__ import annotations

import numpy as np

from circuits.families.mingru_column import WEIGHT_LEVELS, MingruColumn
from circuits.families.mingru_run import ColumnJob


def ideal_column(job: ColumnJob) -> dict[str, np.ndarray]:
    """Voltages against the common mode, codes and outputs of every step, from charge conservation alone."""
    c: MingruColumn = job.column
    n, unit = c.n_rows, c.c_unit + c.c_par
    wire, bias = c.c_wire * n, c.c_bias
    total = n * unit + wire + 64 * bias
    volts = np.array(WEIGHT_LEVELS) * c.v_fs / 2
    inputs = np.array(job.inputs)
    charge = [
        inputs @ volts[list(w)] * unit + code * bias * c.v_bias
        for w, code in zip(job.weights, job.biases, strict=True)
    ]
    v_ht, v_z = charge[0] / total, charge[1] / (total + c.c_load)
    lsb = c.v_gate * 64 * c.c_dac / (64 * c.c_dac + c.c_top) / 2**c.gate_bits
    offset = c.gate_code / 2 ** (6 - c.gate_bits)
    k = np.clip(np.floor((v_z - c.v_reset) / lsb + offset), 0, 2**c.gate_bits - 1).astype(int)
    if job.forced is not None:
        k = np.array(job.forced)
    h, states = job.h_initial, []
    for code, candidate in zip(k, v_ht, strict=True):
        moved = code * c.group_rows * unit
        h = (h * (n * unit - moved + wire) + candidate * moved) / (n * unit + wire)
        states.append(h)
    v_h = np.array(states)
    return {"v_ht": v_ht, "v_z": v_z, "v_h": v_h, "k": k, "y": (v_h > job.theta).astype(int)}
