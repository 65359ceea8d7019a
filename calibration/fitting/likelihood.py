"""Residuals whose sum of squares is the deviance, with their derivative and the information per value.

One least-squares solver then minimises Gaussian, log-normal, Poisson and censored likelihoods alike. The
residual r of a value with expectation mu satisfies r^2 = 2 [ln L(best) - ln L(mu)]:

* Gaussian (and log-normal with y, mu replaced by their logarithms): r = (y - mu)/sigma
* Poisson: r = sign(n - mu) sqrt(2 [mu - n + n ln(n/mu)])
* at or below a floor y (Tobit): r = sqrt(-2 ln Phi((y - mu)/sigma))

The Gauss-Newton matrix of the last two is not the information matrix (for n = 0 it is half of it), so the
covariance is built from the information itself: 1/mu for Poisson, lambda (lambda + z)/sigma^2 with
lambda = phi(z)/Phi(z) for a censored value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, xlogy

from calibration.fitting.dataset import Dataset, FloatArray

SMALLEST_RATE = 1e-300
HALF_LOG_2PI = 0.5 * float(np.log(2 * np.pi))


@dataclass(frozen=True, slots=True)
class Scores:
    """Per value: residual r, dr/dmu, and information (expected d^2(-ln L)/dmu^2)."""

    residual: FloatArray
    slope: FloatArray
    information: FloatArray


def scores(dataset: Dataset, mu: FloatArray) -> Scores:
    """Residuals of a data set where the model says ``mu``."""
    if dataset.likelihood == "poisson":
        return _poisson(dataset.y, mu)
    if dataset.likelihood == "lognormal":
        safe = np.maximum(mu, SMALLEST_RATE)
        inner = _gaussian(np.log(dataset.y), np.log(safe), dataset)
        return Scores(inner.residual, inner.slope / safe, inner.information / safe**2)
    return _gaussian(dataset.y, mu, dataset)


def _gaussian(y: FloatArray, mu: FloatArray, dataset: Dataset) -> Scores:
    """Gaussian values, some of them censored."""
    sigma, censored = dataset.sigma_array, dataset.censored_mask
    z = (y - mu) / sigma
    residual, slope, information = z.copy(), -1.0 / sigma, sigma**-2.0
    if np.any(censored):
        zc, sc = z[censored], sigma[censored]
        log_phi = log_ndtr(zc)
        hazard = np.exp(-0.5 * zc**2 - HALF_LOG_2PI - log_phi)
        root = np.sqrt(np.maximum(-2.0 * log_phi, SMALLEST_RATE))
        residual[censored] = root
        slope[censored] = np.where(root > 1e-140, hazard / root, 0.0) / sc
        information[censored] = np.maximum(hazard * (hazard + zc), 0.0) / sc**2
    return Scores(residual, slope, information)


def _poisson(n: FloatArray, mu: FloatArray) -> Scores:
    """Deviance residuals of counts."""
    rate = np.maximum(mu, SMALLEST_RATE)
    excess = (n - rate) / rate
    # n ln(n/mu) - (n - mu) cancels near mu = n: there use its series in the relative excess.
    near = np.abs(excess) < 1e-4
    exact = 2.0 * (rate - n + xlogy(n, n / rate))
    series = rate * excess**2 * (1.0 - excess / 3.0 + excess**2 / 6.0)
    residual = np.sign(n - rate) * np.sqrt(np.maximum(np.where(near, series, exact), 0.0))
    slope_far = np.where(near, 0.0, (1.0 - n / rate) / np.where(near, 1.0, residual))
    slope = np.where(near, -(1.0 + excess / 6.0) / np.sqrt(rate), slope_far)
    return Scores(residual, slope, 1.0 / rate)
