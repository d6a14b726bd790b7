"""The shell: polls, steps the pure judge, appends and publishes. The same in both worlds."""
