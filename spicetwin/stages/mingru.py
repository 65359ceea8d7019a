"""minGRU core: columns against their twin, the calibration table, and a network on drawn chips."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from calibration.table import CalibrationTable
from pysim.errors import ModelError
from pysim.mingru import MinGruNetwork
from pysim.mingru.ensemble import Ensemble
from pysim.mingru.specification import MinGruExperiment
from pysim.population import over_chips
from spicetwin.compare.mingru import CoreComparison, compare_cores, write_states
from spicetwin.compare.mingru_cases import IDEAL_QUICK, QUICK
from spicetwin.mingru_chips import NETWORK, network_folder, run_experiment, summary
from spicetwin.report.accuracy_figures import accuracy_over_chips, confusion, states_and_codes
from spicetwin.report.document import Cell, Check, Figure, Section, Table
from spicetwin.stages.context import RunContext

#: Chips of a run and of a quick one, the first of those that the description draws.
CHIPS, QUICK_CHIPS = 50, 10

#: Accuracy that the packaged network must have under the constraints of the hardware.
REQUIRED = 0.95

#: Networks of the package, trained on nominal cores and on cores with the spread of the table.
NETWORKS = {"trained without spread": "mingru_digits", "trained with spread": "mingru_digits_spread"}

COMMAND = "spicetwin simulate examples/chips_mingru.toml"


def mingru(context: RunContext) -> Section:
    """Co-simulate small cores beside their twins, then run the packaged network on chips of the packaged table."""
    comparison = compare_cores(context.pool, IDEAL_QUICK if context.quick else QUICK)
    data = context.folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    write_states(comparison, data / "compare_mingru.nc")
    checks = list(comparison.checks())
    figures = [_states(context, core) for core in comparison.cores if not core.case.ideal]
    text = [
        "Columns of the switched-capacitor core run in ngspice in lock-step with their digital blocks, driven by a"
        " digit through a trained network; the twin beside them was calibrated on other stimuli. Cores of 16 x 16"
        " and of 64 rows take minutes to hours: 'spicetwin compare mingru'."
    ]
    tables = []
    try:
        experiment = MinGruExperiment.read(NETWORK, network_folder())
        found = {label: _ensemble(context, experiment, name) for label, name in NETWORKS.items()}
    except ModelError as error:
        text.append(f"The networks could not be run on chips: {error}")
    else:
        figures += _chips(context, experiment, found)
        checks += _accuracy(found)
        tables += [_figures(experiment, found), _entries(experiment.table)]
        text.append(
            f"Chips are drawn from {experiment.table.reference}, digest {experiment.table.digest[:16]}: mismatch of"
            " every row capacitor, converter and comparator, corners, thermal noise. Sizes and voltages of the core"
            " are assumed; the leakage behind the droop is measured. One network was trained without spread, the"
            " other with the table's spread drawn anew for every batch; neither has seen the drawn chips."
        )
    return Section(
        "mingru",
        "minGRU core",
        text=tuple(text),
        checks=tuple(checks),
        figures=tuple(figures),
        tables=tuple(tables),
    )


def _ensemble(context: RunContext, experiment: MinGruExperiment, name: str) -> Ensemble:
    network = MinGruNetwork.load(network_folder() / f"{name}.npz")
    chips = QUICK_CHIPS if context.quick else CHIPS
    return run_experiment(dataclasses.replace(experiment, network=network, chips=chips))


def _states(context: RunContext, core: CoreComparison) -> Figure:
    column = int(abs(core.state_spice).max(axis=0).argmax())
    picture = states_and_codes(
        (core.state_spice[:, column], core.code_spice[:, column]),
        (core.state_twin[:, column], core.code_twin[:, column]),
        float(core.theta[column]),
        title=core.case.name,
    )
    return context.figure(
        "mingru-states",
        picture,
        "State and gate code of one column over steps, ngspice and twin",
        f"Column {column} of the core ({core.case.name}): state after every step, gate codes below.",
    )


def _chips(context: RunContext, experiment: MinGruExperiment, found: Mapping[str, Ensemble]) -> list[Figure]:
    groups = {
        label: (np.array([chip.accuracy for chip in ensemble.chips]), ensemble.ideal.accuracy)
        for label, ensemble in found.items()
    }
    label, ensemble = list(found.items())[-1]
    samples, chips = len(ensemble.labels), len(ensemble.chips)
    return [
        context.figure(
            "mingru-accuracy",
            accuracy_over_chips(groups, title=f"{experiment.task}, {samples} test samples"),
            f"Histograms of the accuracy of {chips} drawn chips for networks trained with and without spread",
            f"Accuracy of {chips} drawn chips on {experiment.task}, networks trained with and without spread.",
        ),
        context.figure(
            "mingru-confusion",
            confusion(ensemble.confusion, title=f"{label}: mean of {chips} chips, % of each digit"),
            "Confusion matrix of the digits, mean over the drawn chips",
            f"Decisions of the drawn chips for each true digit, in percent; network {label}.",
        ),
    ]


def _accuracy(found: Mapping[str, Ensemble]) -> list[Check]:
    plain, hardened = found.values()
    value = plain.ideal.accuracy
    # The same seeds draw the same chips, so that the difference is taken chip by chip.
    gain = over_chips(
        np.array([b.accuracy - a.accuracy for a, b in zip(plain.chips, hardened.chips, strict=True)])
    )
    return [
        Check(
            "digits, network of 2-bit weights, 6-bit biases and gates, binary outputs",
            f"{100 * value:.1f} % of {len(plain.labels)}",
            f"≥ {100 * REQUIRED:g} %",
            value >= REQUIRED,
            COMMAND,
        ),
        Check(
            "training with spread helps on chips it has not seen",
            f"{_percent(hardened)} against {_percent(plain)}, on one and the same chip"
            f" {100 * float(gain.mean):+.1f} points [{100 * float(gain.low):.1f}, {100 * float(gain.high):.1f}]",
            "interval of the difference above 0",
            float(gain.low) > 0.0,
            COMMAND,
        ),
    ]


def _percent(ensemble: Ensemble) -> str:
    a = ensemble.accuracy
    return f"{100 * float(a.mean):.1f} % [{100 * float(a.low):.1f}, {100 * float(a.high):.1f}]"


def _figures(experiment: MinGruExperiment, found: Mapping[str, Ensemble]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for label, ensemble in found.items():
        told = summary(experiment, ensemble)
        accuracy = told["accuracy"]
        rows.append(
            (
                label,
                len(ensemble.chips),
                100 * ensemble.ideal.accuracy,
                100 * ensemble.typical.accuracy,
                _percent(ensemble),
                f"{100 * accuracy['p2_5']:.1f} to {100 * accuracy['p97_5']:.1f}",
                100 * told["sampling_error"],
                1e9 * told["energy_j"]["mean"],
            )
        )
    heads = (
        "Network",
        "Chips",
        "No effects (%)",
        "Typical chip (%)",
        "Mean of chips [95 %]",
        "95 % of chips (%)",
        "Test set, s.e. (points)",
        "Energy (nJ)",
    )
    return Table("Networks on drawn chips", heads, tuple(rows))


def _entries(table: CalibrationTable) -> Table:
    rows = []
    for name, entry in table.entries.items():
        if "value" not in entry.parameters:
            continue
        spread = ", ".join(
            f"{t.source} {t.sigma:.3g}{' (ln)' if t.distribution == 'lognormal' else ''}"
            for t in entry.variation
        )
        value = entry.parameters["value"].value
        rows.append(
            (name, value, entry.unit, spread or "none", str((entry.reference or {}).get("source", "")))
        )
    return Table(
        f"Entries of {table.reference}", ("Entry", "Value", "Unit", "Spread", "From"), tuple(rows), True
    )
