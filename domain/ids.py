"""Identifiers: ULIDs, and the global ids that clients see.

A global id names kind, root and record: `app_01H…` for a root, `note_01H…_01H…` for what lives
under one. It never names an agency: it is looked up in the caller's own store and nowhere else, so
no spelling of it reaches another agency. Clients must treat it as opaque.
"""

import os
import secrets
import time
from base64 import b32encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

ULID_LENGTH = 26
GLOBAL_ID_LENGTH_MAX = 80
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ALPHABET_SET = frozenset(_ALPHABET)
_TO_CROCKFORD = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", _ALPHABET.encode())
_PAIRS = tuple(one + other for one in _ALPHABET for other in _ALPHABET)
_TIME_CHARACTERS = 10
_RANDOM_BYTES, _RANDOM_CHARACTERS = 10, 16
_POOLED = 64
_LAST = datetime(9999, 1, 1, tzinfo=UTC)


def new_ulid(at: datetime | None = None, *, randomness: int | None = None) -> str:
    """Return a ULID: 48 bits of milliseconds since 1970 and 80 random bits, 26 characters.

    `at` is the moment to encode (now where None); `randomness` fixes the random bits, for data that
    must come out the same each time.
    """
    milliseconds = int(at.timestamp() * 1000) if at is not None else time.time_ns() // 1_000_000
    return _spelled_time(milliseconds) + (_random() if randomness is None else _spelled(randomness))


_POOL: list[str] = []
os.register_at_fork(after_in_child=_POOL.clear)  # or parent and child would make the same ids


def _random() -> str:
    """Return 16 random characters that nobody else gets; many are drawn and spelled at once."""
    try:
        return _POOL.pop()  # at once, whichever threads ask
    except IndexError:
        drawn = b32encode(secrets.token_bytes(_POOLED * _RANDOM_BYTES)).translate(_TO_CROCKFORD)
    spelled = drawn.decode("ascii")
    size = _RANDOM_CHARACTERS
    _POOL.extend([spelled[at : at + size] for at in range(size, len(spelled), size)])
    return spelled[:size]


def _spelled(bits: int) -> str:
    return "".join([_PAIRS[bits >> shift & 1023] for shift in range(70, -1, -10)])


@lru_cache(4)  # a request's ids are all of its moment
def _spelled_time(milliseconds: int) -> str:
    return "".join([_PAIRS[milliseconds >> shift & 1023] for shift in (40, 30, 20, 10, 0)])


def ulid_time(ulid: str) -> datetime:
    """Return the moment that a ULID begins with; of one beyond the calendar, the calendar's end."""
    milliseconds = 0
    for sign in ulid[:_TIME_CHARACTERS]:
        milliseconds = milliseconds * len(_ALPHABET) + _ALPHABET.index(sign)
    try:
        return min(EPOCH + timedelta(milliseconds=milliseconds), _LAST)
    except OverflowError:
        return _LAST


def is_ulid(text: str) -> bool:
    """Say whether `text` is spelled as a ULID is."""
    return len(text) == ULID_LENGTH and _ALPHABET_SET.issuperset(text)


@dataclass(frozen=True, slots=True)
class GlobalId:
    """What a global id names; `root` equals `id` for a record that is its own root."""

    prefix: str
    root: str
    id: str

    def __str__(self) -> str:
        """Return the id as clients see it."""
        if self.root == self.id:
            return f"{self.prefix}_{self.id}"
        return f"{self.prefix}_{self.root}_{self.id}"


def parse_global_id(text: str) -> GlobalId | None:
    """Return what `text` names, or None where it is not spelled as a global id is."""
    if len(text) > GLOBAL_ID_LENGTH_MAX:
        return None
    prefix, _, rest = text.partition("_")
    if not prefix.isascii() or not prefix.isalpha():
        return None
    root, separator, own = rest.partition("_")
    if not separator:
        own = root
    elif own == root:
        return None  # one object has one spelling
    if not (is_ulid(root) and is_ulid(own)):
        return None
    return GlobalId(prefix, root, own)


def root_of(global_id: str) -> str:
    """Return the root that a global id names; raises ValueError for what is none."""
    named = parse_global_id(global_id)
    if named is None:
        raise ValueError(f"not a global id: {global_id!r}")
    return named.root


def new_child_id(prefix: str, parent: str, at: datetime | None = None) -> str:
    """Return a fresh global id for what lives under the root that `parent` names."""
    return f"{prefix}_{root_of(parent)}_{new_ulid(at)}"
