"""Transistors in weak inversion: kappa, I0 and threshold of every installed process by corner."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from circuits.characterisation import Characterisation
from circuits.deck import FloatArray, Simulator
from circuits.families.fet import FetIdVg, PFetIdVg
from circuits.plan import Plan
from circuits.process import Process, ProcessError, get_process, process_names
from circuits.testbench import Conditions
from spicetwin.report.document import Cell, Check, Section, Table
from spicetwin.report.figures import observable_by_corner
from spicetwin.report.style import Axis
from spicetwin.stages.context import ROOM, TEMPERATURES, RunContext, value_at

#: Slope factors of bulk CMOS; outside them the cards or the sweep are wrong.
KAPPA_RANGE = (0.6, 0.85)

#: Largest rms residual of ln I from the line for which one slope factor describes a transistor.
STRAIGHT = 0.05

#: Corners that differ for an n transistor: its sf is ss and its fs is ff.
DRAWN = ("tt", "ff", "ss")


@dataclass(frozen=True)
class Curve:
    """One gate sweep to simulate."""

    bench: FetIdVg
    process: str
    corner: str


def gate_sweep(simulator: Simulator, curve: Curve) -> tuple[FloatArray, FloatArray]:
    """|V_GS| (V) and drain current (A) of one transistor."""
    process = get_process(curve.process)
    deck = curve.bench.deck(process, Conditions(corner=curve.corner))
    waves = simulator.run(deck).analyses[0]
    sign = -1.0 if curve.bench.dut.polarity == "p" else 1.0
    return sign * waves["g"], -sign * waves["vd#branch"]


def process(context: RunContext) -> Section:
    """One table over processes and corners, and the gate sweeps of the main process."""
    found: list[tuple[Process, Characterisation, Characterisation]] = []
    absent: list[str] = []
    temperatures = (ROOM,) if context.quick else TEMPERATURES
    for name in process_names():
        try:
            technology = get_process(name)
            plans = [
                Plan(bench, technology, corners=technology.corners, temperatures=temperatures)
                for bench in (FetIdVg(), PFetIdVg())
            ]
        except ProcessError as error:
            absent.append(str(error))
            continue
        n, p = (
            context.characterise(f"fet_{which}_{name}", plan) for which, plan in zip("np", plans, strict=True)
        )
        found.append((technology, n, p))
    curves = {
        outcome.item.corner: outcome.value
        for outcome in context.pool.map(
            gate_sweep, [Curve(FetIdVg(), context.process.name, corner) for corner in DRAWN]
        )
        if outcome.value is not None
    }
    visible = {corner: (v[i > 0], i[i > 0]) for corner, (v, i) in curves.items()}
    picture = observable_by_corner(
        Axis("|V_GS|", "V"),
        Axis("Drain current", "A", log=True),
        visible,
        title=f"n transistor of {context.process.name}, W/L = 1 µm / 0.5 µm, saturated",
    )
    figure = context.figure(
        "process-gate-sweep",
        picture,
        "Drain current against gate voltage at three corners, straight in weak inversion",
        "Gate sweeps by corner: below 0.3 V a straight line of slope κ/U_T on the logarithmic axis, which is"
        " the regime the DPI circuits work in. Lower panel: current over that at tt.",
    )
    check, curved = _kappa_check(found)
    names = ", ".join(technology.name for technology, *_ in found)
    text = [
        "Source tied to bulk, saturated drain: I_D = I_0 (W/L) exp(κ |V_GS| / U_T). κ and I_0 come from the"
        f" straight part between 20 pA and 5 nA per square. Processes of this run: {names}."
    ]
    if curved:
        text.append(
            f"Not judged: {', '.join(curved)}; its current is no straight exponential (rms residual over"
            f" {STRAIGHT:g} in ln I), so that one κ is an approximation there."
        )
    text += [f"Left out: {reason}." for reason in absent]
    return Section(
        "process",
        "Transistors in weak inversion",
        text=tuple(text),
        checks=(check,),
        figures=(figure,),
        tables=(_table(found),),
    )


def _kappa_check(
    found: list[tuple[Process, Characterisation, Characterisation]],
) -> tuple[Check, list[str]]:
    """Slope factors wherever the line is straight, and the transistors for which it is not."""
    judged: list[FloatArray] = []
    curved: list[str] = []
    for technology, *pair in found:
        for which, result in zip("np", pair, strict=True):
            kappa, residual = (result.observable(name).values for name in ("kappa", "fit_residual"))
            straight = residual <= STRAIGHT
            judged.append(kappa[straight])
            if not straight.all():
                curved.append(f"{technology.name} {which}")
    values = np.concatenate(judged)
    low, high = (float(f(values)) for f in (np.min, np.max)) if values.size else (math.nan, math.nan)
    check = Check(
        "κ is that of bulk CMOS, every process and corner with a straight exponential",
        f"{low:.3f} to {high:.3f} ({values.size} transistors)",
        f"{KAPPA_RANGE[0]} to {KAPPA_RANGE[1]}",
        KAPPA_RANGE[0] <= low and high <= KAPPA_RANGE[1],
        "spicetwin characterise fet_id_vg --corners all -o fet.nc",
    )
    return check, curved


def _table(found: list[tuple[Process, Characterisation, Characterisation]]) -> Table:
    """kappa, I0 and threshold at room temperature, a row a process and corner."""
    rows: list[tuple[Cell, ...]] = []
    for technology, n, p in found:
        for corner in technology.corners:
            cells = [
                value_at(result, observable, corner=corner, temperature=ROOM) / scale
                for observable, scale in (("kappa", 1.0), ("i0", 1e-15), ("vth", 1.0))
                for result in (n, p)
            ]
            rows.append((technology.name, corner, *cells))
    columns = ("Process", "Corner", "κ, n", "κ, p", "I0, n (fA)", "I0, p (fA)", "|VT|, n (V)", "|VT|, p (V)")
    caption = "Weak inversion at 27 °C, W/L = 1 µm / 0.5 µm; V_T at 100 nA per square"
    return Table(caption, columns, tuple(rows))
