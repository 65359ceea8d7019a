"""Report content from characterisations: curves by corner, observables, failures, provenance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from spicetwin.output import engineering
from spicetwin.report.document import ReportError, Table
from spicetwin.report.figures import observable_by_corner
from spicetwin.report.style import Axis, FloatArray

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

    from circuits.characterisation import Characterisation

#: Tables longer than this are shown closed.
OPEN_ROWS = 12


def curves(
    result: Characterisation,
    observable: str,
    x: str,
    *,
    by: str = "corner",
    at: Mapping[str, float | str] | None = None,
) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Observable against dimension ``x``, one curve for each value of dimension ``by``.

    Dimensions of length one are dropped; every other needs its value in ``at``. Failed points are left out.

    Raises
    ------
    ReportError
        An unknown dimension, or one with several values that ``at`` does not choose from.
    """
    chosen = _chosen(result.observable(observable), at or {}, keep=(x, by))
    found: dict[str, tuple[FloatArray, FloatArray]] = {}
    for value in chosen[by].values:
        curve = chosen.sel({by: value})
        good = np.isfinite(curve.values)
        label = str(value) if by == "corner" else engineering(float(value), chosen[by].attrs.get("units", ""))
        found[label] = (np.asarray(chosen[x].values, dtype=np.float64)[good], curve.values[good])
    return found


def curve_figure(
    result: Characterisation,
    observable: str,
    x: str,
    *,
    by: str = "corner",
    at: Mapping[str, float | str] | None = None,
    log: tuple[bool, bool] = (True, True),
    law: tuple[FloatArray, FloatArray] | None = None,
    title: str = "",
) -> Figure:
    """:func:`curves` drawn by :func:`spicetwin.report.figures.observable_by_corner`; ``log`` is (x, y)."""
    data = result.dataset
    return observable_by_corner(
        Axis(x, data[x].attrs.get("units", ""), log=log[0]),
        Axis(observable, result.observable(observable).attrs.get("units", ""), log=log[1]),
        curves(result, observable, x, by=by, at=at),
        law=law,
        title=title,
    )


def observables_table(
    result: Characterisation,
    *,
    by: str = "corner",
    at: Mapping[str, float | str] | None = None,
    caption: str = "",
) -> Table:
    """Every observable with its definition and one column for each value of ``by``, at one point ``at``."""
    rows = []
    for name in result.observables:
        array = result.observable(name)
        values = _chosen(array, at or {}, keep=(by,)).values
        unit = array.attrs.get("units", "")
        shown = (engineering(float(v), unit, digits=4) if np.isfinite(v) else "failed" for v in values)
        rows.append((name, *shown, array.attrs.get("long_name", "")))
    labels = tuple(str(value) for value in result.dataset[by].values)
    title = caption or f"Observables of {result.dataset.attrs['testbench']}"
    return Table(title, ("Observable", *labels, "Definition"), tuple(rows))


def failures_table(results: Sequence[Characterisation]) -> Table:
    """Every failed point of several characterisations with its coordinates and reason."""
    rows = tuple(
        (str(result.dataset.attrs["testbench"]), _place(failure.coordinates), failure.reason)
        for result in results
        for failure in result.failures
    )
    total = sum(result.dataset["status"].size for result in results)
    caption = f"Failed points: {len(rows)} of {total}"
    return Table(caption, ("Testbench", "Point", "Reason"), rows, folded=len(rows) > OPEN_ROWS)


def provenance_table(results: Sequence[Characterisation]) -> Table:
    """What each characterisation was made from: circuit, cards, simulator, plan, seed, commit."""
    rows = []
    for result in results:
        attributes = result.dataset.attrs
        bench = str(attributes["testbench"])
        rows.append((bench, "circuit", f"{attributes['circuit']} {attributes['circuit_digest']}"))
        for corner, digest in json.loads(attributes["model_cards"]).items():
            rows.append((bench, f"model cards {attributes['process']} {corner}", digest))
        rows.append((bench, "simulator library", attributes["simulator_sha256"]))
        rows.append((bench, "plan", attributes["plan_digest"]))
        rows.append((bench, "seed", str(attributes["seed"])))
        changed = ", with uncommitted changes" if attributes.get("git_dirty") == "yes" else ""
        commit = f"{attributes['package_version']}, commit {attributes.get('git_commit', 'unknown')}{changed}"
        rows.append((bench, "spicetwin", commit))
    return Table(
        "Provenance of the simulations (sha256)", ("Testbench", "Item", "Value"), tuple(rows), folded=True
    )


def _chosen(
    array: xarray.DataArray, at: Mapping[str, float | str], keep: tuple[str, ...]
) -> xarray.DataArray:
    """``array`` over the dimensions ``keep`` alone, in that order."""
    known = [str(dim) for dim in array.dims]
    for name in (*keep, *at):
        if name not in known:
            raise ReportError(f"{array.name}: no dimension {name!r}; there are: {', '.join(known)}")
    for dim in known:
        if dim in keep:
            continue
        if dim in at:
            array = array.isel({dim: _index(array, dim, at[dim])})
        elif array.sizes[dim] == 1:
            array = array.isel({dim: 0})
        else:
            raise ReportError(f"{array.name}: dimension {dim!r} has {array.sizes[dim]} values; choose one")
    return array.transpose(*keep)


def _index(array: xarray.DataArray, dim: str, value: float | str) -> int:
    """Position of a coordinate value, within rounding for numbers."""
    values = array[dim].values
    if isinstance(value, str):
        hits = np.flatnonzero(values == value)
    else:
        hits = np.flatnonzero(np.isclose(values.astype(np.float64), value, rtol=1e-9, atol=0.0))
    if hits.size != 1:
        raise ReportError(f"{array.name}: {dim} = {value} is not among {', '.join(map(str, values))}")
    return int(hits[0])


def _place(coordinates: Mapping[str, object]) -> str:
    """Coordinates as ``i_tau = 1e-12, corner = ss``."""
    return ", ".join(
        f"{name} = {v:.6g}" if isinstance(v, float) else f"{name} = {v}" for name, v in coordinates.items()
    )
