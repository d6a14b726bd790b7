"""Telemetry in, readings out: mergeable tallies and sequential readers. Pure."""
