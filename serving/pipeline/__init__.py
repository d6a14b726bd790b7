"""Joins what was shown with what was clicked, for training; and keeps features fresh in Redis."""
