"""The plan over HTTP, from the operator door, for who cannot or may not reach Redis."""

from __future__ import annotations

import http.client
from http import HTTPStatus
from urllib.parse import urlsplit

from controller.errors import Rejected, Unavailable
from controller.settings import PLAN_TOKEN_ENV

PATH = "/v1/plan"
"""As `controller/operator_door` has it."""
LARGEST_PLAN_BYTES = 1_000_000


class HttpPlanChannel:
    """Reads when asked, as `SyncPlanChannel` does. Redirects are not followed: a token goes along.

    ``url`` is ``http(s)://HOST:PORT``, checked by the settings.
    """

    def __init__(self, url: str, token: str, timeout_s: float = 1.0) -> None:
        parts = urlsplit(url)
        self._host, self._is_secure = parts.netloc, parts.scheme == "https"
        self._token = token
        self._timeout_s = timeout_s

    def load_plan(self) -> bytes | None:
        """The stored plan, None when there is none. Raise Unavailable or Rejected."""
        kind = http.client.HTTPSConnection if self._is_secure else http.client.HTTPConnection
        connection = kind(self._host, timeout=self._timeout_s)
        try:
            connection.request("GET", PATH, headers={"Authorization": f"Bearer {self._token}"})
            answer = connection.getresponse()
            body = answer.read(LARGEST_PLAN_BYTES + 1)
        except ValueError:
            # Its text may hold the token.
            raise Rejected(f"{PLAN_TOKEN_ENV} is no text that a header can carry") from None
        except (OSError, http.client.HTTPException) as error:
            said = str(error) or type(error).__name__
            raise Unavailable(f"the plan door at {self._host}: {said}") from error
        finally:
            connection.close()
        if answer.status == HTTPStatus.NO_CONTENT:
            return None
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise Rejected(
                f"the plan door at {self._host} refuses the token: check {PLAN_TOKEN_ENV}"
            )
        if answer.status != HTTPStatus.OK or len(body) > LARGEST_PLAN_BYTES:
            raise Unavailable(f"the plan door at {self._host} answers {answer.status}, not a plan")
        return body

    def close(self) -> None:
        """Holds nothing between two reads."""
