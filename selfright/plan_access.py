"""How commands reach the plan store and the bus of a running stack."""

from __future__ import annotations

import os

from controller.adapters.redis_store import RedisPlanStore
from controller.errors import BadInput
from controller.settings import REDIS_PASSWORD_ENV, Settings


def open_store(settings: Settings) -> RedisPlanStore:
    """The plan store the settings name. Raise BadInput when they name none."""
    if not settings.endpoints.redis:
        raise BadInput(
            "names no Redis; use the settings of a running stack (--data-dir), or fill it in",
            field="endpoints.redis",
        )
    password = os.environ.get(REDIS_PASSWORD_ENV)
    return RedisPlanStore(settings.endpoints.redis, password, settings.service)
