"""Who does things: kinds of principal, groups, and the trace an action leaves of its doer."""

from dataclasses import dataclass
from enum import StrEnum


class PrincipalKind(StrEnum):
    """What kind of person or machine asks."""

    CONSUMER = "CONSUMER"
    COUNSELOR = "COUNSELOR"
    ADMIN = "ADMIN"
    ANALYST = "ANALYST"
    OPERATOR = "OPERATOR"
    INTEGRATION = "INTEGRATION"


class Group(StrEnum):
    """A Cognito group; a principal is of exactly one."""

    CONSUMERS = "consumers"
    COUNSELORS = "counselors"
    ADMINS = "admins"
    ANALYSTS = "analysts"
    OPERATORS = "operators"


KIND_OF_GROUP: dict[Group, PrincipalKind] = {
    Group.CONSUMERS: PrincipalKind.CONSUMER,
    Group.COUNSELORS: PrincipalKind.COUNSELOR,
    Group.ADMINS: PrincipalKind.ADMIN,
    Group.ANALYSTS: PrincipalKind.ANALYST,
    Group.OPERATORS: PrincipalKind.OPERATOR,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Whoever did something, as written into records and audit lines.

    id: the token's subject, the API key's id, or `os:<user>` for a command-line action.
    """

    id: str
    kind: PrincipalKind
    display_name: str
