"""Virtual capacitors of known truth: MIM arrays like those of sky130, gate capacitances like those of IHP."""

from __future__ import annotations

import dataclasses
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


@dataclass(frozen=True, slots=True)
class MimTruth:
    """True parameters of one stack of virtual MIM capacitors, and the noise of the meter."""

    c_area: float
    c_perim: float
    vcc1: float
    vcc2: float
    mismatch: float = 1e-3
    noise_relative: float = 60e-6
    noise_capacitance: float = 1.6e-15


@dataclass(frozen=True, slots=True)
class GateTruth:
    """True parameters of the gate capacitances of one polarity."""

    c_ox: float
    dl: float
    c_overlap: float
    overlap_slope: float
    v_threshold: float
    v_flat_band: float
    c_fixed: float = 9e-13
    v_layer: float = 0.0517
    v_transition: float = 0.05
    noise_relative: float = 0.005


MIM = {"m3": MimTruth(1.87e-3, 1.8e-10, -5e-6, 3.7e-5), "m4": MimTruth(1.95e-3, 1.7e-10, -3e-5, 4.8e-5)}
ARRAYS = (
    ("large_4530", "m3", 40e-6, 40e-6, 11),
    ("large_4546", "m3", 40e-6, 40e-6, 11),
    ("area_4532", "m3", 35e-6, 35e-6, 5),
    ("periphery_4532", "m3", 2e-6, 35e-6, 72),
    ("large_4541", "m4", 40e-6, 40e-6, 11),
    ("area_4542", "m4", 35e-6, 35e-6, 5),
    ("periphery_4542", "m4", 2e-6, 35e-6, 72),
)
GATES = {
    "n": GateTruth(12.6e-3, 75e-9, 7.2e-10, 0.18, 0.35, -1.0),
    "p": GateTruth(12.1e-3, 68e-9, 7.1e-10, 0.22, 0.35, -0.95),
}
WIDTHS = ((130e-9, 0.096), (250e-9, 0.0792), (10e-6, 0.0048))
OXIDE_AREA = 1.2e-7


def mim_table(truth: MimTruth, area: float, perimeter: float, rng: np.random.Generator) -> Table:
    """C(V) of an array over -3.3 V to 3.3 V."""
    v = np.round(np.linspace(-3.3, 3.3, 133), 3)
    c0 = (truth.c_area * area + truth.c_perim * perimeter) * (1.0 + truth.mismatch * rng.normal())
    clean = c0 * (1.0 + truth.vcc1 * v + truth.vcc2 * v**2)
    sigma = np.hypot(truth.noise_relative * clean, truth.noise_capacitance)
    return Table({"v": v, "c": rounded(clean + sigma * rng.normal(size=v.size))}, {"v": "V", "c": "F"})


def channel_table(truth: GateTruth, w: float, length: float, rng: np.random.Generator) -> Table:
    """Gate-channel capacitance: plateaus joined by a logistic transition at threshold."""
    v = np.round(np.linspace(-1.35, 1.35, 55), 3)
    edges = truth.c_overlap * (1.0 + truth.overlap_slope * np.minimum(v, 0.0))
    inverted = 1.0 / (1.0 + np.exp(-(v - truth.v_threshold) / truth.v_transition))
    clean = w * (edges + truth.c_ox * (length - truth.dl) * inverted) + truth.c_fixed
    return Table({"v_gc": v, "c_gc": rounded(_noisy(clean, truth, rng))}, {"v_gc": "V", "c_gc": "F"})


def oxide_table(truth: GateTruth, rng: np.random.Generator) -> Table:
    """Gate-body capacitance: accumulation layer in series with the oxide, a tenth of it in depletion."""
    v = np.round(np.linspace(-1.35, 1.35, 55), 3)
    depth = np.maximum(truth.v_flat_band - v, 0.0)
    share = np.maximum(depth / (depth + truth.v_layer), 0.1)
    clean = truth.c_ox * OXIDE_AREA * share
    return Table({"v_gb": v, "c_gb": rounded(_noisy(clean, truth, rng))}, {"v_gb": "V", "c_gb": "F"})


def _noisy(clean: FloatArray, truth: GateTruth, rng: np.random.Generator) -> FloatArray:
    """Values with relative noise."""
    return np.asarray(clean * (1.0 + truth.noise_relative * rng.normal(size=clean.size)), dtype=np.float64)


def write_mim(folder: Path) -> None:
    """Seven arrays of two stacks, campaign.toml and truth.toml."""
    rng = np.random.default_rng([SEED, 3])
    curves: dict[str, Conditions] = {}
    tables: dict[str, Table] = {}
    for name, stack, w, length, count in ARRAYS:
        area, perimeter = w * length * count, 2.0 * (w + length) * count
        curves[name] = {
            "stack": stack, "kind": name.split("_")[0], "w": w, "l": length, "count": float(count),
            "area": area, "perimeter": perimeter, "module": "virtual",
        }  # fmt: skip
        tables[name] = mim_table(MIM[stack], area, perimeter, rng)
    head = campaign_head("sky130_mim_cv_virtual", "Virtual MIM capacitors in the shape of sky130_mim_cv", {})
    write_campaign(folder, head, curves, tables)
    write_text(
        folder / "truth.toml",
        truth_text({stack: dataclasses.asdict(truth) for stack, truth in MIM.items()}),
    )


def write_mos_cv(folder: Path) -> None:
    """Three gate-channel structures and one oxide of either polarity, campaign.toml and truth.toml."""
    rng = np.random.default_rng([SEED, 4])
    curves: dict[str, Conditions] = {}
    tables: dict[str, Table] = {}
    for polarity, truth in GATES.items():
        for length, w in WIDTHS:
            name = f"{polarity}mos_gc_l{length * 1e6:g}u"
            curves[name] = {
                "polarity": polarity, "structure": "gate_channel", "w": w, "l": length, "area": w * length,
                "fingers": w / 10e-6, "temperature": 300.15, "module": "virtual",
            }  # fmt: skip
            tables[name] = channel_table(truth, w, length, rng)
        name = f"{polarity}mos_gb"
        curves[name] = {
            "polarity": polarity, "structure": "gate_body", "w": 480e-6, "l": 250e-6, "area": OXIDE_AREA,
            "fingers": 3.0, "temperature": 300.15, "module": "virtual",
        }  # fmt: skip
        tables[name] = oxide_table(truth, rng)
    head = campaign_head(
        "ihp_sg13g2_cv_virtual", "Virtual gate capacitances in the shape of ihp_sg13g2_cv", {}
    )
    write_campaign(folder, head, curves, tables)
    write_text(
        folder / "truth.toml",
        truth_text({f"{name}mos": dataclasses.asdict(truth) for name, truth in GATES.items()}),
    )
