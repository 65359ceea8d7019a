"""The code that computed a number is known by its content."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path

import pytest

from circuits import provenance
from circuits.provenance import code_digest


def test_an_edit_of_the_package_changes_the_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "circuits"
    shutil.copytree(provenance.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance, "PACKAGE", copy)
    before = code_digest()
    assert code_digest() == before

    source = copy / "measure.py"
    source.write_text(source.read_text() + "# another line\n")

    assert code_digest() != before


def test_an_edit_of_a_third_partys_base_class_changes_the_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tmp_path / "third_party_base.py"
    base.write_text("class Base:\n    level = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    bench = type("Bench", (importlib.import_module("third_party_base").Base,), {})
    before = code_digest(bench)
    assert code_digest(bench) == before

    base.write_text("class Base:\n    level = 2\n")

    assert code_digest(bench) != before


def test_a_class_without_a_file_counts_by_its_name() -> None:
    first, second = (
        type("First", (), {"__module__": "nowhere"}),
        type("Second", (), {"__module__": "nowhere"}),
    )
    assert code_digest(first) != code_digest(second)
