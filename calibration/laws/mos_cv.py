"""Laws of the gate capacitances of a MOS transistor: to its channel and overlaps, and to its body."""

from __future__ import annotations

import numpy as np

from calibration.laws.law import FloatArray, Law, LawParam, Values


def gate_channel_capacitance(
    v_gc: Values,
    w: Values,
    l: Values,  # noqa: E741 - the name of the channel length everywhere
    c_ox: Values,
    dl: Values,
    c_overlap: Values,
    overlap_slope: Values,
    c_fixed: Values,
) -> FloatArray:
    """Capacitance from the gate to source and drain together, away from the transition at threshold."""
    bias = np.asarray(v_gc, dtype=np.float64)
    edges = np.asarray(c_overlap) * (1.0 + np.asarray(overlap_slope) * np.minimum(bias, 0.0))
    channel = np.where(bias > 0, np.asarray(c_ox) * (np.asarray(l) - dl), 0.0)
    return np.asarray(w * (channel + edges) + c_fixed, dtype=np.float64)


def accumulation_capacitance(
    v_gb: Values, area: Values, c_ox: Values, v_fb: Values, v_layer: Values
) -> FloatArray:
    """Capacitance from the gate to an accumulated body: the oxide in series with the accumulation layer."""
    depth = np.asarray(v_fb) - np.asarray(v_gb, dtype=np.float64)
    return np.asarray(np.asarray(c_ox) * area * depth / (depth + v_layer), dtype=np.float64)


C_OX = LawParam(
    "F/m^2", 1.2e-2, (1e-4, 1.0), "log", "capacitance per area of the inverted or accumulated gate"
)

GATE_CHANNEL = Law(
    "gate_channel_capacitance",
    gate_channel_capacitance,
    {"v_gc": "V", "w": "m", "l": "m"},
    "F",
    {
        "c_ox": C_OX,
        "dl": LawParam("m", 0.0, (-1e-7, 1e-7), description="drawn minus electrical length of the channel"),
        "c_overlap": LawParam(
            "F/m", 6e-10, (1e-12, 1e-7), "log", "overlaps and fringes of both ends per width at V_gc = 0"
        ),
        "overlap_slope": LawParam(
            "1/V", 0.15, (-2.0, 0.7), description="relative change of the overlap per volt below zero"
        ),
        "c_fixed": LawParam("F", 0.0, (-1e-10, 1e-10), description="pads and wiring of the test structure"),
    },
    "C = W {c_overlap [1 + s min(V, 0)] + c_ox (L - dL) [V > 0]} + c_fixed",
    "plateaus only: cut-off (V well below threshold) and strong inversion; c_ox includes the depletion of the "
    "gate and the depth of the inversion layer, as the charge injected by a switch does",
)
ACCUMULATION = Law(
    "accumulation_capacitance",
    accumulation_capacitance,
    {"v_gb": "V", "area": "m^2"},
    "F",
    {
        "c_ox": C_OX,
        "v_fb": LawParam("V", -0.8, (-1.5, 0.5), description="flat-band voltage"),
        "v_layer": LawParam("V", 0.052, (1e-3, 0.5), description="2 U_T for a layer of free carriers"),
    },
    "C = c_ox A (V_fb - V)/(V_fb - V + v_layer) for V < V_fb",
    "Maxwell-Boltzmann accumulation layer in series with the oxide; a few tenths of a volt beyond flat band",
)
LAWS = (GATE_CHANNEL, ACCUMULATION)
