"""Claims by themselves: bounds to the last character, and what is read of whom a token names."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access import Principal
from domain.actors import Group
from gateway.identity.claims import (
    ISSUER_CHARACTERS_MAX,
    LIFETIME_SECONDS_MAX,
    NAME_CHARACTERS_MAX,
    TOKEN_CHARACTERS_MAX,
    decode_base64url,
    is_token,
    read_token,
    verify,
)
from gateway.identity.pools import AGENCY_GROUPS, pool_terms
from gateway.identity.refusals import Reason, Refusal
from tests.gateway.identity.conftest import World
from tests.gateway.identity.directory_changes import refused
from tests.gateway.identity.forge import AT, GONE, NOW, SUBJECT, decode, encode


def why_not(text: str) -> Reason:
    """Return why a text cannot be taken apart as a token; it must not be."""
    with pytest.raises(Refusal) as refusal:
        read_token(text)
    return refusal.value.reason


@given(st.binary(max_size=70))
def test_every_canonical_text_is_read(raw: bytes) -> None:
    """Whatever bytes it stands for, and however long it is."""
    assert decode_base64url(encode(raw)) == raw


@pytest.mark.parametrize("text", ["X", "AX", "AXX", "AAX", "A=", "AA==", "A A", "AA+A", "AA/A"])
def test_a_second_spelling_is_none(text: str) -> None:
    """Padding, the other alphabet, blanks, and bits that stand for nothing."""
    with pytest.raises(Refusal) as refusal:
        decode_base64url(text)
    assert refusal.value.reason is Reason.NOT_CANONICAL
    assert decode_base64url("AAXX") == decode("AAXX")


def test_a_token_may_have_just_so_many_characters() -> None:
    """8 KB are read, and one character more is not, whatever it would be."""
    longest = "a" * (TOKEN_CHARACTERS_MAX - 4) + ".b.c"
    assert is_token(longest)
    assert why_not(longest) is not Reason.TOKEN_TOO_LARGE
    assert not is_token(f"a{longest}")
    assert why_not(f"a{longest}") is Reason.TOKEN_TOO_LARGE
    for text in ("a.b", "a.b.c.d", ".b.c", "a..c", "a.b.", "a.b.c\n", "a.b.é"):
        assert not is_token(text)
        assert why_not(text) is Reason.MALFORMED_TOKEN


def test_a_token_is_taken_apart_as_it_was_signed(world: World) -> None:
    """Key, issuer, claims, and the very bytes that the signature is over."""
    text = world.signers.harbor.token()
    token = read_token(text)
    signed, _, signature = text.rpartition(".")
    assert (token.key_id, token.issuer) == ("harbor-key", world.signers.harbor.issuer)
    assert token.payload == json.loads(decode(signed.partition(".")[2]))
    assert (token.signing_input, token.signature) == (signed.encode(), decode(signature))


def test_names_and_issuers_may_have_just_so_many_characters(world: World) -> None:
    """An issuer is an address, and may be longer than a name; neither without end, nor empty."""
    signer = world.signers.harbor
    issuer, name = "i" * ISSUER_CHARACTERS_MAX, "n" * NAME_CHARACTERS_MAX
    assert read_token(signer.token(iss=issuer)).issuer == issuer
    assert read_token(signer.token({"kid": name})).key_id == name
    for wrong in (f"{issuer}i", "", 5, None):
        assert why_not(signer.token(iss=wrong)) is Reason.MALFORMED_CLAIM
    for wrong in (f"{name}n", "", 5, None):
        assert why_not(signer.token({"kid": wrong})) is Reason.MALFORMED_KEY_ID


def test_a_token_is_held_against_the_pool_that_it_is_judged_by(world: World) -> None:
    """Though one key may sign for both: whose issuer it does not name, gives it no claims."""
    token = read_token(world.signers.harbor.token())
    key = world.signers.harbor.key.public_key()
    (harbor,), (summit,) = world.harbor.pools, world.summit.pools
    claims = verify(token, key=key, terms=pool_terms(harbor, AGENCY_GROUPS), at=AT)
    assert (claims.subject, claims.group) == (SUBJECT, Group.COUNSELORS)
    with pytest.raises(Refusal) as refusal:
        verify(token, key=key, terms=pool_terms(summit, AGENCY_GROUPS), at=AT)
    assert refusal.value.reason is Reason.UNKNOWN_ISSUER


@pytest.mark.parametrize(
    "changes",
    [
        {"jti": "j" * NAME_CHARACTERS_MAX, "origin_jti": "o" * NAME_CHARACTERS_MAX},
        {"username": "u" * NAME_CHARACTERS_MAX},
        {"exp": NOW - 60 + LIFETIME_SECONDS_MAX},
        {"iat": 0, "exp": LIFETIME_SECONDS_MAX},
    ],
    ids="-".join,
)
async def test_what_is_just_allowed(world: World, changes: dict[str, Any]) -> None:
    """The last character and the last second count."""
    if changes.get("iat") == 0:
        world.clock.turn(-NOW)
    found = await world.principal(world.signers.harbor.token(auth_time=GONE, **changes))
    assert isinstance(found, Principal)
    assert found.authenticated_at is None


async def test_people_are_called_by_their_username(world: World) -> None:
    """Of the claim that each kind of token has it in; by the subject where there is none."""
    harbor = world.signers.harbor
    for token, shown in (
        (harbor.token(username="josé 田中"), "josé 田中"),
        (harbor.id_token(cognito_username="josé 田中"), "josé 田中"),
        (harbor.token(username=GONE, cognito_username="another"), SUBJECT),
        (harbor.id_token(cognito_username=GONE, username="another"), SUBJECT),
    ):
        found = await world.principal(token)
        assert isinstance(found, Principal)
        assert found.display_name == shown
    for wrong in ("u" * 129, "", 5, "a\nb"):
        assert await refused(world, harbor.token(username=wrong)) is Reason.MALFORMED_CLAIM


@pytest.mark.parametrize(
    ("claims", "shown"),
    [
        ({"name": "n" * 128, "email": "olga@almoner.test"}, "n" * 128 + " <olga@almoner.test>"),
        ({"name": "n" * 129, "email": "olga@almoner.test"}, "olga@almoner.test"),
        ({"name": " Olga ", "email": " "}, "Olga"),
        ({"name": "Olga", "email": "a@almoner.test", "email_verified": "false"}, "Olga"),
        (
            {"name": "Olga", "email": "a@almoner.test", "email_verified": "true"},
            "Olga <a@almoner.test>",
        ),
        ({"email": "a@almoner.test", "email_verified": False}, SUBJECT),
        ({"name": 5, "email": None}, SUBJECT),
    ],
)
async def test_an_operator_s_name_is_shown_as_far_as_it_can_be(
    world: World, claims: dict[str, Any], shown: str
) -> None:
    """What is too long, empty, no text or not verified is left out; what is left is still shown."""
    token = world.signers.operators.token(cognito_groups=["operators"], **claims)
    found = await world.principal(token)
    assert isinstance(found, Principal)
    assert found.display_name == shown
