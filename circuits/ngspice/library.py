"""Where the ngspice shared library is, and what identifies it, without loading it."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from circuits.ngspice.errors import SimulatorMissing

#: Names a Linux distribution or macOS gives the library, preferred first.
LIBRARY_NAMES = ("libngspice.so.0", "libngspice.so", "libngspice.dylib")

#: Environment variable that names the library file (PySpice's own name for it).
LIBRARY_VARIABLE = "NGSPICE_LIBRARY_PATH"

#: Prints what the library at argument 1 says when it starts.
_GREETING = """
import ctypes, sys
heard = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p)
def hear(line, ident, data):
    print(line.decode("latin-1"))
    return 0
speak = heard(hear)
ctypes.CDLL(sys.argv[1]).ngSpice_Init(speak, None, None, None, None, None, None)
"""

#: How a version reads in what ngspice says.
VERSION = re.compile(r"ngspice-\d[\w.+-]*")


def find_library() -> Path:
    """Path of the ngspice library: the environment variable, else the usual folders, else the linker's list.

    Raises
    ------
    SimulatorMissing
        There is none; the message names the package to install.
    """
    named = os.environ.get(LIBRARY_VARIABLE)
    if named:
        if Path(named).is_file():
            return Path(named).resolve()
        raise SimulatorMissing(
            f"{LIBRARY_VARIABLE}={named} is not a file; accepted: the path of libngspice.so.0"
        )
    for folder in _folders():
        for name in LIBRARY_NAMES:
            if (folder / name).is_file():
                return (folder / name).resolve()
    for path in _linker_list():
        return path.resolve()
    raise SimulatorMissing(
        "the ngspice shared library (libngspice.so.0) is not installed: apt-get install libngspice0 "
        f"(macOS: brew install libngspice), or set {LIBRARY_VARIABLE} to its path"
    )


def _folders() -> Iterator[Path]:
    """Folders a shared library is usually in, nearest first."""
    yield from (Path(p) for p in os.environ.get("LD_LIBRARY_PATH", "").split(":") if p)
    prefix = os.environ.get("CONDA_PREFIX")
    if prefix:
        yield Path(prefix) / "lib"
    multiarch = sysconfig.get_config_var("MULTIARCH")
    for root in ("/usr/local/lib", "/usr/lib", "/lib"):
        if multiarch:
            yield Path(root) / str(multiarch)
        yield Path(root)
        yield Path(root + "64")
    yield Path("/opt/homebrew/lib")


def _linker_list() -> Iterator[Path]:
    """Paths of the library that the dynamic linker's cache lists (distributions with unusual folders)."""
    ldconfig = shutil.which("ldconfig") or "/sbin/ldconfig"
    try:
        listing = subprocess.run(
            [ldconfig, "-p"], capture_output=True, text=True, check=True, timeout=10
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return
    for line in listing.splitlines():
        name, _, path = line.strip().partition(" => ")
        if name.startswith(LIBRARY_NAMES) and Path(path).is_file():
            yield Path(path)


@functools.lru_cache(maxsize=8)
def _digest(path: Path, size: int, modified_ns: int) -> str:
    """sha256 of the file, computed once for each (path, size, time of change)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def library_digest(path: Path) -> str:
    """sha256 of the library file: the identity of the simulator in cache keys.

    The content is hashed (about 5 ms, once for each pool), so that an upgraded or rebuilt library never meets
    the results of another one, and a fully cached plan never loads it just to ask its version.
    """
    status = path.stat()
    return _digest(path, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=8)
def library_version(path: Path) -> str:
    """What the library at ``path`` calls itself (``"ngspice-39"``), ``"ngspice"`` when it does not say.

    A process of its own asks (30 ms), so that neither the library's state nor its death can reach this one.
    """
    home = {**os.environ, "HOME": "/nonexistent"}  # ngspice reads ~/.spiceinit as it starts
    try:
        said = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _GREETING, str(path)],
            capture_output=True,
            text=True,
            env=home,
            cwd="/",
            timeout=20,
            check=False,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return "ngspice"
    found = VERSION.search(said)
    return found[0] if found else "ngspice"
