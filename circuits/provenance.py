"""Which version of the package computed something."""

from __future__ import annotations

import hashlib
import importlib.metadata
import inspect
import subprocess
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def package_provenance() -> dict[str, str]:
    """Version of the package and, in a git checkout, its commit and whether tracked files were changed."""
    root = PACKAGE.parent
    version = {"package_version": importlib.metadata.version("spicetwin")}
    if not (root / ".git").exists():
        return version
    commit = _git(root, "rev-parse", "HEAD")
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    if commit is None or changed is None:
        return version
    return {**version, "git_commit": commit, "git_dirty": "yes" if changed else "no"}


def code_digest(*classes: type) -> str:
    """sha256 of the Python sources that decide a simulated number.

    These are this package's own files and, for classes from elsewhere (a third party's testbench, a circuit in
    a notebook), the files that define them and their bases. A class without a source file counts by its name.
    """
    content = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        content.update(f"{path.relative_to(PACKAGE)}\n".encode() + path.read_bytes())
    foreign = {base for given in classes for base in given.__mro__ if base.__module__ != "builtins"}
    for name, source in sorted({(base.__qualname__, _source(base)) for base in foreign}):
        content.update(f"{name}\n".encode() + source)
    return content.hexdigest()


def _source(given: type) -> bytes:
    """Content of the file that defines ``given``; empty for this package's own, and where there is none."""
    try:
        path = Path(inspect.getfile(given)).resolve()
        return b"" if path.is_relative_to(PACKAGE) else path.read_bytes()
    except (OSError, TypeError):
        return b""


def _git(root: Path, *arguments: str) -> str | None:
    """Output of a git command; None where git is missing or refuses."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
