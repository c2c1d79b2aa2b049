"""Keeps the tables of what is under way small: what has ended goes, then what is oldest."""

from datetime import datetime

from gateway.local.identity_provider.limits import FAILURES_KEPT_SECONDS, PENDING_MAX
from tenants.sqlite.moments import after
from tenants.sqlite.sqlcipher import Connection

_HOUR_SECONDS = 3600

# For each: since when a row is of no use, as seconds before now, and the column that says it.
_TABLES = (
    ("challenge", "expires_at", 0),
    ("sign_in", "expires_at", 0),
    ("code", "expires_at", _HOUR_SECONDS),  # how many were sent counts for an hour
    ("failure", "last_at", FAILURES_KEPT_SECONDS),
)


def tidy(connection: Connection, at: datetime) -> None:
    """Remove what has ended, and make room where there is too much of anything but sign-ins."""
    for table, column, seconds in _TABLES:
        connection.execute(
            f"DELETE FROM {table} WHERE {column} < ?",  # noqa: S608 - names from the list above
            (after(at, -seconds),),
        )
        if table == "sign_in":
            continue
        [(count,)] = connection.execute(f"SELECT count(*) FROM {table}").fetchall()  # noqa: S608 - as above
        if count > PENDING_MAX:
            connection.execute(
                f"DELETE FROM {table} WHERE {column} <= (SELECT {column} FROM {table}"  # noqa: S608 - as above
                f" ORDER BY {column} LIMIT 1 OFFSET ?)",
                (count - PENDING_MAX - 1,),
            )
