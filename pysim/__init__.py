"""Behavioural simulator of calibrated neuromorphic circuits: NumPy definitions, numba speed, no SPICE."""
