"""Closed forms of the DPI synapse by corner; derivations in ``docs/physics-dpi.md``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from circuits.characterisation import Characterisation
from circuits.families.dpi import DpiSynapse
from circuits.families.dpi_synapse import SynapseTurnOn
from spicetwin.stages.context import RunContext, value_at
from spicetwin.stages.hand import ELEMENTARY_CHARGE, THERMAL, Device, HandRow, devices

#: Width of one input spike in the testbenches (s).
SPIKE = 1e-6


def hand_rows(context: RunContext, found: Mapping[str, Characterisation]) -> tuple[HandRow, ...]:
    """Quantities of the testbenches ``decay``, ``turn_on`` and ``noise`` beside their closed forms."""
    corners = context.process.corners
    dut, on = DpiSynapse(), SynapseTurnOn()
    supply = context.process.supply
    out = devices(context, "out", "p", (dut.w_syn, dut.l_syn), (5e-12, 300e-12), corners)
    inverter = devices(context, "inverter", "p", (dut.w_logic, dut.l_logic), (1e-10, 2e-8), corners)
    limit = dut.i_pulse * dut.w_limit / dut.w_pulse
    keep = dut.i_pulse * (dut.w_keep / dut.l_keep) / (dut.w_pulse / dut.l_pulse)
    drive = on.dut.i_weight / on.dut.i_tau

    def tau(device: Device) -> float:
        return dut.c_syn * THERMAL / (device.kappa * dut.i_tau)

    def pulse(corner: str) -> float:
        return SPIKE + dut.c_pulse * (supply - inverter[corner].gate(limit)) / dut.i_pulse

    def energy(corner: str) -> float:
        switched = dut.i_weight + keep + 0.7 * limit
        return supply * pulse(corner) * switched + dut.c_pulse * supply**2

    def row(
        quantity: str, formula: str, unit: str, source: tuple[str, str], by_hand: Callable[[str], float]
    ) -> HandRow:
        bench, observable = source
        seen = {c: value_at(found[bench], observable, corner=c) for c in corners}
        return HandRow(quantity, formula, unit, {c: by_hand(c) for c in corners}, seen)

    linear = dut.i_gain * dut.i_weight / dut.i_tau
    return (
        row("decay time τ", "C U_T / (κ I_τ)", "s", ("decay", "tau_syn"), lambda c: tau(out[c])),
        row("pulse", "t_spike + C_p (VDD − V_GS) / I_pulse", "s", ("decay", "t_pulse"), pulse),
        row(
            "increment at I ≫ I_g, m = 1",
            "I_g (I_w/I_τ)(1 − exp(−t_p/τ))",
            "A",
            ("decay", "di_spike"),
            lambda c: -linear * math.expm1(-pulse(c) / tau(out[c])),
        ),
        row(
            "growth from the floor",
            "τ / (r − 1), r = I_w/I_τ",
            "s",
            ("turn_on", "tau_on"),
            lambda c: tau(out[c]) / (drive - 1),
        ),
        row(
            "plateau, m = 1", "I_g (r − 1)", "A", ("turn_on", "i_inf"), lambda _: on.dut.i_gain * (drive - 1)
        ),
        row("output floor", "off-current of Msyn", "A", ("decay", "i_floor"), lambda c: out[c].i_off),
        row(
            "noise of the state",
            "√(κ q / (C U_T))",
            "1",
            ("noise", "sigma_rel"),
            lambda c: math.sqrt(out[c].kappa * ELEMENTARY_CHARGE / (dut.c_syn * THERMAL)),
        ),
        row(
            "energy of a spike",
            "VDD t_p (I_w + I_keep + 0.7 I_lim) + C_p VDD²",
            "J",
            ("decay", "e_spike"),
            energy,
        ),
        row(
            "bias power",
            "VDD (I_τ + I_g + I_w + 2 I_pulse)",
            "W",
            ("decay", "p_bias"),
            lambda _: supply * (dut.i_tau + dut.i_gain + dut.i_weight + 2 * dut.i_pulse),
        ),
    )
