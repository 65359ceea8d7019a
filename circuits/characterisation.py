"""Characterisation: observables over the dimensions of a plan, with failures and provenance, as netCDF-4."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from circuits.deck import FloatArray
from circuits.journal import Record
from circuits.plan import Plan

if TYPE_CHECKING:
    import xarray

FORMAT = "spicetwin characterisation 1"

#: Values of ``status``; ``reason`` is -1 where there is none, else a row of ``reason_text``.
DONE, FAILED, MISSING = 0, 1, -1


class CharacterisationError(ValueError):
    """A file is no characterisation, damaged, or lacks what was asked for."""


class Results:
    """Arrays of a plan while they fill: 8 bytes a number, and each distinct reason once."""

    def __init__(self, plan: Plan) -> None:
        """Reserve the arrays of ``plan``, every point missing."""
        self.plan = plan
        self.size = len(plan)
        self.names = tuple(observable.name for observable in plan.testbench.observables)
        self.values = {name: np.full(self.size, np.nan) for name in self.names}
        self.status = np.full(self.size, MISSING, dtype=np.int8)
        self.reasons: dict[int, str] = {}
        self.finished = 0

    @property
    def failed(self) -> int:
        """Number of failed points."""
        return len(self.reasons)

    def done(self, index: int) -> bool:
        """Whether the point has a result or a reason."""
        return bool(self.status[index] != MISSING)

    def put(self, record: Record) -> None:
        """Store a record; a point counts once."""
        self.finished += not self.done(record.index)
        if record.values is None:
            self.status[record.index] = FAILED
            self.reasons[record.index] = record.reason
            return
        self.status[record.index] = DONE
        for name, value in zip(self.names, record.values, strict=True):
            self.values[name][record.index] = value

    def reason_codes(self) -> tuple[list[str], np.ndarray[Any, np.dtype[np.int32]]]:
        """Distinct reasons in order of their first point, and per point the row in that list (-1: none)."""
        codes = np.full(self.size, -1, dtype=np.int32)
        texts: dict[str, int] = {}
        for index in sorted(self.reasons):
            codes[index] = texts.setdefault(self.reasons[index], len(texts))
        return list(texts), codes


def partial_path(out: Path) -> Path:
    """Where ``out`` grows: beside it, so that it is moved there in one step."""
    return out.with_name(f".{out.name}.partial")


def write_netcdf(out: Path, results: Results, made_by: Mapping[str, str]) -> None:
    """Write ``out`` whole or not at all; equal results and equal ``made_by`` give equal bytes.

    ``made_by`` holds what the plan does not know: simulator, package and code. It becomes attributes.

    Raises
    ------
    OSError
        The disk is full or the folder not writable; an existing ``out`` is as it was.
    """
    partial = partial_path(out)
    try:
        _write(partial, results, made_by)
        partial.replace(out)
    except RuntimeError as error:  # what the netCDF library raises when a write fails, without a number
        raise OSError(f"{out}: the netCDF library could not write it (is the disk full?): {error}") from error
    finally:
        partial.unlink(missing_ok=True)


def _write(path: Path, results: Results, made_by: Mapping[str, str]) -> None:
    import netCDF4

    plan = results.plan
    description = plan.describe()
    with netCDF4.Dataset(path, "w", format="NETCDF4") as file:
        file.setncatts(
            {
                "format": FORMAT,
                "testbench": plan.testbench.name,
                "description": plan.testbench.description,
                "circuit": plan.testbench.dut.name,
                "circuit_digest": plan.circuit_digest,
                "netlist": plan.testbench.dut.netlist,
                "netlist_sha256": plan.netlist_sha256,
                "process": plan.process.name,
                "model_cards": json.dumps(description["model_cards"]),
                "plan": json.dumps(description),
                "plan_digest": plan.digest,
                "seed": str(plan.seed),
                **made_by,
            }
        )
        _write_axes(file, plan)
        for observable in plan.testbench.observables:
            array = results.values[observable.name].reshape(plan.shape)
            attributes = {"units": observable.unit, "long_name": observable.description}
            _variable(file, observable.name, "f8", plan.dims, array, attributes, fill=np.nan)
        flags = {
            "units": "1",
            "long_name": "outcome of the point",
            "flag_values": np.array([DONE, FAILED], dtype=np.int8),
            "flag_meanings": "done failed",
        }
        _variable(file, "status", "i1", plan.dims, results.status.reshape(plan.shape), flags)
        texts, codes = results.reason_codes()
        about = {"units": "1", "long_name": "row of reason_text, -1 where the point did not fail"}
        _variable(file, "reason", "i4", plan.dims, codes.reshape(plan.shape), about)
        file.createDimension("reason_row", len(texts))
        about = {"units": "1", "long_name": "why points failed"}
        _variable(file, "reason_text", str, ("reason_row",), np.array(texts, dtype=object), about)


def _write_axes(file: Any, plan: Plan) -> None:
    known = plan.testbench.declarations() | plan.testbench.dut.declarations()
    fixed = {
        "corner": ("1", "process corner"),
        "temperature": ("K", "temperature"),
        "supply": ("V", "supply voltage"),
        "sample": ("1", "chip number of the mismatch draw, -1 for the chip without mismatch"),
    }
    for name, axis in zip(plan.dims, plan.axes(), strict=True):
        unit, text = fixed[name] if name in fixed else (known[name].unit, known[name].description)
        file.createDimension(name, len(axis))
        kind: Any = {"corner": str, "sample": "i4"}.get(name, "f8")
        array = np.array(axis, dtype=object if kind is str else kind)
        _variable(file, name, kind, (name,), array, {"units": unit, "long_name": text})


def _variable(
    file: Any,
    name: str,
    kind: Any,
    dims: tuple[str, ...],
    array: np.ndarray[Any, Any],
    attributes: Mapping[str, Any],
    fill: float | None = None,
) -> None:
    variable = file.createVariable(name, kind, dims, fill_value=fill)
    variable.setncatts(dict(attributes))
    if array.size:
        variable[:] = array


@dataclass(frozen=True)
class Failure:
    """A failed point: its coordinates by dimension, and why."""

    coordinates: Mapping[str, Any]
    reason: str


@dataclass(frozen=True, eq=False)
class Characterisation:
    """A finished characterisation.

    Attributes
    ----------
    path : Path
        The file.
    dataset : xarray.Dataset
        Observables, ``status`` and ``reason`` over the plan's dimensions, in memory.
    """

    path: Path
    dataset: xarray.Dataset

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read ``path``.

        Raises
        ------
        FileNotFoundError
            There is no such file.
        CharacterisationError
            The file is damaged, or no characterisation.
        """
        import xarray

        if not path.is_file():
            raise FileNotFoundError(2, "No such file", str(path))
        try:
            dataset = xarray.load_dataset(path, engine="netcdf4", mask_and_scale=True)
        except Exception as error:  # the readers raise whatever they stumble over
            raise CharacterisationError(f"{path}: not a readable netCDF-4 file ({error})") from error
        if dataset.attrs.get("format") != FORMAT or not {"status", "reason", "reason_text"} <= set(dataset):
            found = dataset.attrs.get("format")
            raise CharacterisationError(
                f"{path}: not a characterisation (format {found!r}, accepted: {FORMAT!r})"
            )
        return cls(path, dataset)

    @cached_property
    def plan(self) -> dict[str, Any]:
        """Description of the plan (:meth:`circuits.plan.Plan.describe`)."""
        described: dict[str, Any] = json.loads(self.dataset.attrs["plan"])
        return described

    @property
    def observables(self) -> tuple[str, ...]:
        """Names of the observables."""
        return tuple(n for n in map(str, self.dataset) if n not in ("status", "reason", "reason_text"))

    def observable(self, name: str) -> xarray.DataArray:
        """One observable over the plan's dimensions; NaN where ``status`` says failed."""
        if name not in self.observables:
            raise CharacterisationError(
                f"{self.path}: no observable {name!r}; known: {', '.join(self.observables)}"
            )
        return self.dataset[name]

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Failed points in product order."""
        return tuple(
            Failure({str(d): row[str(d)] for d in self.dataset["status"].dims}, str(row["reason"]))
            for row in self.rows()
            if row["status"] != DONE
        )

    def rows(self) -> Iterator[dict[str, Any]]:
        """One mapping a point: coordinates, observables, ``status``, ``reason`` (text, empty when done)."""
        status = self.dataset["status"]
        names = self.observables
        arrays: list[FloatArray] = [self.dataset[name].values for name in names]
        axes = {str(dim): self.dataset[dim].values for dim in status.dims}
        codes, texts = self.dataset["reason"].values, self.dataset["reason_text"].values
        for place in np.ndindex(status.shape):
            row = {
                dim: axis[i].item() if hasattr(axis[i], "item") else str(axis[i])
                for (dim, axis), i in zip(axes.items(), place, strict=True)
            }
            row |= {name: float(array[place]) for name, array in zip(names, arrays, strict=True)}
            code = int(codes[place])
            yield {
                **row,
                "status": int(status.values[place]),
                "reason": str(texts[code]) if code >= 0 else "",
            }
