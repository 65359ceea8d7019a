"""From measured or simulated data to calibration tables: readers, laws, fits, recipes, tables."""
