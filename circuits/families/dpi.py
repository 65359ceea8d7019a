"""DPI circuits: the synapse and the neuron, as parameter declarations beside ``netlists/dpi/*.cir``.

The netlist headers hold topology and hand analysis; ``docs/physics-dpi.md`` compares it with simulation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from circuits.circuit import Circuit, param

_PUBLISHED_CAPACITORS = "derived: 1.5 to 3 pF in public DYNAP-SE and teili parameter sets"
_PUBLISHED_CURRENTS = "derived: within the range of public DYNAP-SE and teili parameter sets"


def _current(value: float, high: float, description: str, source: str = "assumed") -> Any:
    return param(value, "A", (1e-15, high), description, source)


def _capacitor(value: float, description: str, source: str = "assumed") -> Any:
    return param(value, "F", (1e-15, 1e-9), description, source)


def _width(value: float, description: str) -> Any:
    return param(value, "m", (0.42e-6, 100e-6), f"gate width of {description}")


def _length(value: float, description: str) -> Any:
    return param(value, "m", (0.5e-6, 50e-6), f"gate length of {description}")


_SYNAPSE_TRANSISTORS: Mapping[str, tuple[str, str | float, str | float]] = {
    "taub": ("p", "w_tau", "l_tau"),
    "thrb": ("p", "w_syn", "l_syn"),
    "wb": ("n", "w_weight", "l_weight"),
    "ppb": ("p", "w_pulse", "l_pulse"),
    "pm": ("p", "w_pulse", "l_pulse"),
    "pnb": ("n", "w_pulse", "l_pulse"),
    "sp": ("n", "w_logic", "l_logic"),
    "pp": ("p", "w_pulse", "l_pulse"),
    "ip": ("p", "w_logic", "l_logic"),
    "in": ("n", "w_logic", "l_logic"),
    "lim": ("n", "w_limit", "l_limit"),
    "sw": ("n", "w_logic", "l_logic"),
    "keep": ("p", "w_keep", "l_keep"),
    "w": ("n", "w_weight", "l_weight"),
    "thr": ("n", "w_pair", "l_pair"),
    "s": ("n", "w_pair", "l_pair"),
    "tau": ("p", "w_tau", "l_tau"),
    "syn": ("p", "w_syn", "l_syn"),
}

_NEURON_TRANSISTORS: Mapping[str, tuple[str, str | float, str | float]] = {
    "taub": ("n", "w_tau", "l_tau"),
    "thrb": ("n", "w_mem", "l_mem"),
    "spkb": ("p", "w_spike", "l_spike"),
    "fbb": ("p", "w_feedback", "l_feedback"),
    "refb": ("n", "w_refractory", "l_refractory"),
    "pnb": ("n", "w_pulse", "l_pulse"),
    "pm": ("n", "w_pulse", "l_pulse"),
    "ppb": ("p", "w_pulse", "l_pulse"),
    "atb": ("n", "w_tau", "l_tau"),
    "agb": ("n", "w_ahp", "l_ahp"),
    "awb": ("p", "w_weight", "l_weight"),
    "thr": ("p", "w_pair", "l_pair"),
    "s": ("p", "w_pair", "l_pair"),
    "tau": ("n", "w_tau", "l_tau"),
    "mem": ("n", "w_mem", "l_mem"),
    "spk": ("p", "w_spike", "l_spike"),
    "ip": ("p", "w_logic", "l_logic"),
    "in": ("n", "w_logic", "l_logic"),
    "lim": ("n", "w_limit", "l_limit"),
    "np": ("p", "w_limit", "l_limit"),
    "nip": ("p", "w_logic", "l_logic"),
    "nin": ("n", "w_logic", "l_logic"),
    "op": ("p", "w_logic", "l_logic"),
    "on": ("n", "w_logic", "l_logic"),
    "ol": ("n", "w_limit", "l_limit"),
    "fs": ("p", "w_logic", "l_logic"),
    "fb": ("p", "w_feedback", "l_feedback"),
    "fk": ("n", "w_keep", "l_keep"),
    "rlim": ("p", "w_limit", "l_limit"),
    "rp": ("p", "w_logic", "l_logic"),
    "rn": ("n", "w_logic", "l_logic"),
    "rc": ("p", "w_logic", "l_logic"),
    "rd": ("n", "w_refractory", "l_refractory"),
    "r1": ("n", "w_logic", "l_logic"),
    "r2": ("n", "w_logic", "l_logic"),
    "rk": ("p", "w_keep", "l_keep"),
    "asp": ("p", "w_logic", "l_logic"),
    "app": ("n", "w_pulse", "l_pulse"),
    "ain": ("n", "w_logic", "l_logic"),
    "aip": ("p", "w_logic", "l_logic"),
    "alim": ("p", "w_limit", "l_limit"),
    "asw": ("p", "w_logic", "l_logic"),
    "ak": ("n", "w_keep", "l_keep"),
    "aw": ("p", "w_weight", "l_weight"),
    "athr": ("p", "w_pair", "l_pair"),
    "as": ("p", "w_pair", "l_pair"),
    "at": ("n", "w_tau", "l_tau"),
    "ahp": ("n", "w_ahp", "l_ahp"),
}


@dataclass(frozen=True, kw_only=True)
class DpiSynapse(Circuit):
    r"""n-input, p-output differential-pair integrator synapse (``netlists/dpi/dpi_synapse.cir``).

    :math:`\tau = C U_T/(\kappa_p I_\tau)`; while the extended pulse lasts
    :math:`\tau\,\dot x = x\,[(I_w/I_\tau)/(1+(x/I_g)^m) - 1]` with :math:`m = \kappa_n/\kappa_p`, afterwards
    :math:`\dot x = -x/\tau` down to the off-current of the output transistor. Output current in ampere.

    Source: Bartolozzi and Indiveri 2007 (topology); the equations are derived in ``docs/physics-dpi.md``.
    """

    name: ClassVar[str] = "dpi_synapse"
    family: ClassVar[str] = "dpi"
    netlist: ClassVar[str] = "dpi/dpi_synapse.cir"
    ports: ClassVar[tuple[str, ...]] = ("spk", "isyn", "vdd", "vddb", "gnd")
    transistors: ClassVar[Mapping[str, tuple[str, str | float, str | float]]] = _SYNAPSE_TRANSISTORS

    c_syn: float = _capacitor(1.5e-12, "state capacitor", _PUBLISHED_CAPACITORS)
    c_pulse: float = _capacitor(100e-15, "capacitor of the pulse extender")
    c_bias: float = _capacitor(10e-12, "capacitance of each bias line")
    i_tau: float = _current(5e-12, 10e-9, "leak current; sets the decay time constant", _PUBLISHED_CURRENTS)
    i_gain: float = _current(
        20e-12, 10e-9, "output current at which the pair splits evenly", _PUBLISHED_CURRENTS
    )
    i_weight: float = _current(20e-9, 1e-6, "current of the weight transistor during the pulse")
    i_pulse: float = _current(3e-9, 1e-6, "refill current of the pulse extender; sets the pulse width")
    w_tau: float = _width(0.5e-6, "the leak transistor and its diode")
    l_tau: float = _length(10e-6, "the leak transistor and its diode (long: small output conductance)")
    w_syn: float = _width(2e-6, "the output transistor and the gain diode")
    l_syn: float = _length(1e-6, "the output transistor and the gain diode")
    w_pair: float = _width(4e-6, "the differential pair")
    l_pair: float = _length(1e-6, "the differential pair")
    w_weight: float = _width(1e-6, "the weight transistor and its diode")
    l_weight: float = _length(2e-6, "the weight transistor and its diode")
    w_pulse: float = _width(0.5e-6, "the current mirrors of the pulse extender")
    l_pulse: float = _length(2e-6, "the current mirrors of the pulse extender")
    w_keep: float = _width(0.5e-6, "the transistor that lifts the off switch's node")
    l_keep: float = _length(8e-6, "the transistor that lifts the off switch's node")
    w_limit: float = _width(2e-6, "the transistor that limits the inverter's current")
    l_limit: float = _length(2e-6, "the transistor that limits the inverter's current")
    w_logic: float = _width(0.5e-6, "switches and inverter")
    l_logic: float = _length(0.5e-6, "switches and inverter")


@dataclass(frozen=True, kw_only=True)
class DpiNeuron(Circuit):
    r"""DPI log-domain integrate-and-fire neuron (``netlists/dpi/dpi_neuron.cir``).

    :math:`\tau\,\dot I_m = I_m\,[(I_{in}/I_\tau)/(1+(I_m/I_g)^m) - (I_\tau + I_{ahp} - I_{fb})/I_\tau]` with
    :math:`\tau = C U_T/(\kappa_n I_\tau)` and :math:`m = \kappa_p/\kappa_n`. A spike starts when :math:`I_m`
    passes ``i_threshold``; the membrane is then held at its off-current for the refractory time. SI units.

    Source: topology after Bartolozzi and Indiveri 2007 and the DPI neuron of Chicca et al. 2014, with a
    current comparator as threshold; equations in ``docs/physics-dpi.md``.
    """

    name: ClassVar[str] = "dpi_neuron"
    family: ClassVar[str] = "dpi"
    netlist: ClassVar[str] = "dpi/dpi_neuron.cir"
    ports: ClassVar[tuple[str, ...]] = ("iin", "spk", "vdd", "vddb", "gnd")
    transistors: ClassVar[Mapping[str, tuple[str, str | float, str | float]]] = _NEURON_TRANSISTORS

    c_mem: float = _capacitor(2e-12, "membrane capacitor", _PUBLISHED_CAPACITORS)
    c_refractory: float = _capacitor(500e-15, "refractory capacitor")
    c_ahp: float = _capacitor(2e-12, "state capacitor of the adaptation", "derived: 1 to 4 pF in public sets")
    c_pulse: float = _capacitor(100e-15, "capacitor of the adaptation's pulse extender")
    c_bias: float = _capacitor(10e-12, "capacitance of each bias line")
    i_tau: float = _current(5e-12, 10e-9, "membrane leak current", _PUBLISHED_CURRENTS)
    i_gain: float = _current(100e-12, 10e-9, "membrane current at which the input pair splits evenly")
    i_threshold: float = _current(1e-9, 1e-6, "membrane current at which a spike starts", _PUBLISHED_CURRENTS)
    i_feedback: float = _current(1e-9, 1e-6, "positive feedback current once the threshold is passed")
    i_refractory: float = _current(400e-12, 1e-6, "discharge current of the refractory capacitor")
    i_tau_ahp: float = _current(1e-12, 10e-9, "leak current of the adaptation")
    i_gain_ahp: float = _current(2e-12, 10e-9, "adaptation current at which its pair splits evenly")
    i_weight_ahp: float = _current(4e-9, 1e-6, "weight current of the adaptation during its pulse")
    i_pulse: float = _current(
        3e-9, 1e-6, "refill current of the adaptation's pulse; limits the inverters too"
    )
    w_tau: float = _width(0.5e-6, "the leak transistors and their diodes")
    l_tau: float = _length(10e-6, "the leak transistors and their diodes (long: small output conductance)")
    w_mem: float = _width(1e-6, "the membrane transistor and the gain diode")
    l_mem: float = _length(2e-6, "the membrane transistor and the gain diode")
    w_pair: float = _width(4e-6, "both differential pairs")
    l_pair: float = _length(1e-6, "both differential pairs")
    w_spike: float = _width(1e-6, "the threshold mirror")
    l_spike: float = _length(2e-6, "the threshold mirror")
    w_feedback: float = _width(1e-6, "the feedback mirror")
    l_feedback: float = _length(2e-6, "the feedback mirror")
    w_refractory: float = _width(1e-6, "the refractory mirror")
    l_refractory: float = _length(2e-6, "the refractory mirror")
    w_ahp: float = _width(0.5e-6, "the adaptation's output transistor and gain diode")
    l_ahp: float = _length(
        10e-6, "the adaptation's output transistor and gain diode (long: small off-current)"
    )
    w_weight: float = _width(1e-6, "the adaptation's weight mirror")
    l_weight: float = _length(2e-6, "the adaptation's weight mirror")
    w_pulse: float = _width(0.5e-6, "the current mirrors of the adaptation's pulse extender")
    l_pulse: float = _length(2e-6, "the current mirrors of the adaptation's pulse extender")
    w_keep: float = _width(0.5e-6, "the transistors that pull the inner nodes of off switches away")
    l_keep: float = _length(8e-6, "the transistors that pull the inner nodes of off switches away")
    w_limit: float = _width(2e-6, "the transistors that limit the inverters' current")
    l_limit: float = _length(2e-6, "the transistors that limit the inverters' current")
    w_logic: float = _width(0.5e-6, "switches and inverters")
    l_logic: float = _length(0.5e-6, "switches and inverters")
