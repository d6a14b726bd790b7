"""What can be wrong with models, as errors of their own: this package knows no controller.

The command line turns these into its one-line refusals.
"""

from __future__ import annotations


class ModelError(Exception):
    """Anything wrong with models or their data; ``str()`` is one line for people."""


class BadArtifact(ModelError):
    """A version whose files are missing, changed or not understood."""


class UnknownVersion(ModelError):
    """No such version in the registry."""


class NoInteractions(ModelError):
    """There is nothing, or too little, to learn from."""
