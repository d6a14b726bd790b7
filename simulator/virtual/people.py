"""People and deploy tools in virtual time: commands repeated until they are answered, changes."""

from __future__ import annotations

from collections.abc import Sequence

from controller.telemetry.schema import CHANGE, OPERATOR
from simulator.kernel import Kernel
from simulator.scenario.model import Command, Deploy
from simulator.virtual.little_topics import Sender

REPEAT_S = 1.0
CAP_S = 30.0
"""As the command line does: again each second until a record names the id, or it fails."""


class People:
    """``answered`` is told which command ids records named."""

    def __init__(self, kernel: Kernel, sender: Sender, start_s: float) -> None:
        self.failed: list[str] = []
        """Commands no record ever named."""
        self._kernel = kernel
        self._sender = sender
        self._start_s = start_s
        self._answered: set[str] = set()

    def plan(self, commands: Sequence[Command], deploys: Sequence[Deploy]) -> None:
        """Put everything they will do on the kernel."""
        for number, command in enumerate(commands):
            self._repeat(command, f"command-{number}", self._start_s + command.at_s)
        for deploy in deploys:
            self._change(deploy)

    def answered(self, command_id: str) -> None:
        self._answered.add(command_id)

    def _repeat(self, command: Command, command_id: str, at_s: float) -> None:
        def tell() -> None:
            now_s = self._kernel.now_s
            if command_id in self._answered:
                return
            if now_s >= self._start_s + command.at_s + CAP_S:
                self.failed.append(f"{command.verb} {command.target}")
                return
            row = {
                "at_s": now_s,
                "command_id": command_id,
                "who": command.who,
                "verb": command.verb,
                "target": command.target,
                "expires_at_s": self._start_s + command.at_s + CAP_S,
            }
            self._sender.send(OPERATOR, [row], now_s)
            self._repeat(command, command_id, now_s + REPEAT_S)

        self._kernel.at(at_s, tell)

    def _change(self, deploy: Deploy) -> None:
        def tell() -> None:
            now_s = self._kernel.now_s
            row = {"at_s": now_s, "kind": deploy.kind, "what": deploy.what, "who": deploy.who}
            self._sender.send(CHANGE, [row], now_s)

        self._kernel.at(self._start_s + deploy.at_s, tell)
