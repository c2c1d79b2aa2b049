"""Who is told of what: each field of Subscription, for each kind of caller."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.gateway.realtime.house import CLAIM, EVERYTHING, UPDATED, House, open_house
from tests.gateway.realtime.wires import Refused, appsync

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUEUE = "subscription { onQueueChanged { id applicationId state unsecuredBalance } }"
RELEASE = "mutation ($id: ID!) { releaseApplication(id: $id) }"
WITHDRAW = "mutation ($id: ID!) { withdrawApplication(id: $id) { id } }"
PLANS = "subscription { onPlanUpdated { id status applicationId } }"
NAMES = """subscription { onApplicationUpdated {
  id __typename consumer { id name { given family } ssnLast4 } counselor { displayName }
  notes { id }
} }"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Give one gateway to all the tests here: each has people of its own."""
    async with open_house(tmp_path_factory.mktemp("house")) as opened:
        yield opened


async def test_a_consumer_is_told_of_their_own_alone(house: House) -> None:
    """Others' applications change unheard."""
    mine, theirs = (house.token(f"sub-{name}", "consumers") for name in ("ada", "bob"))
    own, other = await house.start(mine), await house.start(theirs)
    async with appsync(house, mine, EVERYTHING) as told:
        await house.change(theirs, other, "Bob's.")
        await house.change(mine, own, "Ada's.")
        result = await told.next()
    assert result["data"]["onApplicationUpdated"]["hardshipReason"] == "Ada's."


async def test_a_counselor_is_told_of_what_they_claim_from_then_on(house: House) -> None:
    """Reach is judged for each event: what is claimed later is told, what is given back is not."""
    consumer = house.token("sub-cleo", "consumers")
    counselor = house.token("sub-nora", "counselors")
    application = await house.submitted(consumer)
    async with appsync(house, counselor, EVERYTHING) as told:
        await house.ask(CLAIM, counselor, {"id": application})
        claimed = await told.next()
        await house.change(counselor, application, "Seen.")
        changed = await told.next()
        await house.ask(RELEASE, counselor, {"id": application})
        await house.ask(WITHDRAW, consumer, {"id": application})
        again = await house.submitted(consumer)
        await house.ask(CLAIM, counselor, {"id": again})
        last = await told.next()
    assert claimed["data"]["onApplicationUpdated"]["id"] == application
    assert changed["data"]["onApplicationUpdated"]["hardshipReason"] == "Seen."
    assert last["data"]["onApplicationUpdated"]["id"] == again


async def test_counselors_are_told_of_the_queue(house: House) -> None:
    """What comes in, is claimed, given back and withdrawn: an item each, without personal data."""
    consumer = house.token("sub-dana", "consumers")
    counselor, other = (house.token(f"sub-{name}", "counselors") for name in ("olga", "pat"))
    async with appsync(house, other, QUEUE) as told:
        application = await house.submitted(consumer)
        items = [await told.next()]
        await house.ask(CLAIM, counselor, {"id": application})
        items.append(await told.next())
        await house.ask(RELEASE, counselor, {"id": application})
        items.append(await told.next())
        await house.ask(WITHDRAW, consumer, {"id": application})
        items.append(await told.next())
    expected = {
        "id": application.replace("app_", "queue_"),
        "applicationId": application,
        "state": "MI",
        "unsecuredBalance": "0.00",
    }
    assert [one["data"]["onQueueChanged"] for one in items] == [expected] * 4


async def test_what_changed_after_it_left_the_queue_is_told_to_nobody_else(house: House) -> None:
    """Who comes back learns that the queue has changed, and nothing of the work since."""
    consumer = house.token("sub-hal", "consumers")
    counselor, other = (house.token(f"sub-{name}", "counselors") for name in ("quin", "rosa"))
    async with appsync(house, other, QUEUE) as told:
        application = await house.submitted(consumer)
        cursor = (await told.next())["extensions"]["cursor"]
    await house.ask(CLAIM, counselor, {"id": application})
    await house.change(counselor, application, "Worked on.")
    async with appsync(house, other, QUEUE, cursor=cursor) as told:
        result = await told.next()
    assert result["data"] == {"onQueueChanged": None}
    assert "errors" not in result


@pytest.mark.parametrize(
    ("group", "document"),
    [
        ("consumers", QUEUE),
        ("admins", EVERYTHING),
        ("analysts", EVERYTHING),
        ("admins", QUEUE),
    ],
)
async def test_who_may_not_use_the_field_may_not_subscribe(
    house: House, group: str, document: str
) -> None:
    """The field's own rule decides; the error is none about the credential, which holds."""
    with pytest.raises(Refused) as refused:
        async with appsync(house, house.token(f"sub-{group}", group), document):
            pass
    (error,) = refused.value.errors
    assert refused.value.code == "FORBIDDEN"
    assert (error["errorType"], error["errorCode"]) == ("Forbidden", 403)


async def test_fields_beneath_have_their_own_rules(house: House) -> None:
    """What the subscriber may not read is null, with an error in its place; the rest is told."""
    consumer = house.token("sub-eve", "consumers")
    application = await house.start(consumer)
    async with appsync(house, consumer, NAMES) as told:
        await house.change(consumer, application, "x")
        result = await told.next()
    found = result["data"]["onApplicationUpdated"]
    assert found["__typename"] == "Application"
    assert found["consumer"]["name"] == {"given": "Ada", "family": "Byron"}
    assert found["notes"] is None
    assert [one["path"] for one in result["errors"]] == [["onApplicationUpdated", "notes"]]


async def test_what_was_told_is_in_the_ledger(house: House) -> None:
    """Each event leaves the line that a query of the same would: who read what of whom."""
    consumer = house.token("sub-fay", "consumers")
    application = await house.start(consumer)
    async with appsync(house, consumer, UPDATED, {"id": application}) as told:
        await house.change(consumer, application, "x")
        await told.next()
    lines = await house.ledger("harbor")
    (line,) = [
        one for one in lines if one.action == "onApplicationUpdated" and one.actor.id == "sub-fay"
    ]
    assert line.subject == application
    assert set(line.fields) == {
        "Application.id",
        "Application.version",
        "Application.hardshipReason",
    }


async def test_a_refusal_is_in_the_ledger(house: House) -> None:
    """Who tried what they may not is told of, by field."""
    admin = house.token("sub-gus", "admins")
    with pytest.raises(Refused):
        async with appsync(house, admin, EVERYTHING):
            pass
    lines = await house.ledger("harbor")
    (line,) = [one for one in lines if one.actor.id == "sub-gus" and one.outcome == "REFUSED"]
    assert line.fields == ("Subscription.onApplicationUpdated",)


async def _proposed(house: House, consumer: str, counselor: str) -> str:
    """Bring an application of the consumer's to a proposal, and return the plan's id."""
    application = await house.submitted(consumer)
    await house.ask(CLAIM, counselor, {"id": application})
    debt = {"creditor": "BANK", "kind": "CREDIT_CARD", "balance": "900.00", "apr": "0.00"}
    lines = {"applicationId": application, "debts": [{**debt, "minimumPayment": "30.00"}]}
    save = "mutation ($input: SaveBudgetInput!) { saveBudget(input: $input) { id } }"
    await house.ask(save, counselor, {"input": lines})
    analyze = "mutation ($id: ID!) { analyzeApplication(id: $id) { id } }"
    await house.ask(analyze, counselor, {"id": application})
    propose = "mutation ($input: ProposePlanInput!) { proposePlan(input: $input) { id } }"
    asked = {"applicationId": application, "monthlyDeposit": "100.00"}
    found: str = (await house.ask(propose, counselor, {"input": asked}))["proposePlan"]["id"]
    return found


async def test_plans_are_told_to_their_consumer_and_counselor(house: House) -> None:
    """Proposed and declined, to both; a consumer hears of no other file's."""
    consumer, other = (house.token(f"sub-{name}", "consumers") for name in ("uma", "vic"))
    counselor = house.token("sub-wes", "counselors")
    async with (
        appsync(house, consumer, PLANS) as mine,
        appsync(house, other, PLANS) as elsewhere,
        appsync(house, counselor, PLANS) as working,
    ):
        plan = await _proposed(house, consumer, counselor)
        decline = "mutation ($id: ID!) { declinePlan(id: $id) { id } }"
        await house.ask(decline, consumer, {"id": plan})
        second = await _proposed(house, other, counselor)
        told = [(await one.next())["data"]["onPlanUpdated"] for one in (mine, mine, elsewhere)]
        seen = [(await working.next())["data"]["onPlanUpdated"]["id"] for _ in range(3)]
    assert [one["id"] for one in told] == [plan, plan, second]
    assert told[1]["status"] == "DECLINED"
    assert sorted(seen) == sorted([plan, plan, second])
