"""A run in virtual time: the shell of production over a virtual bus, store and clock."""
