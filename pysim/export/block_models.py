"""Behaviour and parameters of every block of a calibration table; equations as in the twins' own modules.

A rising edge of an input through v_in makes ``set`` = 1 for about t_edge. A ``latch`` is a state that an edge brings
to 1, where it holds itself until a timer has run.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pysim.delays.element import DelayElement
from pysim.export.behaviour import Behaviour, Output
from pysim.export.blocks import Block, Column, Twin
from pysim.export.exporter import ExportError
from pysim.memcap.integrator import LeakyIntegrator
from pysim.neurons.dpi import DpiNeuron, NoFeedback
from pysim.synapses.dpi import DpiSynapse

#: Weak inversion at every level: a specific current that bends nothing (A).
NO_BEND = 1.0
#: A sinh law that is linear: its voltage beyond any in the circuit (V).
LINEAR = 1e3
#: Rates (1/s) of what counts as immediate, and of what fixes the operating point of a state that only holds.
FAST, SLOW = "1e9", "1e-4"


def _edge(pin: str) -> tuple[tuple[str, str], tuple[str, str, float]]:
    """Detector of the rising edges of a pin: algebra and state."""
    rises = f"0.25 * (1 + tanh((v_{pin} - v_in) / 0.02)) * (1 + tanh((v_in - ind) / 0.02))"
    return ("set", rises), ("ind", f"(v_{pin} - ind) / t_edge", 0.0)


def _step(x: str, width: str = "0.01") -> str:
    """1 above 0, 0 below; bounded, since ngspice squares a cosh for the slope of tanh."""
    return f"(0.5 * (1 + tanh(max(-30, min(30, ({x}) / {width})))))"


def _either(a: str, b: str) -> str:
    """1 where one of both is, without a kink."""
    return f"(1 - (1 - {a}) * (1 - {b}))"


def _count(x: str, begin: float, end: float, top: float) -> str:
    """Rate of ``x`` times a duration, for x to go from begin to end in it: towards ``top``, where it rests.

    Linear in x, so that Newton finds the operating point from anywhere.
    """
    return f"({math.log((top - begin) / (top - end))!r} * ({top!r} - {x}))"


def _synapse() -> Behaviour:
    edge, ind = _edge("spk")
    return Behaviour(
        voltages=("spk",),
        own={"v_in": 0.9, "t_edge": 20e-9},
        algebra=(
            edge,
            ("on", _step("tm", "0.008")),
            ("level", "min(max(y, -50), 50)"),
            ("u", "exp(slope_ratio * (level + ln(i_floor / i_gain)))"),
        ),
        states=(
            ind,
            (
                "tm",
                f"{FAST} * set * (1 - t_edge / t_pulse - tm)"
                " - (1 - set) / t_pulse * min(1, (tm + 0.3) / 0.05)",
                -0.3,
            ),
            (
                "y",
                "(on * max(i_weight / i_tau / (1 + u), y > 0 ? 0 : 1) + (1 - on) * exp(-level / kappa) - 1) / tau",
                0.0,
            ),
        ),
        outputs=(Output("current", "out", "i_spec * pow(ln(1 + sqrt(i_floor * exp(level) / i_spec)), 2)"),),
        remarks=(
            "DPI synapse: y = ln(x / i_floor); the timer tm is 1 after a spike and falls to 0 within t_pulse.",
            "Pins: spk takes spikes, a current flows out of out. Steps of t_pulse/40 or less resolve a pulse.",
        ),
    )


def _decay() -> Behaviour:
    edge, ind = _edge("spk")
    return Behaviour(
        voltages=("spk",),
        own={"v_in": 0.9, "t_edge": 20e-9, "v_high": 1.8, "t_out": 50e-6},
        algebra=(
            edge,
            (
                "drain",
                "v_sinh / resistance * sinh(max(-30, min(30, vc / v_sinh))) + i_leak + g_leak * vc",
            ),
            ("go", _step("q - 1")),
            ("low", f"1 - {_step('v_spk - 0.5 * v_in', '0.02')}"),
        ),
        states=(
            ind,
            ("vc", f"{FAST} * set * (v_start - vc) - (1 - set) * drain / capacitance", 0.0),
            (
                "q",
                f"(1 - set) * max(v_trip - vc, 0) * 2 / lag * {_count('q', 0, 1, 1.2)}"
                f" - {FAST} * set * q + {SLOW} * (1.2 - q)",
                1.2,
            ),
            (
                "st",
                f"(1 - set) * go * (st < 1 ? {_count('st', 0, 1, 2.2)} / t_stage : {_count('st', 1, 2, 2.2)} / t_out)"
                f" - {FAST} * set * st + {SLOW} * (2.2 - st)",
                2.2,
            ),
        ),
        outputs=(Output("voltage", "out", f"v_high * low * {_step('st - 1')} * {_step('2 - st')}"),),
        remarks=(
            "Delay element that decays: an edge sets vc to v_start; q counts the overdrive in lag/2, then st counts",
            "t_stage and the output pulse t_out. No output while the input is high: the capacitor is being set.",
        ),
    )


def _charge() -> Behaviour:
    edge, ind = _edge("spk")
    done = _step("st - 3")
    return Behaviour(
        voltages=("spk",),
        own={"v_in": 0.9, "t_edge": 20e-9, "v_high": 1.8, "t_out": 50e-6},
        algebra=(
            edge,
            ("hold", _step("latch - 0.5", "0.02")),
            (
                "drive",
                "v_sinh / resistance * sinh(max(-30, min(30, (v_start - vc) / v_sinh))) - i_leak - g_leak * vc",
            ),
            ("go", _step("q - 1")),
        ),
        states=(
            ind,
            (
                "latch",
                f"({_either('set', _step('latch - 0.5', '0.05'))} * (1 - {done}) - latch) * 20 / t_edge",
                0.0,
            ),
            ("vc", "hold * drive / capacitance - (1 - hold) * vc / t_edge", 0.0),
            (
                "q",
                f"hold * max(vc - v_trip, 0) * 2 / lag * {_count('q', 0, 1, 1.2)} - (1 - hold) * q / t_edge",
                0.0,
            ),
            (
                "st",
                f"hold * go * (st < 1 ? {_count('st', 0, 1, 3.2)} / t_stage : "
                f"st < 2 ? {_count('st', 1, 2, 3.2)} / t_out : {_count('st', 2, 3, 3.2)}"
                " / max(t_rearm - t_out, t_edge))"
                " - (1 - hold) * st / t_edge",
                0.0,
            ),
        ),
        outputs=(Output("voltage", "out", f"v_high * hold * {_step('st - 1')} * {_step('2 - st')}"),),
        remarks=(
            "Delay element that charges: an edge sets the latch, vc rises to v_trip; q counts the overdrive in lag/2,",
            "st counts t_stage, the output pulse t_out and the rest of t_rearm. Spikes meanwhile find the latch set.",
        ),
    )


def _neuron(t_edge: float) -> Behaviour:
    extrapolated = "ln(i_spec / i_gain * pow(exp(sqrt({0} / i_spec)) - 1, 2))"
    done = _step("w - 1", "5e-3")
    return Behaviour(
        currents=("in", "inh"),
        own={"v_high": 1.8, "t_edge": t_edge},
        algebra=(
            ("y_threshold", extrapolated.format("i_threshold")),
            ("y_reset", extrapolated.format("i_reset")),
            # The latch holds itself before it holds the membrane, and lets go of the timer last. It catches at a
            # quarter of the step that tells the crossing, which lies that much later.
            ("hold", _step("latch - 0.7", "0.05")),
            ("busy", _step("latch - 0.15", "0.03")),
            ("yb", "min(max(y, -40), 40)"),
            # In units of i_gain: what is below a simulator's tolerance of voltages would be noise.
            ("seen", "max(i_in / i_gain, 1e-9)"),
            ("whole", "pow(max(seen, 1e-9), input_exponent)"),
            ("half", "exp(0.5 * slope_ratio * yb)"),
            ("ratio", "half * half"),
            ("bend", "sqrt(max(whole, 1e-9) * i_gain / i_spec_pair) * (half - 1) / sqrt(1 + ratio)"),
            ("share", "whole * i_gain / i_tau / (1 + ratio * exp(-max(-30, min(30, bend))))"),
            (
                "rise",
                "share - (1 + max(i_inh, 0) / i_tau) * (1 + leak_slope * (yb - y_threshold))"
                " + i_floor / i_gain * exp(-yb)",
            ),
        ),
        states=(
            ("y", "(1 - hold) * rise / tau + hold * (y_reset - y) / t_edge", -3.0),
            (
                "latch",
                f"({_either(_step('y - y_threshold - 1.5e-3', '3e-3'), _step('latch - 0.3', '0.05'))} * (1 - {done})"
                " - latch) * 5 / t_edge",
                0.0,
            ),
            (
                "w",
                f"busy / t_refractory * {_count('w', 0, 1, 1.2)} - (1 - busy) * w * 20 / t_edge",
                0.0,
            ),
        ),
        outputs=(
            Output("voltage", "out", "v_high * hold"),
            Output("voltage", "ln_m", "y"),
        ),
        remarks=(
            "DPI neuron: y = ln(x / i_gain) of its membrane current x, also at the pin ln_m in volts.",
            "Pins: in takes the excitatory current, inh shunts; out is high for the refractory time.",
        ),
    )


def _integrator() -> Behaviour:
    return Behaviour(
        voltages=("spk",),
        own={"v_in": 0.9, "t_edge": 1e-7},
        algebra=(
            ("on", _step("v_spk - v_in", "0.02")),
            (
                "drain",
                "v_sinh / resistance * sinh(max(-40, min(40, v_mem / v_sinh)))"
                " + i_leak * (1 - exp(-v_mem / u_t)) + g_leak * v_mem - i_up",
            ),
        ),
        states=(("late", "(on - late) / t_edge", 0.0),),
        outputs=(
            Output(
                "charge",
                "mem",
                "v_mem * (c_low + (c_high - c_low) * state + c_par)",
                "on * i_in * (1 - g_out * v_mem) + (1 - on) * late * q_edge / t_edge - drain",
            ),
        ),
        remarks=(
            "Leaky integrator on a memcapacitor in charge form; state 0 to 1 is its programmed state.",
            "Pins: spk takes spikes, mem is the membrane. The charge of a spike's edges comes just behind its end.",
        ),
    )


def _column(bits: int) -> Behaviour:
    chain: list[tuple[str, str]] = [("scale", "gate_gain * (v_line_z + bias_z) + gate_zero")]
    below = "0"
    for bit in reversed(range(bits)):
        weight = f"{2.0**bit!r} * (1 + w_{bit})"
        chain.append((f"b{bit}", _step(f"scale - ({below}) - {weight}", "1e-4")))
        below = f"{below} + b{bit} * {weight}"
    shares = " + ".join(f"b{bit} * p_{bit}" for bit in range(bits))
    code = " + ".join(f"b{bit} * {2.0 ** (bit - bits)!r}" for bit in range(bits))
    return Behaviour(
        voltages=("line_h", "line_z", "clk"),
        own={"v_in": 0.9, "v_high": 1.8, "t_edge": 1e-9},
        chained=frozenset(["z", "next", *(name for name, _ in chain)]),
        algebra=(
            *chain,
            # Apart, so that the state never sees its own next value.
            ("high", _step("v_clk - 1.2 * v_in", "0.02")),
            ("low", _step("0.8 * v_in - v_clk", "0.02")),
            ("z", f"swap_gain * ({shares})"),
            ("held", "leak_level + (s - leak_level) * retention"),
            (
                "next",
                f"held + z * (v_line_h + bias_h - held) + injection_base"
                f" + ({code}) * (injection_swap + injection_state * held)",
            ),
        ),
        states=(
            ("m", "high * (next - m) / t_edge - 1e-3 * m", 0.0),
            ("s", "low * (m - s) / t_edge - 1e-3 * s", 0.0),
        ),
        outputs=(
            Output("voltage", "h", "s"),
            Output("voltage", "y", f"v_high * {_step('s - theta - comparator_offset', '1e-5')}"),
        ),
        remarks=(
            "minGRU column: line_h and line_z are the voltages of its two lines before biases, against V_cm = vss;",
            "while clk is high the next state is found, at its fall the state h takes it. y: h above theta.",
            "Rows and weights belong to a network and drive the lines. gate_gain in codes per volt.",
        ),
    )


def _dpi_parameters(twin: Any) -> dict[str, float]:
    names = [f.name for f in dataclasses.fields(twin)]
    values = {name: float(np.asarray(getattr(twin, name)).ravel()[0]) for name in names}
    values["i_spec"] = values["i_spec"] if math.isfinite(values["i_spec"]) else NO_BEND
    return values


def _delay_parameters(twin: DelayElement) -> dict[str, float]:
    names = [f.name for f in dataclasses.fields(twin) if f.name != "topology"]
    values = {name: float(np.asarray(getattr(twin, name)).ravel()[0]) for name in names}
    if twin.topology == "decay":
        del values["t_rearm"]
    values["v_sinh"] = min(values["v_sinh"], LINEAR)
    # A stage without lag or delay of its own still needs a finite rate, 0.01 % of the delay each.
    left = values["v_trip"] if twin.topology == "decay" else values["v_start"] - values["v_trip"]
    slope = left / (values["resistance"] * values["capacitance"])
    values["lag"] = max(values["lag"], slope * (1e-4 * float(twin.delay().max())) ** 2)
    values["t_stage"] = max(values["t_stage"], 1e-7)
    return values


def _neuron_parameters(twin: DpiNeuron) -> dict[str, float]:
    names = [
        "tau",
        "i_tau",
        "i_gain",
        "i_threshold",
        "i_reset",
        "t_refractory",
        "slope_ratio",
        "input_exponent",
    ]
    names += ["i_spec", "i_spec_pair", "leak_slope", "i_floor"]
    values = {name: float(twin.array(name).ravel()[0]) for name in names}
    for name in ("i_spec", "i_spec_pair"):
        values[name] = values[name] if math.isfinite(values[name]) else NO_BEND
    return values


def _integrator_parameters(twin: LeakyIntegrator) -> dict[str, float]:
    return {f.name: float(np.asarray(getattr(twin, f.name)).ravel()[0]) for f in dataclasses.fields(twin)}


def _column_parameters(twin: Column) -> dict[str, float]:
    layer, core, half = twin.layer, twin.core, 0.5 * twin.v_fs
    gain, zero = core.gate(layer)

    def first(values: Any) -> float:
        return float(np.asarray(values).ravel()[0])

    found = {
        "bias_h": half * first(core.bias_h(layer)),
        "bias_z": half * first(core.bias_z(layer)),
        "gate_gain": first(gain) / half,
        "gate_zero": first(zero),
        "theta": half * first(layer.theta),
        "swap_gain": first(core.swap_gain),
        "retention": first(core.retention),
        "injection_state": first(core.injection_state),
    }
    volts = ("leak_level", "injection_base", "injection_swap", "comparator_offset")
    found |= {name: half * first(getattr(core, name)) for name in volts}
    found |= {f"w_{bit}": float(core.array("gate_weight")[0, bit]) for bit in range(core.bits)}
    return found | {f"p_{bit}": float(core.array("swap_share")[0, bit]) for bit in range(core.bits)}


def behaviour_of(block: Block) -> tuple[Behaviour, dict[str, float]]:
    """Behaviour of a block, and its instance's parameters.

    Raises
    ------
    ExportError
        For a neuron with positive feedback, or a column whose lines remember or whose converter has more than weights.
    """
    twin = block.twin
    if isinstance(twin, DpiNeuron):
        if not isinstance(twin.feedback, NoFeedback):
            raise ExportError(
                f"{block.name}: a neuron with positive feedback has no behavioural model; use brian2 for its network"
            )
        values = _neuron_parameters(twin)
        return _neuron(values["t_refractory"] / 100), values
    if isinstance(twin, Column):
        if twin.core.remembers or twin.core.array("gate_inl").any():
            raise ExportError(
                f"{block.name}: lines that remember and an INL beyond the weights have no behavioural model; "
                "use 'spicetwin cosim'"
            )
        return _column(twin.core.bits), _column_parameters(twin)
    found: dict[type[Twin], tuple[Callable[[], Behaviour], Callable[[Any], dict[str, float]]]] = {
        DpiSynapse: (_synapse, _dpi_parameters),
        DelayElement: (_charge if _charges(twin) else _decay, _delay_parameters),
        LeakyIntegrator: (_integrator, _integrator_parameters),
    }
    behaviour, parameters = found[type(twin)]
    return behaviour(), parameters(twin)


def _charges(twin: Twin) -> bool:
    return isinstance(twin, DelayElement) and twin.topology == "charge"
