"""Writes answers in the vendor's XML: files, no hits, frozen files, refusals.

The element order, the padding and the attributes of dates are those of the vendor's sample.
"""

from datetime import date
from xml.sax.saxutils import escape

from integrations.transunion.simulator.account import SimulatorAccount
from integrations.transunion.simulator.lines import (
    bankruptcy_xml,
    collection_xml,
    day_xml,
    inquiry_xml,
    node,
    trade_xml,
)
from integrations.transunion.simulator.records import Asked, File, Inquiry
from integrations.transunion.simulator.summary import summary_xml

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
DEFAULT_MODEL = "00V60"
MODEL_REPORT = "08000"


def file_answer(file: File, asked: Asked, account: SimulatorAccount) -> str:
    """Return the whole file, or for a model report what it keeps of one."""
    inquiries = file.inquiries
    if asked.hard:
        inquiries = (_own_inquiry(asked, account), *inquiries)
    summary = summary_xml(file, inquiries)
    lines = (
        *(trade_xml(trade) for trade in file.trades),
        *(collection_xml(line) for line in file.collections),
        *(bankruptcy_xml(record) for record in file.bankruptcies),
        *(inquiry_xml(inquiry) for inquiry in inquiries),
    )
    credit = node("credit", *(() if asked.product == MODEL_REPORT else lines), summary)
    record = node(
        "subjectRecord",
        node("fileNumber", "01"),
        _status(file, hit="regularHit", frozen=False),
        _indicative(file),
        _statement(file),
        node("custom", credit),
        _score(file, asked),
        _mismatch(file),
    )
    return _answer(asked, account, record)


def frozen_answer(file: File, asked: Asked, account: SimulatorAccount) -> str:
    """Return what is shown of a file that its owner has frozen."""
    record = node(
        "subjectRecord",
        node("fileNumber", "01"),
        _status(file, hit="regularHit", frozen=True),
    )
    return _answer(asked, account, record)


def no_hit_answer(file: File, asked: Asked, account: SimulatorAccount) -> str:
    """Return the answer for somebody without a file."""
    status = node(
        "fileSummary",
        node("fileHitIndicator", "regularNoHit"),
        node("ssnMatchIndicator", "noHit"),
        node("consumerStatementIndicator", "false"),
    )
    record = node("subjectRecord", node("fileNumber", "01"), status, _indicative(file))
    return _answer(asked, account, record)


def error_answer(code: str, description: str, *, enveloped: bool) -> str:
    """Return a refusal: a product with nothing but an error."""
    error = node("error", node("code", code), node("description", escape(description)))
    return enclose(_bureau(node("product", error)), enveloped=enveloped)


def enclose(bureau: str, *, enveloped: bool) -> str:
    """Return an answer in the form that the request had."""
    if not enveloped:
        return DECLARATION + bureau
    return (
        f'{DECLARATION}<xmlresponse xmlns="http://www.netaccess.transunion.com/namespace">'
        f"<productresponse>{bureau}</productresponse></xmlresponse>"
    )


def _answer(asked: Asked, account: SimulatorAccount, record: str) -> str:
    control = node(
        "transactionControl",
        node("userRefNumber", escape(asked.reference)) if asked.reference else "",
        node(
            "subscriber",
            node("industryCode", account.industry_code),
            node("memberCode", asked.member_code),
            node("inquirySubscriberPrefixCode", account.inquiry_prefix),
        ),
        node(
            "options",
            node("country", "us"),
            node("language", "en"),
            node("productVersion", "standard"),
        ),
        node("tracking", node("transactionTimeStamp", f"{account.as_of}T09:30:00.000-06:00")),
    )
    product = node(
        "product", node("code", asked.product), node("subject", node("number", "1"), record)
    )
    return enclose(_bureau(control + product), enveloped=asked.enveloped)


def _bureau(content: str) -> str:
    return (
        '<creditBureau xmlns="http://www.transunion.com/namespace" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        'xsi:schemaLocation="http://www.transunion.com/namespace">'
        f"<document>response</document><version>2.33</version>{content}</creditBureau>"
    )


def _status(file: File, *, hit: str, frozen: bool) -> str:
    def flag(name: str) -> str:
        return "true" if name in file.flags else "false"

    return node(
        "fileSummary",
        node("fileHitIndicator", hit),
        node("ssnMatchIndicator", "exact"),
        node("consumerStatementIndicator", "true" if file.statement else "false"),
        node("market", "11"),
        node("submarket", "DT"),
        node(
            "creditDataStatus",
            node("suppressed", "false"),
            node("doNotPromote", node("indicator", "false")),
            node("freeze", node("indicator", "true" if frozen else "false")),
            node("minor", flag("minor")),
            node("disputed", flag("disputed")),
        ),
        day_xml("inFileSinceDate", file.since),
    )


def _indicative(file: File) -> str:
    person = file.person
    names = (
        ("first", person.first),
        ("middle", person.middle),
        ("last", person.last),
        ("generationalSuffix", person.suffix),
    )
    number, _, street = person.street.partition(" ")
    return node(
        "indicative",
        f'<name source="file">{node("person", *(_upper(*name) for name in names))}</name>',
        '<address source="file">',
        node("status", "current"),
        node("qualifier", "personal"),
        node("street", _upper("number", number), _upper("name", street)),
        node(
            "location",
            _upper("city", person.city),
            _upper("state", person.state),
            node("zipCode", person.zip_code),
        ),
        "</address>",
        f'<socialSecurity source="file">{node("number", person.ssn)}</socialSecurity>',
        day_xml("dateOfBirth", person.born),
    )


def _statement(file: File) -> str:
    if file.statement is None:
        return ""
    statement = node(
        "consumerStatement", node("type", "regular"), node("text", escape(file.statement))
    )
    return node("consumerFileData", statement)


def _score(file: File, asked: Asked) -> str:
    factors = (
        node("factor", node("rank", str(rank)), node("code", code))
        for rank, code in enumerate(file.factors, start=1)
    )
    score = node(
        "score",
        # A sign alone is how the vendor leaves a file without a score.
        node("results", f"+{file.score}" if file.score is not None else "+"),
        node("derogatoryAlert", "true" if file.bankruptcies else "false"),
        node("fileInquiriesImpactedScore", "false"),
        node("factors", *factors) if file.factors else "",
        node("scoreCard", "12"),
    )
    return node(
        "addOnProduct",
        node("code", escape(asked.score_model or DEFAULT_MODEL)),
        node("status", "delivered" if asked.score_model else "defaultDelivered"),
        node("scoreModel", score),
    )


def _mismatch(file: File) -> str:
    if "addressMismatch" not in file.flags:
        return ""
    alert = node("idMismatchAlert", node("type", "address"), node("condition", "mismatch"))
    return node("addOnProduct", node("code", "06400"), node("status", "defaultDelivered"), alert)


def _own_inquiry(asked: Asked, account: SimulatorAccount) -> Inquiry:
    today: date = account.as_of
    return Inquiry(
        name="YOUR AGENCY",
        industry=account.industry_code,
        member_code=f"0{asked.member_code[-7:]}",
        asked=today,
        own=True,
    )


def _upper(name: str, text: str) -> str:
    return node(name, escape(text.upper())) if text else ""
