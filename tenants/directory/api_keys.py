"""Secrets of API keys: how one is made, what is kept of it, and how it is spelled."""

import hashlib
import re
import secrets

PREFIX_LENGTH = 8
_LEAD = "da2-"
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_LENGTH = 26  # five bits a character: 130 random bits
_SPELLING = re.compile(r"da2-[a-z0-9]{26}")


def new_secret() -> str:
    """Return a fresh secret: `da2-`, as AppSync's have it, and 130 random bits in 26 characters."""
    return _LEAD + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def secret_hash(secret: str) -> str:
    """Return what is kept in place of the secret: its SHA-256 in hex.

    A slow hash would protect guessable secrets; these are 130 random bits, and the hash is taken
    on every request with a key.
    """
    return hashlib.sha256(secret.encode()).hexdigest()


def secret_prefix(secret: str) -> str:
    """Return the first characters, which tell an agency's keys apart in lists."""
    return secret[:PREFIX_LENGTH]


def is_secret(text: str) -> bool:
    """Say whether `text` is spelled as a secret is."""
    return _SPELLING.fullmatch(text) is not None
