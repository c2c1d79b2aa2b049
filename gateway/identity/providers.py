"""Who may vouch for people beside the user pools: the file of OIDC issuers and authorizers.

Each is bound to one agency by the operator, so that nothing which a client or a token says can
choose another. The file is read at the start; what is not right in it stops the start.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import msgspec

from domain.actors import Group
from domain.addresses import is_issuer_address
from gateway.identity.patterns import BadPattern, Pattern
from gateway.settings import CannotStart

FILE_BYTES_MAX = 256 * 1024
CLIENT_CHARACTERS_MAX = 256
OPAQUE_TOKEN_CHARACTERS_MAX = 2048
RESULT_TTL_SECONDS = 300
RESULT_TTL_SECONDS_MAX = 3600
# The command line acts as `os:<user>`; a provider of that name could be taken for it.
_RESERVED_NAMES = frozenset({"os"})

_Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,31}\Z")]
_Milliseconds = Annotated[int, msgspec.Meta(ge=1000, le=366 * 24 * 60 * 60 * 1000)]
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcIssuer:
    """An OpenID Connect issuer that one agency's people sign in at.

    name: stands before the subjects of its tokens, so that no two issuers name the same person.
    agency: a slug. client: matched with `aud`, else with `azp`. groups_claim: the way to the claim
    that holds the groups. groups: ours by theirs. issued_for, signed_in_for: how long a token is
    taken after `iat` and after `auth_time`, None where its own end is all that counts.
    """

    name: str
    agency: str
    issuer: str
    client: Pattern
    groups_claim: tuple[str, ...]
    groups: Mapping[str, Group]
    issued_for: timedelta | None = None
    signed_in_for: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorizer:
    """An agency's own authorizer, asked over HTTP about tokens that are no JWT.

    token: what its tokens look like, None for any. result_ttl_seconds: how long an answer is kept
    that does not say so itself.
    """

    name: str
    agency: str
    url: str
    token: Pattern | None = field(default=None, repr=False)
    result_ttl_seconds: int = RESULT_TTL_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Providers:
    """All that the file names. issuers: by their exact `iss`."""

    issuers: Mapping[str, OidcIssuer] = field(default_factory=dict)
    authorizers: tuple[Authorizer, ...] = ()


NO_PROVIDERS = Providers()


class _OidcTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: _Name
    agency: _Text
    issuer: _Text
    client_id: _Text
    groups: dict[_Text, Group]
    groups_claim: _Text | Annotated[tuple[_Text, ...], msgspec.Meta(min_length=1, max_length=8)] = (
        "groups"
    )
    iat_ttl_ms: _Milliseconds | None = None
    auth_ttl_ms: _Milliseconds | None = None


class _AuthorizerTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: _Name
    agency: _Text
    url: _Text
    identity_validation_expression: _Text | None = None
    authorizer_result_ttl_seconds: Annotated[int, msgspec.Meta(ge=0, le=RESULT_TTL_SECONDS_MAX)] = (
        RESULT_TTL_SECONDS
    )


class _File(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    oidc: tuple[_OidcTable, ...] = ()
    authorizer: tuple[_AuthorizerTable, ...] = ()


def read_providers(path: Path | None, *, only: str | None = None) -> Providers:
    """Return what the file names; nobody without a file.

    only: the slug of the one agency that this process serves. Raises CannotStart where the file
    cannot be read, or says what cannot be.
    """
    if path is None:
        return NO_PROVIDERS
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
        if len(content) > FILE_BYTES_MAX:
            raise CannotStart(f"{path} is larger than {FILE_BYTES_MAX} bytes.")
        tables = msgspec.convert(tomllib.loads(content.decode("utf-8")), _File)
    except OSError as error:
        why = f"cannot read {path} (ALMONER_PROVIDERS_FILE): {error.strerror}."
        raise CannotStart(why) from error
    except (ValueError, msgspec.ValidationError, RecursionError) as error:
        raise CannotStart(f"{path}: {error}.") from None
    _check_names(path, tables)
    issuers = [_issuer(path, table) for table in tables.oidc]
    authorizers = [_authorizer(path, table) for table in tables.authorizer]
    _demand_unique(path, "issuer", [one.issuer for one in issuers])
    _demand_unique(path, "authorizer of agency", [one.agency for one in authorizers])
    return Providers(
        issuers={one.issuer: one for one in issuers if only in (None, one.agency)},
        authorizers=tuple(one for one in authorizers if only in (None, one.agency)),
    )


def _check_names(path: Path, tables: _File) -> None:
    names = [*(one.name for one in tables.oidc), *(one.name for one in tables.authorizer)]
    _demand_unique(path, "name", names)
    for name in names:
        if name in _RESERVED_NAMES:
            raise CannotStart(f"{path}: {name} is a name that is taken: choose another.")


def _demand_unique(path: Path, what: str, values: list[str]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise CannotStart(f"{path}: the {what} {value} is there more than once.")


def _issuer(path: Path, table: _OidcTable) -> OidcIssuer:
    if not is_issuer_address(table.issuer):
        raise CannotStart(
            f"{path}: {table.name}: the issuer is an https address without query, exactly as `iss` "
            "in its tokens (http for one on this machine)."
        )
    if not table.groups or Group.OPERATORS in table.groups.values():
        raise CannotStart(
            f"{path}: {table.name}: groups says which of its groups are which of ours: consumers, "
            "counselors, admins or analysts. Operators sign in at their own pool alone."
        )
    claim = table.groups_claim
    return OidcIssuer(
        name=table.name,
        agency=table.agency,
        issuer=table.issuer,
        client=_pattern(path, table.name, table.client_id, CLIENT_CHARACTERS_MAX),
        groups_claim=(claim,) if isinstance(claim, str) else claim,
        groups=table.groups,
        issued_for=_span(table.iat_ttl_ms),
        signed_in_for=_span(table.auth_ttl_ms),
    )


def _authorizer(path: Path, table: _AuthorizerTable) -> Authorizer:
    if not is_issuer_address(table.url):
        raise CannotStart(
            f"{path}: {table.name}: the url is an https address without query (http for one on "
            "this machine): tokens go there, and are not for others to read."
        )
    expression = table.identity_validation_expression
    token = None
    if expression is not None:
        token = _pattern(path, table.name, expression, OPAQUE_TOKEN_CHARACTERS_MAX)
    return Authorizer(
        name=table.name,
        agency=table.agency,
        url=table.url,
        token=token,
        result_ttl_seconds=table.authorizer_result_ttl_seconds,
    )


def _pattern(path: Path, name: str, expression: str, characters_max: int) -> Pattern:
    try:
        return Pattern(expression, characters_max=characters_max)
    except BadPattern as error:
        raise CannotStart(f"{path}: {name}: {expression!r} is no pattern: {error}.") from None


def _span(milliseconds: int | None) -> timedelta | None:
    return None if milliseconds is None else timedelta(milliseconds=milliseconds)
