"""Schematic of ``dpi_neuron``."""

from __future__ import annotations

from spicetwin.report.schematics.drawing import Drawing

#: Supply and ground level of the upper row, the lower row, and the bias row.
TOP_VDD, TOP_GND = 60.0, 425.0
LOW_VDD, LOW_GND = 520.0, 890.0
BIAS_VDD, BIAS_GND = 990.0, 1140.0


def draw_dpi_neuron() -> Drawing:
    """Membrane, refractory part, threshold, adaptation, and bias diodes."""
    drawing = Drawing(
        1200,
        1175,
        "DPI log-domain integrate-and-fire neuron",
        "The input current passes the differential pair M_thr, M_s onto the membrane capacitor C_mem "
        "with leak M_tau. M_mem compares the membrane current with I_threshold; when it wins, node req "
        "falls, M_fs and M_fb add positive feedback, and three current-limited inverters make the "
        "spike. The spike charges C_refractory, which holds the membrane at ground through M_r1 and "
        "M_r2 until I_refractory has emptied it, and drives the adaptation integrator, whose output "
        "M_ahp discharges the membrane.",
    )
    drawing.block(10, 10, 765, 450, "membrane with positive feedback and reset")
    drawing.block(785, 10, 405, 450, "refractory period")
    drawing.block(10, 470, 515, 455, "threshold and spike")
    drawing.block(535, 470, 655, 455, "spike-driven adaptation")
    drawing.block(10, 935, 1180, 230, "bias diodes, fed by ideal sources; every line V carries C_bias")
    _membrane(drawing)
    _feedback(drawing)
    _reset(drawing)
    _refractory(drawing)
    _threshold(drawing)
    _adaptation_pulse(drawing)
    _adaptation_integrator(drawing)
    _bias(drawing)
    return drawing


def _membrane(d: Drawing) -> None:
    """Input pair, state capacitor, leak, and the adaptation current."""
    d.rail(60, 750, TOP_VDD, "vdd")
    d.rail(60, 750, TOP_GND, "gnd")
    level = 245.0
    thr = d.pfet(140, 175, "thr")
    follow = d.pfet(225, 175, "s", flip=True)
    d.port(65, 110, "iin", side="left")
    d.wire((65, 110), (225, 110), follow.source)
    d.wire((140, 110), thr.source)
    d.dot(140, 110)
    d.net(*thr.gate, "V_thr")
    d.wire(thr.drain, (140, TOP_GND))
    d.wire(follow.drain, (225, level), (590, level))
    d.wire(follow.gate, (257, level))
    d.dot(257, level)
    d.net(285, level, "V_mem", side="above")
    top, bottom = d.capacitor(300, 340, "C_mem", side="left")
    d.wire(top, (300, level))
    d.dot(300, level)
    d.wire(bottom, (300, TOP_GND))
    for x, name, net in ((385, "tau", "V_tau"), (490, "ahp", "V_ahp")):
        sink = d.nfet(x, 340, name)
        d.wire(sink.drain, (x, level))
        d.dot(x, level)
        d.wire(sink.source, (x, TOP_GND))
        d.net(*sink.gate, net)


def _feedback(d: Drawing) -> None:
    """Current I_feedback into the membrane while req is low."""
    switch = d.pfet(385, 105, "fs")
    d.wire(switch.source, (385, TOP_VDD))
    d.net(*switch.gate, "req")
    source = d.pfet(385, 195, "fb")
    d.wire(switch.drain, source.source)
    d.wire(source.drain, (385, 245))
    d.net(*source.gate, "V_fb")
    keep = d.nfet(490, 180, "fk")
    d.dot(385, 150)
    d.wire((385, 150), keep.drain)
    d.ground(*keep.source)
    d.net(*keep.gate, "V_pn", side="below")
    d.text(545, 100, "tau dI/dt = I [ (I_in / I_tau) / (1 + (I/I_gain)^m)", kind="remark")
    d.text(565, 122, "− (I_tau + I_ahp − I_fb) / I_tau ]", kind="remark")
    d.text(545, 150, "tau = C_mem U_T / (κ_n I_tau)", kind="remark")


def _reset(d: Drawing) -> None:
    """Two switches in series; the keeper lifts their common node while they are off."""
    upper = d.nfet(590, 300, "r1")
    lower = d.nfet(590, 380, "r2")
    d.wire((590, 245), upper.drain)
    d.wire(upper.source, lower.drain)
    d.wire(lower.source, (590, TOP_GND))
    d.wire(upper.gate, lower.gate)
    d.net(558, 340, "refr")
    d.dot(590, 340)
    keep = d.pfet(690, 285, "rk", flip=True)
    d.supply(*keep.source)
    d.wire(keep.drain, (690, 340), (590, 340))
    d.net(*keep.gate, "V_pp", side="right")


def _refractory(d: Drawing) -> None:
    """The spike charges C_refractory through an inverter; I_refractory empties it."""
    d.rail(835, 1165, TOP_VDD, "vdd")
    d.rail(835, 1165, TOP_GND, "gnd")
    limit = d.pfet(880, 110, "rlim")
    up = d.pfet(880, 185, "rp")
    down = d.nfet(880, 330, "rn")
    d.wire(limit.source, (880, TOP_VDD))
    d.wire(limit.drain, up.source)
    d.wire(up.drain, down.drain)
    d.wire(up.gate, down.gate)
    d.wire(down.source, (880, TOP_GND))
    d.net(*limit.gate, "V_pp")
    d.net(848, 258, "spk")
    d.dot(880, 258)
    charge = d.pfet(1000, 215, "rc")
    d.wire((880, 258), (945, 258), (945, 215), charge.gate)
    d.net(915, 258, "nres", side="below")
    d.wire(charge.source, (1000, TOP_VDD))
    empty = d.nfet(1000, 350, "rd")
    d.wire(charge.drain, empty.drain)
    d.wire(empty.source, (1000, TOP_GND))
    d.net(*empty.gate, "V_ref")
    top, bottom = d.capacitor(1080, 350, "C_refractory")
    d.wire((1000, 285), (1130, 285))
    d.dot(1000, 285)
    d.dot(1080, 285)
    d.wire((1080, 285), top)
    d.wire(bottom, (1080, TOP_GND))
    d.net(1130, 285, "refr", side="right")


def _threshold(d: Drawing) -> None:
    """Membrane current against I_threshold, then three inverters."""
    d.rail(60, 500, LOW_VDD, "vdd")
    d.rail(60, 500, LOW_GND, "gnd")
    source = d.pfet(110, 590, "spk")
    d.wire(source.source, (110, LOW_VDD))
    d.net(*source.gate, "V_spk")
    sink = d.nfet(110, 825, "mem")
    d.wire(sink.source, (110, LOW_GND))
    d.net(*sink.gate, "V_mem")
    d.wire(source.drain, sink.drain)
    d.dot(110, 720)
    d.wire((110, 720), (198, 720))
    d.dot(198, 720)
    d.net(152, 720, "req", side="above")
    _footed_inverter(d, 230, ("ip", "in", "lim"))
    d.dot(230, 680)
    d.wire((230, 680), (308, 680))
    d.dot(308, 680)
    d.net(266, 680, "sense", side="above")
    limit = d.pfet(340, 565, "np")
    up = d.pfet(340, 635, "nip")
    down = d.nfet(340, 770, "nin")
    d.wire(limit.source, (340, LOW_VDD))
    d.wire(limit.drain, up.source)
    d.wire(up.drain, down.drain)
    d.wire(up.gate, down.gate)
    d.wire(down.source, (340, LOW_GND))
    d.net(*limit.gate, "V_pp")
    d.dot(340, 720)
    d.wire((340, 720), (418, 720))
    d.dot(418, 720)
    d.net(380, 720, "nspk", side="above")
    _footed_inverter(d, 450, ("op", "on", "ol"))
    d.dot(450, 700)
    d.wire((450, 700), (482, 700))
    d.port(482, 700, "spk", side="right")


def _footed_inverter(d: Drawing, x: float, names: tuple[str, str, str]) -> None:
    """Inverter whose falling edge is limited by a current sink."""
    up = d.pfet(x, 620, names[0])
    down = d.nfet(x, 770, names[1])
    limit = d.nfet(x, 840, names[2])
    d.wire(up.source, (x, LOW_VDD))
    d.wire(up.drain, down.drain)
    d.wire(up.gate, down.gate)
    d.wire(down.source, limit.drain)
    d.wire(limit.source, (x, LOW_GND))
    d.net(*limit.gate, "V_pn")


def _adaptation_pulse(d: Drawing) -> None:
    """Pulse extender, the mirror image of the synapse's."""
    d.rail(585, 1165, LOW_VDD, "vdd")
    d.rail(585, 1165, LOW_GND, "gnd")
    charge = d.pfet(625, 590, "asp")
    d.wire(charge.source, (625, LOW_VDD))
    d.net(*charge.gate, "nspk")
    empty = d.nfet(625, 825, "app")
    d.wire(empty.source, (625, LOW_GND))
    d.net(*empty.gate, "V_pn")
    d.wire(charge.drain, empty.drain)
    top, bottom = d.capacitor(685, 770, "C_pulse")
    d.wire((685, 720), top)
    d.wire(bottom, (685, LOW_GND))
    d.wire((625, 720), (763, 720))
    for x in (625, 685, 763):
        d.dot(x, 720)
    d.net(655, 720, "aramp", side="above")
    limit = d.pfet(795, 565, "alim")
    up = d.pfet(795, 635, "aip")
    down = d.nfet(795, 825, "ain")
    d.wire(limit.source, (795, LOW_VDD))
    d.wire(limit.drain, up.source)
    d.wire(up.drain, down.drain)
    d.wire(up.gate, down.gate)
    d.wire(down.source, (795, LOW_GND))
    d.net(*limit.gate, "V_pp")
    d.dot(795, 690)


def _adaptation_integrator(d: Drawing) -> None:
    """Switch, weight and keeper, then the pair with state capacitor and leak."""
    switch = d.pfet(905, 580, "asw")
    d.wire((795, 690), (845, 690), (845, 580), switch.gate)
    d.net(822, 690, "apulse", side="below")
    d.wire(switch.source, (905, LOW_VDD))
    weight = d.pfet(905, 670, "aw")
    d.wire(switch.drain, weight.source)
    d.net(*weight.gate, "V_aw", side="below")
    keep = d.nfet(1000, 660, "ak", flip=True)
    d.dot(905, 625)
    d.wire((905, 625), (1000, 625), keep.drain)
    d.ground(*keep.source)
    d.net(*keep.gate, "V_pn", side="right")
    thr = d.pfet(905, 760, "athr")
    d.net(*thr.gate, "V_athr")
    follow = d.pfet(985, 760, "as", flip=True)
    d.wire(weight.drain, thr.source)
    d.wire((905, 720), (985, 720), follow.source)
    d.dot(905, 720)
    d.wire(thr.drain, (905, LOW_GND))
    level = 810.0
    d.wire(follow.drain, (985, level), (1115, level))
    d.wire(follow.gate, (1017, level))
    d.dot(1017, level)
    d.net(1085, level, "V_ahp", side="above")
    top, bottom = d.capacitor(1050, 850, "C_ahp", side="left")
    d.wire(top, (1050, level))
    d.dot(1050, level)
    d.wire(bottom, (1050, LOW_GND))
    leak = d.nfet(1115, 850, "at", flip=True)
    d.wire((1115, level), leak.drain)
    d.wire(leak.source, (1115, LOW_GND))
    d.net(*leak.gate, "V_atau", side="right")


def _bias(d: Drawing) -> None:
    """NFET diodes with the source above, PFET diodes with it below, and the mirror between the kinds."""
    d.rail(60, 1180, BIAS_VDD, "vddb")
    d.rail(60, 1180, BIAS_GND, "gnd")
    nfets = (
        ("atb", "I_tau_ahp", "V_atau"),
        ("agb", "I_gain_ahp", "V_athr"),
        ("refb", "I_refractory", "V_ref"),
        ("thrb", "I_gain", "V_thr"),
        ("taub", "I_tau", "V_tau"),
        ("pnb", "I_pulse", "V_pn"),
    )
    for number, (name, current, net) in enumerate(nfets):
        x = 115.0 + 112 * number
        diode = d.diode(x, 1102, name, polarity="n")
        d.wire(diode.source, (x, BIAS_GND))
        top, bottom = d.current_source(x, 1025, current)
        d.wire(top, (x, BIAS_VDD))
        d.wire(bottom, diode.drain)
        d.net(diode.gate[0], diode.drain[1] + 6, net)
    mirror = d.nfet(790, 1102, "pm")
    d.wire(mirror.source, (790, BIAS_GND))
    d.net(*mirror.gate, "V_pn")
    diode = d.diode(790, 1025, "ppb", polarity="p")
    d.wire(diode.source, (790, BIAS_VDD))
    d.wire(diode.drain, mirror.drain)
    d.net(diode.gate[0], diode.drain[1] - 6, "V_pp")
    pfets = (
        ("spkb", "I_threshold", "V_spk"),
        ("fbb", "I_feedback", "V_fb"),
        ("awb", "I_weight_ahp", "V_aw"),
    )
    for number, (name, current, net) in enumerate(pfets):
        x = 890.0 + 98 * number
        diode = d.diode(x, 1025, name, polarity="p")
        d.wire(diode.source, (x, BIAS_VDD))
        top, bottom = d.current_source(x, 1103, current)
        d.wire(diode.drain, top)
        d.wire(bottom, (x, BIAS_GND))
        d.net(diode.gate[0], diode.drain[1] - 6, net)
