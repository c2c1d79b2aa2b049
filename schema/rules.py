"""Access rules: who may read a field or call a mutation, declared once, beside the field.

A rule wraps the resolver of the schema's field itself (`schema/build.py`), so that whatever
executes the schema enforces it. The `@aws_*` directives in the SDL and the table in
`docs/access.md` are projections of the same object. A field without a rule of its own has its
type's; a field's own replaces the type's. A field that has neither stops the start-up.

A rule knows kinds of principal. Whether this very object is within the principal's reach is decided
in `resolvers/guard.py`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import strawberry
from strawberry.schema_directive import Location

from domain.access import Principal, Scope
from domain.actors import Group
from domain.errors import Forbidden, GatewayError, Reauthenticate

ANY_SCOPE = frozenset(Scope)
SIGN_IN_SECONDS_MAX = 15 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Who may use a field.

    groups: people of these groups. scopes: API keys with one of these; none, where empty.
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
        if principal.group is None:
            allowed = not self.scopes.isdisjoint(principal.scopes)
        else:
            allowed = principal.group in self.groups
        if not allowed:
            return Forbidden(f"Not Authorized to access {field_name} on type {type_name}")
        if self.sign_in_seconds_max is not None and self._is_stale(principal, at):
            return Reauthenticate(max_age_seconds=self.sign_in_seconds_max)
        return None

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
"""Everyone who has an agency: all but operators."""
AGENCY_READERS = allow(*_PEOPLE_OF_AGENCY, scopes=Scope.AGENCY_READ)
ADMINS = allow(Group.ADMINS)
COUNSELORS = allow(Group.COUNSELORS)
CONSUMERS = allow(Group.CONSUMERS)
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
    if rule.groups:
        directives.append(CognitoUserPools(cognito_groups=sorted(rule.groups)))
    return directives
