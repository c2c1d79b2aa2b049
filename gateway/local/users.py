"""The users of the local issuer's pools, as its encrypted file keeps them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from domain.actors import Group
from domain.errors import Duplicate

if TYPE_CHECKING:  # the driver has the standard library's interface, and no types of its own
    from sqlite3 import Connection
else:
    from sqlcipher3.dbapi2 import Connection

USERS_TABLE = (
    "CREATE TABLE IF NOT EXISTS user (pool_id TEXT NOT NULL REFERENCES pool (id),"
    " email TEXT NOT NULL, subject TEXT NOT NULL, display_name TEXT NOT NULL,"
    " user_group TEXT NOT NULL, agency TEXT,"
    " PRIMARY KEY (pool_id, email), UNIQUE (pool_id, subject))"
    " STRICT, WITHOUT ROWID"
)
_COLUMNS = "SELECT pool_id, email, subject, display_name, user_group, agency FROM user"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who can get tokens.

    email: what they sign in with. subject: the `sub` of their tokens, and their username too.
    agency: its slug, None for operators.
    """

    email: str
    subject: str
    display_name: str
    group: Group
    pool_id: str
    agency: str | None


def put_user(connection: Connection, user: User) -> None:
    """Add a user, or replace the one with that address in the pool."""
    connection.execute(
        "INSERT INTO user (pool_id, email, subject, display_name, user_group, agency)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (pool_id, email) DO UPDATE SET"
        " subject = excluded.subject, display_name = excluded.display_name,"
        " user_group = excluded.user_group, agency = excluded.agency",
        (
            user.pool_id,
            _normal(user.email),
            user.subject,
            user.display_name,
            user.group.value,
            user.agency,
        ),
    )


def find_user(connection: Connection, email: str, agency: str | None) -> User | None:
    """Return the user with that address, at that agency where one is named; None without one.

    Raises Duplicate where several pools have the address and no agency is named.
    """
    rows = connection.execute(
        _COLUMNS + " WHERE email = ?1 AND (?2 IS NULL OR agency = ?2)",
        (_normal(email), agency),
    ).fetchall()
    if len(rows) > 1:
        raise Duplicate("Several agencies have a user with this address: name the agency too.")
    return _read(rows[0]) if rows else None


def list_users(connection: Connection) -> list[User]:
    """Return all users, by agency and address."""
    rows = connection.execute(_COLUMNS + " ORDER BY agency NULLS LAST, email").fetchall()
    return [_read(row) for row in rows]


def _read(row: tuple[Any, ...]) -> User:
    pool_id, email, subject, display_name, group, agency = row
    return User(
        email=email,
        subject=subject,
        display_name=display_name,
        group=Group(group),
        pool_id=pool_id,
        agency=agency,
    )


def _normal(email: str) -> str:
    return email.strip().lower()
