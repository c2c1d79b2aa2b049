"""Reads the lines of a file: trades, collections, inquiries, public records."""

import hashlib
from datetime import date

from domain.credit import CreditInquiry, PortfolioType, PublicRecord, Tradeline
from integrations.transunion.wire.elements import Element, Unreadable
from integrations.transunion.wire.values import amount, count, day, words

# What the vendor calls unspecified, or in a word not known here, adds to the total alone, as OPEN.
_PORTFOLIOS = {
    "revolving": PortfolioType.REVOLVING,
    "installment": PortfolioType.INSTALLMENT,
    "mortgage": PortfolioType.MORTGAGE,
    "open": PortfolioType.OPEN,
    "lineOfCredit": PortfolioType.LINE_OF_CREDIT,
}
_MEMBER_CODE_CHARS = 7


def read_trade(trade: Element) -> Tradeline:
    """Return a trade. `monthly_payment` is what the terms schedule, paid up or not."""
    history = trade.find("paymentHistory") or Element("paymentHistory")
    return Tradeline(
        creditor=_subscriber(trade),
        portfolio=_portfolio(trade),
        account_type=words(trade, "account", "type"),
        account_last4=_last4(trade),
        ecoa=words(trade, "ECOADesignator") or "undesignated",
        opened_on=day(trade, "dateOpened"),
        closed_on=day(trade, "dateClosed"),
        paid_out_on=day(trade, "datePaidOut"),
        reported_on=day(trade, "dateEffective"),
        balance=amount(trade, "currentBalance"),
        high_credit=amount(trade, "highCredit"),
        credit_limit=amount(trade, "creditLimit"),
        past_due=amount(trade, "pastDue"),
        monthly_payment=amount(trade, "terms", "scheduledMonthlyPayment"),
        rating=words(trade, "accountRating"),
        late30=count(history, "historicalCounters", "late30DaysTotal"),
        late60=count(history, "historicalCounters", "late60DaysTotal"),
        late90=count(history, "historicalCounters", "late90DaysTotal"),
        months_reviewed=count(history, "historicalCounters", "monthsReviewedCount"),
        payment_pattern=words(history, "paymentPattern", "text"),
        remarks=_remarks(trade),
        industry_code=words(trade, "subscriber", "industryCode"),
        source_key=_source_key(trade),
    )


def read_collection(collection: Element) -> Tradeline:
    """Return a collection; `high_credit` is what was owed to the original creditor."""
    return Tradeline(
        creditor=_subscriber(collection),
        original_creditor=words(collection, "original", "creditGrantor", "unparsed"),
        portfolio=_portfolio(collection),
        account_type=words(collection, "account", "type"),
        account_last4=_last4(collection),
        ecoa=words(collection, "ECOADesignator") or "undesignated",
        opened_on=day(collection, "dateOpened"),
        closed_on=day(collection, "dateClosed"),
        paid_out_on=day(collection, "datePaidOut"),
        reported_on=day(collection, "dateEffective"),
        balance=amount(collection, "currentBalance"),
        high_credit=amount(collection, "original", "balance"),
        past_due=amount(collection, "pastDue"),
        rating=words(collection, "accountRating"),
        remarks=_remarks(collection),
        industry_code=words(collection, "subscriber", "industryCode"),
        source_key=_source_key(collection),
    )


def read_inquiry(inquiry: Element) -> CreditInquiry:
    """Return an inquiry. Raises Unreadable for one without a date."""
    asked_on = day(inquiry, "date")
    if asked_on is None:
        raise Unreadable("inquiry/date is missing")
    return CreditInquiry(subscriber=_subscriber(inquiry), date=asked_on)


def read_public_record(record: Element) -> PublicRecord:
    """Return a public record; its kind is the vendor's own code."""
    liabilities = amount(record, "liabilities", "amount")
    return PublicRecord(
        kind=words(record, "type") or "UNKNOWN",
        filed_on=day(record, "dateFiled"),
        docket=words(record, "docketNumber"),
        liabilities=amount(record, "liabilities") if liabilities is None else liabilities,
    )


def is_own(inquiry: Element, member_code: str | None, asked_on: date | None) -> bool:
    """Return whether an inquiry is the very one that the answer belongs to.

    The vendor lists it and does not count it. The subscriber's member code is spelled in several
    ways (`F4711234` in the answer's head, `04711234` in the inquiry, seven digits elsewhere), so
    the last seven characters are compared; an inquiry of ours from another day is one like any
    other.
    """
    theirs = inquiry.text("subscriber", "memberCode")
    if theirs is None or member_code is None:
        return False
    same_code = theirs[-_MEMBER_CODE_CHARS:] == member_code[-_MEMBER_CODE_CHARS:]
    return same_code and (asked_on is None or day(inquiry, "date") == asked_on)


def _subscriber(line: Element) -> str:
    return words(line, "subscriber", "name", "unparsed") or "UNKNOWN"


def _portfolio(line: Element) -> PortfolioType:
    return _PORTFOLIOS.get(line.text("portfolioType") or "", PortfolioType.OPEN)


def _last4(line: Element) -> str | None:
    number = "".join(c for c in line.text("accountNumber") or "" if c.isalnum())
    return number[-4:] or None


def _remarks(line: Element) -> tuple[str, ...]:
    codes = (words(remark, "code") for remark in line.every("remark"))
    return tuple(code for code in codes if code is not None)


def _source_key(line: Element) -> str | None:
    """Return a hash that the same account has in every file, None for one without a number."""
    number = line.text("accountNumber")
    if number is None:
        return None
    opened = line.text("dateOpened") or ""
    parts = (line.text("subscriber", "memberCode") or "", number, opened)
    return hashlib.sha256("|".join(parts).encode("utf-8")).hexdigest()[:32]
