"""Stages of ``spicetwin run``: each makes one section of the report from the run's context."""
