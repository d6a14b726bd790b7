"""The pure judge: no clock, no randomness, no I/O, no logging, no await, no hashing."""
