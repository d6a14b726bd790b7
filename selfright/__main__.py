"""``python -m selfright`` is the `selfright` command."""

from __future__ import annotations

from selfright.command import main

main()
