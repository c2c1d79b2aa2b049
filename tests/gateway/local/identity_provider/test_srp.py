"""The bytes of Cognito's SRP, proven against the arithmetic of a client that is not ours."""

import base64
import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycognito import aws_srp

from gateway.local.identity_provider import srp
from gateway.local.identity_provider.srp import (
    GROUP_PRIME,
    BadPublicValue,
    PasswordVerifier,
    check_public_value,
    expected_signature,
    is_password,
    make_exponent,
    make_verifier,
    padded,
    public_value,
)

POOL = "us-east-1_Harbor01"
USER = "7c0e4f0a-5d5e-4a57-9d4b-3f1f0c9b2a11"
STAMP = "Sat Nov 21 22:45:21 UTC 2026"
BLOCK = bytes(range(64))
NUMBERS = st.integers(min_value=1, max_value=2**300)


class Client(aws_srp.AWSSRP):  # type: ignore[misc] # it has no types
    """pycognito's side, with a secret number that the test chooses."""

    def __init__(self, password: str, small_a: int) -> None:
        self.small_a = small_a
        super().__init__(
            username=USER, password=password, pool_id=POOL, client_id="almonerweb", client=object()
        )
        self.signature_time = STAMP

    def generate_random_small_a(self) -> int:
        """Return the number."""
        return self.small_a

    def claim(self, kept: PasswordVerifier, exponent: int) -> Any:
        """Return what it answers to the challenge."""
        key = self.get_password_authentication_key(
            USER, self.password, public_value(kept, exponent), kept.salt_text
        )
        signed = b"Harbor01" + USER.encode() + BLOCK + STAMP.encode()
        return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def server_signature(kept: PasswordVerifier, exponent: int, client_value: int) -> str:
    return expected_signature(
        pool_id=POOL,
        user_id=USER,
        kept=kept,
        exponent=exponent,
        client_value=client_value,
        secret_block=BLOCK,
        timestamp=STAMP,
    )


def test_the_group_is_the_clients() -> None:
    """Prime, generator and multiplier are those that clients compute with."""
    assert f"{GROUP_PRIME:X}" == aws_srp.N_HEX
    assert int(aws_srp.G_HEX, 16) == srp.GENERATOR
    assert Client("x", 5).val_k == srp._MULTIPLIER


@settings(max_examples=40, deadline=None)
@given(
    password=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
    small_a=NUMBERS,
    exponent=NUMBERS,
    salt=st.integers(min_value=1, max_value=2**128 - 1),
)
def test_both_ends_come_to_the_same_signature(
    password: str, small_a: int, exponent: int, salt: int
) -> None:
    """Whatever the numbers, short ones and those with a top bit set, and whatever the password."""
    kept = PasswordVerifier(salt=salt, value=srp._verifier(POOL, USER, password, salt))
    client = Client(password, small_a)

    assert server_signature(kept, exponent, client.large_a_value) == client.claim(kept, exponent)


@settings(max_examples=15, deadline=None)
@given(password=st.text(min_size=1, max_size=20), other=st.text(min_size=1, max_size=20))
def test_another_password_gives_another_signature(password: str, other: str) -> None:
    """Only who knows the password can answer, and the verifier is of one password alone."""
    same = password.encode(errors="replace") == other.encode(errors="replace")
    password, other = (text.encode(errors="replace").decode() for text in (password, other))
    kept = make_verifier(POOL, USER, password)
    client = Client(other, 0xABCDEF)
    exponent = make_exponent()
    expected = server_signature(kept, exponent, client.large_a_value)

    assert (expected == client.claim(kept, exponent)) is same
    assert is_password(POOL, USER, other, kept) is same


def test_a_known_exchange_keeps_its_bytes() -> None:
    """One exchange with fixed numbers, so that both ends cannot go wrong together."""
    kept = PasswordVerifier(
        salt=0x0F1E2D3C4B5A69788796A5B4C3D2E1F0,
        value=srp._verifier(POOL, USER, "Almoner-Demo-1", 0x0F1E2D3C4B5A69788796A5B4C3D2E1F0),
    )
    assert kept.salt_text == "f1e2d3c4b5a69788796a5b4c3d2e1f0"  # no leading zero
    client_value = pow(2, 0x1234567890ABCDEF, GROUP_PRIME)
    signature = server_signature(kept, 0xFEDCBA0987654321, client_value)
    assert signature == "TDrLKlEtfBS6eKTwACxRBRNOG5tu/VAnjnC5oggtZ5c="
    assert signature == Client("Almoner-Demo-1", 0x1234567890ABCDEF).claim(kept, 0xFEDCBA0987654321)


@pytest.mark.parametrize("times", [0, 1, 2, -1])
def test_a_value_that_knows_the_key_beforehand_is_refused(times: int) -> None:
    """A congruent to 0 would make the session key known to who sent it."""
    with pytest.raises(BadPublicValue):
        check_public_value(times * GROUP_PRIME)
    with pytest.raises(BadPublicValue):
        server_signature(make_verifier(POOL, USER, "x"), make_exponent(), times * GROUP_PRIME)


@given(number=st.integers(min_value=0, max_value=2**3072))
def test_numbers_are_padded_as_clients_pad_them(number: int) -> None:
    """Whole bytes, and a zero byte before a set top bit; nothing else in front."""
    assert padded(number).hex() == aws_srp.pad_hex(number)
    assert int.from_bytes(padded(number), "big") == number


def test_no_two_users_share_a_verifier() -> None:
    """The same password has another salt each time, and is bound to its pool and user."""
    kept = make_verifier(POOL, USER, "Almoner-Demo-1")

    assert make_verifier(POOL, USER, "Almoner-Demo-1").salt != kept.salt
    assert is_password(POOL, USER, "Almoner-Demo-1", kept)
    assert not is_password(POOL, "another", "Almoner-Demo-1", kept)
    assert not is_password("us-east-1_Summit01", USER, "Almoner-Demo-1", kept)
