"""Selfright's controller: telemetry in, readings, a pure judge, one published plan out."""
