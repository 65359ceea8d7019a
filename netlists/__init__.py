"""SPICE text only: subcircuits and model cards, as package data."""
