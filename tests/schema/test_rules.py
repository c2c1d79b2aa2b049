"""Every field has a rule, and every kind of principal is held to it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import strawberry
from graphql import GraphQLField, GraphQLInterfaceType, graphql_sync, parse

from domain.access import READ_SCOPES, CredentialMode, Principal, Scope
from domain.actors import KIND_OF_GROUP, Group, PrincipalKind
from domain.errors import Forbidden, Reauthenticate
from resolvers.context import NO_VENDORS, RequestContext, RequestMeta, open_context
from schema.build import (
    FieldWithoutRule,
    core_schema,
    create_schema,
    enforce_rules,
    object_types,
    rule_of,
    schema_sdl,
)
from schema.connections import Node
from schema.declare import field, object_type
from schema.marks import marks_by_field
from schema.nodes import NODE_KINDS
from schema.rules import (
    ADMINS,
    ANY_SCOPE,
    COUNSELORS,
    CREDIT_READERS,
    EVERYONE,
    MEMBERS,
    SSN_READERS,
    Rule,
    allow,
    directives_of,
)

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
SCHEMA = create_schema()
CORE = core_schema(SCHEMA)
SOURCE = SimpleNamespace(
    id="debt_root_own", application_id="app_root", consumer_id="con_root", subject="app_root"
)
"""What any field may be asked of, as far as it has to be known whose it is."""
FIELDS: list[tuple[str, str, GraphQLField]] = [
    (one.name, name, declared)
    for one in object_types(CORE)
    for name, declared in one.fields.items()
]


def _person(group: Group, signed_in: datetime | None = NOW) -> Principal:
    return Principal(
        kind=KIND_OF_GROUP[group],
        subject="subject",
        display_name="Somebody",
        agency_id="agency",
        group=group,
        authenticated_at=signed_in,
        expires_at=NOW + timedelta(hours=1),
    )


def _acting(*scopes: Scope) -> Principal:
    """Return an operator with live grants of these scopes."""
    return replace(_person(Group.OPERATORS), scopes=frozenset(scopes))


def _key(*scopes: Scope) -> Principal:
    return Principal(
        kind=PrincipalKind.INTEGRATION,
        subject="key",
        display_name="A machine",
        agency_id="agency",
        group=None,
        scopes=frozenset(scopes),
        expires_at=NOW + timedelta(hours=1),
    )


def _context(principal: Principal) -> RequestContext:
    return open_context(principal, None, None, None, NO_VENDORS, RequestMeta(id="r", at=NOW))


EVERY_PRINCIPAL = [
    *map(_person, Group),
    *(_key(scope) for scope in Scope),
    *(_acting(scope) for scope in READ_SCOPES),
    _acting(*READ_SCOPES),
    _key(*Scope),
    _key(),
]


@pytest.mark.parametrize(
    ("type_name", "name", "declared"), FIELDS, ids=[f"{one[0]}.{one[1]}" for one in FIELDS]
)
def test_each_field_refuses_whom_its_rule_refuses(
    type_name: str, name: str, declared: GraphQLField
) -> None:
    """What the rule refuses never reaches the resolver, in AppSync's words."""
    rule = rule_of(declared)
    for principal in EVERY_PRINCIPAL:
        by_scope = bool(rule.scopes & principal.scopes)
        allowed = rule.everyone or by_scope or principal.group in rule.groups
        refusal = rule.refusal(principal, NOW, type_name, name)
        assert (refusal is None) is allowed
        if not allowed:
            with pytest.raises(Forbidden) as raised:
                _resolve(declared, principal)
            assert raised.value.message == f"Not Authorized to access {name} on type {type_name}"
            assert raised.value.code == "FORBIDDEN"


def _resolve(declared: GraphQLField, principal: Principal) -> None:
    class Info:
        context = _context(principal)

    assert declared.resolve is not None
    declared.resolve(SOURCE, Info)


def test_a_field_without_a_rule_stops_the_start() -> None:
    """A schema with one field that nobody thought of is not served."""

    @object_type(rule=None)
    class Query:
        """A root."""

        guarded: str = field(rule=EVERYONE)
        forgotten: str

    with pytest.raises(FieldWithoutRule, match=r"Query\.forgotten"):
        enforce_rules(core_schema(strawberry.Schema(query=Query)))

    @strawberry.type
    class Plain:
        forgotten: str

    with pytest.raises(FieldWithoutRule, match=r"Plain\.forgotten"):
        enforce_rules(core_schema(strawberry.Schema(query=Plain)))


def test_a_fields_own_rule_replaces_its_types() -> None:
    """A field-level rule does not add to the type's, it stands in its place."""

    @object_type(rule=COUNSELORS)
    class Query:
        """A root."""

        open: str = field(lambda: "open", str, rule=ADMINS)
        closed: str = field(lambda: "closed", str)

    core = core_schema(strawberry.Schema(query=Query))
    enforce_rules(core)
    for group, expected in (
        (Group.ADMINS, {"open": "open"}),
        (Group.COUNSELORS, {"closed": "closed"}),
    ):
        for name in ("open", "closed"):
            result = graphql_sync(core, f"{{ {name} }}", context_value=_context(_person(group)))
            assert (result.data or {}) == ({name: name} if name in expected else {})


def test_a_sign_in_grows_old() -> None:
    """A rule with a bound on the sign-in's age asks for a fresh one, from whom it allows at all."""
    rule = SSN_READERS

    def refusal(principal: Principal) -> object:
        return rule.refusal(principal, NOW, "Consumer", "ssn")

    assert refusal(_person(Group.COUNSELORS, NOW - timedelta(minutes=15))) is None
    stale = refusal(_person(Group.COUNSELORS, NOW - timedelta(minutes=15, microseconds=1)))
    assert isinstance(stale, Reauthenticate)
    assert stale.details() == {"maxAgeSeconds": 900}
    assert isinstance(refusal(_person(Group.COUNSELORS, None)), Reauthenticate)
    for other in (_person(Group.ADMINS, NOW - timedelta(days=1)), _key(*Scope)):
        assert type(refusal(other)) is Forbidden


def test_a_key_without_scopes_may_nothing_but_ask_who_it_is() -> None:
    """Scopes narrow down to nothing: only what everyone may is left."""
    allowed = {
        f"{type_name}.{name}"
        for type_name, name, declared in FIELDS
        if rule_of(declared).refusal(_key(), NOW, type_name, name) is None
    }
    assert {one for one in allowed if one.startswith(("Query", "Mutation"))} == {"Query.me"}


def test_operators_may_nothing_but_ask_who_they_are_and_for_access() -> None:
    """Without a grant an operator reads their own name and may ask for access, and no more."""
    operator = _person(Group.OPERATORS)
    allowed = {
        type_name
        for type_name, name, declared in FIELDS
        if rule_of(declared).refusal(operator, NOW, type_name, name) is None
    }
    grants = {"AccessGrant", "AccessGrantEdge", "AccessGrantConnection"}
    assert allowed == {"Query", "Mutation", "Viewer", "Agency", "Actor", "PageInfo"} | grants
    roots = {
        name
        for type_name, name, declared in FIELDS
        if type_name in ("Query", "Mutation")
        and rule_of(declared).refusal(operator, NOW, type_name, name) is None
    }
    assert roots == {"me", "accessGrants", "requestAccess", "revokeAccess"}


def test_an_operator_is_judged_as_a_key_that_reads() -> None:
    """With any grants, an operator may what a key of the same scopes may, and no more but grants.

    No grant opens a mutation, a note or a Social Security number.
    """
    own = {"accessGrants", "requestAccess", "revokeAccess"}
    for scopes in (*((scope,) for scope in READ_SCOPES), tuple(READ_SCOPES)):
        for type_name, name, declared in FIELDS:
            rule, operator = rule_of(declared), _acting(*scopes)
            as_operator = rule.refusal(operator, NOW, type_name, name) is None
            as_key = rule.refusal(_key(*scopes), NOW, type_name, name) is None
            if name in own or type_name.startswith("AccessGrant"):
                assert as_operator
                continue
            assert as_operator is as_key, (type_name, name)
            if type_name in ("Mutation", "Note") or name in ("ssn", "notes", "raw"):
                assert not as_operator, (type_name, name)


def test_admins_and_analysts_reach_no_consumer_data() -> None:
    """No field of a consumer, an application or a report is open to them."""
    closed = {"Consumer", "Application", "CreditReport", "Note", "Consent", "Debt", "QueueItem"}
    for group in (Group.ADMINS, Group.ANALYSTS):
        for type_name, name, declared in FIELDS:
            if type_name in closed:
                assert rule_of(declared).refusal(_person(group), NOW, type_name, name) is not None


@pytest.mark.parametrize(
    ("prefix", "type_name", "path"),
    [
        ("agency", "Agency", "Query.agency"),
        ("app", "Application", "Query.application"),
        ("aud", "AuditEvent", "Query.auditEvents"),
        ("con", "Consumer", "Query.consumer"),
        ("cons", "Consent", "Query.application"),
        ("debt", "Debt", "Query.application"),
        ("exp", "Expense", "Query.application"),
        ("grant", "AccessGrant", "Query.accessGrants"),
        ("inc", "Income", "Query.application"),
        ("key", "ApiKey", "Query.apiKeys"),
        ("note", "Note", "Application.notes"),
        ("queue", "QueueItem", "Query.queue"),
        ("rep", "CreditReport", "Query.creditReport"),
        ("staff", "Staff", "Query.staff"),
    ],
)
def test_node_is_under_the_rule_of_the_direct_field(prefix: str, type_name: str, path: str) -> None:
    """For every type that is a Node, `node` applies the very rule of the field it is read by."""
    direct = next(declared for t, n, declared in FIELDS if f"{t}.{n}" == path)
    assert NODE_KINDS[prefix].rule is rule_of(direct)
    interface = CORE.type_map[Node.__name__]
    assert isinstance(interface, GraphQLInterfaceType)
    assert type_name in {one.name for one in CORE.get_possible_types(interface)}


def test_every_node_type_can_be_asked_for() -> None:
    """No type that is a Node was forgotten by `node`."""
    interface = CORE.type_map[Node.__name__]
    assert isinstance(interface, GraphQLInterfaceType)
    assert len(CORE.get_possible_types(interface)) == len(NODE_KINDS)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (EVERYONE, "AwsApiKey CognitoUserPools AwsOidc AwsLambda"),
        (ADMINS, "CognitoUserPools:admins AwsOidc AwsLambda"),
        (
            CREDIT_READERS,
            "AwsApiKey CognitoUserPools:consumers,counselors,operators AwsOidc AwsLambda",
        ),
        (
            MEMBERS,
            "AwsApiKey CognitoUserPools:admins,analysts,consumers,counselors,operators AwsOidc"
            " AwsLambda",
        ),
        (allow(scopes=Scope.CREDIT_PULL), "AwsApiKey AwsLambda"),
        (allow(scopes=Scope.CREDIT_READ), "AwsApiKey CognitoUserPools:operators AwsLambda"),
        (allow(Group.OPERATORS), "CognitoUserPools:operators"),
        (Rule(), ""),
    ],
)
def test_directives_say_what_the_rule_says(rule: Rule, expected: str) -> None:
    """The exported directives are made from the rule, and from nothing else."""

    def spelled(directive: Any) -> str:
        groups = getattr(directive, "cognito_groups", None)
        names = ":" + ",".join(groups) if isinstance(groups, list) else ""
        return type(directive).__name__ + names

    assert " ".join(map(spelled, directives_of(rule))) == expected


@pytest.mark.parametrize("mode", CredentialMode)
def test_each_mode_is_let_through_exactly_where_a_mark_says_so(mode: CredentialMode) -> None:
    """Of all who can come by a mode, some pass a field that has its mark, and none another."""
    marked = marks_by_field(parse(schema_sdl(SCHEMA)))
    coming = [replace(one, mode=mode) for one in EVERY_PRINCIPAL if _comes_by(mode, one)]
    for type_name, name, declared in FIELDS:
        rule = rule_of(declared)
        passes = any(rule.refusal(one, NOW, type_name, name) is None for one in coming)
        assert passes is (MARK_OF[mode] in marked[f"{type_name}.{name}"]), f"{type_name}.{name}"


MARK_OF = {
    CredentialMode.API_KEY: "aws_api_key",
    CredentialMode.USER_POOL: "aws_cognito_user_pools",
    CredentialMode.OIDC: "aws_oidc",
    CredentialMode.AUTHORIZER: "aws_lambda",
}


def _comes_by(mode: CredentialMode, principal: Principal) -> bool:
    """Say whether that kind of principal can be authenticated by the mode."""
    machine, operator = principal.group is None, principal.group is Group.OPERATORS
    return {
        CredentialMode.API_KEY: machine,
        CredentialMode.USER_POOL: not machine,
        CredentialMode.OIDC: not machine and not operator,
        CredentialMode.AUTHORIZER: not operator,
    }[mode]


def test_what_is_denied_by_name_is_refused_whatever_the_rule_says() -> None:
    """Of this principal, and this field alone: subscriptions are judged so before they begin."""
    denied = replace(_person(Group.COUNSELORS), denied_fields=frozenset({"Subscription.onX"}))
    for rule in (EVERYONE, COUNSELORS):
        found = rule.refusal(denied, NOW, "Subscription", "onX")
        assert isinstance(found, Forbidden)
        assert found.message == "Not Authorized to access onX on type Subscription"
        assert rule.refusal(denied, NOW, "Subscription", "onY") is None


def test_nobody_passes_by_a_mode_that_the_rule_has_not() -> None:
    """A person's group does not help who came by an API key."""
    forged = replace(_person(Group.ADMINS), mode=CredentialMode.API_KEY)
    assert ADMINS.refusal(forged, NOW, "Query", "staff") is not None
    assert EVERYONE.refusal(forged, NOW, "Query", "me") is None


def test_any_scope_is_every_scope() -> None:
    """What all machines may, a machine of any single scope may."""
    assert frozenset(Scope) == ANY_SCOPE
    for scope in Scope:
        assert MEMBERS.refusal(_key(scope), NOW, "Query", "node") is None


def test_a_rule_is_made_of_the_groups_and_scopes_named() -> None:
    """One scope, several, or none; nobody who is not named, and no bound on the sign-in."""
    people = frozenset({Group.ADMINS, Group.COUNSELORS})
    both = frozenset({Scope.CREDIT_READ, Scope.CREDIT_PULL})
    assert allow(*people) == Rule(groups=people)
    assert allow(scopes=Scope.CREDIT_READ) == Rule(scopes=frozenset({Scope.CREDIT_READ}))
    assert allow(*people, scopes=both) == Rule(groups=people, scopes=both)
    assert allow() == Rule()


def test_a_person_of_no_group_is_nobody() -> None:
    """A rule without groups lets in no machine by its lack of one, nor anybody without scopes."""
    for rule in (Rule(), allow(scopes=Scope.CREDIT_READ), Rule(sign_in_seconds_max=60)):
        for principal in (_key(), _acting(), *map(_person, Group)):
            assert isinstance(rule.refusal(principal, NOW, "Query", "me"), Forbidden)
