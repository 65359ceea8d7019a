"""Deck of one minGRU column: rails, control lines with their complements, cells, the transient."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from circuits.deck import DEFAULT_OPTIONS, Deck
from circuits.families.mingru import MingruCell
from circuits.families.mingru_column import DAC_BITS, WEIGHT_LEVELS, MingruColumn
from circuits.process import Process
from circuits.subcircuit import instance_line, subcircuit_lines
from circuits.testbench import Conditions

#: Gear damps the charge sharing of ideal switches, whose time constants are far below a phase; trap would ring.
#: The pivot limits admit nodes that only an open switch holds: with the defaults the elimination order degrades
#: and a column of 64 rows takes 60 times longer. States settle to 1e-8 V.
IDEAL_OPTIONS: Mapping[str, str] = {
    **DEFAULT_OPTIONS, "method": "gear", "reltol": "1e-5", "chgtol": "1e-20", "gmin": "1e-18",
    "pivrel": "1e-6", "pivtol": "1e-18",
}  # fmt: skip
#: A sixth of the time of reltol 1e-5; with 4 rows the lines are within 0.25 mV of it and the state within 65 uV,
#: where an LSB of 6 bits is 12.5 mV.
TRANSISTOR_OPTIONS: Mapping[str, str] = {
    **DEFAULT_OPTIONS, "method": "gear", "reltol": "1e-3", "abstol": "1e-13", "chgtol": "1e-16",
    "pivrel": "1e-6", "pivtol": "1e-18",
}  # fmt: skip

#: Time of the first event (s): until then line h is held at its initial level.
START = 10e-9


def supply_voltage(process: Process, conditions: Conditions) -> float:
    """Supply of this point in volt; the common mode is half of it."""
    return process.supply if conditions.supply is None else conditions.supply


def control_names(column: MingruColumn) -> tuple[str, ...]:
    """Every control line of a column, in the order of the deck.

    ``x<i>`` input bits; ``rst`` ``rsth`` ``rstd`` resets of lines ht and z, of line h, of the gate DAC; ``pz``
    ``sz`` precharge and share of the z-synapses; ``clkz`` ``clkh`` comparators; ``pa<g>`` ... ``hb<g>``
    precharge, share, hold of capacitors A and B of swap group g; ``dg<j>`` ``bh<j>`` ``bz<j>`` DAC bits.
    """
    groups = range(column.gate_bits + 1)
    return (
        *(f"x{row}" for row in range(column.n_rows)),
        *("rst", "rsth", "rstd", "pz", "sz", "clkz", "clkh"),
        *(f"{switch}{cap}{group}" for group in groups for cap in "ab" for switch in "psh"),
        *(f"{dac}{bit}" for dac in ("dg", "bh", "bz") for bit in range(DAC_BITS)),
    )


def initially_high(column: MingruColumn) -> frozenset[str]:
    """Control lines that are high before the first step: A holds, B is precharged, lines and DACs are reset."""
    groups = range(column.gate_bits + 1)
    middle = {f"{dac}{DAC_BITS - 1}" for dac in ("bh", "bz")}
    reference = {f"dg{bit}" for bit in range(DAC_BITS) if int(column.gate_code) >> bit & 1}
    resets = {"rst", "rsth", "rstd", "pz"}
    return frozenset(resets | middle | reference | {f"ha{g}" for g in groups} | {f"pb{g}" for g in groups})


def column_deck(
    column: MingruColumn,
    weights: tuple[Sequence[int], Sequence[int]],
    process: Process,
    conditions: Conditions,
    *,
    stop: float,
    theta: float = 0.0,
    h_initial: float = 0.0,
    analog_rows: bool = False,
    released: tuple[str, ...] = (),
    save: Iterable[str] = (),
    shorter: float = 1.0,
) -> Deck:
    """Deck of one column.

    Parameters
    ----------
    column : MingruColumn
        Level and values.
    weights : (sequence of int, sequence of int)
        2-bit weights (0 to 3) of the h- and of the z-synapses, one a row.
    process, conditions
        Cards, supply, temperature, mismatch of the chip.
    stop : float
        End of the transient (s).
    theta, h_initial : float
        Threshold of the output and initial state, volt against the common mode.
    analog_rows : bool
        The row lines are sources ``vr<i>_<w>`` instead of row drivers (first layer of a network).
    released : tuple of str
        Control lines that start low instead of high.
    save : iterable of str
        Nodes and currents to keep besides ``ht``, ``h``, ``z`` and the reference ``d``.
    shorter : float
        Factor on the largest time step.
    """
    supply = supply_voltage(process, conditions)
    cells = column.drawn(conditions.mismatch)
    if analog_rows:
        cells = {name: cell for name, cell in cells.items() if not name.startswith("r")}
    geometries = [g for cell, _ in cells.values() for g in cell.geometries().values()]
    cards = process.cards(conditions.corner, geometries) if geometries else ()
    lines = [*cards]
    for kind in dict.fromkeys(type(cell) for cell, _ in cells.values()):
        lines += subcircuit_lines(kind())
    lines += _rails(column, supply, theta, h_initial)
    high = initially_high(column) - set(released)
    for control in control_names(column):
        if not (analog_rows and control.startswith("x")):
            lines += control_lines(control, supply if control in high else 0.0, column)
    if analog_rows:
        middle = supply / 2
        lines += [f"vr{r}_{w} r{r}_{w} 0 dc {middle!r}" for r in range(column.n_rows) for w in range(4)]
    for name, (cell, mismatch) in cells.items():
        nodes = cell_nodes(column, name, weights)
        lines.append(instance_line(_at_supply(cell, supply), name, nodes, mismatch))
    step = shorter * (10e-9 if column.ideal else 5e-9)
    return Deck(
        title=f"{column.name} {column.n_rows} rows, {process.name} {conditions.corner}",
        lines=tuple(lines),
        analyses=(f"tran {step!r} {stop!r} 0 {step!r}",),
        save=tuple(dict.fromkeys(("ht", "h", "z", "d", *save))),
        options=IDEAL_OPTIONS if column.ideal else TRANSISTOR_OPTIONS,
        temperature=conditions.temperature,
    )


def control_lines(name: str, level: float, column: MingruColumn) -> list[str]:
    """Source ``v<name>``, node ``<name>`` and its complement ``<name>b``.

    An ideal source jumps when it is changed; at transistor level a resistor and a capacitor make the edge of
    a clock buffer of it, because charge injection depends on the edge.
    """
    complement = f"e{name}b {name}b 0 vdd {name} 1"
    if column.ideal:
        return [f"v{name} {name} 0 dc {level!r}", complement]
    return [
        f"v{name} {name}s 0 dc {level!r}",
        f"rc{name} {name}s {name} {column.r_clock!r}",
        f"cc{name} {name} 0 {column.c_clock!r}",
        complement,
    ]


def _rails(column: MingruColumn, supply: float, theta: float, h_initial: float) -> list[str]:
    """Supply, common mode, weight voltages, references, threshold, initial level of line h."""
    middle = supply / 2
    rails = {"vdd": supply, "vcm": middle, "theta": middle + theta, "hini": middle + h_initial}
    rails["dini"] = middle + column.v_reset
    for w, level in enumerate(WEIGHT_LEVELS):
        rails[f"w{w}"] = middle + level * column.v_fs / 2
    for name, span in (("g", column.v_gate), ("b", column.v_bias)):
        rails[f"{name}p"], rails[f"{name}n"] = middle + span / 2, middle - span / 2
    return [f"vs{node} {node} 0 dc {voltage!r}" for node, voltage in rails.items()]


def cell_nodes(column: MingruColumn, name: str, weights: tuple[Sequence[int], Sequence[int]]) -> list[str]:
    """Nodes of a cell of the column, in the order of its ports."""
    lines = {"lht": ("ht", "vcm", "rst"), "lz": ("z", "vcm", "rst"), "lh": ("h", "hini", "rsth")}
    lines["ld"] = ("d", "dini", "rstd")
    if name in lines:
        line, level, reset = lines[name]
        return [line, level, *_pair(reset), "vdd", "0"]
    dacs = {"dg": ("d", "g", "dg"), "dbh": ("ht", "b", "bh"), "dbz": ("z", "b", "bz")}
    if name in dacs:
        top, reference, bits = dacs[name]
        pairs = [node for bit in range(DAC_BITS) for node in _pair(f"{bits}{bit}")]
        return [top, f"{reference}p", f"{reference}n", *pairs, "vdd", "0"]
    comparators = {"cz": ("z", "d", "clkz"), "ch": ("h", "theta", "clkh")}
    if name in comparators:
        return [*comparators[name], f"{name}p", f"{name}n", "vdd", "0"]
    return list(_row_nodes(column, name, weights))


def _row_nodes(
    column: MingruColumn, name: str, weights: tuple[Sequence[int], Sequence[int]]
) -> Iterator[str]:
    """Nodes of a cell that belongs to one row."""
    kind, row = name.rstrip("0123456789"), int(name.lstrip("rwhz"))
    bus = [f"r{row}_{w}" for w in range(4)]
    if kind == "r":
        yield from ("w0", "w1", "w2", "w3", "vcm", *_pair(f"x{row}"), *bus)
    elif kind in ("wh", "wz"):
        weight = weights[kind == "wz"][row]
        yield from (*bus, f"i{kind}{row}")
        yield from ("vdd" if w == weight else "0" for w in range(4))
        yield from ("0" if w == weight else "vdd" for w in range(4))
    elif kind == "h":
        group = column.group(row)
        yield from (f"iwh{row}", "ht", "h")
        for cap in "ab":
            for switch in "psh":
                yield from _pair(f"{switch}{cap}{group}")
    else:
        yield from (f"iwz{row}", "z", *_pair("pz"), *_pair("sz"))
    yield from ("vdd", "0")


def _pair(control: str) -> tuple[str, str]:
    """A control line and its complement."""
    return control, f"{control}b"


def _at_supply(cell: MingruCell, supply: float) -> MingruCell:
    """Ideal cells toggle at half the supply of the point and put out its full swing."""
    levels = {"v_switch": supply / 2, "v_high": supply}
    return cell.replace({name: value for name, value in levels.items() if name in cell.declarations()})
