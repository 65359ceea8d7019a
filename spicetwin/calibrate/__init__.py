"""From transistor-level simulation to a calibration table: stimuli, joint fits of the twin, spread."""
