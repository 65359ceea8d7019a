"""A virtual calibration table with known truth, for the tests of the behavioural simulator."""

from __future__ import annotations

from calibration.table import (
    CalibrationTable,
    Covariance,
    Entry,
    Parameter,
    Provenance,
    Source,
    Validation,
    Variation,
)

SIGMA_FIT = 0.02
SIGMA_DIE = 0.10
SIGMA_WITHIN = 0.25

SYNAPSE = {
    "tau": (10e-3, "s"),
    "i_gain": (20e-12, "A"),
    "i_weight": (1e-9, "A"),
    "i_tau": (5e-12, "A"),
    "t_pulse": (10e-6, "s"),
    "i_floor": (1e-15, "A"),
}
NEURON = {
    "tau": (20e-3, "s"),
    "i_tau": (5e-12, "A"),
    "i_gain": (20e-12, "A"),
    "i_threshold": (2e-9, "A"),
    "i_reset": (1e-12, "A"),
    "t_refractory": (2e-3, "s"),
}


def constant(value: float, unit: str, *, spread: bool = False) -> Entry:
    """Constant positive quantity; ``spread`` adds the fit, die and within-die sources."""
    variation = (
        Variation("die", "lognormal", SIGMA_DIE, 0.01, 100),
        Variation("within_die", "lognormal", SIGMA_WITHIN, 0.01, 500),
    )
    return Entry(
        quantity="virtual",
        unit=unit,
        law="constant",
        scale="log",
        parameters={"value": Parameter(value, unit, value * SIGMA_FIT, (0.0, float("inf")), True, "log")},
        covariance=Covariance(("value",), ((SIGMA_FIT**2,),)),
        variation=variation if spread else (),
        validation=(Validation("virtual traces", "relative error", 0.004, 0.01),),
        n_points=100,
        redchi=1.0,
    )


def dpi_table(name: str = "dpi_virtual", version: str = "1.0.0", **entries: Entry) -> CalibrationTable:
    """Table of the DPI synapse and neuron, every quantity a constant."""
    all_entries = {f"synapse.{k}": constant(v, u, spread=k == "tau") for k, (v, u) in SYNAPSE.items()}
    all_entries |= {f"neuron.{k}": constant(v, u, spread=k == "tau") for k, (v, u) in NEURON.items()}
    all_entries |= entries
    return CalibrationTable(
        name=name,
        version=version,
        created="2026-11-21T00:00:00Z",
        entries=all_entries,
        provenance=Provenance(
            kind="virtual", seed=1, sources=(Source("virtual/dpi.csv", "0" * 64, "virtual"),)
        ),
        description="Virtual truth for tests",
        licence="Apache-2.0",
        references=("doi:10.1162/neco.2007.19.10.2581",),
    )
