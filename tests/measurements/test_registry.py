"""Registry of data sources: declarations, hashes, mirror, data folder, all-or-nothing transfers."""

from __future__ import annotations

import errno
import hashlib
import http.server
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from calibration.readers import readers
from measurements import registry
from measurements.load import load
from measurements.registry import (
    DataError,
    DataFile,
    MissingDataError,
    Source,
    get_source,
    locate,
    pull,
    sources,
    verify,
)

CONTENT = {"d/a b.csv": b"t [s],v [V]\n0,1\n", "d/+c.csv": b"t [s],v [V]\n1,2\n"}
NAME = "made_up"


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Source:
    """A made-up source beside the real ones; no mirror, and a data folder of the test's own."""
    files = tuple(DataFile(p, len(b), hashlib.sha256(b).hexdigest()) for p, b in CONTENT.items())
    source = Source(NAME, "made up", "owner/repo", "c" * 40, "MIT", "silicon", "none", files)
    known = {**sources(), NAME: source}
    monkeypatch.setattr(registry, "sources", lambda: known)
    monkeypatch.delenv("SPICETWIN_MIRROR", raising=False)
    monkeypatch.setenv("SPICETWIN_DATA", str(tmp_path / "data"))
    return source


@pytest.fixture
def made_mirror(registered: Source, tmp_path: Path) -> Path:
    root = tmp_path / "mirror"
    for file in registered.files:
        path = root / registered.location(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CONTENT[file.path])
    return root


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_every_source_is_declared_in_full() -> None:
    known = registry.sources()
    for source in known.values():
        assert source.files, source.name
        assert source.licence, source.name
        assert source.description, source.name
        assert re.fullmatch(r"[0-9a-f]{40}", source.commit) or source.address.startswith("https://")
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", source.repository)
        for file in source.files:
            assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
            assert file.bytes > 0
        if source.reader:
            assert source.reader in readers()
            assert source.kind in ("silicon", "published statistic")


def test_address_is_at_the_pinned_commit_with_special_characters_quoted(registered: Source) -> None:
    assert (
        registered.url(registered.files[0])
        == f"https://raw.githubusercontent.com/owner/repo/{'c' * 40}/d/a%20b.csv"
    )


def test_files_outside_a_repository_have_their_own_address() -> None:
    source = get_source("mnist")
    assert source.url(source.files[0]) == f"{source.address}train-images-idx3-ubyte.gz"


def test_unknown_source_lists_the_known_ones() -> None:
    with pytest.raises(DataError, match="unknown data source 'nope'; accepted: coach_dpi"):
        get_source("nope")


def test_mirror_is_used_in_place(made_mirror: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPICETWIN_MIRROR", str(made_mirror))
    assert all(path.is_relative_to(made_mirror) for path in locate(NAME))
    assert not (tmp_path / "data").exists()


def test_absent_files_say_how_to_get_them() -> None:
    with pytest.raises(MissingDataError, match=r"spicetwin data pull made_up.*SPICETWIN_MIRROR"):
        locate(NAME)


def test_a_mirror_that_is_no_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no-mirror is not a folder; accepted: .*<commit>"):
        locate(NAME, tmp_path / "no-mirror")


def test_pull_copies_from_the_mirror_and_later_needs_it_no_more(made_mirror: Path) -> None:
    seen: list[Path] = []
    pulled = pull(NAME, made_mirror, on_file=seen.append)
    shutil.rmtree(made_mirror)
    assert locate(NAME) == pulled == tuple(seen)
    assert [path.read_bytes() for path in pulled] == list(CONTENT.values())


def test_pull_keeps_right_files_and_replaces_wrong_ones(made_mirror: Path) -> None:
    first, second = pull(NAME, made_mirror)
    before = first.stat().st_mtime_ns
    second.write_bytes(b"tampered")
    assert verify(NAME).state == "wrong hash"
    with pytest.raises(DataError, match="wrong hash"):
        locate(NAME)
    pull(NAME, made_mirror)
    assert first.stat().st_mtime_ns == before
    assert verify(NAME).state == "complete"


def test_a_wrong_hash_is_one_clear_error_and_the_file_is_not_kept(made_mirror: Path, tmp_path: Path) -> None:
    bad = files_below(made_mirror)[-1]
    bad.write_bytes(b"evil")
    with pytest.raises(DataError, match=r"wrong hash: sha256 [0-9a-f]{64}; accepted: [0-9a-f]{64}") as caught:
        pull(NAME, made_mirror)
    assert "\n" not in str(caught.value)
    assert all(path.read_bytes() in CONTENT.values() for path in files_below(tmp_path / "data"))
    assert verify(NAME).wrong == ()


def test_a_full_disk_leaves_nothing_half_written(
    made_mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(original: Path, copy: Path) -> None:
        Path(copy).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(DataError, match="No space left on device"):
        pull(NAME, made_mirror)
    assert files_below(tmp_path / "data") == []


def test_an_incomplete_mirror_is_named(made_mirror: Path) -> None:
    files_below(made_mirror)[0].unlink()
    with pytest.raises(MissingDataError, match="mirror has no "):
        pull(NAME, made_mirror)
    result = verify(NAME, made_mirror)
    assert (result.state, result.present, len(result.missing)) == ("partial", 1, 1)


@pytest.fixture
def server(made_mirror: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The mirror served over HTTP in place of the repositories."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(made_mirror))  # type: ignore[arg-type]

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Keep the test quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        thread = threading.Thread(target=serving.serve_forever, daemon=True)
        thread.start()
        real = Source.url
        here = f"http://127.0.0.1:{serving.server_address[1]}"
        monkeypatch.setattr(
            Source,
            "url",
            lambda self, file: real(self, file).replace("https://raw.githubusercontent.com", here),
        )
        for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.delenv(proxy, raising=False)
        yield made_mirror
        serving.shutdown()
        thread.join()


def test_download_gets_and_verifies_the_files(server: Path) -> None:
    assert [path.read_bytes() for path in pull(NAME)] == list(CONTENT.values())
    assert verify(NAME).state == "complete"


def test_a_download_with_a_wrong_hash_is_refused_and_not_kept(server: Path, tmp_path: Path) -> None:
    for path in files_below(server):
        path.write_bytes(b"evil")
    with pytest.raises(DataError, match=r"127\.0\.0\.1.*wrong hash; accepted: [0-9a-f]{64}"):
        pull(NAME)
    assert files_below(tmp_path / "data") == []


def test_an_absent_download_is_one_line(server: Path, tmp_path: Path) -> None:
    shutil.rmtree(server / "owner")
    with pytest.raises(DataError, match=r"cannot get d/a b\.csv from .*--mirror DIR") as caught:
        pull(NAME)
    assert "\n" not in str(caught.value)
    assert files_below(tmp_path / "data") == []


def test_load_falls_back_to_the_virtual_chip_only_when_allowed() -> None:
    assert {curve.source.kind for curve in load("coach_dpi")} == {"virtual"}
    assert load("coach_dpi")[0].source.path == "measurements/virtual/coach_dpi/base.csv"
    with pytest.raises(MissingDataError):
        load("coach_dpi", virtual=False)
    with pytest.raises(MissingDataError):
        load("rram_formed")
    with pytest.raises(DataError, match="no virtual stand-in"):
        load("rram_formed", virtual=True)
    with pytest.raises(DataError, match="has no reader"):
        load("fsdd")


@pytest.mark.measured
@pytest.mark.parametrize("name", [name for name in sources() if name not in ("fsdd", "mnist")])
def test_originals_in_the_mirror_are_the_registered_ones(name: str, mirror: Path) -> None:
    assert verify(name, mirror).state == "complete"


@pytest.mark.measured
@pytest.mark.parametrize("name", [name for name, source in sources().items() if source.reader])
def test_readers_deliver_the_registered_columns(name: str, mirror: Path) -> None:
    source = get_source(name)
    for curve in load(name, mirror, virtual=False):
        assert source.columns.items() <= curve.units.items()
        assert curve.source.kind == source.kind
        assert curve.source.licence == source.licence
        assert curve.source.sha256 in {file.sha256 for file in source.files}
        assert curve.source.path.startswith(f"{source.repository}/{source.commit}/")
