"""Calibration tables on disk: what is accepted, what is refused, what is never changed."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from calibration.table import (
    CalibrationTable,
    Covariance,
    Entry,
    Interval,
    Parameter,
    Provenance,
    Source,
    TableError,
    Validation,
    Variation,
    diff,
    list_tables,
    load,
    resolve,
    write,
)

LEGACY = Path(__file__).parent.parent / "legacy"
HOSTILE = "<script>alert(1)</script>\n.control\nshell rm -rf /\n.endc \"';--\u202e\x00"


def example(version: str = "1.0.0", value: float = 10e-3, description: str = "example") -> CalibrationTable:
    tau = Entry(
        quantity="time constant",
        unit="s",
        law="constant",
        scale="log",
        parameters={"value": Parameter(value, "s", value * 0.02, (0.0, float("inf")), True, "log")},
        covariance=Covariance(("value",), ((4e-4,),)),
        reference={"corner": "tt", "temperature": 300.15},
        redchi=1.1,
        n_points=40,
        variation=(Variation("die", "lognormal", 0.1, 0.01, 100, "vth"),),
        validation=(Validation("one bias", "relative error", 0.004, 0.01),),
    )
    slope = Entry(
        quantity="line",
        unit="1",
        law="line",
        parameters={"offset": Parameter(1.0, "1"), "slope": Parameter(2.0, "1", 0.1)},
        covariance=Covariance(("slope",), ((0.01,),)),
        domain={"i_thr": Interval(0.0, 1.0, "1")},
        arguments={"i_thr": "x"},
    )
    origin = Provenance("virtual", seed=3, sources=(Source("a.csv", "0" * 64, "virtual"),), git_dirty=False)
    return CalibrationTable(
        "example", version, "2026-11-21T00:00:00Z", {"a.tau": tau, "a.line": slope}, origin, description
    )


def edited(path: Path, **changes: object) -> Path:
    """The file with top-level values changed and the digest left as it was."""
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | changes))
    return path


def test_a_table_survives_the_file_unchanged(tmp_path: Path) -> None:
    table = example()
    again = load(write(table, tmp_path))
    assert again == table
    assert again.digest == table.digest


def test_two_writes_of_one_table_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = write(example(), tmp_path / "a"), write(example(), tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()


def test_tables_are_append_only(tmp_path: Path) -> None:
    path = write(example(), tmp_path)
    before = path.read_bytes()
    with pytest.raises(TableError, match="append-only"):
        write(example(value=1.0), tmp_path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["1.0.0.json"]


def test_a_refused_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("calibration.table.os.fsync", full)
    with pytest.raises(TableError, match="No space left"):
        write(example(), tmp_path)
    assert list((tmp_path / "example").iterdir()) == []


def test_a_hand_edited_value_is_noticed(tmp_path: Path) -> None:
    path = write(example(), tmp_path)
    path.write_text(path.read_text().replace("0.01,", "0.02,", 1))
    with pytest.raises(TableError, match="does not match its digest"):
        load(path)


def test_reformatting_without_a_change_of_content_is_no_edit(tmp_path: Path) -> None:
    path = write(example(), tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()), indent=4, sort_keys=True))
    assert load(path) == example()


@pytest.mark.parametrize(
    ("content", "claim"),
    [
        (b"", "line 1, column 1"),
        (b'{"schema_version": "1.0.0", ', "line 1, column"),
        (b"[]", "JSON object"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"a": 1, "a": 2}', "appears twice"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": 1e999}', "1e999"),
        (b'{"a": ' * 100_000, "broken.json"),
        (b"{}", "schema_version is None; accepted: 1.0.0"),
        (b'{"schema_version": 1}', "schema_version is 1; accepted"),
        (b'{"schema_version": "0.9.0"}', "unknown; accepted: 1.0.0"),
        (b'{"schema_version": "1.0.0"}', "required"),
    ],
)
def test_what_is_no_table_is_refused_with_its_file_name(tmp_path: Path, content: bytes, claim: str) -> None:
    path = tmp_path / "broken.json"
    path.write_bytes(content)
    with pytest.raises(TableError) as caught:
        load(path)
    assert claim in str(caught.value)
    assert "broken.json" in str(caught.value)


def test_a_missing_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="cannot be read"):
        load(tmp_path / "none.json")


@pytest.mark.parametrize("version", ["1.0.1", "1.10.0", "2.0.0"])
def test_a_newer_schema_names_its_version_and_the_upgrade(tmp_path: Path, version: str) -> None:
    path = edited(write(example(), tmp_path), schema_version=version, invention="of the future")
    with pytest.raises(TableError, match=rf"{version}.*upgrade spicetwin"):
        load(path)


def test_an_unknown_key_violates_the_schema(tmp_path: Path) -> None:
    document = example().document()
    del document["digest"]
    path = tmp_path / "t.json"
    path.write_text(json.dumps(document | {"colour": "red"}))
    with pytest.raises(TableError, match="colour"):
        load(path)


def test_hostile_text_is_kept_as_data(tmp_path: Path) -> None:
    again = load(write(example(description=HOSTILE), tmp_path))
    assert again.description == HOSTILE


@pytest.mark.parametrize("name", ["../escape", "UPPER", "a/b", ""])
def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(TableError):
        write(dataclasses.replace(example(), name=name), tmp_path / "root")
    assert list(tmp_path.rglob("*.json")) == []


def test_a_value_that_is_not_a_number_is_not_written(tmp_path: Path) -> None:
    entry = dataclasses.replace(example().entry("a.tau"), redchi=float("nan"))
    table = dataclasses.replace(example(), entries={"a.tau": entry})
    with pytest.raises(TableError):
        write(table, tmp_path)


def test_latest_version_is_found_by_number_not_by_spelling(tmp_path: Path) -> None:
    for version in ("1.2.0", "1.10.0", "1.9.9"):
        write(example(version), tmp_path)
    assert resolve("example", tmp_path).stem == "1.10.0"
    assert resolve("example@1.2.0", tmp_path).stem == "1.2.0"
    assert [p.stem for p in list_tables(tmp_path)] == ["1.2.0", "1.9.9", "1.10.0"]


def test_an_unknown_table_lists_the_known_ones(tmp_path: Path) -> None:
    write(example(), tmp_path)
    with pytest.raises(TableError, match=r"example@1\.0\.0"):
        resolve("exampel", tmp_path)


def test_an_unknown_entry_lists_the_known_ones() -> None:
    with pytest.raises(TableError, match=r"a\.line, a\.tau"):
        example().entry("a.taux")


def test_diff_reports_the_changed_leaf_alone() -> None:
    found = diff(example(), example(value=20e-3))
    assert {d.path for d in found} == {
        "entries.a.tau.parameters.value.value",
        "entries.a.tau.parameters.value.stderr",
    }
    assert diff(example(), example()) == ()


@pytest.mark.parametrize("path", sorted(LEGACY.glob("table_*.json")), ids=lambda p: p.stem)
def test_tables_of_earlier_releases_keep_loading(path: Path) -> None:
    table = load(path)
    assert table.entry("a.tau").predict().value == pytest.approx(10e-3)
    assert table.entry("a.tau").variation[0].factor == "vth"


def test_there_is_a_legacy_file_of_every_schema() -> None:
    schemas = Path(load.__code__.co_filename).parent / "schema"
    assert {f"table_{p.name}" for p in schemas.iterdir()} == {p.stem for p in LEGACY.glob("table_*.json")}
