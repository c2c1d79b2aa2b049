"""Stage 3: issuer, key and grant must agree."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.access import AccessGrant, Scope
from domain.actors import Group, PrincipalKind
from domain.agencies import Agency
from domain.errors import AgencySuspended, Unauthenticated
from gateway.agency import Settled, settle_agency
from tests.gateway.small_gateway import CLOSED, HARBOR, FakeDirectory, World, principal

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
COUNSELOR = principal(HARBOR.id, PrincipalKind.COUNSELOR, Group.COUNSELORS)
MACHINE = dataclasses.replace(COUNSELOR, kind=PrincipalKind.INTEGRATION, group=None)
OPERATOR = principal(None, PrincipalKind.OPERATOR, Group.OPERATORS)


async def settle(who: object, hint: str | None = None, only: str | None = None) -> Agency | None:
    assert isinstance(who, type(COUNSELOR))
    settled = await settle_agency(who, hint, FakeDirectory(World()), at=NOW, only=only)
    assert (settled.principal, settled.named) == (who, None)
    return settled.agency


def a_grant(**changes: Any) -> AccessGrant:
    """Return a grant that the operator holds for another minute."""
    grant = AccessGrant(
        id="grant_1",
        grantee=OPERATOR.actor,
        scope=Scope.APPLICATIONS_READ,
        subject=None,
        reason="A complaint",
        requested_at=NOW,
        minutes=1,
        approved_by=dataclasses.replace(OPERATOR.actor, id="admin", kind=PrincipalKind.ADMIN),
        approved_at=NOW,
        expires_at=NOW + timedelta(minutes=1),
    )
    return dataclasses.replace(grant, **changes)


async def act(
    *grants: AccessGrant, hint: str | None = "harbor", only: str | None = None, later: int = 0
) -> Settled:
    """Settle for the operator, who holds these grants in the agency that is named."""
    directory = FakeDirectory(World(grants={HARBOR.id: list(grants), CLOSED.id: list(grants)}))
    at = NOW + timedelta(seconds=later)
    return await settle_agency(OPERATOR, hint, directory, at=at, only=only)


@pytest.mark.parametrize("who", [COUNSELOR, MACHINE])
@pytest.mark.parametrize(("hint", "only"), [(None, None), ("harbor", "harbor")])
async def test_a_principal_acts_for_the_agency_of_its_credential(
    who: object, hint: str | None, only: str | None
) -> None:
    """Persons and machines act for the agency that their credential is bound to."""
    assert await settle(who, hint, only) is HARBOR


@pytest.mark.parametrize(
    ("who", "hint", "only"),
    [
        (COUNSELOR, "summit", None),
        (COUNSELOR, "", None),
        (MACHINE, "summit", None),
        (COUNSELOR, None, "summit"),
        (dataclasses.replace(COUNSELOR, agency_id=None), None, None),
        (dataclasses.replace(COUNSELOR, agency_id="gone"), None, None),
        (dataclasses.replace(OPERATOR, agency_id=HARBOR.id), None, None),
    ],
)
async def test_what_does_not_agree_is_refused(
    who: object, hint: str | None, only: str | None
) -> None:
    """Another agency's name, no agency, or one that is gone: nobody is let in by mistake."""
    with pytest.raises(Unauthenticated):
        await settle(who, hint, only)


async def test_a_suspended_agency_is_told_so() -> None:
    """A credential that holds learns that its agency is suspended."""
    with pytest.raises(AgencySuspended):
        await settle(dataclasses.replace(COUNSELOR, agency_id=CLOSED.id))


ENDED = (
    a_grant(approved_at=None, approved_by=None),
    a_grant(revoked_at=NOW),
    a_grant(expires_at=NOW),
    a_grant(scope=Scope.APPLICATIONS_WRITE),
    a_grant(grantee=dataclasses.replace(OPERATOR.actor, id="somebody else")),
)


@pytest.mark.parametrize("hint", [None, "harbor", "nowhere", "closed", ""])
@pytest.mark.parametrize("grants", [(), *((one,) for one in ENDED), ENDED])
async def test_an_operator_has_no_agency_without_a_live_grant(
    hint: str | None, grants: tuple[AccessGrant, ...]
) -> None:
    """An agency that exists and one that does not look alike; one that exists can be asked."""
    settled = await act(*grants, hint=hint)
    assert (settled.principal, settled.agency) == (OPERATOR, None)
    assert settled.named is (HARBOR if hint == "harbor" else None)


async def test_an_operator_acts_under_the_live_grants_alone() -> None:
    """The scopes are those of the live grants together, and the principal carries these grants."""
    more = a_grant(id="grant_2", scope=Scope.CREDIT_READ, subject="app_x")
    settled = await act(a_grant(), *ENDED, more)
    assert settled.agency is HARBOR
    assert settled.principal.scopes == {Scope.APPLICATIONS_READ, Scope.CREDIT_READ}
    assert settled.principal.grants == (a_grant(), more)
    assert settled.principal.agency_id is None


@pytest.mark.parametrize(("later", "agency"), [(59, HARBOR), (60, None)])
async def test_a_grant_ends_to_the_second(later: int, agency: Agency | None) -> None:
    """What was live a second ago opens nothing at its end."""
    assert (await act(a_grant(), later=later)).agency is agency


@pytest.mark.parametrize(("hint", "only"), [("closed", None), ("harbor", "summit"), (None, None)])
async def test_a_grant_opens_no_agency_that_is_not_served(
    hint: str | None, only: str | None
) -> None:
    """A suspended agency, another than the process serves and none named: there is nothing."""
    settled = await act(a_grant(), hint=hint, only=only)
    assert (settled.agency, settled.named) == (None, None)
