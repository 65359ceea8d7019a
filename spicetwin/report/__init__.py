"""The report of a run: its document (``run.json``), figures, schematics, and one self-contained HTML page."""
