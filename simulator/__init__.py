"""The other world: users, items and faults; live over HTTP, of serving only its pure routing."""
