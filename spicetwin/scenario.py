"""Co-simulation scenario in TOML: which circuit, at which level, with what stimulus. See docs/cosim.md."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spicetwin.boundary import InputError

if TYPE_CHECKING:
    from circuits.families.mingru_run import ColumnJob
    from circuits.families.sar_run import SarJob

_NUMBER = {"type": "number"}
_CODES = {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0, "maximum": 63}}
_SEED = {"type": "integer", "minimum": 0}


def _object(required: Sequence[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": properties,
    }


_COMMON: dict[str, Any] = {
    "circuit": {"enum": ["mingru", "sar"]},
    "level": {"enum": ["ideal", "transistor"]},
    "process": {"type": "string", "minLength": 1},
    "corner": {"type": "string", "minLength": 1},
    "temperature": {"type": "number", "exclusiveMinimum": 0},
    "supply": {"type": "number", "exclusiveMinimum": 0},
    "mismatch_seed": _SEED,
    "parameters": {"type": "object", "additionalProperties": _NUMBER},
}

#: Stimulus table of each circuit.
_STIMULUS: dict[str, dict[str, Any]] = {
    "mingru": _object(
        (),
        seed=_SEED,
        rows={"type": "integer", "minimum": 2, "maximum": 1024},
        steps={"type": "integer", "minimum": 1, "maximum": 65535},
        file={"type": "string", "minLength": 1},
        column={"type": "integer", "minimum": 0},
        theta=_NUMBER,
        h_initial=_NUMBER,
        analog={"type": "boolean"},
    ),
    "sar": _object(
        (),
        transitions=_CODES,
        halvings={"type": "integer", "minimum": 1, "maximum": 20},
        reach={"type": "number", "exclusiveMinimum": 0},
    ),
}

#: Arrays of a stimulus file, NPZ.
_ARRAYS = ("weights_h", "weights_z", "biases_h", "biases_z", "inputs")


@dataclass(frozen=True)
class Scenario:
    """A checked scenario; temperature in kelvin, supply in volt or None for the process's own."""

    path: Path
    circuit: str
    level: str = "ideal"
    process: str = "generic130"
    corner: str = "tt"
    temperature: float = 300.15
    supply: float | None = None
    mismatch_seed: int | None = None
    parameters: Mapping[str, float] | None = None
    stimulus: Mapping[str, Any] | None = None

    @classmethod
    def read(cls, path: Path) -> Scenario:
        """Read and check a file.

        Raises
        ------
        InputError
            Naming the file, the place in it, what is wrong and what is accepted.
        """
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: is not UTF-8 text (byte {error.start})") from error
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"{path}: not TOML: {error}") from error
        circuit = document.get("circuit")
        stimulus = _STIMULUS.get(circuit, {"type": "object"}) if isinstance(circuit, str) else {}
        _validate(path, document, _object(("circuit",), **_COMMON, stimulus=stimulus))
        return cls(path=path, **{f.name: document[f.name] for f in fields(cls) if f.name in document})

    def job(self) -> ColumnJob | SarJob:
        """What the run takes; every value is checked by the circuit that uses it."""
        return self._mingru() if self.circuit == "mingru" else self._sar()

    def _mingru(self) -> ColumnJob:
        from circuits.families.mingru_run import core_jobs
        from circuits.process import get_process
        from circuits.testbench import Conditions

        given = dict(self.stimulus or {})
        arrays = self._arrays(given)
        columns = arrays["weights_h"].shape[-1] if arrays["weights_h"].ndim else 0
        column = int(given.get("column", 0))
        if column >= columns:
            raise InputError(f"{self.path}: stimulus.column = {column}; the file has {columns} columns")
        return core_jobs(
            self.parameters or {},
            (arrays["weights_h"], arrays["weights_z"]),
            (arrays["biases_h"], arrays["biases_z"]),
            arrays["inputs"],
            self.level,
            theta=given.get("theta", 0.0),
            h_initial=given.get("h_initial", 0.0),
            analog=given.get("analog", False),
            process=get_process(self.process),
            conditions=Conditions(self.corner, self.temperature, self.supply),
            mismatch_seed=self.mismatch_seed,
        )[column]

    def _arrays(self, given: Mapping[str, Any]) -> dict[str, np.ndarray[Any, np.dtype[Any]]]:
        """Weights, biases and inputs from the file, or drawn."""
        if "file" in given:
            drawn = sorted({"seed", "rows", "steps"} & set(given))
            if drawn:
                raise InputError(
                    f"{self.path}: stimulus.{drawn[0]} and stimulus.file exclude each other; accepted: one"
                )
            source = self.path.parent / given["file"]
            try:
                with np.load(source, allow_pickle=False) as file:
                    absent = [name for name in _ARRAYS if name not in file]
                    if absent:
                        raise InputError(
                            f"{source}: no array {absent[0]!r}; accepted: NPZ with {', '.join(_ARRAYS)}"
                        )
                    return {name: file[name] for name in _ARRAYS}
            except ValueError as error:
                if isinstance(error, InputError):
                    raise
                raise InputError(f"{source}: no NPZ file of plain arrays: {error}") from error
        rng = np.random.default_rng(given.get("seed", 0))
        rows = given.get("rows", 16)
        steps = given.get("steps", 8)
        inputs = rng.random((steps, rows)) if given.get("analog") else rng.integers(0, 2, (steps, rows))
        return {
            "inputs": inputs,
            "weights_h": rng.integers(0, 4, (rows, 1)),
            "weights_z": rng.integers(0, 4, (rows, 1)),
            "biases_h": rng.integers(-16, 16, 1),
            "biases_z": rng.integers(-16, 16, 1),
        }

    def _sar(self) -> SarJob:
        from circuits.families.sar import IdealSarAdc, SarAdc
        from circuits.families.sar_run import SarJob
        from circuits.process import draw_mismatch, get_process
        from circuits.testbench import Conditions

        kind = IdealSarAdc if self.level == "ideal" else SarAdc
        adc, process = kind().replace(self.parameters or {}), get_process(self.process)
        rng = None if self.mismatch_seed is None else np.random.default_rng(self.mismatch_seed)
        drawn = {} if rng is None else draw_mismatch(adc, process, rng)
        given = dict(self.stimulus or {})
        transitions = tuple(given.get("transitions", ()))
        last = 2**adc.n_bits - 1
        if any(not 1 <= code <= last for code in transitions) or sorted(set(transitions)) != list(
            transitions
        ):
            raise InputError(
                f"{self.path}: stimulus.transitions = {list(transitions)};"
                f" accepted: ascending codes from 1 to {last}"
            )
        conditions = Conditions(self.corner, self.temperature, self.supply, drawn)
        options = {name: given[name] for name in ("halvings", "reach") if name in given}
        return SarJob(adc, process, conditions, transitions, **options)


def _validate(path: Path, document: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Raise :class:`InputError` for the first thing in ``document`` that ``schema`` does not take."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    error = best_match(Draft202012Validator(schema).iter_errors(document))
    if error is None:
        return
    where = [str(part) for part in error.absolute_path]
    if error.validator == "additionalProperties" and isinstance(error.schema.get("properties"), dict):
        known = error.schema["properties"]
        key = next(name for name in error.instance if name not in known)
        raise InputError(f"{path}: unknown entry {'.'.join([*where, key])!r}; accepted: {', '.join(known)}")
    raise InputError(f"{path}: {'.'.join(where) or 'scenario'}: {error.message[:200]}")
