"""Parts of a fit: data sets, parameters, likelihoods, verdict, result. The solver is ``calibration.fit``."""
