"""Counts wrong passwords and codes, and locks an account for longer and longer, as Cognito does.

The n-th locks for 2^(n-5) seconds, up to 15 minutes, from the fifth on. What comes while it is
locked is refused and does not count, so that a client that repeats itself locks nobody out. A
quarter of an hour without a failure, or a sign-in, begins anew. Names that nobody has are counted
alike.
"""

from datetime import datetime

from gateway.local.identity_provider.faults import not_authorized
from gateway.local.identity_provider.limits import (
    FAILURES_FREE,
    FAILURES_KEPT_SECONDS,
    LOCKED_SECONDS_MAX,
)
from tenants.sqlite.moments import after, micros
from tenants.sqlite.sqlcipher import Connection

_DOUBLINGS_MAX = 10  # 2^10 seconds are beyond the longest lock


def demand_unlocked(connection: Connection, pool_id: str, who: str, at: datetime) -> None:
    """Raise a Fault while the account is locked."""
    rows = connection.execute(
        "SELECT 1 FROM failure WHERE pool_id = ? AND who = ? AND locked_until > ?",
        (pool_id, who, micros(at)),
    ).fetchall()
    if rows:
        raise not_authorized("Password attempts exceeded")


def count_failure(connection: Connection, pool_id: str, who: str, at: datetime) -> None:
    """Count a wrong password or code, and lock where there were too many."""
    rows = connection.execute(
        "SELECT count FROM failure WHERE pool_id = ? AND who = ? AND last_at > ?",
        (pool_id, who, after(at, -FAILURES_KEPT_SECONDS)),
    ).fetchall()
    count = (rows[0][0] if rows else 0) + 1
    locked = 0
    if count >= FAILURES_FREE:
        locked = min(2 ** min(count - FAILURES_FREE, _DOUBLINGS_MAX), LOCKED_SECONDS_MAX)
    connection.execute(
        "INSERT OR REPLACE INTO failure (pool_id, who, count, last_at, locked_until)"
        " VALUES (?, ?, ?, ?, ?)",
        (pool_id, who, count, micros(at), after(at, locked)),
    )


def forget_failures(connection: Connection, pool_id: str, who: str) -> None:
    """Begin anew, after a sign-in."""
    connection.execute("DELETE FROM failure WHERE pool_id = ? AND who = ?", (pool_id, who))
