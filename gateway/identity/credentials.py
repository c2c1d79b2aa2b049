"""Reads the credential out of a request's headers, and refuses requests that bring several."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from gateway.headers import HeaderFields
from gateway.identity.claims import TOKEN_CHARACTERS_MAX, is_token
from gateway.identity.refusals import Reason, refused
from tenants.directory.api_keys import is_secret

_AUTHORIZATION, _API_KEY, _AGENCY = "authorization", "x-api-key", "x-agency"
_WANTED = frozenset((_AUTHORIZATION, _API_KEY, _AGENCY))
_WANTED_RAW = tuple((name.encode(), name) for name in _WANTED)
_BEARER = re.compile(r"bearer ", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What was presented, unverified.

    value: the token without `Bearer `, or the API key's secret. agency_hint: `x-agency` as sent;
    stage 3 demands that it agrees with the principal, and takes it from operators alone.
    """

    kind: Literal["jwt", "api_key"]
    value: str = field(repr=False)
    agency_hint: str | None = None


def read_credential(headers: HeaderFields | Mapping[str, str]) -> Credential | None:
    """Return the credential, None where none was brought.

    Takes a request's headers, or the object of header names that a realtime client sends; names
    are compared without regard to case. Raises Unauthenticated for several credentials, a
    repeated header, a scheme that is not `Bearer`, and what is not spelled as a credential is.
    """
    found: dict[str, str] = {}
    for name, value in _wanted(headers):
        if name in found:
            raise refused(Reason.REPEATED_HEADER)
        found[name] = value
    hint = found.get(_AGENCY)
    authorization, secret = found.get(_AUTHORIZATION), found.get(_API_KEY)
    if authorization is not None:
        if secret is not None:
            raise refused(Reason.SEVERAL_CREDENTIALS)
        return Credential(kind="jwt", value=_read_token(authorization), agency_hint=hint)
    if secret is None:
        return None
    if not is_secret(secret):
        raise refused(Reason.MALFORMED_API_KEY)
    return Credential(kind="api_key", value=secret, agency_hint=hint)


def _wanted(headers: HeaderFields | Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if isinstance(headers, HeaderFields):
        for raw_name, name in _WANTED_RAW:
            for given in headers.every(raw_name):
                yield name, given
        return
    pairs: Iterable[tuple[str, object]] = headers.items()
    for name, value in pairs:
        lowered = name.lower()
        if lowered not in _WANTED:
            continue
        if not isinstance(value, str):  # the realtime object is JSON that a client made up
            raise refused(Reason.MALFORMED_TOKEN)
        yield lowered, value


def _read_token(authorization: str) -> str:
    scheme = _BEARER.match(authorization)
    token = authorization if scheme is None else authorization[scheme.end() :]
    if len(token) > TOKEN_CHARACTERS_MAX:
        raise refused(Reason.TOKEN_TOO_LARGE)
    if not is_token(token):
        foreign = scheme is None and " " in authorization.strip(" ")
        raise refused(Reason.UNKNOWN_SCHEME if foreign else Reason.MALFORMED_TOKEN)
    return token
