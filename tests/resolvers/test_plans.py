"""Plans through the API: proposed, superseded, signed once, declined, read page by page."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from domain.access import AccessGrant, Scope
from domain.actors import Group
from domain.applications import Application, ApplicationStatus, Debt, DebtKind
from domain.consents import ConsentPurpose, current_text
from domain.consumers import Consumer
from domain.errors import VersionConflict
from domain.ids import new_child_id
from domain.payoff import PayoffStrategy
from domain.plans import Plan, PlanStatus
from domain.settings import Participation
from resolvers.budget import with_lines
from resolvers.inputs import ProposePlanInput
from resolvers.plans import decline_plan, propose_plan
from tests.domain.plan_samples import POLICIES, a_debt, an_income
from tests.resolvers.documents import (
    CLOSE,
    CONSENT,
    DECLINE,
    PLANS,
    READ_PLAN,
    RETURN,
    SCHEDULE,
    UPDATE_CONSUMER,
    WITHDRAW,
)
from tests.resolvers.plan_world import UPDATE_SETTINGS, Case, open_case, policy_input
from tests.resolvers.world import Answer, World, nodes


@pytest.fixture
async def case(world: World) -> Case:
    """Return the worked example in review."""
    return await open_case(world)


async def statuses(case: Case) -> list[str]:
    """Return the statuses of the application's plans, oldest first."""
    shown = (await case.world.ask(case.counselor, PLANS, {"id": case.application.id}))[
        "application"
    ]
    return [one["status"] for one in shown["plans"]]


async def test_the_worked_example(case: Case) -> None:
    """Without a deposit all that the budget leaves goes in, and the figures are the published."""
    plan = await case.proposed()
    assert (plan["status"], plan["version"], plan["strategy"]) == ("PROPOSED", 1, "AVALANCHE")
    assert plan["monthlyDeposit"] == "425.00"
    assert (plan["months"], plan["totalInterest"]) == (49, "2607.17")
    assert (plan["totalFees"], plan["totalPaid"]) == ("1600.00", "20707.17")
    assert plan["debtFreeOn"] == "2030-02-15"
    assert plan["withoutPlan"] == {"months": 288, "totalInterest": "31177.60"}
    assert [one["payment"] for one in plan["creditors"]] == ["169.00", "111.00", "44.00", "25.00"]
    assert [one["months"] for one in plan["creditors"]] == [49, 40, 43, 28]
    assert {one["participation"] for one in plan["creditors"]} == {"WITH_CONCESSIONS"}
    assert [(one["timing"], one["waived"]) for one in plan["fees"]] == [
        ("SETUP", False),
        ("MONTHLY", False),
    ]
    assert len(plan["warnings"]) == 3
    html = plan["agreement"]["html"]
    assert hashlib.sha256(html.encode()).hexdigest() == plan["agreement"]["sha256"]
    for text in ("Ada Byron", case.world.agency.name, "CARD_A"):
        assert text in html
    assert (await case.stored()).status is ApplicationStatus.PLAN_PROPOSED
    for reader in (case.counselor, case.consumer):
        assert (await case.world.ask(reader, READ_PLAN, {"id": plan["id"]}))["plan"] == plan


@pytest.mark.parametrize(
    ("strategy", "months", "interest"),
    [("SNOWBALL", 49, "2661.51"), ("NO_ROLLOVER", 60, "3158.60")],
)
async def test_strategies(case: Case, strategy: str, months: int, interest: str) -> None:
    """The other two come out as published as well."""
    plan = await case.proposed(strategy=strategy, monthlyDeposit="425.00")
    assert (plan["months"], plan["totalInterest"]) == (months, interest)


async def test_a_schedule_is_read_page_by_page(case: Case) -> None:
    """All 160 payments come once, in order; a cursor of another plan or none is refused."""
    plan = await case.proposed()
    rows: list[dict[str, Any]] = []
    after, pages = None, 0
    while True:
        asked = {"id": plan["id"], "first": 60, "after": after}
        page = (await case.world.ask(case.consumer, SCHEDULE, asked))["plan"]["schedule"]
        rows += nodes(page)
        pages += 1
        assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert (len(rows), pages) == (160, 3)
    assert rows[0] == {
        "month": 1,
        "dueOn": "2026-02-15",
        "creditor": "CARD_A",
        "payment": "169.00",
        "interest": "42.25",
        "principal": "126.75",
        "balance": "8323.25",
    }
    assert rows[-1]["balance"] == "0.00"
    assert sum(Decimal(row["interest"]) for row in rows) == Decimal(plan["totalInterest"])
    default = await case.world.ask(case.consumer, SCHEDULE, {"id": plan["id"]})
    assert len(nodes(default["plan"]["schedule"])) == 60
    other = (await case.propose(strategy="SNOWBALL"))["proposePlan"]
    for cursor in (after, "no cursor"):
        refused = await case.world.ask(
            case.consumer, SCHEDULE, {"id": other["id"], "after": cursor}
        )
        assert refused.code == "INVALID_INPUT"


async def test_a_later_proposal_supersedes(case: Case) -> None:
    """Of an application's proposals the last is open; the one before cannot be signed any more."""
    first = await case.proposed()
    second = (await case.propose(strategy="SNOWBALL"))["proposePlan"]
    assert await statuses(case) == ["SUPERSEDED", "PROPOSED"]
    assert (await case.accept(first)).code == "INVALID_TRANSITION"
    assert (await case.accept(second))["acceptPlan"]["status"] == "ACCEPTED"


async def test_acceptance_keeps_who_when_and_where(case: Case) -> None:
    """Name as typed, time, address, hash and the consent to electronic records are kept."""
    plan = await case.proposed()
    text = current_text(ConsentPurpose.ELECTRONIC_RECORDS, case.world.agency.name)
    consent = {
        "applicationId": case.application.id,
        "purpose": "ELECTRONIC_RECORDS",
        "textVersion": text.version,
        "textSha256": text.sha256,
    }
    given = (await case.world.ask(case.consumer, CONSENT, {"input": consent}))["recordConsent"]
    case.world.later(minutes=5)
    signed = (await case.accept(plan, signature="  Ada  L. byron "))["acceptPlan"]
    assert signed["status"] == "ACCEPTED"
    assert signed["acceptedAt"] == "2026-01-15T12:05:01.000Z"
    assert signed["agreement"] == plan["agreement"]
    stored = await case.world.store.get(Plan, plan["id"])
    assert stored is not None
    assert stored.acceptance is not None
    assert stored.acceptance.signature == "Ada  L. byron"
    assert stored.acceptance.signed_by.id == "owner"
    assert stored.acceptance.source_ip == "203.0.113.7"
    assert stored.acceptance.agreement_sha256 == plan["agreement"]["sha256"]
    assert stored.acceptance.consent_id == given["id"]
    assert (await case.stored()).status is ApplicationStatus.ENROLLED


async def test_a_signed_plan_is_never_changed(case: Case) -> None:
    """Signing again, declining, proposing and analyzing are refused, and the plan stays."""
    plan = await case.proposed()
    await case.accept(plan)
    before = await case.world.store.get(Plan, plan["id"])
    for answer in (
        await case.accept(plan),
        await case.world.ask(case.consumer, DECLINE, {"id": plan["id"]}),
        await case.propose(),
        await case.analyze(),
    ):
        assert answer.code == "INVALID_TRANSITION"
    name = {"given": "Augusta", "family": "King"}
    renamed = {"input": {"id": case.application.consumer_id, "name": name}}
    assert (await case.world.ask(case.consumer, UPDATE_CONSUMER, renamed))["updateConsumer"]
    closing = {"id": case.application.id, "reason": "Paid off"}
    assert (await case.world.ask(case.counselor, CLOSE, closing))["closeApplication"]
    assert await case.world.store.get(Plan, plan["id"]) == before


async def test_only_what_was_shown_is_signed(case: Case) -> None:
    """Another hash and a blank name are refused together, and nothing is kept of them."""
    plan = await case.proposed()
    wrong = await case.accept(plan, agreementSha256="0" * 64, signature=" ")
    assert wrong.faults == {
        "input.signature": "REQUIRED",
        "input.agreementSha256": "INVALID",
    }
    upper = await case.accept(plan, agreementSha256=plan["agreement"]["sha256"].upper())
    assert upper.faults == {"input.agreementSha256": "INVALID"}
    assert (await case.accept(plan, signature="x" * 201)).faults == {"input.signature": "TOO_LONG"}
    assert (await case.accept(plan, signature="...")).faults == {"input.signature": "INVALID"}
    assert (await case.stored()).status is ApplicationStatus.PLAN_PROPOSED


async def test_nobody_signs_by_another_name(case: Case) -> None:
    """Given and family name are asked for, with the hash if that is wrong as well; none is told."""
    plan = await case.proposed()
    for signature in ("Grace Hopper", "Ada", "Byron", "Adam Byronson"):
        refused = await case.accept(plan, signature=signature)
        assert refused.faults == {"input.signature": "INVALID"}
        told = str(refused.error.details())
        assert "Byron" not in told
        assert "Hopper" not in told
    both = await case.accept(plan, signature="Grace Hopper", agreementSha256="0" * 64)
    assert both.faults == {"input.signature": "INVALID", "input.agreementSha256": "INVALID"}
    assert await statuses(case) == ["PROPOSED"]
    assert (await case.accept(plan, signature="BYRON, ada"))["acceptPlan"]["status"] == "ACCEPTED"


async def test_no_consent_to_electronic_records_is_asked_for(case: Case) -> None:
    """A consumer signs what they were shown without it; that there was none is what is kept."""
    plan = await case.proposed()
    assert (await case.accept(plan))["acceptPlan"]["status"] == "ACCEPTED"
    stored = await case.world.store.get(Plan, plan["id"])
    assert stored is not None
    assert stored.acceptance is not None
    assert stored.acceptance.consent_id is None


async def test_a_text_that_was_exchanged_is_not_signed(case: Case) -> None:
    """Where the text kept is not the one of its hash, nobody signs it."""
    plan = await case.proposed()
    stored = await case.world.store.get(Plan, plan["id"])
    assert stored is not None
    other = replace(stored.agreement, html=stored.agreement.html.replace("425", "925"))
    await case.world.put(replace(stored, agreement=other))
    assert (await case.accept(plan)).code == "STORE_UNAVAILABLE"


async def test_of_two_signatures_at_once_one_is_kept(case: Case) -> None:
    """Signing and declining at the same moment: one of them is done, the other refused."""
    plan = await case.proposed()
    answers = await asyncio.gather(
        case.accept(plan), case.world.ask(case.consumer, DECLINE, {"id": plan["id"]})
    )
    refused = [answer.code for answer in answers if answer.code is not None]
    assert len(refused) == 1
    assert refused[0] in {"VERSION_CONFLICT", "INVALID_TRANSITION"}


async def test_a_declined_plan_leads_back(case: Case) -> None:
    """The application is analyzed again, and another plan can be proposed and signed."""
    plan = await case.proposed()
    declined = await case.world.ask(
        case.consumer, DECLINE, {"id": plan["id"], "reason": "Too much a month"}
    )
    assert declined["declinePlan"]["status"] == "DECLINED"
    assert (await case.stored()).status is ApplicationStatus.ANALYZED
    assert (await case.accept(plan)).code == "INVALID_TRANSITION"
    second = (await case.propose(monthlyDeposit="389.00"))["proposePlan"]
    assert await statuses(case) == ["DECLINED", "PROPOSED"]
    assert (await case.accept(second))["acceptPlan"]["status"] == "ACCEPTED"


@pytest.mark.parametrize(
    ("document", "by_consumer"),
    [(RETURN, False), (CLOSE, False), (WITHDRAW, True)],
    ids=["returned", "closed", "withdrawn"],
)
async def test_what_leads_away_from_a_plan_supersedes_it(
    case: Case, document: str, *, by_consumer: bool
) -> None:
    """Sent back, closed or withdrawn: the open plan is superseded, and neither signed nor declined.

    A plan that was declined before stays so.
    """
    first = await case.proposed()
    assert (await case.world.ask(case.consumer, DECLINE, {"id": first["id"]}))["declinePlan"]
    plan = (await case.propose())["proposePlan"]
    who = case.consumer if by_consumer else case.counselor
    asked = {"id": case.application.id, "reason": "Rent is missing"}
    assert (await case.world.ask(who, document, asked)).code is None
    assert await statuses(case) == ["DECLINED", "SUPERSEDED"]
    assert (await case.accept(plan)).code == "INVALID_TRANSITION"
    refused = await case.world.ask(case.consumer, DECLINE, {"id": plan["id"]})
    assert refused.code == "INVALID_TRANSITION"


async def test_a_closed_application_keeps_its_signed_plan(case: Case) -> None:
    """Closing after enrollment ends the application, and changes nothing of what was signed."""
    plan = await case.proposed()
    assert (await case.accept(plan))["acceptPlan"]
    withdrawn = await case.world.ask(case.consumer, WITHDRAW, {"id": case.application.id})
    assert withdrawn.code == "INVALID_TRANSITION"
    closing = {"id": case.application.id, "reason": "Paid off"}
    assert (await case.world.ask(case.counselor, CLOSE, closing))["closeApplication"]
    assert await statuses(case) == ["ACCEPTED"]


@pytest.mark.parametrize("what", ["propose", "decline"])
async def test_a_claim_revoked_meanwhile_refuses(case: Case, what: str) -> None:
    """What the guard has let pass is refused at the commit where the claim has ended since."""
    plan = await case.proposed()
    (grant,) = await case.world.store.children(AccessGrant, case.application.id)
    before = await case.stored()
    context = case.world.context(case.counselor)
    await context.guard.grants()
    await case.world.put(replace(grant, revoked_at=case.world.now))
    asked: dict[str, Callable[[], Awaitable[object]]] = {
        "propose": lambda: propose_plan(
            context,
            ProposePlanInput(application_id=case.application.id, strategy=PayoffStrategy.SNOWBALL),
        ),
        "decline": lambda: decline_plan(context, plan["id"], None),
    }
    with pytest.raises(VersionConflict):
        await asked[what]()
    assert await case.stored() == before
    plans = await case.world.store.children(Plan, case.application.id)
    assert [one.status for one in plans] == [PlanStatus.PROPOSED]


async def test_who_may(case: Case) -> None:
    """Counselors and keys propose, the consumer alone signs; strangers learn nothing."""
    world = case.world
    plan = await case.proposed()
    stranger, other = world.person(Group.CONSUMERS), world.person(Group.COUNSELORS)
    await world.add_consumer(stranger.subject, email="other@mail.test", ssn="219456780")
    for who, code in (
        (case.counselor, "FORBIDDEN"),
        (world.person(Group.ADMINS), "FORBIDDEN"),
        (world.key(), "FORBIDDEN"),
        (stranger, "NOT_FOUND"),
    ):
        assert (await case.accept(plan, who)).code == code
    for who in (stranger, other):
        assert (await world.ask(who, READ_PLAN, {"id": plan["id"]}))["plan"] is None
        assert (await world.ask(who, DECLINE, {"id": plan["id"]})).code == "NOT_FOUND"
    assert (await case.propose(case.consumer)).code == "FORBIDDEN"
    assert (await case.propose(other)).code == "NOT_FOUND"
    reading_too = world.key(Scope.PLANS_READ, Scope.PLANS_WRITE, Scope.APPLICATIONS_READ)
    assert set((await case.propose(world.key(Scope.PLANS_WRITE))).codes.values()) == {"FORBIDDEN"}
    assert (await case.propose(reading_too))["proposePlan"]
    assert (await case.propose(world.key(Scope.PLANS_READ))).code == "FORBIDDEN"
    asked = await world.ask(world.key(Scope.APPLICATIONS_READ), READ_PLAN, {"id": plan["id"]})
    assert asked.code == "FORBIDDEN"


async def test_a_key_proposes_once(case: Case) -> None:
    """The same idempotency key with the same input is one plan; with another it is refused."""
    await case.analyze()
    first = (await case.propose(idempotencyKey="k"))["proposePlan"]
    again = (await case.propose(idempotencyKey="k"))["proposePlan"]
    assert again == first
    assert (await case.propose(idempotencyKey="k", strategy="SNOWBALL")).code == (
        "IDEMPOTENCY_MISMATCH"
    )
    assert await statuses(case) == ["PROPOSED"]


async def test_a_deposit_that_is_too_small_is_refused_with_figures(case: Case) -> None:
    """The error says what the creditors need and what would do; the application stays."""
    await case.analyze()
    refused = await case.propose(monthlyDeposit="388.99")
    assert refused.code == "PLAN_NOT_POSSIBLE"
    reasons: Any = refused.error.details()["reasons"]
    assert [one["code"] for one in reasons] == ["DEPOSIT_TOO_SMALL"]
    assert "$389.00 would do" in reasons[0]["text"]
    assert (await case.propose(monthlyDeposit="-1.00")).faults == {
        "input.monthlyDeposit": "TOO_SMALL"
    }
    assert (await case.stored()).status is ApplicationStatus.ANALYZED
    assert await statuses(case) == []


def reasons_of(answer: Answer) -> list[str]:
    """Return the codes for which no plan is possible."""
    assert answer.code == "PLAN_NOT_POSSIBLE"
    reasons: Any = answer.error.details()["reasons"]
    return [one["code"] for one in reasons]


async def with_debts(case: Case, *debts: Debt) -> None:
    """Give the application these debts."""
    own = tuple(replace(one, id=new_child_id("debt", case.application.id)) for one in debts)
    stored: Application = with_lines(await case.stored(), debts=own)
    await case.world.put(stored)


@pytest.mark.parametrize(
    ("debts", "code"),
    [
        ((), "NO_ELIGIBLE_DEBTS"),
        ((a_debt("CARS", "9000.00", "7.00", "200.00", DebtKind.AUTO),), "NO_ELIGIBLE_DEBTS"),
        ((a_debt("NEW BANK", "900.00", None, "30.00"),), "APR_UNKNOWN"),
        ((a_debt("LENDER", "9000.00", "1000.00", "30.00"),), "DEPOSIT_TOO_SMALL"),
    ],
    ids=["none", "secured", "unknown APR", "1,000 %"],
)
async def test_no_plan_is_a_helpful_answer(case: Case, debts: tuple[Debt, ...], code: str) -> None:
    """Nothing eligible, an APR that nobody told, and one beyond paying: each is named."""
    await with_debts(case, *debts)
    await case.analyze()
    refused = await case.propose()
    assert refused.code == "PLAN_NOT_POSSIBLE"
    reasons: Any = refused.error.details()["reasons"]
    assert reasons[0]["code"] == code
    assert not any(debt.creditor in str(reasons) for debt in debts)


async def test_no_plan_where_the_agency_is_not_licensed(case: Case) -> None:
    """By an agency of Michigan and Ohio somebody in Colorado is analyzed, and proposed no plan."""
    await _moves(case, "CO")
    assert (await case.analyze())["analyzeApplication"]["recommendation"] == "PLAN_STANDARD"
    for who in (case.counselor, case.world.key()):
        assert reasons_of(await case.propose(who)) == ["NOT_LICENSED"]
    assert (await case.stored()).status is ApplicationStatus.ANALYZED
    assert await statuses(case) == []
    await _moves(case, "OH")
    assert (await case.propose())["proposePlan"]
    assert (await case.stored()).state == "OH"


async def _moves(case: Case, state: str) -> None:
    """Have the consumer live in another state; the application says what it said before."""
    consumer = await case.world.store.get(Consumer, case.application.consumer_id)
    assert consumer is not None
    assert consumer.address is not None
    await case.world.put(replace(consumer, address=replace(consumer.address, state=state)))


async def test_without_a_state_the_consumer_s_address_tells_it(case: Case) -> None:
    """No license and no cap is applied to nowhere; once there is an address, its state counts."""
    await case.world.put(replace(await case.stored(), state=None))
    consumer = await case.world.store.get(Consumer, case.application.consumer_id)
    assert consumer is not None
    assert consumer.address is not None
    (unknown,) = await case.world.put(replace(consumer, address=None))
    assert (await case.analyze())["analyzeApplication"]
    assert reasons_of(await case.propose()) == ["STATE_UNKNOWN"]
    assert await statuses(case) == []
    (elsewhere,) = await case.world.put(
        replace(unknown, address=replace(consumer.address, state="CO"))
    )
    assert reasons_of(await case.propose()) == ["NOT_LICENSED"]
    await case.world.put(replace(elsewhere, address=replace(consumer.address, state="OH")))
    plan = (await case.propose())["proposePlan"]
    stored = await case.world.store.get(Plan, plan["id"])
    assert stored is not None
    assert stored.state == (await case.stored()).state == "OH"


async def test_no_income_is_no_obstacle_to_a_counselor(case: Case) -> None:
    """Whatever the analysis proposed, a plan may be, with waived fees and a warning of it."""
    await case.world.put(with_lines(await case.stored(), incomes=()))
    analysis = (await case.analyze())["analyzeApplication"]
    assert analysis["recommendation"] == "BANKRUPTCY_REFERRAL"
    assert (await case.propose()).code == "PLAN_NOT_POSSIBLE"
    plan = (await case.propose(monthlyDeposit="389.00"))["proposePlan"]
    assert all(fee["waived"] for fee in plan["fees"])
    assert plan["totalFees"] == "0.00"
    assert any("did not propose a plan" in one for one in plan["warnings"])
    assert any("more than" in one for one in plan["warnings"])


@pytest.mark.parametrize("known_before", [True, False], ids=["before", "after the analysis"])
async def test_who_is_not_expected_is_paid_beside_the_plan_once(
    case: Case, *, known_before: bool
) -> None:
    """3,550 less 2,900, 125 and the 261 of CARD_A is 264, all of which goes into the plan.

    The creditor's minimum is taken off once, whenever the agency learned that it takes no part.
    """
    await case.world.put(with_lines(await case.stored(), incomes=(an_income("3550.00"),)))
    if not known_before:
        assert (await case.analyze())["analyzeApplication"]["disposable"] == "525.00"
    policies = [
        policy_input(replace(one, participation=Participation.NOT_EXPECTED) if not number else one)
        for number, one in enumerate(POLICIES)
    ]
    change = {"effectiveFrom": case.world.now.date().isoformat(), "creditorPolicies": policies}
    admin = case.world.person(Group.ADMINS)
    assert (await case.world.ask(admin, UPDATE_SETTINGS, {"input": change}))["updateSettings"]
    if known_before:
        assert (await case.analyze())["analyzeApplication"]["disposable"] == "264.00"
    plan = (await case.propose())["proposePlan"]
    assert plan["monthlyDeposit"] == "264.00"
    assert [one["months"] > 0 for one in plan["creditors"]] == [False, True, True, True]
    assert not any("more than the" in one for one in plan["warnings"])
    dear = (await case.propose(monthlyDeposit="264.01"))["proposePlan"]
    assert any("$264.00" in one and "$261.00" in one for one in dear["warnings"])


async def test_settings_of_later_do_not_change_a_plan(case: Case) -> None:
    """A plan keeps the version it was computed from, and its figures, when settings change."""
    plan = await case.proposed()
    stored = await case.world.store.get(Plan, plan["id"])
    assert stored is not None
    document = "mutation ($i: UpdateSettingsInput!) { updateSettings(input: $i) { id } }"
    change = {"effectiveFrom": case.world.now.date().isoformat(), "creditorPolicies": []}
    made = await case.world.ask(case.world.person(Group.ADMINS), document, {"i": change})
    assert made["updateSettings"]["id"] != stored.settings_id
    again = (await case.world.ask(case.counselor, READ_PLAN, {"id": plan["id"]}))["plan"]
    assert again == plan


async def test_a_hundred_debts_fit(case: Case) -> None:
    """The most debts with the longest names, over sixty months: one body, within its limit."""
    debts = [
        replace(
            a_debt("B" * 116 + f"{number:04}", "600.00", "1.00", "11.00", number=number),
            account_last4="1234",
        )
        for number in range(100)
    ]
    await with_debts(case, *debts)
    await case.analyze()
    plan = (await case.propose(strategy="NO_ROLLOVER", monthlyDeposit="9999.00"))["proposePlan"]
    assert len(plan["creditors"]) == 100
    assert plan["months"] >= 55
