"""How secrets of API keys are made and kept."""

import hashlib
import math

import pytest

from tenants.directory.api_keys import (
    _ALPHABET,
    _LENGTH,
    is_secret,
    new_secret,
    secret_hash,
    secret_prefix,
)


def test_a_secret_looks_like_appsyncs() -> None:
    """A secret is `da2-` and 26 lower-case letters or digits, and no two are alike."""
    secrets = {new_secret() for _ in range(200)}

    assert len(secrets) == 200
    assert all(is_secret(secret) and len(secret) == 30 for secret in secrets)


def test_a_secret_cannot_be_guessed() -> None:
    """A secret has at least 128 random bits, also beyond the part that lists show."""
    assert _LENGTH * math.log2(len(set(_ALPHABET))) >= 128
    seen = {character for _ in range(200) for character in new_secret()[4:]}
    assert seen == set(_ALPHABET)


def test_only_its_hash_and_first_characters_are_kept() -> None:
    """What is kept are SHA-256 in hex and the first eight characters."""
    secret = new_secret()

    assert secret_hash(secret) == hashlib.sha256(secret.encode()).hexdigest()
    assert secret_prefix(secret) == secret[:8]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "da2-",
        "da2-" + "a" * 25,
        "da2-" + "a" * 27,
        "da2-" + "A" * 26,
        "DA2-" + "a" * 26,
        "da3-" + "a" * 26,
        " da2-" + "a" * 26,
        "da2-" + "a" * 26 + "\n",
        "da2-" + "é" * 26,
        "da2-" + "٣" * 26,
    ],
)
def test_other_spellings_are_not_secrets(text: str) -> None:
    """Length, case, prefix and alphabet are exact."""
    assert not is_secret(text)
