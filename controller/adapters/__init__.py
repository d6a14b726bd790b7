"""One outside thing per file, behind the Protocols of `controller.ports`."""
