"""Playbook tests: a world that is written down, the judge on a virtual clock, what is expected.

Pure but for `loading.py`, which reads files.
"""
