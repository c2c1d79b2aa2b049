"""Whatever leaves of a consumer's data leaves a line in the ledger: who, whose, what, and why."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    get_named_type,
    is_composite_type,
    is_required_argument,
)

from domain.access import Scope
from domain.actors import Group
from domain.applications import Application
from domain.audit import AuditLine, AuditOutcome
from domain.errors import StoreUnavailable
from domain.ids import new_ulid
from resolvers.reads import owner_named
from schema.build import gate_of, object_types
from schema.gates import Gate
from tenants.ledger.lines import CONSUMERS_PER_LINE_MAX, LINE_BYTES_MAX, texts_of
from tenants.records.kinds import KINDS
from tests.resolvers.documents import (
    CLAIM,
    LIST,
    MATCH,
    NODE,
    NOTE,
    QUEUE,
    READ,
    READ_CONSUMER,
    RELEASE,
    SAVE,
    SUBMIT,
    UPDATE,
)
from tests.resolvers.test_guard import Things, things
from tests.resolvers.test_guard_reach import acting
from tests.resolvers.world import CORE, FIELD_NAMES, World

__all__ = ["things"]

ABOUT_A_CONSUMER: list[tuple[str, str, GraphQLField]] = [
    (one.name, name, field)
    for one in object_types(CORE)
    for name, field in one.fields.items()
    if gate_of(field).owner is not None
]
ABOUT_NOBODY = {
    *("AgencySettings", "CreditorPolicy", "DocumentUpload", "CreatedInvitation"),
    "BankLinkToken",  # the vendor's, and opens what only the consumer's own sign-in shows
    *"Query Mutation Viewer Agency Staff ApiKey CreatedApiKey Actor PageInfo StatusCount".split(),
    *"ConsentText AuditEvent AuditEventConnection AuditEventEdge".split(),
    # Their root fields note what they hand out; an edge's cursor tells nothing beside.
    *"ConsumerConnection ConsumerEdge ApplicationConnection ApplicationEdge".split(),
    *"QueueConnection QueueEdge AccessGrantConnection AccessGrantEdge".split(),
}


async def _lines_of(world: World, *asked: Any, **more: Any) -> list[AuditLine]:
    """Return the lines that one request leaves."""
    before = {line.id for line in await world.audit()}
    answer = await world.ask(*asked, **more)
    assert answer.data is not None
    return [line for line in await world.audit() if line.id not in before]


def _selection(field: GraphQLField) -> str:
    given = {name for name, one in field.args.items() if is_required_argument(one)}
    assert given <= {"purpose"}, "say here what else a field needs"
    arguments = '(purpose: "To prove that it is told")' if given else ""
    return (
        f"{arguments} {{ __typename }}"
        if is_composite_type(get_named_type(field.type))
        else arguments
    )


@pytest.mark.parametrize("type_name", sorted({one for one, _, _ in ABOUT_A_CONSUMER}))
async def test_each_field_of_a_consumers_data_leaves_a_line(
    world: World, things: Things, type_name: str
) -> None:
    """Each field of each type that is about a consumer, alone, is told with consumer and name."""
    application = await world.store.get(Application, things.ids["Application"])
    assert application is not None
    for of_type, name, field in ABOUT_A_CONSUMER:
        if of_type != type_name:
            continue
        document = f"""query ($id: ID!) {{ node(id: $id) {{
          ... on {of_type} {{ {name}{_selection(field)} }} }} }}"""
        variables = {"id": things.ids[of_type]}
        lines = await _lines_of(world, things.counselor, document, variables)
        told = [line for line in lines if f"{of_type}.{name}" in line.fields]
        assert [line.consumers for line in told] == [(application.consumer_id,)], name
        assert told[0].actor == things.counselor.actor
        assert (told[0].action, told[0].outcome) == ("node", AuditOutcome.DONE)
        assert (told[0].request_id, told[0].source_ip) == ("request-1", "203.0.113.7")


def _reachable(start: GraphQLObjectType) -> Iterator[str]:
    """Yield the types that can be come to without a field that is about a consumer."""
    ahead, seen = [start], {start.name}
    while ahead:
        here = ahead.pop()
        yield here.name
        for field in here.fields.values():
            found = get_named_type(field.type)
            if isinstance(found, GraphQLInterfaceType):
                behind = list(CORE.get_possible_types(found))
            else:
                behind = [found] if isinstance(found, GraphQLObjectType) else []
            for one in behind:
                noted = any(gate_of(inner).owner is not None for inner in one.fields.values())
                if one.name not in seen and not noted:
                    seen.add(one.name)
                    ahead.append(one)


def test_no_type_is_forgotten() -> None:
    """What can be read without a note is about nobody: a new type is either marked or listed."""
    assert CORE.query_type is not None
    assert CORE.mutation_type is not None
    open_types = {*_reachable(CORE.query_type), *_reachable(CORE.mutation_type)}
    assert open_types == ABOUT_NOBODY


def test_every_sealed_attribute_is_personal() -> None:
    """What is sealed where it lies is told where it is read."""
    gates = {f"{type_name}.{name}": gate_of(field) for type_name, name, field in ABOUT_A_CONSUMER}
    for spec in KINDS:
        record = spec.record.__name__
        if record not in CORE.type_map or record in ABOUT_NOBODY:
            continue  # not served, or sealed for the agency's own sake
        for path in (path for group in spec.sealed.values() for path in group):
            for name in _shown(record, path):
                gate = gates[name]
                assert _is_personal(gate), f"{name} shows {record}.{path}"


def _is_personal(gate: Gate) -> bool:
    return bool(gate.bit & FIELD_NAMES.personal) or "purpose" in _field(gate).args


def _field(gate: Gate) -> GraphQLField:
    object_type = CORE.type_map[gate.type_name]
    assert isinstance(object_type, GraphQLObjectType)
    field: GraphQLField = object_type.fields[gate.field_name]
    return field


NOT_SHOWN = {
    ("Application", "status_reason"),
    ("BankConnection", "access_token"),
    ("Plan", "decline_reason"),
}
LINE_TYPES = {"incomes": "Income", "expenses": "Expense", "debts": "Debt"}
IDENTITY = {"id", "applicationId"}


def _shown(record: str, path: str) -> list[str]:
    """Return the fields that show a sealed attribute."""
    owner, _, attribute = path.rpartition(".")
    first, *rest = attribute.split("_")
    name = first + "".join(part.capitalize() for part in rest)
    if (record, path) in NOT_SHOWN:
        return []
    if owner:
        return [f"{LINE_TYPES[owner]}.{name}", f"{record}.{owner}"]
    if record == "CreditReport" and path == "file":
        names = [n for t, n, _ in ABOUT_A_CONSUMER if t == record and n not in IDENTITY]
        return [f"{record}.{one}" for one in names]
    if (record, path) == ("Plan", "acceptance"):
        return ["Plan.acceptedAt"]
    beside = ["Consumer.ssnLast4"] if path == "ssn" else []
    return [f"{record}.{name}", *beside]


def _one(field: str, id_: str, selection: str) -> str:
    return f'{{ {field}(id: "{id_}") {{ {selection} }} }}'


async def test_what_names_no_field_is_told_all_the_same(world: World, things: Things) -> None:
    """Cursors, pages, type names and empty selections tell that a record is there."""
    await world.add_staff(things.admin)
    consumer = things.ids["Consumer"]
    pages = "edges { cursor } pageInfo { hasNextPage endCursor }"
    for document in (
        f"{{ applications(first: 5) {{ {pages} }} }}",
        f'{{ consumers(match: {{email: "ada@mail.test"}}) {{ {pages} }} }}',
        f"{{ queue(first: 5) {{ {pages} }} }}",
        _one("application", things.ids["Application"], "__typename"),
        _one("node", things.ids["Debt"], "__typename"),
        _one("node", things.ids["QueueItem"], "__typename"),
        _one("node", things.ids["Note"], "id"),
        _one("creditReport", things.ids["CreditReport"], "__typename"),
    ):
        lines = await _lines_of(world, things.counselor, document)
        assert [line.consumers for line in lines] == [(consumer,)], document
    (line,) = await _lines_of(world, things.owner, "{ me { displayName } }")
    assert (line.action, line.consumers) == ("me", (consumer,))


async def test_what_is_about_nobody_leaves_no_line(world: World, things: Things) -> None:
    """Agency, staff, counts and wordings are no consumer's data."""
    document = """{ agency { slug } staff { displayName } applicationCounts { status count }
      consentText(purpose: BANK_DATA) { text } me { subject } }"""
    assert await _lines_of(world, things.counselor, document) == []


async def test_a_page_is_told_in_few_lines(world: World) -> None:
    """A line names all of whom the same was read, as many as a line may hold."""
    for number in range(CONSUMERS_PER_LINE_MAX + 8):
        await world.add_application(await world.add_consumer(f"subject-{number}"))
    lines = await _lines_of(world, world.key(), LIST, {"first": 100})
    assert [len(line.consumers) for line in lines] == [CONSUMERS_PER_LINE_MAX, 8]
    assert len({one for line in lines for one in line.consumers}) == CONSUMERS_PER_LINE_MAX + 8
    assert {line.fields for line in lines} == {("Application.id", "Application.status")}


async def test_reads_of_two_people_are_told_apart(world: World) -> None:
    """Of whom more is read, more is told; of the others not."""
    first, second = await world.add_consumer("one"), await world.add_consumer("two")
    document = """query ($a: ID!, $b: ID!) {
      a: consumer(id: $a) { email } b: consumer(id: $b) { email dateOfBirth } }"""
    lines = await _lines_of(world, world.key(), document, {"a": first.id, "b": second.id})
    assert {line.consumers: set(line.fields) for line in lines} == {
        (first.id,): {"Consumer.email"},
        (second.id,): {"Consumer.email", "Consumer.dateOfBirth"},
    }


async def test_a_read_of_everything_fits_into_lines(world: World, things: Things) -> None:
    """No selection is so wide that its lines could not be written."""
    fragments: dict[str, list[str]] = {}
    for type_name, name, field in ABOUT_A_CONSUMER:
        fragments.setdefault(type_name, []).append(f"{name}{_selection(field)}")
    nodes = " ".join(
        f'{name}: node(id: "{things.ids[name]}") {{ ... on {name} {{ {" ".join(fields)} }} }}'
        for name, fields in fragments.items()
    )
    lines = await _lines_of(world, things.counselor, f"{{ {nodes} }}")
    told = {name for line in lines for name in line.fields}
    assert told >= {f"{type_name}.{name}" for type_name, name, _ in ABOUT_A_CONSUMER}
    for _, text in texts_of(*lines):
        assert len(json.dumps(text.decode())) <= LINE_BYTES_MAX


async def test_why_a_counselor_reads_is_told(world: World, things: Things) -> None:
    """A read under a claim has the claim's reason; of a consumer, that of their application's."""
    for document, name in ((READ, "Application"), (READ_CONSUMER, "Consumer")):
        (line,) = await _lines_of(world, things.counselor, document, {"id": things.ids[name]})
        assert (line.purpose, line.subject) == ("Claimed", things.ids[name])
    for reader in (things.owner, world.key()):
        (line,) = await _lines_of(world, reader, READ, {"id": things.ids["Application"]})
        assert line.purpose is None


async def test_a_line_names_the_grants_that_opened_what_it_tells(world: World) -> None:
    """Over the file, its consumer or the agency, of several scopes: those used, and no other."""
    consumer = await world.add_consumer("owner")
    application = await world.add_application(consumer)
    document = "query ($id: ID!) { application(id: $id) { state %s } }"
    scopes = (Scope.CREDIT_READ, Scope.CONSUMERS_READ, Scope.APPLICATIONS_READ, Scope.AUDIT_READ)
    for subject in (None, consumer.id, application.id):
        operator = acting(world, *((scope, subject) for scope in scopes))
        by_scope = {grant.scope: grant.id for grant in operator.grants}
        for more, used in (
            ("", [Scope.APPLICATIONS_READ]),
            ("creditReports { id }", [Scope.APPLICATIONS_READ, Scope.CREDIT_READ]),
            ("consumer { email }", [Scope.APPLICATIONS_READ, Scope.CONSUMERS_READ]),
        ):
            if subject == application.id and Scope.CONSUMERS_READ in used:
                continue  # a grant over a file is none over its consumer
            (line,) = await _lines_of(world, operator, document % more, {"id": application.id})
            assert line.purpose is not None
            assert line.purpose.split(", ") == [by_scope[scope] for scope in used]


async def test_a_change_is_told_once_unless_more_is_read(world: World, things: Things) -> None:
    """A mutation's own line covers an answer that tells no more than what it did."""
    change = {"input": {"id": things.ids["Application"], "householdSize": 3}}
    plain = "mutation ($input: UpdateApplicationInput!) { updateApplication(input: $input) { %s } }"
    (line,) = await _lines_of(world, things.owner, plain % "id version status", change)
    assert line.fields == ("Application.householdSize",)
    written, read = await _lines_of(world, things.owner, plain % "hardshipReason", change)
    assert {written.fields, read.fields} == {
        ("Application.householdSize",),
        ("Application.hardshipReason",),
    }
    assert {written.action, read.action} == {"updateApplication"}
    assert {written.consumers, read.consumers} == {(things.ids["Consumer"],)}


async def test_a_change_that_fails_tells_whom_it_was_about(world: World, things: Things) -> None:
    """Errors tell something too: a status, a version, what is missing."""
    stale = {"input": {"id": things.ids["Application"], "expectedVersion": 1}}
    line, *others = await _lines_of(world, things.owner, UPDATE, stale)
    assert (line.action, line.consumers) == ("updateApplication", (things.ids["Consumer"],))
    assert others == []
    line, *others = await _lines_of(
        world, things.counselor, CLAIM, {"id": things.ids["Application"]}
    )
    assert (line.action, line.consumers) == ("claimApplication", (things.ids["Consumer"],))
    assert others == []


async def test_a_replay_is_told_as_a_read(world: World, things: Things) -> None:
    """What is answered again is read again, though nothing is done."""
    asked = (things.counselor, NOTE, {"id": things.ids["Application"], "text": "Once"})
    await world.ask(*asked, idempotency_key="n")
    (line,) = await _lines_of(world, *asked, idempotency_key="n")
    assert (line.action, line.consumers) == ("addNote", (things.ids["Consumer"],))
    assert "Note.text" in line.fields
    asked = (things.counselor, RELEASE, {"id": things.ids["Application"]})
    await world.ask(*asked, idempotency_key="r")
    (line,) = await _lines_of(world, *asked, idempotency_key="r")
    assert (line.action, line.consumers) == ("releaseApplication", (things.ids["Consumer"],))


async def test_what_is_out_of_reach_is_told_as_refused(world: World, things: Things) -> None:
    """Somebody who asks for what is there and not theirs is told of; what is absent is not."""
    stranger = world.person(Group.COUNSELORS)
    consumer = things.ids["Consumer"]
    for document, name in (
        (READ, "Application"),
        (READ_CONSUMER, "Consumer"),
        (NODE, "Debt"),
        (NODE, "Consent"),
        (SAVE, "Application"),
        (SUBMIT, "Application"),
    ):
        id_ = things.ids[name]
        given = {"input": {"applicationId": id_}} if document is SAVE else {"id": id_}
        (line,) = await _lines_of(world, stranger, document, given)
        assert (line.outcome, line.consumers) == (AuditOutcome.REFUSED, (consumer,)), document
        assert line.subject == owner_named(id_)
    match = {"match": {"email": "ada@mail.test"}}
    (line,) = await _lines_of(world, stranger, MATCH, match)
    assert (line.action, line.outcome) == ("consumers", AuditOutcome.REFUSED)
    absent = {"id": "app_01ARZ3NDEKTSV4RRFFQ69G5FAV"}
    assert await _lines_of(world, stranger, READ, absent) == []


@pytest.mark.parametrize(
    ("document", "fields"),
    [
        ("{ applications(first: 1) { edges { cursor } } }", ("Query.applications",)),
        ("{ queue { edges { cursor } } applicationCounts { count } }", ("Query.queue",)),
    ],
)
async def test_what_a_rule_refuses_is_told(
    world: World, things: Things, document: str, fields: tuple[str, ...]
) -> None:
    """A field that is not for the principal's kind is told by its name."""
    (line,) = await _lines_of(world, things.admin, document)
    assert (line.outcome, line.fields) == (AuditOutcome.REFUSED, fields)
    assert line.actor == things.admin.actor


async def test_a_refusal_by_node_is_told(world: World, things: Things) -> None:
    """What `node` keeps from a principal by rule is refused as by the object's own field."""
    variables = {"id": things.ids["Consumer"]}
    (line,) = await _lines_of(world, things.admin, NODE, variables)
    assert (line.outcome, line.fields) == (AuditOutcome.REFUSED, ("Query.node",))
    assert line.consumers == (things.ids["Consumer"],)
    (line,) = await _lines_of(world, things.admin, NODE, {"id": f"con_{new_ulid()}"})
    assert (line.fields, line.subject, line.consumers) == (("Query.node",), None, ())


async def test_a_field_refused_on_a_consumer_names_the_consumer(
    world: World, things: Things
) -> None:
    """A machine that asks for the whole number is told of, with whose it was."""
    document = 'query ($id: ID!) { consumer(id: $id) { id ssn(purpose: "Curious") } }'
    lines = await _lines_of(world, world.key(), document, {"id": things.ids["Consumer"]})
    (line,) = [one for one in lines if one.outcome is AuditOutcome.REFUSED]
    assert (line.fields, line.consumers) == (("Consumer.ssn",), (things.ids["Consumer"],))


async def test_an_operators_refusals_are_kept_in_the_directory(world: World) -> None:
    """Who belongs to no agency leaves their lines where they belong."""
    operator = world.person(Group.OPERATORS)
    await world.ask(operator, QUEUE)
    (line,) = await world.directory.audit_lines(None, None, 10)
    assert (line.actor, line.fields) == (operator.actor, ("Query.queue",))


@pytest.mark.parametrize("kind", ["consumer", "application"])
async def test_without_a_line_nothing_is_answered(world: World, kind: str) -> None:
    """Where lines cannot be taken, neither a read nor a refused change's error leaves."""
    consumer = await world.add_consumer("owner")
    application = await world.add_application(consumer)
    owner = world.person(Group.CONSUMERS, subject="owner")
    await world.store.flush_reads()
    world.store._reads._closed = True
    document, id_ = {
        "consumer": (READ_CONSUMER, consumer.id),
        "application": (READ, application.id),
    }[kind]
    answer = await world.ask(owner, document, {"id": id_})
    assert (answer.code, answer.data) == ("STORE_UNAVAILABLE", None)


async def test_a_change_whose_reads_cannot_be_told_is_not_repeated(world: World) -> None:
    """The change is kept, its answer is held back, and a client is not told to try again."""
    application = await world.add_application(await world.add_consumer("owner"))
    owner = world.person(Group.CONSUMERS, subject="owner")
    world.store._reads._closed = True
    change = {"input": {"id": application.id, "householdSize": 7}}
    assert (await world.ask(owner, UPDATE, change)).code == "OUTCOME_UNKNOWN"
    kept = await world.store.get(Application, application.id)
    assert kept is not None
    assert kept.household_size == 7


CLOSEST = [
    ("Consumer", 'ssn(purpose: "Verifying")'),
    ("CreditReport", 'raw(purpose: "Verifying")'),
    *(
        ("CreditReport", f"{name}{_selection(field)}")
        for type_name, name, field in ABOUT_A_CONSUMER
        if type_name == "CreditReport" and name not in {*IDENTITY, "raw"}
    ),
]
FARTHER = [
    ("Consumer", "email"),
    ("Consumer", "ssnLast4"),
    ("Application", "hardshipReason"),
    ("CreditReport", "id applicationId"),
]


@pytest.mark.parametrize(("type_name", "field"), CLOSEST)
async def test_the_closest_kept_is_told_before_it_leaves(
    world: World, things: Things, type_name: str, field: str
) -> None:
    """The lines of such a read are on the disk when the answer leaves, or there is none."""
    document = f"query ($id: ID!) {{ node(id: $id) {{ ... on {type_name} {{ {field} }} }} }}"
    asked = (things.counselor, document, {"id": things.ids[type_name]})
    world.backend.failing = [StoreUnavailable()]
    answer = await world.ask(*asked, flush=False)
    assert (answer.code, answer.data) == ("STORE_UNAVAILABLE", None)
    lines = await _lines_of(world, *asked, flush=False)
    assert f"{type_name}.{field.partition('(')[0].split()[0]}" in lines[-1].fields


@pytest.mark.parametrize(("type_name", "field"), FARTHER)
async def test_other_reads_do_not_wait_for_the_disk(
    world: World, things: Things, type_name: str, field: str
) -> None:
    """The line of any other read is taken when the answer leaves, and written a moment later."""
    document = f"query ($id: ID!) {{ node(id: $id) {{ ... on {type_name} {{ {field} }} }} }}"
    asked = (things.counselor, document, {"id": things.ids[type_name]})
    world.backend.going.clear()
    assert await _lines_of(world, *asked, flush=False) == []
    before = len(await world.audit())
    world.backend.going.set()
    await world.store.flush_reads()
    assert len(await world.audit()) == before + 1


async def test_a_purpose_that_says_nothing_reads_nothing(world: World, things: Things) -> None:
    """A field that demands a purpose is not named as read where there was none."""
    document = 'query ($id: ID!) { node(id: $id) { ... on Consumer { ssn(purpose: " ") } } }'
    (line,) = await _lines_of(world, things.counselor, document, {"id": things.ids["Consumer"]})
    assert line.fields == ()
