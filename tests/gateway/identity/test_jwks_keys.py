"""Which of the keys that an issuer publishes verify tokens."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.identity.refusals import Reason
from tests.gateway.identity.conftest import World
from tests.gateway.identity.forge import HARBOR, Signer, encode
from tests.gateway.identity.test_jwks import answering, why_not


@pytest.mark.parametrize("bits", [2048, 4096])
async def test_keys_of_just_the_allowed_sizes_count(world: World, bits: int) -> None:
    """RSA keys of 2048 and of 4096 bits are both honest ones."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    answering(world, json={"keys": [Signer(HARBOR, "k" * 128, key).jwk()]})
    found = await world.key_sets.key(HARBOR, "k" * 128)

    assert found.key_size == bits


@pytest.mark.parametrize(
    "changes",
    [
        {"kty": "EC"},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": None},
        {"alg": "RS512"},
        {"alg": "PS256"},
        {"alg": "HS256"},
        {"alg": None},
        {"use": "enc"},
        {"use": None},
        {"kid": None},
        {"kid": 1},
        {"kid": ""},
        {"kid": "k" * 129},
        {"n": None},
        {"n": ""},
        {"n": "!!!!"},
        {"n": 65537},
        {"e": None},
        {"e": ""},
        {"e": "AQ"},
        {"e": "Aw"},
        {"e": "AQAA"},
        {"e": "AQAB="},
        {"e": encode(b"\x01" * 40)},
        {"e": encode((2**32).to_bytes(5, "big"))},
        {"e": encode((2**16 - 1).to_bytes(3, "big"))},
        {"d": "AQAB"},
        {"p": "AQAB"},
        {"qi": "AQAB"},
        {"k": "c2VjcmV0"},
    ],
    ids=lambda changes: "-".join(f"{k}={str(v)[:9]}" for k, v in changes.items()),
)
async def test_an_unusable_key_verifies_nothing(world: World, changes: dict[str, Any]) -> None:
    """Keys of other kinds and uses, private and malformed ones are passed over; others count."""
    other = world.signers.harbor.jwk(kid="other")
    answering(world, json={"keys": [world.signers.harbor.jwk(**changes), other]})

    assert await why_not(world) is Reason.UNKNOWN_KEY
    await world.key_sets.key(HARBOR, "other")


@pytest.mark.parametrize("member", [None, 1, "text", [], {}])
async def test_a_member_that_is_no_key_is_passed_over(world: World, member: Any) -> None:
    """Whatever stands in the list, the usable keys beside it count."""
    answering(world, json={"keys": [member, world.signers.harbor.jwk()]})
    await world.key_sets.key(HARBOR, "harbor-key")


@pytest.mark.parametrize("bits", [1024, 2047, 4104])
async def test_a_key_of_a_wrong_size_verifies_nothing(world: World, bits: int) -> None:
    """RSA keys have 2048 to 4096 bits: weaker ones are broken, larger ones only cost time."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=min(bits, 1024))
    signer = Signer(HARBOR, "odd", key)
    modulus = (1 << (bits - 1)) | 1
    raw = modulus.to_bytes((bits + 7) // 8, "big")
    answering(world, json={"keys": [signer.jwk(n=encode(raw)), world.signers.harbor.jwk()]})

    assert await why_not(world, "odd") is Reason.UNKNOWN_KEY


@pytest.mark.parametrize("changes", [{"kid": "k"}, {"e": encode((2**32 - 1).to_bytes(4, "big"))}])
async def test_what_is_just_allowed_of_a_key_counts(world: World, changes: dict[str, Any]) -> None:
    """A name of one character, and an exponent just below the bound."""
    answering(world, json={"keys": [world.signers.harbor.jwk(**changes)]})
    await world.key_sets.key(HARBOR, changes.get("kid", "harbor-key"))


async def test_two_keys_of_one_name_verify_nothing(world: World) -> None:
    """An ambiguous key id is nobody's."""
    keys = [world.signers.harbor.jwk(), world.signers.stray.jwk(), world.signers.summit.jwk()]
    answering(world, json={"keys": keys})

    assert await why_not(world) is Reason.UNKNOWN_KEY
