"""Exports of calibration tables and networks, each with the check that its receiving tool reproduces it."""
