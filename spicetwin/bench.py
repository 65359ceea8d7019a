"""Benchmarks of the checkout: each module in ``benchmarks/`` measures ratios side by side in one run."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from spicetwin.boundary import InputError


@dataclass(frozen=True)
class Ratio:
    """One measured figure: what, how much, its unit, what is wanted of it, and whether it is met."""

    benchmark: str
    quantity: str
    value: float
    unit: str
    target: str = ""
    met: bool | None = None


def benchmark_folder() -> Path:
    """``benchmarks/`` beside the package; an installation without the checkout has none."""
    folder = Path(__file__).resolve().parent.parent / "benchmarks"
    if not (folder / "__init__.py").is_file():
        raise InputError(
            f"there is no {folder}: benchmarks belong to the source checkout; "
            "clone the project and run 'make bench' there"
        )
    return folder


def benchmark_names() -> list[str]:
    """Names of the benchmarks: modules of ``benchmarks/`` with a function ``run``, found unimported."""
    modules = benchmark_folder().glob("[a-z]*.py")
    return sorted(path.stem for path in modules if "\ndef run(" in path.read_text(encoding="utf-8"))


def choose(names: Iterable[str]) -> list[str]:
    """The benchmarks to run: ``names``, with or without ``bench_``, each of which must exist; without names all."""
    known = benchmark_names()
    chosen = [name if name in known else f"bench_{name}" for name in names] or known
    for name in chosen:
        if name not in known:
            raise InputError(f"unknown benchmark {name.removeprefix('bench_')!r}; known: {', '.join(known)}")
    return chosen


def run_benchmark(name: str) -> list[Ratio]:
    """Run one benchmark; its module's ``run()`` yields rows (quantity, value, unit, target, met)."""
    root = str(benchmark_folder().parent)
    if root not in sys.path:
        # Worker processes import the benchmark's functions by name, so loading it by path is not enough.
        sys.path.insert(0, root)
    rows: Iterable[dict[str, Any]] = import_module(f"benchmarks.{name}").run()
    return [Ratio(name, **row) for row in rows]
