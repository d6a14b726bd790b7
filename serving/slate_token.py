"""The token that a slate is handed out with: what its feedback will be counted under."""

from __future__ import annotations

from serving.arm_call import ArmAnswer
from serving.feedback_token import TokenLabels, sign
from serving.routing.draw import Drawn
from serving.served_row import Asked

LEAST_LIFE_S = 60.0


def slate_token(
    key: bytes,
    asked: Asked,
    drawn: Drawn | None,
    answer: ArmAnswer,
    served_by: str,
    attribution_window_s: float,
) -> str:
    """``drawn`` is None for a request that was shed."""
    arm = drawn.arm if drawn else ""
    says_of_scores = served_by == arm and not asked.bot and bool(answer.scores)
    labels = TokenLabels(
        request_id=asked.request_id,
        arm=arm,
        evaluation_id=drawn.evaluation_id if drawn else "",
        propensities=drawn.propensities if drawn else {},
        at_s=asked.at_s,
        expires_at_s=asked.at_s + max(LEAST_LIFE_S, attribution_window_s),
        slate_length=len(answer.item_ids),
        top_score=answer.scores[0] if says_of_scores else None,
        segments=asked.segments,
    )
    return sign(key, labels)
