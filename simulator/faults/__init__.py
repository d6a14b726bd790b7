"""Faults of the virtual world, one a file; the table below is all it takes to have one more."""
