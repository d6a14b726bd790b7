"""What tallies are made of: rows to events to integer counts by series, second and cell."""
