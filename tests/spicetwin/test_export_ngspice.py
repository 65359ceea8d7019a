"""Exported subcircuits run in ngspice and give what the twin gives."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from calibration.table import CalibrationTable, Entry, Parameter, Provenance, load, resolve
from pysim.delays.draw import assumed_table
from pysim.export.exporter import ExportError
from pysim.export.registry import find_exporter
from pysim.export.spice import content
from pysim.export.trial import time_error
from spicetwin.export_ngspice import check_spice


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
    data = content(table, {}).replace(b"ln(1 + sqrt(", b"ln(1 + 1.02*sqrt(")
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
        check_spice(table, {}, content(table, {}).replace(b"c_vc vc 0 1n", b"c_vc vc 0 oops"))


def test_a_missing_output_pulse_is_no_small_error() -> None:
    wanted = np.array([0.1, 0.2])
    assert time_error(wanted, np.array([0.1, 0.2 + 1e-4]), 0.1) == pytest.approx(1e-3)
    assert time_error(wanted, wanted[:1], 0.1) == np.inf
    assert time_error(wanted[:0], wanted[:0], 0.1) == np.inf


def test_the_file_names_the_table_and_the_operating_point() -> None:
    text = find_exporter("spice").export(load(resolve("dpi_generic130@1.1.0")), {"i_tau": 1e-12}).decode()
    assert "digest d8df8f2e" in text
    assert "* synapse at i_gain" in text
    assert "i_tau = 1e-12" in text


@pytest.mark.ngspice
@pytest.mark.parametrize(
    "name", ["memcap_generic130", "mingru_generic130", "denram_charge_comparator_generic130"]
)
def test_other_blocks_follow_their_twins(name: str) -> None:
    table = load(resolve(name))
    lines = check_spice(table, {}, content(table, {}))
    assert len(lines) == 2
    assert [line for line in lines if not line.passed] == []


@pytest.mark.ngspice
def test_the_neuron_spikes_when_the_twin_does() -> None:
    table = load(resolve("dpi_generic130@1.1.0"))
    entries = {n: e for n, e in table.entries.items() if n.startswith("neuron.")}
    table = dataclasses.replace(table, entries=entries)
    lines = check_spice(table, {}, content(table, {}))
    assert [line.stimulus.split(",")[0] for line in lines] == ["neuron typical", "neuron with mismatch"]
    assert [line for line in lines if not line.passed] == []


def test_what_has_no_behavioural_block_is_refused() -> None:
    entries = {"block.gain": Entry("gain", "1", "constant", {"value": Parameter(0.5, "1")})}
    table = CalibrationTable("small", "1.0.0", "2026-11-21T00:00:00Z", entries, Provenance("virtual"))
    with pytest.raises(ExportError, match="no block with a behavioural model"):
        find_exporter("spice").export(table)
    with pytest.raises(ExportError, match="no block has an input 'i_tua'; accepted: "):
        find_exporter("spice").export(load(resolve("dpi_generic130")), {"i_tua": 1e-12})
