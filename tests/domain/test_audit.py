"""Audit lines: what a line is about."""

from datetime import UTC, datetime

import pytest

from domain.actors import Actor, PrincipalKind
from domain.audit import AuditLine

NAMED, ABOUT, OTHER = "app_1", "con_1", "con_2"


@pytest.mark.parametrize(
    ("ids", "is_about"),
    [
        ({NAMED}, True),
        ({ABOUT}, True),
        ({OTHER}, True),
        ({"con_3", OTHER}, True),
        ({"con_3"}, False),
        ({"sub-1"}, False),
        (frozenset[str](), False),
    ],
)
def test_a_line_is_about_its_subject_and_its_consumers(ids: set[str], is_about: bool) -> None:
    """One of the ids is enough; who did it is nobody that the line is about."""
    line = AuditLine(
        id="01",
        at=datetime(2026, 1, 15, tzinfo=UTC),
        actor=Actor(id="sub-1", kind=PrincipalKind.COUNSELOR, display_name="Cora Counselor"),
        action="applications",
        subject=NAMED,
        consumers=(ABOUT, OTHER),
        request_id="req-1",
    )

    assert line.is_about(ids) is is_about


def test_a_line_without_a_subject_is_about_its_consumers_alone() -> None:
    """That no object is named is no object that is asked for."""
    line = AuditLine(
        id="01",
        at=datetime(2026, 1, 15, tzinfo=UTC),
        actor=Actor(id="sub-1", kind=PrincipalKind.COUNSELOR, display_name="Cora Counselor"),
        action="applications",
        consumers=(ABOUT,),
        request_id="req-1",
    )

    assert line.is_about({ABOUT})
    assert not line.is_about({NAMED})
