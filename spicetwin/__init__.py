"""The application over the pipeline: command line, main job, comparisons and report."""
