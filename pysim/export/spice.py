"""ngspice subcircuits of behavioural blocks: B-sources with the table's parameters, mismatch as parameters.

DPI synapse, with y = ln(x / I_fl) as the voltage of a unit capacitor, u = (x / I_g)^m (:mod:`pysim.synapses.dpi`):

    tau dy/dt = on r / (1 + u) + (1 - on) exp(-y / k) - 1,    I_out = I_spec ln^2(1 + sqrt(x / I_spec))

A rising edge of the input sets a timer to t_pulse, which then runs down; ``on`` while it runs. Delay element, decay:
a rising edge sets the capacitor to v_start; the threshold stage integrates its overdrive to lag / 2, then waits
t_stage (:mod:`pysim.delays.element`). Internal states are voltages of order 1 on 1 nF, so that ngspice's default
tolerances serve; only the output is a current of the circuit's size.
"""

from __future__ import annotations

import dataclasses
import math
import re
from typing import cast

import numpy as np

from calibration.table import CalibrationTable
from pysim.delays.element import DelayElement
from pysim.delays.layer import DelayLayer
from pysim.export.blocks import Block, blocks_of
from pysim.export.exporter import At, Exporter, ExportError, Source, provenance
from pysim.mingru.network import MinGruNetwork
from pysim.synapses.dpi import DpiSynapse

#: Weak inversion at every level: a specific current that bends nothing.
_NO_BEND = 1.0
#: A sinh law that is linear: its voltage beyond any in the circuit (V).
_LINEAR = 1e3

_EDGE = """\
* A rising edge of the input through v_in makes set = 1 for about t_edge.
bin inb 0 v=v(in,vss)
rd inb ind 1
cd ind 0 {t_edge}
bset set 0 v=0.25*(1 + tanh((v(inb) - v_in)/0.02))*(1 + tanh((v_in - v(ind))/0.02))
rset set 0 1
"""

_SYNAPSE = """\
.subckt NAME in out vss
+ params:
PARAMETERS
+ v_in=0.9 t_edge=20n
EDGE* Timer: 1 after a spike, falls to 0 within t_pulse and rests at -0.3; a spike during a pulse starts it anew.
ctm tm 0 1n
.nodeset v(tm)=-0.3
btm 0 tm i=v(set)*(1 - t_edge/t_pulse - v(tm)) - (1 - v(set))*1n/t_pulse*min(1, (v(tm) + 0.3)/0.05)
bon on 0 v=0.5*(1 + tanh(v(tm)/0.008))
ron on 0 1
* State.
cy y 0 1n
bu u 0 v=exp(slope_ratio*(v(y) + ln(i_floor/i_gain)))
ru u 0 1
by 0 y i=1n/tau*(v(on)*max(i_weight/i_tau/(1 + v(u)), v(y) > 0 ? 0 : 1) + (1 - v(on))*exp(-v(y)/kappa) - 1)
* Output current out of the pin.
bout vss out i=i_spec*ln(1 + sqrt(i_floor*exp(v(y))/i_spec))^2
.ends NAME
"""

_DECAY = """\
.subckt NAME in out vss
+ params:
PARAMETERS
+ v_in=0.9 t_edge=20n v_high=1.8 t_out=50u
EDGE* Capacitor.
cvc vc 0 1n
bvc 0 vc i=v(set)*(v_start - v(vc))
+ - (1 - v(set))*1n/capacitance*(v_sinh/resistance*sinh(max(-30, min(30, v(vc)/v_sinh))) + i_leak + g_leak*v(vc))
* Threshold stage: q counts the overdrive in lag/2; then st counts t_stage and the output pulse
* t_out, and rests at 2.2. No output while the input is high: the capacitor is being set.
cq q 0 1n
bq 0 q i=(1 - v(set))*1n*max(v_trip - v(vc), 0)*2/lag*min(1, (1.2 - v(q))/0.1) - v(set)*v(q) + 1e-13*(1.2 - v(q))
cst st 0 1n
bgo go 0 v=0.5*(1 + tanh((v(q) - 1)/0.01))
rgo go 0 1
bst 0 st i=(1 - v(set))*v(go)*(v(st) < 1 ? 1n/t_stage : 1n/t_out)*min(1, (2.2 - v(st))/0.1)
+ - v(set)*v(st) + 1e-13*(2.2 - v(st))
bin0 low 0 v=0.5*(1 - tanh((v(inb) - 0.5*v_in)/0.02))
rin0 low 0 1
bout out vss v=0.25*v_high*v(low)*(1 + tanh((v(st) - 1)/0.01))*(1 + tanh((2 - v(st))/0.01))
.ends NAME
"""


def content(source: Source, at: At) -> bytes:
    """Library of subcircuits, one a block."""
    table = cast(CalibrationTable, source)
    blocks = blocks_of(table, at)
    parts = [f"* {line}" for line in provenance(table)]
    parts += [
        "* Behavioural subcircuits: currents flow out of the pin `out`; spikes are rising edges of the pin `in`."
    ]
    parts += [
        "* Parameters are the typical instance; give others at each X line for mismatch. Steps: t_pulse/40 or less."
    ]
    for block in blocks:
        point = ", ".join(f"{name} = {value!r}" for name, value in sorted(block.at.items()))
        parts += ["", f"* {block.name} at {point or 'its reference conditions'}", subcircuit(table, block)]
    return ("\n".join(parts) + "\n").encode("ascii")


def name_of(table: CalibrationTable, block: Block) -> str:
    """Name of a block's subcircuit."""
    return re.sub(r"\W", "_", f"{table.name}_{block.name}").lower()


def subcircuit(table: CalibrationTable, block: Block) -> str:
    """Subcircuit of a block.

    Raises
    ------
    ExportError
        For a delay element that charges: its latch and re-arming have no form here.
    """
    if isinstance(block.twin, DelayElement) and block.twin.topology != "decay":
        raise ExportError(
            f"spice cannot hold the delay element of {table.reference}: topology {block.twin.topology!r} with its "
            "latch and re-arming; the nearest are topology 'decay', or the transistor cell by 'spicetwin netlist'"
        )
    template = _SYNAPSE if isinstance(block.twin, DpiSynapse) else _DECAY
    lines = [f"+ {name}={value!r}" for name, value in parameters(block).items()]
    text = template.replace("PARAMETERS", "\n".join(lines)).replace("EDGE", _EDGE)
    return text.replace("NAME", name_of(table, block))


def parameters(block: Block) -> dict[str, float]:
    """Parameters of a block's instance as its subcircuit takes them."""
    twin = block.twin
    names = [f.name for f in dataclasses.fields(twin) if f.name not in ("topology", "t_rearm")]
    values = {name: float(np.asarray(getattr(twin, name)).ravel()[0]) for name in names}
    if isinstance(twin, DpiSynapse):
        values["i_spec"] = values["i_spec"] if math.isfinite(values["i_spec"]) else _NO_BEND
        return values
    values["v_sinh"] = min(values["v_sinh"], _LINEAR)
    # A stage without lag or delay of its own still needs a finite rate; 0.1 us is below 0.01 % of any delay here.
    values["lag"] = max(values["lag"], 1e-13)
    values["t_stage"] = max(values["t_stage"], 1e-7)
    return values


EXPORTER = Exporter(
    name="spice",
    suffix=".lib",
    title="ngspice subcircuits (B-sources) of DPI blocks and delay elements",
    holds=(CalibrationTable,),
    content=content,
    instead={
        MinGruNetwork: "a core of thousands of columns is no behavioural subcircuit; use onnx, or 'spicetwin cosim'",
        DelayLayer: "thousands of synapses are no behavioural subcircuit; use npz or nir",
    },
)
