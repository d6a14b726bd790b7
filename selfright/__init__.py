"""The face: the `selfright` command, the supervisor and the embedded local stack."""
