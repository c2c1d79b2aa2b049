"""The user pools of this installation: an agency's each, and the operators'."""

import hmac
import re
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.actors import Group
from domain.errors import NotFound
from gateway.local.identity_provider.file import make_pool_secret
from gateway.local.identity_provider.keys import add_first_key
from gateway.local.identity_provider.srp import SALT_BYTES, PasswordVerifier
from tenants.sqlite.sqlcipher import Connection

POOL_ID_PATTERN = r"[a-z]{2}-[a-z]+-\d_[A-Za-z0-9]+"  # Cognito's: verifiers insist on it
_COLUMNS = "SELECT id, client_id, agency, secret FROM pool"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPool:
    """A pool. agency: its slug, None for the operators' pool."""

    id: str
    client_id: str
    agency: str | None
    secret: bytes = field(repr=False)

    @property
    def groups(self) -> frozenset[Group]:
        """Return the groups that there are in the pool."""
        if self.agency is None:
            return frozenset({Group.OPERATORS})
        return frozenset(Group) - {Group.OPERATORS}

    def keyed_hash(self, what: str, name: str) -> bytes:
        """Return 32 bytes that are the same for the same name each time, and tell nothing."""
        return hmac.digest(self.secret, f"{what}\0{name}".encode(), "sha256")

    def made_up_user(self, name: str) -> tuple[str, PasswordVerifier]:
        """Return a user id and a verifier for a name that nobody has; no password fits it."""
        user_id = str(uuid.UUID(bytes=self.keyed_hash("user", name)[:16], version=4))
        salt = int.from_bytes(self.keyed_hash("salt", name)[:SALT_BYTES], "big") or 1
        value = b"".join(self.keyed_hash(f"verifier {part}", name) for part in range(12))
        return user_id, PasswordVerifier(salt=salt, value=int.from_bytes(value, "big") >> 1)


def ensure_pool(
    connection: Connection, pool_id: str, client_id: str, agency: str | None, at: datetime
) -> None:
    """Make a pool with a key of its own, or set the app client and agency of the one there is."""
    if re.fullmatch(POOL_ID_PATTERN, pool_id) is None:
        raise ValueError(f"a pool's id is spelled like us-east-1_Local01, not {pool_id}")
    updated = connection.execute(
        "UPDATE pool SET client_id = ?, agency = ? WHERE id = ?", (client_id, agency, pool_id)
    )
    if updated.rowcount == 0:
        connection.execute(
            "INSERT INTO pool (id, client_id, agency, secret) VALUES (?, ?, ?, ?)",
            (pool_id, client_id, agency, make_pool_secret()),
        )
        add_first_key(connection, pool_id, at)


def pool_of(connection: Connection, pool_id: str) -> UserPool:
    """Return the pool; raises NotFound for an unknown one."""
    rows = connection.execute(f"{_COLUMNS} WHERE id = ?", (pool_id,)).fetchall()
    if not rows:
        raise NotFound("There is no such pool.")
    return _read(rows[0])


def pools(connection: Connection) -> list[UserPool]:
    """Return all pools, by agency, the operators' last."""
    rows = connection.execute(f"{_COLUMNS} ORDER BY agency NULLS LAST, id").fetchall()
    return [_read(row) for row in rows]


def _read(row: tuple[Any, ...]) -> UserPool:
    pool_id, client_id, agency, secret = row
    return UserPool(id=pool_id, client_id=client_id, agency=agency, secret=bytes(secret))
