"""Changes of mind: what a test does to the directory, and what it looks at there."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.access import ApiKey, Scope
from domain.actors import Group
from domain.agencies import AgencyStatus, Pool, Staff
from domain.errors import Unauthenticated
from domain.ids import new_ulid
from gateway.identity.refusals import Reason, reason_of
from tenants.directory.api_keys import secret_hash, secret_prefix
from tenants.directory.port import Revocation
from tests.gateway.identity import forge
from tests.gateway.identity.conftest import ACTOR, World, audit
from tests.gateway.identity.forge import AT, SUBJECT

Change = Callable[[World], Awaitable[None]]

COUNSELOR = Staff(
    id="staff_1",
    subject=SUBJECT,
    display_name="Grace Counselor",
    email="grace@harbor.test",
    group=Group.COUNSELORS,
)


def a_key(secret: str, **changes: Any) -> ApiKey:
    key = ApiKey(
        id=f"key_{new_ulid()}",
        name="nightly import",
        prefix=secret_prefix(secret),
        hash=secret_hash(secret),
        scopes=frozenset({Scope.APPLICATIONS_READ}),
        created_by=ACTOR,
        created_at=AT,
        expires_at=AT + timedelta(days=90),
    )
    return replace(key, **changes)


async def refused(world: World, authorization: str) -> Reason | None:
    """Return why the token is refused; it must be."""
    with pytest.raises(Unauthenticated) as refusal:
        await world.principal(authorization)
    return reason_of(refusal.value)


class Counted:
    """Counts what is asked of a directory."""

    def __init__(self, directory: Any) -> None:
        self.directory = directory
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        """Return the directory's method, and take note of it."""
        self.asked.append(name)
        return getattr(self.directory, name)


def revoking(kind: Any, value: str) -> Change:
    async def change(world: World) -> None:
        revocation = Revocation(kind=kind, value=value, at=AT, expires_at=AT + timedelta(days=1))
        await world.directory.revoke(world.harbor.id, revocation, audit())

    return change


async def suspend(world: World) -> None:
    changed = replace(world.harbor, status=AgencyStatus.SUSPENDED)
    await world.directory.update_agency(changed, audit())


async def dismiss(world: World) -> None:
    await world.directory.put_staff(world.harbor.id, replace(COUNSELOR, active=False), audit())


async def change_clients(world: World) -> None:
    pools = (Pool(issuer=forge.HARBOR, client_ids=("newapp",)),)
    await world.directory.update_agency(replace(world.harbor, pools=pools), audit())


async def remove(world: World) -> None:
    await world.directory.remove_agency(world.harbor.id, audit())


async def hand_over(world: World) -> None:
    """Give harbor's pool to summit."""
    await world.directory.update_agency(replace(world.harbor, pools=()), audit())
    changed = replace(world.summit, pools=(*world.summit.pools, *world.harbor.pools))
    await world.directory.update_agency(changed, audit())
