"""Adds up a file as the vendor does, in code of its own: the gateway's sums are tested by it."""

from collections.abc import Sequence

from integrations.transunion.simulator.lines import amount_xml, node
from integrations.transunion.simulator.records import File, Inquiry, Trade

_PORTFOLIOS = ("revolving", "installment", "mortgage")


def summary_xml(file: File, inquiries: Sequence[Inquiry]) -> str:
    """Return `creditSummary`: amounts of what is not closed, counts of everything."""
    unclosed = [trade for trade in file.trades if trade.closed is None]
    amounts = (
        _amounts(f"{name}Amount", [trade for trade in unclosed if trade.portfolio == name])
        for name in _PORTFOLIOS
    )
    counted = {name: sum(t.portfolio == name for t in file.trades) for name in _PORTFOLIOS}
    others = len(file.trades) - sum(counted.values())
    late = [trade for trade in file.trades if trade.late("2345")]
    counts = (
        ("publicRecordCount", len(file.bankruptcies)),
        ("collectionCount", len(file.collections)),
        ("totalTradeCount", len(file.trades)),
        ("negativeTradeCount", sum(trade.rating > "01" for trade in file.trades)),
        ("historicalNegativeTradeCount", len(late)),
        ("historicalNegativeOccurrencesCount", sum(trade.late("2345") for trade in late)),
        ("revolvingTradeCount", counted["revolving"]),
        ("installmentTradeCount", counted["installment"]),
        ("mortgageTradeCount", counted["mortgage"]),
        ("openTradeCount", others),
        ("unspecifiedTradeCount", 0),
        ("totalInquiryCount", sum(not inquiry.own for inquiry in inquiries)),
    )
    listed = "".join(node(name, f"{number:03d}") for name, number in counts)
    return node(
        "creditSummary",
        *amounts,
        _amounts("totalAmount", unclosed),
        f'<recordCounts reportingPeriod="totalHistory">{listed}</recordCounts>',
    )


def _amounts(name: str, trades: Sequence[Trade]) -> str:
    limit = sum(trade.limit or 0 for trade in trades)
    balance = sum(trade.balance for trade in trades)
    percent = ""
    if name == "revolvingAmount" and limit:
        percent = node("percentAvailableCredit", f"{_half_up(limit - balance, limit):03d}")
    return node(
        name,
        percent,
        amount_xml("highCredit", sum(trade.high_credit for trade in trades)),
        amount_xml("creditLimit", limit),
        amount_xml("currentBalance", balance),
        amount_xml("pastDue", sum(trade.past_due for trade in trades)),
        amount_xml("monthlyPayment", sum(t.payment or 0 for t in trades if t.balance)),
    )


def _half_up(part: int, whole: int) -> int:
    """Return the share in percent, rounded half up. How the vendor rounds is not known."""
    return (200 * part + whole) // (2 * whole)
