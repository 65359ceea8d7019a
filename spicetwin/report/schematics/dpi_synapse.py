"""Schematic of ``dpi_synapse``."""

from __future__ import annotations

from spicetwin.report.schematics.drawing import Drawing

VDD, GND = 60.0, 470.0
BIAS_TOP, BIAS_BOTTOM = 555.0, 705.0


def draw_dpi_synapse() -> Drawing:
    """Pulse extender, input branch, differential pair with state capacitor and leak, output, bias diodes."""
    drawing = Drawing(
        1010,
        740,
        "DPI synapse with pulse extender",
        "An input spike empties C_pulse; until I_pulse has refilled it, the inverter opens the switch "
        "M_sw, and the weight M_w draws its current through the differential pair M_thr, M_s from the "
        "state capacitor C_syn, which the leak M_tau refills; M_syn turns the state voltage into the "
        "output current.",
    )
    drawing.block(10, 10, 348, 500, "pulse extender")
    drawing.block(366, 10, 634, 500, "differential-pair integrator")
    drawing.block(10, 518, 990, 212, "bias diodes, fed by ideal sources")
    _pulse_extender(drawing)
    _input_branch(drawing)
    _integrator(drawing)
    _bias(drawing)
    return drawing


def _pulse_extender(d: Drawing) -> None:
    """Ramp on C_pulse and the current-limited inverter that turns it into a pulse."""
    d.rail(60, 340, VDD, "vdd")
    d.rail(60, 340, GND, "gnd")
    refill = d.pfet(115, 130, "pp")
    d.wire(refill.source, (115, VDD))
    d.net(*refill.gate, "V_pp")
    empty = d.nfet(115, 380, "sp")
    d.wire(empty.source, (115, GND))
    d.port(*empty.gate, "spk", side="left")
    d.wire(refill.drain, empty.drain)
    ramp = 235.0
    top, bottom = d.capacitor(185, 330, "C_pulse", side="right")
    d.wire((115, ramp), (245, ramp))
    d.wire((185, ramp), top)
    d.wire(bottom, (185, GND))
    d.dot(115, ramp)
    d.dot(185, ramp)
    d.net(150, ramp, "ramp", side="above")
    up = d.pfet(277, 165, "ip")
    down = d.nfet(277, 305, "in")
    limit = d.nfet(277, 400, "lim")
    d.wire(up.source, (277, VDD))
    d.wire(up.drain, down.drain)
    d.wire(up.gate, down.gate)
    d.dot(245, ramp)
    d.wire(down.source, limit.drain)
    d.wire(limit.source, (277, GND))
    d.net(*limit.gate, "V_pn")
    d.dot(277, 235)
    d.wire((277, 235), (346, 235), (346, 410), (478, 410))
    d.net(312, 235, "pulse", side="above")


def _input_branch(d: Drawing) -> None:
    """Switch, weight, and the keeper that lifts their common node between pulses."""
    d.rail(425, 960, VDD, "vdd")
    d.rail(425, 960, GND, "gnd")
    switch = d.nfet(510, 410, "sw")
    d.wire(switch.source, (510, GND))
    weight = d.nfet(510, 310, "w")
    d.net(*weight.gate, "V_w")
    d.wire(weight.source, switch.drain)
    keep = d.pfet(425, 130, "keep")
    d.wire(keep.source, (425, VDD))
    d.net(*keep.gate, "V_pp", side="above")
    d.wire(keep.drain, (425, 360), (510, 360))
    d.dot(510, 360)
    d.wire(weight.drain, (510, 250))


def _integrator(d: Drawing) -> None:
    """Pair, state node with capacitor and leak, output transistor."""
    level = 165.0
    thr = d.nfet(460 + 32, 205, "thr")
    d.net(*thr.gate, "V_thr", side="above")
    d.wire(thr.drain, (492, VDD))
    follow = d.nfet(580, 205, "s", flip=True)
    d.wire(thr.source, (492, 250), (580, 250), follow.source)
    d.dot(510, 250)
    d.net(546, 250, "tail", side="below")
    d.wire(follow.drain, (580, level), (858, level))
    d.wire(follow.gate, (612, level))
    d.dot(612, level)
    leak = d.pfet(690, 110, "tau")
    d.wire(leak.source, (690, VDD))
    d.wire(leak.drain, (690, level))
    d.dot(690, level)
    d.net(*leak.gate, "V_tau")
    top, bottom = d.capacitor(775, 112, "C_syn")
    d.wire(top, (775, VDD))
    d.wire(bottom, (775, level))
    d.dot(775, level)
    d.net(732, level, "V_syn", side="below")
    output = d.pfet(890, level, "syn")
    d.wire(output.source, (890, VDD))
    d.wire(output.drain, (890, 290), (930, 290))
    d.port(930, 290, "isyn", side="right")
    d.text(620, 330, "pulse on:  τ dI/dt = I [ (I_weight / I_tau) / (1 + (I/I_gain)^m) − 1 ]", kind="remark")
    d.text(620, 358, "pulse off:  τ dI/dt = −I", kind="remark")
    d.text(620, 386, "τ = C_syn U_T / (κ_p I_tau),   m = κ_n / κ_p", kind="remark")


def _bias(d: Drawing) -> None:
    """One diode a bias line, and the mirror that makes the extender's second line."""
    d.rail(60, 985, BIAS_TOP, "vddb")
    d.rail(60, 985, BIAS_BOTTOM, "gnd")
    for x, name, current, net in (
        (120, "taub", "I_tau", "V_tau"),
        (270, "thrb", "I_gain", "V_thr"),
        (580, "ppb", "I_pulse", "V_pp"),
    ):
        diode = d.diode(x, 590, name, polarity="p")
        d.wire(diode.source, (x, BIAS_TOP))
        top, bottom = d.current_source(x, 668, current)
        d.wire(diode.drain, top)
        d.wire(bottom, (x, BIAS_BOTTOM))
        d.net(diode.gate[0], diode.drain[1] - 6, net)
    weight = d.diode(420, 664, "wb", polarity="n")
    d.wire(weight.source, (420, BIAS_BOTTOM))
    top, bottom = d.current_source(420, 590, "I_weight")
    d.wire(top, (420, BIAS_TOP))
    d.wire(bottom, weight.drain)
    d.net(weight.gate[0], weight.drain[1] + 6, "V_w")
    mirror = d.pfet(760, 590, "pm")
    d.wire(mirror.source, (760, BIAS_TOP))
    d.net(*mirror.gate, "V_pp")
    sink = d.diode(760, 668, "pnb", polarity="n")
    d.wire(sink.source, (760, BIAS_BOTTOM))
    d.wire(mirror.drain, sink.drain)
    d.net(sink.gate[0], sink.drain[1] + 6, "V_pn")
    d.text(870, 625, "every line V", kind="remark")
    d.text(870, 643, "carries C_bias", kind="remark")
