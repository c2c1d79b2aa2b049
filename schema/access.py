"""Who asks, who did something, and who may what until when."""

from typing import Any

import strawberry

from domain.access import AccessGrant as AccessGrantRecord
from domain.access import ApiKey as ApiKeyRecord
from domain.access import GrantStatus, Principal
from domain.actors import PrincipalKind
from domain.agencies import Agency as AgencyRecord
from domain.agencies import Staff as StaffRecord
from resolvers import access
from schema.connections import Node, PageInfo, edges, page_info
from schema.declare import Info, field, object_type
from schema.gates import of_its_subject
from schema.rules import ADMINS, EVERYONE, GRANT_READERS, STAFF_READERS
from schema.scalars import AWSURL, AWSDateTime, AWSEmail


@object_type(rule=EVERYONE)
class Actor:
    """Whoever did something: a person or a machine."""

    id: strawberry.ID
    kind: PrincipalKind
    display_name: str


def _groups(root: Any) -> list[str]:
    return [] if root.group is None else [root.group.value]


@object_type(rule=STAFF_READERS, record=StaffRecord)
class Staff(Node):
    """Somebody who works for the agency."""

    display_name: str
    email: AWSEmail
    groups: list[str] = field(_groups)
    active: bool


def _agency_id(root: AgencyRecord) -> str:
    return f"agency_{root.id}"


# Nobody sees another agency than their own, whose name is no secret to its own credentials: `me`
# tells it to everyone, while `agency` and `node` have rules of their own.
@object_type(rule=EVERYONE, record=AgencyRecord)
class Agency(Node):
    """A credit-counseling agency or lender."""

    id: strawberry.ID = field(_agency_id, strawberry.ID)
    slug: str
    name: str
    states: list[str] = field(
        description="USPS codes of the states in which it is licensed to provide plans."
    )
    currency: str
    website: AWSURL | None


def _status(root: AccessGrantRecord, info: Info) -> GrantStatus:
    return root.status_at(info.context.request.at)


def _scope(root: AccessGrantRecord) -> str:
    return root.scope.value


@object_type(rule=GRANT_READERS, record=AccessGrantRecord, about=of_its_subject)
class AccessGrant(Node):
    """A scope over a subject, given to somebody for a reason, with an end.

    subject is the application or consumer that it opens; null is all of the agency. Before it is
    approved, expiresAt is when the request lapses. approvedBy is null where the queue gave it.
    """

    # Everyone may ask `me` for their own grants, though most have none: so all reach the type.
    id: strawberry.ID = field(rule=EVERYONE)
    status: GrantStatus = field(_status)
    grantee: Actor
    scope: str = field(_scope)
    subject: strawberry.ID | None
    reason: str
    requested_at: AWSDateTime
    approved_by: Actor | None
    expires_at: AWSDateTime


@object_type(rule=GRANT_READERS)
class AccessGrantEdge:
    """A grant in a listing."""

    cursor: str
    node: AccessGrant


@object_type(rule=GRANT_READERS)
class AccessGrantConnection:
    """A page of grants."""

    edges: list[AccessGrantEdge] = edges(AccessGrantEdge)
    page_info: PageInfo = page_info()


def _agency(info: Info) -> AgencyRecord | None:
    return info.context.agency


async def _display_name(info: Info) -> str:
    return await access.display_name(info.context)


def _scopes(root: Principal) -> list[str]:
    return sorted(scope.value for scope in root.scopes)


async def _grants(info: Info) -> list[AccessGrantRecord]:
    return await access.live_grants(info.context)


@object_type(rule=EVERYONE)
class Viewer:
    """Who is asking, as authenticated."""

    subject: strawberry.ID
    kind: PrincipalKind
    display_name: str = field(_display_name, str)
    agency: Agency | None = field(_agency, Agency | None)
    groups: list[str] = field(_groups)
    scopes: list[str] = field(_scopes)
    authenticated_at: AWSDateTime | None
    expires_at: AWSDateTime
    grants: list[AccessGrant] = field(_grants, list[AccessGrant])


def _key_scopes(root: ApiKeyRecord) -> list[str]:
    return sorted(scope.value for scope in root.scopes)


@object_type(rule=ADMINS, record=ApiKeyRecord)
class ApiKey(Node):
    """A machine's credential: everything but the secret, which is shown once."""

    name: str
    prefix: str = field(description="The first characters of the secret, to tell keys apart.")
    scopes: list[str] = field(_key_scopes)
    created_by: Actor
    created_at: AWSDateTime
    expires_at: AWSDateTime
    last_used_at: AWSDateTime | None
    revoked_at: AWSDateTime | None


@object_type(rule=ADMINS)
class CreatedApiKey:
    """A key just made. secret is null when an idempotent retry is answered."""

    api_key: ApiKey
    secret: str | None
