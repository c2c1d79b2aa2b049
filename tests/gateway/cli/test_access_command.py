"""`almoner access review`: every live power of an agency, its age and its last use."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.access import AccessGrant, Scope
from domain.actors import Actor, PrincipalKind
from domain.applications import Application
from domain.audit import AuditLine
from domain.ids import new_child_id, new_ulid
from gateway.provisioning import cli_audit
from gateway.workspace import open_workspace
from tenants.keys.home import KeySettings
from tenants.store import Change
from tests.gateway.cli.command import almoner, made

WHY = ("--reason", "Q1 review")
NOW = datetime.now(UTC).replace(microsecond=0)
CORA = Actor(id="sub-cora", kind=PrincipalKind.COUNSELOR, display_name="Cora Counselor")
OLGA = Actor(id="sub-olga", kind=PrincipalKind.OPERATOR, display_name="Olga Operator")
ADMIN = Actor(id="sub-ada", kind=PrincipalKind.ADMIN, display_name="Ada Admin")
FILE = f"app_{new_ulid()}"
OTHER_FILE = f"app_{new_ulid()}"
OWNER = f"con_{new_ulid()}"


def a_grant(grantee: Actor, subject: str | None, **changes: Any) -> AccessGrant:
    grant = AccessGrant(
        id=f"grant_{new_ulid()}" if subject is None else new_child_id("grant", subject),
        grantee=grantee,
        scope=Scope.APPLICATIONS_READ,
        subject=subject,
        reason="A complaint",
        requested_at=NOW - timedelta(days=10),
        minutes=60,
        approved_by=ADMIN,
        approved_at=NOW - timedelta(days=9),
        expires_at=NOW + timedelta(hours=1),
    )
    return replace(grant, **changes)


def a_line(actor: Actor, days: int, *consumers: str) -> AuditLine:
    """Return what somebody did so many days ago."""
    at = NOW - timedelta(days=days)
    return AuditLine(
        id=new_ulid(at),
        at=at,
        actor=actor,
        action="application",
        consumers=consumers,
        request_id="request-1",
    )


DEAD = (
    {"revoked_at": NOW},
    {"expires_at": NOW - timedelta(seconds=1)},
    {"approved_at": None, "approved_by": None},
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home with live and dead powers of each kind."""
    home = made(tmp_path / "home")
    staff = ("staff", "add", "harbor", "--subject", CORA.id, "--email", "cora@harbor.test")
    added = almoner(home, *staff, "--name", CORA.display_name, "--group", "counselors")
    assert added.status == 0, added.output
    gone = ("staff", "add", "harbor", "--subject", "gone", "--email", "gone@harbor.test")
    left = almoner(home, *gone, "--name", "Gone", "--group", "admins").output.strip()
    almoner(home, "staff", "deactivate", "harbor", left, "--reason", "left")
    for name in ("live", "dead"):
        almoner(home, "key", "create", "harbor", "--scope", "agency:read", "--name", name)
    keys = json.loads(almoner(home, "key", "list", "harbor", "--json").output)
    dead = next(key["id"] for key in keys if key["name"] == "dead")
    almoner(home, "key", "revoke", "harbor", dead, "--reason", "test")
    asyncio.run(fill(home))
    return home


async def fill(home: Path) -> None:
    """Write grants of both places, and what was done under them."""
    async with open_workspace(home, keys=KeySettings()) as workspace:
        agency = await workspace.directory.agency_by_slug("harbor")
        assert agency is not None
        for grant in (a_grant(OLGA, None), *(a_grant(OLGA, None, **one) for one in DEAD)):
            audit = cli_audit("test", subject=grant.id, reason="test")
            await workspace.directory.put_access_grant(agency.id, grant, audit)
        files = [
            Application(id=id_, consumer_id=OWNER, created_at=NOW, updated_at=NOW)
            for id_ in (FILE,)
        ]
        grants = [
            a_grant(CORA, FILE),
            a_grant(CORA, OTHER_FILE),
            *(a_grant(CORA, FILE, **one) for one in DEAD),
        ]
        async with workspace.registry.lease(agency) as store:
            await store.commit(Change(put=(*files, *grants)))
            for line in (a_line(CORA, 12, OWNER), a_line(CORA, 3, OWNER), a_line(CORA, 1)):
                await store.record_audit(line)


def review(home: Path, *arguments: str) -> list[dict[str, Any]]:
    done = almoner(home, "access", "review", "harbor", "--json", *WHY, *arguments)
    assert done.status == 0, done.output
    rows: list[dict[str, Any]] = json.loads(done.output)
    return rows


def days_since(moment: str | None) -> int | None:
    return None if moment is None else round((NOW - datetime.fromisoformat(moment)).days)


def test_every_live_power_is_listed_with_its_age_and_last_use(home: Path) -> None:
    """Staff, keys and grants of both places; what has ended, waits or was taken away is not."""
    rows = review(home)
    assert [(row["kind"], row["what"], row["over"], row["age"]) for row in rows] == [
        ("staff", "counselors", "the agency", 0),
        ("key", "agency:read", "the agency", 0),
        *((("counselor grant", "applications:read", one["over"], 9)) for one in rows[2:4]),
        ("operator grant", "applications:read", "the agency", 9),
    ]
    assert {row["over"] for row in rows[2:4]} == {FILE, OTHER_FILE}
    uses = {row["over"]: days_since(row["last use"]) for row in rows[2:4]}
    assert uses == {FILE: 3, OTHER_FILE: None}, "of that file, since it was given"
    assert rows[0]["who"] == "Cora Counselor <cora@harbor.test>"
    assert rows[4]["last use"] is None
    assert all(row["ends"] for row in rows[1:])


def test_a_use_before_the_days_looked_back_over_is_none(home: Path) -> None:
    """What nobody used in these days shows as not used."""
    recent = {row["over"]: row["last use"] for row in review(home, "--days", "2")}
    assert recent[FILE] is None


def test_the_review_itself_is_audited(home: Path) -> None:
    """Who reviewed, and why, stands in the ledger."""
    review(home, "--reason", "first quarter")
    lines = almoner(home, "audit", "tail", "harbor", "--json", *WHY).output
    assert '"cli:access review"' in lines
    assert "first quarter" in lines


def test_it_is_a_table_without_json(home: Path) -> None:
    """A heading and a row for each power."""
    done = almoner(home, "access", "review", "harbor", *WHY)
    assert done.status == 0
    assert done.output.splitlines()[0].split()[:4] == ["KIND", "WHO", "WHAT", "OVER"]
    assert len(done.output.splitlines()) == 6
    assert almoner(home, "access", "review", "nowhere", *WHY).status == 1
