"""The tables of a store's file, its format number, and how older files are brought forward."""

from domain.errors import StoreUnavailable
from tenants.sqlite.sqlcipher import Connection, NewerFormat, tell_brought_forward
from tenants.sqlite.units import roll_back

APPLICATION_ID = 0x416C6D53  # "AlmS"

Formats = tuple[tuple[str, ...], ...]
FORMATS: Formats = (
    (
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
        # Rows of 3 KB: a table without rowid would keep them in its index pages and read slower.
        "CREATE TABLE entity (seq INTEGER PRIMARY KEY, root TEXT NOT NULL, kind TEXT NOT NULL, "
        "id TEXT NOT NULL, version INTEGER NOT NULL, entries BLOB NOT NULL, body BLOB NOT NULL) "
        "STRICT",
        "CREATE UNIQUE INDEX entity_key ON entity (root, kind, id)",
        "CREATE TABLE idx (name TEXT NOT NULL, part TEXT NOT NULL, sort TEXT NOT NULL, "
        "root TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, "
        "PRIMARY KEY (name, part, sort, root, kind, id)) STRICT, WITHOUT ROWID",
        "CREATE TABLE uniq (name TEXT NOT NULL, value TEXT NOT NULL, root TEXT NOT NULL, "
        "kind TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (name, value)) STRICT, WITHOUT ROWID",
        "CREATE TABLE outbox (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, "
        "body BLOB NOT NULL) STRICT",
        "CREATE TABLE once (key TEXT PRIMARY KEY, digest TEXT NOT NULL, reference TEXT, "
        "expires_at INTEGER NOT NULL) STRICT",
        "CREATE INDEX once_expiry ON once (expires_at)",
        "CREATE TABLE audit (id TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT",
    ),
    # Grants are listed newest first, all of them and each grantee's.
    (
        "INSERT INTO idx (name, part, sort, root, kind, id) "
        "SELECT 'grant_all', '', id, root, kind, id FROM entity WHERE kind = 'access_grant'",
        "INSERT INTO idx (name, part, sort, root, kind, id) "
        "SELECT 'grant_of_grantee', json_extract(CAST(body AS TEXT), '$.grantee.id'), "
        "id, root, kind, id FROM entity WHERE kind = 'access_grant'",
        "UPDATE entity SET entries = CAST(json_insert(CAST(entries AS TEXT), "
        "'$[0][#]', json_object('name', 'grant_all', 'part', '', 'sort', id), "
        "'$[0][#]', json_object('name', 'grant_of_grantee', "
        "'part', json_extract(CAST(body AS TEXT), '$.grantee.id'), 'sort', id)) AS BLOB) "
        "WHERE kind = 'access_grant'",
    ),
    # Whoever changes a record moves the token, in the same transaction: also a process of before,
    # for triggers are the file's own. The ledger's rows are left out, which change all the time.
    # A random token never comes back, whatever is rolled back, but with the records of its time.
    (
        "CREATE TABLE changed (token INTEGER NOT NULL) STRICT",
        "INSERT INTO changed VALUES (random())",
        "CREATE TRIGGER entity_inserted AFTER INSERT ON entity WHEN NEW.root <> 'ledger' "
        "BEGIN UPDATE changed SET token = random(); END",
        "CREATE TRIGGER entity_updated AFTER UPDATE ON entity "
        "WHEN NEW.root <> 'ledger' OR OLD.root <> 'ledger' "
        "BEGIN UPDATE changed SET token = random(); END",
        "CREATE TRIGGER entity_deleted AFTER DELETE ON entity WHEN OLD.root <> 'ledger' "
        "BEGIN UPDATE changed SET token = random(); END",
    ),
)
"""What brings a file from format n to n + 1. Files only move forward, and no step changes."""


def bring_forward(
    connection: Connection, agency_id: str, *, create: bool, formats: Formats = FORMATS
) -> None:
    """Bring an agency's file to the newest format, whole or not at all.

    A new file is made and stamped where `create` is given. Raises StoreUnavailable for a file that
    was never set up, is of a newer format, or belongs to another agency.
    """
    if _format_of(connection) != len(formats):
        connection.execute("BEGIN IMMEDIATE")
        try:
            _take_steps(connection, agency_id, create=create, formats=formats)
            connection.execute("COMMIT")
        except BaseException:
            roll_back(connection)
            raise
    _check_agency(connection, agency_id)


def _take_steps(connection: Connection, agency_id: str, *, create: bool, formats: Formats) -> None:
    number = _format_of(connection)  # another process may have been faster
    if number > len(formats):
        raise NewerFormat("The agency's store", number, len(formats))
    if number > 0:
        _check_agency(connection, agency_id)
    elif not create:
        raise StoreUnavailable("The agency's store was never set up to the end.")
    for statement in (line for step in formats[number:] for line in step):
        connection.execute(statement)
    if number == 0:
        connection.execute("INSERT INTO meta VALUES ('agency_id', ?)", (agency_id,))
    connection.execute(f"PRAGMA user_version = {len(formats)}")
    if 0 < number < len(formats):
        tell_brought_forward(f"the store of agency_{agency_id}", number, len(formats))


def _format_of(connection: Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchall()[0][0])


def _check_agency(connection: Connection, agency_id: str) -> None:
    rows = connection.execute("SELECT value FROM meta WHERE name = 'agency_id'").fetchall()
    if rows != [(agency_id,)]:
        raise StoreUnavailable("The data file belongs to another agency.")
