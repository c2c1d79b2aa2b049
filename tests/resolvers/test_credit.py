"""Consents, and the credit reports pulled under them, once."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.access import Principal, Scope
from domain.actors import Group
from domain.applications import Application, ApplicationStatus
from domain.consents import Consent, ConsentPurpose, current_text
from domain.credit import (
    CreditFile,
    CreditInquiry,
    CreditReport,
    CreditScore,
    FileHit,
    PortfolioType,
    PullKind,
    ScoreFactor,
    Tradeline,
    summarize,
)
from domain.errors import StoreUnavailable, UpstreamInvalid, UpstreamTimeout, UpstreamUnavailable
from domain.ids import new_ulid
from resolvers.context import NO_VENDORS
from resolvers.credit import pull_credit_report
from resolvers.inputs import PullCreditReportInput
from tests.resolvers.documents import CONSENT, IMPORT, PULL, UPDATE, UPDATE_CONSUMER
from tests.resolvers.world import World

CARD = Tradeline(
    creditor="BIG BANK",
    portfolio=PortfolioType.REVOLVING,
    account_type="CC",
    account_last4="1234",
    ecoa="individual",
    opened_on=date(2015, 3, 1),
    balance=Decimal(1545),
    credit_limit=Decimal(10000),
    monthly_payment=Decimal(35),
    remarks=("MCC",),
    source_key="card",
)
FILE = CreditFile(
    hit=FileHit.HIT,
    summary=summarize((CARD,), inquiry_count=1, collection_count=0, public_record_count=0),
    score=CreditScore(model="00V60", value=667, factors=(ScoreFactor(rank=1, code="14"),)),
    tradelines=(CARD,),
    inquiries=(CreditInquiry(subscriber="SOME BANK", date=date(2025, 12, 1)),),
    alerts=("DISPUTE",),
)
SOFT = ConsentPurpose.SOFT_CREDIT_PULL


@pytest.fixture
def me(world: World) -> Principal:
    """Return the consumer whose application it is."""
    return world.person(Group.CONSUMERS, subject="owner")


@pytest.fixture
async def draft(world: World) -> Application:
    """Return a draft of a consumer of whom enough is known."""
    return await world.add_application(await world.add_consumer("owner"))


def _agreed(world: World, application: Application, purpose: ConsentPurpose = SOFT) -> Any:
    text = current_text(purpose, world.agency.name)
    return {
        "applicationId": application.id,
        "purpose": purpose.value,
        "textVersion": text.version,
        "textSha256": text.sha256,
    }


async def _consent(
    world: World, me: Principal, application: Application, purpose: ConsentPurpose = SOFT
) -> str:
    answer = await world.ask(me, CONSENT, {"input": _agreed(world, application, purpose)})
    return str(answer["recordConsent"]["id"])


def _pull(application: Application, consent_id: str, key: str = "key-1", **more: Any) -> Any:
    named = {"applicationId": application.id, "consentId": consent_id, "idempotencyKey": key}
    return {"input": {**named, **more}}


async def test_the_wording_is_shown_and_agreed_to(
    world: World, me: Principal, draft: Application
) -> None:
    """What is recorded is the wording in force, by whom, from where, and for 30 days."""
    document = "{ consentText(purpose: SOFT_CREDIT_PULL) { purpose version text sha256 } }"
    shown = (await world.ask(me, document))["consentText"]
    assert world.agency.name in shown["text"]
    given = {
        "applicationId": draft.id,
        "purpose": shown["purpose"],
        "textVersion": shown["version"],
        "textSha256": shown["sha256"],
    }
    consent = (await world.ask(me, CONSENT, {"input": given}))["recordConsent"]
    assert consent["expiresAt"] == "2026-02-14T12:00:00.000Z"
    assert (consent["usedAt"], consent["sourceIp"]) == (None, "203.0.113.7")
    assert consent["givenBy"]["id"] == me.subject


async def test_another_wording_is_not_agreed_to(
    world: World, me: Principal, draft: Application
) -> None:
    """A version or hash that is not the current wording's is a fault each."""
    given = {**_agreed(world, draft), "textVersion": "2020-01", "textSha256": "0" * 64}
    answer = await world.ask(me, CONSENT, {"input": given})
    assert answer.faults == {"input.textVersion": "INVALID", "input.textSha256": "INVALID"}


async def test_only_the_consumer_consents(world: World, draft: Application) -> None:
    """Nobody gives a consumer's consent but the consumer."""
    given = {"input": _agreed(world, draft)}
    for other in (world.person(Group.COUNSELORS), world.key(), world.person(Group.ADMINS)):
        assert (await world.ask(other, CONSENT, given)).code == "FORBIDDEN"
    assert (await world.ask(world.person(Group.CONSUMERS), CONSENT, given)).code == "NOT_FOUND"


async def test_a_report_is_pulled_and_kept(world: World, me: Principal, draft: Application) -> None:
    """Under a consent the bureau is asked once, and its file is kept as it was answered."""
    world.bureau.answers = [FILE]
    consent_id = await _consent(world, me, draft)
    report = (await world.ask(me, PULL, _pull(draft, consent_id)))["pullCreditReport"]
    assert (report["hit"], report["kind"], report["bureau"]) == ("HIT", "SOFT", "TransUnion")
    assert report["score"] == {
        "model": "00V60",
        "value": 667,
        "factors": [{"rank": 1, "code": "14"}],
    }
    assert report["tradelines"] == [
        {
            "creditor": "BIG BANK",
            "balance": "1545.00",
            "openedOn": "2015-03-01",
            "remarks": ["MCC"],
        }
    ]
    assert report["summary"]["revolving"] == {"balance": "1545.00", "percentAvailable": "85.00"}
    assert report["alerts"] == ["DISPUTE"]
    ((subject, kind, reference),) = world.bureau.asked
    assert (subject.ssn, kind) == ("219456789", PullKind.SOFT)
    assert reference.isalnum()
    consent = await world.store.get(Consent, consent_id)
    assert consent is not None
    assert consent.used_at == world.now
    names = [event.name.value for event in await world.store.outbox.pending(10)]
    assert names == ["ConsentRecorded", "CreditReportRequested", "CreditReportPulled"]


@pytest.mark.parametrize("hit", [FileHit.NO_HIT, FileHit.FROZEN])
async def test_no_file_is_an_answer(
    world: World, me: Principal, draft: Application, hit: FileHit
) -> None:
    """A bureau without a file, or with a frozen one, has answered: a report without figures."""
    world.bureau.answers = [CreditFile(hit=hit)]
    pull = _pull(draft, await _consent(world, me, draft))
    report = (await world.ask(me, PULL, pull))["pullCreditReport"]
    assert (report["hit"], report["summary"], report["score"], report["tradelines"]) == (
        hit.value,
        None,
        None,
        [],
    )


async def test_the_same_key_pulls_once(world: World, me: Principal, draft: Application) -> None:
    """A repetition answers the report that is there; the same key with another input is refused."""
    consent_id = await _consent(world, me, draft)
    first = (await world.ask(me, PULL, _pull(draft, consent_id)))["pullCreditReport"]
    again = (await world.ask(me, PULL, _pull(draft, consent_id)))["pullCreditReport"]
    assert again == first
    other = await world.ask(me, PULL, _pull(draft, consent_id, kind="HARD"))
    assert other.code == "IDEMPOTENCY_MISMATCH"
    assert len(world.bureau.asked) == 1


async def test_a_consent_is_for_the_person_who_gave_it(
    world: World, me: Principal, draft: Application
) -> None:
    """Once the Social Security number is another, the consent given before opens no file."""
    consent_id = await _consent(world, me, draft)
    change = {"id": draft.consumer_id, "ssn": "219-09-9998"}
    assert (await world.ask(me, UPDATE_CONSUMER, {"input": change})).code is None

    answer = await world.ask(me, PULL, _pull(draft, consent_id))

    assert answer.code == "CONSENT_REQUIRED"
    assert world.bureau.asked == []
    fresh = await _consent(world, me, draft)
    assert (await world.ask(me, PULL, _pull(draft, fresh))).code is None


async def test_pulls_at_the_same_moment_ask_once(
    world: World, me: Principal, draft: Application
) -> None:
    """Ten calls at once, under one key or under ten, ask the bureau once under one consent."""
    for keys in (["one"] * 5, [f"key-{number}" for number in range(5)]):
        world.bureau.asked.clear()
        consent_id = await _consent(world, me, draft)
        answers = await asyncio.gather(
            *(world.ask(me, PULL, _pull(draft, consent_id, key)) for key in keys)
        )
        codes = [answer.code for answer in answers]
        assert codes.count(None) >= 1
        assert set(codes) <= {None, "CONSENT_REQUIRED", "OUTCOME_UNKNOWN"}
        assert len(world.bureau.asked) == 1


async def test_a_used_ended_or_other_consent_is_no_ground(
    world: World, me: Principal, draft: Application
) -> None:
    """One consent is good for one pull of its kind for its application, for 30 days."""
    used = await _consent(world, me, draft)
    await world.ask(me, PULL, _pull(draft, used))
    assert (await world.ask(me, PULL, _pull(draft, used, "key-2"))).code == "CONSENT_REQUIRED"
    hard = await _consent(world, me, draft, ConsentPurpose.HARD_CREDIT_PULL)
    assert (await world.ask(me, PULL, _pull(draft, hard, "key-3"))).code == "CONSENT_REQUIRED"
    soft = await _consent(world, me, draft)
    answer = await world.ask(me, PULL, _pull(draft, soft, "key-4", kind="HARD"))
    assert answer.code == "CONSENT_REQUIRED"
    (sibling,) = await world.put(replace(draft, id=f"app_{new_ulid()}", version=0))
    assert (await world.ask(me, PULL, _pull(sibling, soft, "key-5"))).code == "CONSENT_REQUIRED"
    world.later(days=30)
    assert (await world.ask(me, PULL, _pull(draft, soft, "key-6"))).code == "CONSENT_REQUIRED"
    absent = _pull(draft, "cons_nonsense", "key-7")
    assert (await world.ask(me, PULL, absent)).code == "NOT_FOUND"
    assert len(world.bureau.asked) == 1


async def test_too_little_is_known_of_the_consumer(world: World, me: Principal) -> None:
    """All that the bureau needs and is missing is told at once, and the consent stays unused."""
    consumer = await world.add_consumer("owner", ssn=None, date_of_birth=None, address=None)
    application = await world.add_application(consumer)
    consent_id = await _consent(world, me, application)
    answer = await world.ask(me, PULL, _pull(application, consent_id))
    assert answer.faults == {
        "application.consumer.ssn": "REQUIRED",
        "application.consumer.dateOfBirth": "REQUIRED",
        "application.consumer.address": "REQUIRED",
    }
    consent = await world.store.get(Consent, consent_id)
    assert consent is not None
    assert consent.used_at is None


async def test_counselors_and_machines_pull_within_reach(
    world: World, me: Principal, draft: Application
) -> None:
    """A counselor with a grant and a key with the scope pull under the consumer's consent."""
    consents = [await _consent(world, me, draft) for _ in range(3)]
    counselor = world.person(Group.COUNSELORS)
    answer = await world.ask(counselor, PULL, _pull(draft, consents[0]))
    assert answer.code == "NOT_FOUND"
    await world.assign(draft, counselor)
    assert (await world.ask(counselor, PULL, _pull(draft, consents[0]))).code is None
    key = world.key(Scope.CREDIT_PULL)
    document = """mutation ($input: PullCreditReportInput!) {
      pullCreditReport(input: $input) { id applicationId } }"""
    pulled = await world.ask(key, document, _pull(draft, consents[1]))
    assert pulled["pullCreditReport"]["applicationId"] == draft.id
    again = await world.ask(key, document, _pull(draft, consents[1]))
    assert again["pullCreditReport"] == pulled["pullCreditReport"]
    reader = world.key(Scope.CREDIT_READ)
    assert (await world.ask(reader, PULL, _pull(draft, consents[2]))).code == "FORBIDDEN"


async def test_an_ended_application_pulls_nothing(
    world: World, me: Principal, draft: Application
) -> None:
    """After a withdrawal there is nothing to pull for."""
    consent_id = await _consent(world, me, draft)
    await world.put(replace(draft, status=ApplicationStatus.WITHDRAWN))
    assert (await world.ask(me, PULL, _pull(draft, consent_id))).code == "INVALID_TRANSITION"
    given = {"input": _agreed(world, draft)}
    assert (await world.ask(me, CONSENT, given)).code == "INVALID_TRANSITION"


async def test_a_bureau_that_did_nothing_can_be_asked_again(
    world: World, me: Principal, draft: Application
) -> None:
    """Where the bureau certainly made no inquiry, consent and key are as good as before."""
    refused = UpstreamUnavailable(vendor="TransUnion", retryable=True, may_have_acted=False)
    world.bureau.answers = [refused, FILE]
    consent_id = await _consent(world, me, draft)
    answer = await world.ask(me, PULL, _pull(draft, consent_id))
    assert answer.code == "UPSTREAM_UNAVAILABLE"
    assert answer.error.details() == {"vendor": "TransUnion", "retryable": True}
    assert (await world.ask(me, PULL, _pull(draft, consent_id)))["pullCreditReport"]["id"]
    assert len(world.bureau.asked) == 2
    names = [event.name.value for event in await world.store.outbox.pending(10)]
    assert names[1:] == [
        "CreditReportRequested",
        "CreditReportFailed",
        "CreditReportRequested",
        "CreditReportPulled",
    ]


@pytest.mark.parametrize(
    "trouble",
    [
        lambda: UpstreamTimeout(vendor="TransUnion", retryable=True),
        lambda: UpstreamInvalid(vendor="TransUnion", retryable=False),
        lambda: UpstreamUnavailable(vendor="TransUnion", retryable=True),
    ],
)
async def test_a_bureau_that_may_have_acted_is_not_asked_again(
    world: World, me: Principal, draft: Application, trouble: Callable[[], Exception]
) -> None:
    """After a time-out nobody knows: the key answers so, and the consent is used up."""
    world.bureau.answers = [trouble()]
    consent_id = await _consent(world, me, draft)
    answer = await world.ask(me, PULL, _pull(draft, consent_id))
    assert (answer.code or "").startswith("UPSTREAM_")
    assert (await world.ask(me, PULL, _pull(draft, consent_id))).code == "OUTCOME_UNKNOWN"
    other_key = await world.ask(me, PULL, _pull(draft, consent_id, "key-2"))
    assert other_key.code == "CONSENT_REQUIRED"
    world.later(hours=25)
    assert (await world.ask(me, PULL, _pull(draft, consent_id))).code == "CONSENT_REQUIRED"
    assert len(world.bureau.asked) == 1


async def test_a_process_that_dies_after_the_answer_never_pulls_again(
    world: World, me: Principal, draft: Application
) -> None:
    """Between the bureau's answer and our commit everything may be lost, but not the attempt."""
    consent_id = await _consent(world, me, draft)
    world.backend.failing = [None, KeyboardInterrupt()]  # the first unit is kept, then we die
    with pytest.raises(KeyboardInterrupt):
        await world.ask(me, PULL, _pull(draft, consent_id))
    assert len(world.bureau.asked) == 1
    assert await world.store.children(CreditReport, draft.id) == []
    assert (await world.ask(me, PULL, _pull(draft, consent_id))).code == "OUTCOME_UNKNOWN"
    assert (await world.ask(me, PULL, _pull(draft, consent_id, "key-2"))).code == "CONSENT_REQUIRED"
    assert len(world.bureau.asked) == 1


RAW = """query ($id: ID!, $why: String!) { creditReport(id: $id) { id raw(purpose: $why) } }"""


async def _pulled(world: World, me: Principal, draft: Application) -> CreditReport:
    answer = await world.ask(me, PULL, _pull(draft, await _consent(world, me, draft)))
    report = await world.store.get(CreditReport, answer["pullCreditReport"]["id"])
    assert report is not None
    return report


async def test_the_bureaus_answer_is_kept_as_it_came(
    world: World, me: Principal, draft: Application
) -> None:
    """The very bytes are kept, sealed, and a counselor reads them for a stated purpose."""
    world.bureau.raw = "<name>Zoë</name>".encode()
    report = await _pulled(world, me, draft)
    assert report.raw is not None
    assert await world.store.blobs.get(report.raw.id) == world.bureau.raw
    assert report.raw.sha256 == hashlib.sha256(world.bureau.raw).hexdigest()
    assert (report.raw.bytes, report.raw.media_type) == (17, "text/xml")
    counselor = world.person(Group.COUNSELORS)
    await world.assign(draft, counselor)
    read = await world.ask(counselor, RAW, {"id": report.id, "why": "Dispute of a line"})
    assert read["creditReport"]["raw"] == "<name>Zoë</name>"
    (line,) = [one for one in await world.audit() if "CreditReport.raw" in one.fields]
    assert (line.purpose, line.consumers) == ("Dispute of a line", (draft.consumer_id,))


async def test_the_bureaus_answer_is_shown_to_few(
    world: World, me: Principal, draft: Application
) -> None:
    """Only counselors, lately signed in, with a purpose; and nobody what is not what was pulled."""
    report = await _pulled(world, me, draft)
    asked = {"id": report.id, "why": "Dispute"}
    counselor = world.person(Group.COUNSELORS)
    await world.assign(draft, counselor)
    for other in (me, world.key(), world.key(Scope.CREDIT_READ)):
        answer = await world.ask(other, RAW, asked)
        assert answer.codes == {"creditReport.raw": "FORBIDDEN"}
    silent = await world.ask(counselor, RAW, {**asked, "why": " "})
    assert silent.code == "INVALID_INPUT"
    world.later(minutes=16)
    stale = await world.ask(counselor, RAW, asked)
    assert stale.codes == {"creditReport.raw": "REAUTHENTICATE"}
    counselor = replace(counselor, authenticated_at=world.now)
    assert report.raw is not None
    await world.store.blobs.put(report.raw.id, b"another")
    answer = await world.ask(counselor, RAW, asked)
    assert answer.codes == {"creditReport.raw": "STORE_UNAVAILABLE"}
    await world.put(replace(report, raw=None))
    nothing = await world.ask(counselor, RAW, asked)
    assert nothing["creditReport"]["raw"] is None


async def test_a_report_is_not_lost_for_its_raw_answer(
    world: World, me: Principal, draft: Application, tmp_path: Path
) -> None:
    """Where the answer's bytes cannot be kept, the report that was paid for is kept anyway."""
    (tmp_path / "blobs").write_bytes(b"in the way")
    report = await _pulled(world, me, draft)
    assert report.raw is None
    assert len(world.bureau.asked) == 1


async def test_a_process_that_dies_between_answer_and_report_leaves_no_dangling_name(
    world: World, me: Principal, draft: Application
) -> None:
    """The bytes are kept before the report that names them; what is left over is named by none."""
    consent_id = await _consent(world, me, draft)
    world.backend.failing = [None, KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        await world.ask(me, PULL, _pull(draft, consent_id))
    assert len(await world.store.blobs.ids()) == 1
    assert await world.store.children(CreditReport, draft.id) == []


async def test_a_process_that_dies_before_asking_never_pulls_unrecorded(
    world: World, me: Principal, draft: Application
) -> None:
    """Where the attempt cannot be recorded, the bureau is not asked."""
    consent_id = await _consent(world, me, draft)
    world.backend.failing = [StoreUnavailable()]
    assert (await world.ask(me, PULL, _pull(draft, consent_id))).code == "STORE_UNAVAILABLE"
    assert world.bureau.asked == []
    assert (await world.ask(me, PULL, _pull(draft, consent_id))).code is None


async def test_an_answer_is_kept_though_the_store_was_busy(
    world: World, me: Principal, draft: Application
) -> None:
    """A file that was paid for is tried to be kept three times; then its loss is told."""
    world.bureau.answers = [FILE, FILE]
    consent_id = await _consent(world, me, draft)
    world.backend.failing = [None, StoreUnavailable(), StoreUnavailable()]
    assert (await world.ask(me, PULL, _pull(draft, consent_id)))["pullCreditReport"]["id"]
    consent_id = await _consent(world, me, draft)
    world.backend.failing = [None, *(StoreUnavailable() for _ in range(3))]
    answer = await world.ask(me, PULL, _pull(draft, consent_id, "key-2"))
    assert answer.code == "OUTCOME_UNKNOWN"
    answer = await world.ask(me, PULL, _pull(draft, consent_id, "key-2"))
    assert answer.code == "OUTCOME_UNKNOWN"
    assert len(world.bureau.asked) == 2


async def test_a_change_beside_the_pull_does_not_lose_the_report(
    world: World, me: Principal, draft: Application
) -> None:
    """The application may change while the bureau is asked; the report is kept all the same."""
    consent_id = await _consent(world, me, draft)
    pull = asyncio.ensure_future(world.ask(me, PULL, _pull(draft, consent_id)))
    change = {"input": {"id": draft.id, "householdSize": 5}}
    answers = await asyncio.gather(pull, world.ask(me, UPDATE, change))
    assert [answer.code for answer in answers] == [None, None]


async def test_the_bureaus_trouble_costs_its_field_alone(
    world: World, me: Principal, draft: Application
) -> None:
    """A vendor's trouble is a typed error on its field; the rest of the answer stays."""
    world.bureau.answers = [UpstreamTimeout(vendor="TransUnion", retryable=True)]
    consent_id = await _consent(world, me, draft)
    document = """mutation ($pull: PullCreditReportInput!, $update: UpdateApplicationInput!) {
      pullCreditReport(input: $pull) { id }
      updateApplication(input: $update) { householdSize } }"""
    answer = await world.ask(
        me,
        document,
        {
            "pull": _pull(draft, consent_id)["input"],
            "update": {"id": draft.id, "householdSize": 2},
        },
    )
    assert answer.codes == {"pullCreditReport": "UPSTREAM_TIMEOUT"}
    assert answer.data == {"pullCreditReport": None, "updateApplication": {"householdSize": 2}}


async def test_an_agency_without_a_bureau_says_so(
    world: World, me: Principal, draft: Application
) -> None:
    """Where no bureau is configured nothing is begun."""
    consent_id = await _consent(world, me, draft)
    context = replace(world.context(me), vendors=NO_VENDORS)
    wanted = PullCreditReportInput(
        application_id=draft.id, consent_id=consent_id, kind=PullKind.SOFT, idempotency_key="k"
    )
    with pytest.raises(UpstreamUnavailable) as raised:
        await pull_credit_report(context, wanted)
    assert not raised.value.may_have_acted
    assert (await world.ask(me, PULL, _pull(draft, consent_id, "k"))).code is None


async def test_a_reports_debts_are_imported_once(
    world: World, me: Principal, draft: Application
) -> None:
    """Importing again changes no debt, and the totals hold what was imported."""
    world.bureau.answers = [FILE]
    pull = _pull(draft, await _consent(world, me, draft))
    report = (await world.ask(me, PULL, pull))["pullCreditReport"]
    imported = (await world.ask(me, IMPORT, {"id": report["id"]}))["importDebts"]
    (debt,) = imported["debts"]
    assert (debt["creditor"], debt["kind"], debt["source"]) == (
        "BIG BANK",
        "CREDIT_CARD",
        "CREDIT_REPORT",
    )
    assert imported["totals"]["unsecuredBalance"] == "1545.00"
    again = (await world.ask(me, IMPORT, {"id": report["id"]}))["importDebts"]
    assert again["debts"] == imported["debts"]
    assert again["version"] == imported["version"] + 1


async def test_an_import_respects_the_bound_on_debts(
    world: World, me: Principal, draft: Application
) -> None:
    """A report that would make more than a hundred debts is not imported in part."""
    lines = tuple(replace(CARD, source_key=f"card-{n}", account_last4=None) for n in range(101))
    world.bureau.answers = [replace(FILE, tradelines=lines)]
    pull = _pull(draft, await _consent(world, me, draft))
    report = (await world.ask(me, PULL, pull))["pullCreditReport"]
    assert (await world.ask(me, IMPORT, {"id": report["id"]})).code == "TOO_LARGE"


async def test_importing_needs_the_right_to_read_and_to_edit(
    world: World, me: Principal, draft: Application
) -> None:
    """A key that writes applications imports only what it may read; nobody edits out of turn."""
    pull = _pull(draft, await _consent(world, me, draft))
    report = (await world.ask(me, PULL, pull))["pullCreditReport"]
    document = "mutation ($id: ID!) { importDebts(creditReportId: $id) { id } }"
    writer = world.key(Scope.APPLICATIONS_WRITE)
    assert (await world.ask(writer, document, {"id": report["id"]})).code == "NOT_FOUND"
    both = world.key(Scope.APPLICATIONS_WRITE, Scope.CREDIT_READ)
    assert (await world.ask(both, document, {"id": report["id"]})).code is None
    stranger = world.person(Group.CONSUMERS)
    for id_ in (report["id"], "rep_nonsense"):
        assert (await world.ask(stranger, document, {"id": id_})).code == "NOT_FOUND"
    stored = await world.store.get(Application, draft.id)
    assert stored is not None
    await world.put(replace(stored, status=ApplicationStatus.SUBMITTED))
    assert (await world.ask(me, document, {"id": report["id"]})).code == "INVALID_TRANSITION"
