"""Testbenches of the minGRU column's lines: multiply-accumulate, memory, capacitor spread, bias, swap."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from circuits.circuit import param
from circuits.deck import FloatArray
from circuits.families.mingru_bench import (
    PLUS,
    ColumnBench,
    balanced,
    driven,
    mean_input,
    straight,
)
from circuits.families.mingru_run import ColumnJob, ColumnRun
from circuits.process import Process
from circuits.testbench import Conditions, Observable


@dataclass(frozen=True, kw_only=True)
class MingruImc(ColumnBench):
    """Candidate and gate line against the mean of the sampled voltages, over both signs of the sum."""

    name: ClassVar[str] = "mingru_imc"
    description: ClassVar[str] = "multiply-accumulate of lines h~ and z: gain, offset, INL"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("g_imc_h", "1", "d V_h~ / d mean(V_i), least squares"),
        Observable("g_imc_z", "1", "d V_z / d mean(V_i), least squares"),
        Observable("vos_h", "V", "V_h~ - V_cm with every input at V_cm"),
        Observable("vos_z", "V", "V_z - V_cm with every input at V_cm"),
        Observable("inl_h", "V", "largest deviation of V_h~ from the line"),
        Observable("inl_z", "V", "largest deviation of V_z from the line"),
    )

    levels: float = param(1.0, "1", (1.0, 32.0), "levels on either side of zero, rounded to whole rows")

    def job(self, process: Process, conditions: Conditions) -> ColumnJob:
        """Rows of +1, then of -1, are switched on one after the other; the state is not touched."""
        rows = self.dut.n_rows
        counts = np.linspace(0, rows // 2, 1 + min(round(self.levels), rows // 2)).round().astype(int)
        steps = [0, *counts[1:].tolist(), *(-counts[1:]).tolist()]
        weights = balanced(rows)
        return ColumnJob(
            column=self.dut,
            weights=(weights, weights),
            inputs=tuple(driven(rows, count) for count in steps),
            forced=(0,) * len(steps),
            process=process,
            conditions=conditions,
        )

    def observe(self, run: ColumnRun, job: ColumnJob) -> dict[str, float]:
        """Lines through both sums."""
        values: dict[str, float] = {}
        for name, line, volts in (("h", 0, run.v_ht), ("z", 1, run.v_z)):
            slope, _, deviation = straight(mean_input(job, line), volts)
            values |= {f"g_imc_{name}": slope, f"vos_{name}": float(volts[0]), f"inl_{name}": deviation}
        return values


@dataclass(frozen=True, kw_only=True)
class MingruMemory(ColumnBench):
    """How much of a sum is left on a line in the next step, with and without reset of the lines."""

    name: ClassVar[str] = "mingru_memory"
    description: ClassVar[str] = "inter-symbol memory of lines h~ and z, as the column's line_reset says"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("m_isi_h", "1", "d V_h~ of a step / d V_h~ of the step before"),
        Observable("m_isi_z", "1", "d V_z of a step / d V_z of the step before"),
    )

    def job(self, process: Process, conditions: Conditions) -> ColumnJob:
        """Steps 0, 0, +, 0."""
        rows = self.dut.n_rows
        weights = balanced(rows)
        steps = (0, 0, rows // 2, 0)
        return ColumnJob(
            column=self.dut,
            weights=(weights, weights),
            inputs=tuple(driven(rows, count) for count in steps),
            forced=(0,) * len(steps),
            process=process,
            conditions=conditions,
        )

    def observe(self, run: ColumnRun, job: ColumnJob) -> dict[str, float]:
        """What the sum leaves behind over the sum itself."""
        return {
            f"m_isi_{name}": float((volts[3] - volts[1]) / (volts[2] - volts[1]))
            for name, volts in (("h", run.v_ht), ("z", run.v_z))
        }


@dataclass(frozen=True, kw_only=True)
class MingruCapacitors(ColumnBench):
    """One row after the other switched on alone: its share of the line is its capacitor's weight."""

    name: ClassVar[str] = "mingru_capacitors"
    description: ClassVar[str] = "spread of the row capacitors on lines h~ and z, from one-hot rows"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("sigma_c_h", "1", "standard deviation of the rows' steps on h~ over their mean"),
        Observable("sigma_c_z", "1", "standard deviation of the rows' steps on z over their mean"),
        Observable("row_h", "V", "mean step of a row on h~"),
        Observable("row_z", "V", "mean step of a row on z"),
    )

    def job(self, process: Process, conditions: Conditions) -> ColumnJob:
        """No row, then each row alone, all weights +1."""
        rows = self.dut.n_rows
        one_hot = np.vstack([np.zeros((1, rows)), np.eye(rows)])
        return ColumnJob(
            column=self.dut,
            weights=((PLUS,) * rows, (PLUS,) * rows),
            inputs=tuple(map(tuple, one_hot.tolist())),
            forced=(0,) * (rows + 1),
            process=process,
            conditions=conditions,
        )

    def observe(self, run: ColumnRun, job: ColumnJob) -> dict[str, float]:
        """Spread of the steps."""
        values: dict[str, float] = {}
        for name, volts in (("h", run.v_ht), ("z", run.v_z)):
            shares = volts[1:] - volts[0]
            mean = float(shares.mean())
            values |= {f"sigma_c_{name}": float(shares.std(ddof=1)) / mean, f"row_{name}": mean}
        return values


@dataclass(frozen=True, kw_only=True)
class MingruBias(ColumnBench):
    """Bias codes over their range with no input."""

    name: ClassVar[str] = "mingru_bias"
    description: ClassVar[str] = "bias DACs of lines h~ and z: volt a code, INL"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("g_bias_h", "V", "V_h~ per bias code, least squares"),
        Observable("g_bias_z", "V", "V_z per bias code, least squares"),
        Observable("inl_bias_h", "1", "largest deviation from the line on h~, in codes"),
        Observable("inl_bias_z", "1", "largest deviation from the line on z, in codes"),
    )

    codes: float = param(3.0, "1", (3.0, 64.0), "codes between -32 and 31, rounded to a whole number")

    def job(self, process: Process, conditions: Conditions) -> ColumnJob:
        """Equal codes on both lines."""
        rows = self.dut.n_rows
        codes = np.linspace(-32, 31, round(self.codes)).round().astype(int).tolist()
        return ColumnJob(
            column=self.dut,
            weights=(balanced(rows), balanced(rows)),
            inputs=((0.0,) * rows,) * len(codes),
            forced=(0,) * len(codes),
            bias_steps=tuple((code, code) for code in codes),
            process=process,
            conditions=conditions,
        )

    def observe(self, run: ColumnRun, job: ColumnJob) -> dict[str, float]:
        """Lines through both."""
        assert job.bias_steps is not None
        codes: FloatArray = np.array([code for code, _ in job.bias_steps], dtype=np.float64)
        values: dict[str, float] = {}
        for name, volts in (("h", run.v_ht), ("z", run.v_z)):
            slope, _, deviation = straight(codes, volts)
            values |= {f"g_bias_{name}": slope, f"inl_bias_{name}": deviation / abs(slope)}
        return values


@dataclass(frozen=True, kw_only=True)
class MingruSwap(ColumnBench):
    """Every chosen gate code swaps against a high and a low candidate: fraction and injection of the swap.

    Two steps of one code k give z_eff and d of ``V_h,t = V_h,t-1 + z_eff (V_h~ - V_h,t-1) + d``.
    """

    name: ClassVar[str] = "mingru_swap"
    description: ClassVar[str] = "state update by swapping: kappa_z, z_eff(k), injection of the swap"
    observables: ClassVar[tuple[Observable, ...]] = (
        Observable("kappa_z", "1", "z_eff over k / 2^bits, least squares through zero"),
        Observable("inl_z_eff", "1", "largest deviation of z_eff from that line, in units of 2^-bits"),
        Observable("dv_swap", "V", "largest |d|: change of V_h by a swap between equal voltages"),
        Observable("dv_swap_unit", "V", "d per unit of k, least squares through zero"),
    )

    codes: float = param(2.0, "1", (1.0, 63.0), "gate codes spread over the range; at most all of them")

    def chosen(self) -> list[int]:
        """Gate codes of the run."""
        top = int(2**self.dut.gate_bits - 1)
        count = min(round(self.codes), top)
        picked: list[int] = np.unique(np.linspace(1, top, count).round().astype(int)).tolist()
        return picked

    def job(self, process: Process, conditions: Conditions) -> ColumnJob:
        """For each code two steps: all rows of +1 on, all rows of -1 on."""
        rows = self.dut.n_rows
        weights = balanced(rows)
        pair = (driven(rows, rows // 2), driven(rows, -(rows // 2)))
        chosen = self.chosen()
        return ColumnJob(
            column=self.dut,
            weights=(weights, weights),
            inputs=pair * len(chosen),
            forced=tuple(code for code in chosen for _ in pair),
            process=process,
            conditions=conditions,
        )

    def observe(self, run: ColumnRun, job: ColumnJob) -> dict[str, float]:
        """Solve the two steps of every code."""
        code, fraction, injected = solve_swaps(run, job.h_initial)
        unit = 2.0**-job.column.gate_bits
        ideal = code * unit
        kappa = float(ideal @ fraction / (ideal @ ideal))
        return {
            "kappa_z": kappa,
            "inl_z_eff": float(np.max(np.abs(fraction - kappa * ideal))) / unit,
            "dv_swap": float(np.max(np.abs(injected))),
            "dv_swap_unit": float(code @ injected / (code @ code)),
        }


def solve_swaps(run: ColumnRun, h_initial: float = 0.0) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gate codes, z_eff and injection (V) of pairs of steps with equal codes and different candidates."""
    before = np.concatenate([[h_initial], run.v_h[:-1]])
    change, pull = run.v_h - before, run.v_ht - before
    first, second = slice(0, None, 2), slice(1, None, 2)
    fraction = (change[first] - change[second]) / (pull[first] - pull[second])
    injected = change[first] - fraction * pull[first]
    return run.k[first].astype(np.float64), fraction, injected


def without_reset(bench: MingruMemory) -> MingruMemory:
    """The same bench on a column whose lines are never reset."""
    return dataclasses.replace(bench, dut=bench.dut.replace({"line_reset": 0.0}))


#: Testbenches of this module.
LINE_TESTBENCHES = (MingruImc, MingruMemory, MingruCapacitors, MingruBias, MingruSwap)
