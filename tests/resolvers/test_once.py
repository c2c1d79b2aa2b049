"""The same key does a thing once; what it came to is read anew."""

import asyncio
import hashlib
import json
from decimal import Decimal
from typing import Any

import pytest

from domain.access import Principal
from domain.actors import Group
from domain.applications import Application, ApplicationStatus, IncomeSource
from domain.money import Frequency
from resolvers.inputs import IncomeInput, SaveBudgetInput, UpdateConsumerInput
from resolvers.once import canonical
from tests.resolvers.documents import (
    CLAIM,
    CLOSE,
    CONSENT,
    NOTE,
    REASSIGN,
    RELEASE,
    RETURN,
    SAVE,
    START,
    SUBMIT,
    UPDATE,
    UPDATE_CONSUMER,
    WITHDRAW,
)
from tests.resolvers.world import World

WAGES = {"source": "WAGES", "net": "1000.00", "frequency": "MONTHLY"}
ADA = {"given": "Ada", "family": "Byron"}


@pytest.fixture
def me(world: World) -> Principal:
    """Return the consumer whose application it is."""
    return world.person(Group.CONSUMERS, subject="owner")


@pytest.fixture
async def draft(world: World) -> Application:
    """Return a draft."""
    return await world.add_application(await world.add_consumer("owner"))


async def _agreed(world: World, application: Application) -> dict[str, Any]:
    document = "{ consentText(purpose: BANK_DATA) { purpose version sha256 } }"
    shown = (await world.ask(world.key(), document))["consentText"]
    return {
        "applicationId": application.id,
        "purpose": shown["purpose"],
        "textVersion": shown["version"],
        "textSha256": shown["sha256"],
    }


async def test_every_mutation_of_the_store_is_done_once_for_a_header(
    world: World, me: Principal, draft: Application
) -> None:
    """Sent twice with one Idempotency-Key, each mutation changes once and answers alike."""
    counselor, other = world.person(Group.COUNSELORS), world.person(Group.COUNSELORS)
    staff = await world.add_staff(other)
    steps: list[tuple[Principal, str, dict[str, Any]]] = [
        (me, START, {"input": {"name": ADA}}),
        (me, UPDATE, {"input": {"id": draft.id, "householdSize": 2}}),
        (me, UPDATE_CONSUMER, {"input": {"id": draft.consumer_id, "email": "b@mail.test"}}),
        (me, SAVE, {"input": {"applicationId": draft.id, "incomes": [WAGES]}}),
        (me, CONSENT, {"input": await _agreed(world, draft)}),
        (me, SUBMIT, {"id": draft.id}),
        (counselor, CLAIM, {"id": draft.id}),
        (counselor, NOTE, {"id": draft.id, "text": "Called"}),
        (counselor, RETURN, {"id": draft.id, "reason": "More is needed"}),
        (counselor, REASSIGN, {"id": draft.id, "to": staff.id}),
        (other, CLOSE, {"id": draft.id, "reason": "Done"}),
        (other, RELEASE, {"id": draft.id}),
    ]
    for number, (who, document, variables) in enumerate(steps):
        key = f"key-{number}"
        first = await world.ask(who, document, variables, idempotency_key=key)
        written = {line.id for line in await world.audit()}
        again = await world.ask(who, document, variables, idempotency_key=key)
        assert (first.errors, again.errors) == ([], []), document
        assert again.data == first.data
        repeated = [line for line in await world.audit() if line.id not in written]
        assert [line.action for line in repeated] == [next(iter(first.data or {}))], document
        assert all(line.consumers for line in repeated), "what was answered again was read again"
    withdrawn = await world.add_application(await world.add_consumer("another"))
    another = world.person(Group.CONSUMERS, subject="another")
    for _ in range(2):
        answer = await world.ask(another, WITHDRAW, {"id": withdrawn.id}, idempotency_key="w")
        assert answer["withdrawApplication"]["version"] == 2


async def test_a_key_is_bound_to_its_input(world: World, me: Principal, draft: Application) -> None:
    """The same key with another input is an error, and changes nothing."""
    save: dict[str, Any] = {"applicationId": draft.id, "idempotencyKey": "k", "incomes": [WAGES]}
    assert (await world.ask(me, SAVE, {"input": save})).code is None
    other = {**save, "incomes": [{**WAGES, "net": "1000.01"}]}
    assert (await world.ask(me, SAVE, {"input": other})).code == "IDEMPOTENCY_MISMATCH"
    same = {**save, "incomes": [{**WAGES, "net": 1000}]}
    replayed = (await world.ask(me, SAVE, {"input": same}))["saveBudget"]
    assert len(replayed["incomes"]) == 1, "1000 is 1000.00"


async def test_a_key_is_bound_to_principal_and_field(world: World, draft: Application) -> None:
    """Another caller's key, and the same key at another field, are other keys."""
    for subject in ("owner", "somebody-else"):
        who = world.person(Group.CONSUMERS, subject=subject)
        variables = {"input": {"name": ADA, "idempotencyKey": "k"}}
        assert (await world.ask(who, START, variables)).code is None
    owner = world.person(Group.CONSUMERS, subject="owner")
    update = {"input": {"id": draft.id, "householdSize": 2}}
    assert (await world.ask(owner, UPDATE, update, idempotency_key="k")).code is None


async def test_a_replay_reads_and_authorizes_anew(
    world: World, me: Principal, draft: Application
) -> None:
    """What a key came to is answered as it is now, and only to who may still read it."""
    update = {"input": {"id": draft.id, "householdSize": 2}}
    await world.ask(me, UPDATE, update, idempotency_key="k")
    await world.ask(me, UPDATE, {"input": {"id": draft.id, "householdSize": 9}})
    replayed = (await world.ask(me, UPDATE, update, idempotency_key="k"))["updateApplication"]
    assert (replayed["householdSize"], replayed["version"]) == (9, 3)
    counselor = world.person(Group.COUNSELORS)
    waiting = await world.add_application(
        await world.add_consumer("other"), ApplicationStatus.SUBMITTED
    )
    await world.ask(counselor, CLAIM, {"id": waiting.id}, idempotency_key="c")
    await world.ask(counselor, RELEASE, {"id": waiting.id})
    answer = await world.ask(counselor, CLAIM, {"id": waiting.id}, idempotency_key="c")
    assert answer.code == "NOT_FOUND"


async def test_a_key_is_kept_for_a_day(world: World, me: Principal, draft: Application) -> None:
    """After 24 hours a key is as good as new."""
    save = {"input": {"applicationId": draft.id, "idempotencyKey": "k", "incomes": [WAGES]}}
    for hours, lines in ((0, 1), (23, 1), (1, 2)):
        world.later(hours=hours)
        saved = (await world.ask(me, SAVE, save))["saveBudget"]
        assert len(saved["incomes"]) == lines


async def test_a_key_in_the_input_and_another_in_the_header_contradict(
    world: World, me: Principal, draft: Application
) -> None:
    """Both may be given where they are the same; a key is not blank and has 255 characters."""
    save = {"input": {"applicationId": draft.id, "idempotencyKey": "a"}}
    answer = await world.ask(me, SAVE, save, idempotency_key="b")
    assert answer.faults == {"input.idempotencyKey": "INVALID"}
    assert (await world.ask(me, SAVE, save, idempotency_key="a")).code is None
    for key, code in (("", "REQUIRED"), (" ", "REQUIRED"), ("x" * 256, "TOO_LONG")):
        wrong = {"input": {"applicationId": draft.id, "idempotencyKey": key}}
        assert (await world.ask(me, SAVE, wrong)).faults == {"input.idempotencyKey": code}
        if key:
            answer = await world.ask(
                me, SAVE, {"input": {"applicationId": draft.id}}, idempotency_key=key
            )
            assert answer.faults == {"Idempotency-Key": code}


async def test_twins_at_the_same_moment_do_it_once(
    world: World, me: Principal, draft: Application
) -> None:
    """Five calls at once under one key change once; each answers what it came to."""
    save = {"input": {"applicationId": draft.id, "idempotencyKey": "k", "incomes": [WAGES]}}
    answers = await asyncio.gather(*(world.ask(me, SAVE, save) for _ in range(5)))
    assert {answer["saveBudget"]["version"] for answer in answers} == {2}
    start = {"input": {"name": ADA, "idempotencyKey": "s"}}
    fresh = world.person(Group.CONSUMERS)
    answers = await asyncio.gather(*(world.ask(fresh, START, start) for _ in range(5)))
    assert len({answer["startApplication"]["id"] for answer in answers}) == 1
    counselor = world.person(Group.COUNSELORS)
    waiting = await world.add_application(
        await world.add_consumer("other"), ApplicationStatus.SUBMITTED
    )
    answers = await asyncio.gather(
        *(world.ask(counselor, CLAIM, {"id": waiting.id}, idempotency_key="c") for _ in range(5))
    )
    assert [answer.code for answer in answers] == [None] * 5


async def test_two_first_applications_at_once_are_of_one_consumer(world: World) -> None:
    """A consumer who starts twice at the same moment has two applications and one record."""
    me = world.person(Group.CONSUMERS)
    answers = await asyncio.gather(
        *(world.ask(me, START, {"input": {"name": ADA}}) for _ in range(2))
    )
    started = [answer["startApplication"] for answer in answers]
    assert len({one["id"] for one in started}) == 2
    assert len({one["consumer"]["id"] for one in started}) == 1


async def test_what_is_kept_of_an_input_tells_nothing(
    world: World, me: Principal, draft: Application
) -> None:
    """The kept digest cannot be tried out: it depends on the client's key, which is not kept."""
    kept = []
    for key in ("k", "l"):
        change = {"input": {"id": draft.consumer_id, "ssn": "219456789"}}
        await world.ask(me, UPDATE_CONSUMER, change, idempotency_key=key)
        bound = json.dumps([me.subject, "updateConsumer", key])
        kept.append(await world.store.once(hashlib.sha256(bound.encode()).hexdigest()))
    first, second = kept
    assert first is not None
    assert second is not None
    assert (first.reference, second.reference) == (draft.consumer_id, draft.consumer_id)
    assert first.digest != second.digest
    plain = canonical(UpdateConsumerInput(id=draft.consumer_id, ssn="219456789"))
    assert hashlib.sha256(plain.encode()).hexdigest() not in {first.digest, second.digest}


def test_one_input_has_one_spelling() -> None:
    """Amounts, absent fields and the order of fields do not make another input."""

    def save(net: str) -> SaveBudgetInput:
        line = IncomeInput(source=IncomeSource.WAGES, net=Decimal(net), frequency=Frequency.MONTHLY)
        return SaveBudgetInput(application_id="a", incomes=(line,), idempotency_key="x")

    assert canonical(save("1")) == canonical(save("1.00"))
    assert canonical(save("1")) == (
        '{"application_id":"a","incomes":[{"frequency":"MONTHLY","net":"1.00","source":"WAGES"}]}'
    )
    assert canonical({"b": None, "a": 1}) == '{"a":1,"b":null}'
