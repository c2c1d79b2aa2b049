"""Reads an answer into a CreditFile, or says that it cannot be used.

What is read: `creditBureau` alone or within any envelope; a credit report (07000) or a model
report (08000: score and alerts, no lines, hence no summary). An `error` element outside of add-on
products means that the vendor refused; where it stands beside a file's summary the inquiry was
made nevertheless. The summary is added up from the lines by the domain's rule, not copied: on the
vendor's sample both are the same to the dollar.
"""

import re

from domain.credit import CreditFile, CreditScore, FileHit, PullKind, ScoreFactor, summarize
from domain.errors import UpstreamInvalid
from integrations.transunion.settings import MODEL_REPORT, TransUnionSettings
from integrations.transunion.wire.elements import Element, Unreadable, parse_document
from integrations.transunion.wire.lines import (
    is_own,
    read_collection,
    read_inquiry,
    read_public_record,
    read_trade,
)
from integrations.transunion.wire.request import user_reference
from integrations.transunion.wire.values import count, day, flag, words

_ADD_ONS = frozenset({"addOnProduct"})
_RESULTS = re.compile(r"([+-]?)([0-9]{0,6})")
_VENDOR_CODE = re.compile(r"[A-Za-z0-9._-]{1,16}")


class CredentialsRefused(UpstreamInvalid):
    """The vendor says that a password is not right; it did nothing else."""


class _Refused(Exception):
    """The vendor's own error element; `code` is safe to show."""

    def __init__(self, code: str, *, has_file: bool) -> None:
        super().__init__(code)
        self.code = code
        self.has_file = has_file


def read_answer(
    body: bytes,
    kind: PullKind,
    settings: TransUnionSettings,
    *,
    reference: str,
    vendor: str,
) -> CreditFile:
    """Return the file, also where there is none or it is frozen. Raises UpstreamInvalid."""
    try:
        return _read(parse_document(body), kind, settings, reference)
    except Unreadable as fault:
        problem = UpstreamInvalid(
            f"The credit bureau's answer could not be used: {fault}.",
            vendor=vendor,
            retryable=False,
            may_have_acted=True,
        )
    except _Refused as refused:
        if refused.code in settings.frozen_error_codes:
            return CreditFile(hit=FileHit.FROZEN, alerts=("FREEZE",))
        if refused.code in settings.no_hit_error_codes:
            return CreditFile(hit=FileHit.NO_HIT)
        passwords = refused.code in settings.credential_error_codes and not refused.has_file
        problem = (CredentialsRefused if passwords else UpstreamInvalid)(
            f"The credit bureau refused the request (its code: {refused.code}).",
            vendor=vendor,
            retryable=False,
            may_have_acted=refused.has_file,
        )
    raise problem


def _read(
    root: Element, kind: PullKind, settings: TransUnionSettings, reference: str
) -> CreditFile:
    bureau = _credit_bureau(root)
    _check_it_is_ours(bureau, settings, reference)
    _refuse_errors(root)
    product = bureau.find("product")
    records = [
        record
        for subject in (product.every("subject") if product else ())
        for record in subject.every("subjectRecord")
    ]
    if product is None or not records:
        raise Unreadable("product/subject/subjectRecord is missing")
    record = records[0]
    status = record.find("fileSummary")
    if status is None:
        raise Unreadable("fileSummary is missing")
    hit = _hit(status, record)
    alerts = _alerts(status, record, several=len(records) > 1)
    if hit is not FileHit.HIT:
        return CreditFile(hit=hit, alerts=alerts)
    score = _score(record, settings)
    if product.text("code") == MODEL_REPORT:
        return CreditFile(hit=hit, score=score, alerts=alerts)
    return _with_lines(bureau, record, score, alerts, settings.member_code(kind))


def _with_lines(
    bureau: Element,
    record: Element,
    score: CreditScore | None,
    alerts: tuple[str, ...],
    member_code: str,
) -> CreditFile:
    lines = record.find("custom", "credit") or Element("credit")
    inquiries = lines.every("inquiry")
    control = bureau.find("transactionControl") or Element("transactionControl")
    own_code = control.text("subscriber", "memberCode") or member_code
    asked_on = day(control, "tracking", "transactionTimeStamp")
    tradelines = tuple(read_trade(trade) for trade in lines.every("trade"))
    collections = tuple(read_collection(line) for line in lines.every("collection"))
    public_records = tuple(read_public_record(line) for line in lines.every("publicRecord"))
    return CreditFile(
        hit=FileHit.HIT,
        summary=summarize(
            tradelines,
            inquiry_count=sum(not is_own(line, own_code, asked_on) for line in inquiries),
            collection_count=len(collections),
            public_record_count=len(public_records),
        ),
        score=score,
        tradelines=tradelines,
        collections=collections,
        inquiries=tuple(read_inquiry(line) for line in inquiries),
        public_records=public_records,
        alerts=alerts,
    )


def _credit_bureau(root: Element) -> Element:
    found = [element for element in root.walk() if element.name == "creditBureau"]
    if len(found) > 1:
        raise Unreadable("it holds more than one creditBureau")
    if found:
        return found[0]
    # An envelope may bring an error alone.
    _refuse_errors(root)
    raise Unreadable("it holds no creditBureau")


def _check_it_is_ours(bureau: Element, settings: TransUnionSettings, reference: str) -> None:
    """Refuse an answer to another request: its file would be another person's."""
    if (bureau.text("document") or "response") != "response":
        raise Unreadable("document is not a response")
    echoed = bureau.text("transactionControl", "userRefNumber")
    if echoed is not None and echoed != user_reference(reference, settings.reference_chars_max):
        raise Unreadable("it answers another request")


def _refuse_errors(root: Element) -> None:
    elements = list(root.walk(without=_ADD_ONS))
    error = next((element for element in elements if element.name == "error"), None)
    if error is not None:
        code = error.text("code") or ""
        raise _Refused(
            code if _VENDOR_CODE.fullmatch(code) else "none that can be shown",
            has_file=any(element.name == "fileSummary" for element in elements),
        )


def _hit(status: Element, record: Element) -> FileHit:
    """Tell hits from no hits by the indicator's ending: all known ones end in Hit or NoHit."""
    indicator = (status.text("fileHitIndicator") or "").lower()
    if flag(status, "creditDataStatus", "freeze", "indicator") and not _shows_anything(record):
        return FileHit.FROZEN
    if indicator.endswith("nohit"):
        return FileHit.NO_HIT
    if indicator.endswith("hit"):
        return FileHit.HIT
    raise Unreadable("fileHitIndicator is not one that is known")


def _shows_anything(record: Element) -> bool:
    lines = record.find("custom", "credit")
    return bool(lines and lines.children)


def _alerts(status: Element, record: Element, *, several: bool) -> tuple[str, ...]:
    """Return what a reader must not miss, in a fixed order."""
    data = status.find("creditDataStatus") or Element("creditDataStatus")
    found = {
        "FREEZE": flag(data, "freeze", "indicator"),
        "DISPUTE": flag(data, "disputed"),
        "MINOR": flag(data, "minor"),
        "SUPPRESSED": flag(data, "suppressed"),
        "CONSUMER_STATEMENT": flag(status, "consumerStatementIndicator"),
        "ADDRESS_MISMATCH": flag(status, "addressMismatchIndicator")
        or any(_is_address_mismatch(add_on) for add_on in record.every("addOnProduct")),
        "MULTIPLE_FILES": several,
    }
    return tuple(name for name, present in found.items() if present)


def _is_address_mismatch(add_on: Element) -> bool:
    """Known from another client (`idMismatchAlert`); what it holds is not published."""
    return any(
        (alert.text("type") or "address").lower() == "address"
        and (alert.text("condition") or "mismatch").lower() == "mismatch"
        for alert in add_on.every("idMismatchAlert")
    )


def _score(record: Element, settings: TransUnionSettings) -> CreditScore | None:
    """Return the score that was asked for; None where the model was not delivered at all."""
    for add_on in record.every("addOnProduct"):
        code = words(add_on, "code")
        score = add_on.find("scoreModel", "score")
        if score is not None and code is not None and code == settings.score_model:
            return CreditScore(
                model=settings.score_labels.get(code, code),
                value=_score_value(score, settings),
                factors=_factors(score),
            )
    return None


def _score_value(score: Element, settings: TransUnionSettings) -> int | None:
    """Return `+667` as 667; a bare `+`, nothing, and what is no score of the model as None."""
    match = _RESULTS.fullmatch((score.text("results") or "").replace(" ", ""))
    if match is None:
        raise Unreadable("score/results is not a score")
    sign, digits = match.groups()
    least, most = settings.score_range
    if sign == "-" or not digits or not least <= int(digits) <= most:
        return None
    return int(digits)


def _factors(score: Element) -> tuple[ScoreFactor, ...]:
    listed = (score.find("factors") or Element("factors")).every("factor")
    factors = (
        ScoreFactor(rank=count(factor, "rank") or position, code=code)
        for position, factor in enumerate(listed, start=1)
        if (code := words(factor, "code")) is not None
    )
    return tuple(sorted(factors, key=lambda factor: factor.rank))
