"""The minGRU cells: netlist and declaration agree, both levels have the same ports, and a gate conducts and injects."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pytest

from circuits.circuit import Circuit
from circuits.deck import Deck, Simulator
from circuits.families import mingru
from circuits.ngspice.pool import Pool
from circuits.process import get_process
from circuits.subcircuit import instance_line, subcircuit_lines

TRANSISTOR_CELLS = [cell for cell in mingru.CELLS if cell.transistors]


def joined(circuit: Circuit) -> list[str]:
    return "\n".join(subcircuit_lines(circuit)).replace("\n+", "").splitlines()


@pytest.mark.parametrize("cell", TRANSISTOR_CELLS, ids=lambda c: c.name)
def test_every_transistor_is_declared_with_polarity_and_size(cell: type[mingru.MingruCell]) -> None:
    found = {}
    for line in joined(cell())[1:]:
        if line.startswith("M"):
            words = line.split()
            size = dict(re.findall(r"\b([wl])=\{(\w+)\}", line))
            name = words[0][1:]
            found[name] = (words[5][0], size["w"], size["l"])
            assert words[4] == {"n": "gnd", "p": "vdd"}[words[5][0]]
            assert f"delvto={{dvt_{name}}} mulu0={{mu_{name}}}" in line
    assert found == dict(cell.transistors)


@pytest.mark.parametrize("cell", mingru.CELLS, ids=lambda c: c.name)
def test_ports_stand_in_the_order_of_the_subcircuit_line(cell: type[mingru.MingruCell]) -> None:
    words = joined(cell())[0].split("params:")[0].split()
    assert words == [".subckt", cell.name, *cell.ports]


@pytest.mark.parametrize(
    ("real", "ideal"),
    [
        (mingru.TransmissionGate, mingru.Switch),
        (mingru.Weight, mingru.WeightIdeal),
        (mingru.RowDriver, mingru.RowDriverIdeal),
        (mingru.HSynapse, mingru.HSynapseIdeal),
        (mingru.ZSynapse, mingru.ZSynapseIdeal),
        (mingru.Line, mingru.LineIdeal),
        (mingru.Dac, mingru.DacIdeal),
        (mingru.Comparator, mingru.ComparatorIdeal),
    ],
    ids=lambda c: c.name,
)
def test_both_levels_of_a_cell_have_the_same_ports_in_their_netlists(
    real: type[mingru.MingruCell], ideal: type[mingru.MingruCell]
) -> None:
    heads = [joined(cell())[0].split("params:")[0].split()[2:] for cell in (real, ideal)]
    assert heads[0] == heads[1]


@dataclass(frozen=True)
class GateCase:
    """A transmission gate that opens at 10 ns and leaves 20 fF floating at a voltage."""

    voltage: float


def injected(simulator: Simulator, case: GateCase) -> float:
    """Step of the capacitor's voltage (V)."""
    process = get_process("generic130")
    gate = mingru.TransmissionGate()
    lines = (
        *process.cards("tt", gate.geometries().values()),
        *subcircuit_lines(gate),
        "vdd vdd 0 1.8",
        f"vin in 0 {case.voltage!r}",
        "von on 0 pwl(0 1.8 10n 1.8 10.1n 0)",
        "eoff off 0 vdd on 1",
        "c1 out 0 20f",
        instance_line(gate, "g", ("in", "out", "on", "off", "vdd", "0")),
    )
    deck = Deck("gate", lines, ("tran 0.1n 20n 0 0.1n",), ("out",))
    waves = simulator.run(deck).analyses[0]
    return float(waves["out"][-1] - case.voltage)


def test_injection_of_an_equal_gate_is_odd_about_half_the_supply(pool: Pool) -> None:
    """Half of the channel charge: (W L Cox)_(n+p) / (2 C) = 9 % of the distance from VDD/2, once both conduct."""
    outcomes = pool.map(injected, [GateCase(v) for v in (0.75, 0.9, 1.05)])
    low, middle, high = (o.value for o in outcomes)
    assert low is not None
    assert middle is not None
    assert high is not None
    slope = (high - low) / 0.3
    assert abs(middle) < 3e-3
    assert 0.05 < slope < 0.13
    assert np.sign(low) != np.sign(high)


@pytest.mark.parametrize("difference", [-2e-3, 2e-3])
@pytest.mark.parametrize("cell", [mingru.Comparator(), mingru.ComparatorIdeal()], ids=lambda c: c.name)
def test_a_comparator_tells_two_millivolt(pool: Pool, cell: mingru.MingruCell, difference: float) -> None:
    (outcome,) = pool.map(decision, [DecisionCase(cell, difference)])
    assert outcome.value == (difference > 0), outcome.error


@dataclass(frozen=True)
class DecisionCase:
    cell: mingru.MingruCell
    difference: float


def decision(simulator: Simulator, case: DecisionCase) -> bool:
    """Whether the positive output is above the negative one 8 ns after the clock."""
    process = get_process("generic130")
    geometries = list(case.cell.geometries().values())
    lines = (
        *(process.cards("tt", geometries) if geometries else ()),
        *subcircuit_lines(case.cell),
        "vdd vdd 0 1.8",
        f"vp p 0 {0.9 + case.difference / 2!r}",
        f"vn n 0 {0.9 - case.difference / 2!r}",
        "vclk clk 0 pwl(0 0 2n 0 2.1n 1.8)",
        "rp op 0 1g",
        "rn on 0 1g",
        instance_line(case.cell, "c", ("p", "n", "clk", "op", "on", "vdd", "0")),
    )
    waves = simulator.run(Deck("cmp", lines, ("tran 0.1n 10n 0 0.1n",), ("op", "on"))).analyses[0]
    first, last = waves["op"] - waves["on"], float(waves["op"][-1] - waves["on"][-1])
    assert abs(float(first[0])) < 1e-3
    assert abs(last) > 1.7
    return last > 0
