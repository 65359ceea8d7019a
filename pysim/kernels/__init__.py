"""Compiled twins of the NumPy definitions; imported only when they are used."""
