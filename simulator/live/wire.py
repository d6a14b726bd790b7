"""The service's HTTP interface as a client sees it: what is sent, and what makes a slate valid."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Any

import aiohttp

UNKNOWN_ITEM = "an unknown item"


@dataclass(frozen=True, slots=True)
class Answer:
    """A checked answer. ``problem`` is empty for a valid slate and says in words what is wrong."""

    problem: str
    item_ids: tuple[str, ...] = ()
    token: str = ""
    served_by: str = ""
    arm: str = ""
    degraded: bool = False


class Service:
    """A service behind ``base_url``. Its session belongs to the caller."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self._session = session
        self._base_url = base_url.rstrip("/")

    async def health(self) -> int:
        """HTTP status of `/health`. Raise aiohttp.ClientError or TimeoutError."""
        async with self._session.get(f"{self._base_url}/health") as response:
            return response.status

    async def recommend(
        self, user_id: str, k: int, segments: dict[str, str], known: Container[str]
    ) -> Answer:
        """Ask for a slate and check it. What the network does is a problem, never an exception."""
        body = {"user_id": user_id, "k": k, "segments": segments}
        try:
            async with self._session.post(f"{self._base_url}/recommend", json=body) as response:
                if response.status != 200:
                    return Answer(f"status {response.status}")
                document = await response.json()
        except TimeoutError:
            return Answer("timeout")
        except (aiohttp.ClientError, OSError) as error:
            return Answer(f"connection: {type(error).__name__}")
        except ValueError:
            return Answer("not JSON")
        return checked(document, k, known)

    async def feedback(self, token: str, clicked: tuple[int, ...], viewed: tuple[int, ...]) -> str:
        """Report clicks; the empty text, or what went wrong."""
        body = {
            "token": token,
            "clicked_positions": list(clicked),
            "viewed_positions": list(viewed),
        }
        try:
            async with self._session.post(f"{self._base_url}/feedback", json=body) as response:
                return "" if response.status < 300 else f"status {response.status}"
        except TimeoutError:
            return "timeout"
        except (aiohttp.ClientError, OSError) as error:
            return f"connection: {type(error).__name__}"


def checked(document: Any, k: int, known: Container[str]) -> Answer:
    """Valid is: ``k`` distinct known items and a token."""
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        return Answer("no items")
    entries = document["items"]
    ids = tuple(str(entry.get("item_id")) for entry in entries if isinstance(entry, dict))
    if len(entries) != k:
        return Answer(f"{len(entries)} items, not {k}")
    if len(ids) != k:
        return Answer("an item without an id")
    if len(set(ids)) != k:
        return Answer("an item twice")
    if any(item not in known for item in ids):
        return Answer(UNKNOWN_ITEM)
    token = document.get("token")
    if not isinstance(token, str) or not token:
        return Answer("no token")
    return Answer(
        "",
        ids,
        token,
        str(document.get("served_by", "")),
        str(document.get("arm", "")),
        bool(document.get("degraded", False)),
    )
