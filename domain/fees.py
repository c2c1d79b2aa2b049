"""What a plan costs: the agency's fees, within the caps of the consumer's state, or waived.

The Uniform Debt-Management Services Act, section 23, counts creditors and not accounts: two cards
of one bank are one creditor. 26 USC 501(q) asks for waivers where somebody cannot pay.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from domain.amortization import amount_of, cents
from domain.money import ZERO
from domain.settings import AgencySettings

_WHOLE = 10_000  # hundredths of a percent


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeCap:
    """The most that a state allows, from its first day on; None where it sets no such bound.

    monthly_per_creditor: for each creditor still to be paid. disbursed_share: percent of what is
    paid to creditors in the month. source: where the figure was read.
    """

    effective_from: date
    setup: Decimal
    monthly: Decimal
    monthly_per_creditor: Decimal | None = None
    disbursed_share: Decimal | None = None
    source: str


_ANY_DAY = date(2000, 1, 1)  # the sources name no first day; no plan is older
_UDMSA = "Uniform Debt-Management Services Act, section 23"


def _udmsa(state: str) -> tuple[FeeCap, ...]:
    return (
        FeeCap(
            effective_from=_ANY_DAY,
            setup=Decimal("50.00"),
            monthly=Decimal("50.00"),
            monthly_per_creditor=Decimal("10.00"),
            source=f"{_UDMSA}, as enacted in {state}",
        ),
    )


FEE_CAPS: Mapping[str, tuple[FeeCap, ...]] = {
    "UT": _udmsa("Utah"),
    "RI": _udmsa("Rhode Island"),
    "CO": _udmsa("Colorado"),
    "VA": (
        FeeCap(
            effective_from=_ANY_DAY,
            setup=Decimal("75.00"),
            monthly=Decimal("60.00"),
            disbursed_share=Decimal("15.00"),
            source="Virginia, credit counseling: 75 to set up; 15 % of what is disbursed, "
            "at most 60 a month",
        ),
    ),
    "MS": (
        FeeCap(
            effective_from=_ANY_DAY,
            setup=Decimal("75.00"),
            monthly=Decimal("30.00"),
            source="Mississippi, debt management: 75 to set up, 30 a month",
        ),
    ),
    "MD": (
        FeeCap(
            effective_from=date(2003, 1, 1),
            setup=Decimal("50.00"),
            monthly=Decimal("40.00"),
            monthly_per_creditor=Decimal("8.00"),
            source="Maryland, debt management, text of 2003 from a secondary source: 50 to set up, "
            "8 for each creditor and at most 40 a month",
        ),
    ),
}
"""By USPS code. A state that is not here: the agency's own fees hold, as it answers for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeTerms:
    """What is charged under a plan, the state's caps applied. cap: the state's, where it has one.

    disbursed_share: percent of what is paid to creditors in the month that the fee never exceeds.
    waived: it is named, and not charged.
    """

    setup: Decimal
    per_creditor: Decimal
    monthly_max: Decimal
    disbursed_share: Decimal | None = None
    waived: bool = False
    cap: FeeCap | None = None


def cap_of(
    state: str | None, on: date, caps: Mapping[str, tuple[FeeCap, ...]] = FEE_CAPS
) -> FeeCap | None:
    """Return the cap of a state in force on a day; None where it has none."""
    begun = (cap for cap in caps.get(state or "", ()) if cap.effective_from <= on)
    return max(begun, key=lambda cap: cap.effective_from, default=None)


def fee_terms(
    settings: AgencySettings, state: str | None, on: date, *, waived: bool = False
) -> FeeTerms:
    """Return the agency's fees within the caps of the state in force on that day."""
    cap = cap_of(state, on)
    per_creditor = settings.monthly_fee_per_creditor
    if cap is None:
        return FeeTerms(
            setup=settings.setup_fee,
            per_creditor=per_creditor,
            monthly_max=settings.monthly_fee_max,
            waived=waived,
        )
    if cap.monthly_per_creditor is not None:
        per_creditor = min(per_creditor, cap.monthly_per_creditor)
    return FeeTerms(
        setup=min(settings.setup_fee, cap.setup),
        per_creditor=per_creditor,
        monthly_max=min(settings.monthly_fee_max, cap.monthly),
        disbursed_share=cap.disbursed_share,
        waived=waived,
        cap=cap,
    )


@dataclass(frozen=True, slots=True)
class FeeRule:
    """The monthly fee in whole cents, as the plan's arithmetic takes it. share: of disbursed."""

    per_creditor: int
    maximum: int
    share: int | None

    def out_of(self, deposit: int, creditors: int) -> int:
        """Return the fee that a deposit leaves room for, beside what it pays to creditors.

        Of a deposit, the share of the rest that creditors get is deposit x share / (1 + share).
        """
        fee = min(self.per_creditor * creditors, self.maximum)
        if self.share is None:
            return fee
        return min(fee, deposit * self.share // (_WHOLE + self.share))

    def within(self, fee: int, disbursed: int) -> int:
        """Return the fee once it is known what was paid to creditors; a cap is rounded down."""
        if self.share is None:
            return fee
        return min(fee, disbursed * self.share // _WHOLE)

    def needed(self, payments: int, creditors: int) -> int:
        """Return the fee beside payments of that sum."""
        return self.within(min(self.per_creditor * creditors, self.maximum), payments)


def fee_rule(terms: FeeTerms) -> FeeRule:
    """Return the terms as the plan's arithmetic takes them; nothing where they are waived."""
    if terms.waived:
        return FeeRule(0, 0, None)
    share = None if terms.disbursed_share is None else cents(terms.disbursed_share)
    return FeeRule(cents(terms.per_creditor), cents(terms.monthly_max), share)


def monthly_fee(terms: FeeTerms, creditors: int, deposit: Decimal) -> Decimal:
    """Return the fee of a month in which so many creditors are paid out of a deposit.

    Of a deposit of nothing too, so that a cent more to pay with never makes an outcome worse.
    """
    if creditors == 0 or deposit < ZERO:
        return ZERO
    return amount_of(fee_rule(terms).out_of(cents(deposit), creditors))
