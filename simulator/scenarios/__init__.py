"""The shipped scenarios, and brisk playbooks for short runs; importable so that every kind of
install finds the files."""
