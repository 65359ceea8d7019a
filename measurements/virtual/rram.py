"""Virtual resistive memories of known truth, in the shape of the array measurements.

Fewer cells and voltages than the originals; every column the readers deliver. Equations are those of the laws in
``calibration/laws/rram*.py``, drawn cell by cell here. The few cells of one condition have stratified scores, so that
they show what the many of an array would.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import ndtr, ndtri

from calibration.measured import FloatArray
from calibration.readers.csv_table import Table
from calibration.readers.rram import PAIR_SHARES, READ_CEILING
from calibration.readers.rram_levels import BLOCK, LEVELS, LEVELS_PER_BAND
from measurements.virtual.campaign import (
    SEED,
    Conditions,
    campaign_head,
    truth_text,
    write_campaign,
    write_text,
)

BOLTZMANN_OVER_CHARGE = 8.617333262e-5
SIGNIFICANT = 4


@dataclass(frozen=True, slots=True)
class SwitchTruth:
    """True constants of SET, of the low state it leaves, and of the onset of RESET."""

    r_series: float = 6000.0
    a: float = 2500.0
    v_t: float = 0.2
    exponent: float = 2.5
    sigma_filament: float = 0.4
    sigma_rest: float = 0.06
    v_set: float = 1.14
    sigma_v: float = 0.135
    per_decade: float = 0.045
    drop: float = 0.09
    p_false: float = 0.005
    line_exponent: float = 0.5
    v_reset_word: float = 2.45
    sigma_reset_word: float = 0.1
    t_half: float = 1.6e-6
    sigma_t: float = 0.34
    r_high: float = 1.2e5
    sigma_high: float = 0.3


@dataclass(frozen=True, slots=True)
class StateTruth:
    """True distributions of the two states over cells and cycles, and read currents."""

    r_series: float = 6200.0
    median_low: float = 1250.0
    sigma_low: float = 0.42
    rho_low: float = 0.7
    median_high: float = 1.9e5
    sigma_high: float = 0.95
    rho_high: float = 0.55
    failed: float = 0.075
    median_failed: float = 9000.0
    sigma_failed: float = 0.17
    sigma_endurance: float = 0.65
    median_endurance: float = 1e5
    v_sinh_low: float = 0.27
    v_sinh_high: float = 1.6
    i_offset: float = 5.5e-7
    noise_current: float = 5e-8


@dataclass(frozen=True, slots=True)
class LevelTruth:
    """True relaxation, bake, noise and pulse response of programmed levels."""

    floor: float = 4e-7
    rise: float = 4.3e-6
    g_middle: float = 4.6e-5
    g_width: float = 1.8e-5
    t_zero: float = 1e-3
    rate_ref: float = 2.6e-5
    activation: float = 0.85
    spread_ref: float = 2.9e-5
    spread_activation: float = 0.32
    spread_zero: float = 1.4e-5
    noise_share: float = 0.06
    noise_scale: float = 7e-5
    pulse_start: float = 0.85
    pulse_bound: float = -1.1
    pulses: float = 380.0
    pulse_noise: float = 0.1


SWITCH, STATES, LEVEL = SwitchTruth(), StateTruth(), LevelTruth()
WIDTHS = (2e-8, 4e-8, 1e-7, 2e-7, 4e-7, 1e-6, 2e-6)
SET_WORDS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.3, 1.6, 1.9, 2.2, 2.5, 2.8, 3.1, 3.4)
RESET_WORDS = tuple(round(0.6 + 0.1 * k, 1) for k in range(29))
CELLS = 900
SET_CELLS, RESET_CELLS, LEVEL_CELLS = 12, 20, 30


def short(values: FloatArray) -> FloatArray:
    """Values with the digits of such a reading."""
    return np.array([float(f"{value:.{SIGNIFICANT}g}") for value in values])


def scores(groups: int, size: int, rng: np.random.Generator) -> FloatArray:
    """Normal scores of ``size`` cells in each of several groups, stratified and in random order, flat."""
    ranks = np.argsort(rng.random((groups, size)), axis=1)
    found = ndtri((ranks + 0.5) / size)
    return np.asarray((found / np.std(found[0])).ravel(), dtype=np.float64)


def low_resistance(truth: SwitchTruth, v_wl: FloatArray) -> FloatArray:
    """Median low resistance after a SET at a word-line voltage."""
    return np.asarray(truth.r_series + truth.a * np.maximum(v_wl - truth.v_t, 1e-3) ** -truth.exponent)


def set_table(truth: SwitchTruth, rng: np.random.Generator) -> Table:
    """Resistances around one SET pulse for every width, word line and bit line."""
    grid = np.array(
        [(t, w, v) for t in WIDTHS for w in SET_WORDS for v in (0.5, 1.0, 1.5, 2.0) for _ in range(SET_CELLS)]
    )
    width, v_wl, v_line = grid.T
    n = len(grid)
    groups = n // SET_CELLS
    before = np.clip(truth.r_high * np.exp(truth.sigma_high * rng.standard_normal(n)), 5e4, 2.5e5)
    threshold = truth.v_set + truth.drop / v_wl - truth.per_decade * np.log10(width / 1e-6)
    switched = v_line > threshold + truth.sigma_v * scores(groups, SET_CELLS, rng)
    # A higher bit line drives the filament further at the same word line.
    filament = (low_resistance(truth, v_wl) - truth.r_series) * (2.0 / v_line) ** truth.line_exponent
    filament = filament * np.exp(truth.sigma_filament * scores(groups, SET_CELLS, rng))
    low = (truth.r_series + filament) * np.exp(truth.sigma_rest * scores(groups, SET_CELLS, rng))
    after = np.where(switched, np.minimum(low, before), before * np.exp(0.05 * rng.standard_normal(n)))
    # A few cells fall by themselves between the two reads.
    after = np.where((rng.random(n) < truth.p_false) & ~switched, 0.4 * before, after)
    return _pulses(np.arange(n, dtype=np.float64), width, v_wl, v_line, before, after, up=False)


def reset_table(truth: SwitchTruth, rng: np.random.Generator) -> Table:
    """Resistances around one RESET pulse of 3 V for three widths."""
    grid = np.array([(t, w) for t in WIDTHS[4:] for w in RESET_WORDS for _ in range(RESET_CELLS)])
    width, v_wl = grid.T
    n = len(grid)
    before = 9400.0 * np.exp(0.075 * rng.standard_normal(n))
    enough = v_wl > truth.v_reset_word + truth.sigma_reset_word * scores(n // RESET_CELLS, RESET_CELLS, rng)
    slow = np.log10(width / truth.t_half) > truth.sigma_t * scores(n // RESET_CELLS, RESET_CELLS, rng)
    after = before * np.where(enough & slow, 3.0, 1.0) * np.exp(0.01 * rng.standard_normal(n))
    return _pulses(np.arange(n, dtype=np.float64), width, v_wl, np.full(n, 3.0), before, after, up=True)


def _pulses(
    cell: FloatArray,
    width: FloatArray,
    v_wl: FloatArray,
    v_line: FloatArray,
    before: FloatArray,
    after: FloatArray,
    *,
    up: bool,
) -> Table:
    """Columns of a pulse sweep as its reader delivers them."""
    before, after = short(before), short(after)
    ratio = short(before / after if up else after / before)
    columns = {
        "cell": cell,
        "width": width,
        "v_wl": v_wl,
        "v_line": v_line,
        "r_before": before,
        "r_after": after,
    }
    units = {"cell": "1", "width": "s", "v_wl": "V", "v_line": "V", "r_before": "ohm", "r_after": "ohm"}
    return Table(
        {**columns, "ratio": ratio, "g_after": short(1.0 / after)}, {**units, "ratio": "1", "g_after": "S"}
    )


def states(truth: StateTruth, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Low and high resistance of every cell in two cycles, shape (2, cells)."""
    found = []
    for rho in (truth.rho_low, truth.rho_high):
        cell, cycle = rng.standard_normal(CELLS), rng.standard_normal((2, CELLS))
        found.append(np.sqrt(rho) * cell + np.sqrt(1.0 - rho) * cycle)
    low = truth.r_series + truth.median_low * np.exp(truth.sigma_low * found[0])
    # The cells that fail are the lowest of all scores: a mixture with one score per cell and cycle.
    share = ndtr(found[1])
    ordered = np.sort(
        np.concatenate(
            [
                np.log(truth.median_high) + truth.sigma_high * rng.standard_normal(200_000),
                np.log(truth.median_failed)
                + truth.sigma_failed
                * rng.standard_normal(int(200_000 * truth.failed / (1.0 - truth.failed))),
            ]
        )
    )
    high = np.exp(np.quantile(ordered, share))
    return low, high


def pair_table(values: FloatArray, ceiling: float) -> Table:
    """Share of cells below a level in one cycle and in both, for the levels of the reader."""
    levels = np.quantile(values, PAIR_SHARES)
    below = values[:, :, None] < levels[levels < ceiling]
    share, both = np.mean(below, axis=(0, 1)), np.mean(np.all(below, axis=0), axis=0)
    error = np.sqrt(np.maximum(both * (1.0 - both), 1.0 / CELLS) / CELLS)
    columns = {"share": short(share), "both": short(both), "both_sigma": short(error)}
    return Table(columns, dict.fromkeys(columns, "1"))


def iv_table(truth: StateTruth, rng: np.random.Generator) -> Table:
    """Read current of sixteen cells of eight conductances at 36 voltages."""
    v = np.round(np.arange(36) * 0.01, 2)
    rows = []
    for cell in range(16):
        group = cell // 2
        g = 8e-6 + 1.5e-5 * group
        v_sinh = truth.v_sinh_low * (truth.v_sinh_high / truth.v_sinh_low) ** (group / 7)
        current = (
            g * v_sinh * np.sinh(v / v_sinh) + truth.i_offset + truth.noise_current * rng.standard_normal(36)
        )
        rows.append(np.stack([np.full(36, cell), v, short(current), np.full(36, group)]))
    cell_column, v_read, i_read, group_column = np.concatenate(rows, axis=1)
    columns = {"cell": cell_column, "v_read": v_read, "i_read": i_read, "group": group_column}
    return Table(columns, {"cell": "1", "v_read": "V", "i_read": "A", "group": "1"})


def relaxation_table(
    truth: LevelTruth, g_max: float, times: tuple[float, ...], rng: np.random.Generator
) -> Table:
    """Change of conductance of cells at every second level, at every delay."""
    rows = []
    for level in range(0, LEVELS, 2):
        g_level = (level + 0.5) * g_max / LEVELS
        place = (g_level * 128e-6 / g_max - truth.g_middle) / truth.g_width
        scale = (truth.floor + truth.rise * np.exp(-0.5 * place**2)) * g_max / 128e-6
        for time in times:
            sigma = scale * np.sqrt(np.log10(time / truth.t_zero))
            for score in scores(1, LEVEL_CELLS, rng):
                rows.append([time, level, level // LEVELS_PER_BAND, g_level, g_level, sigma * score])
    time_column, level_column, band, g_column, start, change = np.array(rows).T
    columns = {
        "time": time_column, "level": level_column, "band": band, "g_level": short(g_column),
        "g_start": short(start), "dg": short(change),
    }  # fmt: skip
    return Table(columns, {"time": "s", "level": "1", "band": "1", "g_level": "S", "g_start": "S", "dg": "S"})


def bake_table(truth: LevelTruth, rng: np.random.Generator) -> Table:
    """Change of conductance in bakes of 5000 s at five temperatures."""
    rows = []
    for celsius in (100.0, 140.0, 180.0, 220.0, 260.0):
        kelvin = celsius + 273.15
        inverse = (1.0 / kelvin - 1.0 / 493.15) / BOLTZMANN_OVER_CHARGE
        lost = -np.expm1(-5000.0 * truth.rate_ref * np.exp(-truth.activation * inverse))
        sigma = np.hypot(truth.spread_zero, truth.spread_ref * np.exp(-truth.spread_activation * inverse))
        for level in range(LEVELS):
            g = (level + 0.5) * 240e-6 / LEVELS
            for score in scores(1, 12, rng):
                mean = -lost * g * (level >= 16)
                change = mean + sigma * score
                rows.append([kelvin, level, g, change, change - mean, -change / g, 5000.0, 5000.0])
    names = ("temperature", "level", "g_start", "dg", "dg_level", "lost", "time", "duration")
    units = ("K", "1", "S", "S", "S", "1", "s", "s")
    columns = {name: short(column) for name, column in zip(names, np.array(rows).T, strict=True)}
    columns["temperature"] = np.array(rows)[:, 0]
    return Table(columns, dict(zip(names, units, strict=True)))


def noise_table(truth: LevelTruth, rng: np.random.Generator) -> Table:
    """Relative deviation of reads in four windows at five levels; a cell's noise is off by its own factor."""
    rows = []
    for level in (0, 8, 16, 24, 31):
        g = (level + 0.5) * 240e-6 / LEVELS
        own = np.exp(0.3 * rng.standard_normal())
        sigma = truth.noise_share * np.exp(-g / truth.noise_scale) * own
        for window in range(4):
            # A cell still relaxes in the first window.
            seen = (3.0 if window == 0 else 1.0) * sigma * rng.standard_normal(60)
            rows += [[level, g, window, relative, g * relative] for relative in seen]
    names = ("level", "g", "window", "deviation", "dg")
    columns = {name: short(column) for name, column in zip(names, np.array(rows).T, strict=True)}
    return Table(columns, {"level": "1", "g": "S", "window": "1", "deviation": "1", "dg": "S"})


def pulse_table(truth: LevelTruth, sign: float, rng: np.random.Generator) -> Table:
    """Normalised conductance after each of 1000 pulses, down (1) or, mirrored, up (-1)."""
    pulse = np.arange(1000.0)
    left = np.exp(-pulse / truth.pulses)
    g = sign * (truth.pulse_bound - (truth.pulse_bound - truth.pulse_start) * left)
    columns = {
        "pulse": pulse,
        "block": (np.floor(pulse / BLOCK) + 0.5) * BLOCK,
        "g": short(g + truth.pulse_noise * rng.standard_normal(1000)),
    }
    return Table(columns, {"pulse": "1", "block": "1", "g": "1"})


def write_rram(folder: Path) -> None:
    """The virtual stand-in of every RRAM source, in one folder each below ``folder``."""
    rng = np.random.default_rng([SEED, 6])
    _write(folder, "rram_set_sweep", {"set_sweep": ({"offset": "raw"}, set_table(SWITCH, rng))}, SWITCH)
    _write(folder, "rram_reset_sweep", {"reset_sweep": ({}, reset_table(SWITCH, rng))}, SWITCH)
    _write(folder, "rram_read_iv", {"read_voltage_sweep": ({}, iv_table(STATES, rng))}, STATES)
    low, high = states(STATES, rng)
    cycles = {
        "cell": np.tile(np.arange(float(CELLS)), 2),
        "r_low": short(low.ravel()),
        "r_high": short(high.ravel()),
        "cycle": np.repeat(np.array([25.0, 50.0]), CELLS),
    }
    units = {"cell": "1", "r_low": "ohm", "r_high": "ohm", "cycle": "1"}
    _write(folder, "rram_cycles", {"100cyc": ({"offset": "corrected"}, Table(cycles, units))}, STATES)
    pairs = {
        f"100cyc_{state}": ({"state": state}, pair_table(values, ceiling))
        for state, values, ceiling in (("r_low", low, np.inf), ("r_high", high, READ_CEILING))
    }
    _write(folder, "rram_cycle_pairs", pairs, STATES)
    many: dict[str, FloatArray] = {
        "cell": np.zeros(1500),
        "r_low": short(12e3 * np.exp(0.14 * rng.standard_normal(1500))),
        "r_high": short(STATES.median_endurance * np.exp(STATES.sigma_endurance * rng.standard_normal(1500))),
        "cycle": np.linspace(100.0, 150e3, 1500),
    }
    _write(folder, "rram_endurance", {"1us_endurance": ({"offset": "corrected"}, Table(many, units))}, STATES)
    relaxation: dict[str, tuple[Conditions, Table]] = {
        f"relaxation_{name}": (
            {"technology": name, "g_max": g_max}, relaxation_table(LEVEL, g_max, times, rng)
        )
        for name, g_max, times in (
            ("techB", 128e-6, (0.01, 0.1, 1.0, 100.0, 1e3, 1e4)),
            ("techC", 40e-6, (0.01, 0.1, 1.0, 4.0, 1e5)),
        )
    }  # fmt: skip
    _write(folder, "rram_relaxation_sets", relaxation, LEVEL)
    place: Conditions = {"technology": "techA", "g_max": 240e-6}
    _write(folder, "rram_heat", {"bake_techA": (place, bake_table(LEVEL, rng))}, LEVEL)
    windows: Conditions = {**place, "window_length": 50.0}
    _write(folder, "rram_read_noise", {"noise_techA": (windows, noise_table(LEVEL, rng))}, LEVEL)
    pulses = {
        f"gong_et_al_{way}": ({"direction": way}, pulse_table(LEVEL, sign, rng))
        for way, sign in (("up", -1.0), ("down", 1.0))
    }
    _write(folder, "rram_pulse_response", pulses, LEVEL)


def _write(
    folder: Path,
    name: str,
    curves: Mapping[str, tuple[Conditions, Table]],
    truth: SwitchTruth | StateTruth | LevelTruth,
) -> None:
    """Campaign and truth of one source."""
    head = campaign_head(f"{name}_virtual", f"Virtual resistive memories in the shape of {name}", {})
    conditions = {curve: given for curve, (given, _) in curves.items()}
    write_campaign(folder / name, head, conditions, {curve: table for curve, (_, table) in curves.items()})
    write_text(folder / name / "truth.toml", truth_text({"rram": dataclasses.asdict(truth)}))
