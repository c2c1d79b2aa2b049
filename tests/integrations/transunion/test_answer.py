"""Answers: the vendor's sample to the dollar, and every variation that is known."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from domain.credit import (
    CreditFile,
    CreditScore,
    FileHit,
    PortfolioType,
    PullKind,
    ScoreFactor,
)
from domain.errors import UpstreamInvalid
from integrations.transunion.settings import TransUnionSettings
from integrations.transunion.wire import read_answer
from integrations.transunion.wire.elements import Element, parse_document

Read = Callable[..., CreditFile]


@pytest.fixture
def read(settings: TransUnionSettings) -> Read:
    """Return a function that reads an answer to the request of reference "rep_1"."""

    def read_it(body: bytes | str, changed: TransUnionSettings = settings) -> CreditFile:
        return read_answer(
            body.encode() if isinstance(body, str) else body,
            PullKind.SOFT,
            changed,
            reference="rep_1",
            vendor="transunion",
        )

    return read_it


def answer(
    record: str, *, control: str = "", product: str = "07000", envelope: bool = False
) -> str:
    bureau = (
        '<creditBureau xmlns="http://www.transunion.com/namespace"><document>response</document>'
        f"<transactionControl>{control}</transactionControl><product><code>{product}</code>"
        f"<subject><number>1</number><subjectRecord>{record}</subjectRecord></subject>"
        "</product></creditBureau>"
    )
    if envelope:
        return (
            '<xmlresponse xmlns="http://www.netaccess.transunion.com/namespace">'
            f"<productresponse>{bureau}</productresponse></xmlresponse>"
        )
    return bureau


def status(
    hit: str = "regularHit", *, frozen: str = "false", more: str = "", data: str = ""
) -> str:
    return (
        f"<fileSummary><fileHitIndicator>{hit}</fileHitIndicator>{more}<creditDataStatus>"
        f"<freeze><indicator>{frozen}</indicator></freeze>{data}"
        "</creditDataStatus></fileSummary>"
    )


def credit(lines: str) -> str:
    return f"<custom><credit>{lines}</credit></custom>"


def trade(content: str) -> str:
    return (
        "<trade><subscriber><memberCode>01</memberCode></subscriber>"
        f"<portfolioType>revolving</portfolioType>{content}</trade>"
    )


def score(results: str, code: str = "00V60") -> str:
    return (
        f"<addOnProduct><code>{code}</code><scoreModel><score><results>{results}</results>"
        "</score></scoreModel></addOnProduct>"
    )


def test_the_sample_reproduces_its_own_summary(read: Read, sample: bytes) -> None:
    """Every figure of the vendor's creditSummary comes out of the lines exactly."""
    summary = read(sample).summary
    assert summary is not None
    stated = parse_document(sample).find(
        "product", "subject", "subjectRecord", "custom", "credit", "creditSummary"
    )
    assert stated is not None
    names = {
        "highCredit": "high_credit",
        "creditLimit": "credit_limit",
        "currentBalance": "balance",
        "pastDue": "past_due",
        "monthlyPayment": "monthly_payment",
    }
    for portfolio in ("revolving", "installment", "mortgage", "total"):
        ours = getattr(summary, portfolio)
        theirs = stated.find(f"{portfolio}Amount")
        assert theirs is not None
        for element, attribute in names.items():
            assert getattr(ours, attribute) == Decimal(theirs.text(element) or "")
    counts = {c.name: int(c.content or 0) for c in _children(stated, "recordCounts")}
    assert summary.tradeline_count == counts["totalTradeCount"] == 32
    assert summary.inquiry_count == counts["totalInquiryCount"] == 4
    assert summary.collection_count == counts["collectionCount"] == 0
    assert summary.public_record_count == counts["publicRecordCount"] == 0
    percent = stated.text("revolvingAmount", "percentAvailableCredit")
    assert summary.revolving.percent_available == Decimal(percent or "")


def _children(element: Element, name: str) -> list[Element]:
    found = element.find(name)
    assert found is not None
    return found.children


def test_the_samples_figures(read: Read, sample: bytes) -> None:
    """The figures that every reader of the sample knows, with two places."""
    file = read(sample)
    summary = file.summary
    assert file.hit is FileHit.HIT
    assert summary is not None
    figures = (
        summary.revolving.balance,
        summary.revolving.credit_limit,
        summary.revolving.percent_available,
        summary.total.balance,
        summary.total.high_credit,
        summary.total.past_due,
        summary.total.monthly_payment,
    )
    expected = "6840.00 62200.00 89.00 122422.00 207202.00 189.00 1619.00"
    assert " ".join(map(str, figures)) == expected
    assert summary.open_tradeline_count == 14
    assert summary.total.percent_available is None
    portfolios = [line.portfolio for line in file.tradelines]
    assert len(portfolios) == 32
    assert portfolios.count(PortfolioType.REVOLVING) == 14
    assert portfolios.count(PortfolioType.INSTALLMENT) == 14
    assert portfolios.count(PortfolioType.MORTGAGE) == 4
    assert len(file.inquiries) == 5
    assert file.alerts == ("CONSUMER_STATEMENT",)
    assert file.score == CreditScore(
        model="VantageScore (00V60)",
        value=667,
        factors=tuple(
            ScoreFactor(rank=rank, code=code)
            for rank, code in enumerate(("09", "07", "85", "05"), start=1)
        ),
    )


def test_the_samples_lines(read: Read, sample: bytes) -> None:
    """A tradeline has every field that the vendor gave, and None where it gave none."""
    file = read(sample)
    first = file.tradelines[0]
    assert (first.creditor, first.ecoa, first.industry_code, first.account_type) == (
        "5/3 BANK NA",
        "jointContractLiability",
        "B",
        "AU",
    )
    assert (first.opened_on, first.reported_on, first.closed_on) == (
        date(2020, 2, 6),
        date(2021, 11, 30),
        None,
    )
    assert (first.balance, first.credit_limit, first.rating) == (Decimal("16015.00"), None, "02")
    assert str(first.balance) == "16015.00"
    assert (first.months_reviewed, first.late30, first.payment_pattern) == (20, 0, "1" * 20)
    charge = next(line for line in file.tradelines if line.creditor == "HSBC/ARTVN")
    assert charge.remarks == ("CLO",)
    assert charge.account_last4 == "9370"
    assert charge.closed_on == date(2019, 8, 19)
    motor_city = next(line for line in file.tradelines if line.creditor == "MOTORCITY CO")
    assert motor_city.balance is None
    assert motor_city.past_due is None
    assert file.inquiries[1].subscriber == "MOTOR CITY C"
    assert file.inquiries[1].date == date(2020, 10, 4)


def test_no_whole_account_number_is_kept(read: Read, sample: bytes) -> None:
    """Of an account number the last four characters are kept, and a hash to match it by."""
    file = read(sample)
    numbers = re.findall(rb"<accountNumber>(\w{5,})</accountNumber>", sample)
    assert numbers
    kept = repr(file)
    assert not [number for number in numbers if number.decode() in kept]
    keys = [line.source_key for line in file.tradelines]
    assert len(set(keys)) == 32
    assert all(key and re.fullmatch(r"[0-9a-f]{32}", key) for key in keys)
    assert keys == [line.source_key for line in read(sample).tradelines]


@pytest.mark.parametrize("form", ["enveloped", "prefixed", "plain"])
def test_every_form_of_the_sample_reads_alike(read: Read, sample: bytes, form: str) -> None:
    """Bare or in an envelope, with the namespace as default, as prefix or left out: one file."""
    text = sample.decode()
    bare = text.partition("?>")[2]
    namespace = ' xmlns="http://www.transunion.com/namespace"'
    other = {
        "enveloped": '<xmlresponse xmlns="http://www.netaccess.transunion.com/namespace">'
        f"<systemId>x</systemId><productresponse>{bare}</productresponse></xmlresponse>",
        "prefixed": re.sub(r"<(/?)(?=\w)", r"<\1tu:", bare).replace(
            namespace, namespace.replace("xmlns", "xmlns:tu")
        ),
        "plain": bare.replace(namespace, ""),
    }[form]
    assert read(other) == read(sample)


def test_singletons_are_lists_of_one(read: Read) -> None:
    """One trade, one inquiry, one factor: read as the many are."""
    lines = trade("<remark><code>MCC</code></remark><currentBalance>000000100</currentBalance>") + (
        "<inquiry><subscriber><name><unparsed>ASKER</unparsed></name></subscriber>"
        "<date>2025-03-01</date></inquiry>"
    )
    model = (
        "<addOnProduct><code>00V60</code><scoreModel><score><results>+700</results><factors>"
        "<factor><code>09</code></factor></factors></score></scoreModel></addOnProduct>"
    )
    file = read(answer(status() + credit(lines) + model))
    assert [line.remarks for line in file.tradelines] == [("MCC",)]
    assert [inquiry.subscriber for inquiry in file.inquiries] == ["ASKER"]
    assert file.score is not None
    assert file.score.factors == (ScoreFactor(rank=1, code="09"),)
    assert file.summary is not None
    assert file.summary.total.balance == Decimal("100.00")


def test_a_hit_without_lines_is_a_file_all_the_same(read: Read) -> None:
    """A file with nothing in it adds up to zero; only no file has no summary."""
    file = read(answer(status()))
    assert file.hit is FileHit.HIT
    assert file.summary is not None
    assert file.summary.tradeline_count == 0
    assert str(file.summary.total.balance) == "0.00"
    assert file.summary.revolving.percent_available is None


@pytest.mark.parametrize(
    ("results", "value"),
    [
        ("+667", 667),
        ("667", 667),
        (" +667 ", 667),
        ("+", None),
        ("", None),
        ("-", None),
        ("+000", None),
        ("+4", None),
        ("-667", None),
        ("+9003", None),
    ],
)
def test_scores_and_what_stands_for_none(read: Read, results: str, value: int | None) -> None:
    """A bare sign, nothing, and reserved codes are a model without a score."""
    file = read(answer(status() + score(results)))
    assert file.score is not None
    assert file.score.value == value


def test_only_the_score_that_was_asked_for(read: Read, settings: TransUnionSettings) -> None:
    """Another model's score is not passed off as ours, and no model gives no score."""
    both = answer(status() + score("+810", "00W18") + score("+640"))
    assert read(both) == read(answer(status() + score("+640")))
    assert read(answer(status() + score("+810", "00W18"))).score is None
    fico = read(both, replace(settings, score_model="00W18")).score
    assert fico == CreditScore(model="FICO Score (00W18)", value=810)
    unlabeled = read(
        answer(status() + score("+700", "00Z99")), replace(settings, score_model="00Z99")
    )
    assert unlabeled.score == CreditScore(model="00Z99", value=700)
    assert read(both, replace(settings, score_model=None)).score is None


@pytest.mark.parametrize(
    "indicator",
    [
        "regularNoHit",
        "califNoHit",
        "noHit",
        "fraudNoHit",
        "privateNoHit",
        "residentialNoHit",
        "businessNoHit",
        "noNameNoHit",
        "nonMailableNoHit",
    ],
)
def test_no_hit_is_an_answer(read: Read, indicator: str) -> None:
    """Every kind of no hit is NO_HIT, with neither summary nor score."""
    assert read(answer(status(indicator) + score("+700"))) == CreditFile(hit=FileHit.NO_HIT)


def test_a_frozen_file_is_an_answer(read: Read) -> None:
    """A freeze that hides the file is FROZEN, whatever the hit indicator says."""
    expected = CreditFile(hit=FileHit.FROZEN, alerts=("FREEZE",))
    for indicator in ("regularHit", "regularNoHit", "error"):
        assert read(answer(status(indicator, frozen="true"))) == expected


def test_a_freeze_that_shows_the_file_is_an_alert(read: Read) -> None:
    """Where the lines come in spite of a freeze, the file is a hit that says so."""
    lines = credit(trade("<currentBalance>000000100</currentBalance>"))
    file = read(answer(status(frozen="true") + lines))
    assert file.hit is FileHit.HIT
    assert file.alerts == ("FREEZE",)
    assert len(file.tradelines) == 1


def test_alerts_are_all_surfaced(read: Read) -> None:
    """Freeze, dispute, minor, suppression, statement and address mismatch: none gets lost."""
    mismatch = (
        "<addOnProduct><code>06400</code><idMismatchAlert><type>address</type>"
        "<condition>mismatch</condition></idMismatchAlert></addOnProduct>"
    )
    file = read(
        answer(
            status(
                frozen="true",
                more="<consumerStatementIndicator>true</consumerStatementIndicator>",
                data="<disputed>true</disputed><minor>1</minor><suppressed>true</suppressed>",
            )
            + mismatch
        )
    )
    assert file.alerts == (
        "FREEZE",
        "DISPUTE",
        "MINOR",
        "SUPPRESSED",
        "CONSUMER_STATEMENT",
        "ADDRESS_MISMATCH",
    )
    clear = mismatch.replace("mismatch</condition>", "clear</condition>")
    assert read(answer(status() + clear)).alerts == ()


def test_a_second_file_is_pointed_out(read: Read) -> None:
    """Of several files the first is shown, and that there are more is an alert."""
    other = f"</subjectRecord><subjectRecord>{status('regularNoHit')}"
    file = read(answer(status() + other))
    assert file.hit is FileHit.HIT
    assert file.alerts == ("MULTIPLE_FILES",)


def test_a_model_report_has_a_score_and_no_lines(read: Read) -> None:
    """Product 08000 keeps the vendor's sums but no trades: no lines, hence no summary of ours."""
    sums = credit(
        "<creditSummary><totalAmount><currentBalance>000122422</currentBalance>"
        "</totalAmount></creditSummary>"
    )
    file = read(answer(status() + sums + score("+667"), product="08000", envelope=True))
    assert file.hit is FileHit.HIT
    assert file.summary is None
    assert file.tradelines == ()
    assert file.score is not None
    assert file.score.value == 667


def test_a_collection_names_both_creditors(read: Read) -> None:
    """A collection is a line of its own, with whom it was owed to first."""
    line = (
        "<collection><subscriber><industryCode>Y</industryCode><memberCode>0999</memberCode>"
        "<name><unparsed>COLLECTOR</unparsed></name></subscriber><portfolioType>open"
        "</portfolioType><accountNumber>123456</accountNumber>"
        "<ECOADesignator>individual</ECOADesignator><account><type>CO</type></account>"
        "<dateOpened>2024-05-01</dateOpened><currentBalance>000000450</currentBalance>"
        "<pastDue>000000450</pastDue><original><creditGrantor><unparsed>ST ANNE HOSPITAL"
        "</unparsed></creditGrantor><balance>000000500</balance></original>"
        "<accountRating>9B</accountRating></collection>"
    )
    file = read(answer(status() + credit(line)))
    (collection,) = file.collections
    assert file.tradelines == ()
    assert collection.creditor == "COLLECTOR"
    assert collection.original_creditor == "ST ANNE HOSPITAL"
    assert collection.account_last4 == "3456"
    assert (collection.balance, collection.high_credit) == (Decimal("450.00"), Decimal("500.00"))
    assert file.summary is not None
    assert file.summary.collection_count == 1
    assert file.summary.total.balance == 0


def test_public_records(read: Read) -> None:
    """A public record has the vendor's code for its kind, its docket and what was owed."""
    line = (
        "<publicRecord><type>7X</type><docketNumber>2412345</docketNumber><dateFiled>2024-02-03"
        "</dateFiled><liabilities><amount>000020000</amount></liabilities></publicRecord>"
    )
    (record,) = read(answer(status() + credit(line))).public_records
    assert (record.kind, record.docket, record.filed_on, record.liabilities) == (
        "7X",
        "2412345",
        date(2024, 2, 3),
        Decimal("20000.00"),
    )


@pytest.mark.parametrize(
    ("theirs", "day", "counted"),
    [
        ("04711234", "2026-01-15", 0),  # ours, spelled as inquiries spell it
        ("F4711234", "2026-01-15", 0),
        ("4711234", "2026-01-15", 0),
        ("04711234", "2025-12-15", 1),  # ours, but another time
        ("04711235", "2026-01-15", 1),  # somebody else's, the same day
    ],
)
def test_our_own_inquiry_is_not_counted(read: Read, theirs: str, day: str, counted: int) -> None:
    """The inquiry that this very answer belongs to is listed and not counted, as in the sample."""
    control = (
        "<subscriber><memberCode>F4711234</memberCode></subscriber><tracking>"
        "<transactionTimeStamp>2026-01-15T09:00:00.000-06:00</transactionTimeStamp></tracking>"
    )
    line = (
        f"<inquiry><subscriber><memberCode>{theirs}</memberCode></subscriber>"
        f"<date>{day}</date></inquiry>"
    )
    file = read(answer(status() + credit(line), control=control))
    assert len(file.inquiries) == 1
    assert file.summary is not None
    assert file.summary.inquiry_count == counted


@pytest.mark.parametrize("word", ["unspecified", "leaseOrRent", ""])
def test_a_portfolio_without_a_name_adds_to_the_total(read: Read, word: str) -> None:
    """What the vendor does not assign to a portfolio is in the total and in none of the three."""
    line = trade("<currentBalance>000000100</currentBalance>").replace("revolving", word)
    summary = read(answer(status() + credit(line))).summary
    assert summary is not None
    assert summary.total.balance == Decimal("100.00")
    assert summary.revolving.balance == 0


def refused(read: Read, body: str | bytes, *args: TransUnionSettings) -> UpstreamInvalid:
    with pytest.raises(UpstreamInvalid) as caught:
        read(body, *args)
    assert caught.value.vendor == "transunion"
    assert not caught.value.retryable
    assert caught.value.__context__ is None
    return caught.value


ERROR = "<error><code>123</code><description>SSN 666484418 IS REQUIRED</description></error>"


@pytest.mark.parametrize(
    "body",
    [
        f"<creditBureau><product>{ERROR}</product></creditBureau>",
        f"<creditBureau><product><code>07000</code>{ERROR}</product></creditBureau>",
        f"<creditBureau>{ERROR}</creditBureau>",
        f"<creditBureau><product><subject>{ERROR}</subject></product></creditBureau>",
        f"<xmlresponse>{ERROR}</xmlresponse>",
        f"<xmlresponse><r><creditBureau><product>{ERROR}</product></creditBureau></r>"
        "</xmlresponse>",
    ],
)
def test_the_vendors_own_error_did_not_act(read: Read, body: str) -> None:
    """An error element is told with its code and nothing else; no inquiry was made."""
    error = refused(read, body)
    assert not error.may_have_acted
    assert "123" in error.message
    assert "666484418" not in error.message


def test_an_error_beside_a_file_may_have_acted(read: Read) -> None:
    """Where a file's summary stands beside the error, the inquiry was made."""
    assert refused(read, answer(status() + ERROR)).may_have_acted


def test_an_add_ons_error_does_not_spoil_the_file(read: Read) -> None:
    """An add-on product that failed leaves the rest as it is."""
    add_on = f"<addOnProduct><code>00V60</code>{ERROR}</addOnProduct>"
    file = read(answer(status() + add_on))
    assert file.hit is FileHit.HIT
    assert file.score is None


def test_a_strange_error_code_is_not_shown(read: Read) -> None:
    """A code that is not one, which could carry anything, stays out of the message."""
    error = ERROR.replace("123", "ROBERT UPHOLD 666484418")
    message = refused(read, f"<creditBureau><product>{error}</product></creditBureau>").message
    assert "UPHOLD" not in message
    assert "666484418" not in message


def test_codes_that_stand_for_answers_are_settings(
    read: Read, settings: TransUnionSettings
) -> None:
    """Where an agency learns that a code means frozen or no file, settings make it an answer."""
    body = f"<creditBureau><product>{ERROR}</product></creditBureau>"
    frozen = replace(settings, frozen_error_codes=frozenset({"123"}))
    no_hit = replace(settings, no_hit_error_codes=frozenset({"123"}))
    assert read(body, frozen) == CreditFile(hit=FileHit.FROZEN, alerts=("FREEZE",))
    assert read(body, no_hit) == CreditFile(hit=FileHit.NO_HIT)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("", "not XML"),
        ("<html><body>We'll be back soon<br></body>", "not XML"),
        ("<html/>", "no creditBureau"),
        ("<creditBureau/>", "subjectRecord is missing"),
        ("<creditBureau><product/></creditBureau>", "subjectRecord is missing"),
        ("<r><creditBureau/><creditBureau/></r>", "more than one"),
        (answer(""), "fileSummary is missing"),
        (answer(status("error")), "fileHitIndicator"),
        (answer(status("")), "fileHitIndicator"),
        (answer(status("maybe")), "fileHitIndicator"),
        (answer(status(frozen="perhaps")), "freeze/indicator is not a flag"),
        (answer(status() + credit(trade("<currentBalance>12.50</currentBalance>"))), "an amount"),
        (answer(status() + credit(trade("<currentBalance>NA</currentBalance>"))), "an amount"),
        (answer(status() + credit(trade("<currentBalance>١٢</currentBalance>"))), "an amount"),
        (answer(status() + credit(trade("<dateOpened>2025-02-30</dateOpened>"))), "a date"),
        (answer(status() + credit(trade("<dateClosed>02/03/2025</dateClosed>"))), "a date"),
        (answer(status() + credit("<inquiry/>")), "inquiry/date is missing"),
        (answer(status() + score("GOOD")), "score/results"),
        (answer(status()).replace("response<", "request<", 1), "not a response"),
        (
            answer(status(), control="<userRefNumber>rep_2</userRefNumber>"),
            "answers another request",
        ),
    ],
)
def test_what_cannot_be_read_may_have_acted(read: Read, body: str, complaint: str) -> None:
    """An answer that cannot be used says where, quotes nothing, and leaves the outcome open."""
    error = refused(read, body)
    assert error.may_have_acted
    assert complaint in error.message


def test_an_answer_to_our_reference_is_ours(read: Read) -> None:
    """The reference that the vendor repeats is the one that was sent."""
    body = answer(status(), control="<userRefNumber>rep_1</userRefNumber>")
    assert read(body).hit is FileHit.HIT
