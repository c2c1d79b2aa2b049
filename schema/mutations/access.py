"""Mutations of who may what: keys, grants, invitations; and of settings."""

import strawberry
from strawberry import UNSET

from domain.access import AccessGrant as AccessGrantRecord
from domain.access import ApiKey as ApiKeyRecord
from domain.consumers import Consumer as ConsumerRecord
from domain.settings import AgencySettings as AgencySettingsRecord
from resolvers import (
    grants,
    invitations,
    keys,
    settings,
)
from schema.access import AccessGrant, ApiKey, CreatedApiKey
from schema.consumers import Consumer
from schema.declare import Info, field
from schema.inputs import (
    CreateApiKeyInput,
    RequestAccessInput,
    UpdateSettingsInput,
    plain,
)
from schema.invitations import CreatedInvitation
from schema.rules import (
    ACCESS_ASKERS,
    ADMINS,
    CONSUMERS,
    COUNSELORS,
    GRANT_READERS,
)
from schema.scalars import AWSDate
from schema.settings import AgencySettings


async def _create_api_key(info: Info, input: CreateApiKeyInput) -> keys.CreatedApiKey:
    return await keys.create_api_key(info.context, plain(input))


create_api_key = field(
    _create_api_key,
    CreatedApiKey | None,
    rule=ADMINS,
    description="Admins. The secret is in this answer only: not stored, not replayed.",
)


async def _rotate_api_key(
    info: Info, id: strawberry.ID, overlap_hours: int | None = 24
) -> keys.CreatedApiKey:
    return await keys.rotate_api_key(info.context, id, plain(overlap_hours))


rotate_api_key = field(
    _rotate_api_key,
    CreatedApiKey | None,
    rule=ADMINS,
    description="A successor with the same powers; the old one ends after the overlap.",
)


async def _revoke_api_key(info: Info, id: strawberry.ID) -> ApiKeyRecord:
    return await keys.revoke_api_key(info.context, id)


revoke_api_key = field(
    _revoke_api_key,
    ApiKey | None,
    rule=ADMINS,
    description="Admins. The key ends at once.",
)


async def _request_access(info: Info, input: RequestAccessInput) -> AccessGrantRecord:
    return await grants.request_access(info.context, plain(input))


request_access = field(
    _request_access,
    AccessGrant | None,
    rule=ACCESS_ASKERS,
    description="The one mutation an operator may call without a grant, for the agency named "
    "by x-agency; a counselor for a consumer's file. It lapses where no admin approves it "
    "within a day.",
)


async def _approve_access(info: Info, id: strawberry.ID) -> AccessGrantRecord:
    return await grants.approve_access(info.context, id)


approve_access = field(
    _approve_access,
    AccessGrant | None,
    rule=ADMINS,
    description="Admins, never their own. It ends the minutes asked for after this moment.",
)


async def _revoke_access(info: Info, id: strawberry.ID) -> AccessGrantRecord:
    return await grants.revoke_access(info.context, id)


revoke_access = field(
    _revoke_access,
    AccessGrant | None,
    rule=GRANT_READERS,
    description="Ends a grant or a request at once. Admins any, grantees their own.",
)


async def _update_settings(info: Info, input: UpdateSettingsInput) -> AgencySettingsRecord:
    return await settings.update_settings(info.context, plain(input))


update_settings = field(
    _update_settings,
    AgencySettings | None,
    rule=ADMINS,
    description="Admins. A new version from a day on: what was proposed or signed keeps its own.",
)


async def _create_invitation(
    info: Info, consumer_id: strawberry.ID
) -> invitations.CreatedInvitation:
    return await invitations.create_invitation(info.context, consumer_id)


create_invitation = field(
    _create_invitation,
    CreatedInvitation | None,
    rule=COUNSELORS,
    description="Counselors (by grant): a code for a consumer who was taken on by telephone. "
    "It is good once, and ends the one before.",
)


async def _accept_invitation(
    info: Info, code: str, date_of_birth: AWSDate | None = UNSET
) -> ConsumerRecord:
    return await invitations.accept_invitation(info.context, code, plain(date_of_birth))


accept_invitation = field(
    _accept_invitation,
    Consumer | None,
    rule=CONSUMERS,
    description="A consumer without a record binds their sign-in to the one that the code is "
    "for; dateOfBirth has to be given where the record has one.",
)
