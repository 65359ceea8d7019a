"""Fit recipes: data, filters with reasons, laws, sharing, hold-out and acceptance, written as TOML."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import Any, Literal, get_args

from calibration.fitting.dataset import Likelihood, Scale
from calibration.fitting.result import Criteria
from calibration.laws import Law, get_law
from calibration.readers.units import UnitError, quantity

Group = Literal["joint", "each"]
Kind = Literal["laws", "in_the_loop"]
Statistic = Literal["median", "mean", "spread", "log_width", "share", "counts"]
ResidualMeasure = Literal["rms", "largest", "distance"]
PredictionMeasure = Literal["log", "difference", "distance"]


class RecipeError(ValueError):
    """A recipe is unknown, misspelt, or asked for what its data do not have."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Rows to leave out: where ``column`` (times L/W with ``per_square``) is below or above a limit.

    ``between`` leaves out the rows inside two limits, such as a transition that the law does not describe.
    """

    column: str
    reason: str
    below: float | None = None
    above: float | None = None
    per_square: bool = False
    unit: str | None = None
    between: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Reduction:
    """Rows of a curve brought together: one statistic of ``column`` per combination of the ``by`` columns.

    ``median``, ``mean``, ``spread`` (standard deviation), ``log_width`` (half the central 68 % of ln(column), a
    standard deviation without the tails) and ``share`` (of the rows with ``column`` below ``below``) give the
    columns ``by``, ``column``, ``column_sigma`` (its standard error), ``column_median`` and ``rows``.
    ``counts`` is a histogram over ``bins`` equal steps of ln(column) between the two ``edges`` with all that is
    lower or higher in one more bin at either end: columns ``low``, ``high``, ``counts``, ``total``. Groups of
    fewer than ``minimum`` rows are left out.
    """

    column: str
    statistic: Statistic
    by: tuple[str, ...]
    minimum: int = 1
    below: float | None = None
    edges: tuple[float, float] | None = None
    bins: int = 50


@dataclass(frozen=True, slots=True)
class Response:
    """A measured column and the law that predicts it.

    ``inputs`` maps the law's inputs to columns or conditions. ``sigma`` is the noise at rest (relative for
    ``lognormal``, where ``sigma_absolute`` in the unit of the column adds to it). With ``sigma_column`` a column
    of standard errors in the unit of the response adds to both, in quadrature. With ``time_jitter`` the
    instant of a sample is uncertain too, by a spread estimated from the residuals. With ``plot_change`` the
    figure shows the change from the prediction nearest the zero of the x axis, for small dependences. ``plot_x``
    is the input on the x axis (default the law's first), ``plot_by`` an input whose values become curves; both
    take means over the law's other inputs.
    """

    column: str
    law: str
    likelihood: Likelihood
    inputs: Mapping[str, str]
    sigma: float | None = None
    sigma_absolute: float = 0.0
    time_jitter: bool = False
    plot_change: bool = False
    sigma_column: str | None = None
    plot_x: str | None = None
    plot_by: str | None = None


@dataclass(frozen=True, slots=True)
class ParameterRule:
    """What the recipe says about a parameter; the rest comes from the law."""

    value: float | None = None
    unit: str | None = None
    bounds: tuple[float, float] | None = None
    scale: Scale | None = None
    vary: bool = True
    per: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """Comparison of a parameter between two fits, for every value of the condition ``leave`` in turn.

    ``alone``: the joint fit against a fit of that condition alone. ``holdout``: a fit without that condition
    (or without its ``responses``) against the fit of that condition alone; ``per`` changes the sharing in the
    training fit, ``proportional`` scales the nearest trained value by a condition that training has not seen.
    ``only`` limits the check to some values of ``leave``.
    """

    kind: Literal["alone", "holdout"]
    name: str
    parameter: str
    leave: str
    limit: float
    responses: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    per: Mapping[str, str] = field(default_factory=dict)
    proportional: str | None = None


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Range in which the value (for ``each``: the median) of a parameter must lie."""

    parameter: str
    low: float
    high: float
    where: Mapping[str, str | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trend:
    """Law fitted to a parameter of many fits, one fit per value of ``by``.

    With ``leave_out`` (a relative limit) every fit is left out in turn and its parameter predicted from the
    others. ``only`` limits the judgement to some of them; the rest are shown, with ``note`` as the reason.
    """

    parameter: str
    law: str
    by: str
    inputs: Mapping[str, str]
    fixed: Mapping[str, float]
    name: str | None = None
    likelihood: Likelihood = "gaussian"
    leave_out: float | None = None
    only: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class ResidualLimit:
    """Highest accepted residual of each data set of a response.

    ``measure``: ``rms`` or ``largest`` of the relative residuals y/prediction - 1; ``distance``, the largest
    difference of the cumulative sums of counts and prediction as a share of all counts (Kolmogorov-Smirnov, at
    the edges of the bins).
    """

    name: str
    response: str
    limit: float
    measure: ResidualMeasure = "rms"


@dataclass(frozen=True, slots=True)
class Prediction:
    """Joint fit without one value of ``leave`` (a condition or an input); its rows are then predicted.

    Judged is the rms over the uncensored rows of what was left out: of ln(measured/predicted) (``measure``
    ``log``) or of measured - predicted (``difference``); or the Kolmogorov-Smirnov distance of counts
    (``distance``, as in :class:`ResidualLimit`). ``where`` limits what is left out to some curves;
    ``together`` lists values of ``leave`` that are left out at once. ``only`` limits the judgement to some
    values; the rest are shown, with ``note`` as the reason.
    """

    name: str
    leave: str
    limit: float
    only: tuple[str, ...] = ()
    note: str = ""
    where: Mapping[str, float | str] = field(default_factory=dict)
    measure: PredictionMeasure = "log"
    together: tuple[float, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """A recipe, read and checked; see the TOML files in ``calibration/recipes``."""

    name: str
    title: str
    kind: Kind
    source: str
    group: Group
    split: str | None
    responses: tuple[Response, ...]
    parameters: Mapping[str, ParameterRule]
    filters: tuple[Filter, ...] = ()
    criteria: Criteria = field(default_factory=Criteria)
    checks: tuple[Check, ...] = ()
    acceptances: tuple[Acceptance, ...] = ()
    medians: tuple[str, ...] = ()
    trends: tuple[Trend, ...] = ()
    residuals: tuple[ResidualLimit, ...] = ()
    predictions: tuple[Prediction, ...] = ()
    where: Mapping[str, float | str] = field(default_factory=dict)
    step: float | None = None
    relative_sigma: bool = False
    cluster: str | None = None
    reader: str = ""
    notes: tuple[str, ...] = ()
    reduction: Reduction | None = None
    conditions: Mapping[str, float | str] = field(default_factory=dict)
    circuit: Mapping[str, str | float] = field(default_factory=dict)

    def law(self, response: Response) -> Law:
        """Law of a response."""
        return get_law(response.law)

    def override(self, changes: Mapping[str, float]) -> Recipe:
        """Copy with ``parameter`` (start), ``parameter.fixed`` or ``condition.name`` set.

        Raises
        ------
        RecipeError
            For a key that is none of these.
        """
        parameters, conditions = dict(self.parameters), dict(self.conditions)
        for key, value in changes.items():
            head, _, tail = key.partition(".")
            if head == "condition" and tail:
                conditions[tail] = value
            elif head in parameters and tail in ("", "fixed"):
                rule = parameters[head]
                parameters[head] = replace(rule, value=value, vary=not tail and rule.vary)
            else:
                names = ", ".join(parameters)
                raise RecipeError(
                    f"cannot set {key!r}; accepted: a parameter ({names}), parameter.fixed, condition.NAME"
                )
        return replace(self, parameters=parameters, conditions=conditions)


def recipes() -> tuple[str, ...]:
    """Names of the recipes that come with the project."""
    folder = files("calibration") / "recipes"
    names = [item.name for item in folder.iterdir()]
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def load_recipe(name: str) -> Recipe:
    """Recipe of this name.

    Raises
    ------
    RecipeError
        Lists the known ones, or says what is wrong with the file and on which line.
    """
    if name not in recipes():
        raise RecipeError(f"unknown recipe {name!r}; known: {', '.join(recipes())}")
    path = files("calibration") / "recipes" / f"{name}.toml"
    return parse_recipe(path.read_text(encoding="utf-8"), f"calibration/recipes/{name}.toml")


def parse_recipe(text: str, file: str) -> Recipe:
    """Read a recipe.

    Raises
    ------
    RecipeError
        With file and line: broken TOML, unknown or missing key, wrong type, unknown law, wrong unit.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{file}: {error}") from None
    return _Parser(text, file).recipe(table)


class _Parser:
    """Reads TOML tables into the recipe's records, with the line of whatever is wrong."""

    def __init__(self, text: str, file: str) -> None:
        self.lines = text.splitlines()
        self.file = file

    def fail(self, problem: str, key: str | None = None) -> RecipeError:
        """Error at the line on which ``key`` is written."""
        place = self.file
        if key is not None:
            pattern = re.compile(rf"(^|[\s{{,\[.\"]){re.escape(key)}([\s=.\]\"]|$)")
            hits = [i for i, line in enumerate(self.lines, 1) if pattern.search(line.partition("#")[0])]
            place += f", line {hits[0]}" if hits else ""
        return RecipeError(f"{place}: {problem}")

    def keys(self, table: Any, what: str, accepted: str, required: str = "") -> Mapping[str, Any]:
        """Table with its keys checked; ``accepted`` and ``required`` are names separated by spaces."""
        if not isinstance(table, Mapping):
            raise self.fail(f"{what} must be a table")
        known = [*required.split(), *accepted.split()]
        for key in table:
            if key not in known:
                raise self.fail(f"unknown key {key!r} in {what}; accepted: {', '.join(known)}", key)
        for key in required.split():
            if key not in table:
                raise self.fail(f"{what} needs the key {key!r}")
        return table

    def recipe(self, table: Mapping[str, Any]) -> Recipe:
        """The whole file."""
        self.keys(
            table,
            "the recipe",
            "filter reduce criteria alone holdout accept trend residual predict conditions circuit",
            "recipe data response parameters",
        )
        head = self.keys(table["recipe"], "[recipe]", "kind notes step relative_sigma cluster", "name title")
        data = self.keys(table["data"], "[data]", "split group medians where reader", "source")
        kind = self.choice(head.get("kind", "laws"), get_args(Kind), "kind")
        responses = tuple(self.response(r, kind) for r in self.rows(table, "response"))
        return Recipe(
            name=self.text(head, "name"),
            title=self.text(head, "title"),
            kind=kind,  # type: ignore[arg-type]
            source=self.text(data, "source"),
            group=self.choice(data.get("group", "joint"), get_args(Group), "group"),  # type: ignore[arg-type]
            split=data.get("split"),
            responses=responses,
            parameters={name: self.parameter(name, rule) for name, rule in table["parameters"].items()},
            filters=tuple(self.filter(f) for f in self.rows(table, "filter")),
            criteria=self.criteria(table.get("criteria", {})),
            checks=(
                *(self.check("alone", c) for c in self.rows(table, "alone")),
                *(self.check("holdout", c) for c in self.rows(table, "holdout")),
            ),
            acceptances=tuple(self.acceptance(a) for a in self.rows(table, "accept")),
            medians=tuple(data.get("medians", ())),
            trends=tuple(self.trend(t) for t in self.rows(table, "trend")),
            residuals=tuple(self.residual(r) for r in self.rows(table, "residual")),
            predictions=tuple(self.prediction(p) for p in self.rows(table, "predict")),
            where=dict(data.get("where", {})),
            step=head.get("step"),
            relative_sigma=bool(head.get("relative_sigma")),
            cluster=head.get("cluster"),
            reader=data.get("reader", ""),
            notes=tuple(head.get("notes", ())),
            reduction=self.reduction(table["reduce"]) if "reduce" in table else None,
            conditions={k: self.value(v, k) for k, v in table.get("conditions", {}).items()},
            circuit=dict(table.get("circuit", {})),
        )

    def rows(self, table: Mapping[str, Any], key: str) -> list[Any]:
        """Array of tables ``[[key]]``."""
        found = table.get(key, [])
        if not isinstance(found, list):
            raise self.fail(f"[[{key}]] must be an array of tables", key)
        return found

    def text(self, table: Mapping[str, Any], key: str) -> str:
        """Text value."""
        if not isinstance(table[key], str):
            raise self.fail(f"{key} must be text, not {table[key]!r}", key)
        return str(table[key])

    def choice(self, value: Any, accepted: tuple[str, ...], key: str) -> str:
        """One of a few words."""
        if value not in accepted:
            raise self.fail(f"{key} = {value!r}; accepted: {', '.join(accepted)}", key)
        return str(value)

    def value(self, raw: Any, key: str) -> float:
        """SI number of ``1.5`` or ``"1.5 mV"``."""
        if isinstance(raw, (int, float)) and not isinstance(raw, bool) and math.isfinite(raw):
            return float(raw)
        try:
            return quantity(raw)[0]
        except (UnitError, TypeError, ValueError) as error:
            raise self.fail(f"{key} = {raw!r}: {error}", key) from None

    def filter(self, raw: Any) -> Filter:
        """A ``[[filter]]``."""
        table = self.keys(raw, "[[filter]]", "below above between per_square", "column reason")
        limits = {k: self.value(table[k], k) for k in ("below", "above") if k in table}
        written = [table[k] for k in limits]
        between = None
        if "between" in table:
            between = self.ends(table["between"], "between", "between")
            written += table["between"]
        if not written or not str(table["reason"]).strip():
            raise self.fail("a filter needs below, above or between, and a reason", "reason")
        unit = quantity(written[0])[1] if isinstance(written[0], str) else None
        per_square = bool(table.get("per_square"))
        return Filter(
            table["column"], table["reason"], per_square=per_square, unit=unit, between=between, **limits
        )

    def ends(self, raw: Any, what: str, key: str) -> tuple[float, float]:
        """Two rising values."""
        ends = [self.value(v, key) for v in raw] if isinstance(raw, list) else []
        if len(ends) != 2 or not ends[0] < ends[1]:
            raise self.fail(f"{what} must be two rising values", key)
        return ends[0], ends[1]

    def response(self, raw: Any, kind: str) -> Response:
        """A ``[[response]]``."""
        table = self.keys(
            raw,
            "[[response]]",
            "law sigma sigma_absolute sigma_column time_jitter plot_change plot_x plot_by inputs",
            "column likelihood",
        )
        likelihood = self.choice(table["likelihood"], get_args(Likelihood), "likelihood")
        inputs = dict(table.get("inputs", {}))
        name = table.get("law", "")
        if kind == "laws":
            try:
                law = get_law(name)
            except ValueError as error:
                raise self.fail(str(error), "law") from None
            for key in inputs:
                if key not in law.inputs:
                    raise self.fail(f"law {name} has no input {key!r}; it has {', '.join(law.inputs)}", key)
            for key in law.inputs:
                inputs.setdefault(key, key)
        sigma = self.value(table["sigma"], "sigma") if "sigma" in table else None
        return Response(
            table["column"],
            name,
            likelihood,  # type: ignore[arg-type]
            inputs,
            sigma,
            self.value(table.get("sigma_absolute", 0.0), "sigma_absolute"),
            bool(table.get("time_jitter")),
            bool(table.get("plot_change")),
            table.get("sigma_column"),
            table.get("plot_x"),
            table.get("plot_by"),
        )

    def reduction(self, raw: Any) -> Reduction:
        """``[reduce]``."""
        table = self.keys(raw, "[reduce]", "by minimum below edges bins", "column statistic")
        statistic = self.choice(table["statistic"], get_args(Statistic), "statistic")
        if (statistic == "share") != ("below" in table) or (statistic == "counts") != ("edges" in table):
            raise self.fail("[reduce]: a share needs below, counts need edges", "statistic")
        return Reduction(
            self.text(table, "column"),
            statistic,  # type: ignore[arg-type]
            tuple(table.get("by", ())),
            int(table.get("minimum", 1)),
            self.value(table["below"], "below") if "below" in table else None,
            self.ends(table["edges"], "edges", "edges") if "edges" in table else None,
            int(table.get("bins", 50)),
        )

    def parameter(self, name: str, raw: Any) -> ParameterRule:
        """A ``[parameters.NAME]``."""
        table = self.keys(raw, f"[parameters.{name}]", "value unit bounds scale vary per")
        bounds = None
        if "bounds" in table:
            bounds = self.ends(table["bounds"], f"bounds of {name}", "bounds")
        scale = self.choice(table["scale"], get_args(Scale), "scale") if "scale" in table else None
        return ParameterRule(
            self.value(table["value"], "value") if "value" in table else None,
            table.get("unit"),
            bounds,
            scale,  # type: ignore[arg-type]
            bool(table.get("vary", True)),
            table.get("per"),
        )

    def criteria(self, raw: Any) -> Criteria:
        """``[criteria]``."""
        names = "max_redchi max_relative_stderr max_correlation min_explained nuisance"
        table = dict(self.keys(raw, "[criteria]", names))
        nuisance = tuple(table.pop("nuisance", ()))
        return Criteria(nuisance=nuisance, **{k: self.value(v, k) for k, v in table.items()})

    def check(self, kind: Literal["alone", "holdout"], raw: Any) -> Check:
        """An ``[[alone]]`` or ``[[holdout]]``."""
        table = self.keys(raw, f"[[{kind}]]", "responses only per proportional", "name parameter leave limit")
        return Check(
            kind,
            self.text(table, "name"),
            self.text(table, "parameter"),
            self.text(table, "leave"),
            self.value(table["limit"], "limit"),
            tuple(table.get("responses", ())),
            tuple(table.get("only", ())),
            dict(table.get("per", {})),
            table.get("proportional"),
        )

    def acceptance(self, raw: Any) -> Acceptance:
        """An ``[[accept]]``."""
        table = self.keys(raw, "[[accept]]", "where", "parameter low high")
        return Acceptance(
            self.text(table, "parameter"),
            self.value(table["low"], "low"),
            self.value(table["high"], "high"),
            dict(table.get("where", {})),
        )

    def trend(self, raw: Any) -> Trend:
        """A ``[[trend]]``."""
        more = "fixed name likelihood leave_out only note"
        table = self.keys(raw, "[[trend]]", more, "parameter law by inputs")
        fixed = {k: self.value(v, k) for k, v in table.get("fixed", {}).items()}
        likelihood = self.choice(table.get("likelihood", "gaussian"), get_args(Likelihood), "likelihood")
        return Trend(
            table["parameter"],
            table["law"],
            table["by"],
            dict(table["inputs"]),
            fixed,
            table.get("name"),
            likelihood,  # type: ignore[arg-type]
            self.value(table["leave_out"], "leave_out") if "leave_out" in table else None,
            tuple(table.get("only", ())),
            table.get("note", ""),
        )

    def residual(self, raw: Any) -> ResidualLimit:
        """A ``[[residual]]``."""
        table = self.keys(raw, "[[residual]]", "measure", "name response limit")
        return ResidualLimit(
            self.text(table, "name"),
            self.text(table, "response"),
            self.value(table["limit"], "limit"),
            self.choice(table.get("measure", "rms"), get_args(ResidualMeasure), "measure"),  # type: ignore[arg-type]
        )

    def prediction(self, raw: Any) -> Prediction:
        """A ``[[predict]]``."""
        table = self.keys(raw, "[[predict]]", "only note where measure together", "name leave limit")
        return Prediction(
            self.text(table, "name"),
            self.text(table, "leave"),
            self.value(table["limit"], "limit"),
            tuple(table.get("only", ())),
            table.get("note", ""),
            dict(table.get("where", {})),
            self.choice(table.get("measure", "log"), get_args(PredictionMeasure), "measure"),  # type: ignore[arg-type]
            tuple(self.value(v, "together") for v in table.get("together", ())),
        )
