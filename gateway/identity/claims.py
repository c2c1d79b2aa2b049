"""Turns the text of a Cognito-style JWT into verified claims, or refuses it.

The text is judged before the signature library sees any of it, because the library (PyJWT 2.15)
takes text for a number, the last of two equal names, UTF-16, and `==` after the signature. One
sign-in has exactly one spelling here, so a verdict may be kept by the hash of the text; what is
revoked is nevertheless named by the claims, never by the text.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NewType

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import RSAAlgorithm

from domain.actors import Group
from domain.agencies import Pool
from gateway.identity.refusals import Reason, Refusal
from gateway.identity.strict_json import read_object

TOKEN_CHARACTERS_MAX = 8 * 1024
LIFETIME_SECONDS_MAX = 24 * 60 * 60
LEEWAY_SECONDS = 5  # for clocks that differ; an expired token gets none of it
ISSUER_CHARACTERS_MAX = 512
NAME_CHARACTERS_MAX = 128  # of sub, kid, username, jti and origin_jti

AGENCY_GROUPS = frozenset(Group) - {Group.OPERATORS}
OPERATOR_GROUPS = frozenset({Group.OPERATORS})

_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_PRINTABLE = re.compile(r"[\x21-\x7e]+", re.ASCII)
_HEADER_NAMES = frozenset({"alg", "kid", "typ"})
_KNOWN_GROUPS: dict[str, Group] = {group.value: group for group in Group}
_RS256 = RSAAlgorithm(RSAAlgorithm.SHA256)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenText:
    """A token taken apart: well-formed, and not to be believed yet.

    key_id and issuer say where to look for the key; nothing else may be done with them.
    """

    key_id: str
    issuer: str
    payload: Mapping[str, object]
    signing_input: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimSet:
    """What a token says of its bearer.

    username: what the pool calls them; the same as the subject in pools that sign in by e-mail.
    person: their name and e-mail address, or one of them; None where the token has neither.
    authenticated_at: the sign-in, None where the token does not say.
    """

    subject: str
    username: str
    person: str | None
    group: Group
    issued_at: datetime
    expires_at: datetime
    authenticated_at: datetime | None
    jti: str | None
    origin_jti: str | None


Claims = NewType("Claims", ClaimSet)
"""Claims whose signature and contents hold; `verify` alone makes them."""


def is_token(text: str) -> bool:
    """Say whether `text` is spelled as a JWT is: three parts of base64url without padding."""
    return len(text) <= TOKEN_CHARACTERS_MAX and _TOKEN.fullmatch(text) is not None


def read_token(text: str) -> TokenText:
    """Take a token apart; raises Refusal for anything that is not exactly one RS256 JWT."""
    if len(text) > TOKEN_CHARACTERS_MAX:
        raise Refusal(Reason.TOKEN_TOO_LARGE)
    if _TOKEN.fullmatch(text) is None:
        raise Refusal(Reason.MALFORMED_TOKEN)
    signing_input, _, signature = text.rpartition(".")
    header, _, payload = signing_input.partition(".")
    key_id = _read_header(read_object(decode_base64url(header)))
    claims = read_object(decode_base64url(payload))
    return TokenText(
        key_id=key_id,
        issuer=_text(claims, "iss", longest=ISSUER_CHARACTERS_MAX),
        payload=claims,
        signing_input=signing_input.encode("ascii"),
        signature=decode_base64url(signature),
    )


def verify(
    token: TokenText, *, key: RSAPublicKey, pool: Pool, groups: frozenset[Group], at: datetime
) -> Claims:
    """Return the claims of a token that the pool's key signed and that holds at that moment.

    `groups` are those that the pool may put people into. Raises Refusal.
    """
    if not _RS256.verify(token.signing_input, key, token.signature):
        raise Refusal(Reason.WRONG_SIGNATURE)
    payload = token.payload
    if token.issuer != pool.issuer:
        raise Refusal(Reason.UNKNOWN_ISSUER)
    if "cnf" in payload:  # bound to a key that its bearer has not proved to hold
        raise Refusal(Reason.BOUND_TOKEN)
    username = _check_use(payload, pool)
    subject = _text(payload, "sub")
    issued_at, expires_at, authenticated_at = _read_times(payload, at.timestamp())
    return Claims(
        ClaimSet(
            subject=subject,
            username=_read_username(payload, username) or subject,
            person=_read_person(payload),
            group=_read_group(payload, groups),
            issued_at=_moment(issued_at),
            expires_at=_moment(expires_at),
            authenticated_at=None if authenticated_at is None else _moment(authenticated_at),
            jti=_optional_text(payload, "jti"),
            origin_jti=_optional_text(payload, "origin_jti"),
        )
    )


def decode_base64url(text: str) -> bytes:
    """Return the bytes behind base64url without padding; raises Refusal for a second spelling."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise Refusal(Reason.NOT_CANONICAL) from error
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii") != text:
        raise Refusal(Reason.NOT_CANONICAL)
    return raw


def _read_header(header: Mapping[str, object]) -> str:
    # A list of what may be there: crit, b64, zip, jku, x5u, jwk and whatever is invented next
    # would all change how the token is to be understood.
    if not _HEADER_NAMES.issuperset(header):
        raise Refusal(Reason.HEADER_NOT_ALLOWED)
    if header.get("alg") != "RS256":
        raise Refusal(Reason.WRONG_ALGORITHM)
    if header.get("typ", "JWT") != "JWT":
        raise Refusal(Reason.WRONG_TYPE)
    key_id = header.get("kid")
    if not _is_name(key_id, NAME_CHARACTERS_MAX):
        raise Refusal(Reason.MALFORMED_KEY_ID)
    return str(key_id)


def _check_use(payload: Mapping[str, object], pool: Pool) -> str:
    """Check whom the token is for, and return the name of the claim that holds the username."""
    use = payload.get("token_use")
    if use == "access":
        own, other, username = "client_id", "aud", "username"
    elif use == "id":
        own, other, username = "aud", "client_id", "cognito:username"
    else:
        raise Refusal(Reason.WRONG_TOKEN_USE)
    if not _names_client(payload.get(own), pool):
        raise Refusal(Reason.WRONG_CLIENT)
    if other in payload and not _names_client(payload[other], pool):
        raise Refusal(Reason.WRONG_CLIENT)
    return username


def _names_client(value: object, pool: Pool) -> bool:
    return isinstance(value, str) and value in pool.client_ids


def _read_times(payload: Mapping[str, object], now: float) -> tuple[int, int, int | None]:
    issued_at, expires_at = _whole(payload, "iat"), _whole(payload, "exp")
    if issued_at is None or expires_at is None:
        raise Refusal(Reason.MALFORMED_CLAIM)
    if expires_at <= now:
        raise Refusal(Reason.EXPIRED)
    if issued_at > now + LEEWAY_SECONDS:
        raise Refusal(Reason.NOT_YET_VALID)
    if not 0 < expires_at - issued_at <= LIFETIME_SECONDS_MAX:
        raise Refusal(Reason.LIFETIME_TOO_LONG)
    for name in ("nbf", "auth_time"):  # a sign-in in the future would stay fresh for ever
        moment = _whole(payload, name)
        if moment is not None and moment > now + LEEWAY_SECONDS:
            raise Refusal(Reason.NOT_YET_VALID)
    return issued_at, expires_at, _whole(payload, "auth_time")


def _read_group(payload: Mapping[str, object], allowed: frozenset[Group]) -> Group:
    listed = payload.get("cognito:groups", [])
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise Refusal(Reason.MALFORMED_CLAIM)
    known = [_KNOWN_GROUPS[name] for name in listed if name in _KNOWN_GROUPS]
    if not known:
        raise Refusal(Reason.NO_GROUP)
    if len(known) > 1:
        raise Refusal(Reason.SEVERAL_GROUPS)
    if known[0] not in allowed:
        raise Refusal(Reason.GROUP_OF_ANOTHER_POOL)
    return known[0]


def _whole(payload: Mapping[str, object], name: str) -> int | None:
    """Return a JSON integer that is a moment since 1970; None where the name is absent."""
    if name not in payload:
        return None
    value = payload[name]
    if type(value) is not int or value < 0:  # bool is an int to Python, and not to JSON
        raise Refusal(Reason.MALFORMED_CLAIM)
    return value


def _text(payload: Mapping[str, object], name: str, *, longest: int = NAME_CHARACTERS_MAX) -> str:
    value = payload.get(name)
    if not _is_name(value, longest):
        raise Refusal(Reason.MALFORMED_CLAIM)
    return str(value)


def _optional_text(payload: Mapping[str, object], name: str) -> str | None:
    return _text(payload, name) if name in payload else None


def _read_username(payload: Mapping[str, object], name: str) -> str | None:
    """Return the username: shown to people and stored with what they do, in any script."""
    if name not in payload:
        return None
    value = payload[name]
    if not isinstance(value, str) or not 0 < len(value) <= NAME_CHARACTERS_MAX:
        raise Refusal(Reason.MALFORMED_CLAIM)
    if not value.isprintable():
        raise Refusal(Reason.MALFORMED_CLAIM)
    return value


def _read_person(payload: Mapping[str, object]) -> str | None:
    """Return who that is to people; what cannot be shown, or was not verified, is left out.

    ID tokens have these claims; access tokens where the pool was told to add them.
    """
    name, email = (_shown(payload.get(claim)) for claim in ("name", "email"))
    if payload.get("email_verified") in (False, "false"):
        email = None
    return f"{name} <{email}>" if name and email else name or email


def _shown(value: object) -> str | None:
    shown = isinstance(value, str) and len(value) <= NAME_CHARACTERS_MAX and value.isprintable()
    return value.strip() or None if isinstance(value, str) and shown else None


def _is_name(value: object, longest: int) -> bool:
    return (
        isinstance(value, str) and len(value) <= longest and _PRINTABLE.fullmatch(value) is not None
    )


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
