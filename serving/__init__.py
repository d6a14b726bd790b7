"""Recommenders on Ray Serve: router, arms, feature store, trainer and the other workers."""
