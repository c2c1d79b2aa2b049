"""Sign-ins, each with its refresh token (kept as a hash alone), and what has been revoked.

A revocation is written into the same unit as the change, and removed once the gateway knows of it:
so it is told again after a crash, and by a later call where the directory could not be reached.
"""

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from gateway.local.identity_provider.call import Call
from gateway.local.identity_provider.limits import REFRESH_SECONDS
from gateway.local.identity_provider.pending import tidy
from gateway.local.identity_provider.users import User, update_user
from tenants.sqlite.moments import after, micros, moment
from tenants.sqlite.sqlcipher import Connection

RevokedKind = Literal["origin_jti", "sub"]

_REFRESH_BYTES = 48
_COLUMNS = "SELECT origin_jti, pool_id, subject, client_id, at, expires_at, revoked_at FROM sign_in"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """A sign-in and all its tokens, which carry its origin_jti."""

    origin_jti: str
    pool_id: str
    subject: str
    client_id: str
    at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensRevoked:
    """Tokens that no longer hold: those of a sign-in, or all of a subject issued until then."""

    number: int
    pool_id: str
    kind: RevokedKind
    value: str
    subject: str
    at: datetime


def begin_sign_in(call: Call, user: User, client_id: str) -> tuple[SignIn, str]:
    """Keep a new sign-in and return it with its refresh token, which is kept nowhere."""
    tidy(call.connection, call.at)
    refresh_token = secrets.token_urlsafe(_REFRESH_BYTES)
    origin_jti = str(uuid.uuid4())
    ends = after(call.at, REFRESH_SECONDS)
    call.connection.execute(
        "INSERT INTO sign_in (origin_jti, pool_id, subject, client_id, refresh_hash, at,"
        " expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            origin_jti,
            user.pool_id,
            user.subject,
            client_id,
            _digest(refresh_token),
            micros(call.at),
            ends,
        ),
    )
    begun = SignIn(
        origin_jti=origin_jti,
        pool_id=user.pool_id,
        subject=user.subject,
        client_id=client_id,
        at=call.at,
        expires_at=moment(ends),
    )
    return begun, refresh_token


def sign_in_of(connection: Connection, refresh_token: str) -> SignIn | None:
    """Return the sign-in that the refresh token belongs to, revoked or not; None for none."""
    return _one(connection, f"{_COLUMNS} WHERE refresh_hash = ?", _digest(refresh_token))


def sign_in_named(connection: Connection, origin_jti: str) -> SignIn | None:
    """Return the sign-in of that id, revoked or not; None for none."""
    return _one(connection, f"{_COLUMNS} WHERE origin_jti = ?", origin_jti)


def revoke_sign_in(call: Call, sign_in: SignIn) -> None:
    """End a sign-in with all its tokens."""
    call.connection.execute(
        "UPDATE sign_in SET revoked_at = coalesce(revoked_at, ?) WHERE origin_jti = ?",
        (micros(call.at), sign_in.origin_jti),
    )
    _tell(call, sign_in.pool_id, "origin_jti", sign_in.origin_jti, sign_in.subject, call.at)


def sign_out_everywhere(call: Call, user: User) -> None:
    """End all sign-ins of a user, and every token that they were issued until now.

    A token may name the next second, after another sign-out within this one: it is ended as well.
    """
    until = max(call.at, datetime.fromtimestamp(user.issued_at(call.at), UTC))
    call.connection.execute(
        "UPDATE sign_in SET revoked_at = ? WHERE pool_id = ? AND subject = ?"
        " AND revoked_at IS NULL",
        (micros(call.at), user.pool_id, user.subject),
    )
    update_user(call.connection, user, call.at, signed_out_at=micros(until))
    _tell(call, user.pool_id, "sub", user.subject, user.subject, until)


def revocations(connection: Connection) -> list[TokensRevoked]:
    """Return what the gateway has still to be told, oldest first."""
    rows = connection.execute(
        "SELECT number, pool_id, kind, value, subject, at FROM revocation ORDER BY number"
    ).fetchall()
    return [
        TokensRevoked(
            number=number,
            pool_id=pool_id,
            kind=kind,
            value=value,
            subject=subject,
            at=moment(at),
        )
        for number, pool_id, kind, value, subject, at in rows
    ]


def forget_revocation(connection: Connection, number: int) -> None:
    """Note that the gateway knows."""
    connection.execute("DELETE FROM revocation WHERE number = ?", (number,))


def _tell(
    call: Call, pool_id: str, kind: RevokedKind, value: str, subject: str, at: datetime
) -> None:
    call.revokes = True
    call.connection.execute(
        "INSERT INTO revocation (pool_id, kind, value, subject, at) VALUES (?, ?, ?, ?, ?)",
        (pool_id, kind, value, subject, micros(at)),
    )


def _one(connection: Connection, statement: str, value: object) -> SignIn | None:
    rows = connection.execute(statement, (value,)).fetchall()
    if not rows:
        return None
    origin_jti, pool_id, subject, client_id, at, expires_at, revoked_at = rows[0]
    return SignIn(
        origin_jti=origin_jti,
        pool_id=pool_id,
        subject=subject,
        client_id=client_id,
        at=moment(at),
        expires_at=moment(expires_at),
        revoked_at=None if revoked_at is None else moment(revoked_at),
    )


def _digest(refresh_token: str) -> bytes:
    return hashlib.sha256(refresh_token.encode()).digest()
