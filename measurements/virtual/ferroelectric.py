"""Virtual ferroelectric capacitors and varactors of known truth, in the shape of the registered ones.

Hysterons with a skewed logistic distribution of coercive voltages; a dielectric, a leakage and an offset beside
them. Reversal curves by a factored Preisach density. Varactors: three tanh transitions, with a first volt that drifts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from calibration.measured import FloatArray
from calibration.readers.csv_table import Table
from measurements.virtual.campaign import (
    SEED,
    Conditions,
    campaign_head,
    rounded,
    truth_text,
    write_campaign,
    write_text,
)

AREA = 2.5e-9


@dataclass(frozen=True, slots=True)
class PulseTruth:
    """True branch of one polarity on one instrument, ramp (V/s), samples, noise of the current (A)."""

    p_s: float
    v_c: float
    width: float
    skew: float
    ramp: float
    samples: int
    capacitance: float
    bow: float
    leakage: float
    offset: float
    noise: float = 2e-7


@dataclass(frozen=True, slots=True)
class ReversalTruth:
    """True hysterons of the reversal curves, height of the loop (C/m^2), noise (heights)."""

    p_0: float = 0.0
    p_s: float = 1.0
    v_down: float = -1.0
    width_down: float = 0.2
    skew_down: float = 1.5
    v_up: float = 0.85
    width_up: float = 0.15
    skew_up: float = 1.2
    link: float = -0.15
    loop_height: float = 0.55
    noise: float = 0.01


@dataclass(frozen=True, slots=True)
class VaractorTruth:
    """True capacitance of a structure, drift over its first volt, noise of the meter."""

    c_middle: float
    slope: float
    steps: tuple[float, float, float]
    centres: tuple[float, float, float]
    widths: tuple[float, float, float]
    drift: float = 0.2
    noise: float = 2e-3


#: The size of the sample's branches: what the acceptance ranges of the recipe expect.
PULSES = {
    "aixacct_positive": PulseTruth(1.70, 1.10, 0.11, 1.2, 3e4, 132, 0.7e-9, -0.02, 1e-7, 0.0),
    "aixacct_negative": PulseTruth(1.66, 2.40, 0.10, 0.8, 3e4, 132, 0.77e-9, -0.03, 2e-7, 0.0),
    "b1500_positive": PulseTruth(0.485, 1.015, 0.07, 1.3, 1.2e5, 60, 0.11e-9, 0.0, 1e-7, 2e-6),
    "b1500_negative": PulseTruth(0.493, 0.995, 0.07, 1.3, 1.2e5, 60, 0.11e-9, 0.0, 1e-7, -2e-6),
}
#: Reversal voltages: those that the recipe leaves out, and others between.
LEFT_OUT = (2.11723, 1.51857, 0.917283, 0.316487, -0.282753, -0.886589, -1.48389, -2.08442, -2.68477)
OTHERS = (1.2, 0.6, 0.0, -0.45, -0.7, -1.1, -1.3, -1.7, -1.9, -2.4, -2.85)
VARACTORS = {
    "varactor_w40_l40_m1": VaractorTruth(6.5e-12, 0.0, (0.6, 0.25, -0.1), (0.0, 0.5, -0.8), (0.2, 1.0, 0.4)),
    "varactor_w5_l5_m98": VaractorTruth(
        1.05e-11, 0.002, (0.55, 0.2, -0.08), (0.05, 0.55, -0.7), (0.22, 1.1, 0.35)
    ),
    "varactor_w5_l0p5_m462": VaractorTruth(
        5.5e-12, 0.003, (0.45, 0.2, -0.05), (0.0, 0.6, -0.8), (0.25, 1.1, 0.4)
    ),
}


def hysterons(v: FloatArray, centre: FloatArray | float, width: float, skew: float) -> FloatArray:
    """Share of the hysterons below ``v``; half at ``centre``."""
    shift = (2.0 ** (1.0 / skew) - 1.0) * np.exp(-(v - centre) / width)
    return np.asarray((1.0 + shift) ** -skew, dtype=np.float64)


def pulse_table(truth: PulseTruth, rng: np.random.Generator) -> Table:
    """First pulse minus second, and the second: up to 3 V and back, counted along the drive."""
    top = 3.0
    time = np.linspace(0.025, 1.975, 2 * truth.samples) * top / truth.ramp
    rising = time * truth.ramp < top
    v = np.where(rising, time * truth.ramp, 2 * top - time * truth.ramp)
    rate = np.where(rising, truth.ramp, -truth.ramp)
    end = hysterons(np.array(top), truth.v_c, truth.width, truth.skew)
    p = truth.p_s * np.where(rising, hysterons(v, truth.v_c, truth.width, truth.skew), end)
    switched = AREA * np.gradient(p, time) + truth.noise * rng.normal(size=v.size)
    background = truth.capacitance * (1.0 + truth.bow * v) * rate + truth.leakage * v + truth.offset
    # The polarisation of the reader is the integral of the noisy current.
    steps = np.diff(time) * 0.5 * (switched[1:] + switched[:-1])
    columns = {
        "time": time,
        "v": v,
        "rate": rate,
        "p": p[0] + np.concatenate([[0.0], np.cumsum(steps)]) / AREA,
        "i_switched": switched,
        "i_background": background + truth.noise * rng.normal(size=v.size),
    }
    units = {"time": "s", "v": "V", "rate": "V/s", "p": "C/m^2", "i_switched": "A", "i_background": "A"}
    return Table({name: rounded(values) for name, values in columns.items()}, units)


def butterfly_table(truth: PulseTruth, rng: np.random.Generator) -> Table:
    """Current over ramp of the first pulse, on its way up."""
    v = np.linspace(0.1, 2.95, truth.samples)
    step = 1e-4
    edges = (hysterons(v + at, truth.v_c, truth.width, truth.skew) for at in (step, -step))
    above, below = edges
    switching = AREA * truth.p_s * (above - below) / (2 * step)
    current = truth.ramp * (truth.capacitance * (1.0 + truth.bow * v) + switching) + truth.leakage * v
    noisy = current + truth.offset + truth.noise * rng.normal(size=v.size)
    return Table({"v": rounded(v), "c": rounded(noisy / truth.ramp)}, {"v": "V", "c": "F"})


def reversal_table(truth: ReversalTruth, turn: float, rng: np.random.Generator) -> Table:
    """Down from 3 V to the reversal and up again, in heights of the loop."""
    v = np.concatenate([np.arange(3.0, turn, -0.06), np.arange(turn, 3.0, 0.06)])
    rising = np.arange(v.size) >= np.arange(3.0, turn, -0.06).size
    lowest = np.where(rising, turn, v)
    left = 1.0 - hysterons(-lowest, -truth.v_down, truth.width_down, truth.skew_down)
    threshold = truth.v_up + truth.link * (turn - truth.v_down)
    back = np.where(rising, hysterons(v, threshold, truth.width_up, truth.skew_up), 0.0)
    p = truth.p_0 + truth.p_s * (left + (1.0 - left) * back) + truth.noise * rng.normal(size=v.size)
    columns = {
        "v": rounded(v), "rising": rising.astype(np.float64), "v_r": np.full(v.size, turn), "p": rounded(p)
    }  # fmt: skip
    return Table(columns, {"v": "V", "rising": "1", "v_r": "V", "p": "1"})


def varactor_table(truth: VaractorTruth, rng: np.random.Generator) -> Table:
    """C(V) over -4 to 4 V; the structure settles over the first volt."""
    v = np.round(np.linspace(-4.0, 4.0, 201), 3)
    transitions = sum(
        step * np.tanh((v - centre) / width)
        for step, centre, width in zip(truth.steps, truth.centres, truth.widths, strict=True)
    )
    settling = 1.0 + truth.drift * np.exp(-(v + 4.0) / 0.15)
    clean = truth.c_middle * (1.0 + truth.slope * v + transitions) * settling
    return Table(
        {"vbc": v, "cbc": rounded(clean * (1.0 + truth.noise * rng.normal(size=v.size)))},
        {"vbc": "V", "cbc": "F"},
    )


def write_ferroelectric(folder: Path) -> None:
    """The four sets below ``folder``, each with campaign.toml and truth.toml."""
    _write_pulses(
        folder / "fecap_pund", "Virtual ferroelectric capacitor, pulses subtracted", pulse_table, 20
    )
    _write_pulses(
        folder / "fecap_cv", "Virtual ferroelectric capacitor, large-signal C(V)", butterfly_table, 23
    )
    _write_forc(folder / "fecap_forc")
    _write_varactors(folder / "sky130_varactor_cv")


def _write_pulses(
    folder: Path, description: str, table: Callable[[PulseTruth, np.random.Generator], Table], stream: int
) -> None:
    """One curve per instrument and polarity."""
    rng = np.random.default_rng([SEED, stream])
    curves: dict[str, Conditions] = {}
    tables: dict[str, Table] = {}
    for name, truth in PULSES.items():
        instrument, polarity = name.split("_")
        curves[name] = {"instrument": instrument, "polarity": polarity, "area": AREA, "current_turned": 0.0}
        tables[name] = table(truth, rng)
    head = campaign_head(f"{folder.name}_virtual", description, {})
    write_campaign(folder, head, curves, tables)
    write_text(folder / "truth.toml", truth_text({n: dataclasses.asdict(t) for n, t in PULSES.items()}))


def _write_forc(folder: Path) -> None:
    rng, truth = np.random.default_rng([SEED, 21]), ReversalTruth()
    curves: dict[str, Conditions] = {}
    tables: dict[str, Table] = {}
    for turn in sorted((*LEFT_OUT, *OTHERS), reverse=True):
        name = f"forc_{turn:+.2f}V".replace("+", "p").replace("-", "m").replace(".", "_")
        curves[name] = {
            "v_reversal": round(turn, 3), "loop_height": truth.loop_height, "capacitance": 8.3e-11,
            "current_turned": 0.0, "area": AREA,
        }  # fmt: skip
        tables[name] = reversal_table(truth, turn, rng)
    head = campaign_head("fecap_forc_virtual", "Virtual reversal curves in heights of the loop", {})
    write_campaign(folder, head, curves, tables)
    write_text(folder / "truth.toml", truth_text({"hysterons": dataclasses.asdict(truth)}))


def _write_varactors(folder: Path) -> None:
    rng = np.random.default_rng([SEED, 22])
    tables = {name: varactor_table(truth, rng) for name, truth in VARACTORS.items()}
    curves: dict[str, Conditions] = {name: {} for name in VARACTORS}
    head = campaign_head(
        "sky130_varactor_cv_virtual", "Virtual varactors in the shape of sky130_varactor_cv", {}
    )
    write_campaign(folder, head, curves, tables)
    sections = {
        name: {
            "c_middle": truth.c_middle, "slope": truth.slope, "drift": truth.drift, "noise": truth.noise,
            **{f"step_{k + 1}": value for k, value in enumerate(truth.steps)},
            **{f"v_{k + 1}": value for k, value in enumerate(truth.centres)},
            **{f"w_{k + 1}": value for k, value in enumerate(truth.widths)},
        }
        for name, truth in VARACTORS.items()
    }  # fmt: skip
    write_text(folder / "truth.toml", truth_text(sections))
