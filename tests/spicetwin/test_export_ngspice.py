"""Exported subcircuits run in ngspice and give what the twin gives."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from calibration.table import CalibrationTable, load, resolve
from pysim.delays.draw import assumed_table
from pysim.delays.element import DelayElement
from pysim.export.exporter import ExportError
from pysim.export.registry import find_exporter
from pysim.export.spice import content
from spicetwin.export_ngspice import check_spice, delay_error


def synapse_only(scale: float = 1.0) -> CalibrationTable:
    """Entries of the synapse alone, its time constant scaled."""
    table = load(resolve("dpi_generic130@1.1.0"))
    entries = {n: e for n, e in table.entries.items() if n.startswith("synapse.")}
    tau = entries["synapse.tau"]
    c = tau.parameters["c_syn"]
    parameters = {**tau.parameters, "c_syn": dataclasses.replace(c, value=c.value * scale)}
    entries["synapse.tau"] = dataclasses.replace(tau, parameters=parameters)
    return dataclasses.replace(table, entries=entries)


@pytest.mark.ngspice
def test_the_synapse_follows_the_twin_within_half_a_percent() -> None:
    table = synapse_only()
    lines = check_spice(table, {}, content(table, {}))
    assert [line.stimulus.split(",")[0] for line in lines] == ["synapse typical", "synapse with mismatch"]
    assert [line for line in lines if not line.passed] == []


@pytest.mark.ngspice
def test_another_output_law_in_the_file_is_caught() -> None:
    # Instance parameters override the file's; a wrong equation does not get past.
    table = synapse_only()
    data = content(table, {}).replace(b"exp(-v(y)/kappa)", b"exp(-v(y)/kappa/1.2)")
    data = data.replace(b"ln(1 + sqrt(", b"ln(1 + 1.02*sqrt(")
    assert not all(line.passed for line in check_spice(table, {}, data))


@pytest.mark.ngspice
def test_the_delay_element_fires_when_the_twin_does() -> None:
    table = assumed_table()
    lines = check_spice(table, {}, content(table, {}))
    assert [line for line in lines if not line.passed] == []


@pytest.mark.ngspice
def test_a_library_that_ngspice_refuses_is_an_error() -> None:
    table = assumed_table()
    with pytest.raises(ExportError, match="ngspice does not run the exported denram"):
        check_spice(table, {}, content(table, {}).replace(b"cvc vc 0 1n", b"cvc vc 0 oops"))


def test_a_missing_output_pulse_is_no_small_error() -> None:
    twin = DelayElement(resistance=np.full((1, 1), 1e10), capacitance=1e-12, v_start=0.8, v_trip=0.3)
    time = np.linspace(0.0, 0.1, 101)
    pulse = np.where(np.arange(101) == 5, 1.0, 0.0)
    assert delay_error(twin, np.array([0.0, 0.05]), time, pulse) == np.inf


def test_the_file_names_the_table_and_the_operating_point() -> None:
    text = find_exporter("spice").export(load(resolve("dpi_generic130@1.1.0")), {"i_tau": 1e-12}).decode()
    assert "digest d8df8f2e" in text
    assert "* synapse at i_gain" in text
    assert "i_tau = 1e-12" in text


def test_what_has_no_behavioural_block_is_refused() -> None:
    with pytest.raises(ExportError, match="no block with a behavioural model"):
        find_exporter("spice").export(load(resolve("mingru_generic130")))
    with pytest.raises(ExportError, match="no block has an input 'i_tua'; accepted: "):
        find_exporter("spice").export(load(resolve("dpi_generic130")), {"i_tua": 1e-12})


def test_a_charging_element_is_refused_with_the_nearest() -> None:
    table = assumed_table()
    entries = dict(table.entries)
    entries["denram.c_delay"] = dataclasses.replace(
        entries["denram.c_delay"], reference={"topology": "charge"}
    )
    with pytest.raises(ExportError, match=r"topology 'charge'.*the nearest are"):
        find_exporter("spice").export(dataclasses.replace(table, entries=entries))
