"""An agency's settings: what analysis, fees and plans are computed from, each with its first day.

Settings are never changed: a new version begins on a day, and what was proposed or signed keeps
the version that it was computed from.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from domain.access import CLAIM_DAYS, CLAIM_DAYS_MAX
from domain.ids import EPOCH, new_child_id
from domain.retention import RETENTION_YEARS_DEFAULT

SETTINGS_ROOT = "0" * 26
"""The root of all versions, the same in every agency: a store has one agency's and no other's."""

DEFAULTS_FROM = EPOCH.date()
_DEFAULTS_ID = f"set_{SETTINGS_ROOT}"
DAYS_AHEAD_MAX = 2 * 366
WAITING_MAX = 100  # versions that are made and have not begun yet
POLICIES_MAX = 500
CUSHION_MAX = Decimal("5000.00")
PAYMENT_RATE_MAX = Decimal("25.00")  # percent of the balance a month
SETUP_FEE_MAX = Decimal("500.00")
MONTHLY_FEE_MAX = Decimal("500.00")
POLICY_APR_MAX = Decimal("100.00")
POLICY_RATE_MAX = Decimal("100.00")
POLICY_FLOOR_MAX = Decimal("10000.00")
GRANT_DAYS_MIN = 1
GRANT_DAYS_MAX = CLAIM_DAYS_MAX


class Participation(StrEnum):
    """What a creditor does with a plan; UDMSA section 17 wants each named in one of the three."""

    WITH_CONCESSIONS = "WITH_CONCESSIONS"
    WITHOUT_CONCESSIONS = "WITHOUT_CONCESSIONS"
    NOT_EXPECTED = "NOT_EXPECTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditorPolicy:
    """What one creditor gives to this agency's plans. What agencies know of this is confidential.

    apr: percent a year under a plan. payment_rate: percent of the balance a month.
    payment_floor: least payment a month.
    """

    creditor: str
    participation: Participation
    apr: Decimal
    payment_rate: Decimal
    payment_floor: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class AgencySettings:
    """One version of an agency's settings, in force from `effective_from` until the next begins.

    version: of the record, which is written once. number: of the version, in the order in which
    they were made; 0 for the defaults, which nobody wrote. effective_from: a day in UTC.
    cushion: what is set aside for savings, a month. standard_payment_rate,
    hardship_payment_rate: percent of the eligible balance a month that a plan of the kind takes at
    least (NFCC and AICCCA, Call to Action, 2009: 2 and 1.75). Fees: before the caps of the
    consumer's state. grant_days: how long a claim lasts.
    """

    id: str
    version: int = 0
    number: int = 0
    effective_from: date
    cushion: Decimal = Decimal("125.00")
    standard_payment_rate: Decimal = Decimal("2.00")
    hardship_payment_rate: Decimal = Decimal("1.75")
    setup_fee: Decimal = Decimal("50.00")
    monthly_fee_per_creditor: Decimal = Decimal("10.00")
    monthly_fee_max: Decimal = Decimal("50.00")
    grant_days: int = CLAIM_DAYS
    retention_years: int = RETENTION_YEARS_DEFAULT
    creditor_policies: tuple[CreditorPolicy, ...] = ()


def new_settings_id(at: datetime) -> str:
    """Return a fresh id for a version that is made now."""
    return new_child_id("set", _DEFAULTS_ID, at)


def defaults(retention_years: int = RETENTION_YEARS_DEFAULT) -> AgencySettings:
    """Return what holds in an agency that has written no settings yet."""
    return AgencySettings(
        id=_DEFAULTS_ID, effective_from=DEFAULTS_FROM, retention_years=retention_years
    )


def in_force(versions: Iterable[AgencySettings], on: date) -> AgencySettings | None:
    """Return the settings of that day: the latest begun; of those of one day, the last made."""
    begun = (one for one in versions if one.effective_from <= on)
    return max(begun, key=lambda one: (one.effective_from, one.number), default=None)
