"""Challenges under way: what a client was asked, until it answers, once, within three minutes.

They outlive the process. A client holds a random text; here is only its hash.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.local.identity_provider.limits import CHALLENGE_SECONDS, FAILURES_PER_CHALLENGE_MAX
from gateway.local.identity_provider.pending import tidy
from tenants.sqlite.moments import after, micros
from tenants.sqlite.sqlcipher import Connection

PASSWORD_VERIFIER = "PASSWORD_VERIFIER"  # noqa: S105 - a challenge's name
NEW_PASSWORD_REQUIRED = "NEW_PASSWORD_REQUIRED"  # noqa: S105 - as above
SOFTWARE_TOKEN_MFA = "SOFTWARE_TOKEN_MFA"  # noqa: S105 - as above
_HANDLE_BYTES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """A challenge that was put. state: what its answer is judged by."""

    kind: str
    pool_id: str
    client_id: str
    state: Mapping[str, Any] = field(repr=False)


def put_challenge(connection: Connection, challenge: Challenge, at: datetime) -> bytes:
    """Keep a challenge and return what the client is to bring back with its answer."""
    tidy(connection, at)
    handle = secrets.token_bytes(_HANDLE_BYTES)
    connection.execute(
        "INSERT INTO challenge (id, pool_id, kind, client_id, state, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            _digest(handle),
            challenge.pool_id,
            challenge.kind,
            challenge.client_id,
            json.dumps(dict(challenge.state)),
            after(at, CHALLENGE_SECONDS),
        ),
    )
    return handle


def find_challenge(connection: Connection, handle: bytes, at: datetime) -> Challenge | None:
    """Return the challenge that is open under that handle, or None."""
    rows = connection.execute(
        "SELECT kind, pool_id, client_id, state FROM challenge WHERE id = ? AND expires_at > ?",
        (_digest(handle), micros(at)),
    ).fetchall()
    if not rows:
        return None
    kind, pool_id, client_id, state = rows[0]
    return Challenge(kind=kind, pool_id=pool_id, client_id=client_id, state=json.loads(state))


def end_challenge(connection: Connection, handle: bytes) -> None:
    """Let no other answer count."""
    connection.execute("DELETE FROM challenge WHERE id = ?", (_digest(handle),))


def count_wrong_answer(connection: Connection, handle: bytes) -> None:
    """Count a wrong answer to a challenge that may be answered again, a few times."""
    connection.execute(
        "UPDATE challenge SET failures = failures + 1 WHERE id = ?", (_digest(handle),)
    )
    connection.execute("DELETE FROM challenge WHERE failures >= ?", (FAILURES_PER_CHALLENGE_MAX,))


def _digest(handle: bytes) -> bytes:
    return hashlib.sha256(handle).digest()
