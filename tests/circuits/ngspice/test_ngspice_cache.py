"""The result cache: a repeated plan costs no simulation; damage and a full disk cost no result."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ngspice_plans import deck, divide, divided, loaded_pyspice, waveforms

from circuits.deck import Deck, SimulationResult, Waveforms
from circuits.ngspice import cache as cache_module
from circuits.ngspice.cache import ResultCache, default_cache_dir
from circuits.ngspice.library import library_digest
from circuits.ngspice.pool import Pool

DECK = deck(("v1 a 0 dc 1", "r1 a 0 1k"), save=("a",))
RESULT = SimulationResult(
    (
        Waveforms("tran 1 2", {"a": np.array([1.0, np.nan]), "time": np.array([0.0, 2.0])}),
        Waveforms("ac dec 1 1 10", {"frequency": np.array([1.0]), "a": np.array([1 + 2j])}),
        Waveforms("noise v(a) v1 dec 1 1 10", {"onoise_spectrum": np.ones(3), "onoise_total": np.ones(1)}),
    ),
    "Note: something",
    0.25,
)


def test_stored_result_comes_back_bit_equal(tmp_path: Path) -> None:
    store = ResultCache(tmp_path, "simulator")
    assert store.load(DECK) is None

    store.store(DECK, RESULT)
    loaded = store.load(DECK)

    assert loaded is not None
    assert loaded.cached
    assert (loaded.log, loaded.solve_seconds) == (RESULT.log, RESULT.solve_seconds)
    for got, want in zip(loaded.analyses, RESULT.analyses, strict=True):
        assert got.analysis == want.analysis
        assert list(got.vectors) == list(want.vectors)
        for name in want.vectors:
            assert got[name].dtype == want[name].dtype
            np.testing.assert_array_equal(got[name], want[name])


@pytest.mark.parametrize(
    "changed",
    [
        deck(("v1 a 0 dc 2", "r1 a 0 1k"), save=("a",)),
        deck(DECK.lines, ("tran 1 2",), ("a",)),
        deck(DECK.lines, save=()),
        Deck("test", DECK.lines, DECK.analyses, DECK.save, {"gmin": "1e-12"}),
        Deck("test", DECK.lines, DECK.analyses, DECK.save, temperature=310.0),
    ],
)
def test_anything_that_decides_the_result_changes_the_entry(tmp_path: Path, changed: Deck) -> None:
    store = ResultCache(tmp_path, "simulator")
    store.store(DECK, RESULT)

    assert store.load(changed) is None


def test_title_does_not_change_the_entry_but_the_simulator_does(tmp_path: Path) -> None:
    ResultCache(tmp_path, "simulator").store(DECK, RESULT)

    assert ResultCache(tmp_path, "simulator").load(deck(DECK.lines, save=("a",), title="other")) is not None
    assert ResultCache(tmp_path, "other simulator").load(DECK) is None


def test_changed_content_of_a_nested_included_file_changes_the_entry(tmp_path: Path) -> None:
    outer, inner = tmp_path / "outer.inc", tmp_path / "inner.inc"
    outer.write_text(".include inner.inc\n")
    inner.write_text(".param extra=1\n")
    store = ResultCache(tmp_path / "cache", "ngspice")
    included = deck((*DECK.lines, f".include '{outer}'"))
    store.store(included, RESULT)
    assert store.load(included) is not None

    inner.write_text(".param extra=22\n")

    assert store.load(included) is None


def test_changed_content_of_an_included_file_changes_the_entry(tmp_path: Path) -> None:
    cards = tmp_path / "cards.lib"
    cards.write_text(".model n nmos level=1\n")
    included = deck((*DECK.lines, f'.include "{cards}"'))
    store = ResultCache(tmp_path / "cache", "simulator")
    store.store(included, RESULT)
    assert store.load(included) is not None

    cards.write_text(".model n nmos level=1 vto=0.5\n")

    assert store.load(included) is None


@pytest.mark.parametrize("damaged", [b"", b"PK", b"no archive at all"])
def test_damaged_entry_is_a_miss_and_is_replaced(tmp_path: Path, damaged: bytes) -> None:
    store = ResultCache(tmp_path, "simulator")
    store.store(DECK, RESULT)
    store.path(DECK).write_bytes(damaged)

    assert store.load(DECK) is None
    store.store(DECK, RESULT)
    assert store.load(DECK) is not None


def test_entry_cut_anywhere_is_a_miss(tmp_path: Path) -> None:
    store = ResultCache(tmp_path, "simulator")
    store.store(DECK, RESULT)
    content = store.path(DECK).read_bytes()

    for length in range(0, len(content), 37):
        store.path(DECK).write_bytes(content[:length])
        assert store.load(DECK) is None


def test_flipped_byte_never_gives_a_wrong_number(tmp_path: Path) -> None:
    store = ResultCache(tmp_path, "simulator")
    store.store(DECK, RESULT)
    content = store.path(DECK).read_bytes()
    misses = 0

    for place in range(0, len(content), 7):
        store.path(DECK).write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        loaded = store.load(DECK)
        misses += loaded is None
        for got, want in zip(loaded.analyses if loaded else (), RESULT.analyses, strict=False):
            for name in want.vectors:
                np.testing.assert_array_equal(got[name], want[name])
    assert misses > 50


def test_pickled_objects_in_an_entry_are_never_loaded(tmp_path: Path) -> None:
    store = ResultCache(tmp_path, "simulator")
    path = store.path(DECK)
    path.parent.mkdir(parents=True)
    np.savez(path, header=np.array([{"analyses": []}], dtype=object))

    assert store.load(DECK) is None


def test_full_disk_is_one_noted_problem_and_leaves_no_part_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def full(*args: Any, **kwargs: Any) -> None:
        nonlocal calls
        calls += 1
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache_module.np, "savez", full)
    store = ResultCache(tmp_path, "simulator")

    store.store(DECK, RESULT)
    store.store(DECK, RESULT)

    assert calls == 1
    assert store.problem is not None
    assert "No space left on device" in store.problem
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_prune_keeps_the_entries_used_last(tmp_path: Path) -> None:
    store = ResultCache(tmp_path, "simulator")
    decks = [deck((f"v1 a 0 dc {i}", "r1 a 0 1k")) for i in range(6)]
    for age, item in enumerate(decks):
        store.store(item, RESULT)
        os.utime(store.path(item), (time.time() - 1000 + age,) * 2)
    store.load(decks[0])  # a hit makes it the newest
    size = store.path(decks[0]).stat().st_size

    deleted = store.prune(3 * size)

    assert deleted == 3 * size
    assert [store.load(item) is not None for item in decks] == [True, False, False, False, True, True]


def test_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPICETWIN_CACHE", str(tmp_path))
    assert default_cache_dir() == tmp_path

    monkeypatch.delenv("SPICETWIN_CACHE")
    assert default_cache_dir().name == "simulations"


def test_replaced_library_file_is_another_simulator(tmp_path: Path) -> None:
    library = tmp_path / "libngspice.so.0"
    library.write_bytes(b"one")
    first = library_digest(library)
    library.write_bytes(b"two!")

    assert library_digest(library) != first


@pytest.mark.ngspice
def test_repeated_plan_costs_no_simulation_and_never_loads_the_library(tmp_path: Path) -> None:
    ohms = [1e3, 2e3, 3e3, 4e3]
    with Pool(2, cache=tmp_path) as pool:
        first = pool.map(divide, ohms)
    with Pool(2, cache=tmp_path) as pool:
        second = pool.map(divide, ohms)
        loaded = pool.map(loaded_pyspice, ohms)

    assert [o.cached for o in first] == [False] * 4
    assert [o.cached for o in second] == [True] * 4
    assert [o.solve_seconds for o in second] == [0.0] * 4
    assert [o.value for o in second] == [o.value for o in first]
    assert [o.value for o in loaded] == [False] * 4


@pytest.mark.ngspice
def test_failed_point_is_not_cached(tmp_path: Path) -> None:
    singular = deck(("v1 a 0 dc 1", "v2 a 0 dc 2"))
    with Pool(1, cache=tmp_path) as pool:
        outcomes = pool.map(waveforms, [singular, singular])

    assert all(o.error is not None and not o.cached for o in outcomes)
    assert list(tmp_path.rglob("*.npz")) == []


@pytest.mark.ngspice
def test_unwritable_cache_warns_once_and_the_plan_goes_on(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("a file where the folder should be")

    with Pool(2, cache=blocked) as pool, pytest.warns(RuntimeWarning, match="is not written") as caught:
        outcomes = pool.map(divide, [1e3, 2e3, 3e3, 4e3, 5e3])

    assert len(caught) == 1
    assert [o.value for o in outcomes] == pytest.approx([divided(r) for r in (1e3, 2e3, 3e3, 4e3, 5e3)])
