"""Sample agencies, staff, keys and audit lines for the tests of the directory."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.access import ApiKey, Scope
from domain.actors import Actor, Group, PrincipalKind
from domain.agencies import Agency, Pool, Staff
from domain.audit import AuditLine
from domain.ids import new_ulid
from tenants.backend import Once
from tenants.directory.api_keys import new_secret, secret_hash, secret_prefix
from tenants.directory.port import Revocation, WrappedKey

AT = datetime(2026, 1, 15, 12, 0, 0, 123456, tzinfo=UTC)
FILE_KEY = bytes(range(32))
ACTOR = Actor(id="os:ada", kind=PrincipalKind.OPERATOR, display_name="ada")
OPERATORS = Pool(issuer="https://pools.test/us-east-1_Almoner1", client_ids=("almonerweb",))


def audit(action: str = "cli:test", at: datetime = AT) -> AuditLine:
    return AuditLine(id=new_ulid(at), at=at, actor=ACTOR, action=action, request_id="req-1")


def an_agency(slug: str = "harbor", **changes: Any) -> Agency:
    agency = Agency(
        id=new_ulid(AT),
        slug=slug,
        name=f"{slug.title()} Credit Counseling",
        states=("MI", "OH"),
        store_url=f"sqlite:stores/{slug}.db",
        pools=(Pool(issuer=f"https://pools.test/{slug}", client_ids=("almonerweb",)),),
    )
    return replace(agency, **changes)


def a_key(number: int = 0, **changes: Any) -> ApiKey:
    secret = new_secret()
    key = ApiKey(
        id=f"key_{new_ulid(AT + timedelta(seconds=number))}",
        name=f"ci {number}",
        prefix=secret_prefix(secret),
        hash=secret_hash(secret),
        scopes=frozenset({Scope.APPLICATIONS_READ, Scope.CREDIT_READ}),
        created_by=ACTOR,
        created_at=AT,
        expires_at=AT + timedelta(days=90),
    )
    return replace(key, **changes)


def a_member(subject: str = "sub-1", **changes: Any) -> Staff:
    staff = Staff(
        id=f"staff_{new_ulid(AT)}",
        subject=subject,
        display_name="Grace Counselor",
        email=f"{subject}@harbor.test",
        group=Group.COUNSELORS,
    )
    return replace(staff, **changes)


def a_once(key: ApiKey, digest: str = "input-1", at: datetime = AT) -> Once:
    return Once(key="once-1", digest=digest, reference=key.id, expires_at=at + timedelta(hours=24))


WRAPPED = (
    WrappedKey(purpose="store", key_id="1", wrapped=b"\x01store", created_at=AT),
    WrappedKey(purpose="data", key_id="01A", wrapped=b"\x01data", created_at=AT),
)


def a_revocation(kind: Any, value: str) -> Revocation:
    return Revocation(kind=kind, value=value, at=AT, expires_at=AT + timedelta(days=1))
