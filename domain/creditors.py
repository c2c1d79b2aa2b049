"""Creditors: by which name they are the same, and what an agency knows of each."""

import unicodedata

from domain.settings import AgencySettings, CreditorPolicy, Participation


def creditor_key(name: str) -> str:
    """Return what two spellings of a creditor's name have in common: letters and digits alone.

    `Capital One, N.A.` and `CAPITAL ONE NA` are one creditor. A name without any is itself.
    """
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(sign for sign in folded if sign.isalnum()) or folded.strip()


def policies_of(settings: AgencySettings) -> dict[str, CreditorPolicy]:
    """Return the agency's policies by `creditor_key`; of two for one creditor the first."""
    return {creditor_key(one.creditor): one for one in reversed(settings.creditor_policies)}


def outside_creditors(settings: AgencySettings) -> frozenset[str]:
    """Return the keys of the creditors that are not expected to take part in any plan."""
    return frozenset(
        key
        for key, policy in policies_of(settings).items()
        if policy.participation is Participation.NOT_EXPECTED
    )
