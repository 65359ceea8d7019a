"""Plan: sweeps x corners x temperatures x supplies x samples of a testbench, checked before it is run."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from itertools import product
from typing import Any

import numpy as np

from circuits.circuit import check_value
from circuits.deck import Simulator
from circuits.process import Process, draw_mismatch
from circuits.testbench import Conditions, Testbench

#: Junction temperatures for which the model cards are meant (-55 to 150 degC), in kelvin.
TEMPERATURE_RANGE = (218.15, 423.15)

#: More points than this are taken for a slip: ten observables of them fill 160 MB.
MAX_POINTS = 2_000_000

#: Sample coordinate of the nominal chip, without mismatch.
NOMINAL = -1

#: Dimensions that every plan has after its sweeps, in order.
CONDITIONS = ("corner", "temperature", "supply", "sample")


class PlanError(ValueError):
    """A plan names something unknown, has an empty or repeated axis, or a value that is not accepted."""


@dataclass(frozen=True)
class PlanPoint:
    """One point of a plan.

    Attributes
    ----------
    index : int
        Position in the product order of the plan (the last dimension, ``sample``, runs fastest).
    params : mapping
        Value of every swept parameter, SI units.
    corner, temperature, supply, sample
        Corner, kelvin, volt, and chip number (``NOMINAL`` for the chip without mismatch).
    digest : str
        sha256 of the plan's circuit and of this point's values.
    """

    index: int
    params: Mapping[str, float]
    corner: str
    temperature: float
    supply: float
    sample: int
    digest: str


@dataclass(frozen=True, eq=False)
class Plan:
    """Product of sweeps, corners, temperatures, supplies and samples for a testbench in a process.

    The order of the product is sweeps as given, corner, temperature, supply, sample; the last runs fastest. A
    sample is one chip: its mismatch depends on the seed, the sample number and the circuit alone, so it is
    the same chip at every bias, corner, temperature and supply, in every testbench, with any number of
    workers.

    Attributes
    ----------
    testbench : Testbench
        The testbench at its base values; sweeps override them.
    process : Process
        Where the cards, the nominal supply and the mismatch come from.
    sweeps : mapping
        Parameter name -> values (SI), in order.
    corners, temperatures, supplies : tuple
        Corner names, kelvin, volt; empty supplies mean the process's nominal one.
    samples : int
        Number of chips drawn (numbers 0 to samples - 1); 0 is the nominal chip alone (number ``NOMINAL``).
    seed : int
        Seed of the mismatch.

    Raises
    ------
    PlanError
        Unknown parameter or corner, empty axis, repeated value, size or seed out of range.
    ParameterError
        A swept value outside its declared bounds.
    ProcessError
        Geometry outside the process's models, or a process whose package is missing.
    """

    testbench: Testbench
    process: Process
    sweeps: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    corners: tuple[str, ...] = ("tt",)
    temperatures: tuple[float, ...] = (300.15,)
    supplies: tuple[float, ...] = ()
    samples: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        """Bring the axes to tuples of plain numbers and check all that can be checked without simulating."""
        sweeps = {name: tuple(map(float, values)) for name, values in self.sweeps.items()}
        object.__setattr__(self, "sweeps", sweeps)
        object.__setattr__(self, "corners", tuple(self.corners))
        object.__setattr__(self, "temperatures", tuple(map(float, self.temperatures)))
        object.__setattr__(self, "supplies", tuple(map(float, self.supplies)) or (self.process.supply,))
        self._check_sizes()
        self._check_sweeps()
        self._check_conditions()
        self._check_geometries()

    def __len__(self) -> int:
        """Number of points."""
        return math.prod(self.shape)

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the dimensions, in product order."""
        return (*self.sweeps, *CONDITIONS)

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of every dimension."""
        return tuple(len(axis) for axis in self.axes())

    def axes(self) -> tuple[tuple[Any, ...], ...]:
        """Coordinates of every dimension, in product order."""
        chips = tuple(range(self.samples)) if self.samples else (NOMINAL,)
        return (*self.sweeps.values(), self.corners, self.temperatures, self.supplies, chips)

    def points(self) -> Iterator[PlanPoint]:
        """Points in product order, made one at a time."""
        names = tuple(self.sweeps)
        for index, values in enumerate(product(*self.axes())):
            text = json.dumps([self.circuit_digest, values])
            digest = hashlib.sha256(text.encode()).hexdigest()
            params = dict(zip(names, values, strict=False))
            corner, temperature, supply, sample = values[len(names) :]
            yield PlanPoint(index, params, corner, temperature, supply, sample, digest)

    def runner(self) -> PointRunner:
        """Picklable function of (simulator, point) that gives the observables of a point."""
        return PointRunner(self.testbench, self.process, self.seed)

    def describe(self) -> dict[str, Any]:
        """Plan as plain JSON data; equal descriptions give equal results."""
        bench = self.testbench
        return {
            "testbench": bench.name,
            "parameters": {k: v for k, v in dataclasses.asdict(bench).items() if k != "dut"},
            "circuit": bench.dut.name,
            "circuit_parameters": bench.dut.values(),
            "circuit_digest": self.circuit_digest,
            "netlist": bench.dut.netlist,
            "netlist_sha256": self.netlist_sha256,
            "process": self.process.name,
            "model_cards": self.card_digests(),
            "observables": [[o.name, o.unit] for o in bench.observables],
            "sweeps": {name: list(values) for name, values in self.sweeps.items()},
            "corners": list(self.corners),
            "temperatures": list(self.temperatures),
            "supplies": list(self.supplies),
            "samples": self.samples,
            "seed": self.seed,
        }

    @cached_property
    def circuit_digest(self) -> str:
        """sha256 of the netlist file and of the circuit's base parameters."""
        return hashlib.sha256(self._netlist + json.dumps(self.testbench.dut.values()).encode()).hexdigest()

    @cached_property
    def netlist_sha256(self) -> str:
        """sha256 of the netlist file as it lies on the disk."""
        return hashlib.sha256(self._netlist).hexdigest()

    @property
    def _netlist(self) -> bytes:
        """Content of the netlist files; empty for a circuit without one."""
        names = self.testbench.dut.netlist_files()
        return b"".join(files("netlists").joinpath(name).read_bytes() for name in names)

    def card_digests(self) -> dict[str, str]:
        """sha256 of the model cards of every corner, at the base geometries."""
        geometries = self.testbench.dut.geometries().values()
        return {corner: self.process.digest(corner, geometries) for corner in self.corners}

    @cached_property
    def digest(self) -> str:
        """sha256 of :meth:`describe`."""
        return hashlib.sha256(json.dumps(self.describe(), sort_keys=True).encode()).hexdigest()

    def _check_sizes(self) -> None:
        for name, low in (("samples", 0), ("seed", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise PlanError(f"{name} = {value!r}; accepted: a whole number of {low} or more")
        if self.samples > MAX_POINTS or (size := len(self)) > MAX_POINTS:
            raise PlanError(
                f"the plan has {self.samples if self.samples > MAX_POINTS else size} points;"
                f" accepted: at most {MAX_POINTS}"
            )

    def _check_sweeps(self) -> None:
        bench = self.testbench
        known = bench.declarations() | bench.dut.declarations()
        for name, values in self.sweeps.items():
            if name not in known:
                raise PlanError(f"{bench.name}: unknown parameter {name!r}; known: {', '.join(known)}")
            if name in CONDITIONS:
                raise PlanError(f"sweep {name!r}: the name is a dimension of every plan")
            _check_axis(f"sweep of {name!r}", values)
            for value in values:
                check_value(f"sweep of {name!r}: {name}", value, known[name])

    def _check_conditions(self) -> None:
        _check_axis("corners", self.corners)
        for corner in self.corners:
            if corner not in self.process.corners:
                accepted = ", ".join(self.process.corners)
                raise PlanError(f"{self.process.name}: unknown corner {corner!r}; accepted: {accepted}")
        for what, values, unit, (low, high) in (
            ("temperature", self.temperatures, "K", TEMPERATURE_RANGE),
            ("supply", self.supplies, "V", self.process.supply_range),
        ):
            _check_axis(what, values)
            for value in values:
                if not low <= value <= high:
                    raise PlanError(
                        f"{what} {value:g} {unit} is out of range; accepted: {low:g} to {high:g} {unit}"
                    )

    def _check_geometries(self) -> None:
        """Ask the process for its cards at the base values and at every swept value on its own."""
        for corner in self.corners:
            self.process.cards(corner, self.testbench.dut.geometries().values())
        own = self.testbench.dut.declarations()
        for name, values in self.sweeps.items():
            if name in own:
                for value in values:
                    dut = self.testbench.dut.replace({name: value})
                    if dut.geometries() != self.testbench.dut.geometries():
                        self.process.cards(self.corners[0], dut.geometries().values())


@dataclass(frozen=True)
class PointRunner:
    """Runs points of a plan in a worker: small, since it travels with every point."""

    testbench: Testbench
    process: Process
    seed: int

    def __call__(self, simulator: Simulator, point: PlanPoint) -> dict[str, float]:
        """Observables of ``point``."""
        testbench, conditions = self.prepare(point)
        return testbench.run(simulator, self.process, conditions)

    def prepare(self, point: PlanPoint) -> tuple[Testbench, Conditions]:
        """Testbench and conditions of ``point``, with the mismatch of its chip."""
        testbench = self.testbench.at(point.params)
        draw: dict[str, tuple[float, float]] = {}
        if point.sample != NOMINAL:
            rng = chip_rng(testbench.dut.name, self.seed, point.sample)
            draw = draw_mismatch(testbench.dut, self.process, rng)
        return testbench, Conditions(point.corner, point.temperature, point.supply, draw)


def chip_rng(circuit: str, seed: int, sample: int) -> np.random.Generator:
    """Generator of one chip's mismatch: from the circuit's name, the seed and the sample number alone."""
    name = int.from_bytes(hashlib.sha256(circuit.encode()).digest()[:8], "big")
    return np.random.default_rng(np.random.SeedSequence([seed, name], spawn_key=(sample,)))


def _check_axis(what: str, values: tuple[Any, ...]) -> None:
    if not values:
        raise PlanError(f"{what}: empty; accepted: one value or more")
    if len(set(values)) != len(values):
        raise PlanError(f"{what}: a value is given twice")
