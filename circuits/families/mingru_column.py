"""A column of the minGRU core: N h-synapses and N z-synapses on three lines, SAR gate, biases, comparator.

Columns of a core share nothing but the row inputs, so a core of N x M is M of these. The same deck is built at
transistor level (:class:`MingruColumn`) and in ideal switches (:class:`IdealMingruColumn`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from circuits.circuit import Circuit, ParameterError, param
from circuits.families import mingru
from circuits.process import Mismatch

#: s of V_w = V_cm + s V_FS / 2 for the 2-bit weights 0, 1, 2, 3.
WEIGHT_LEVELS = (-1.0, -1.0 / 3.0, 1.0 / 3.0, 1.0)

#: Bits of the capacitive DACs (gate reference and biases), and the code of their middle.
DAC_BITS, DAC_MIDDLE = 6, 32

#: Total capacitance of a DAC in units of its smallest capacitor.
DAC_UNITS = 64


@dataclass(frozen=True, kw_only=True)
class MingruColumn(Circuit):
    """One column at transistor level; all values assumed.

    Attributes
    ----------
    cells : mapping
        Role -> cell class of this level.

    Raises
    ------
    ParameterError
        A value outside its bounds; ``rows`` that is no power of two below 64 and no multiple of 64.
    """

    name: ClassVar[str] = "mingru_column"
    family: ClassVar[str] = "mingru"
    netlist: ClassVar[str] = ""
    ports: ClassVar[tuple[str, ...]] = ()
    ideal: ClassVar[bool] = False
    cells: ClassVar[Mapping[str, type[mingru.MingruCell]]] = {
        "driver": mingru.RowDriver,
        "weight": mingru.Weight,
        "h": mingru.HSynapse,
        "z": mingru.ZSynapse,
        "line": mingru.Line,
        "dac": mingru.Dac,
        "comparator": mingru.Comparator,
    }

    rows: float = param(16.0, "1", (2.0, 1024.0), "rows: a power of two below 64, or a multiple of 64")
    c_unit: float = param(20e-15, "F", (0.1e-15, 1e-12), "unit capacitor of the synapses")
    c_par: float = param(0.4e-15, "F", (0.0, 1e-12), "parasitic of a unit capacitor's switched plate")
    c_wire: float = param(0.5e-15, "F", (0.0, 1e-12), "wiring capacitance of each line, per row")
    c_load: float = param(0.0, "F", (0.0, 1e-9), "load on line z: lowers the slope of the gate")
    c_top: float = param(4e-15, "F", (0.0, 1e-9), "parasitic of the gate DAC's top plate")
    dac_ratio: float = param(1.25, "1", (1e-2, 10.0), "gate DAC over the row capacitors of a line")
    bias_ratio: float = param(0.2, "1", (1e-3, 10.0), "bias DAC over the row capacitors of a line")
    v_fs: float = param(0.8, "V", (0.05, 3.0), "span of the weight voltages")
    v_gate: float = param(0.4, "V", (0.01, 3.0), "span of the gate DAC's references: slope of the gate")
    v_bias: float = param(0.8, "V", (0.01, 3.0), "span of the bias DACs' references")
    gate_code: float = param(
        32.0, "1", (0.0, 63.0), "code at which the gate DAC is reset: offset of the gate"
    )
    v_reset: float = param(0.0, "V", (-1.0, 1.0), "reset level of the gate DAC against the common mode")
    line_reset: float = param(1.0, "1", (0.0, 1.0), "1: lines ht and z are reset before every step; 0: not")
    a_c: float = param(0.01, "1", (0.0, 1.0), "relative spread of a capacitor of 1 fF; falls as 1/sqrt(C)")
    w_switch: float = param(0.5e-6, "m", (0.42e-6, 100e-6), "gate width of the switches, n and p")
    w_driver: float = param(2e-6, "m", (0.42e-6, 100e-6), "p width of the row driver; n has half")
    w_input: float = param(4e-6, "m", (0.42e-6, 100e-6), "width of the comparators' input pairs")
    r_clock: float = param(500.0, "Ohm", (1.0, 1e6), "source resistance of a control line")
    c_clock: float = param(100e-15, "F", (1e-18, 1e-9), "capacitance of a control line besides its gates")
    t_sample: float = param(100e-9, "s", (1e-10, 1e-3), "P1: precharge of the capacitors")
    t_share: float = param(100e-9, "s", (1e-10, 1e-3), "P2: sharing on lines ht and z")
    t_settle: float = param(20e-9, "s", (1e-10, 1e-3), "P3: settling of the gate DAC, each bit")
    t_compare: float = param(10e-9, "s", (1e-10, 1e-3), "decision of a comparator")
    t_hold: float = param(100e-9, "s", (1e-10, 1.0), "P5: sharing on line h")
    t_gap: float = param(5e-9, "s", (1e-10, 1e-3), "between opening one switch and closing the next")

    def __post_init__(self) -> None:
        """Check bounds and the row grouping."""
        super().__post_init__()
        rows = self.rows
        power = rows in (2.0, 4.0, 8.0, 16.0, 32.0)
        if not power and (rows != int(rows) or int(rows) % 64):
            raise ParameterError(
                f"{type(self).__name__}.rows = {rows:g}; accepted: 2, 4, 8, 16, 32, or a multiple of 64"
            )
        if self.gate_code != int(self.gate_code):
            raise ParameterError(f"{type(self).__name__}.gate_code = {self.gate_code!r} is no whole number")

    @property
    def n_rows(self) -> int:
        """Rows as an integer."""
        return int(self.rows)

    @property
    def gate_bits(self) -> int:
        """Bits of the gate: 6, fewer for fewer than 64 rows."""
        return min(DAC_BITS, int(math.log2(self.n_rows)))

    @property
    def group_rows(self) -> int:
        """Rows that one unit of the gate code swaps."""
        return self.n_rows >> self.gate_bits

    def group(self, row: int) -> int:
        """Swap group of a row: bit j of the gate code moves 2^j units; the last unit (group B) never moves."""
        unit = row // self.group_rows + 1
        return self.gate_bits if unit == 2**self.gate_bits else unit.bit_length() - 1

    @property
    def c_dac(self) -> float:
        """Smallest capacitor of the gate DAC (F).

        The DAC is as large as line z with its bias: a comparator's kickback is then common to both inputs. With
        a fifth of that, it shifted the gate of a 64-row column by 10 codes.
        """
        return self.dac_ratio * self.n_rows * self.c_unit / DAC_UNITS

    @property
    def c_bias(self) -> float:
        """Smallest capacitor of a bias DAC (F)."""
        return self.bias_ratio * self.n_rows * self.c_unit / DAC_UNITS

    @property
    def t_step(self) -> float:
        """Duration of a time step (s)."""
        bits = self.gate_bits * (self.t_settle + self.t_compare)
        return self.t_sample + self.t_share + bits + self.t_hold + self.t_compare + 3 * self.t_gap

    def instances(self) -> dict[str, mingru.MingruCell]:
        """Every cell of the column by instance name, nominal."""
        line = self.c_wire * self.n_rows
        built: dict[str, mingru.MingruCell] = {
            "lht": self._cell("line", c_line=line, **self._reset(1.0)),
            "lh": self._cell("line", c_line=line, **self._reset(1.0)),
            "lz": self._cell("line", c_line=line + self.c_load, **self._reset(1.0)),
            "ld": self._cell("line", c_line=self.c_top, **self._reset(8.0)),
            "dg": self._cell("dac", c_dac=self.c_dac),
            "dbh": self._cell("dac", c_dac=self.c_bias),
            "dbz": self._cell("dac", c_dac=self.c_bias),
            "cz": self._cell("comparator"),
            "ch": self._cell("comparator"),
        }
        for row in range(self.n_rows):
            built[f"r{row}"] = self._cell("driver")
            built[f"wh{row}"] = self._cell("weight")
            built[f"wz{row}"] = self._cell("weight")
            built[f"h{row}"] = self._cell("h", c_unit=self.c_unit, c_par=self.c_par)
            built[f"z{row}"] = self._cell("z", c_unit=self.c_unit, c_par=self.c_par)
        return built

    def netlist_files(self) -> tuple[str, ...]:
        """Files of the cells of this level."""
        return tuple(dict.fromkeys(cell.netlist for cell in self.cells.values()))

    def _cell(self, role: str, **values: float) -> mingru.MingruCell:
        """A cell of this level with the column's sizes."""
        large = max(1.0, self.rows / 64.0)
        sizes = {
            "w_low": 4 * self.w_switch * large,
            "w_high": 16 * self.w_switch * large,
            "w_n": self.w_switch,
            "w_p": self.w_switch,
            "w_driver_n": self.w_driver / 2,
            "w_driver_p": self.w_driver,
            "w_in": self.w_input,
        }
        if role == "dac" and self.ideal:
            sizes["r_on"] = 10e3 / large
        cell = self.cells[role]
        known = cell.declarations()
        return cell(**{name: value for name, value in (sizes | values).items() if name in known})

    def _reset(self, factor: float) -> dict[str, float]:
        """Sizes of a line's reset switch: it charges a bias DAC, or the gate DAC, and both grow with the rows."""
        if self.ideal:
            return {"r_on": 10e3 / (16.0 * max(1.0, self.rows / 64.0))}
        width = factor * self.w_switch * max(1.0, self.rows / (16.0 if factor == 1.0 else 64.0))
        return {"w_n": width, "w_p": width}

    def geometries(self) -> dict[str, tuple[str, float, float]]:
        """Every transistor as ``<instance>.<transistor>``."""
        return {
            f"{name}.{transistor}": geometry
            for name, cell in self.instances().items()
            for transistor, geometry in cell.geometries().items()
        }

    def capacitor_spreads(self) -> dict[str, float]:
        """Every unit capacitor and DAC capacitor as ``<instance>.<dev parameter>``: a_c sqrt(1 fF / C)."""
        spreads: dict[str, float] = {}
        for name, cell in self.instances().items():
            values = cell.values()
            for parameter in values:
                if parameter.startswith("dev_"):
                    size = values.get("c_unit", 0.0) or values["c_dac"] * 2 ** int(parameter[4:])
                    spreads[f"{name}.{parameter}"] = self.a_c * math.sqrt(1e-15 / size)
        return spreads

    def drawn(
        self, mismatch: Mismatch
    ) -> dict[str, tuple[mingru.MingruCell, dict[str, tuple[float, float]]]]:
        """Cells with a chip's capacitors in them, each with its transistors' mismatch."""
        parts: dict[str, dict[str, tuple[float, float]]] = {}
        for name, value in mismatch.items():
            instance, _, part = name.partition(".")
            parts.setdefault(instance, {})[part] = value
        result = {}
        for name, cell in self.instances().items():
            own = parts.pop(name, {})
            deviations = {part: factor - 1.0 for part, (_, factor) in own.items() if part.startswith("dev_")}
            result[name] = (
                cell.replace(deviations),
                {part: value for part, value in own.items() if not part.startswith("dev_")},
            )
        if parts:
            raise ParameterError(
                f"{self.name}: mismatch of unknown instance {next(iter(parts))!r} (another size of column?)"
            )
        return result


@dataclass(frozen=True, kw_only=True)
class IdealMingruColumn(MingruColumn):
    """One column in ideal switches: no charge injection, no leakage, comparators without offset."""

    name: ClassVar[str] = "mingru_column_ideal"
    ideal: ClassVar[bool] = True
    cells: ClassVar[Mapping[str, type[mingru.MingruCell]]] = {
        "driver": mingru.RowDriverIdeal,
        "weight": mingru.WeightIdeal,
        "h": mingru.HSynapseIdeal,
        "z": mingru.ZSynapseIdeal,
        "line": mingru.LineIdeal,
        "dac": mingru.DacIdeal,
        "comparator": mingru.ComparatorIdeal,
    }


#: Names of the two levels.
LEVELS: Mapping[str, type[MingruColumn]] = {"ideal": IdealMingruColumn, "transistor": MingruColumn}
