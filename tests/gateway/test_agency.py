"""Stage 3: issuer, key and grant must agree."""

import dataclasses

import pytest

from domain.actors import Group, PrincipalKind
from domain.agencies import Agency
from domain.errors import AgencySuspended, Unauthenticated
from gateway.agency import settle_agency
from tests.gateway.small_gateway import CLOSED, HARBOR, FakeDirectory, World, principal

COUNSELOR = principal(HARBOR.id, PrincipalKind.COUNSELOR, Group.COUNSELORS)
MACHINE = dataclasses.replace(COUNSELOR, kind=PrincipalKind.INTEGRATION, group=None)
OPERATOR = principal(None, PrincipalKind.OPERATOR, Group.OPERATORS)


async def settle(who: object, hint: str | None = None, only: str | None = None) -> Agency | None:
    assert isinstance(who, type(COUNSELOR))
    return await settle_agency(who, hint, FakeDirectory(World()), only=only)


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


@pytest.mark.parametrize("hint", [None, "harbor", "nowhere"])
async def test_an_operator_has_no_agency_without_a_grant(hint: str | None) -> None:
    """An agency that exists and one that does not look alike to an operator."""
    assert await settle(OPERATOR, hint) is None
