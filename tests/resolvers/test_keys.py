"""API keys: made, rotated and revoked by an agency's admins."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.access import KEYS_PER_AGENCY_MAX, Principal, Scope
from domain.actors import Group
from tenants.directory.api_keys import secret_hash
from tests.resolvers.documents import CREATE_KEY, NODE, REVOKE_KEY, ROTATE_KEY
from tests.resolvers.world import World, open_world

KEYS = "{ apiKeys { id name prefix scopes expiresAt lastUsedAt revokedAt createdBy { id } } }"
WANTED: dict[str, Any] = {
    "name": "Website",
    "scopes": ["applications:write", "applications:read", "applications:read"],
    "expiresInDays": 30,
}


@pytest.fixture
def admin(world: World) -> Principal:
    """Return an admin of the agency."""
    return world.person(Group.ADMINS)


async def _create(world: World, admin: Principal, **more: Any) -> Any:
    return (await world.ask(admin, CREATE_KEY, {"input": {**WANTED, **more}}))["createApiKey"]


async def test_a_key_is_made_and_its_secret_shown_once(world: World, admin: Principal) -> None:
    """The secret is in the answer and nowhere else; what is kept is its hash."""
    created = await _create(world, admin)
    key, secret = created["apiKey"], created["secret"]
    assert secret.startswith("da2-")
    assert key["prefix"] == secret[:8]
    assert key["scopes"] == ["applications:read", "applications:write"]
    assert key["expiresAt"] == "2026-02-14T12:00:00.000Z"
    assert key["createdBy"]["id"] == admin.subject
    found = await world.directory.api_key_by_hash(secret_hash(secret))
    assert found is not None
    assert (found[0], found[1].id) == (world.agency.id, key["id"])
    (listed,) = (await world.ask(admin, KEYS))["apiKeys"]
    assert secret not in str(listed)
    lines = await world.directory.audit_lines(world.agency.id, None, 100)
    assert "createApiKey" in {line.action for line in lines}
    assert secret not in str(lines)
    assert (await world.ask(admin, NODE, {"id": key["id"]}))["node"]["__typename"] == "ApiKey"


async def test_a_repetition_makes_no_second_key_and_shows_no_secret(
    world: World, admin: Principal
) -> None:
    """The same idempotency key answers the same API key, without its secret."""
    first = await _create(world, admin, idempotencyKey="k")
    again = await _create(world, admin, idempotencyKey="k")
    assert again == {"apiKey": first["apiKey"], "secret": None}
    other = {"input": {**WANTED, "name": "Another", "idempotencyKey": "k"}}
    assert (await world.ask(admin, CREATE_KEY, other)).code == "IDEMPOTENCY_MISMATCH"
    assert len((await world.ask(admin, KEYS))["apiKeys"]) == 1


async def test_all_faults_of_a_key_are_reported(world: World, admin: Principal) -> None:
    """Name, scopes and days are judged together."""
    wanted = {"name": " ", "scopes": ["applications:read", "everything"], "expiresInDays": 366}
    answer = await world.ask(admin, CREATE_KEY, {"input": wanted})
    assert answer.faults == {
        "input.name": "REQUIRED",
        "input.scopes.1": "INVALID",
        "input.expiresInDays": "TOO_LARGE",
    }
    wanted = {"name": "x" * 81, "scopes": [], "expiresInDays": 0}
    answer = await world.ask(admin, CREATE_KEY, {"input": wanted})
    assert answer.faults == {
        "input.name": "TOO_LONG",
        "input.scopes": "REQUIRED",
        "input.expiresInDays": "TOO_SMALL",
    }
    answer = await world.ask(admin, CREATE_KEY, {"input": {**WANTED, "scopes": ["a"] * 99}})
    assert answer.faults == {"input.scopes": "TOO_MANY"}


async def test_a_rotation_overlaps(world: World, admin: Principal) -> None:
    """The successor has the same powers and span; the old key ends after the overlap."""
    old = (await _create(world, admin))["apiKey"]
    world.later(days=10)
    rotated = (await world.ask(admin, ROTATE_KEY, {"id": old["id"], "overlapHours": 2}))[
        "rotateApiKey"
    ]
    new = rotated["apiKey"]
    assert (new["name"], new["scopes"]) == (old["name"], old["scopes"])
    assert new["expiresAt"] == "2026-02-24T12:00:00.000Z"
    assert rotated["secret"].startswith("da2-")
    stored = await world.directory.api_key(world.agency.id, old["id"])
    assert stored is not None
    assert stored.expires_at == world.now + timedelta(hours=2)
    world.later(hours=3)
    answer = await world.ask(admin, ROTATE_KEY, {"id": old["id"]})
    assert answer.faults == {"id": "ENDED"}


async def test_a_rotation_never_lengthens_a_life(world: World, admin: Principal) -> None:
    """A key that ends before the overlap does ends when it would have; a day is the default."""
    old = (await _create(world, admin, expiresInDays=1))["apiKey"]
    world.later(hours=10)
    await world.ask(admin, ROTATE_KEY, {"id": old["id"], "overlapHours": 168})
    stored = await world.directory.api_key(world.agency.id, old["id"])
    assert stored is not None
    assert stored.expires_at == world.now + timedelta(hours=14)
    longer = (await _create(world, admin))["apiKey"]
    await world.ask(admin, ROTATE_KEY, {"id": longer["id"]})
    stored = await world.directory.api_key(world.agency.id, longer["id"])
    assert stored is not None
    assert stored.expires_at == world.now + timedelta(hours=24)
    for hours, code in ((-1, "TOO_SMALL"), (169, "TOO_LARGE")):
        answer = await world.ask(admin, ROTATE_KEY, {"id": longer["id"], "overlapHours": hours})
        assert answer.faults == {"overlapHours": code}


async def test_a_rotation_is_repeated_without_harm(world: World, admin: Principal) -> None:
    """Sent twice under one key, there is one successor, and its secret was shown once."""
    old = (await _create(world, admin))["apiKey"]
    variables = {"id": old["id"], "overlapHours": 0}
    first = await world.ask(admin, ROTATE_KEY, variables, idempotency_key="r")
    again = await world.ask(admin, ROTATE_KEY, variables, idempotency_key="r")
    assert again["rotateApiKey"]["apiKey"] == first["rotateApiKey"]["apiKey"]
    assert again["rotateApiKey"]["secret"] is None
    assert len((await world.ask(admin, KEYS))["apiKeys"]) == 2


async def test_a_revocation_ends_a_key_at_once_and_for_good(world: World, admin: Principal) -> None:
    """A revoked key stays revoked at its first moment, however often it is revoked."""
    key = (await _create(world, admin))["apiKey"]
    revoked = (await world.ask(admin, REVOKE_KEY, {"id": key["id"]}))["revokeApiKey"]
    assert revoked == {"id": key["id"], "revokedAt": "2026-01-15T12:00:00.000Z"}
    world.later(hours=1)
    assert (await world.ask(admin, REVOKE_KEY, {"id": key["id"]}))["revokeApiKey"] == revoked
    assert (await world.ask(admin, ROTATE_KEY, {"id": key["id"]})).faults == {"id": "ENDED"}


async def test_an_agency_has_a_bounded_number_of_keys(world: World, admin: Principal) -> None:
    """Beyond the bound no key is made."""
    for number in range(KEYS_PER_AGENCY_MAX):
        await _create(world, admin, name=f"Key {number}")
    assert (await world.ask(admin, CREATE_KEY, {"input": WANTED})).code == "TOO_LARGE"


async def test_keys_are_the_admins_of_their_agency_alone(
    world: World, admin: Principal, tmp_path: Path
) -> None:
    """Nobody else sees or changes a key, and another agency's key is not there."""
    key = (await _create(world, admin))["apiKey"]
    others = [world.person(group) for group in Group if group is not Group.ADMINS]
    for other in (*others, world.key(*Scope)):
        for document, variables in (
            (KEYS, {}),
            (CREATE_KEY, {"input": WANTED}),
            (ROTATE_KEY, {"id": key["id"]}),
            (REVOKE_KEY, {"id": key["id"]}),
        ):
            assert (await world.ask(other, document, variables)).code == "FORBIDDEN"
    (tmp_path / "other").mkdir()
    async with open_world(tmp_path / "other", "summit") as summit:
        foreign = summit.person(Group.ADMINS)
        for id_ in (key["id"], "key_01ARZ3NDEKTSV4RRFFQ69G5FAV", "nonsense"):
            assert (await summit.ask(foreign, REVOKE_KEY, {"id": id_})).code == "NOT_FOUND"
            assert (await summit.ask(foreign, ROTATE_KEY, {"id": id_})).code == "NOT_FOUND"
            assert (await summit.ask(foreign, NODE, {"id": id_}))["node"] is None
