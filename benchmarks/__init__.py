"""Benchmarks: each figure beside its peer or floor from the same run.

``python -m benchmarks.NAME [--quick] [--json]``
"""
