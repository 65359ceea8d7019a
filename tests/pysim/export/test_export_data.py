"""The data formats hold what was exported, and what is no such file is refused."""

from __future__ import annotations

import dataclasses
import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from export_cases import delay_layer, digits, small_table

from calibration.table import CalibrationTable, OutOfDomain, TableError
from pysim.delays.layer import DelayLayer
from pysim.export.c_header import bound
from pysim.export.exporter import Conformance, Exporter, ExportError, Source
from pysim.export.lookup import deviation, look_up, look_ups, narrowed, probes
from pysim.export.registry import find_exporter, names
from pysim.export.source import read_source
from pysim.mingru.network import MinGruNetwork

SOURCES = {
    "table": small_table,
    "minGRU": digits,
    "delays": delay_layer,
    "delays with own tau": lambda: delay_layer(own_tau=True),
}


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("form", ["npz", "json", "csv", "c", "matlab"])
def test_what_a_format_holds_passes_its_check(form: str, kind: str) -> None:
    exporter, source = find_exporter(form), SOURCES[kind]()
    assert exporter.check is not None
    if not isinstance(source, exporter.holds):
        with pytest.raises(ExportError, match=r"cannot hold a .*use "):
            exporter.export(source)
        return
    lines = exporter.check(source, {}, exporter.export(source))
    assert lines
    assert [line for line in lines if not line.passed] == []


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("form", ["npz", "json"])
def test_files_read_back_to_an_equal_object(form: str, kind: str, tmp_path: Path) -> None:
    source = SOURCES[kind]()
    path = tmp_path / f"x.{form}"
    path.write_bytes(find_exporter(form).export(source))
    read = read_source(path)
    assert type(read) is type(source)
    if isinstance(source, CalibrationTable):
        assert isinstance(read, CalibrationTable)
        assert read.digest == source.digest
    elif isinstance(source, MinGruNetwork):
        assert isinstance(read, MinGruNetwork)
        assert np.array_equal(read.layers[1].weight_h, source.layers[1].weight_h)
        assert read.summary == source.summary
    else:
        assert isinstance(read, DelayLayer)
        for name in ("weights", "delays", "tau_synapse", "soma", "dt", "grid"):
            assert np.array_equal(getattr(read, name), getattr(source, name)), name


def test_a_wrong_number_in_the_file_fails_the_check() -> None:
    exporter, layer = find_exporter("npz"), delay_layer()
    other = dataclasses.replace(layer, weights=layer.weights * 1.1)
    assert exporter.check is not None
    assert not all(line.passed for line in exporter.check(layer, {}, exporter.export(other)))


@pytest.mark.parametrize("form", ["csv", "c"])
def test_values_of_another_law_fail_the_check(form: str) -> None:
    exporter, table = find_exporter(form), small_table()
    entries = dict(table.entries)
    tau = entries["block.tau"]
    parameters = {**tau.parameters, "exponent": dataclasses.replace(tau.parameters["exponent"], value=-0.91)}
    entries["block.tau"] = dataclasses.replace(tau, parameters=parameters)
    other = dataclasses.replace(table, entries=entries)
    assert exporter.check is not None
    assert not all(line.passed for line in exporter.check(table, {}, exporter.export(other)))


def test_the_stated_error_of_interpolation_covers_other_points() -> None:
    entry = small_table().entries["block.tau"]
    entry = dataclasses.replace(entry, scale="linear")
    found = look_up(entry)
    assert 0 < found.error < 1e-3
    assert deviation(found, entry, probes(entry, 99)) <= 1.2 * found.error
    assert bound(found) > found.error


def test_an_input_held_at_a_value_leaves_a_constant() -> None:
    table = small_table()
    found = look_ups(table, {"current": 2e-11}).tables[0]
    assert found.axes == ()
    exact = table.entries["block.tau"].predict({"current": 2e-11}).value
    assert float(found.values) == pytest.approx(exact, rel=1e-14)
    assert narrowed(table.entries["block.tau"], {"current": 2e-11}).box["current"].low == 2e-11


def test_held_inputs_are_checked() -> None:
    with pytest.raises(ExportError, match="no input 'curent'; accepted: current"):
        look_ups(small_table(), {"curent": 1e-11})
    with pytest.raises(OutOfDomain, match="outside every fitted range"):
        look_ups(small_table(), {"current": 1e-9})


def test_179200_synapses_fit_into_ten_megabytes() -> None:
    data = find_exporter("npz").export(delay_layer(700, 256, own_tau=True))
    assert len(data) < 10e6


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npz", pickle.dumps({"x": 1}), "a pickle, which can run code"),
        ("a.pkl", b"", "pickled files can run code"),
        ("a.npz", b"PK no archive", "accepted: .npz, .json"),
        ("a.json", b"{", "not JSON"),
        ("a.json", b"[1]", "neither a calibration table nor a network"),
        (
            "a.json",
            b'{"format": "delay-layer/2", "arrays": {}}',
            "'delay-layer/2' is newer than this release",
        ),
        ("a.json", b'{"format": "gru/1", "arrays": {}}', "format 'gru/1' is unknown; accepted"),
        ("a.json", b'{"format": "delay-layer/1", "arrays": {}}', "array 'soma' is missing"),
        ("a.h5", b"", "files of type .h5 are not read"),
    ],
)
def test_a_file_that_is_no_export_is_refused_by_name(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ExportError) as caught:
        read_source(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_an_array_of_objects_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "objects.npz"
    np.savez(path, format=np.array([{"run": "code"}], dtype=object), allow_pickle=True)
    with pytest.raises(ExportError, match="pickled"):
        read_source(path)


def test_an_archive_that_unpacks_to_too_much_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pysim.export.source.LARGEST", 10_000)
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, format=np.array("delay-layer/1"), weights=np.zeros(10_000))
    with pytest.raises(ExportError, match=r"unpacks to .* accepted: at most 10000"):
        read_source(path)


def test_an_array_that_claims_more_than_the_file_holds_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "claims.npz"
    member = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (10**13,)}
    np.lib.format.write_array_header_1_0(member, header)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights.npy", member.getvalue())
    with pytest.raises(ExportError, match=r"claims\.npz: .*accepted: \.npz"):
        read_source(path)


def test_an_archive_with_a_path_in_it_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "paths.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../outside.npy", b"")
    with pytest.raises(ExportError, match="is no array"):
        read_source(path)


def test_a_newer_table_is_refused(tmp_path: Path) -> None:
    document = small_table().document()
    path = tmp_path / "table.json"
    path.write_text(json.dumps({**document, "schema_version": "9.0.0"}))
    with pytest.raises(TableError, match="newer than"):
        read_source(path)


def test_an_unknown_array_of_a_network_is_named(tmp_path: Path) -> None:
    with np.load(io.BytesIO(find_exporter("npz").export(delay_layer()))) as data:
        arrays = {**data, "plasticity": np.zeros(3)}
    path = tmp_path / "more.npz"
    np.savez(path, **arrays)
    with pytest.raises(ExportError, match="array 'plasticity' is unknown"):
        read_source(path)


def test_an_unknown_format_lists_all() -> None:
    with pytest.raises(ExportError, match=r"unknown format 'nzp' \(did you mean 'npz'\?\); known: npz, json"):
        find_exporter("nzp")


def test_a_third_party_brings_a_format_but_replaces_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def content(source: Source, at: object) -> bytes:
        return b"x"

    def check(source: Source, at: object, data: bytes) -> tuple[Conformance, ...]:
        return ()

    mine = Exporter(
        name="mine", suffix=".x", title="mine", holds=(CalibrationTable,), content=content, check=check
    )

    class Point:
        def load(self) -> Exporter:
            return mine

    monkeypatch.setattr("pysim.export.registry._foreign", lambda: {"mine": Point(), "npz": Point()})
    assert find_exporter("mine") is mine
    assert find_exporter("npz") is not mine
    assert names().count("npz") == 1


def test_conformance_does_not_hold_for_nan() -> None:
    line = Conformance(tool="t", version="1", stimulus="s", metric="m", value=float("nan"), tolerance=1.0)
    assert not line.passed
