"""Confirmation codes: six digits, kept as a keyed hash; few of them, and few tries each."""

import hmac
import secrets
from datetime import datetime
from typing import Literal

from gateway.local.identity_provider.faults import Fault, FaultName
from gateway.local.identity_provider.limits import (
    CODE_DIGITS,
    CODES_PER_HOUR_MAX,
    FAILURES_PER_CODE_MAX,
    RECOVERY_CODE_SECONDS,
    SIGN_UP_CODE_SECONDS,
)
from gateway.local.identity_provider.pending import tidy
from gateway.local.identity_provider.pools import UserPool
from tenants.sqlite.moments import after, micros
from tenants.sqlite.sqlcipher import Connection

Purpose = Literal["sign-up", "recovery"]

_SECONDS: dict[Purpose, int] = {
    "sign-up": SIGN_UP_CODE_SECONDS,
    "recovery": RECOVERY_CODE_SECONDS,
}
_HOUR_SECONDS = 3600
_OF_ONE = "pool_id = ? AND who = ? AND purpose = ?"


def make_code(
    connection: Connection, pool: UserPool, who: str, purpose: Purpose, at: datetime
) -> str:
    """Return a new code, in place of the one before; raises a Fault beyond a few an hour.

    Names that nobody has get codes too, which nobody is sent.
    """
    tidy(connection, at)
    sent, since = 0, micros(at)
    for found, began in connection.execute(
        f"SELECT sent, sent_since FROM code WHERE {_OF_ONE}",  # noqa: S608 - a text from above
        (pool.id, who, purpose),
    ).fetchall():
        if began > after(at, -_HOUR_SECONDS):
            sent, since = found, began
    if sent >= CODES_PER_HOUR_MAX:
        raise _too_many()
    code = "".join(str(secrets.randbelow(10)) for _ in range(CODE_DIGITS))
    connection.execute(
        "INSERT OR REPLACE INTO code (pool_id, who, purpose, digest, failures, expires_at, sent,"
        " sent_since) VALUES (?, ?, ?, ?, 0, ?, ?, ?)",
        (
            pool.id,
            who,
            purpose,
            _digest(pool, who, purpose, code),
            after(at, _SECONDS[purpose]),
            sent + 1,
            since,
        ),
    )
    return code


def check_code(
    connection: Connection, pool: UserPool, who: str, purpose: Purpose, code: str, at: datetime
) -> None:
    """Return where that is the code; raises the Fault that says what is wrong otherwise."""
    place = (pool.id, who, purpose)
    rows = connection.execute(
        f"SELECT digest, failures, expires_at FROM code WHERE {_OF_ONE}",  # noqa: S608 - as above
        place,
    ).fetchall()
    if not rows or rows[0][2] <= micros(at):
        told = "Invalid code provided, please request a code again."
        raise Fault(FaultName.EXPIRED_CODE, told)
    digest, failures, _ = rows[0]
    if failures >= FAILURES_PER_CODE_MAX:
        raise _too_many()
    if not hmac.compare_digest(_digest(pool, who, purpose, code), bytes(digest)):
        connection.execute(
            f"UPDATE code SET failures = failures + 1 WHERE {_OF_ONE}",  # noqa: S608 - as above
            place,
        )
        told = "Invalid verification code provided, please try again."
        raise Fault(FaultName.CODE_MISMATCH, told)


def forget_code(connection: Connection, pool: UserPool, who: str, purpose: Purpose) -> None:
    """Let a code that was used count no more; how many were sent is kept."""
    connection.execute(
        f"UPDATE code SET expires_at = 0, digest = randomblob(32) WHERE {_OF_ONE}",  # noqa: S608 - as above
        (pool.id, who, purpose),
    )


def _digest(pool: UserPool, who: str, purpose: Purpose, code: str) -> bytes:
    return pool.keyed_hash(f"code {purpose} {code}", who)


def _too_many() -> Fault:
    told = "Attempt limit exceeded, please try after some time."
    return Fault(FaultName.LIMIT_EXCEEDED, told)
