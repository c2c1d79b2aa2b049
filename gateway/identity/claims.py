"""Turns the text of a JWT into verified claims, by the terms of its issuer, or refuses it.

The text is judged before the signature library sees any of it, because the library (PyJWT 2.15)
takes text for a number, the last of two equal names, UTF-16, and `==` after the signature. One
sign-in has exactly one spelling here, so a verdict may be kept by the hash of the text; what is
revoked is nevertheless named by the claims, never by the text. What only pools or only other
issuers demand is in `pools.py` and `oidc.py`.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NewType

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from domain.actors import Group
from gateway.identity.refusals import Reason, Refusal
from gateway.identity.strict_json import read_object

TOKEN_CHARACTERS_MAX = 8 * 1024
LIFETIME_SECONDS_MAX = 24 * 60 * 60
LEEWAY_SECONDS = 5  # for clocks that differ; an expired token gets none of it
ISSUER_CHARACTERS_MAX = 512
NAME_CHARACTERS_MAX = 128  # of sub, kid, username, jti and origin_jti

RS256, ES256 = "RS256", "ES256"
ALGORITHMS = frozenset({RS256, ES256})
PLAIN_KIND = "JWT"
KINDS = frozenset({PLAIN_KIND, "at+jwt"})
"""The second is RFC 9068's, of access tokens."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_PRINTABLE = re.compile(r"[\x21-\x7e]+", re.ASCII)
_HEADER_NAMES = frozenset({"alg", "kid", "typ"})
_RS256 = RSAAlgorithm(RSAAlgorithm.SHA256)
_ES256 = ECAlgorithm(ECAlgorithm.SHA256)

Payload = Mapping[str, object]
PublicKey = RSAPublicKey | EllipticCurvePublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenText:
    """A token taken apart: well-formed, and not to be believed yet.

    key_id and issuer say where to look for the key; nothing else may be done with them. algorithm
    and kind (`typ`) are of those that any issuer may use; its terms say which.
    """

    algorithm: str
    kind: str
    key_id: str
    issuer: str
    payload: Payload
    signing_input: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What one issuer's tokens have to be and to say, beside what all have to.

    algorithms and kinds: of the header. check_client: raises Refusal where the token is for
    another. username: the name of the claim that has it, by the payload. group: whom the payload
    puts its bearer among; raises Refusal. prefix: what stands before subjects and ids of tokens, so
    that they are nobody else's. issued_for, signed_in_for: how long a token is taken after `iat`
    and after `auth_time`, which has to be there then.
    """

    issuer: str
    algorithms: frozenset[str]
    kinds: frozenset[str]
    check_client: Callable[[Payload], None]
    username: Callable[[Payload], str]
    group: Callable[[Payload], Group]
    prefix: str = ""
    issued_for: timedelta | None = None
    signed_in_for: timedelta | None = None

    def demand_form(self, token: TokenText) -> None:
        """Raise Refusal for a token in a form that the issuer does not use."""
        if token.algorithm not in self.algorithms:
            raise Refusal(Reason.WRONG_ALGORITHM)
        if token.kind not in self.kinds:
            raise Refusal(Reason.WRONG_TYPE)


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
    """Take a token apart; raises Refusal for anything that is not exactly one signed JWT."""
    if len(text) > TOKEN_CHARACTERS_MAX:
        raise Refusal(Reason.TOKEN_TOO_LARGE)
    if _TOKEN.fullmatch(text) is None:
        raise Refusal(Reason.MALFORMED_TOKEN)
    signing_input, _, signature = text.rpartition(".")
    header, _, payload = signing_input.partition(".")
    algorithm, kind, key_id = _read_header(read_object(decode_base64url(header)))
    claims = read_object(decode_base64url(payload))
    return TokenText(
        algorithm=algorithm,
        kind=kind,
        key_id=key_id,
        issuer=read_text(claims, "iss", longest=ISSUER_CHARACTERS_MAX),
        payload=claims,
        signing_input=signing_input.encode("ascii"),
        signature=decode_base64url(signature),
    )


def verify(token: TokenText, *, key: PublicKey, terms: Terms, at: datetime) -> Claims:
    """Return the claims of a token that the issuer's key signed and that holds at that moment.

    Raises Refusal.
    """
    terms.demand_form(token)
    if not _is_signed(token, key):
        raise Refusal(Reason.WRONG_SIGNATURE)
    payload = token.payload
    if token.issuer != terms.issuer:
        raise Refusal(Reason.UNKNOWN_ISSUER)
    if "cnf" in payload:  # bound to a key that its bearer has not proved to hold
        raise Refusal(Reason.BOUND_TOKEN)
    terms.check_client(payload)
    subject = read_text(payload, "sub")
    issued_at, expires_at, authenticated_at = _read_times(payload, terms, at)
    return Claims(
        ClaimSet(
            subject=terms.prefix + subject,
            username=_read_username(payload, terms.username(payload)) or subject,
            person=_read_person(payload),
            group=terms.group(payload),
            issued_at=issued_at,
            expires_at=expires_at,
            authenticated_at=authenticated_at,
            jti=_read_id(payload, "jti", terms),
            origin_jti=_read_id(payload, "origin_jti", terms),
        )
    )


def _is_signed(token: TokenText, key: PublicKey) -> bool:
    # The algorithm is the key's as much as the token's: neither is ever used with the other's.
    if token.algorithm == ES256:
        return isinstance(key, EllipticCurvePublicKey) and _ES256.verify(
            token.signing_input, key, token.signature
        )
    return isinstance(key, RSAPublicKey) and _RS256.verify(
        token.signing_input, key, token.signature
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


def _read_header(header: Mapping[str, object]) -> tuple[str, str, str]:
    """Return algorithm, kind and key id."""
    # A list of what may be there: crit, b64, zip, jku, x5u, jwk and whatever is invented next
    # would all change how the token is to be understood.
    if not _HEADER_NAMES.issuperset(header):
        raise Refusal(Reason.HEADER_NOT_ALLOWED)
    algorithm, kind, key_id = header.get("alg"), header.get("typ", PLAIN_KIND), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise Refusal(Reason.WRONG_ALGORITHM)
    if not isinstance(kind, str) or kind not in KINDS:
        raise Refusal(Reason.WRONG_TYPE)
    if not _is_name(key_id, NAME_CHARACTERS_MAX):
        raise Refusal(Reason.MALFORMED_KEY_ID)
    return algorithm, kind, str(key_id)


def _read_times(
    payload: Payload, terms: Terms, at: datetime
) -> tuple[datetime, datetime, datetime | None]:
    """Return when the token was issued, when it ends, and when its bearer signed in."""
    now = at.timestamp()
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
    signed_in = _whole(payload, "auth_time")
    authenticated_at = None if signed_in is None else _moment(signed_in)
    end = min(_moment(expires_at), *_further_ends(terms, _moment(issued_at), authenticated_at))
    if end <= at:
        raise Refusal(Reason.EXPIRED)
    return _moment(issued_at), end, authenticated_at


def _further_ends(
    terms: Terms, issued_at: datetime, authenticated_at: datetime | None
) -> Iterator[datetime]:
    """Return when a token is not taken any more, though it has not ended."""
    yield datetime.max.replace(tzinfo=UTC)
    if terms.issued_for is not None:
        yield issued_at + terms.issued_for
    if terms.signed_in_for is not None:
        if authenticated_at is None:
            raise Refusal(Reason.MALFORMED_CLAIM)
        yield authenticated_at + terms.signed_in_for


def _whole(payload: Payload, name: str) -> int | None:
    """Return a JSON integer that is a moment since 1970; None where the name is absent."""
    if name not in payload:
        return None
    value = payload[name]
    if type(value) is not int or value < 0:  # bool is an int to Python, and not to JSON
        raise Refusal(Reason.MALFORMED_CLAIM)
    return value


def read_text(payload: Payload, name: str, *, longest: int = NAME_CHARACTERS_MAX) -> str:
    """Return a claim that is printable ASCII; raises Refusal for any other, or none."""
    value = payload.get(name)
    if not _is_name(value, longest):
        raise Refusal(Reason.MALFORMED_CLAIM)
    return str(value)


def _read_id(payload: Payload, name: str, terms: Terms) -> str | None:
    return terms.prefix + read_text(payload, name) if name in payload else None


def _read_username(payload: Payload, name: str) -> str | None:
    """Return the username: shown to people and stored with what they do, in any script."""
    if name not in payload:
        return None
    value = payload[name]
    if not isinstance(value, str) or not 0 < len(value) <= NAME_CHARACTERS_MAX:
        raise Refusal(Reason.MALFORMED_CLAIM)
    if not value.isprintable():
        raise Refusal(Reason.MALFORMED_CLAIM)
    return value


def _read_person(payload: Payload) -> str | None:
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
