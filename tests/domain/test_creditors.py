"""Which names are one creditor."""

import pytest

from domain.creditors import creditor_key, policies_of
from tests.domain.plan_samples import a_policy, settings


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Capital One, N.A.", "CAPITAL ONE NA", True),
        ("  Bank of Ohio ", "bank of ohio", True),
        ("Straße Bank", "STRASSE BANK", True),
        ("Bank of Ohio", "Bank of Iowa", False),
        ("Bank 1", "Bank 2", False),
        ("--", "..", False),
    ],
)
def test_spelling_does_not_make_another_creditor(one: str, other: str, *, same: bool) -> None:
    """Case, blanks and punctuation do not tell creditors apart; letters and digits do."""
    assert (creditor_key(one) == creditor_key(other)) is same


def test_of_two_policies_for_one_creditor_the_first_holds() -> None:
    """A table with a creditor in it twice is read from its top."""
    first, second = a_policy("Bank", "6.00"), a_policy("BANK", "9.00")
    assert policies_of(settings(creditor_policies=(first, second))) == {"bank": first}
