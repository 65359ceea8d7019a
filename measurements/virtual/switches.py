"""Virtual transistor switches of known truth, in the shape of the IHP Id-Vg files read as switches."""

from __future__ import annotations

import dataclasses
import math
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

BOLTZMANN_OVER_CHARGE = 8.617333262e-5
ROOM = 300.15
V_DS_ON = 0.05
V_SB = (0.0, 0.6, 1.2)
V_DS_OFF = (0.05, 0.6)
TEMPERATURES = (233.15, 300.15, 398.15)
LENGTHS = (0.13e-6, 0.18e-6, 0.5e-6, 2e-6, 10e-6)
WIDTHS = (0.3e-6, 1e-6, 3e-6, 10e-6)
HEATED = {(w, length) for w in (0.3e-6, 10e-6) for length in (0.13e-6, 0.5e-6, 10e-6)}
"""Width and length of the devices that are measured at all temperatures, the others at 300 K only."""
FLOOR = 5e-13


@dataclass(frozen=True, slots=True)
class SwitchTruth:
    """True parameters of the virtual switches of one polarity; ``v_t`` and ``activation`` per length."""

    gain: float
    exponent: float
    l_end: float
    dw: float
    body: float
    v_t: tuple[float, ...]
    activation: tuple[float, ...]
    theta1: float = 0.3
    theta2: float = 0.1
    v_offset: float = 0.02
    tc_vt: float = -6e-4
    phi: float = 0.7
    slope: float = 1.4
    i_ref: float = 5e-5
    dibl: float = 0.02
    i_band: float = 3e-7
    mismatch_v_t: float = 5e-3
    mismatch_gain: float = 0.03
    mismatch_leakage: float = 0.3
    noise_relative: float = 0.01
    noise_current: float = 5e-14


SWITCHES = {
    "n": SwitchTruth(
        3.5e-4, 1.4, 6e-8, 5e-9, 0.25, (0.42, 0.36, 0.30, 0.22, 0.18), (0.48, 0.45, 0.42, 0.38, 0.36)
    ),
    "p": SwitchTruth(
        9e-5, 1.0, 2e-8, -2e-8, 0.35, (0.43, 0.41, 0.38, 0.36, 0.34), (0.49, 0.475, 0.46, 0.45, 0.44)
    ),
}


def on_resistance(
    truth: SwitchTruth,
    v_gs: FloatArray,
    v_sb: FloatArray,
    w: float,
    length: float,
    temperature: float,
    v_t: float,
) -> FloatArray:
    """EKV on-resistance in ohm at V_ds = 0.05 V with mobility loss and an end length."""
    u_t, away = BOLTZMANN_OVER_CHARGE * temperature, temperature - ROOM
    depletion = np.sqrt(truth.phi + v_sb) - math.sqrt(truth.phi)
    threshold = v_t + truth.v_offset + truth.tc_vt * away + truth.body * depletion
    forward = np.logaddexp(0.0, (v_gs - threshold) / (2 * truth.slope * u_t))
    reverse = np.logaddexp(0.0, (v_gs - threshold - truth.slope * V_DS_ON) / (2 * truth.slope * u_t))
    charge = 2 * truth.slope * u_t * forward
    loss = 1.0 + truth.theta1 * charge + truth.theta2 * charge**2
    current = 2 * truth.slope * truth.gain * u_t**2 * (forward**2 - reverse**2) / loss
    squares = (length * (temperature / ROOM) ** truth.exponent + truth.l_end) / (w - truth.dw)
    return np.asarray(V_DS_ON * squares / current, dtype=np.float64)


def off_current(truth: SwitchTruth, activation: float, w: float, temperature: float, v_ds: float) -> float:
    """Leakage in A at V_gs = 0."""
    u_t = BOLTZMANN_OVER_CHARGE * temperature
    heat = activation / BOLTZMANN_OVER_CHARGE * (1.0 / ROOM - 1.0 / temperature)
    channel = truth.i_ref * -math.expm1(-v_ds / u_t) * math.exp(heat + truth.dibl * v_ds / u_t)
    return w * (channel + truth.i_band * v_ds / 0.6)


def write_switch(folder: Path) -> None:
    """On-resistance of 40 devices, 12 of them heated with leakage; campaign.toml and truth.toml."""
    rng = np.random.default_rng([SEED, 5])
    curves: dict[str, Conditions] = {}
    tables: dict[str, Table] = {}
    for polarity, truth in SWITCHES.items():
        for place, length in enumerate(LENGTHS):
            for w in WIDTHS:
                device = f"{polarity}mos_w{w * 1e6:g}u_l{length * 1e6:g}u"
                shared: Conditions = {"polarity": polarity, "device": device, "w": w, "l": length}
                v_t = truth.v_t[place] + truth.mismatch_v_t * rng.normal()
                gain = math.exp(truth.mismatch_gain * rng.normal())
                heated = (w, length) in HEATED
                for temperature in TEMPERATURES if heated else (ROOM,):
                    name = f"{device}_{temperature:.0f}k"
                    curves[name] = {**shared, "kind": "on", "temperature": temperature, "v_t": v_t}
                    tables[name] = _on_table(truth, w, length, temperature, v_t, gain, rng)
                if not heated:
                    continue
                channel = f"{polarity}mos_l{length * 1e6:g}u"
                curves[f"{device}_off"] = {**shared, "kind": "off", "channel": channel}
                tables[f"{device}_off"] = _off_table(truth, truth.activation[place], w, rng)
    head = campaign_head(
        "ihp_sg13g2_switch_virtual",
        "Virtual switches in the shape of ihp_sg13g2_switch",
        {},
        {"i_off": FLOOR},
    )
    write_campaign(folder, head, curves, tables)
    sections = {}
    for name, truth in SWITCHES.items():
        values = dataclasses.asdict(truth)
        for per_length in ("v_t", "activation"):
            for length, value in zip(LENGTHS, values.pop(per_length), strict=True):
                values[f"{per_length}_{length * 1e9:.0f}nm"] = value
        sections[f"{name}mos"] = values
    write_text(folder / "truth.toml", truth_text(sections))


def _on_table(
    truth: SwitchTruth,
    w: float,
    length: float,
    temperature: float,
    v_t: float,
    gain: float,
    rng: np.random.Generator,
) -> Table:
    """On-resistance from threshold upwards at three body voltages."""
    v_gs, v_sb = (grid.ravel() for grid in np.meshgrid(np.round(np.linspace(0.3, 1.35, 22), 3), V_SB))
    depletion = np.sqrt(truth.phi + v_sb) - math.sqrt(truth.phi)
    v_over = v_gs - v_t - truth.tc_vt * (temperature - ROOM) - truth.body * depletion
    keep = v_over > 0
    clean = on_resistance(truth, v_gs[keep], v_sb[keep], w, length, temperature, v_t) / gain
    noisy = clean * (1.0 + truth.noise_relative * rng.normal(size=clean.size))
    columns = {
        "v_gs": v_gs[keep],
        "v_sb": v_sb[keep],
        "v_over": np.round(v_over[keep], 6),
        "r_on": rounded(noisy),
    }
    return Table(columns, {"v_gs": "V", "v_sb": "V", "v_over": "V", "r_on": "ohm"})


def _off_table(truth: SwitchTruth, activation: float, w: float, rng: np.random.Generator) -> Table:
    """Leakage of one device at three temperatures and two drain voltages."""
    rows = [(temperature, v_ds) for temperature in TEMPERATURES for v_ds in V_DS_OFF]
    device = math.exp(truth.mismatch_leakage * rng.normal())
    own = dataclasses.replace(truth, i_ref=truth.i_ref * device)
    clean = np.array([off_current(own, activation, w, *row) for row in rows])
    noise = 0.05 * clean * rng.normal(size=6) + truth.noise_current * rng.normal(size=6)
    temperature, v_ds = np.array(rows).T
    columns = {"temperature": temperature, "v_ds": v_ds, "i_off": rounded(clean + noise)}
    return Table(columns, {"temperature": "K", "v_ds": "V", "i_off": "A"})
