"""Signing keys are renewed, and nobody notices who keeps a key set for its hour."""

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import jwt
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.local.identity_provider.keys import published_keys, renew_keys, signing_key
from gateway.local.issuer import LocalIssuer
from tests.gateway.local.identity_provider.running import COUNSELOR, FILE_KEY, HARBOR, Running

DAY = 24 * 3600


def published(provider: Running) -> dict[str, jwt.PyJWK]:
    answer = httpx.get(f"{provider.url}/{HARBOR}/.well-known/jwks.json", trust_env=False).json()
    return {key["kid"]: jwt.PyJWK(key) for key in answer["keys"]}


def key_id(token: str) -> str:
    name: str = jwt.get_unverified_header(token)["kid"]
    return name


def test_a_key_is_published_before_it_signs_and_after(provider: Running) -> None:
    """For a day before, so that no cache misses it; for a day after, until its tokens ended."""
    first = provider.sign_in()["AccessToken"]
    assert set(published(provider)) == {key_id(first)}

    provider.clock.turn(89 * DAY + 60)
    before = provider.sign_in()["AccessToken"]
    both = published(provider)
    assert key_id(before) == key_id(first)
    assert len(both) == 2

    provider.clock.turn(DAY)
    after = provider.sign_in()["AccessToken"]
    assert key_id(after) != key_id(before)
    assert set(published(provider)) == set(both) == {key_id(before), key_id(after)}
    for token in (before, after):  # with the key set from a day before
        jwt.decode(token, both[key_id(token)], algorithms=["RS256"], options={"verify_iat": False,
            "verify_exp": False, "verify_aud": False})  # fmt: skip

    provider.clock.turn(DAY + 60)
    assert set(published(provider)) == {key_id(after)}
    assert provider.aws().get_user(AccessToken=provider.sign_in()["AccessToken"])


@settings(max_examples=20, deadline=None)
@given(hours=st.lists(st.integers(min_value=1, max_value=2500), min_size=1, max_size=6))
def test_whoever_looks_when_every_live_token_can_be_verified(
    template: Path, hours: list[int]
) -> None:
    """At any rhythm of calls: what signs now was published a day ago, and stays while needed."""
    folder = tempfile.TemporaryDirectory()
    path = Path(shutil.copyfile(template, Path(folder.name) / "issuer.db"))
    issuer = LocalIssuer.open(path, FILE_KEY, create=False)
    at = datetime.now(UTC)
    published_since: dict[str, datetime] = {}
    with issuer.file.unit() as connection:
        [first] = [key.key_id for key in published_keys(connection, HARBOR)]
        for step in hours:
            at += timedelta(hours=step)
            signed_a_day_ago = signing_key(connection, HARBOR, at - timedelta(days=1)).key_id
            renew_keys(connection, HARBOR, at)
            keys = {key.key_id for key in published_keys(connection, HARBOR)}
            signs = signing_key(connection, HARBOR, at).key_id
            for name in keys:
                published_since.setdefault(name, at)

            assert {signs, signed_a_day_ago} <= keys
            assert len(keys) <= 3
            assert signs == first or published_since[signs] <= at - timedelta(days=1)
    issuer.close()
    folder.cleanup()


def test_users_of_an_old_key_are_known_by_it(provider: Running) -> None:
    """A token outlives the change of keys, at the provider too."""
    provider.clock.turn(89 * DAY)
    published(provider)
    provider.clock.turn(DAY - 1800)
    token = provider.sign_in()["AccessToken"]
    provider.clock.turn(3000)
    assert key_id(provider.sign_in()["AccessToken"]) != key_id(token)
    found = provider.aws().get_user(AccessToken=token)
    assert {"Name": "email", "Value": COUNSELOR} in found["UserAttributes"]
