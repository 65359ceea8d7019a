"""What every circuit and testbench must do, third-party ones included."""

from __future__ import annotations

import math
import re
from importlib.resources import files
from pathlib import Path

import pytest

from circuits.deck import Simulator
from circuits.families import circuits
from circuits.families import testbenches as all_testbenches
from circuits.ngspice.pool import Pool
from circuits.process import get_process
from circuits.subcircuit import instance_line, subcircuit_lines
from circuits.testbench import Conditions
from spicetwin.quantity import parse_quantity

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
UNITS = {
    "1",
    "A",
    "V",
    "s",
    "F",
    "C",
    "J",
    "W",
    "Hz",
    "m",
    "Ohm",
    "A/Hz",
    "1/K",
    "V/s",
    "S",
    "A^2/Hz",
    "V/decade",
}


def observe(simulator: Simulator, name: str) -> dict[str, float]:
    """One point at the defaults of a testbench."""
    return all_testbenches()[name]().run(simulator, get_process("generic130"), Conditions())  # type: ignore[call-arg]


def netlist_defaults(lines: tuple[str, ...], name: str) -> dict[str, float]:
    """``name=value`` pairs of the subcircuit's head, continuation lines included."""
    text = "\n".join(lines).replace("\n+", " ")
    head = next(line for line in text.splitlines() if line.lower().startswith(f".subckt {name}"))
    return {k: parse_quantity(v) for k, v in re.findall(r"(\w+)=(\S+)", head)}


@pytest.mark.parametrize("name", sorted(all_testbenches()))
def test_every_observable_is_declared_finite_and_has_a_unit(name: str, pool: Pool) -> None:
    bench = all_testbenches()[name]
    (outcome,) = pool.map(observe, [name])
    assert outcome.error is None, outcome.error
    assert outcome.value is not None
    assert set(outcome.value) == {o.name for o in bench.observables}
    assert all(math.isfinite(v) for v in outcome.value.values()), outcome.value
    assert all(o.unit in UNITS and o.description for o in bench.observables), [
        o.unit for o in bench.observables
    ]


@pytest.mark.parametrize("name", sorted(all_testbenches()))
def test_stimulus_and_dut_parameters_have_disjoint_names(name: str) -> None:
    bench = all_testbenches()[name]()  # type: ignore[call-arg]
    assert not set(bench.declarations()) & set(bench.dut.declarations())


@pytest.mark.parametrize("name", sorted(circuits()))
def test_defaults_of_netlist_and_dataclass_are_equal(name: str) -> None:
    circuit = circuits()[name]()
    written = netlist_defaults(subcircuit_lines(circuit), name)
    declared = circuit.values()
    shared = {k: v for k, v in written.items() if k in declared}
    assert set(declared) == set(shared)
    for parameter, value in shared.items():
        assert value == pytest.approx(declared[parameter], rel=1e-12), parameter


@pytest.mark.parametrize("name", sorted(circuits()))
def test_every_transistor_takes_a_mismatch_draw(name: str) -> None:
    circuit = circuits()[name]()
    written = netlist_defaults(subcircuit_lines(circuit), name)
    for transistor in circuit.transistors:
        assert written[f"dvt_{transistor}"] == 0.0
        assert written[f"mu_{transistor}"] == 1.0


@pytest.mark.parametrize("name", sorted(circuits()))
def test_netlist_is_the_committed_one(name: str, request: pytest.FixtureRequest) -> None:
    """A changed netlist or default shows here; ``pytest --regenerate-golden`` accepts it."""
    circuit = circuits()[name]()
    text = "\n".join([*subcircuit_lines(circuit), instance_line(circuit, "dut", circuit.ports)]) + "\n"
    path = GOLDEN / f"{name}.cir"
    if request.config.getoption("--regenerate-golden"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


def test_golden_netlists_belong_to_circuits() -> None:
    assert {p.stem for p in GOLDEN.glob("*.cir")} == set(circuits())
    assert all(files("netlists").joinpath(c.netlist).is_file() for c in circuits().values())
