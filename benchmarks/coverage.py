"""Virtual truth: how often the 95 % intervals of repeated fits of noisy virtual data hold the true value.

``python -m benchmarks.coverage`` prints one line per problem and parameter; the tests run the same functions.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from calibration.fit import Dataset, FitParameter, FitResult, fit, law_model, law_parameters
from calibration.fitting.dataset import FloatArray
from calibration.laws import get_law

REPEATS = 200
LIMITS = (0.90, 0.98)
Problem = Callable[[int], FitResult]


def decay(seed: int) -> FitResult:
    """Decay to its floor, 3 % noise on a log scale; all but kappa free."""
    law = get_law("dpi_decay")
    x = {"time": np.linspace(0.0, 0.15, 60)}
    clean = law(x, {"amplitude": 1e-10, "tau": 1e-2, "kappa": 1.0, "i_floor": 1e-14})
    y = clean * np.exp(0.03 * np.random.default_rng(seed).standard_normal(60))
    parameters = law_parameters(law, amplitude=5e-11, tau=2e-2)
    parameters["kappa"] = FitParameter(1.0, vary=False)
    return fit(partial(law_model, law=law), [Dataset("decay", x, y, 0.03, "lognormal")], parameters)


def decay_censored(seed: int) -> FitResult:
    """Decay into a read floor: a third of the values is censored."""
    law = get_law("dpi_decay")
    x = {"time": np.linspace(0.0, 0.08, 40)}
    clean = law(x, {"amplitude": 1e-10, "tau": 1e-2, "kappa": 1.0, "i_floor": 1e-18})
    y = clean * np.exp(0.2 * np.random.default_rng(seed).standard_normal(40))
    floor = 5e-13
    data = Dataset("decay", x, np.maximum(y, floor), 0.2, "lognormal", y <= floor)
    parameters = law_parameters(law, amplitude=5e-11, tau=2e-2)
    parameters["kappa"] = FitParameter(1.0, vary=False)
    parameters["i_floor"] = FitParameter(1e-18, "A", vary=False)
    return fit(partial(law_model, law=law), [data], parameters)


def tau_law(seed: int) -> FitResult:
    """Time constant over four decades of bias, noise unknown to the fit (Student's t intervals)."""
    law = get_law("dpi_tau")
    x = {"i_tau": np.geomspace(1e-14, 1e-10, 20), "temperature": np.full(20, 300.0)}
    clean = law(x, {"c_syn": 1.5e-12, "kappa": 0.72, "i_leak": 5e-14})
    y = clean * np.exp(0.05 * np.random.default_rng(seed).standard_normal(20))
    parameters = law_parameters(law, c_syn=1.5e-12, kappa=0.6)
    parameters["c_syn"] = FitParameter(1.5e-12, "F", vary=False)
    return fit(partial(law_model, law=law), [Dataset("tau", x, y, None, "lognormal")], parameters)


def joint_counts(seed: int) -> FitResult:
    """V_syn (Gaussian) and counts (Poisson, free gain) of two biases in one fit, as in ``dpi_coach``."""
    rng = np.random.default_rng(seed)
    ramp, counts = get_law("dpi_vsyn_ramp"), get_law("dpi_counts")
    time = 0.02 * np.arange(10.0)
    x = {"time": time, "temperature": np.full(10, 300.0)}
    shared = {"v_rest": 1.7725, "kappa": 0.74, "rate": 9e4, "v_ref": 1.33, "background": 13.0}
    datasets = []
    for name, slope, start in (("fast", 10.0, 1.31), ("slow", 4.4, 1.295)):
        true = {**shared, "slope": slope, "v_start": start}
        v = ramp(x, {key: true[key] for key in ramp.params})
        rate = np.gradient(v, time)
        sigma = np.hypot(1e-3, 7e-4 * rate)
        conditions = {"name": name}
        noisy = v + sigma * rng.standard_normal(10)
        datasets.append(Dataset(f"{name}.v", x, noisy, sigma, conditions={**conditions, "response": "v_syn"}))
        spans = {**x, "interval": np.full(10, 0.02)}
        n = rng.poisson(counts(spans, {key: true[key] for key in counts.params})).astype(np.float64)
        datasets.append(
            Dataset(
                f"{name}.n", spans, n, likelihood="poisson", conditions={**conditions, "response": "counts"}
            )
        )

    def model(parameters: Mapping[str, float], dataset: Dataset) -> FloatArray:
        law = ramp if dataset.conditions["response"] == "v_syn" else counts
        return law(dataset.x, {key: parameters[key] for key in law.params})

    parameters = {
        "v_start": FitParameter(1.3, "V", (0.5, 1.75), per="name"),
        "v_rest": FitParameter(1.772, "V", (1.7, 1.9)),
        "slope": FitParameter(7.0, "V/s", (0.1, 100.0), scale="log", per="name"),
        "kappa": FitParameter(0.65, "1", (0.3, 1.0)),
        "rate": FitParameter(5e4, "1/s", (1.0, 1e9), scale="log"),
        "v_ref": FitParameter(1.33, "V", vary=False),
        "background": FitParameter(5.0, "1/s", (1e-3, 1e4), scale="log"),
    }
    return fit(model, datasets, parameters)


PROBLEMS: Mapping[str, tuple[Problem, Mapping[str, float]]] = {
    "decay": (decay, {"amplitude": 1e-10, "tau": 1e-2, "i_floor": 1e-14}),
    "decay_censored": (decay_censored, {"amplitude": 1e-10, "tau": 1e-2}),
    "tau_law": (tau_law, {"kappa": 0.72, "i_leak": 5e-14}),
    "joint_counts": (
        joint_counts,
        {"kappa": 0.74, "slope[fast]": 10.0, "slope[slow]": 4.4, "rate": 9e4, "v_rest": 1.7725},
    ),
}


def coverage(name: str, repeats: int = REPEATS, level: float = 0.95, first_seed: int = 0) -> dict[str, float]:
    """Share of the intervals of ``level`` that hold the truth, per parameter of a problem."""
    problem, truth = PROBLEMS[name]
    hits = dict.fromkeys(truth, 0)
    for seed in range(first_seed, first_seed + repeats):
        result = problem(seed)
        for parameter, value in truth.items():
            low, high = result.interval(parameter, level)
            hits[parameter] += low <= value <= high
    return {parameter: count / repeats for parameter, count in hits.items()}


def main() -> int:
    """Print the coverage of every problem; 1 if one lies outside the limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    repeats = parser.parse_args().repeats
    outside = 0
    for name in PROBLEMS:
        for parameter, share in coverage(name, repeats).items():
            good = LIMITS[0] <= share <= LIMITS[1]
            outside += not good
            print(f"{name:16s} {parameter:14s} {share:6.1%}  {'ok' if good else 'OUTSIDE'}")
    return int(outside > 0)


if __name__ == "__main__":
    raise SystemExit(main())
