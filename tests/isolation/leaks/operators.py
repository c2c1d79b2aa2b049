"""Mistakes about operators: whose grants they act under, over what, and from when on."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import gateway.app
from domain.access import READ_SCOPES, AccessGrant, Principal
from gateway.agency import settle_agency
from tenants.directory.grants import DirectoryGrants
from tenants.directory.sqlite import SqliteDirectory
from tests.isolation.leaks.leak import Leaks, Patch
from tests.isolation.planting import FILE_OPERATOR, VISITOR

LEAKS = Leaks()
FILE = {"application", "applications", "consumer", "consumers", "creditReport"}
leak = LEAKS.enter


@leak("grants looked up by who holds them, and not by where")
def _operator_s_grants_of_all_agencies(patch: Patch) -> None:
    honest = DirectoryGrants.open_access_grants

    async def of_all(self: SqliteDirectory, agency_id: str, grantee_id: str, at: datetime) -> Any:
        del agency_id
        agencies = await self.agencies()
        return [one for agency in agencies for one in await honest(self, agency.id, grantee_id, at)]

    patch.setattr(DirectoryGrants, "open_access_grants", of_all)


@leak("a grant over an application, taken as one over the whole agency", FILE, {FILE_OPERATOR})
def _operator_s_grant_without_its_subject(patch: Patch) -> None:
    honest = settle_agency

    async def settle(principal: Principal, *given: Any, **more: Any) -> Any:
        settled = await honest(principal, *given, **more)
        grants = tuple(replace(grant, subject=None) for grant in settled.principal.grants)
        return replace(settled, principal=replace(settled.principal, grants=grants))

    patch.setattr(gateway.app, "settle_agency", settle)


@leak("a grant to read one thing that opens all there is to read", FILE, {FILE_OPERATOR})
def _operator_s_grant_without_its_scope(patch: Patch) -> None:
    honest = settle_agency

    async def settle(principal: Principal, *given: Any, **more: Any) -> Any:
        settled = await honest(principal, *given, **more)
        held = settled.principal.grants
        grants = tuple(replace(grant, scope=scope) for grant in held for scope in READ_SCOPES)
        if not grants:
            return settled
        acting = replace(settled.principal, grants=grants, scopes=READ_SCOPES)
        return replace(settled, principal=acting)

    patch.setattr(gateway.app, "settle_agency", settle)


@leak("access that opens once it is asked for", FILE, {FILE_OPERATOR, VISITOR})
def _request_taken_for_a_grant(patch: Patch) -> None:
    patch.setattr(AccessGrant, "is_live", lambda self, at: at < self.ended_at)


@leak("a grant or a request looked up by its id, and not by where")
def _operator_s_request_of_another_agency(patch: Patch) -> None:
    honest = DirectoryGrants.access_grant

    async def anywhere(self: SqliteDirectory, agency_id: str, grant_id: str) -> Any:
        del agency_id
        found = [await honest(self, agency.id, grant_id) for agency in await self.agencies()]
        return next((one for one in found if one is not None), None)

    patch.setattr(DirectoryGrants, "access_grant", anywhere)
