"""Consents: the legal ground recorded before a credit pull or a bank link.

15 USC 1681b(a)(2): a consumer's written instructions are the safe basis for counseling. A consent
therefore keeps which wording was shown (version and hash), to whom, when, from where, until when,
and whether it was used: one consent, one pull.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.actors import Actor

CONSENT_DAYS = 30


class ConsentPurpose(StrEnum):
    """What a consent allows."""

    SOFT_CREDIT_PULL = "SOFT_CREDIT_PULL"
    HARD_CREDIT_PULL = "HARD_CREDIT_PULL"
    BANK_DATA = "BANK_DATA"
    ELECTRONIC_RECORDS = "ELECTRONIC_RECORDS"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentText:
    """The wording to show; sha256 is of the UTF-8 text, in lower-case hex."""

    purpose: ConsentPurpose
    version: str
    text: str

    @property
    def sha256(self) -> str:
        """Return the hash that a recorded consent repeats."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """A consent as given; `used_at` is set by the attempt that it allowed.

    ssn_index: blind index of the Social Security number that was on file when it was given, None
    where none was. The instructions are about that person's file and nobody else's.
    """

    id: str
    version: int = 0
    application_id: str
    purpose: ConsentPurpose
    text_version: str
    text_sha256: str
    given_by: Actor
    given_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    source_ip: str | None = None
    ssn_index: str | None = None

    def is_usable(self, purpose: ConsentPurpose, at: datetime) -> bool:
        """Say whether the consent allows this at that moment: matching, live and unused."""
        return self.purpose is purpose and self.used_at is None and at < self.expires_at


def consent_end(at: datetime) -> datetime:
    """Return when a consent given at `at` ends."""
    return at + timedelta(days=CONSENT_DAYS)


def current_text(purpose: ConsentPurpose, agency_name: str) -> ConsentText:
    """Return the wording in force, with the agency's name in it."""
    version, template = _TEXTS[purpose]
    return ConsentText(purpose=purpose, version=version, text=template.format(agency=agency_name))


_TEXTS: dict[ConsentPurpose, tuple[str, str]] = {
    ConsentPurpose.SOFT_CREDIT_PULL: (
        "2026-01",
        "I give {agency} my written instructions under the Fair Credit Reporting Act to obtain my "
        "credit report from TransUnion once, for credit counseling. I understand that this inquiry "
        "does not affect my credit score. This instruction ends 30 days from today, or as soon as "
        "the report has been obtained.",
    ),
    ConsentPurpose.HARD_CREDIT_PULL: (
        "2026-01",
        "I give {agency} my written instructions under the Fair Credit Reporting Act to obtain my "
        "credit report from TransUnion once, in connection with a credit transaction that I asked "
        "for. I understand that this inquiry is recorded in my credit file and may affect my "
        "credit score. This instruction ends 30 days from today, or as soon as the report has been "
        "obtained.",
    ),
    ConsentPurpose.BANK_DATA: (
        "2026-01",
        "I allow {agency} to read the accounts, balances and transactions of the bank accounts "
        "that I link, for credit counseling. I can withdraw this at any time by unlinking the "
        "account.",
    ),
    ConsentPurpose.ELECTRONIC_RECORDS: (
        "2026-01",
        "I agree that {agency} may give me disclosures, agreements and notices in electronic form. "
        "I can ask for paper copies free of charge and can withdraw this agreement at any time.",
    ),
}
