"""Scenarios: traffic, faults and expectations as YAML, checked before anything runs."""
