"""Benchmarks: every module has a ``run()`` that yields rows of ``spicetwin bench``."""
