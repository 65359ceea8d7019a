"""The processes that come with spicetwin: one module each, plus the reader of their model libraries."""
