"""What the identity provider revokes is refused by the gateway, whoever's pool it is."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.agencies import Agency, Pool
from domain.ids import new_ulid
from gateway.local.identity_provider.call import Message
from gateway.local.identity_provider.sign_ins import RevokedKind, TokensRevoked
from gateway.local.messages import shown
from gateway.local.revoking import GatewayRevoker
from tenants.directory.sqlite import SqliteDirectory, open_directory
from tests.gateway.identity.conftest import audit

AT = datetime.now(UTC)
ISSUER = "http://127.0.0.1:8001"
HARBOR, OPERATORS = "us-east-1_Harbor01", "us-east-1_Almoner1"


@dataclass(frozen=True, slots=True)
class World:
    """A directory with an agency and the operators."""

    directory: SqliteDirectory
    agency_id: str

    async def is_revoked(self, agency_id: str | None, issued_at: datetime) -> bool:
        """Say whether a token of that moment is refused."""
        return await self.directory.is_revoked(
            agency_id, subject="sub-1", issued_at=issued_at, jti="jti-1", origin_jti="origin-1"
        )


def revoked(pool_id: str, kind: RevokedKind = "sub") -> TokensRevoked:
    value = "sub-1" if kind == "sub" else "origin-1"
    return TokensRevoked(number=1, pool_id=pool_id, kind=kind, value=value, subject="sub-1", at=AT)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    directory = open_directory(tmp_path / "directory.db", bytes(32), create=True)
    agency = Agency(
        id=new_ulid(),
        slug="harbor",
        name="Harbor",
        states=("MI",),
        store_url="sqlite:stores/harbor.db",
        pools=(Pool(issuer=f"{ISSUER}/{HARBOR}", client_ids=("almonerweb",)),),
    )
    await directory.add_agency(agency, (), audit())
    operators = Pool(issuer=f"{ISSUER}/{OPERATORS}", client_ids=("almonerweb",))
    await directory.set_operator_pool(operators, audit())
    yield World(directory, agency.id)
    await directory.aclose()


@pytest.mark.parametrize("pool_id", [HARBOR, OPERATORS])
async def test_tokens_are_refused_where_they_were_good(world: World, pool_id: str) -> None:
    """In the agency of the pool, or among the operators, and nowhere else; told with a line."""
    agency_id, other = (world.agency_id, None) if pool_id == HARBOR else (None, world.agency_id)
    epoch = world.directory.epoch(agency_id)
    await GatewayRevoker(world.directory, ISSUER)(revoked(pool_id))
    lines = await world.directory.audit_lines(agency_id, None, 100)

    assert await world.is_revoked(agency_id, AT)
    assert not await world.is_revoked(agency_id, AT + timedelta(seconds=1))
    assert not await world.is_revoked(other, AT)
    assert world.directory.epoch(agency_id) > epoch
    assert [line.purpose for line in lines if line.action == "revokeTokens"] == [
        "the user pool ended tokens of subject sub-1"
    ]


async def test_a_sign_in_is_ended_by_its_origin(world: World) -> None:
    """Whenever its tokens were issued, and again without a fault."""
    for _ in range(2):
        await GatewayRevoker(world.directory, ISSUER)(revoked(HARBOR, "origin_jti"))
    assert await world.is_revoked(world.agency_id, AT + timedelta(hours=1))


async def test_a_pool_that_no_agency_has_needs_no_telling(world: World) -> None:
    """Its tokens are nobody's: nothing is written, and nothing fails for ever."""
    await GatewayRevoker(world.directory, "http://127.0.0.1:9")(revoked(HARBOR))
    assert not await world.is_revoked(world.agency_id, AT)
    assert not await world.is_revoked(None, AT)


def test_the_console_says_what_a_message_is_for() -> None:
    """One line each: for what, for whom, of which pool."""
    message = Message(kind="recovery", pool_id=HARBOR, email="a@b.test", secret="123456")
    assert shown(message) == f"code for a new password for a@b.test ({HARBOR}): 123456"
