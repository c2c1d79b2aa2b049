"""Access and ID tokens: made with Cognito's claims, and judged when they come back."""

import uuid
from datetime import datetime
from typing import Any, Literal

import jwt

from domain.actors import Group
from gateway.identity.claims import read_token
from gateway.identity.refusals import Refusal
from gateway.local.identity_provider.call import Call
from gateway.local.identity_provider.faults import Fault, not_authorized
from gateway.local.identity_provider.keys import SigningKey, published_keys
from gateway.local.identity_provider.limits import ACCESS_SECONDS, ACCESS_SECONDS_MAX
from gateway.local.identity_provider.sign_ins import sign_in_named
from gateway.local.identity_provider.users import User, find_user

SCOPE = "aws.cognito.signin.user.admin"

TokenUse = Literal["access", "id"]

_REQUIRED = ["sub", "iss", "iat", "exp", "token_use", "origin_jti"]


def mint(
    user: User,
    key: SigningKey,
    *,
    issuer: str,
    client_id: str,
    use: TokenUse,
    at: datetime,
    signed_in_at: datetime,
    origin_jti: str,
    lifetime_seconds: int = ACCESS_SECONDS,
) -> str:
    """Return a signed token. Raises ValueError for a lifetime that no pool allows."""
    if not 0 < lifetime_seconds <= ACCESS_SECONDS_MAX:
        raise ValueError("a token lives for a day at most")
    issued_at = user.issued_at(at)
    claims = _who(user, use=use, client_id=client_id) | {
        "iss": issuer,
        "auth_time": int(signed_in_at.timestamp()),
        "iat": issued_at,
        "exp": issued_at + lifetime_seconds,
        "jti": str(uuid.uuid4()),
        "origin_jti": origin_jti,
    }
    # Cognito's header has `kid` and `alg`, and no `typ`.
    headers = {"kid": key.key_id, "typ": None}
    return jwt.encode(claims, key.private, algorithm="RS256", headers=headers)


def user_of_access_token(call: Call, text: str) -> User:
    """Return whose access token that is; raises a Fault where it does not hold here and now."""
    try:
        issuer = read_token(text).issuer
    except Refusal as refusal:
        raise not_authorized("Invalid Access Token") from refusal
    base, _, pool_id = issuer.rpartition("/")
    if base != call.base_url:
        raise not_authorized("Invalid Access Token")
    try:
        pool = call.pool(pool_id)
    except Fault as fault:
        raise not_authorized("Invalid Access Token") from fault
    claims = _verified(call, text, pool.id, issuer)
    use: TokenUse = "access"
    if claims["token_use"] != use or claims.get("client_id") != pool.client_id:
        raise not_authorized("Invalid Access Token")
    user = find_user(call.connection, pool.id, str(claims["sub"]))
    if user is None or not user.enabled:
        raise not_authorized("User does not exist." if user is None else "User is disabled.")
    sign_in = sign_in_named(call.connection, str(claims["origin_jti"]))
    is_revoked = sign_in is not None and sign_in.revoked_at is not None
    is_signed_out = (
        user.signed_out_at is not None and claims["iat"] <= user.signed_out_at.timestamp()
    )
    if is_revoked or is_signed_out:
        raise not_authorized("Access Token has been revoked")
    return user


def _verified(call: Call, text: str, pool_id: str, issuer: str) -> dict[str, Any]:
    key_id = jwt.get_unverified_header(text).get("kid")
    for key in published_keys(call.connection, pool_id):
        if key.key_id != key_id:
            continue
        try:
            claims: dict[str, Any] = jwt.decode(
                text,
                key.private.public_key(),
                algorithms=["RS256"],
                issuer=issuer,
                # Times are judged by this provider's clock, below.
                options={
                    "require": _REQUIRED,
                    "verify_aud": False,
                    "verify_exp": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidTokenError as error:
            raise not_authorized("Invalid Access Token") from error
        if claims["exp"] <= call.at.timestamp():
            raise not_authorized("Access Token has expired")
        return claims
    raise not_authorized("Invalid Access Token")


def _who(user: User, *, use: TokenUse, client_id: str) -> dict[str, Any]:
    claims: dict[str, Any] = {"sub": user.subject, "token_use": use}
    if user.groups:
        claims["cognito:groups"] = [group.value for group in user.groups]
    person: dict[str, Any] = {"email": user.email, "email_verified": user.email_verified}
    if Group.OPERATORS in user.groups:  # whose pool is to name them: docs/operations.md
        person["name"] = user.display_name
        claims |= person
    if use == "access":
        return claims | {"client_id": client_id, "scope": SCOPE, "username": user.subject}
    return (
        {**user.attributes} | claims | person | {"aud": client_id, "cognito:username": user.subject}
    )
