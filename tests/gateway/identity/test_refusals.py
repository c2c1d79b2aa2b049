"""Why a credential was refused, and whose it claimed to be: for the log and the ledger alone."""

import pytest

from domain.errors import Unauthenticated
from gateway.identity.refusals import Reason, Refusal, attributed, reason_of, refused


def test_the_reason_is_for_the_log_alone() -> None:
    """It is told of the cause; an error that has another cause, or none, has no such reason."""
    error = refused(Reason.EXPIRED)
    assert type(error) is Unauthenticated
    assert "expired" not in error.message
    assert reason_of(error) is Reason.EXPIRED
    other = Unauthenticated()
    assert reason_of(other) is None
    other.__cause__ = ValueError("whatever it was")
    assert reason_of(other) is None


@pytest.mark.parametrize("agency_id", ["01HARBOR", None])
def test_a_refusal_is_nobodys_until_it_is_attributed(agency_id: str | None) -> None:
    """To an agency, or to the operators, who have none; another error passes as it is."""
    refusal = Refusal(Reason.EXPIRED)
    assert (refusal.is_attributed, refusal.agency_id) == (False, None)
    with pytest.raises(Refusal) as raised, attributed(agency_id):
        raise refusal
    assert raised.value is refusal
    assert (refusal.is_attributed, refusal.agency_id) == (True, agency_id)
    with pytest.raises(KeyError), attributed(agency_id):
        raise KeyError
