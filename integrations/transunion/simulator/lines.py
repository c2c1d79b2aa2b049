"""Writes the lines of a file as the vendor's sample has them."""

from datetime import date
from xml.sax.saxutils import escape

from integrations.transunion.simulator.records import (
    Bankruptcy,
    Collection,
    Furnisher,
    Inquiry,
    Trade,
)

_EXACT = (
    'estimatedDay="false" estimatedMonth="false" estimatedCentury="false" estimatedYear="false"'
)


def node(name: str, *content: str) -> str:
    """Return an element; its content is XML already."""
    return f"<{name}>{''.join(content)}</{name}>"


def day_xml(name: str, day: date | None) -> str:
    """Return a date with the attributes that every date of the vendor's has; "" for none."""
    return f"<{name} {_EXACT}>{day.isoformat()}</{name}>" if day else ""


def amount_xml(name: str, amount: int | None) -> str:
    """Return an amount in nine digits; "" for none."""
    return "" if amount is None else node(name, f"{amount:09d}")


def trade_xml(trade: Trade) -> str:
    """Return a trade."""
    return node(
        "trade",
        _furnisher(trade.furnisher),
        node("portfolioType", trade.portfolio),
        node("accountNumber", trade.number),
        node("ECOADesignator", trade.relation),
        day_xml("dateOpened", trade.opened),
        day_xml("dateEffective", trade.effective),
        day_xml("dateClosed", trade.closed),
        day_xml("datePaidOut", trade.paid_out),
        node("closedIndicator", "normal") if trade.closed else "",
        amount_xml("currentBalance", trade.balance),
        amount_xml("highCredit", trade.high_credit),
        amount_xml("creditLimit", trade.limit),
        node("accountRating", trade.rating),
        _remark(trade.remark),
        _terms(trade),
        node("account", node("type", trade.kind)),
        amount_xml("pastDue", trade.past_due),
        _history(trade),
        node("mostRecentPayment", day_xml("date", trade.last_paid)) if trade.last_paid else "",
        node("updateMethod", "automated"),
    )


def collection_xml(line: Collection) -> str:
    """Return a collection."""
    return node(
        "collection",
        _furnisher(line.furnisher),
        node("portfolioType", "open"),
        node("accountNumber", line.number),
        node("ECOADesignator", "individual"),
        node("account", node("type", "CO")),
        day_xml("dateOpened", line.opened),
        day_xml("dateEffective", line.effective),
        day_xml("dateClosed", line.closed),
        amount_xml("currentBalance", line.balance),
        amount_xml("pastDue", line.balance),
        node(
            "original",
            node("creditGrantor", node("unparsed", escape(line.original_name))),
            node("creditorClassification", line.original_class),
            amount_xml("balance", line.original_balance),
        ),
        node("accountRating", line.rating),
        node("updateMethod", "automated"),
    )


def bankruptcy_xml(record: Bankruptcy) -> str:
    """Return a public record."""
    return node(
        "publicRecord",
        node("subscriber", node("industryCode", "Z"), node("memberCode", "04900001")),
        node("type", record.kind),
        node("docketNumber", record.docket),
        day_xml("dateFiled", record.filed),
        day_xml("dateEffective", record.filed),
        node("source", node("type", "federalDistrict")),
        node("ECOADesignator", "individual"),
        node("liabilities", amount_xml("amount", record.liabilities)),
    )


def inquiry_xml(inquiry: Inquiry) -> str:
    """Return an inquiry."""
    return node(
        "inquiry",
        node("ECOADesignator", "individual"),
        node(
            "subscriber",
            node("industryCode", inquiry.industry),
            node("memberCode", inquiry.member_code),
            node("inquirySubscriberPrefixCode", "06TR"),
            node("name", node("unparsed", escape(inquiry.name[:12]))),
        ),
        day_xml("date", inquiry.asked),
    )


def _furnisher(furnisher: Furnisher) -> str:
    return node(
        "subscriber",
        node("industryCode", furnisher.industry),
        node("memberCode", furnisher.member_code),
        node("name", node("unparsed", escape(furnisher.name))),
    )


def _remark(code: str | None) -> str:
    return node("remark", node("code", code), node("type", "affiliate")) if code else ""


def _terms(trade: Trade) -> str:
    if trade.term is None:
        return ""
    return node(
        "terms",
        "" if trade.term == "MIN" else node("paymentFrequency", "monthly"),
        node("paymentScheduleMonthCount", trade.term),
        amount_xml("scheduledMonthlyPayment", trade.payment),
    )


def _history(trade: Trade) -> str:
    if not trade.pattern:
        return ""
    return node(
        "paymentHistory",
        node(
            "paymentPattern",
            day_xml("startDate", trade.pattern_from),
            node("text", trade.pattern),
        ),
        node(
            "historicalCounters",
            node("monthsReviewedCount", f"{len(trade.pattern):02d}"),
            node("late30DaysTotal", f"{trade.late('2'):02d}"),
            node("late60DaysTotal", f"{trade.late('3'):02d}"),
            node("late90DaysTotal", f"{trade.late('45'):02d}"),
        ),
    )
