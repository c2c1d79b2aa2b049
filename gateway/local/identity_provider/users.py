"""The users of the pools, their groups, and what is kept of their passwords and authenticators."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from domain.actors import Group
from gateway.local.identity_provider.srp import PasswordVerifier, make_verifier
from tenants.sqlite.moments import micros, moment
from tenants.sqlite.sqlcipher import Connection

_COLUMNS = (
    "SELECT user.pool_id, subject, email, email_verified, attributes, status, enabled, created_at,"
    " updated_at, signed_out_at, (SELECT json_group_array(user_group) FROM membership"
    " WHERE pool_id = user.pool_id AND subject = user.subject), pool.agency"
    " FROM user JOIN pool ON pool.id = user.pool_id"
)
_NEVER = moment(0)


class UserStatus(StrEnum):
    """Cognito's names for how far somebody has come."""

    UNCONFIRMED = "UNCONFIRMED"
    CONFIRMED = "CONFIRMED"
    FORCE_CHANGE_PASSWORD = "FORCE_CHANGE_PASSWORD"  # noqa: S105 - a name


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody of a pool.

    email: what they sign in with. subject: the `sub` of their tokens, and their username too.
    agency: its slug, None for operators. attributes: all but sub, email and email_verified.
    signed_out_at: no token that was issued until then holds.
    """

    pool_id: str
    subject: str
    email: str
    groups: tuple[Group, ...]
    agency: str | None
    email_verified: bool = True
    attributes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    status: UserStatus = UserStatus.CONFIRMED
    enabled: bool = True
    created_at: datetime = _NEVER
    updated_at: datetime = _NEVER
    signed_out_at: datetime | None = None

    @property
    def display_name(self) -> str:
        """Return what they are called: the attribute `name`, or else the address."""
        return self.attributes.get("name", self.email)

    def issued_at(self, at: datetime) -> int:
        """Return the second that a token of that moment says it was issued at.

        A sign-out ends all that was issued until its second's end, since `iat` has whole seconds.
        Who signs in again within the same second is given the next one: verifiers allow for it.
        """
        now = int(at.timestamp())
        return (
            now if self.signed_out_at is None else max(now, int(self.signed_out_at.timestamp()) + 1)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What a user proves who they are with.

    verifier: None where there is no password yet. totp_pending: the authenticator app's secret that
    is not verified yet. totp_step: the last one whose code was used.
    """

    verifier: PasswordVerifier | None = field(repr=False)
    password_set_at: datetime | None
    totp_pending: str | None = field(repr=False)
    totp_secret: str | None = field(repr=False)
    totp_preferred: bool
    totp_step: int
    totp_device: str | None

    @property
    def has_totp(self) -> bool:
        """Say whether signing in asks for a code."""
        return self.totp_secret is not None and self.totp_preferred


def normal(name: str) -> str:
    """Return an address as it is kept and compared."""
    return name.strip().lower()


def add_user(connection: Connection, user: User, at: datetime) -> None:
    """Add a user; the driver's IntegrityError where the address or the subject is taken."""
    connection.execute(
        "INSERT INTO user (pool_id, subject, email, email_verified, attributes, status, enabled,"
        " created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            user.pool_id,
            user.subject,
            normal(user.email),
            user.email_verified,
            json.dumps(dict(user.attributes)),
            user.status.value,
            user.enabled,
            micros(at),
            micros(at),
        ),
    )
    for group in user.groups:
        add_to_group(connection, user.pool_id, user.subject, group)


def rewrite_user(connection: Connection, email: str, user: User, at: datetime) -> bool:
    """Replace who has that address; False where nobody has. The password stays theirs."""
    renamed = connection.execute(
        "UPDATE user SET subject = ?, attributes = ?, updated_at = ?,"
        " salt = CASE subject WHEN ?1 THEN salt END WHERE pool_id = ? AND email = ?",
        (
            user.subject,
            json.dumps(dict(user.attributes)),
            micros(at),
            user.pool_id,
            normal(email),
        ),
    )
    if renamed.rowcount == 0:
        return False
    connection.execute(
        "DELETE FROM membership WHERE pool_id = ? AND subject = ?", (user.pool_id, user.subject)
    )
    for group in user.groups:
        add_to_group(connection, user.pool_id, user.subject, group)
    return True


def update_user(connection: Connection, user: User, at: datetime, **columns: object) -> None:
    """Set columns of a user's row."""
    names = ", ".join(f"{name} = ?" for name in columns)
    connection.execute(
        f"UPDATE user SET {names}, updated_at = ? WHERE pool_id = ? AND subject = ?",  # noqa: S608 - names of columns, spelled in this package
        (*columns.values(), micros(at), user.pool_id, user.subject),
    )


def set_password(
    connection: Connection, user: User, password: str, status: UserStatus, at: datetime
) -> None:
    """Keep a verifier of the password, and none of the one before."""
    kept = make_verifier(user.pool_id, user.subject, password)
    update_user(
        connection,
        user,
        at,
        salt=_number(kept.salt),
        verifier=_number(kept.value),
        password_set_at=micros(at),
        status=status.value,
    )


def find_user(connection: Connection, pool_id: str, name: str) -> User | None:
    """Return who has that address or subject in the pool, or None."""
    rows = connection.execute(
        f"{_COLUMNS} WHERE user.pool_id = ? AND (email = ? OR subject = ?)",
        (pool_id, normal(name), name),
    ).fetchall()
    return _read(rows[0]) if rows else None


def named_users(connection: Connection, name: str) -> list[User]:
    """Return who has that address or subject, in whichever pool."""
    rows = connection.execute(
        f"{_COLUMNS} WHERE email = ? OR subject = ?", (normal(name), name)
    ).fetchall()
    return [_read(row) for row in rows]


def all_users(connection: Connection) -> list[User]:
    """Return all users, by agency and address."""
    rows = connection.execute(f"{_COLUMNS} ORDER BY pool.agency NULLS LAST, email").fetchall()
    return [_read(row) for row in rows]


def count_users(connection: Connection, pool_id: str) -> int:
    """Return how many users the pool has."""
    statement = "SELECT count(*) FROM user WHERE pool_id = ?"
    return int(connection.execute(statement, (pool_id,)).fetchall()[0][0])


def users_after(connection: Connection, pool_id: str, email: str) -> list[User]:
    """Return the pool's users behind that address, by address."""
    rows = connection.execute(
        f"{_COLUMNS} WHERE user.pool_id = ? AND email > ? ORDER BY email", (pool_id, email)
    ).fetchall()
    return [_read(row) for row in rows]


def secrets_of(connection: Connection, user: User) -> Secrets:
    """Return what the user proves who they are with."""
    [row] = connection.execute(
        "SELECT salt, verifier, password_set_at, totp_pending, totp_secret, totp_preferred,"
        " totp_step, totp_device FROM user WHERE pool_id = ? AND subject = ?",
        (user.pool_id, user.subject),
    ).fetchall()
    salt, verifier, set_at, totp_pending, totp_secret, preferred, step, device = row
    kept = None
    if salt is not None and verifier is not None:
        kept = PasswordVerifier(
            salt=int.from_bytes(salt, "big"), value=int.from_bytes(verifier, "big")
        )
    return Secrets(
        verifier=kept,
        password_set_at=None if set_at is None else moment(set_at),
        totp_secret=totp_secret,
        totp_pending=totp_pending,
        totp_preferred=bool(preferred),
        totp_step=step,
        totp_device=device,
    )


def add_to_group(connection: Connection, pool_id: str, subject: str, group: Group) -> None:
    """Put a user into a group, where they are not in it."""
    connection.execute(
        "INSERT OR IGNORE INTO membership (pool_id, subject, user_group) VALUES (?, ?, ?)",
        (pool_id, subject, group.value),
    )


def remove_from_group(connection: Connection, pool_id: str, subject: str, group: Group) -> None:
    """Take a user out of a group, where they are in it."""
    connection.execute(
        "DELETE FROM membership WHERE pool_id = ? AND subject = ? AND user_group = ?",
        (pool_id, subject, group.value),
    )


def _read(row: tuple[Any, ...]) -> User:
    pool_id, subject, email, verified, attributes, status, enabled, *others = row
    created_at, updated_at, signed_out_at, groups, agency = others
    return User(
        pool_id=pool_id,
        subject=subject,
        email=email,
        groups=tuple(sorted(Group(name) for name in json.loads(groups))),
        agency=agency,
        email_verified=bool(verified),
        attributes=MappingProxyType(json.loads(attributes)),
        status=UserStatus(status),
        enabled=bool(enabled),
        created_at=moment(created_at),
        updated_at=moment(updated_at),
        signed_out_at=None if signed_out_at is None else moment(signed_out_at),
    )


def _number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
