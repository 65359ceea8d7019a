"""Mixed networks from a description to intervals, files and reports, on one machine or a cluster."""
