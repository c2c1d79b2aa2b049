"""What each change of the SQLite directory writes, inside a transaction that the caller holds."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from domain.access import KEYS_PER_AGENCY_MAX, ApiKey
from domain.agencies import Agency, Pool, Staff
from domain.audit import AuditLine
from domain.errors import (
    Duplicate,
    IdempotencyMismatch,
    NotFound,
    TooLarge,
    VersionConflict,
)
from tenants.backend import Once, Replayed
from tenants.directory.checks import check_agency, check_key_name, check_pool, check_staff
from tenants.directory.port import Revocation, WrappedKey
from tenants.directory.rows import (
    AGENCY_BY_ID,
    FORMATS,
    KEY_BY_ID,
    LIVE_KEYS,
    ONCE,
    STAFF,
    key_row,
    narrow_key,
    read_key,
    read_once,
)
from tenants.ledger.lines import texts_of
from tenants.sqlite.moments import micros
from tenants.sqlite.sqlcipher import NewerFormat, tell_brought_forward

if TYPE_CHECKING:  # the driver has the standard library's interface, and no types of its own
    from sqlite3 import Connection, Cursor
else:
    from sqlcipher3.dbapi2 import Connection, Cursor

KEY_USE_RECORDED_EACH = timedelta(minutes=1)


def set_up(connection: Connection) -> None:
    """Bring a new or older file to the newest format; raise NewerFormat for a newer one."""
    found = connection.execute("PRAGMA user_version").fetchall()[0][0]
    if found > len(FORMATS):
        raise NewerFormat("The directory", found, len(FORMATS))
    for statement in (line for step in FORMATS[found:] for line in step):
        connection.execute(statement)
    if found < len(FORMATS):
        connection.execute(f"PRAGMA user_version = {len(FORMATS)}")
    if 0 < found < len(FORMATS):
        tell_brought_forward("the directory", found, len(FORMATS))


def finish(connection: Connection, scope: str, audit: AuditLine) -> None:
    """Write what every change ends with: its audit line and the next epoch."""
    connection.execute(
        "INSERT INTO epoch (scope, value) VALUES (?, 1)"
        " ON CONFLICT (scope) DO UPDATE SET value = value + 1",
        (scope,),
    )
    write_audit(connection, scope, audit)


def write_audit(connection: Connection, scope: str, line: AuditLine) -> None:
    """Write an audit line; raises TooLarge for one that an agency's ledger could not take over."""
    texts_of(line)
    row = (scope, line.id, msgspec.json.encode(line))
    connection.execute("INSERT INTO audit (scope, id, body) VALUES (?, ?, ?)", row)


def demand_agency(connection: Connection, agency_id: str) -> None:
    """Raise NotFound where there is no such agency; the driver cannot tell which rule it broke."""
    if not connection.execute(AGENCY_BY_ID, (agency_id,)).fetchall():
        raise NotFound


def put_operator_pool(connection: Connection, pool: Pool) -> None:
    """Write the operators' pool in place of the one there was; raises InvalidInput."""
    check_pool(pool)
    connection.execute("DELETE FROM issuer WHERE agency_id IS NULL")
    _put_pools(connection, None, (pool,))


def insert_agency(connection: Connection, agency: Agency) -> None:
    """Write a new agency with its issuers; raises InvalidInput."""
    check_agency(agency)
    row = (agency.id, agency.slug, msgspec.json.encode(agency))
    connection.execute("INSERT INTO agency (id, slug, body) VALUES (?, ?, ?)", row)
    _put_pools(connection, agency.id, agency.pools)


def replace_agency(connection: Connection, agency: Agency) -> None:
    """Write an agency and its issuers in place of what there was; raises InvalidInput, NotFound."""
    found = connection.execute(AGENCY_BY_ID, (agency.id,)).fetchall()
    if not found:
        raise NotFound
    check_agency(agency, msgspec.json.decode(found[0][0], type=Agency))
    row = (agency.slug, msgspec.json.encode(agency), agency.id)
    connection.execute("UPDATE agency SET slug = ?, body = ? WHERE id = ?", row)
    connection.execute("DELETE FROM issuer WHERE agency_id = ?", (agency.id,))
    _put_pools(connection, agency.id, agency.pools)


def delete_agency(connection: Connection, agency_id: str) -> None:
    """Remove an agency with its keys, staff, API keys and revocations."""
    _demand(connection.execute("DELETE FROM agency WHERE id = ?", (agency_id,)))
    connection.execute("DELETE FROM revocation WHERE scope = ?", (agency_id,))


def delete_data_keys(connection: Connection, agency_id: str, key_ids: Sequence[str]) -> None:
    """Remove data keys of an agency, all of which it must have."""
    for key_id in key_ids:
        _demand(
            connection.execute(
                "DELETE FROM wrapped_key WHERE agency_id = ? AND purpose = 'data' AND key_id = ?",
                (agency_id, key_id),
            )
        )


def insert_wrapped(connection: Connection, agency_id: str, wrapped: Iterable[WrappedKey]) -> None:
    """Write wrapped keys."""
    for key in wrapped:
        connection.execute(
            "INSERT INTO wrapped_key (agency_id, purpose, key_id, wrapped, created_at)"
            " VALUES (?, ?, ?, ?, ?)",
            (agency_id, key.purpose, key.key_id, key.wrapped, micros(key.created_at)),
        )


def put_staff(connection: Connection, agency_id: str, staff: Staff) -> None:
    """Write a member of staff, new or in place of what there was.

    Raises InvalidInput, and Duplicate where somebody else who is active has the e-mail address;
    whoever has left keeps it from nobody.
    """
    found = connection.execute(STAFF, (agency_id,)).fetchall()
    everybody = {
        one.id: one for (body,) in found for one in [msgspec.json.decode(body, type=Staff)]
    }
    before = everybody.pop(staff.id, None)
    check_staff(staff, before)
    taken = {one.email.lower() for one in everybody.values() if one.active}
    as_it_was = before is not None and before.active and before.email == staff.email
    if staff.active and not as_it_was and staff.email.lower() in taken:
        raise Duplicate("The e-mail address belongs to another member of staff.")
    connection.execute(
        "INSERT INTO staff (agency_id, id, subject, body) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (agency_id, id)"
        " DO UPDATE SET subject = excluded.subject, body = excluded.body",
        (agency_id, staff.id, staff.subject, msgspec.json.encode(staff)),
    )


def begin_once(connection: Connection, agency_id: str, once: Once | None, at: datetime) -> None:
    """Write an idempotency record; an unexpired one under the same key refuses the change."""
    if once is None:
        return
    connection.execute("DELETE FROM once WHERE expires_at <= ?", (micros(at),))
    rows = connection.execute(ONCE, (agency_id, once.key, micros(at))).fetchall()
    if rows:
        earlier = read_once(rows[0])
        if earlier.digest != once.digest:
            raise IdempotencyMismatch
        raise Replayed(earlier.reference)
    connection.execute(
        "INSERT INTO once (agency_id, key, digest, reference, expires_at) VALUES (?, ?, ?, ?, ?)",
        (agency_id, once.key, once.digest, once.reference, micros(once.expires_at)),
    )


def insert_key(connection: Connection, agency_id: str, key: ApiKey, at: datetime) -> None:
    """Write a new API key, while the agency has fewer live ones than it may have."""
    if key.rotated_from is None:  # a successor has its predecessor's name
        check_key_name(key.name)
    live = connection.execute(LIVE_KEYS, (agency_id, micros(at))).fetchall()[0][0]
    if live >= KEYS_PER_AGENCY_MAX:
        raise TooLarge(
            f"An agency has at most {KEYS_PER_AGENCY_MAX} live API keys. Revoke one first."
        )
    connection.execute(
        "INSERT INTO api_key (agency_id, id, hash, expires_at, revoked_at, last_used_at, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (agency_id, key.id, key.hash, *key_row(key)),
    )


def narrow(connection: Connection, agency_id: str, key: ApiKey) -> ApiKey:
    """Write what `key` takes away from the one there is, and return that one as it was."""
    rows = connection.execute(KEY_BY_ID, (agency_id, key.id)).fetchall()
    if not rows:
        raise NotFound
    before = read_key(rows[0])
    if key.name != before.name:
        check_key_name(key.name)
    connection.execute(
        "UPDATE api_key SET expires_at = ?, revoked_at = ?, last_used_at = ?, body = ?"
        " WHERE agency_id = ? AND id = ?",
        (*key_row(narrow_key(before, key)), agency_id, key.id),
    )
    return before


def rotate(connection: Connection, agency_id: str, old: ApiKey, new: ApiKey, at: datetime) -> None:
    """Narrow `old` and write `new`, which must not do more than `old` did a moment ago."""
    before = narrow(connection, agency_id, old)
    if not before.is_live(at) or not new.scopes <= before.scopes:
        raise VersionConflict
    insert_key(connection, agency_id, new, at)


def touch_key(connection: Connection, agency_id: str, key_id: str, at: datetime) -> None:
    """Write a key's last use, unless one was written within the minute by whichever process."""
    connection.execute(
        "UPDATE api_key SET last_used_at = ?1 WHERE agency_id = ?2 AND id = ?3"
        " AND (last_used_at IS NULL OR last_used_at <= ?4)",
        (micros(at), agency_id, key_id, micros(at - KEY_USE_RECORDED_EACH)),
    )


def insert_revocation(connection: Connection, scope: str, revocation: Revocation) -> None:
    """Write a revocation, and forget those whose tokens have all expired."""
    at = micros(revocation.at)
    connection.execute("DELETE FROM revocation WHERE expires_at <= ?", (at,))
    connection.execute(
        "INSERT INTO revocation (scope, kind, value, at, expires_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (scope, kind, value) DO UPDATE SET at = max(at, excluded.at),"
        " expires_at = max(expires_at, excluded.expires_at)",
        (scope, revocation.kind, revocation.value, at, micros(revocation.expires_at)),
    )


def _put_pools(connection: Connection, agency_id: str | None, pools: Iterable[Pool]) -> None:
    for pool in pools:
        connection.execute(
            "INSERT INTO issuer (issuer, agency_id, body) VALUES (?, ?, ?)",
            (pool.issuer, agency_id, msgspec.json.encode(pool)),
        )


def _demand(cursor: Cursor) -> None:
    if cursor.rowcount == 0:
        raise NotFound
