"""Which directory a settled request works with: that of one agency, or none."""

from typing import Any, cast

import pytest

from domain.actors import Group, PrincipalKind
from domain.agencies import Agency
from gateway.agency import Settled
from tests.gateway.small_gateway import BROKEN, HARBOR, FakeDirectory, World, principal

WHO = principal(None, PrincipalKind.OPERATOR, Group.OPERATORS)


@pytest.mark.parametrize(
    ("agency", "named", "expected"),
    [
        (HARBOR, None, HARBOR),
        (HARBOR, BROKEN, HARBOR),
        (None, BROKEN, BROKEN),
        (None, None, None),
    ],
)
def test_the_directory_is_the_agencys_or_that_of_the_one_to_ask(
    agency: Agency | None, named: Agency | None, expected: Agency | None
) -> None:
    """Bound to the agency acted for before the one named; without either there is none."""
    directory = cast("Any", FakeDirectory(World()))
    found = Settled(principal=WHO, agency=agency, named=named).directory_in(directory)
    if expected is None:
        assert found is None
        return
    assert found is not None
    assert found._directory is directory
    assert found.agency is expected
