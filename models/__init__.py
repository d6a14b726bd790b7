"""Recommenders, their training and their registry; knows nothing of the controller."""
