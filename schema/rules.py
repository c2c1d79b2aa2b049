"""Access rules: who may read a field or call a mutation, declared once, beside the field.

A rule wraps the resolver of the schema's field itself (`schema/build.py`), so that whatever
executes the schema enforces it. The `@aws_*` directives in the SDL and the table in
`docs/security.md` are projections of the same object. A field without a rule of its own has its
type's; a field's own replaces the type's. A field that has neither stops the start-up.

A rule knows kinds of principal. Whether this very object is within the principal's reach is decided
in `resolvers/guard.py`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import strawberry
from strawberry.schema_directive import Location

from domain.access import READ_SCOPES, Principal, Scope
from domain.actors import Group
from domain.errors import Forbidden, GatewayError, Reauthenticate

ANY_SCOPE = frozenset(Scope)
SIGN_IN_SECONDS_MAX = 15 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Who may use a field.

    groups: people of these groups. scopes: API keys with one of these, and operators under a live
    grant of one of these that only read; none, where empty.
    sign_in_seconds_max: people whose sign-in is no older. everyone: whoever is authenticated.
    """

    groups: frozenset[Group] = frozenset()
    scopes: frozenset[Scope] = frozenset()
    sign_in_seconds_max: int | None = None
    everyone: bool = False

    def refusal(
        self, principal: Principal, at: datetime, type_name: str, field_name: str
    ) -> GatewayError | None:
        """Return why the principal may not use the field at that moment; None where they may."""
        if self.everyone:
            return None
        by_scope = not self.scopes.isdisjoint(principal.scopes)
        if not (by_scope or principal.group in self.groups):
            return Forbidden(f"Not Authorized to access {field_name} on type {type_name}")
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
CREDIT_IDENTITY = allow(
    Group.CONSUMERS,
    Group.COUNSELORS,
    scopes=frozenset({Scope.CREDIT_READ, Scope.CREDIT_PULL}),
)


@strawberry.schema_directive(
    locations=[Location.OBJECT, Location.FIELD_DEFINITION], name="aws_cognito_user_pools"
)
class CognitoUserPools:
    """People signed in at the agency's user pool; of these groups, where any are named."""

    cognito_groups: list[str] | None = strawberry.directive_field(
        name="cognito_groups", default=strawberry.UNSET
    )


@strawberry.schema_directive(
    locations=[Location.OBJECT, Location.FIELD_DEFINITION], name="aws_api_key"
)
class AwsApiKey:
    """The agency's own machines, within the key's scopes."""


def directives_of(rule: Rule) -> list[object]:
    """Return the AppSync directives that say what the rule says, as far as they can."""
    if rule.everyone:
        return [AwsApiKey(), CognitoUserPools()]
    directives: list[object] = [AwsApiKey()] if rule.scopes else []
    groups = rule.groups | ({Group.OPERATORS} if rule.for_operators else set())
    if groups:
        directives.append(CognitoUserPools(cognito_groups=sorted(groups)))
    return directives
