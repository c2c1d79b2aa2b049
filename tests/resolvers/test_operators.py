"""What an operator sees of an agency: exactly what live grants open, and nothing without one."""

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLField, GraphQLObjectType, get_named_type, is_leaf_type

from domain.access import READ_SCOPES, Scope
from domain.actors import Group
from domain.applications import Application
from tests.isolation.operations import MUTATIONS, QUERIES, Ids
from tests.resolvers.documents import GRANTS, LIST, MATCH, NODE, READ, READ_CONSUMER, REVOKE
from tests.resolvers.test_grants import HARBOR, asked, granted, ids_of
from tests.resolvers.test_guard import Things, things
from tests.resolvers.world import CORE, Answer, World, nodes

__all__ = ["things"]

OPEN_TO_ALL = {"me", "requestAccess", "revokeAccess", "accessGrants"}
"""What is not judged by a grant's scope."""


def selection(named: GraphQLObjectType, depth: int) -> str:
    """Return all fields of a type, and of what they lead to, so many steps deep."""
    return " ".join(_selected(named, depth))


def _selected(named: GraphQLObjectType, depth: int) -> Iterator[str]:
    for name, field in named.fields.items():
        arguments = '(purpose: "a walk")' if "purpose" in field.args else ""
        target = get_named_type(field.type)
        if is_leaf_type(target):
            yield f"{name}{arguments}"
        elif isinstance(target, GraphQLObjectType) and depth > 0:
            yield f"{name}{arguments} {{ {selection(target, depth - 1)} }}"


def walks(ids: Ids) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield each query field, in a document that asks for all that it leads to."""
    assert CORE.query_type is not None
    for name, operations in QUERIES.items():
        for operation in operations:
            yield name, operation.document, operation.variables(ids)
        field = CORE.query_type.fields[name]
        target = get_named_type(field.type)
        given = {
            "id": next((v for k, v in _by_type(ids).items() if k == target.name), ids.application)
        }
        if isinstance(target, GraphQLObjectType):
            yield name, _walk(name, field, target), given if "id" in field.args else {}


def _by_type(ids: Ids) -> dict[str, str]:
    return {
        "Application": ids.application,
        "BankConnection": ids.bank,
        "Consumer": ids.consumer,
        "CreditReport": ids.report,
        "Plan": ids.plan,
    }


def _walk(name: str, field: GraphQLField, target: GraphQLObjectType) -> str:
    said = {
        "id": "id: $id",
        "match": 'match: {email: "ada@mail.test"}',
        "purpose": "purpose: SOFT_CREDIT_PULL",
    }
    arguments = ", ".join(text for argument, text in said.items() if argument in field.args)
    head = "query ($id: ID!)" if "id" in field.args else "query"
    called = f"{name}({arguments})" if arguments else name
    return f"{head} {{ {called} {{ {selection(target, 4)} }} }}"


def told(answer: Answer) -> tuple[Any, dict[str, str]]:
    """Return what was answered and refused."""
    return answer.data, answer.codes


@pytest.mark.parametrize("scope", sorted(READ_SCOPES))
async def test_a_grant_over_the_agency_opens_what_a_key_of_its_scope_reads(
    world: World, things: Things, scope: Scope
) -> None:
    """Every query field, all that it leads to, and every node, read as such a key would: no more.

    What the scope is about is there: the walk can fail.
    """
    operator, key = world.person(Group.OPERATORS), world.key(scope)
    await granted(world, operator, None, scope=scope.value)
    seen = set()
    for name, document, variables in walks(ids_of(things)):
        if name in OPEN_TO_ALL:
            continue
        as_operator = await world.ask(operator, document, variables, hint=HARBOR)
        assert told(as_operator) == told(await world.ask(key, document, variables)), document
        if not as_operator.errors or set(as_operator.codes) != {name}:
            seen.add(name)
    for id_ in things.ids.values():
        as_operator = await world.ask(operator, NODE, {"id": id_}, hint=HARBOR)
        if id_ != things.ids["AccessGrant"]:
            assert told(as_operator) == told(await world.ask(key, NODE, {"id": id_}))
    everyone = {"node", "consentText"}
    assert seen - everyone == {
        Scope.AGENCY_READ: {"agency"},
        Scope.APPLICATIONS_READ: {"application", "applications", "applicationCounts"},
        Scope.CONSUMERS_READ: {"consumer", "consumers"},
        Scope.BANKING_READ: {"bankConnection"},
        Scope.CREDIT_READ: {"creditReport"},
        Scope.PLANS_READ: {"plan"},
        Scope.AUDIT_READ: seen & {"auditEvents"},
    }.get(scope, set())


@pytest.mark.parametrize("scopes", [(scope,) for scope in sorted(READ_SCOPES)] + [READ_SCOPES])
async def test_no_grant_of_an_operator_opens_a_mutation(
    world: World, things: Things, scopes: tuple[Scope, ...]
) -> None:
    """Every mutation is refused but asking for access and giving it up; nothing changes."""
    operator = world.person(Group.OPERATORS)
    for scope in scopes:
        await granted(world, operator, None, scope=scope.value)
    before = await world.store.get(Application, things.ids["Application"])
    for name, operations in MUTATIONS.items():
        for operation in operations:
            variables = operation.variables(ids_of(things))
            answer = await world.ask(operator, operation.document, variables, hint=HARBOR)
            code = {"requestAccess": None, "revokeAccess": "NOT_FOUND"}.get(name, "FORBIDDEN")
            assert answer.code == code, name
    assert await world.store.get(Application, things.ids["Application"]) == before


async def test_nothing_is_there_without_a_live_grant(world: World, things: Things) -> None:
    """Without one, with a request alone, once it has ended and once it is revoked.

    Every query and mutation but `me` and `requestAccess` answers as for no such agency.
    """
    operator = world.person(Group.OPERATORS)

    async def all_answers(hint: str) -> list[Any]:
        answers = []
        for name, operations in {**QUERIES, **MUTATIONS}.items():
            if name == "requestAccess":
                continue
            for operation in operations:
                variables = operation.variables(ids_of(things))
                answer = await world.ask(operator, operation.document, variables, hint=hint)
                errors = [(error.message, error.path) for error in answer.errors]
                answers.append((told(answer), errors))
        return answers

    nowhere = await all_answers("no-such-agency")
    assert await all_answers(HARBOR) == nowhere
    await asked(world, operator, None)
    assert await all_answers(HARBOR) == nowhere, "a request opens nothing"
    for scope in READ_SCOPES:
        await granted(world, operator, None, scope=scope.value)
    assert await all_answers(HARBOR) != nowhere, "else this proves nothing"
    assert await all_answers("no-such-agency") == nowhere, "a grant is for the agency named"
    world.later(minutes=30)
    assert await all_answers(HARBOR) == nowhere, "they have ended"
    grant = await granted(world, operator, None)
    assert await all_answers(HARBOR) != nowhere
    await world.ask(things.admin, REVOKE, {"id": grant})
    assert await all_answers(HARBOR) == nowhere, "it was revoked"


async def test_another_operators_grant_opens_nothing(world: World, things: Things) -> None:
    """A grant is its grantee's alone."""
    await granted(world, world.person(Group.OPERATORS), None)
    other = world.person(Group.OPERATORS)
    variables = {"id": things.ids["Application"]}
    assert (await world.ask(other, READ, variables, hint=HARBOR)).code == "FORBIDDEN"


async def test_a_grant_ends_to_the_second(world: World, things: Things) -> None:
    """A minute's grant opens for sixty seconds."""
    operator = world.person(Group.OPERATORS)
    await granted(world, operator, None, minutes=1)
    for seconds, code in ((0, None), (59, None), (1, "FORBIDDEN")):
        world.later(seconds=seconds)
        answer = await world.ask(operator, READ, {"id": things.ids["Application"]}, hint=HARBOR)
        assert answer.code == code


PARTS = """query ($id: ID!) { application(id: $id) {
  id consumer { id } creditReports { id } consents { id } } }"""
REPORT = "query ($id: ID!) { creditReport(id: $id) { id applicationId bureau } }"
COUNTS = "{ applicationCounts { status count } }"


@pytest.mark.parametrize("over", ["Application", "Consumer"])
async def test_a_grant_over_a_file_opens_that_file_alone(
    world: World, things: Things, over: str
) -> None:
    """Each scope what it is about of the file: application, consumer or report; nothing beside."""
    operator, key = world.person(Group.OPERATORS), world.key()
    other = await world.add_application(await world.add_consumer("other", email="o@mail.test"))
    ids, subject = things.ids, things.ids[over]

    async def ask(document: str, **variables: Any) -> Answer:
        return await world.ask(operator, document, variables, hint=HARBOR)

    applications = await granted(world, operator, subject, scope="applications:read")
    parts = await ask(PARTS, id=ids["Application"])
    assert parts.codes == {
        "application.consumer": "FORBIDDEN",
        "application.creditReports": "FORBIDDEN",
    }
    listed = {one["id"] for one in nodes((await ask(LIST))["applications"])}
    own = {one["id"] for one in nodes((await world.ask(things.owner, LIST))["applications"])}
    assert listed == ({ids["Application"]} if over == "Application" else own)
    assert (await ask(READ, id=other.id))["application"] is None
    assert (await ask(COUNTS)).code == "FORBIDDEN", "counts are of the whole agency"
    await world.ask(operator, REVOKE, {"id": applications}, hint=HARBOR)

    await granted(world, operator, subject, scope="consumers:read")
    assert (await ask(READ_CONSUMER, id=ids["Consumer"]))["consumer"]["id"] == ids["Consumer"]
    assert (await ask(READ_CONSUMER, id=other.consumer_id))["consumer"] is None
    for email, found in (("ada@mail.test", 1), ("o@mail.test", 0)):
        matched = (await ask(MATCH, match={"email": email}))["consumers"]
        assert len(nodes(matched)) == found
    assert (await ask(READ, id=ids["Application"])).code == "FORBIDDEN"

    await granted(world, operator, subject, scope="credit:read")
    report = (await ask(REPORT, id=ids["CreditReport"]))["creditReport"]
    assert report["applicationId"] == ids["Application"]
    everything = await world.ask(key, PARTS, {"id": ids["Application"]})
    await granted(world, operator, subject, scope="applications:read")
    assert told(await ask(PARTS, id=ids["Application"])) == told(everything)


async def test_scopes_over_different_files_do_not_add_up(world: World, things: Things) -> None:
    """An application by one grant, another one's consumer by another: each opens its own alone."""
    operator = world.person(Group.OPERATORS)
    other = await world.add_application(await world.add_consumer("other"))
    await granted(world, operator, things.ids["Application"], scope="applications:read")
    await granted(world, operator, other.id, scope="consumers:read")
    await granted(world, operator, other.id, scope="credit:read")
    variables = {"id": things.ids["Application"]}
    answer = await world.ask(operator, PARTS, variables, hint=HARBOR)
    assert answer["application"]["consumer"] is None
    assert answer["application"]["creditReports"] is None
    report = await world.ask(operator, REPORT, {"id": things.ids["CreditReport"]}, hint=HARBOR)
    assert report["creditReport"] is None
    assert (await world.ask(operator, READ, {"id": other.id}, hint=HARBOR))["application"] is None
    found = await world.ask(operator, READ_CONSUMER, {"id": other.consumer_id}, hint=HARBOR)
    assert found["consumer"]["id"] == other.consumer_id
    walked = "query ($id: ID!) { consumer(id: $id) { applications { edges { node { id } } } } }"
    through = await world.ask(operator, walked, {"id": other.consumer_id}, hint=HARBOR)
    assert nodes(through["consumer"]["applications"]) == []


async def test_an_operator_is_told_where_they_act_and_by_what_right(
    world: World, things: Things
) -> None:
    """`me` names agency, scopes and grants while there is a live one, and no agency after it."""
    operator = world.person(Group.OPERATORS)
    document = "{ me { agency { slug } scopes grants { id status scope } } }"
    nothing: dict[str, Any] = {"agency": None, "scopes": [], "grants": []}
    assert (await world.ask(operator, document, hint=HARBOR))["me"] == nothing
    grant = await granted(world, operator, None, scope="consumers:read")
    assert (await world.ask(operator, document, hint=HARBOR))["me"] == {
        "agency": {"slug": "harbor"},
        "scopes": ["consumers:read"],
        "grants": [{"id": grant, "status": "LIVE", "scope": "consumers:read"}],
    }
    assert (await world.ask(operator, document))["me"] == nothing
    own = nodes((await world.ask(operator, GRANTS, hint=HARBOR))["accessGrants"])
    assert [one["id"] for one in own] == [grant]
    await world.ask(operator, REVOKE, {"id": grant}, hint=HARBOR)
    assert (await world.ask(operator, document, hint=HARBOR))["me"] == nothing


async def test_an_agency_that_is_not_there_cannot_be_asked(world: World) -> None:
    """Without a header, or with one that names nothing, there is nobody to ask."""
    operator = world.person(Group.OPERATORS)
    for hint in (None, "no-such-agency"):
        for operation in MUTATIONS["requestAccess"]:
            variables = {"input": {"scope": "agency:read", "reason": "Look", "minutes": 1}}
            answer = await world.ask(operator, operation.document, variables, hint=hint)
            assert answer.code == "NOT_FOUND"
