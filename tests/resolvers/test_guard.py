"""What is within whose reach, through every door there is."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from domain.access import AccessGrant, Principal, Scope
from domain.actors import Group
from domain.applications import Application, ApplicationStatus
from domain.consents import ConsentPurpose, current_text
from tests.resolvers.banks import paid
from tests.resolvers.documents import (
    ANNOUNCE,
    CONNECT,
    CONSENT,
    CREATE_KEY,
    LIST,
    NODE,
    NOTE,
    PULL,
    SAVE,
    SETTINGS,
    SYNC,
    TRANSACTIONS,
)
from tests.resolvers.plan_world import add_plan
from tests.resolvers.world import World, nodes, open_world

ABSENT = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@dataclass(frozen=True, slots=True)
class Things:
    """One object of each kind that has a global id, by the name of its type."""

    owner: Principal
    counselor: Principal
    admin: Principal
    ids: dict[str, str]


@pytest.fixture
async def things(world: World) -> Things:
    """Return an application with everything that can be under it, and what else has an id."""
    return await _fill(world)


@pytest.fixture
async def summit(tmp_path: Path) -> AsyncIterator[World]:
    """Another agency."""
    (tmp_path / "summit").mkdir()
    async with open_world(tmp_path / "summit", "summit") as opened:
        yield opened


async def _fill(world: World) -> Things:
    owner = world.person(Group.CONSUMERS, subject="owner")
    counselor, admin = world.person(Group.COUNSELORS), world.person(Group.ADMINS)
    consumer = await world.add_consumer("owner")
    application = await world.add_application(consumer)
    lines = {
        "incomes": [{"source": "WAGES", "net": 1, "frequency": "MONTHLY"}],
        "expenses": [{"category": "FOOD", "amount": 1, "frequency": "MONTHLY"}],
        "debts": [{"creditor": "X", "kind": "AUTO", "balance": 1, "minimumPayment": 1}],
    }
    saved = (await world.ask(owner, SAVE, {"input": {"applicationId": application.id, **lines}}))[
        "saveBudget"
    ]
    text = current_text(ConsentPurpose.SOFT_CREDIT_PULL, world.agency.name)
    agreed = {
        "applicationId": application.id,
        "purpose": text.purpose.value,
        "textVersion": text.version,
        "textSha256": text.sha256,
    }
    consent = (await world.ask(owner, CONSENT, {"input": agreed}))["recordConsent"]["id"]
    pull = {"applicationId": application.id, "consentId": consent, "idempotencyKey": "p"}
    report = (await world.ask(owner, PULL, {"input": pull}))["pullCreditReport"]["id"]
    sent = {"applicationId": application.id, "kind": "OTHER", "fileName": "x.pdf"}
    announced = {**sent, "mediaType": "application/pdf", "bytes": 100}
    made = (await world.ask(owner, ANNOUNCE, {"input": announced}))["createDocumentUpload"]
    document = made["document"]["id"]
    bank, account, transaction = await _link(world, owner, application)
    stored = await world.store.get(Application, application.id)
    assert stored is not None
    await world.assign(stored, counselor)
    (grant,) = await world.store.children(AccessGrant, application.id)
    note = (await world.ask(counselor, NOTE, {"id": application.id, "text": "A"}))["addNote"]["id"]
    key = (await world.ask(admin, CREATE_KEY, {"input": {"name": "K", "scopes": ["agency:read"]}}))[
        "createApiKey"
    ]["apiKey"]["id"]
    day = {"effectiveFrom": world.now.date().isoformat()}
    settings = (await world.ask(admin, SETTINGS, {"input": day}))["updateSettings"]["id"]
    analysis, plan = await add_plan(world, stored)
    waiting = await world.add_application(consumer, ApplicationStatus.SUBMITTED)
    return Things(
        owner,
        counselor,
        admin,
        {
            "Agency": f"agency_{world.agency.id}",
            "Application": application.id,
            "Consumer": consumer.id,
            "Income": saved["incomes"][0]["id"],
            "Expense": saved["expenses"][0]["id"],
            "Debt": saved["debts"][0]["id"],
            "Consent": consent,
            "CreditReport": report,
            "Document": document,
            "Note": note,
            "AccessGrant": grant.id,
            "ApiKey": key,
            "Staff": (await world.add_staff(counselor)).id,
            "AgencySettings": settings,
            "FinancialAnalysis": analysis,
            "Plan": plan,
            "QueueItem": waiting.id.replace("app_", "queue_"),
            "BankConnection": bank,
            "BankAccount": account,
            "Transaction": transaction,
        },
    )


async def _link(world: World, owner: Principal, application: Application) -> tuple[str, str, str]:
    """Link a bank, and return the ids of the link, its account and its one transaction."""
    text = current_text(ConsentPurpose.BANK_DATA, world.agency.name)
    agreed = {
        "applicationId": application.id,
        "purpose": text.purpose.value,
        "textVersion": text.version,
        "textSha256": text.sha256,
    }
    consent = (await world.ask(owner, CONSENT, {"input": agreed}))["recordConsent"]["id"]
    given = {"applicationId": application.id, "consentId": consent, "publicToken": "public-1"}
    bank = (await world.ask(owner, CONNECT, {"input": given}))["connectBank"]["id"]
    world.banks.history = [paid("t1", world.now.date())]
    account = (await world.ask(owner, SYNC, {"id": bank}))["syncBank"]["accounts"][0]["id"]
    page = (await world.ask(owner, TRANSACTIONS, {"id": account}))["node"]["transactions"]
    return bank, account, page["edges"][0]["node"]["id"]


async def _seen(world: World, principal: Principal, things: Things) -> set[str]:
    seen = set()
    for name, id_ in things.ids.items():
        found = (await world.ask(principal, NODE, {"id": id_}))["node"]
        if found is not None:
            assert found == {"__typename": name, "id": id_}
            seen.add(name)
    return seen


PLANS = {"FinancialAnalysis", "Plan"}
LINES = {"Application", "Income", "Expense", "Debt", "Consent"}
BANKING = {"BankConnection", "BankAccount", "Transaction"}
BOOKS = BANKING | PLANS


async def test_a_node_is_what_its_own_field_would_answer(world: World, things: Things) -> None:
    """By node nobody reaches what the direct field refuses, and everybody what it answers."""
    expected = [
        (things.owner, {"Agency", "Consumer", "CreditReport", "Document"} | LINES | BOOKS),
        (
            things.counselor,
            {"Agency", "Consumer", "CreditReport", "Note", "AccessGrant", "AgencySettings"}
            | {"Document", "Staff", "QueueItem"}
            | LINES
            | BOOKS,
        ),
        (things.admin, {"Agency", "AccessGrant", "AgencySettings", "ApiKey", "Staff"}),
        (world.person(Group.ANALYSTS), {"Agency"}),
        (world.person(Group.CONSUMERS), {"Agency"}),
        (world.person(Group.COUNSELORS), {"Agency", "AgencySettings", "Staff", "QueueItem"}),
        (world.key(Scope.AGENCY_READ), {"Agency"}),
        (world.key(Scope.APPLICATIONS_READ), LINES),
        (world.key(Scope.CONSUMERS_READ), {"Consumer"}),
        (world.key(Scope.CREDIT_READ), {"CreditReport"}),
        (world.key(Scope.PLANS_READ), PLANS),
        (world.key(Scope.PLANS_WRITE), set()),
        (world.key(Scope.DOCUMENTS_READ), {"Document"}),
        (world.key(Scope.BANKING_READ), BANKING),
        (world.key(Scope.APPLICATIONS_WRITE), set()),
        (world.key(), {"Agency", "Consumer", "CreditReport", "Document"} | LINES | BOOKS),
    ]
    for principal, names in expected:
        assert await _seen(world, principal, things) == names, principal


async def test_an_operator_is_refused_by_node_too(world: World, things: Things) -> None:
    """An operator without a grant reads who they are, and nothing else."""
    operator = world.person(Group.OPERATORS)
    answer = await world.ask(operator, NODE, {"id": things.ids["Agency"]})
    assert answer.code == "FORBIDDEN"
    me = await world.ask(operator, "{ me { kind groups agency { id } grants { id } scopes } }")
    assert me["me"] == {
        "kind": "OPERATOR",
        "groups": ["operators"],
        "agency": None,
        "grants": [],
        "scopes": [],
    }


async def test_ids_of_another_agency_lead_nowhere(
    world: World, things: Things, summit: World
) -> None:
    """Every id of one agency is, in another, an id of nothing; also for its most powerful key."""
    theirs = await _fill(summit)
    assert set(theirs.ids) == set(things.ids)
    for principal in (theirs.owner, theirs.counselor, theirs.admin, summit.key()):
        assert await _seen(summit, principal, things) == set()


async def test_a_cursor_of_another_agency_or_listing_is_refused(
    world: World, things: Things, summit: World
) -> None:
    """A cursor is good for the listing and the agency that it came from."""
    theirs = await _fill(summit)
    for mine, foreign in (
        (things.counselor, theirs.counselor),
        (things.owner, theirs.owner),
        (world.key(), summit.key()),
    ):
        edges = (await world.ask(mine, LIST))["applications"]["edges"]
        cursor = {"after": edges[0]["cursor"]}
        assert (await world.ask(mine, LIST, cursor)).code is None
        assert (await summit.ask(foreign, LIST, cursor)).faults == {"after": "INVALID"}
    queue = "query ($after: String) { queue(after: $after) { edges { cursor } } }"
    assert (await world.ask(things.counselor, queue, cursor)).faults == {"after": "INVALID"}


@pytest.mark.parametrize(
    "id_",
    [
        "",
        "app",
        "app_",
        "_",
        f"app_{ABSENT}",
        f"app_{ABSENT}_{ABSENT}",
        f"APP_{ABSENT}",
        f"note_{ABSENT}",
        f"xyz_{ABSENT}",
        "a" * 10_000,
        "app_\u0000",
        "аpp_" + ABSENT,
    ],
)
async def test_a_malformed_id_is_an_absent_one(world: World, id_: str) -> None:
    """Whatever is sent in place of an id, a query answers null, and nothing breaks."""
    for principal in (world.key(), world.person(Group.CONSUMERS), world.person(Group.COUNSELORS)):
        assert (await world.ask(principal, NODE, {"id": id_}))["node"] is None
        read = "query ($id: ID!) { application(id: $id) { id } consumer(id: $id) { id } }"
        answer = await world.ask(principal, read, {"id": id_})
        assert (answer.data, answer.errors) == ({"application": None, "consumer": None}, [])


async def test_a_line_of_another_application_is_not_there(world: World, things: Things) -> None:
    """An id made of one application's root and another's line names nothing."""
    line = things.ids["Income"]
    other = await world.add_application(await world.add_consumer("other"))
    forged = f"inc_{other.id.removeprefix('app_')}_{line.rpartition('_')[2]}"
    assert (await world.ask(world.key(), NODE, {"id": forged}))["node"] is None
    as_expense = line.replace("inc_", "exp_")
    assert (await world.ask(world.key(), NODE, {"id": as_expense}))["node"] is None


async def test_who_is_asking_is_told_to_everyone(world: World) -> None:
    """Kind, groups or scopes, and until when: for people and machines alike."""
    document = "{ me { subject kind displayName groups scopes authenticatedAt expiresAt } }"
    admin = world.person(Group.ADMINS)
    assert (await world.ask(admin, document))["me"] == {
        "subject": admin.subject,
        "kind": "ADMIN",
        "displayName": "A admin",
        "groups": ["admins"],
        "scopes": [],
        "authenticatedAt": "2026-01-15T12:00:00.000Z",
        "expiresAt": "2026-01-15T13:00:00.000Z",
    }
    key = world.key(Scope.CREDIT_READ, Scope.AGENCY_READ)
    told = (await world.ask(key, document))["me"]
    assert (told["kind"], told["groups"], told["scopes"], told["authenticatedAt"]) == (
        "INTEGRATION",
        [],
        ["agency:read", "credit:read"],
        None,
    )


async def test_every_credential_is_told_its_own_agency(world: World, things: Things) -> None:
    """`me` tells a key without `agency:read` where it is; `agency` and `node` want the scope."""
    key = world.key(Scope.APPLICATIONS_WRITE)
    agency = {
        "id": things.ids["Agency"],
        "slug": "harbor",
        "name": "Harbor Credit Counseling",
        "states": ["MI", "OH"],
        "currency": "USD",
        "website": None,
    }
    document = "{ me { agency { id slug name states currency website } } }"
    for principal in (key, world.key(Scope.AGENCY_READ), things.owner, things.counselor):
        assert (await world.ask(principal, document))["me"] == {"agency": agency}
    assert (await world.ask(key, "{ agency { slug } }")).code == "FORBIDDEN"
    assert (await world.ask(key, NODE, {"id": things.ids["Agency"]}))["node"] is None


async def test_people_are_called_by_name(world: World) -> None:
    """A consumer as their record does; whom nobody has named by what they are, never by subject."""
    document = "{ me { displayName } }"
    await world.add_consumer("known")
    for group, subject, name in (
        (Group.CONSUMERS, "known", "Ada Byron"),
        (Group.CONSUMERS, "unknown", "Consumer"),
        (Group.OPERATORS, "75337b17", "Operator"),
    ):
        bare = replace(world.person(group, subject=subject), display_name=subject)
        assert (await world.ask(bare, document))["me"]["displayName"] == name
    operator = world.person(Group.OPERATORS)
    assert (await world.ask(operator, document))["me"]["displayName"] == "A operator"
    assert (await world.ask(world.key(), document))["me"]["displayName"] == "A machine"


async def test_a_key_reads_an_applications_parts_by_scope(world: World, things: Things) -> None:
    """Consumer and credit reports of an application want their own scopes, field by field."""
    document = """query ($id: ID!) { application(id: $id) {
      id consumer { id } creditReports { id } consents { id } } }"""
    key = world.key(Scope.APPLICATIONS_READ)
    answer = await world.ask(key, document, {"id": things.ids["Application"]})
    assert answer.codes == {
        "application.consumer": "FORBIDDEN",
        "application.creditReports": "FORBIDDEN",
    }
    assert answer.data is not None
    assert {"id": things.ids["Consent"]} in answer.data["application"]["consents"]
    full = await world.ask(world.key(), document, {"id": things.ids["Application"]})
    assert full["application"]["creditReports"] == [{"id": things.ids["CreditReport"]}]


async def test_a_grant_is_shown_to_its_holder_and_to_admins(world: World, things: Things) -> None:
    """Another counselor's grant is not there, even by its id; one that ended says so."""
    stranger = world.person(Group.COUNSELORS)
    document = "query ($id: ID!) { node(id: $id) { ... on AccessGrant { status reason } } }"
    variables = {"id": things.ids["AccessGrant"]}
    assert (await world.ask(stranger, document, variables))["node"] is None
    for reader in (things.counselor, things.admin):
        assert (await world.ask(reader, document, variables))["node"] == {
            "status": "LIVE",
            "reason": "Claimed",
        }
    world.later(days=30)
    assert (await world.ask(things.counselor, document, variables))["node"]["status"] == "EXPIRED"


async def test_agency_and_staff_are_told_as_they_are(world: World, things: Things) -> None:
    """The agency's public face, and its staff to admins and counselors."""
    agency = "{ agency { id slug name states currency website } }"
    assert (await world.ask(things.owner, agency))["agency"] == {
        "id": f"agency_{world.agency.id}",
        "slug": "harbor",
        "name": "Harbor Credit Counseling",
        "states": ["MI", "OH"],
        "currency": "USD",
        "website": None,
    }
    staff = "{ staff { id displayName email groups active } }"
    for reader in (things.admin, things.counselor):
        (one,) = (await world.ask(reader, staff))["staff"]
        assert (one["id"], one["groups"], one["active"]) == (
            things.ids["Staff"],
            ["counselors"],
            True,
        )
    assert (await world.ask(things.owner, staff)).code == "FORBIDDEN"


async def test_a_counselor_sees_only_what_is_granted_in_lists(world: World, things: Things) -> None:
    """Listings are bounded by the same reach as single reads."""
    listed = nodes((await world.ask(things.counselor, LIST))["applications"])
    assert [one["id"] for one in listed] == [things.ids["Application"]]
    listed = nodes((await world.ask(world.person(Group.COUNSELORS), LIST))["applications"])
    assert listed == []
