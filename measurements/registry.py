"""Registry of measured data: what each source is, where its originals are, and the hashes of their bytes."""

from __future__ import annotations

import csv
import functools
import hashlib
import os
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

MIRROR_VARIABLE = "SPICETWIN_MIRROR"
DATA_VARIABLE = "SPICETWIN_DATA"


class DataError(ValueError):
    """A source is unknown, its files are not there, or a file has other bytes than registered."""


class MissingDataError(DataError):
    """The files of a source are neither in a mirror nor in the data folder."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """One original: path inside its repository, size, sha256."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Source:
    """A named set of originals from one repository at one commit.

    ``kind`` is as in :mod:`calibration.measured`, or ``recording`` and ``certified`` for data that calibrate
    nothing. ``columns`` are the columns that ``reader`` delivers, with SI units; ``virtual`` is the project's
    own stand-in for the data, empty where there is none; ``notes`` are oddities a user should know. ``address`` is
    where files lie that are in no repository; ``repository`` and ``commit`` then only name their folder.
    """

    name: str
    description: str
    repository: str
    commit: str
    licence: str
    kind: str
    reference: str
    files: tuple[DataFile, ...]
    reader: str = ""
    virtual: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    address: str = ""

    @property
    def bytes(self) -> int:
        """Size of all files together."""
        return sum(file.bytes for file in self.files)

    def location(self, file: DataFile) -> Path:
        """Place of a file in a mirror or in the data folder: ``<owner>/<repo>/<commit>/<path>``."""
        return Path(self.repository, self.commit, file.path)

    def url(self, file: DataFile) -> str:
        """Address of a file, at the pinned commit where it is in a repository."""
        if self.address:
            return self.address + quote(file.path)
        return f"https://raw.githubusercontent.com/{self.repository}/{self.commit}/{quote(file.path)}"


@functools.cache
def sources() -> Mapping[str, Source]:
    """All registered sources by name."""
    folder = files("measurements")
    declared = tomllib.loads((folder / "sources.toml").read_text(encoding="utf-8"))
    return {name: _source(name, entry) for name, entry in declared.items()}


def _source(name: str, entry: Mapping[str, Any]) -> Source:
    """One entry of sources.toml with its manifest."""
    values = dict(entry)
    base, manifest = str(values.pop("base", "")), str(values.pop("manifest", name))
    values["notes"] = tuple(values.get("notes", ()))
    text = (files("measurements") / "manifests" / f"{manifest}.csv").read_text(encoding="utf-8")
    listed = tuple(
        DataFile(base + row["path"], int(row["bytes"]), row["sha256"])
        for row in csv.DictReader(text.splitlines())
    )
    for file in listed:
        path = PurePosixPath(file.path)
        if path.is_absolute() or ".." in path.parts:
            raise DataError(f"manifests/{manifest}.csv: path {file.path!r} leaves its repository")
    return Source(name=name, files=listed, **values)


def get_source(name: str) -> Source:
    """Source by name; :class:`DataError` lists the known ones."""
    try:
        return sources()[name]
    except KeyError:
        raise DataError(f"unknown data source {name!r}; accepted: {', '.join(sources())}") from None


def data_folder() -> Path:
    """Folder for pulled files: ``SPICETWIN_DATA``, or the user's data folder."""
    chosen = os.environ.get(DATA_VARIABLE)
    if chosen:
        return Path(chosen)
    from platformdirs import user_data_path

    return user_data_path("spicetwin") / "measurements"


def mirror_folder(mirror: Path | None = None) -> Path | None:
    """Mirror given, else that of ``SPICETWIN_MIRROR``, else none; a mirror that is no folder is an error."""
    named = mirror or (Path(os.environ[MIRROR_VARIABLE]) if os.environ.get(MIRROR_VARIABLE) else None)
    if named is not None and not named.is_dir():
        raise DataError(
            f"mirror {named} is not a folder; accepted: a folder laid out <owner>/<repo>/<commit>/<path>"
        )
    return named


def sha256_of(path: Path) -> str:
    """Hash of a file, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check_file(path: Path, file: DataFile) -> None:
    """:class:`DataError` unless ``path`` holds the registered bytes."""
    try:
        found = sha256_of(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if found != file.sha256:
        raise DataError(f"{path}: wrong hash: sha256 {found}; accepted: {file.sha256}")


def locate(name: str, mirror: Path | None = None, data: Path | None = None) -> tuple[Path, ...]:
    """Verified files of a source, used where they lie: in the mirror first, then in the data folder.

    Raises
    ------
    MissingDataError
        When a file is in neither place; the message says how to get it.
    DataError
        When a file has the wrong hash.
    """
    source = get_source(name)
    return tuple(
        _locate_file(source, file, mirror_folder(mirror), data or data_folder()) for file in source.files
    )


def _locate_file(source: Source, file: DataFile, mirror: Path | None, data: Path) -> Path:
    """Place of one verified file."""
    for root in (mirror, data):
        if root is not None and (path := root / source.location(file)).is_file():
            check_file(path, file)
            return path
    raise MissingDataError(
        f"data source {source.name}: {file.path} is not here; get it with "
        f"'spicetwin data pull {source.name}', "
        f"or set {MIRROR_VARIABLE} to a folder laid out <owner>/<repo>/<commit>/<path>"
    )


def pull(
    name: str,
    mirror: Path | None = None,
    dest: Path | None = None,
    *,
    on_file: Callable[[Path], None] | None = None,
) -> tuple[Path, ...]:
    """Put the files of a source into the data folder, from a mirror or from their repository.

    A file that is there already with the right hash is kept. A new one is written beside its place, verified,
    and only then moved there, so a wrong, interrupted or unwritable transfer leaves nothing behind.

    Parameters
    ----------
    name
        Registered source.
    mirror
        Folder laid out ``<owner>/<repo>/<commit>/<path>``; default ``SPICETWIN_MIRROR``, else download.
    dest
        Folder to write to, same layout; default :func:`data_folder`.
    on_file
        Called with each finished file, for progress.
    """
    source = get_source(name)
    origin, root = mirror_folder(mirror), dest or data_folder()
    pulled = []
    for file in source.files:
        path = root / source.location(file)
        if not (path.is_file() and sha256_of(path) == file.sha256):
            _fetch(source, file, origin, path)
        pulled.append(path)
        if on_file is not None:
            on_file(path)
    return tuple(pulled)


def _fetch(source: Source, file: DataFile, mirror: Path | None, path: Path) -> None:
    """Write one verified file to ``path``."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if mirror is None:
            _download(source.url(file), file, path)
        else:
            _copy(mirror / source.location(file), file, path)
    except (OSError, HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        place = source.url(file) if mirror is None else str(mirror)
        hint = "" if mirror is not None else "; without a network: --mirror DIR"
        raise DataError(f"{source.name}: cannot get {file.path} from {place} ({reason}){hint}") from error


def _copy(original: Path, file: DataFile, path: Path) -> None:
    """Copy from a mirror; the hash is that of the copy, taken before it gets its name."""
    if not original.is_file():
        raise MissingDataError(f"mirror has no {original}")
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".pull-")
    os.close(handle)
    part = Path(name)
    try:
        shutil.copyfile(original, part)
        if (found := sha256_of(part)) != file.sha256:
            raise DataError(f"{original}: wrong hash: sha256 {found}; accepted: {file.sha256}")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _download(url: str, file: DataFile, path: Path) -> None:
    """Download through pooch, which verifies a temporary file before it moves it into place."""
    import pooch

    pooch.get_logger().setLevel("WARNING")
    known = f"sha256:{file.sha256}"
    try:
        pooch.retrieve(url, known_hash=known, fname=path.name, path=path.parent, downloader=_stream)
    except ValueError as error:
        raise DataError(f"{url}: wrong hash; accepted: {file.sha256}") from error


def _stream(url: str, output: str, _: object) -> None:
    """Downloader for pooch; its own leaves the connection open when the server refuses."""
    try:
        with urlopen(url, timeout=60.0) as response, Path(output).open("wb") as stream:
            shutil.copyfileobj(response, stream)
    except HTTPError as refusal:
        refusal.close()
        raise


@dataclass(frozen=True, slots=True)
class Verification:
    """Files of a source: how many are right, and which are absent or have the wrong hash."""

    name: str
    total: int
    present: int
    missing: tuple[str, ...]
    wrong: tuple[str, ...]

    @property
    def state(self) -> str:
        """``complete``, ``absent``, ``partial`` or ``wrong hash``."""
        if self.wrong:
            return "wrong hash"
        if self.present == self.total:
            return "complete"
        return "partial" if self.present else "absent"


def verify(name: str, mirror: Path | None = None, data: Path | None = None) -> Verification:
    """Check every file of a source in the mirror or the data folder; nothing is fetched."""
    source = get_source(name)
    root, folder = mirror_folder(mirror), data or data_folder()
    missing, wrong = [], []
    for file in source.files:
        try:
            _locate_file(source, file, root, folder)
        except MissingDataError:
            missing.append(file.path)
        except DataError:
            wrong.append(file.path)
    present = len(source.files) - len(missing) - len(wrong)
    return Verification(name, len(source.files), present, tuple(missing), tuple(wrong))
