"""What the local issuer's tokens and key sets look like, and what its file gives away."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from domain.actors import Group
from domain.errors import Duplicate, NotFound, StoreUnavailable
from gateway.local.identity_provider.dispatch import Provider
from gateway.local.identity_provider.http import provider_app
from gateway.local.issuer import LocalIssuer, TokenUse, User

AT = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
FILE_KEY = bytes(range(32))
BASE = "http://127.0.0.1:8001"
POOL, OTHER_POOL = "us-east-1_Harbor01", "us-east-1_Summit01"
OPERATORS = "us-east-1_Almoner1"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "issuer.db"


@pytest.fixture
def issuer(path: Path) -> Iterator[LocalIssuer]:
    opened = LocalIssuer.open(path, FILE_KEY, create=True)
    opened.ensure_pool(POOL, "almonerweb", agency="harbor")
    yield opened
    opened.close()


def add_user(issuer: LocalIssuer, **changes: Any) -> User:
    user: dict[str, Any] = {
        "email": "Counselor@Harbor.test ",
        "subject": "7c0e4f0a-5d5e-4a57-9d4b-3f1f0c9b2a11",
        "display_name": "Grace Counselor",
        "group": Group.COUNSELORS,
        "pool_id": POOL,
    } | changes
    issuer.put_user(**user)
    [found] = [
        one
        for one in issuer.users()
        if (one.email, one.pool_id) == (user["email"].strip().lower(), user["pool_id"])
    ]
    return found


def read(issuer: LocalIssuer, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Verify a token against the published keys with the library, and return header and claims."""
    [published] = issuer.jwks(POOL)["keys"]
    options: Any = dict.fromkeys(("verify_aud", "verify_exp", "verify_iat", "verify_nbf"), False)
    decoded = jwt.decode_complete(
        token, jwt.PyJWK(published), algorithms=["RS256"], options=options
    )
    return decoded["header"], decoded["payload"]


def test_an_access_token_has_exactly_cognitos_claims(issuer: LocalIssuer) -> None:
    """Names, values and types are those of a Cognito access token, and there are no others."""
    user = add_user(issuer)
    header, claims = read(issuer, issuer.mint(user, base_url=BASE, now=AT))
    now = int(AT.timestamp())

    assert set(header) == {"kid", "alg"}
    assert {name: claims.pop(name) != "" for name in ("jti", "origin_jti")}
    assert claims == {
        "sub": user.subject,
        "cognito:groups": ["counselors"],
        "iss": f"{BASE}/{POOL}",
        "client_id": "almonerweb",
        "token_use": "access",
        "scope": "aws.cognito.signin.user.admin",
        "auth_time": now,
        "iat": now,
        "exp": now + 3600,
        "username": user.subject,
    }


def test_an_id_token_has_exactly_cognitos_claims(issuer: LocalIssuer) -> None:
    """An ID token says whom it is for by `aud`, has the address, and no `at_hash`."""
    user = add_user(issuer)
    _, claims = read(issuer, issuer.mint(user, base_url=BASE + "/", use="id", now=AT))
    now = int(AT.timestamp())

    assert claims.pop("jti") != claims.pop("origin_jti")
    assert claims == {
        "sub": user.subject,
        "cognito:groups": ["counselors"],
        "iss": f"{BASE}/{POOL}",
        "aud": "almonerweb",
        "token_use": "id",
        "cognito:username": user.subject,
        "auth_time": now,
        "iat": now,
        "exp": now + 3600,
        "email": "counselor@harbor.test",
        "email_verified": True,
        "name": "Grace Counselor",
    }


@pytest.mark.parametrize("use", ["access", "id"])
def test_sign_in_and_lifetime_can_be_set(issuer: LocalIssuer, use: TokenUse) -> None:
    """A token may stem from an earlier sign-in and live up to a day."""
    user = add_user(issuer)
    earlier = AT - timedelta(hours=3)
    token = issuer.mint(
        user, base_url=BASE, use=use, lifetime_seconds=86_400, now=AT, signed_in_at=earlier
    )
    _, claims = read(issuer, token)

    assert claims["auth_time"] == int(earlier.timestamp())
    assert claims["exp"] - claims["iat"] == 86_400


@pytest.mark.parametrize("seconds", [0, -1, 86_401])
def test_no_token_lives_longer_than_a_day(issuer: LocalIssuer, seconds: int) -> None:
    """What the verifier would refuse is not minted."""
    with pytest.raises(ValueError, match="a day at most"):
        issuer.mint(add_user(issuer), base_url=BASE, lifetime_seconds=seconds)


def test_no_two_tokens_are_alike(issuer: LocalIssuer) -> None:
    """Each token can be revoked by itself, and dates from now where no moment is given."""
    user = add_user(issuer)
    claims = [read(issuer, issuer.mint(user, base_url=BASE))[1] for _ in range(3)]

    assert len({one["jti"] for one in claims}) == 3
    assert len({one["origin_jti"] for one in claims}) == 3
    assert abs(claims[0]["iat"] - datetime.now(UTC).timestamp()) < 5


def test_a_pool_keeps_the_key_it_was_made_with(issuer: LocalIssuer, path: Path) -> None:
    """Keys are made once per installation and pool, and no two pools share one."""
    issuer.ensure_pool(OTHER_POOL, "almonerweb", agency="summit")
    keys = issuer.jwks(POOL)
    issuer.ensure_pool(POOL, "another-app", agency="harbor")
    again = LocalIssuer.open(path, FILE_KEY, create=False)
    again.ensure_pool(POOL, "another-app", agency="harbor")
    reopened = again.jwks(POOL)
    again.close()

    assert issuer.jwks(POOL) == keys == reopened
    assert issuer.jwks(OTHER_POOL) != keys
    assert read(issuer, issuer.mint(add_user(issuer), base_url=BASE))[1]["client_id"] == (
        "another-app"
    )


def test_a_new_installation_has_new_keys(issuer: LocalIssuer, tmp_path: Path) -> None:
    """No key comes with the program."""
    other = LocalIssuer.open(tmp_path / "other.db", FILE_KEY, create=True)
    other.ensure_pool(POOL, "almonerweb", agency="harbor")
    keys = other.jwks(POOL)
    other.close()

    assert keys != issuer.jwks(POOL)


@pytest.mark.parametrize(
    "pool_id", ["", "local_Harbor01", "us-east-1", "us-east-1_", "us-east-1_a/b", "US-EAST-1_a"]
)
def test_a_pools_id_is_one_that_verifiers_take(issuer: LocalIssuer, pool_id: str) -> None:
    """Stock verifiers insist on Cognito's spelling of pool ids."""
    with pytest.raises(ValueError, match="us-east-1_Local01"):
        issuer.ensure_pool(pool_id, "almonerweb", agency="harbor")


def test_users_are_found_by_address(issuer: LocalIssuer) -> None:
    """Addresses are compared without case and spaces; unknown ones are None."""
    user = add_user(issuer)

    assert issuer.user("COUNSELOR@harbor.test") == user
    assert issuer.user(" counselor@harbor.test", "harbor") == user
    assert issuer.user("counselor@harbor.test", "summit") is None
    assert issuer.user("nobody@harbor.test") is None
    assert user.email == "counselor@harbor.test"


def test_an_address_at_two_agencies_needs_the_agency(issuer: LocalIssuer) -> None:
    """The same person may work for two agencies; then a name alone is ambiguous."""
    issuer.ensure_pool(OTHER_POOL, "almonerweb", agency="summit")
    first = add_user(issuer)
    second = add_user(issuer, pool_id=OTHER_POOL)
    with pytest.raises(Duplicate):
        issuer.user("counselor@harbor.test")

    assert issuer.user("counselor@harbor.test", "summit") == second
    assert issuer.users() == [first, second]


def test_a_user_can_be_changed(issuer: LocalIssuer) -> None:
    """Putting a user again replaces them; a subject belongs to one user."""
    add_user(issuer)
    changed = add_user(issuer, group=Group.ADMINS, subject="new-subject", display_name="Ada")
    with pytest.raises(Duplicate):
        add_user(issuer, email="other@harbor.test", subject="new-subject")

    assert issuer.users() == [changed]


def test_operators_come_last_and_have_no_agency(issuer: LocalIssuer) -> None:
    """A user of the operators' pool is found by address alone."""
    issuer.ensure_pool(OPERATORS, "almonerweb", agency=None)
    operator = add_user(
        issuer, email="a@almoner.test", subject="op", group=Group.OPERATORS, pool_id=OPERATORS
    )
    user = add_user(issuer)

    assert issuer.user("a@almoner.test") == operator
    assert issuer.users() == [user, operator]


def test_an_unknown_pool_has_neither_users_nor_tokens(issuer: LocalIssuer) -> None:
    """Nothing is minted, published or stored for a pool that was never made."""
    user = add_user(issuer)
    with pytest.raises(NotFound):
        add_user(issuer, pool_id=OTHER_POOL)
    with pytest.raises(NotFound):
        issuer.jwks(OTHER_POOL)
    stranger = replace(user, pool_id=OTHER_POOL)
    with pytest.raises(NotFound):
        issuer.mint(stranger, base_url=BASE)


def test_no_address_and_no_key_stands_in_the_files(issuer: LocalIssuer, path: Path) -> None:
    """Users' addresses, names and the private keys are nowhere in plain."""
    add_user(issuer)
    content = b"".join(file.read_bytes() for file in path.parent.iterdir())

    assert len(content) > 4096
    for word in (b"counselor@harbor.test", b"Grace", b"harbor", b"us-east-1", b"\x02\x01\x00\x30"):
        assert word not in content
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_file_opens_with_its_own_key_alone(issuer: LocalIssuer, path: Path) -> None:
    """A wrong key, and a missing file, are clear errors."""
    with pytest.raises(StoreUnavailable):
        LocalIssuer.open(path, bytes(32), create=False)
    with pytest.raises(StoreUnavailable):
        LocalIssuer.open(path.with_name("nowhere.db"), FILE_KEY, create=False)


def test_a_closed_issuer_says_so(path: Path) -> None:
    """After closing every call is StoreUnavailable."""
    issuer = LocalIssuer.open(path, FILE_KEY, create=True)
    issuer.close()
    with pytest.raises(StoreUnavailable):
        issuer.jwks(POOL)
    with pytest.raises(StoreUnavailable):
        issuer.users()


def test_two_processes_at_once_make_one_key(issuer: LocalIssuer, path: Path) -> None:
    """Processes that open the state together agree on every pool's key and users."""
    program = f"""
import json, pathlib, sys
from domain.actors import Group
from gateway.local.issuer import LocalIssuer
issuer = LocalIssuer.open(pathlib.Path(sys.argv[1]), bytes(range(32)), create=True)
issuer.ensure_pool("{OTHER_POOL}", "almonerweb", agency="summit")
number = int(sys.argv[2])
for n in range(10):
    issuer.put_user(email=f"u{{number}}-{{n}}@summit.test", subject=f"s{{number}}-{{n}}",
        display_name="U", group=Group.CONSUMERS, pool_id="{OTHER_POOL}")
print(json.dumps(issuer.jwks("{OTHER_POOL}")))
"""

    async def run(number: int) -> Any:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, str(path), str(number), stdout=asyncio.subprocess.PIPE
        )
        stdout, _ = await process.communicate()
        assert process.returncode == 0
        return json.loads(stdout)

    async def run_three() -> list[Any]:
        return await asyncio.gather(*(run(number) for number in range(3)))

    published = asyncio.run(run_three())

    assert published == [issuer.jwks(OTHER_POOL)] * 3
    assert len(issuer.users()) == 30


@pytest.fixture
async def client(issuer: LocalIssuer) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=provider_app(Provider(file=issuer.file)))
    async with httpx.AsyncClient(transport=transport, base_url=BASE, trust_env=False) as opened:
        yield opened


async def test_key_sets_are_served_without_private_parts(
    issuer: LocalIssuer, client: httpx.AsyncClient
) -> None:
    """A pool's key set has what verifiers demand of a key, and nothing more."""
    answer = await client.get(f"/{POOL}/.well-known/jwks.json")
    [published] = answer.json()["keys"]

    assert answer.json() == issuer.jwks(POOL)
    assert set(published) == {"kty", "alg", "use", "kid", "n", "e"}
    assert (published["kty"], published["alg"], published["use"]) == ("RSA", "RS256", "sig")
    assert "max-age" in answer.headers["cache-control"]


async def test_discovery_names_the_issuer_as_tokens_do(
    issuer: LocalIssuer, client: httpx.AsyncClient
) -> None:
    """Discovery's issuer is the tokens' `iss`, and leads to the key set."""
    found = (await client.get(f"/{POOL}/.well-known/openid-configuration")).json()
    _, claims = read(issuer, issuer.mint(add_user(issuer), base_url=BASE))

    assert found["issuer"] == claims["iss"]
    assert (await client.get(found["jwks_uri"])).json() == issuer.jwks(POOL)


async def test_a_fixed_base_address_wins(issuer: LocalIssuer) -> None:
    """Behind another address the issuer still calls itself what its tokens say."""
    transport = httpx.ASGITransport(
        app=provider_app(Provider(file=issuer.file), base_url="https://pools.test/")
    )
    async with httpx.AsyncClient(transport=transport, base_url=BASE, trust_env=False) as client:
        found = (await client.get(f"/{POOL}/.well-known/openid-configuration")).json()

    assert found["issuer"] == f"https://pools.test/{POOL}"


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/health/live", 200),
        (f"/{OTHER_POOL}/.well-known/jwks.json", 404),
        (f"/{OTHER_POOL}/.well-known/openid-configuration", 404),
        ("/", 405),
        (f"/{POOL}/jwks.json", 404),
        ("/a/b/.well-known/jwks.json", 404),
    ],
)
async def test_other_addresses_are_not_there(
    client: httpx.AsyncClient, address: str, status: int
) -> None:
    """The issuer says that it lives, and knows no address but its pools'."""
    assert (await client.get(address)).status_code == status
