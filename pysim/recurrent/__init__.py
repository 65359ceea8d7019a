"""Recurrent networks of DPI neurons in the linear limit, on a grid of steps with exact propagators."""
