"""Calling a URL: a POST with the work id as ``Idempotency-Key``, tried a few times."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_result,
    stop_after_attempt,
    wait_exponential,
)

from controller.core.plan import Plan, Work
from serving.workers.results import Done, Failed, Refused, Result, Stopping

TRIES = 4
TIMEOUT_S = 5.0
FIRST_WAIT_S = 0.5
BODY_LIMIT = 64_000
_TRY_AGAIN = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.TOO_EARLY}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would be followed as a GET, which is not what was asked for."""

    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


class Webhook:
    """The task. Arguments: url (http or https), body (an object)."""

    def __init__(self, tries: int = TRIES, first_wait_s: float = FIRST_WAIT_S) -> None:
        self._tries = tries
        self._first_wait_s = first_wait_s
        self._opener = urllib.request.build_opener(_NoRedirect)

    def __call__(self, work: Work, plan: Plan, stopping: Stopping) -> Result:
        del plan  # the URL is all there is to know
        url, body = work.arguments.get("url"), work.arguments.get("body", {})
        if not isinstance(url, str) or not _is_http(url):
            return Refused(f"url {url!r} is not an http or https address")
        if not isinstance(body, Mapping):
            return Refused(f"body is a {type(body).__name__}, not an object")
        data = json.dumps(dict(body)).encode()
        if len(data) > BODY_LIMIT:
            return Refused(f"a body of {len(data)} bytes is more than {BODY_LIMIT}")
        request = urllib.request.Request(  # noqa: S310  (http and https only, checked above)
            url,
            data=data,
            method="POST",
            headers={"Content-Type": "application/json", "Idempotency-Key": work.id},
        )
        retrying = Retrying(
            retry=retry_if_result(lambda result: isinstance(result, Failed) and result.again),
            stop=lambda state: stopping() or stop_after_attempt(self._tries)(state),
            wait=wait_exponential(multiplier=self._first_wait_s, max=10.0),
            retry_error_callback=_last_result,
        )
        return retrying(self._post, request)

    def _post(self, request: urllib.request.Request) -> Result:
        host = urlsplit(request.full_url).hostname
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as response:
                return Done(f"{host} answered {response.status}")
        except urllib.error.HTTPError as error:
            with error:
                again = error.code >= HTTPStatus.INTERNAL_SERVER_ERROR or error.code in _TRY_AGAIN
                return Failed(f"{host} answered {error.code}", again)
        except OSError as error:
            return Failed(f"{host}: {getattr(error, 'reason', error)}")


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _last_result(state: RetryCallState) -> Result:
    assert state.outcome is not None
    result: Result = state.outcome.result()
    return result
