"""An OpenFeature provider: the plan as the flag ``arm``, its targeting key the unit of the draw.

Needs the extra ``openfeature``. It says only which arm: what was served is told as ever, by
``selfright.request(user, sticky=True)``, which draws the same arm for the same user.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata

from serving.beside.attached import Attached

ARM_FLAG = "arm"
ValueT = TypeVar("ValueT")


class SelfrightProvider(AbstractProvider):
    """``api.set_provider_and_wait(SelfrightProvider(attach("selfright.yaml")))``.

    Attributes of the context that the settings name as segments count for the draw; others are
    the application's own.
    """

    def __init__(self, selfright: Attached) -> None:
        super().__init__()
        self._selfright = selfright

    def get_metadata(self) -> Metadata:
        return Metadata(name="selfright")

    def shutdown(self) -> None:
        self._selfright.close()

    def resolve_string_details(
        self,
        flag_key: str,
        default_value: str,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[str]:
        if flag_key != ARM_FLAG:
            return _without(default_value, ErrorCode.FLAG_NOT_FOUND, f"the flag is {ARM_FLAG!r}")
        unit = evaluation_context.targeting_key if evaluation_context else None
        if evaluation_context is None or not unit:
            missing = ErrorCode.TARGETING_KEY_MISSING
            return _without(default_value, missing, "the targeting key names the unit of the draw")
        attributes = evaluation_context.attributes
        segments = {
            name: value
            for name in self._selfright.segment_names
            if isinstance(value := attributes.get(name), str)
        }
        drawn, plan = self._selfright.drawn_for(unit, segments)
        return FlagResolutionDetails(
            value=drawn.arm,
            variant=drawn.arm,
            reason=Reason.SPLIT,
            flag_metadata={
                "plan_epoch": plan.epoch,
                "plan_revision": plan.revision,
                "chance": drawn.propensities[drawn.arm],
            },
        )

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,
        evaluation_context: EvaluationContext | None = None,  # noqa: ARG002
    ) -> FlagResolutionDetails[bool]:
        return _of_another_type(flag_key, default_value)

    def resolve_integer_details(
        self,
        flag_key: str,
        default_value: int,
        evaluation_context: EvaluationContext | None = None,  # noqa: ARG002
    ) -> FlagResolutionDetails[int]:
        return _of_another_type(flag_key, default_value)

    def resolve_float_details(
        self,
        flag_key: str,
        default_value: float,
        evaluation_context: EvaluationContext | None = None,  # noqa: ARG002
    ) -> FlagResolutionDetails[float]:
        return _of_another_type(flag_key, default_value)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: EvaluationContext | None = None,  # noqa: ARG002
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        return _of_another_type(flag_key, default_value)


def _of_another_type(flag_key: str, default: ValueT) -> FlagResolutionDetails[ValueT]:
    if flag_key != ARM_FLAG:
        return _without(default, ErrorCode.FLAG_NOT_FOUND, f"the flag is {ARM_FLAG!r}")
    return _without(default, ErrorCode.TYPE_MISMATCH, "an arm is a string")


def _without(default: ValueT, code: ErrorCode, why: str) -> FlagResolutionDetails[ValueT]:
    return FlagResolutionDetails(default, error_code=code, error_message=why, reason=Reason.ERROR)
