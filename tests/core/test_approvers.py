"""Who may approve what: by budget class, by role, by the owner of the playbook."""

from __future__ import annotations

import pytest

from controller.core.approvers import Approvers, not_an_approver
from controller.core.playbook import Autonomy
from controller.core.settings import settings_from_document, settings_to_document
from tests.core.test_commands import answer
from tests.core.worlds import World, notify, playbook, with_settings

ROLES = {"ml": ("eli", "cy"), "recs-oncall": ("bo",)}


def asking(by_class: dict[str, tuple[str, ...]], **changes: object) -> World:
    book = playbook(autonomy=Autonomy.APPROVE, **changes)  # type: ignore[arg-type]
    world = World(book, settings=with_settings(approvers=Approvers(ROLES, by_class)))
    world.tick(3, p95=412.0)
    return world


def approval(world: World) -> str:
    (asked,) = world.state.approvals
    return asked.id


@pytest.mark.parametrize(
    "by_class",
    [{}, {"models": ("eli",)}, {"traffic": ("ada",)}, {"default": ("ada",)}],
)
def test_a_class_without_a_list_is_everybodys(by_class: dict[str, tuple[str, ...]]) -> None:
    world = asking(by_class)
    assert answer(world, "approve", approval(world)).details["accepted"]
    assert world.share() == 0.0


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_another_is_refused_with_a_sentence_and_it_goes_on_waiting(verb: str) -> None:
    world = asking({"traffic": ("eli", "bo")})
    record = answer(world, verb, approval(world))
    assert not record.details["accepted"]
    assert "ada may not decide on actions of class traffic; who may: eli, bo" in record.sentence
    assert approval(world)
    assert world.share() == 1.0


def test_roles_and_the_owner_stand_for_their_people() -> None:
    approvers = Approvers(ROLES, {"traffic": ("owner",), "models": ("ml", "dee"), "work": ("ml",)})
    assert not_an_approver(approvers, "bo", ("traffic",), "recs-oncall") is None
    assert not_an_approver(approvers, "recs-oncall", ("traffic",), "recs-oncall") is not None
    assert not_an_approver(approvers, "eve", ("traffic",), "eve") is None
    assert not_an_approver(approvers, "eve", ("traffic",)) is not None
    assert not_an_approver(approvers, "dee", ("models",)) is None
    assert not_an_approver(approvers, "dee", ("models", "work")) is not None
    assert not_an_approver(approvers, "cy", ("models", "work")) is None


def test_telling_people_needs_only_the_default_word() -> None:
    world = asking({"traffic": ("eli",)}, rungs=((notify(),),))
    assert answer(world, "approve", approval(world)).details["accepted"]
    world = asking({"traffic": ("ada",), "default": ("eli",)}, rungs=((notify(),),))
    assert (
        "may not decide on this; who may: eli" in answer(world, "approve", approval(world)).sentence
    )


def test_a_promotion_by_word_is_of_the_class_models() -> None:
    world = World(settings=with_settings(approvers=Approvers({}, {"models": ("eli",)})))
    record = answer(world, "promote", "als-2:primary")
    assert "ada may not decide on actions of class models" in record.sentence
    assert world.plan.arms["primary"].version == "als-1"


def test_they_travel_with_the_settings_and_old_settings_have_none() -> None:
    given = with_settings(approvers=Approvers(ROLES, {"models": ("ml",)}))
    document = settings_to_document(given)
    assert settings_from_document(document) == given
    del document["approvers"]
    assert settings_from_document(document).approvers == Approvers()
