"""The attachment of a service that is not ours: what it asks us, and what it tells.

Input that is wrong (settings, no key) is refused when the service starts. After that nothing here
raises or waits for what the world does: without Redis, HTTP or broker the plan held stays and rows
wait in bounded rings, and what does not fit is counted.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from controller.adapters.kafka_topics import addresses
from controller.adapters.redis_connection import redis_address
from controller.core.plan import Plan
from controller.errors import BadInput
from controller.settings import Settings
from controller.settings_file import read_settings
from serving.arm_call import ArmAnswer
from serving.beside.drawn_request import DrawnRequest, text_of
from serving.beside.http_frame import current_frame
from serving.beside.living import Living
from serving.beside.probing import ProbeWith
from serving.feedback import Feedback
from serving.plan_watch import PlanWatch
from serving.requests import LARGEST_SLATE, FeedbackRequest, check_segments, parse_body
from serving.routing import identity
from serving.routing.admission import is_shed_by_plan
from serving.routing.draw import Drawn, draw, unit_kind, unit_of
from serving.served_row import Asked, Served
from serving.slate_token import slate_token
from serving.telemetry_buffer import TelemetryBuffer, telemetry_to_broker
from serving.token_key import token_key

MOST_NAMES_LOGGED = 20
"""Of unknown segments, which may come from anywhere."""
_log = logging.getLogger(__name__)
OpenTelemetry = Callable[[Settings, str], TelemetryBuffer]


def attach(
    settings: Path | str | Settings, *, probe_with: ProbeWith | None = None, processes: int = 1
) -> Attached:
    """Attach this service by its settings file; the key comes from ``SELFRIGHT_TOKEN_KEY``.

    The plan is read once here, within two seconds; threads start with the first request, so that
    a server may fork in between. Raise BadInput, one line, for settings or a key that cannot do.

    ``probe_with`` answers a copy of a request with the arm it names, as the service would, and
    calls ``served``; without it an arm that has no users is not probed, and an incident on it waits
    for a person. ``processes`` of this service share the plan's rate of probes.
    """
    found = settings if isinstance(settings, Settings) else read_settings(Path(settings))
    addresses(found.endpoints.kafka)
    if not found.endpoints.plan_url:
        redis_address(found.endpoints.redis)
    return Attached(found, token_key(), probe_with=probe_with, processes=processes)


class Attached:
    """One per service; safe for threads, event loops and forks. Make it with `attach`."""

    def __init__(
        self,
        settings: Settings,
        key: bytes,
        *,
        probe_with: ProbeWith | None = None,
        processes: int = 1,
        open_telemetry: OpenTelemetry = telemetry_to_broker,
    ) -> None:
        self._settings = settings
        self._key = key
        self._probe_with = probe_with
        self._processes = processes
        self._open_telemetry = open_telemetry
        self._unknown_segments: set[str] = set()
        self._by_pid: dict[int, Living] = {}
        self.watch = PlanWatch(settings)
        self.watch.load()

    def start(self) -> None:
        """Begin to follow the plan and to report, before the first request does it."""
        self._living()

    def request(
        self,
        user_id: str | int,
        *,
        k: int | None = None,
        session_id: str | None = None,
        segments: Mapping[str, str] | None = None,
        place: str | None = None,
        bot: bool = False,
        sticky: bool = False,
    ) -> DrawnRequest:
        """Draw the arm for one request of a user.

        Inside a middleware it ends with the HTTP request, in a ``with`` at its end, else with
        ``served``. ``place`` in the product that shows the slate. ``sticky``: a user keeps an arm
        as long as its share stays, whatever the plan draws by. A segment the settings do not name
        is left out and logged once.
        """
        living = self._living()
        frame = current_frame()
        now_s, now_mono_s = time.time(), time.monotonic()
        began_s = frame.began_s if frame else now_mono_s
        user, table = text_of(user_id), self.watch.table
        user_hash = identity.hash_user(self._key, user)
        session = (
            None if session_id is None else identity.hash_session(self._key, text_of(session_id))
        )
        asked = Asked(
            request_id=living.new_request_id(),
            at_s=now_s - (now_mono_s - began_s),
            user_hash=user_hash,
            session_hash=session,
            segments=self._known(segments or {}),
            k=LARGEST_SLATE if k is None else k,
            bot=bool(bot),
            product_feature_id=None if place is None else text_of(place),
        )
        plan = table.effective(now_s)
        unit = identity.request_unit(asked.request_id)
        drawn: Drawn | None = None
        # The service's load is its own affair; only what the plan sheds is obeyed.
        if not is_shed_by_plan(plan.shed_share, unit):
            unit = user_hash
            if not sticky:
                drawn_by = user_hash if session is None else session
                unit = unit_of(plan, asked.request_id, user_hash, drawn_by)
            drawn = _draw(plan, unit, asked.segments, sticky=sticky)
        found = DrawnRequest(
            arm=drawn.arm if drawn else self._settings.fallback_arm,
            user_id=user,
            asked=asked,
            plan=plan,
            drawn=drawn,
            unit=unit,
            role="user",
            began_s=began_s,
            write=self._write,
            sign=self._sign,
        )
        if frame is not None:
            frame.own(found)
        living.in_flight.add(found)
        return found

    def drawn_for(self, user_id: str, segments: Mapping[str, str]) -> tuple[Drawn, Plan]:
        """The arm a sticky request of the user is drawn, and by which plan. No row is written."""
        self._living()
        plan = self.watch.table.effective(time.time())
        unit = identity.hash_user(self._key, text_of(user_id))
        return _draw(plan, unit, self._known(segments), sticky=True), plan

    @property
    def segment_names(self) -> tuple[str, ...]:
        return tuple(self._settings.segments)

    @property
    def feedback(self) -> Feedback:
        return self._living().feedback

    def outcome(
        self,
        token: str,
        *,
        clicked_positions: Sequence[int] = (),
        viewed_positions: Sequence[int] | None = None,
        kind: str = "click",
        value: float | None = None,
    ) -> str:
        """Tell what the user did with a slate; returns the event's id.

        The fields are those of `FeedbackRequest`; positions count from 0. Raise BadToken for a
        token that is none or has expired, BadInput for a position the slate did not have.
        """
        said = {
            "token": token,
            "clicked_positions": list(clicked_positions),
            "viewed_positions": None if viewed_positions is None else list(viewed_positions),
            "kind": kind,
            "value": value,
        }
        return self.feedback.take(parse_body(FeedbackRequest, json.dumps(said).encode()))

    def dropped_rows(self) -> int:
        """Rows of this process that will never arrive."""
        return self._living().telemetry.dropped_rows()

    def close(self) -> None:
        """Send what waits, within two seconds. The end of the process does it, too."""
        living = self._by_pid.pop(os.getpid(), None)
        if living is not None:
            living.close()

    def _living(self) -> Living:
        """What runs in this process; a fork's child has its own."""
        pid = os.getpid()
        living = self._by_pid.get(pid)
        if living is None:
            fresh = Living(
                self._settings,
                self._key,
                self.watch,
                self._open_telemetry,
                probe_with=self._probe_with,
                processes=self._processes,
            )
            living = self._by_pid.setdefault(pid, fresh)
            if living is fresh:
                atexit.register(self.close)
        living.start()
        return living

    def _write(self, request: DrawnRequest, served: Served) -> None:
        living = self._living()
        living.in_flight.discard(request)
        living.write(request, served)

    def _sign(self, request: DrawnRequest, answer: ArmAnswer, served_by: str) -> str:
        window_s = self._settings.attribution_window_s
        return slate_token(self._key, request.asked, request.drawn, answer, served_by, window_s)

    def _known(self, segments: Mapping[str, str]) -> Mapping[str, str]:
        known = {}
        for name, value in segments.items():
            try:
                check_segments({name: value}, self._settings.segments)
            except BadInput as error:
                is_new = name not in self._unknown_segments
                if is_new and len(self._unknown_segments) < MOST_NAMES_LOGGED:
                    self._unknown_segments.add(name)
                    _log.warning("left out of telemetry and draw: %s", error)
            else:
                known[name] = value
        return known


def _draw(plan: Plan, unit: int, segments: Mapping[str, str], *, sticky: bool) -> Drawn:
    """A user's draws are alike: no evaluation that counts requests may count them."""
    may_stamp = not sticky or unit_kind(plan) == "user"
    return draw(plan, unit, segments, both_closed=may_stamp)
