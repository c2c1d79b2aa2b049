"""The local issuer as commands use it: this installation's pools and users, and tokens for them.

It stands on the identity provider's file; several processes may have that open at once, such as
`almoner token` beside `almoner dev`.
"""

import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from sqlcipher3 import dbapi2 as driver

from domain.actors import Group
from domain.errors import Duplicate
from gateway.local.identity_provider.file import StateFile
from gateway.local.identity_provider.keys import published_keys, signing_key
from gateway.local.identity_provider.limits import ACCESS_SECONDS
from gateway.local.identity_provider.pools import UserPool, ensure_pool, pool_of, pools
from gateway.local.identity_provider.tokens import TokenUse, mint
from gateway.local.identity_provider.users import (
    User,
    UserStatus,
    add_user,
    all_users,
    find_user,
    named_users,
    normal,
    rewrite_user,
    secrets_of,
    set_password,
)

__all__ = ["LocalIssuer", "TokenUse", "User"]


class LocalIssuer:
    """The pools and users of this installation, and their tokens.

    Every method may raise domain.errors.StoreUnavailable.
    """

    def __init__(self, file: StateFile) -> None:
        self.file = file

    @classmethod
    def open(cls, path: Path, key: bytes, *, create: bool) -> Self:
        """Open the issuer's state; with `create`, a new one where there is no file."""
        return cls(StateFile.open(path, key, create=create))

    def ensure_pool(self, pool_id: str, client_id: str, *, agency: str | None) -> None:
        """Make a pool with a key of its own, or set the app client and agency of the one there is.

        agency: its slug, None for the operators' pool.
        """
        with self.file.unit() as connection:
            ensure_pool(connection, pool_id, client_id, agency, datetime.now(UTC))

    def put_user(
        self, *, email: str, subject: str, display_name: str, group: Group, pool_id: str
    ) -> None:
        """Add a user, or replace the one with that address in the pool.

        Raises Duplicate where the subject is somebody else's, NotFound for an unknown pool.
        """
        now = datetime.now(UTC)
        with self.file.unit() as connection:
            user = User(
                pool_id=pool_id,
                subject=subject,
                email=normal(email),
                groups=(group,),
                agency=pool_of(connection, pool_id).agency,
                attributes={"name": display_name},
            )
            try:
                if not rewrite_user(connection, email, user, now):
                    add_user(connection, user, now)
            except driver.IntegrityError as error:
                raise Duplicate("The subject belongs to another user of the pool.") from error

    def ensure_password(self, pool_id: str, email: str, password: str) -> None:
        """Give a user a password where they have none; one that they chose stays theirs."""
        with self.file.unit() as connection:
            user = find_user(connection, pool_id, email)
            if user is None or secrets_of(connection, user).verifier is not None:
                return
            now = datetime.now(UTC)
            set_password(connection, user, password, UserStatus.CONFIRMED, now)

    def user(self, email: str, agency: str | None = None) -> User | None:
        """Return the user with that address, or None.

        Raises Duplicate where several pools have the address and no agency is named.
        """
        with self.file.reading() as connection:
            named = named_users(connection, email)
        found = [user for user in named if agency in (None, user.agency)]
        if len(found) > 1:
            raise Duplicate("Several agencies have a user with this address: name the agency too.")
        return found[0] if found else None

    def users(self) -> list[User]:
        """Return all users, by agency and address."""
        with self.file.reading() as connection:
            return all_users(connection)

    def pools(self) -> list[UserPool]:
        """Return all pools, by agency, the operators' last."""
        with self.file.reading() as connection:
            return pools(connection)

    def mint(
        self,
        user: User,
        *,
        base_url: str,
        use: TokenUse = "access",
        lifetime_seconds: int = ACCESS_SECONDS,
        now: datetime | None = None,
        signed_in_at: datetime | None = None,
    ) -> str:
        """Return a signed token for the user, as if they had just signed in.

        The issuer is `<base_url>/<pool id>`, spelled exactly as given. Raises NotFound for a user
        of an unknown pool, ValueError for a lifetime that no pool allows.
        """
        at = now or datetime.now(UTC)
        with self.file.reading() as connection:
            pool = pool_of(connection, user.pool_id)
            key = signing_key(connection, pool.id, at)
        return mint(
            user,
            key,
            issuer=f"{base_url.rstrip('/')}/{pool.id}",
            client_id=pool.client_id,
            use=use,
            at=at,
            signed_in_at=signed_in_at or at,
            origin_jti=str(uuid.uuid4()),
            lifetime_seconds=lifetime_seconds,
        )

    def jwks(self, pool_id: str) -> dict[str, list[dict[str, str]]]:
        """Return the pool's public keys as its key set; raises NotFound for an unknown pool."""
        with self.file.reading() as connection:
            pool_of(connection, pool_id)
            return {"keys": [key.public_jwk() for key in published_keys(connection, pool_id)]}

    def close(self) -> None:
        """Close the file."""
        self.file.close()
