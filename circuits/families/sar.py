"""A SAR ADC alone: sampling switch, hold capacitor, capacitive DAC, comparator; the converter of the minGRU gate.

Its digital side is in :mod:`circuits.families.sar_run`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from circuits.circuit import Circuit, ParameterError, param
from circuits.deck import DEFAULT_OPTIONS, Deck
from circuits.families import mingru
from circuits.process import Mismatch, Process
from circuits.subcircuit import instance_line, subcircuit_lines
from circuits.testbench import Conditions

DAC_BITS = 6

#: Phases of one conversion; their index is the value of the signal ``phase``.
PHASES = ("start", "sample", "hold", "set", "decide", "result")

_OPTIONS: Mapping[str, str] = {
    **DEFAULT_OPTIONS, "method": "gear", "reltol": "1e-4", "chgtol": "1e-17", "abstol": "1e-14",
    "pivrel": "1e-6", "pivtol": "1e-18",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SarAdc(Circuit):
    """SAR ADC at transistor level; all values assumed. The slope is set by ``c_load``, the offset by ``code_reset``."""

    name: ClassVar[str] = "sar_adc"
    family: ClassVar[str] = "sar"
    netlist: ClassVar[str] = ""
    ports: ClassVar[tuple[str, ...]] = ()
    ideal: ClassVar[bool] = False

    bits: float = param(6.0, "1", (1.0, 6.0), "resolution; fewer bits use the upper ones of the DAC")
    c_hold: float = param(1.28e-12, "F", (1e-15, 1e-9), "capacitor that holds the sample")
    c_load: float = param(
        0.0, "F", (0.0, 1e-9), "load that is shared with the hold capacitor: lowers the slope"
    )
    c_dac: float = param(20e-15, "F", (0.1e-15, 1e-12), "smallest capacitor of the DAC")
    c_top: float = param(4e-15, "F", (0.0, 1e-9), "parasitic of the DAC's top plate")
    v_range: float = param(0.4, "V", (0.01, 3.0), "span of the DAC's references")
    v_reset: float = param(0.0, "V", (-1.0, 1.0), "reset level of the DAC against the common mode")
    code_reset: float = param(32.0, "1", (0.0, 63.0), "code at which the DAC is reset: offset")
    a_c: float = param(0.01, "1", (0.0, 1.0), "relative spread of a capacitor of 1 fF; falls as 1/sqrt(C)")
    w_switch: float = param(
        4e-6, "m", (0.42e-6, 100e-6), "gate width of the sampling and reset switches, n and p"
    )
    w_input: float = param(4e-6, "m", (0.42e-6, 100e-6), "width of the comparator's input pair")
    t_sample: float = param(60e-9, "s", (1e-10, 1e-3), "sampling")
    t_gap: float = param(20e-9, "s", (1e-10, 1e-3), "sharing with the load before the first bit")
    t_settle: float = param(20e-9, "s", (1e-10, 1e-3), "settling of the DAC, each bit")
    t_compare: float = param(10e-9, "s", (1e-10, 1e-3), "decision of the comparator")

    def __post_init__(self) -> None:
        """Check bounds and whole numbers."""
        super().__post_init__()
        for name in ("bits", "code_reset"):
            if getattr(self, name) != int(getattr(self, name)):
                raise ParameterError(
                    f"{type(self).__name__}.{name} = {getattr(self, name)!r} is no whole number"
                )

    @property
    def n_bits(self) -> int:
        """Resolution as an integer."""
        return int(self.bits)

    @property
    def lsb(self) -> float:
        """Input voltage of one code by hand (V): DAC step over the division of the sample by the load."""
        step = self.v_range * 64 * self.c_dac / (64 * self.c_dac + self.c_top) / 2**self.n_bits
        return float(step * (self.c_hold + self.c_load) / self.c_hold)

    @property
    def t_conversion(self) -> float:
        """Duration of a conversion (s)."""
        return self.t_sample + self.t_gap + self.n_bits * (self.t_settle + self.t_compare) + self.t_compare

    def threshold(self, code: int) -> float:
        """Input at which the output becomes ``code``, by hand (V against the common mode)."""
        share = (self.c_hold + self.c_load) / self.c_hold
        middle = self.code_reset / 2 ** (DAC_BITS - self.n_bits)
        return float((code - middle) * self.lsb + self.v_reset * share)

    def instances(self) -> dict[str, mingru.MingruCell]:
        """Cells by instance name, nominal."""
        wide = {"r_on": 1e3} if self.ideal else {"w_n": self.w_switch, "w_p": self.w_switch}
        switch = mingru.Switch if self.ideal else mingru.TransmissionGate
        line, dac = (mingru.LineIdeal, mingru.DacIdeal) if self.ideal else (mingru.Line, mingru.Dac)
        comparator: mingru.MingruCell = (
            mingru.ComparatorIdeal() if self.ideal else mingru.Comparator(w_in=self.w_input)
        )
        return {
            "sample": switch().replace(wide),
            "share": switch().replace(wide),
            "load": line().replace({"c_line": self.c_load}),
            "top": line().replace({"c_line": self.c_top, **wide}),
            "dac": dac().replace({"c_dac": self.c_dac}),
            "cmp": comparator,
        }

    def netlist_files(self) -> tuple[str, ...]:
        """Files of the cells."""
        return tuple(dict.fromkeys(cell.netlist for cell in self.instances().values()))

    def geometries(self) -> dict[str, tuple[str, float, float]]:
        """Every transistor as ``<instance>.<transistor>``."""
        return {
            f"{name}.{transistor}": geometry
            for name, cell in self.instances().items()
            for transistor, geometry in cell.geometries().items()
        }

    def capacitor_spreads(self) -> dict[str, float]:
        """Capacitors of the DAC as ``dac.dev_<j>``."""
        return {
            f"dac.dev_{bit}": self.a_c * (1e-15 / (self.c_dac * 2**bit)) ** 0.5 for bit in range(DAC_BITS)
        }


@dataclass(frozen=True, kw_only=True)
class IdealSarAdc(SarAdc):
    """SAR ADC in ideal switches."""

    name: ClassVar[str] = "sar_adc_ideal"
    ideal: ClassVar[bool] = True


def sar_deck(adc: SarAdc, process: Process, conditions: Conditions, stop: float) -> Deck:
    """Deck of the converter alone until ``stop`` (s); the input is the source ``vin``."""
    supply = process.supply if conditions.supply is None else conditions.supply
    cells = adc.instances()
    geometries = [g for cell in cells.values() for g in cell.geometries().values()]
    lines = list(process.cards(conditions.corner, geometries) if geometries else ())
    for kind in dict.fromkeys(type(cell) for cell in cells.values()):
        lines += subcircuit_lines(kind())
    middle, half = supply / 2, adc.v_range / 2
    rails = {
        "vdd": supply,
        "vcm": middle,
        "dini": middle + adc.v_reset,
        "gp": middle + half,
        "gn": middle - half,
    }
    lines += [f"vs{node} {node} 0 dc {voltage!r}" for node, voltage in rails.items()]
    lines += [f"vin in 0 dc {middle!r}", f"chold z 0 {adc.c_hold!r}"]
    high = {"ps", "rst"} | {f"b{bit}" for bit in range(DAC_BITS) if int(adc.code_reset) >> bit & 1}
    for control in ("ps", "sh", "rst", "clk", *(f"b{bit}" for bit in range(DAC_BITS))):
        lines += [
            f"v{control} {control}s 0 dc {supply if control in high else 0.0!r}",
            f"rc{control} {control}s {control} 500",
            f"cc{control} {control} 0 100f",
            f"e{control}b {control}b 0 vdd {control} 1",
        ]
    nodes = {
        "sample": ("in", "z", "ps", "psb", "vdd", "0"),
        "share": ("z", "load", "sh", "shb", "vdd", "0"),
        "load": ("load", "vcm", "rst", "rstb", "vdd", "0"),
        "top": ("d", "dini", "rst", "rstb", "vdd", "0"),
        "dac": ("d", "gp", "gn", *(f"b{j}{c}" for j in range(DAC_BITS) for c in ("", "b")), "vdd", "0"),
        "cmp": ("z", "d", "clk", "op", "on", "vdd", "0"),
    }
    for name, cell in cells.items():
        own, deviations = split_mismatch(name, conditions.mismatch)
        levels = {k: v for k, v in {"v_switch": middle, "v_high": supply}.items() if k in cell.declarations()}
        lines.append(instance_line(cell.replace(levels | deviations), name, nodes[name], own))
    step = 10e-9
    return Deck(
        title=f"{adc.name} {process.name} {conditions.corner}",
        lines=tuple(lines),
        analyses=(f"tran {step!r} {stop!r} 0 {step!r}",),
        save=("in", "z", "d", "clk"),
        options=_OPTIONS,
        temperature=conditions.temperature,
    )


def split_mismatch(
    instance: str, mismatch: Mismatch
) -> tuple[dict[str, tuple[float, float]], dict[str, float]]:
    """Mismatch of one instance: of its transistors, and deviations of its capacitors."""
    own = {k.partition(".")[2]: v for k, v in mismatch.items() if k.partition(".")[0] == instance}
    deviations = {k: factor - 1.0 for k, (_, factor) in own.items() if k.startswith("dev_")}
    return {k: v for k, v in own.items() if not k.startswith("dev_")}, deviations
