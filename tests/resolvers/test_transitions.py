"""Who may move an application from which status to which: the whole table."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from domain.access import Principal
from domain.actors import Group
from domain.applications import Application, ApplicationStatus
from domain.plans import Plan
from tests.domain.plan_samples import DEBTS
from tests.resolvers.documents import (
    ACCEPT,
    ANALYZE,
    CLAIM,
    CLOSE,
    DECLINE,
    PROPOSE,
    RETURN,
    SAVE,
    SUBMIT,
    UPDATE,
    WITHDRAW,
)
from tests.resolvers.plan_world import add_plan
from tests.resolvers.world import World

STATUSES = [status.value for status in ApplicationStatus]
BEFORE_ENROLLED = "DRAFT SUBMITTED IN_REVIEW RETURNED ANALYZED PLAN_PROPOSED".split()

Variables = Callable[[str], dict[str, Any]]
STEPS: dict[str, tuple[str, Variables]] = {
    "updateApplication": (UPDATE, lambda id_: {"input": {"id": id_, "householdSize": 2}}),
    "saveBudget": (SAVE, lambda id_: {"input": {"applicationId": id_}}),
    "submitApplication": (SUBMIT, lambda id_: {"id": id_}),
    "withdrawApplication": (WITHDRAW, lambda id_: {"id": id_}),
    "claimApplication": (CLAIM, lambda id_: {"id": id_}),
    "returnApplication": (RETURN, lambda id_: {"id": id_, "reason": "More is needed"}),
    "closeApplication": (CLOSE, lambda id_: {"id": id_, "reason": "Done"}),
}
EDIT_BY_CONSUMER = {"DRAFT": "DRAFT", "RETURNED": "RETURNED"}
EDIT_BY_COUNSELOR = {"IN_REVIEW": "IN_REVIEW", "ANALYZED": "IN_REVIEW"}
SUBMITTED = {"DRAFT": "SUBMITTED", "RETURNED": "SUBMITTED"}

# For each kind of principal: what each step leads to from where it is allowed, and the code that
# answers it from everywhere else.
Row = tuple[dict[str, str], str]
OWNER: dict[str, Row] = {
    "updateApplication": (EDIT_BY_CONSUMER, "INVALID_TRANSITION"),
    "saveBudget": (EDIT_BY_CONSUMER, "INVALID_TRANSITION"),
    "submitApplication": (SUBMITTED, "INVALID_TRANSITION"),
    "withdrawApplication": (dict.fromkeys(BEFORE_ENROLLED, "WITHDRAWN"), "INVALID_TRANSITION"),
    "claimApplication": ({}, "FORBIDDEN"),
    "returnApplication": ({}, "FORBIDDEN"),
    "closeApplication": ({}, "FORBIDDEN"),
}
ASSIGNED: dict[str, Row] = {
    "updateApplication": (EDIT_BY_COUNSELOR, "INVALID_TRANSITION"),
    "saveBudget": (EDIT_BY_COUNSELOR, "INVALID_TRANSITION"),
    "submitApplication": (SUBMITTED, "INVALID_TRANSITION"),
    "withdrawApplication": ({}, "FORBIDDEN"),
    # Submitted again while it is theirs: it goes on. What they work on already is renewed.
    "claimApplication": (
        {
            "SUBMITTED": "IN_REVIEW",
            "IN_REVIEW": "IN_REVIEW",
            "ANALYZED": "ANALYZED",
            "PLAN_PROPOSED": "PLAN_PROPOSED",
        },
        "INVALID_TRANSITION",
    ),
    "returnApplication": (
        dict.fromkeys(("IN_REVIEW", "ANALYZED", "PLAN_PROPOSED"), "RETURNED"),
        "INVALID_TRANSITION",
    ),
    "closeApplication": (
        dict.fromkeys((*BEFORE_ENROLLED, "ENROLLED"), "CLOSED"),
        "INVALID_TRANSITION",
    ),
}
UNASSIGNED: dict[str, Row] = {
    **dict.fromkeys(STEPS, ({}, "NOT_FOUND")),
    "withdrawApplication": ({}, "FORBIDDEN"),
    "claimApplication": (
        {
            "SUBMITTED": "IN_REVIEW",
            "IN_REVIEW": "IN_REVIEW",
            "ANALYZED": "ANALYZED",
            "PLAN_PROPOSED": "PLAN_PROPOSED",
        },
        "NOT_FOUND",
    ),
}
KEY: dict[str, Row] = {**OWNER, "withdrawApplication": ({}, "FORBIDDEN")}
STRANGER: dict[str, Row] = {
    name: ({}, "FORBIDDEN" if row[1] == "FORBIDDEN" else "NOT_FOUND") for name, row in OWNER.items()
}
NOBODY: dict[str, Row] = dict.fromkeys(STEPS, ({}, "FORBIDDEN"))

TABLE: dict[str, dict[str, Row]] = {
    "its consumer": OWNER,
    "another consumer": STRANGER,
    "its counselor": ASSIGNED,
    "another counselor": UNASSIGNED,
    "a machine": KEY,
    "an admin": NOBODY,
    "an analyst": NOBODY,
    "an operator": NOBODY,
}


async def _principal(world: World, kind: str, application: Application) -> Principal:
    match kind:
        case "its consumer":
            return world.person(Group.CONSUMERS, subject="owner")
        case "another consumer":
            return world.person(Group.CONSUMERS)
        case "its counselor":
            counselor = world.person(Group.COUNSELORS)
            await world.assign(application, counselor)
            return counselor
        case "another counselor":
            return world.person(Group.COUNSELORS)
        case "a machine":
            return world.key()
        case _:
            group = {"an admin": Group.ADMINS, "an analyst": Group.ANALYSTS}
            return world.person(group.get(kind, Group.OPERATORS))


@pytest.mark.parametrize("kind", TABLE)
@pytest.mark.parametrize("step", STEPS)
async def test_each_step_from_each_status_as_the_table_says(
    world: World, step: str, kind: str
) -> None:
    """A step leads from a status to the next one, or to the error, that the contract says."""
    leads_to, otherwise = TABLE[kind][step]
    document, variables = STEPS[step]
    owner = await world.add_consumer("owner")
    seen = {}
    for status in ApplicationStatus:
        application = await world.add_application(owner, status)
        principal = await _principal(world, kind, application)
        answer = await world.ask(principal, document, variables(application.id))
        seen[status.value] = answer.code or answer[step]["status"]
    assert seen == {status: leads_to.get(status, otherwise) for status in STATUSES}


@dataclass(frozen=True, slots=True)
class Named:
    """What a step of a plan names: the application, its open plan, and the plan's hash."""

    application: str
    plan: str
    sha256: str


PLAN_STEPS: dict[str, tuple[str, Callable[[Named], dict[str, Any]]]] = {
    "analyzeApplication": (ANALYZE, lambda named: {"id": named.application}),
    "proposePlan": (
        PROPOSE,
        lambda named: {"input": {"applicationId": named.application, "monthlyDeposit": "9000.00"}},
    ),
    "acceptPlan": (
        ACCEPT,
        lambda named: {
            "input": {
                "id": named.plan,
                "agreementSha256": named.sha256,
                "signature": "Ada Byron",
            }
        },
    ),
    "declinePlan": (DECLINE, lambda named: {"id": named.plan}),
}
ANALYZED: Row = ({"IN_REVIEW": "ANALYZED", "ANALYZED": "ANALYZED"}, "INVALID_TRANSITION")
PROPOSED: Row = (
    {"ANALYZED": "PLAN_PROPOSED", "PLAN_PROPOSED": "PLAN_PROPOSED"},
    "INVALID_TRANSITION",
)
DECLINED: Row = ({"PLAN_PROPOSED": "ANALYZED"}, "INVALID_TRANSITION")
REFUSED: Row = ({}, "FORBIDDEN")
NOT_THERE: Row = ({}, "NOT_FOUND")
# analyze, propose, accept, decline
PLAN_TABLE: dict[str, tuple[Row, Row, Row, Row]] = {
    "its consumer": (
        REFUSED,
        REFUSED,
        ({"PLAN_PROPOSED": "ENROLLED"}, "INVALID_TRANSITION"),
        DECLINED,
    ),
    "another consumer": (REFUSED, REFUSED, NOT_THERE, NOT_THERE),
    "its counselor": (ANALYZED, PROPOSED, REFUSED, DECLINED),
    "another counselor": (NOT_THERE, NOT_THERE, REFUSED, NOT_THERE),
    "a machine": (ANALYZED, PROPOSED, REFUSED, REFUSED),
    "an admin": (REFUSED, REFUSED, REFUSED, REFUSED),
    "an analyst": (REFUSED, REFUSED, REFUSED, REFUSED),
    "an operator": (REFUSED, REFUSED, REFUSED, REFUSED),
}


@pytest.mark.parametrize("kind", PLAN_TABLE)
@pytest.mark.parametrize("step", PLAN_STEPS)
async def test_each_step_of_a_plan_from_each_status(world: World, step: str, kind: str) -> None:
    """Analyzing, proposing, signing and declining lead where the table says, or to its error."""
    leads_to, otherwise = PLAN_TABLE[kind][list(PLAN_STEPS).index(step)]
    document, variables = PLAN_STEPS[step]
    owner = await world.add_consumer("owner")
    seen = {}
    for status in ApplicationStatus:
        application = await world.add_application(owner, status, debts=DEBTS)
        principal = await _principal(world, kind, application)
        _, plan = await add_plan(world, application)
        stored = await world.store.get(Plan, plan)
        assert stored is not None
        named = Named(application.id, plan, stored.agreement.sha256)
        answer = await world.ask(principal, document, variables(named))
        after = await world.store.get(Application, application.id)
        assert after is not None
        seen[status.value] = next(iter(answer.codes.values()), after.status.value)
        if answer.codes:
            assert after.status is status
    assert seen == {status: leads_to.get(status, otherwise) for status in STATUSES}
