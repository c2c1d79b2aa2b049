"""The local token issuer: user pools with keys of their own, and tokens with Cognito's claims.

Keys are made on this machine at first use and kept in an encrypted file; none is ever shipped.
Several processes may have the file open: `almoner token` beside `almoner dev`.
"""

import base64
import hashlib
import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlcipher3 import dbapi2 as driver
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from domain.actors import Group
from domain.errors import Duplicate, NotFound
from gateway.local.users import USERS_TABLE, User, find_user, list_users, put_user
from tenants.sqlite.sqlcipher import open_encrypted, translate

if TYPE_CHECKING:  # the driver has the standard library's interface, and no types of its own
    from sqlite3 import Connection
else:
    from sqlcipher3.dbapi2 import Connection

APPLICATION_ID = int.from_bytes(b"AlIs", "big")
KEY_BITS = 2048
LIFETIME_SECONDS_MAX = 24 * 60 * 60
POOL_ID_PATTERN = r"[a-z]{2}-[a-z]+-\d_[A-Za-z0-9]+"  # Cognito's: verifiers insist on it
SCOPE = "aws.cognito.signin.user.admin"

TokenUse = Literal["access", "id"]

_POOLS_TABLE = (
    "CREATE TABLE IF NOT EXISTS pool (id TEXT PRIMARY KEY, client_id TEXT NOT NULL,"
    " private_key BLOB NOT NULL) STRICT, WITHOUT ROWID"
)


class LocalIssuer:
    """The pools and users of this installation, and their tokens.

    Every method may raise domain.errors.StoreUnavailable.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._keys: dict[str, rsa.RSAPrivateKey] = {}

    @classmethod
    def open(cls, path: Path, key: bytes, *, create: bool) -> Self:
        """Open the issuer's state; with `create`, a new one where there is no file."""
        connection = open_encrypted(path, key, application_id=APPLICATION_ID, create=create)
        try:
            with _translated():
                connection.execute(_POOLS_TABLE)
                connection.execute(USERS_TABLE)
        except BaseException:
            connection.close()
            raise
        return cls(connection)

    def ensure_pool(self, pool_id: str, client_id: str) -> None:
        """Make a pool with a key of its own, or set the app client of the one there is.

        Where two processes make the same pool at once, the first one's key stays.
        """
        if re.fullmatch(POOL_ID_PATTERN, pool_id) is None:
            raise ValueError(f"a pool's id is spelled like us-east-1_Local01, not {pool_id}")
        with _translated():
            updated = self._connection.execute(
                "UPDATE pool SET client_id = ? WHERE id = ?", (client_id, pool_id)
            )
            if updated.rowcount == 0:
                self._connection.execute(
                    "INSERT INTO pool (id, client_id, private_key) VALUES (?, ?, ?)"
                    " ON CONFLICT (id) DO UPDATE SET client_id = excluded.client_id",
                    (pool_id, client_id, _new_private_key()),
                )

    def put_user(
        self,
        *,
        email: str,
        subject: str,
        display_name: str,
        group: Group,
        pool_id: str,
        agency: str | None,
    ) -> None:
        """Add a user, or replace the one with that address in the pool.

        Raises Duplicate where the subject is somebody else's, NotFound for an unknown pool.
        """
        self._pool(pool_id)
        user = User(
            email=email,
            subject=subject,
            display_name=display_name,
            group=group,
            pool_id=pool_id,
            agency=agency,
        )
        with _translated():
            try:
                put_user(self._connection, user)
            except driver.IntegrityError as error:
                raise Duplicate("The subject belongs to another user of the pool.") from error

    def user(self, email: str, agency: str | None = None) -> User | None:
        """Return the user with that address, or None; raises Duplicate where it names several."""
        with _translated():
            return find_user(self._connection, email, agency)

    def users(self) -> list[User]:
        """Return all users, by agency and address."""
        with _translated():
            return list_users(self._connection)

    def mint(
        self,
        user: User,
        *,
        base_url: str,
        use: TokenUse = "access",
        lifetime_seconds: int = 3600,
        now: datetime | None = None,
        signed_in_at: datetime | None = None,
    ) -> str:
        """Return a signed token for the user, as if they had just signed in.

        The issuer is `<base_url>/<pool id>`, spelled exactly as given. Raises NotFound for a user
        of an unknown pool, ValueError for a lifetime that no pool allows.
        """
        if not 0 < lifetime_seconds <= LIFETIME_SECONDS_MAX:
            raise ValueError("a token lives for a day at most")
        client_id, key = self._pool(user.pool_id)
        issued_at = now or datetime.now(UTC)
        claims = _who(user, use=use, client_id=client_id) | {
            "iss": f"{base_url.rstrip('/')}/{user.pool_id}",
            "auth_time": int((signed_in_at or issued_at).timestamp()),
            "iat": int(issued_at.timestamp()),
            "exp": int(issued_at.timestamp()) + lifetime_seconds,
            "jti": str(uuid.uuid4()),
            "origin_jti": str(uuid.uuid4()),
        }
        # Cognito's header has `kid` and `alg`, and no `typ`.
        headers = {"kid": _public_jwk(key)["kid"], "typ": None}
        return jwt.encode(claims, key, algorithm="RS256", headers=headers)

    def jwks(self, pool_id: str) -> dict[str, list[dict[str, str]]]:
        """Return the pool's public keys as its key set; raises NotFound for an unknown pool."""
        _, key = self._pool(pool_id)
        return {"keys": [_public_jwk(key)]}

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _pool(self, pool_id: str) -> tuple[str, rsa.RSAPrivateKey]:
        """Return a pool's app client and key."""
        with _translated():
            rows = self._connection.execute(
                "SELECT client_id, private_key FROM pool WHERE id = ?", (pool_id,)
            ).fetchall()
        if not rows:
            raise NotFound("There is no such pool.")
        client_id, stored = rows[0]
        key = self._keys.get(pool_id)
        if key is None:
            loaded = serialization.load_der_private_key(stored, password=None)
            assert isinstance(loaded, rsa.RSAPrivateKey)
            key = self._keys[pool_id] = loaded
        return client_id, key


def issuer_app(issuer: LocalIssuer, *, base_url: str | None = None) -> Starlette:
    """Return the issuer's HTTP side: key sets and discovery, as Cognito serves them.

    base_url: what the tokens' issuers begin with, where it is not the address that is asked.
    """

    async def key_set(request: Request) -> Response:
        headers = {"cache-control": "public, max-age=3600"}
        return JSONResponse(issuer.jwks(request.path_params["pool"]), headers=headers)

    async def discovery(request: Request) -> Response:
        pool_id = request.path_params["pool"]
        issuer.jwks(pool_id)  # for an unknown pool there is nothing to discover
        base = (base_url or str(request.base_url)).rstrip("/")
        return JSONResponse(_discovery(f"{base}/{pool_id}"))

    async def live(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def unknown(_: Request, error: Exception) -> Response:
        return JSONResponse({"message": str(error)}, status_code=404)

    return Starlette(
        routes=[
            Route("/health/live", live),
            Route("/{pool}/.well-known/jwks.json", key_set),
            Route("/{pool}/.well-known/openid-configuration", discovery),
        ],
        exception_handlers={NotFound: unknown},
    )


def _who(user: User, *, use: TokenUse, client_id: str) -> dict[str, Any]:
    common: dict[str, Any] = {
        "sub": user.subject,
        "token_use": use,
        "cognito:groups": [user.group.value],
    }
    person: dict[str, Any] = {"email": user.email, "email_verified": True}
    if user.group is Group.OPERATORS:  # whose pool is to name them: docs/operations.md
        person["name"] = user.display_name
        common |= person
    if use == "access":
        return common | {"client_id": client_id, "scope": SCOPE, "username": user.subject}
    return common | person | {"aud": client_id, "cognito:username": user.subject}


def _new_private_key() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    return key.private_bytes(
        encoding=serialization.Encoding.DER,
        format=serialization.PrivateFormat.PKCS8,
        encryption_algorithm=serialization.NoEncryption(),  # the file it goes to is encrypted
    )


def _public_jwk(key: rsa.RSAPrivateKey) -> dict[str, str]:
    """Return the public part as a JWK; its `kid` is the thumbprint of RFC 7638."""
    numbers = key.public_key().public_numbers()
    required = {"e": _base64url(numbers.e), "kty": "RSA", "n": _base64url(numbers.n)}
    digest = hashlib.sha256(json.dumps(required, separators=(",", ":")).encode()).digest()
    kid = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return required | {"alg": "RS256", "use": "sig", "kid": kid}


def _base64url(number: int) -> str:
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _discovery(issuer: str) -> dict[str, Any]:
    return {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "token"],
        "subject_types_supported": ["public"],
    }


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except driver.Error as error:
        raise translate(error) from error
