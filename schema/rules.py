"""Access rules: who may read a field or call a mutation, declared once, beside the field.

A rule wraps the resolver of the schema's field itself (`schema/build.py`), so that whatever
executes the schema enforces it. The `@aws_*` directives in the SDL and the table in
`docs/security.md` are projections of the same object. A field without a rule of its own has its
type's; a field's own replaces the type's. A field that has neither stops the start-up.

A rule knows kinds of principal. Whether this very object is within the principal's reach is decided
in `resolvers/guard.py`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import strawberry
from strawberry.schema_directive import Location

from domain.access import READ_SCOPES, CredentialMode, Principal, Scope
from domain.actors import Group
from domain.errors import Forbidden, GatewayError, Reauthenticate
from schema.marks import API_KEY, EVERY_GROUP, LAMBDA, OIDC, USER_POOLS, Marks

ANY_SCOPE = frozenset(Scope)
SIGN_IN_SECONDS_MAX = 15 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Who may use a field.

    groups: people of these groups. scopes: machines with one of these, and operators under a live
    grant of one of these that only read; none, where empty.
    sign_in_seconds_max: people whose sign-in is no older. everyone: whoever is authenticated.
    modes: by which credentials anybody can be one of those; the directives say nothing else.
    """

    groups: frozenset[Group] = frozenset()
    scopes: frozenset[Scope] = frozenset()
    sign_in_seconds_max: int | None = None
    everyone: bool = False
    modes: frozenset[CredentialMode] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Work the modes out, once."""
        object.__setattr__(self, "modes", frozenset(_modes_of(self)))

    def refusal(
        self, principal: Principal, at: datetime, type_name: str, field_name: str
    ) -> GatewayError | None:
        """Return why the principal may not use the field at that moment; None where they may."""
        denied = principal.denied_fields
        if denied and f"{type_name}.{field_name}" in denied:
            return _not_authorized(type_name, field_name)
        if self.everyone:
            return None
        by_scope = not self.scopes.isdisjoint(principal.scopes)
        by_mode = principal.mode in self.modes
        if not (by_mode and (by_scope or principal.group in self.groups)):
            return _not_authorized(type_name, field_name)
        if self.sign_in_seconds_max is not None and self._is_stale(principal, at):
            return Reauthenticate(max_age_seconds=self.sign_in_seconds_max)
        return None

    @property
    def for_operators(self) -> bool:
        """Say whether an operator may use the field: by group, or under a grant to read."""
        by_grant = not self.scopes.isdisjoint(READ_SCOPES)
        return self.everyone or Group.OPERATORS in self.groups or by_grant

    def _is_stale(self, principal: Principal, at: datetime) -> bool:
        if principal.authenticated_at is None:
            return True
        age_max = timedelta(seconds=self.sign_in_seconds_max or 0)
        return at - principal.authenticated_at > age_max


def _not_authorized(type_name: str, field_name: str) -> Forbidden:
    """Return the refusal of a field, in AppSync's words."""
    return Forbidden(f"Not Authorized to access {field_name} on type {type_name}")


def _modes_of(rule: Rule) -> Iterator[CredentialMode]:
    """Operators sign in at their own pool alone, and authorizers speak for people and machines."""
    if rule.groups - {Group.OPERATORS} or rule.everyone:
        yield from (CredentialMode.OIDC, CredentialMode.AUTHORIZER)
    if rule.groups or rule.for_operators:
        yield CredentialMode.USER_POOL
    if rule.scopes or rule.everyone:
        yield from (CredentialMode.API_KEY, CredentialMode.AUTHORIZER)


def allow(*groups: Group, scopes: Scope | frozenset[Scope] = frozenset()) -> Rule:
    """Return the rule that allows these groups, and API keys with one of these scopes."""
    keys = frozenset({scopes}) if isinstance(scopes, Scope) else scopes
    return Rule(groups=frozenset(groups), scopes=keys)


_PEOPLE_OF_AGENCY = (Group.CONSUMERS, Group.COUNSELORS, Group.ADMINS, Group.ANALYSTS)

EVERYONE = Rule(everyone=True)
MEMBERS = allow(*_PEOPLE_OF_AGENCY, scopes=ANY_SCOPE)
"""Everyone who has an agency, be it by a grant: all but operators without one."""
AGENCY_READERS = allow(*_PEOPLE_OF_AGENCY, scopes=Scope.AGENCY_READ)
ADMINS = allow(Group.ADMINS)
COUNSELORS = allow(Group.COUNSELORS)
CONSUMERS = allow(Group.CONSUMERS)
ACCESS_ASKERS = allow(Group.COUNSELORS, Group.OPERATORS)
GRANT_READERS = allow(Group.ADMINS, Group.COUNSELORS, Group.OPERATORS)
STAFF_READERS = allow(Group.ADMINS, Group.COUNSELORS)
SETTINGS_READERS = allow(Group.ADMINS, Group.COUNSELORS)
COUNT_READERS = allow(
    Group.COUNSELORS, Group.ADMINS, Group.ANALYSTS, scopes=Scope.APPLICATIONS_READ
)

APPLICATION_READERS = allow(Group.CONSUMERS, Group.COUNSELORS, scopes=Scope.APPLICATIONS_READ)
APPLICATION_WRITERS = allow(Group.CONSUMERS, Group.COUNSELORS, scopes=Scope.APPLICATIONS_WRITE)
APPLICATION_IDENTITY = allow(
    Group.CONSUMERS,
    Group.COUNSELORS,
    scopes=frozenset({Scope.APPLICATIONS_READ, Scope.APPLICATIONS_WRITE}),
)
"""What a key that may write alone learns of what it wrote: id, version and status."""

CONSUMER_READERS = allow(Group.CONSUMERS, Group.COUNSELORS, scopes=Scope.CONSUMERS_READ)
CONSUMER_WRITERS = allow(Group.CONSUMERS, Group.COUNSELORS, scopes=Scope.CONSUMERS_WRITE)
CONSUMER_IDENTITY = allow(
    Group.CONSUMERS,
    Group.COUNSELORS,
    scopes=frozenset({Scope.CONSUMERS_READ, Scope.CONSUMERS_WRITE}),
)
CONSUMER_FINDERS = allow(Group.COUNSELORS, scopes=Scope.CONSUMERS_READ)
SSN_READERS = Rule(groups=frozenset({Group.COUNSELORS}), sign_in_seconds_max=SIGN_IN_SECONDS_MAX)

AUDIT_READERS = allow(Group.ADMINS, scopes=Scope.AUDIT_READ)
CREDIT_READERS = allow(Group.CONSUMERS, Group.COUNSELORS, scopes=Scope.CREDIT_READ)
CREDIT_PULLERS = allow(Group.CONSUMERS, Group.COUNSELORS, scopes=Scope.CREDIT_PULL)
PLAN_READERS = allow(Group.CONSUMERS, Group.COUNSELORS, scopes=Scope.PLANS_READ)
PLAN_WRITERS = allow(Group.COUNSELORS, scopes=Scope.PLANS_WRITE)
PLAN_DECLINERS = allow(Group.CONSUMERS, Group.COUNSELORS)
PLAN_IDENTITY = allow(
    Group.CONSUMERS,
    Group.COUNSELORS,
    scopes=frozenset({Scope.PLANS_READ, Scope.PLANS_WRITE}),
)
CREDIT_IDENTITY = allow(
    Group.CONSUMERS,
    Group.COUNSELORS,
    scopes=frozenset({Scope.CREDIT_READ, Scope.CREDIT_PULL}),
)

BANK_READERS = allow(Group.CONSUMERS, Group.COUNSELORS, scopes=Scope.BANKING_READ)
BANK_WRITERS = allow(Group.CONSUMERS, Group.COUNSELORS, scopes=Scope.BANKING_WRITE)
BANK_IDENTITY = allow(
    Group.CONSUMERS,
    Group.COUNSELORS,
    scopes=frozenset({Scope.BANKING_READ, Scope.BANKING_WRITE}),
)


DOCUMENT_READERS = allow(Group.CONSUMERS, Group.COUNSELORS, scopes=Scope.DOCUMENTS_READ)
DOCUMENT_WRITERS = allow(
    Group.CONSUMERS,
    Group.COUNSELORS,
    scopes=frozenset({Scope.APPLICATIONS_WRITE, Scope.DOCUMENTS_WRITE}),
)
DOCUMENT_IDENTITY = allow(
    Group.CONSUMERS,
    Group.COUNSELORS,
    scopes=frozenset({Scope.DOCUMENTS_READ, Scope.APPLICATIONS_WRITE, Scope.DOCUMENTS_WRITE}),
)
"""What a key that may write alone learns of what it announced: id and status."""


@strawberry.schema_directive(
    locations=[Location.OBJECT, Location.FIELD_DEFINITION], name=USER_POOLS
)
class CognitoUserPools:
    """People signed in at the agency's user pool; of these groups, where any are named."""

    cognito_groups: list[str] | None = strawberry.directive_field(
        name="cognito_groups", default=strawberry.UNSET
    )


@strawberry.schema_directive(locations=[Location.OBJECT, Location.FIELD_DEFINITION], name=API_KEY)
class AwsApiKey:
    """The agency's own machines, within the key's scopes."""


@strawberry.schema_directive(locations=[Location.OBJECT, Location.FIELD_DEFINITION], name=OIDC)
class AwsOidc:
    """People signed in at another issuer of the agency's choice."""


@strawberry.schema_directive(locations=[Location.OBJECT, Location.FIELD_DEFINITION], name=LAMBDA)
class AwsLambda:
    """Whom the agency's own authorizer vouches for, person or machine."""


def marks_for(rule: Rule) -> Marks:
    """Return the marks that say what the rule says, as far as marks can."""
    named = rule.groups | ({Group.OPERATORS} if rule.for_operators else set())
    groups = EVERY_GROUP if rule.everyone else frozenset(group.value for group in named)
    return {
        name: groups if mode is CredentialMode.USER_POOL else EVERY_GROUP
        for mode, (name, _) in _MARKS.items()
        if mode in rule.modes
    }


def directives_of(rule: Rule) -> list[object]:
    """Return the AppSync directives that print those marks."""
    directives = dict(_MARKS.values())
    return [directives[name](groups) for name, groups in marks_for(rule).items()]


def _user_pools(groups: frozenset[str]) -> CognitoUserPools:
    if groups == EVERY_GROUP:
        return CognitoUserPools()
    return CognitoUserPools(cognito_groups=sorted(groups))


_MARKS: Mapping[CredentialMode, tuple[str, Callable[[frozenset[str]], object]]] = {
    CredentialMode.API_KEY: (API_KEY, lambda _: AwsApiKey()),
    CredentialMode.USER_POOL: (USER_POOLS, _user_pools),
    CredentialMode.OIDC: (OIDC, lambda _: AwsOidc()),
    CredentialMode.AUTHORIZER: (LAMBDA, lambda _: AwsLambda()),
}
