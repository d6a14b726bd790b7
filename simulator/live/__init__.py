"""The simulated users against a running service: load over HTTP, and real faults."""
