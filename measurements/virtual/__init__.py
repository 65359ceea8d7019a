"""Virtual chips: small data sets with a known truth, made by ``python -m measurements.virtual.generate``."""
