"""Write the virtual chips: data of known truth in the shape of the registered measurements.

Closed forms only, no circuit simulator: here the pulse-on and pulse-off solutions of the differential-pair
integrator and the EKV drain current, beside this file capacitors and switches. Rewrite the files with
``python -m measurements.virtual.generate``.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from calibration.measured import FloatArray
from calibration.readers.coach import campaign_plan
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
from measurements.virtual.capacitors import write_mim, write_mos_cv
from measurements.virtual.ferroelectric import write_ferroelectric
from measurements.virtual.rram import write_rram
from measurements.virtual.switches import write_switch

BOLTZMANN_OVER_CHARGE = 8.617333262e-5


@dataclass(frozen=True, slots=True)
class DpiTruth:
    """True parameters of the virtual DPI chip; nominal bias currents are multiplied by the mirror ratios."""

    kappa: float = 0.74
    mirror_tau: float = 3.3
    mirror_thr: float = 3.3
    mirror_weight: float = 1.0
    i_zero: float = 1e-15
    v_rest: float = 1.7724
    t_pulse: float = 0.18e-3
    gain: float = 2.4e14
    dark_counts: float = 0.15
    sigma_v: float = 1e-3


@dataclass(frozen=True, slots=True)
class FetTruth:
    """True parameters of the virtual transistors of one polarity, at 300.15 K with linear slopes in T."""

    kappa: float
    kappa_slope: float
    v_threshold: float
    v_threshold_slope: float = -0.7e-3
    i_spec: float = 4e-7
    leakage: float = 3e-13
    read_floor: float = 1e-13
    noise_relative: float = 0.01
    noise_current: float = 2e-14


FETS = {"n": FetTruth(0.764, -2.3e-4, 0.32), "p": FetTruth(0.752, -1.9e-4, 0.34, i_spec=1e-7)}
GEOMETRIES = ((10e-6, 10e-6), (10e-6, 1e-6), (2e-6, 0.5e-6), (0.5e-6, 10e-6))
TEMPERATURES = (233.15, 300.15, 398.15)


def dpi_pulse_end(truth: DpiTruth, conditions: Conditions) -> float:
    """Depth v_rest - V_syn in V at the end of the input pulse: implicit turn-on solution, by bisection."""
    u_t = BOLTZMANN_OVER_CHARGE * _number(conditions, "temperature")
    i_tau = truth.mirror_tau * _number(conditions, "i_tau")
    i_thr = truth.mirror_thr * _number(conditions, "i_thr")
    drive = truth.mirror_weight * _number(conditions, "i_weight") / i_tau
    tau = _number(conditions, "c_syn") * u_t / (truth.kappa * i_tau)
    width = truth.t_pulse * {"base": 1.0, "short": 0.7, "long": 10 / 6}[str(conditions["pulse"])]
    start = dpi_floor(truth, conditions) / i_thr
    low, high = math.log(start), math.log((drive - 1.0) * (1.0 - 1e-12))
    for _ in range(200):
        middle = 0.5 * (low + high)
        u = math.exp(middle)
        bend = math.log((drive - 1.0 - start) / (drive - 1.0 - u))
        elapsed = tau * ((middle - math.log(start)) + drive * bend) / (drive - 1.0)
        low, high = (middle, high) if elapsed < width else (low, middle)
    return (low - math.log(start)) * u_t / truth.kappa


def dpi_floor(truth: DpiTruth, conditions: Conditions) -> float:
    """Output current in A at rest."""
    u_t = BOLTZMANN_OVER_CHARGE * _number(conditions, "temperature")
    return truth.i_zero * math.exp(truth.kappa * (_number(conditions, "vdd") - truth.v_rest) / u_t)


def dpi_depth(time: FloatArray, depth: float, slope: float, u_t: float) -> FloatArray:
    """Depth in V after the pulse: linear, then exponential as the leak transistor leaves saturation."""
    return np.asarray(u_t * np.log1p(math.expm1(depth / u_t) * np.exp(-slope * time / u_t)), dtype=np.float64)


def dpi_table(truth: DpiTruth, conditions: Conditions, rng: np.random.Generator) -> Table:
    """Two pulses of ten samples: V_syn with Gaussian noise, counts of the next interval with Poisson."""
    u_t = BOLTZMANN_OVER_CHARGE * _number(conditions, "temperature")
    slope = truth.mirror_tau * _number(conditions, "i_tau") / _number(conditions, "c_syn")
    interval, depth = _number(conditions, "interval"), dpi_pulse_end(truth, conditions)
    time = np.asarray(interval * np.arange(10), dtype=np.float64)
    fine = np.asarray(interval / 400 * (np.arange(4000) + 0.5), dtype=np.float64)
    current = dpi_floor(truth, conditions) * np.exp(truth.kappa * dpi_depth(fine, depth, slope, u_t) / u_t)
    charge = current.reshape(10, 400).sum(axis=1) * interval / 400
    v_syn = truth.v_rest - dpi_depth(time, depth, slope, u_t)
    columns = {
        "time": np.tile(time, 2),
        "v_syn": np.round(np.tile(v_syn, 2) + rng.normal(0.0, truth.sigma_v, 20), 6),
        "counts": rng.poisson(np.tile(truth.gain * charge + truth.dark_counts, 2)).astype(np.float64),
        "repeat": np.repeat([0.0, 1.0], 10),
    }
    return Table(columns, {"time": "s", "v_syn": "V", "counts": "1", "repeat": "1"})


def fet_current(truth: FetTruth, v_gs: FloatArray, w: float, length: float, temperature: float) -> FloatArray:
    """EKV drain current in A at V_d = 0.05 V, over a constant leakage."""
    u_t, away = BOLTZMANN_OVER_CHARGE * temperature, temperature - 300.15
    kappa = truth.kappa + truth.kappa_slope * away
    pinch = kappa * (v_gs - truth.v_threshold - truth.v_threshold_slope * away)
    forward = np.logaddexp(0.0, pinch / (2 * u_t)) ** 2
    reverse = np.logaddexp(0.0, (pinch - 0.05) / (2 * u_t)) ** 2
    return np.asarray(truth.i_spec * w / length * (forward - reverse) + truth.leakage, dtype=np.float64)


def fet_table(
    truth: FetTruth, w: float, length: float, temperature: float, rng: np.random.Generator
) -> Table:
    """One Id-Vg curve with relative and additive Gaussian noise, 38 points as in the IHP files."""
    v_gs = np.round(np.linspace(-0.5, 1.35, 38), 3)
    clean = fet_current(truth, v_gs, w, length, temperature)
    noise = clean * truth.noise_relative * rng.normal(size=38) + truth.noise_current * rng.normal(size=38)
    return Table({"v_gs": v_gs, "i_d": rounded(clean + noise)}, {"v_gs": "V", "i_d": "A"})


def write_dpi(folder: Path) -> None:
    """Seven CSVs with the conditions of the CoACH campaign, campaign.toml and truth.toml."""
    truth, rng = DpiTruth(), np.random.default_rng([SEED, 1])
    curves = {entry.name: entry.conditions for entry in campaign_plan("coach_dpi").files}
    tables = {name: dpi_table(truth, conditions, rng) for name, conditions in curves.items()}
    head = campaign_head(
        "coach_dpi_virtual", "Virtual DPI synapse in the shape of coach_dpi", {"counts": "positive"}
    )
    write_campaign(folder, head, curves, tables)
    write_text(folder / "truth.toml", truth_text({"dpi": dataclasses.asdict(truth)}))


def write_fet(folder: Path) -> None:
    """Sixteen CSVs (two polarities, four geometries, three temperatures), campaign.toml and truth.toml."""
    rng = np.random.default_rng([SEED, 2])
    curves: dict[str, Conditions] = {}
    tables: dict[str, Table] = {}
    for polarity, truth in FETS.items():
        for index, (w, length) in enumerate(GEOMETRIES):
            for temperature in TEMPERATURES if index < 2 else (300.15,):
                name = f"{polarity}mos_w{w * 1e6:g}u_l{length * 1e6:g}u_{temperature:.0f}k"
                curves[name] = {
                    "polarity": polarity, "w": w, "l": length, "temperature": temperature,
                    "v_ds": 0.05, "v_bs": 0.0, "module": "virtual",
                }  # fmt: skip
                tables[name] = fet_table(truth, w, length, temperature, rng)
    floor = {"i_d": FETS["n"].read_floor}
    head = campaign_head(
        "ihp_sg13g2_idvg_virtual", "Virtual transistors in the shape of ihp_sg13g2_idvg", {}, floor
    )
    write_campaign(folder, head, curves, tables)
    write_text(
        folder / "truth.toml",
        truth_text({f"{name}mos": dataclasses.asdict(truth) for name, truth in FETS.items()}),
    )


def _number(conditions: Conditions, name: str) -> float:
    """A numeric condition."""
    return float(conditions[name])


def generate(folder: Path) -> None:
    """Write all virtual data sets below ``folder``."""
    write_dpi(folder / "coach_dpi")
    write_fet(folder / "ihp_sg13g2_idvg")
    write_mim(folder / "sky130_mim_cv")
    write_mos_cv(folder / "ihp_sg13g2_cv")
    write_switch(folder / "ihp_sg13g2_switch")
    write_rram(folder)
    write_ferroelectric(folder)


if __name__ == "__main__":
    generate(Path(__file__).resolve().parent)
