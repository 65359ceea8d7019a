"""The error of the behavioural simulator."""


class ModelError(ValueError):
    """A model, a network or an input cannot be built from what was given; the message says what and why."""
