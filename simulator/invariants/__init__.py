"""Truths about every run, checked after every step, by code that knows only what others can see."""
