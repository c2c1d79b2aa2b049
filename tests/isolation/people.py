"""Who asks: the roles of each agency, the operators, those who must be refused; and signing in."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from domain.access import Scope
from domain.actors import Group
from domain.ids import new_ulid
from tests.gateway.identity.forge import Signer
from tests.isolation import planting
from tests.isolation.planting import (
    AGENCY_OPERATOR,
    COUNSELORS,
    FILE_OPERATOR,
    GRANTED,
    MEMBERS,
    VISITOR,
)

AGENCIES = ("harbor", "summit", "cedar")
OPERATORS = "operators"
"""The name of the operators' pool among those of the agencies."""

OPERATOR, OPERATOR_HINT = "operator", "operator with x-agency"
FOREIGN_HINT = "counselor with another agency's x-agency"
FORGED, FORGED_ID = "forged by another pool", "forged by another pool under the right key id"
REVOKED_KEY, NO_CREDENTIAL = "revoked key", "no credential"
REFUSED = (FOREIGN_HINT, FORGED, FORGED_ID, REVOKED_KEY, NO_CREDENTIAL)
NOWHERE = (OPERATOR, OPERATOR_HINT)
"""Operators without a grant anywhere."""
ROLES = (*sorted(MEMBERS), *NOWHERE, *sorted(GRANTED), *REFUSED)

GROUPS = {
    planting.CONSUMER_ROLE: Group.CONSUMERS,
    planting.OTHER_CONSUMER: Group.CONSUMERS,
    planting.SHARING_CONSUMER: Group.CONSUMERS,
    planting.COUNSELOR: Group.COUNSELORS,
    planting.STALE_COUNSELOR: Group.COUNSELORS,
    planting.ENDING: Group.COUNSELORS,
    planting.OTHER_COUNSELOR: Group.COUNSELORS,
    planting.ADMIN: Group.ADMINS,
    planting.ANALYST: Group.ANALYSTS,
}
SUBJECTS = {role: f"sub-{role.replace(' ', '-')}" for role in GROUPS} | dict.fromkeys(
    COUNSELORS, "sub-counselor"
)
SCOPES = {
    planting.KEY: frozenset(Scope),
    planting.AGENCY_KEY: frozenset({Scope.AGENCY_READ}),
    planting.WRITING_KEY: frozenset({Scope.APPLICATIONS_WRITE, Scope.CONSUMERS_WRITE}),
    REVOKED_KEY: frozenset(Scope),
}
STAFF = (planting.COUNSELOR, planting.OTHER_COUNSELOR, planting.ADMIN, planting.ANALYST)
TOKEN_SECONDS = 3600


@dataclass(slots=True)
class Session:
    """A credential of a role in an agency (None for operators), as the headers that carry it.

    refused: from now on nothing is answered to it but a refusal. outside: an operator's, to whom a
    suspended agency is as if there were none.
    """

    role: str
    agency: str | None
    headers: tuple[tuple[bytes, bytes], ...]
    refused: bool
    jti: str | None = None
    outside: bool = False

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return what must be said to nobody."""
        return tuple(value.decode() for name, value in self.headers if name != b"x-agency")


def neighbor_of(slug: str) -> str:
    """Return the agency that stands before another one, around in a circle."""
    return AGENCIES[AGENCIES.index(slug) - 1]


def operator_in(role: str, slug: str) -> str:
    """Return who asks in an agency as an operator of a role.

    One and the same holds grants over an application in every agency. Each agency has one of its
    own with grants over all of it, who comes to the next agency as a visitor.
    """
    if role == FILE_OPERATOR:
        return "sub-operator-of-files"
    return f"sub-operator-of-{neighbor_of(slug) if role == VISITOR else slug}"


def sign_in_members(
    slug: str, signers: Mapping[str, Signer], keys: Mapping[str, str]
) -> dict[str, Session]:
    """Return what the agency's people and keys, and those that it has to refuse, ask with."""
    own, other = signers[slug], signers[neighbor_of(slug)]
    sessions = {}
    for role, group in GROUPS.items():
        age = 3000 if role == planting.STALE_COUNSELOR else 5
        token, jti = _token(own, SUBJECTS[role], group, signed_in_seconds_ago=age)
        sessions[role] = Session(
            role, slug, ((b"authorization", token.encode()),), refused=False, jti=jti
        )
    for role, secret in keys.items():
        headers = ((b"x-api-key", secret.encode()),)
        sessions[role] = Session(role, slug, headers, refused=role == REVOKED_KEY)
    forged = {
        FORGED: replace(other, issuer=own.issuer),
        FORGED_ID: replace(other, issuer=own.issuer, key_id=own.key_id),
        FOREIGN_HINT: own,
    }
    for role, signer in forged.items():
        token, _ = _token(signer, "sub-counselor", Group.COUNSELORS)
        hint = neighbor_of(slug) if role == FOREIGN_HINT else None
        sessions[role] = Session(role, slug, _headers(token, hint), refused=True)
    sessions[NO_CREDENTIAL] = Session(NO_CREDENTIAL, slug, (), refused=True)
    return sessions


def sign_in_nowhere(signer: Signer) -> dict[str, Session]:
    """Return what operators without a grant ask with, wherever they ask."""
    sessions = {}
    for role, hint in ((OPERATOR, None), (OPERATOR_HINT, "summit")):
        token, _ = _token(signer, "sub-operator", Group.OPERATORS)
        sessions[role] = Session(role, None, _headers(token, hint), refused=False)
    return sessions


def sign_in_operators(signer: Signer) -> dict[str, dict[str, Session]]:
    """Return what operators with grants ask with in each agency: each has one sign-in for all."""
    who = {(role, slug): operator_in(role, slug) for role in sorted(GRANTED) for slug in AGENCIES}
    subjects = sorted(set(who.values()))
    tokens = {subject: _token(signer, subject, Group.OPERATORS)[0] for subject in subjects}
    return {
        slug: {
            role: Session(
                role, slug, _headers(tokens[who[role, slug]], slug), refused=False, outside=True
            )
            for role in (FILE_OPERATOR, AGENCY_OPERATOR, VISITOR)
        }
        for slug in AGENCIES
    }


def _headers(token: str, hint: str | None) -> tuple[tuple[bytes, bytes], ...]:
    named = () if hint is None else ((b"x-agency", hint.encode()),)
    return ((b"authorization", token.encode()), *named)


def _token(
    signer: Signer, subject: str, group: Group, *, signed_in_seconds_ago: int = 5
) -> tuple[str, str]:
    now, jti = int(datetime.now(UTC).timestamp()), f"jti-{new_ulid()}"
    token = signer.token(
        sub=subject,
        username=subject,
        cognito_groups=[group.value],
        iat=now - 5,
        auth_time=now - signed_in_seconds_ago,
        exp=now + TOKEN_SECONDS,
        jti=jti,
        origin_jti=f"origin-{jti}",
    )
    return token, jti
