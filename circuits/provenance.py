"""Which version of the package computed something."""

from __future__ import annotations

import importlib.metadata
import subprocess
from pathlib import Path


def package_provenance() -> dict[str, str]:
    """Version of the package and, in a git checkout, its commit and whether tracked files were changed."""
    root = Path(__file__).resolve().parent.parent
    version = {"package_version": importlib.metadata.version("spicetwin")}
    if not (root / ".git").exists():
        return version
    commit = _git(root, "rev-parse", "HEAD")
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    if commit is None or changed is None:
        return version
    return {**version, "git_commit": commit, "git_dirty": "yes" if changed else "no"}


def _git(root: Path, *arguments: str) -> str | None:
    """Output of a git command; None where git is missing or refuses."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
