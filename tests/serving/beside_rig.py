"""An attached service over a bus in memory: everything else is the real part."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from controller.adapters.memory_bus import MemoryBus
from controller.core.plan import Plan
from controller.settings import Arm, Settings
from controller.telemetry.batches import TelemetryBatch, decode
from controller.telemetry.schema import SERVED
from serving.beside.attached import Attached
from serving.telemetry_buffer import TelemetryBuffer

KEY = b"a key of at least 16 characters"
PATIENT_MS = 30_000.0
"""So that a slow machine is not mistaken for a slow arm."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Beside:
    """An attached service of two arms; `rows` reads what it has sent, from the start."""

    def __init__(self, data_dir: Path, most_rows_held: int = 10_000, **options: Any) -> None:
        self.bus = MemoryBus()
        self.settings = Settings(
            data_dir=data_dir,
            control_share=0.0,
            request_deadline_ms=60_000.0,
            arms={
                "primary": Arm(share=1.0, deadline_ms=PATIENT_MS),
                "fallback": Arm(deadline_ms=PATIENT_MS),
            },
        )
        self._most_rows_held = most_rows_held
        self.attached = Attached(self.settings, KEY, open_telemetry=self._open_telemetry, **options)

    def publish(self, **changes: Any) -> Plan:
        table = self.attached.watch.table
        plan = replace(table.held, revision=table.held.revision + 1, **changes)
        assert table.offer(plan)
        return plan

    def rows(self, topic: str = SERVED) -> list[Mapping[str, Any]]:
        self.attached.close()
        return rows_on(self.bus, topic)

    def _open_telemetry(self, settings: Settings, producer: str) -> TelemetryBuffer:
        return TelemetryBuffer(
            self.bus.writer,
            service=settings.service,
            region=settings.region,
            partition=0,
            most_rows_held=self._most_rows_held,
        )


def rows_on(bus: MemoryBus, topic: str) -> list[Mapping[str, Any]]:
    decoded = [decode(message) for message in bus.reader([(topic, 0)]).poll(0.0, 10_000)]
    assert all(isinstance(batch, TelemetryBatch) for batch in decoded), decoded
    batches = [batch.batch for batch in decoded if isinstance(batch, TelemetryBatch)]
    return [row for batch in batches for row in batch.to_pylist()]


def ask_asgi(app: Any, method: str, path: str, query: str = "", body: bytes = b"") -> Answer:
    """One request, as an ASGI server hands it over; what the application raises is raised."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [],
        "server": ("test", 80),
        "client": ("test", 1),
        "root_path": "",
    }
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    content = b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(sent[0]["status"], content)


def ask_wsgi(app: Any, method: str, path: str, query: str = "", body: bytes = b"") -> Answer:
    """One request, as a WSGI server hands it over."""
    import io

    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    said: list[str] = []
    parts: Iterable[bytes] = app(environ, lambda status, _headers, *_: said.append(status))
    try:
        content = b"".join(parts)
    finally:
        close = getattr(parts, "close", None)
        if close is not None:
            close()
    return Answer(int(said[0].split()[0]), content)
