"""Programs that exported files are made of: they run in the receiving tool, without this package."""
