"""The shipped playbooks; importable so that every kind of install finds the files."""
