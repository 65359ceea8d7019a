"""Measured data: registry of other people's originals, and the project's own virtual chips."""
