"""Grants and keys by themselves: when they open something, and how long claims may go on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.access import (
    CLAIM_DAYS,
    CLAIM_DAYS_MAX,
    AccessGrant,
    ApiKey,
    GrantStatus,
    Scope,
    claim_end,
    claim_limit,
)
from domain.actors import Actor, PrincipalKind

AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
SPAN = CLAIM_DAYS_MAX * DAY
COUNSELOR = Actor(id="counselor", kind=PrincipalKind.COUNSELOR, display_name="A counselor")
ADMIN = Actor(id="admin", kind=PrincipalKind.ADMIN, display_name="An admin")


def a_request(**changes: Any) -> AccessGrant:
    """Return a request to work on an application, which lapses after a day."""
    request = AccessGrant(
        id="grant_1_1",
        grantee=COUNSELOR,
        scope=Scope.APPLICATIONS_WRITE,
        subject="app_1",
        reason="A complaint",
        requested_at=AT,
        minutes=60,
        expires_at=AT + DAY,
    )
    return replace(request, **changes)


def an_approval(at: datetime, **changes: Any) -> AccessGrant:
    """Return a grant that an admin gave at that moment, for an hour."""
    approved = a_request(approved_by=ADMIN, approved_at=at, expires_at=at + timedelta(hours=1))
    return replace(approved, **changes)


def a_claim(at: datetime, limit: datetime, **changes: Any) -> AccessGrant:
    """Return a claim made at that moment, renewable until `limit`."""
    claim = a_request(requested_at=at, expires_at=claim_end(at, limit), renewable_until=limit)
    return replace(claim, **changes)


def test_a_grant_opens_from_its_approval_to_its_end() -> None:
    """A request opens nothing; a claim or an approval does until the very moment that it ends."""
    before, end = AT + DAY - SECOND, AT + DAY
    live = {"approved_at": AT, "expires_at": end}
    for grant, states in (
        (a_request(), (GrantStatus.REQUESTED, GrantStatus.EXPIRED)),
        (a_request(**live), (GrantStatus.LIVE, GrantStatus.EXPIRED)),
        (a_request(renewable_until=AT + SPAN), (GrantStatus.LIVE, GrantStatus.EXPIRED)),
        (a_request(**live, revoked_at=AT), (GrantStatus.REVOKED, GrantStatus.REVOKED)),
    ):
        assert (grant.status_at(before), grant.status_at(end)) == states
        assert grant.is_live(before) is (states[0] is GrantStatus.LIVE)
        assert not grant.is_live(end)


def test_a_grant_ended_when_the_first_of_its_ends_came() -> None:
    """A revocation after the end moves nothing."""
    assert a_request().ended_at == AT + DAY
    assert a_request(revoked_at=AT + SECOND).ended_at == AT + SECOND
    assert a_request(revoked_at=AT + 2 * DAY).ended_at == AT + DAY


def test_an_admin_ends_a_claim_for_good() -> None:
    """What an admin revokes is not renewed; what its holder gives back, or an approval, may be."""
    claim, later = a_claim(AT, AT + SPAN), AT + DAY
    taken, given_back = (claim.revoked(later, by_admin=by_admin) for by_admin in (True, False))
    assert (taken.revoked_at, taken.renewable_until, taken.taken_back) == (later, later, True)
    assert given_back == replace(claim, revoked_at=later)
    assert not given_back.taken_back
    long_after = claim.revoked(AT + SPAN + DAY, by_admin=True)
    assert long_after.taken_back
    assert given_back.barred(later).taken_back
    assert given_back.barred(later).revoked_at == later
    assert taken.barred(later + DAY) == taken
    approval = an_approval(AT)
    assert approval.revoked(later, by_admin=True) == replace(approval, revoked_at=later)
    assert approval.barred(later) == approval


def test_a_claim_lasts_thirty_days_and_never_beyond_its_limit() -> None:
    """Near the limit a claim is shorter."""
    end = AT + CLAIM_DAYS * DAY
    assert claim_end(AT) == end
    assert claim_end(AT, end + SECOND) == end
    assert claim_end(AT, end - SECOND) == end - SECOND


def test_claims_are_bounded_by_the_first_of_them() -> None:
    """Whoever never claimed has the whole span; after that, what the earliest one left of it."""
    assert claim_limit((), AT) == AT + SPAN
    first = a_claim(AT, AT + SPAN)
    second = a_claim(AT + 40 * DAY, AT + SPAN + DAY)
    for held in ((first, second), (second, first)):
        assert claim_limit(held, AT + 50 * DAY) == AT + SPAN
    assert claim_limit((a_request(), an_approval(AT)), AT + DAY) == AT + DAY + SPAN


def test_an_approval_begins_the_span_of_a_running_claim_anew() -> None:
    """Of a claim that ran when an admin approved; the latest approval counts, wherever it is."""
    claim = a_claim(AT, AT + SPAN)
    early, late = an_approval(AT + DAY), an_approval(AT + 20 * DAY)
    for held in ((claim, early, late), (late, early, claim), (early, claim, late)):
        assert claim_limit(held, AT + 25 * DAY) == AT + 20 * DAY + SPAN


def test_a_claim_since_the_approval_keeps_its_own_limit() -> None:
    """One made at the moment of the approval began before it; one that had ended counts no more."""
    approval = an_approval(AT + 40 * DAY)
    ended = a_claim(AT, AT + SPAN)
    assert claim_limit((ended, approval), AT + 50 * DAY) == AT + 50 * DAY + SPAN
    ended_then = replace(ended, expires_at=AT + 40 * DAY)
    assert claim_limit((ended_then, approval), AT + 50 * DAY) == AT + 50 * DAY + SPAN
    limit = AT + 100 * DAY
    for made, expected in ((AT + 40 * DAY, AT + 40 * DAY + SPAN), (AT + 41 * DAY, limit)):
        claim = a_claim(made, limit)
        assert claim_limit((ended, approval, claim), AT + 50 * DAY) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"approved_by": COUNSELOR},
        {"approved_by": None},
        {"scope": Scope.APPLICATIONS_READ},
        {"revoked_at": AT + 2 * DAY},
    ],
)
def test_only_an_admins_standing_approval_to_work_on_it_begins_anew(
    changes: dict[str, Any],
) -> None:
    """Not a hand-over by a counselor, not one to read, not one that was taken back."""
    claim = a_claim(AT, AT + SPAN)
    approval = an_approval(AT + DAY, **changes)
    assert claim_limit((claim, approval), AT + 3 * DAY) == AT + SPAN


def test_a_claim_that_an_admin_took_back_bars_whoever_held_it() -> None:
    """Its limit is the moment of the revocation, whatever was approved before."""
    approval, revoked = an_approval(AT + DAY), AT + 2 * DAY
    taken = a_claim(AT, AT + SPAN).revoked(revoked, by_admin=True)
    assert claim_limit((taken, approval), AT + 3 * DAY) == revoked
    anew = an_approval(AT + 3 * DAY)
    assert claim_limit((taken, approval, anew), AT + 4 * DAY) == AT + 4 * DAY + SPAN


def test_a_bar_counts_from_when_it_is_said() -> None:
    """On a claim that was given back before too: only an approval after it lets another be made."""
    given_back = a_claim(AT, AT + SPAN).revoked(AT + DAY, by_admin=False)
    barred = given_back.barred(AT + 3 * DAY)
    assert (barred.revoked_at, barred.renewable_until) == (AT + DAY, AT + 3 * DAY)
    for day, expected in ((2, AT + 3 * DAY), (4, AT + 5 * DAY + SPAN)):
        assert claim_limit((barred, an_approval(AT + day * DAY)), AT + 5 * DAY) == expected
    assert barred.barred(AT + 9 * DAY) == barred
    assert a_request().barred(AT) == a_request()


def test_a_key_authenticates_until_its_end_or_its_revocation() -> None:
    """To the second; a revoked one not even before its end."""
    key = ApiKey(
        id="key_1",
        name="Import",
        prefix="da2-abcd",
        hash="00",
        scopes=frozenset({Scope.APPLICATIONS_READ}),
        created_by=ADMIN,
        created_at=AT,
        expires_at=AT + DAY,
    )
    assert (key.is_live(AT + DAY - SECOND), key.is_live(AT + DAY)) == (True, False)
    assert not replace(key, revoked_at=AT + SECOND).is_live(AT + 2 * SECOND)
