"""What a sign-in brings: its tokens, new ones for its refresh token, and its end."""

from typing import Any

from gateway.local.identity_provider.call import Call
from gateway.local.identity_provider.faults import Fault, FaultName, not_authorized
from gateway.local.identity_provider.keys import renew_keys, signing_key
from gateway.local.identity_provider.limits import ACCESS_SECONDS
from gateway.local.identity_provider.sign_ins import (
    SignIn,
    begin_sign_in,
    revoke_sign_in,
    sign_in_of,
    sign_out_everywhere,
)
from gateway.local.identity_provider.tokens import TokenUse, mint, user_of_access_token
from gateway.local.identity_provider.users import User, find_user
from gateway.local.identity_provider.wire import (
    AccessTokenCall,
    GetTokensFromRefreshToken,
    RevokeToken,
)

Answer = dict[str, Any]


def begin_session(call: Call, user: User, client_id: str) -> Answer:
    """Return the AuthenticationResult of a new sign-in."""
    sign_in, refresh_token = begin_sign_in(call, user, client_id)
    return _tokens(call, user, sign_in) | {"RefreshToken": refresh_token}


def refresh(call: Call, refresh_token: str, client_id: str) -> Answer:
    """Return the AuthenticationResult of a refresh; the refresh token stays what it was.

    However often a client repeats one that is refused, nobody is locked out: none can be guessed.
    """
    pools = {pool.id for pool in call.pools_of_client(client_id)}
    sign_in = sign_in_of(call.connection, refresh_token)
    if sign_in is None or sign_in.client_id != client_id or sign_in.pool_id not in pools:
        raise not_authorized("Invalid Refresh Token")
    if sign_in.revoked_at is not None:
        raise not_authorized("Refresh Token has been revoked")
    if sign_in.expires_at <= call.at:
        raise not_authorized("Refresh Token has expired")
    user = find_user(call.connection, sign_in.pool_id, sign_in.subject)
    if user is None or not user.enabled:
        raise not_authorized("User is disabled.")
    return _tokens(call, user, sign_in)


def get_tokens_from_refresh_token(call: Call, asked: GetTokensFromRefreshToken) -> Answer:
    """Refresh, as newer clients do."""
    return {"AuthenticationResult": refresh(call, asked.refresh_token, asked.client_id)}


def revoke_token(call: Call, asked: RevokeToken) -> Answer:
    """End a sign-in by its refresh token; one that nobody has is as good as revoked (RFC 7009)."""
    pools = {pool.id for pool in call.pools_of_client(asked.client_id)}
    if "." in asked.token:  # a JWT: what is revoked by itself is the sign-in behind it
        raise Fault(FaultName.UNSUPPORTED_TOKEN_TYPE, "Unsupported token type.")
    sign_in = sign_in_of(call.connection, asked.token)
    if sign_in is None:
        return {}
    if sign_in.client_id != asked.client_id or sign_in.pool_id not in pools:
        raise Fault(FaultName.UNAUTHORIZED, "The token belongs to another client.")
    revoke_sign_in(call, sign_in)
    return {}


def global_sign_out(call: Call, asked: AccessTokenCall) -> Answer:
    """End all sign-ins of who asks."""
    sign_out_everywhere(call, user_of_access_token(call, asked.access_token))
    return {}


def _tokens(call: Call, user: User, sign_in: SignIn) -> Answer:
    renew_keys(call.connection, user.pool_id, call.at)
    key = signing_key(call.connection, user.pool_id, call.at)

    def one(use: TokenUse) -> str:
        return mint(
            user,
            key,
            issuer=f"{call.base_url}/{user.pool_id}",
            client_id=sign_in.client_id,
            use=use,
            at=call.at,
            signed_in_at=sign_in.at,
            origin_jti=sign_in.origin_jti,
        )

    return {
        "AccessToken": one("access"),
        "IdToken": one("id"),
        "ExpiresIn": ACCESS_SECONDS,
        "TokenType": "Bearer",
    }
