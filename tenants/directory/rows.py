"""The tables of the SQLite directory, its questions, and how its records become rows.

Bodies are JSON of the domain's records; a column stands beside them only where a query or a
constraint needs it. Moments in columns are whole microseconds since 1970.
"""

from dataclasses import replace
from typing import Any

import msgspec

from domain.access import ApiKey
from tenants.backend import Once
from tenants.directory.port import WrappedKey
from tenants.sqlite.moments import micros, moment

OPERATORS = ""  # the scope of the operators' pool; an agency's scope is its id

FORMATS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE agency (id TEXT PRIMARY KEY, slug TEXT NOT NULL UNIQUE, body BLOB NOT NULL)"
        " STRICT, WITHOUT ROWID",
        # One table for everybody's issuers, the operators' included: no token can name two.
        "CREATE TABLE issuer (issuer TEXT PRIMARY KEY, agency_id TEXT REFERENCES agency (id)"
        " ON DELETE CASCADE, body BLOB NOT NULL) STRICT, WITHOUT ROWID",
        "CREATE INDEX issuer_agency ON issuer (agency_id)",
        "CREATE TABLE wrapped_key (agency_id TEXT NOT NULL"
        " REFERENCES agency (id) ON DELETE CASCADE, purpose TEXT NOT NULL,"
        " key_id TEXT NOT NULL, wrapped BLOB NOT NULL,"
        " created_at INTEGER NOT NULL, PRIMARY KEY (agency_id, purpose, key_id))"
        " STRICT, WITHOUT ROWID",
        "CREATE TABLE staff (agency_id TEXT NOT NULL REFERENCES agency (id) ON DELETE CASCADE,"
        " id TEXT NOT NULL, subject TEXT NOT NULL, body BLOB NOT NULL,"
        " PRIMARY KEY (agency_id, id), UNIQUE (agency_id, subject)) STRICT, WITHOUT ROWID",
        "CREATE TABLE api_key (agency_id TEXT NOT NULL REFERENCES agency (id) ON DELETE CASCADE,"
        " id TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, expires_at INTEGER NOT NULL,"
        " revoked_at INTEGER, last_used_at INTEGER, body BLOB NOT NULL,"
        " PRIMARY KEY (agency_id, id)) STRICT, WITHOUT ROWID",
        "CREATE TABLE once (agency_id TEXT NOT NULL REFERENCES agency (id) ON DELETE CASCADE,"
        " key TEXT NOT NULL, digest TEXT NOT NULL, reference TEXT, expires_at INTEGER NOT NULL,"
        " PRIMARY KEY (agency_id, key)) STRICT, WITHOUT ROWID",
        "CREATE TABLE revocation (scope TEXT NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL,"
        " at INTEGER NOT NULL, expires_at INTEGER NOT NULL,"
        " PRIMARY KEY (scope, kind, value)) STRICT, WITHOUT ROWID",
        # Never deleted from: a removed agency must not start again at an epoch seen before.
        "CREATE TABLE epoch (scope TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID",
        "CREATE TABLE audit (scope TEXT NOT NULL, id TEXT NOT NULL, body BLOB NOT NULL,"
        " PRIMARY KEY (scope, id)) STRICT, WITHOUT ROWID",
        "CREATE TRIGGER audit_stays_as_written BEFORE UPDATE ON audit"
        " BEGIN SELECT RAISE (ABORT, 'audit lines are only ever added'); END",
        "CREATE TRIGGER audit_stays BEFORE DELETE ON audit"
        " BEGIN SELECT RAISE (ABORT, 'audit lines are only ever added'); END",
    ),
    (
        "CREATE TABLE access_grant (agency_id TEXT NOT NULL"
        " REFERENCES agency (id) ON DELETE CASCADE, id TEXT NOT NULL, grantee_id TEXT NOT NULL,"
        " expires_at INTEGER NOT NULL, revoked_at INTEGER, body BLOB NOT NULL,"
        " PRIMARY KEY (agency_id, id)) STRICT, WITHOUT ROWID",
        "CREATE INDEX access_grant_open ON access_grant (agency_id, grantee_id, expires_at)"
        " WHERE revoked_at IS NULL",
    ),
    (
        # Lines of agencies that wait to be taken into their ledgers; a trigger, so that no line is
        # ever written without waiting.
        "CREATE TABLE audit_unmerged (scope TEXT NOT NULL, id TEXT NOT NULL,"
        " PRIMARY KEY (scope, id)) STRICT, WITHOUT ROWID",
        "INSERT INTO audit_unmerged (scope, id) SELECT scope, id FROM audit WHERE scope <> ''",
        "CREATE TRIGGER audit_waits AFTER INSERT ON audit WHEN NEW.scope <> ''"
        " BEGIN INSERT INTO audit_unmerged (scope, id) VALUES (NEW.scope, NEW.id); END",
        # The newest checkpoint of each day of each agency's ledger.
        "CREATE TABLE witness (scope TEXT NOT NULL, day TEXT NOT NULL, size INTEGER NOT NULL,"
        " checkpoint TEXT NOT NULL, PRIMARY KEY (scope, day)) STRICT, WITHOUT ROWID",
    ),
)
"""What brings a file from format n to n + 1. Files only move forward, and no step changes."""

AGENCIES = "SELECT body FROM agency ORDER BY slug"
AGENCY_BY_ID = "SELECT body FROM agency WHERE id = ?"
AGENCY_BY_SLUG = "SELECT body FROM agency WHERE slug = ?"
AGENCY_BY_ISSUER = (
    "SELECT agency.body FROM issuer JOIN agency ON agency.id = issuer.agency_id WHERE issuer = ?"
)
OPERATOR_POOL = "SELECT body FROM issuer WHERE agency_id IS NULL"
WRAPPED_KEYS = (
    "SELECT purpose, key_id, wrapped, created_at FROM wrapped_key WHERE agency_id = ?"
    " ORDER BY created_at, purpose, key_id"
)
STAFF = "SELECT body FROM staff WHERE agency_id = ? ORDER BY id"
STAFF_BY_SUBJECT = "SELECT body FROM staff WHERE agency_id = ? AND subject = ?"
KEYS = "SELECT body, last_used_at FROM api_key WHERE agency_id = ? ORDER BY id"
KEY_BY_ID = "SELECT body, last_used_at FROM api_key WHERE agency_id = ? AND id = ?"
KEY_BY_HASH = "SELECT body, last_used_at, agency_id FROM api_key WHERE hash = ?"
LIVE_KEYS = (
    "SELECT count(*) FROM api_key WHERE agency_id = ? AND revoked_at IS NULL AND expires_at > ?"
)
ONCE = (
    "SELECT key, digest, reference, expires_at FROM once"
    " WHERE agency_id = ? AND key = ? AND expires_at > ?"
)
REVOKED = (
    "SELECT 1 FROM revocation WHERE scope = ?1 AND kind = 'jti' AND value = ?2"
    " UNION ALL"
    " SELECT 1 FROM revocation WHERE scope = ?1 AND kind = 'origin_jti' AND value = ?3"
    " UNION ALL"
    " SELECT 1 FROM revocation WHERE scope = ?1 AND kind = 'sub' AND value = ?4 AND at >= ?5"
)
GRANTS = "SELECT body FROM access_grant WHERE agency_id = ? ORDER BY id DESC"
GRANT_BY_ID = "SELECT body FROM access_grant WHERE agency_id = ? AND id = ?"
OPEN_GRANTS = (
    "SELECT body FROM access_grant WHERE agency_id = ? AND grantee_id = ? AND revoked_at IS NULL"
    " AND expires_at > ? ORDER BY id DESC"
)
FORGET_GRANT = "DELETE FROM access_grant WHERE agency_id = ? AND id = ?"
AUDIT_LINES = "SELECT body FROM audit WHERE scope = ? AND id > ? ORDER BY id LIMIT ?"
AUDIT_UNMERGED = (
    "SELECT audit.body FROM audit_unmerged JOIN audit USING (scope, id) WHERE scope = ?"
    " ORDER BY id LIMIT ?"
)
AUDIT_MERGED = "DELETE FROM audit_unmerged WHERE scope = ? AND id = ?"
WITNESSED = "SELECT checkpoint FROM witness WHERE scope = ? ORDER BY size"
WITNESS = (
    "INSERT INTO witness (scope, day, size, checkpoint) SELECT ?1, ?2, ?3, ?4"
    " WHERE NOT EXISTS (SELECT 1 FROM witness WHERE scope = ?1 AND size > ?3)"
    " ON CONFLICT (scope, day) DO UPDATE SET size = excluded.size, checkpoint = excluded.checkpoint"
)
EPOCH = "SELECT value FROM epoch WHERE scope = ?"


def read_key(row: tuple[Any, ...]) -> ApiKey:
    """Return the API key of a row that begins with its body and last use."""
    body, last_used_at = row[:2]
    key = msgspec.json.decode(body, type=ApiKey)
    return key if last_used_at is None else replace(key, last_used_at=moment(last_used_at))


def key_row(key: ApiKey) -> tuple[object, ...]:
    """Return a key's expires_at, revoked_at, last_used_at and body."""
    revoked_at = None if key.revoked_at is None else micros(key.revoked_at)
    last_used_at = None if key.last_used_at is None else micros(key.last_used_at)
    return micros(key.expires_at), revoked_at, last_used_at, msgspec.json.encode(key)


def narrow_key(current: ApiKey, given: ApiKey) -> ApiKey:
    """Return `current` with what `given` takes away from it; nothing that it would add."""
    return replace(
        current,
        name=given.name,
        scopes=current.scopes & given.scopes,
        expires_at=min(current.expires_at, given.expires_at),
        revoked_at=current.revoked_at or given.revoked_at,
    )


def read_wrapped(row: tuple[Any, ...]) -> WrappedKey:
    """Return the wrapped key of a row of WRAPPED_KEYS."""
    purpose, key_id, wrapped, created_at = row
    return WrappedKey(
        purpose=purpose, key_id=key_id, wrapped=wrapped, created_at=moment(created_at)
    )


def read_once(row: tuple[Any, ...]) -> Once:
    """Return the idempotency record of a row of ONCE."""
    key, digest, reference, expires_at = row
    return Once(key=key, digest=digest, reference=reference, expires_at=moment(expires_at))
