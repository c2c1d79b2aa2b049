"""The simulator: its files hold together, repeat themselves, and cover what agencies meet."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

import httpx
import pytest

from domain.consumers import Address, PersonName
from domain.credit import CreditFile, CreditSubject, PortfolioType, PullKind
from integrations.tls import mutual_tls_context
from integrations.transunion.certificates import CertificateFiles
from integrations.transunion.settings import RequestForm, TransUnionSettings
from integrations.transunion.simulator import Simulator, SimulatorAccount, running_simulator
from integrations.transunion.simulator.answers import file_answer
from integrations.transunion.simulator.app import CONTROL_PATH
from integrations.transunion.simulator.intake import read_request
from integrations.transunion.simulator.people import file_for
from integrations.transunion.simulator.records import File, Person
from integrations.transunion.wire import build_request, read_answer
from integrations.transunion.wire.elements import Element, parse_document

if TYPE_CHECKING:
    from tests.integrations.transunion.conftest import Running

MakeSubject = Callable[..., CreditSubject]

AS_OF = SimulatorAccount().as_of
AMOUNTS = {
    "highCredit": "high_credit",
    "creditLimit": "credit_limit",
    "currentBalance": "balance",
    "pastDue": "past_due",
    "monthlyPayment": "monthly_payment",
}


def person(number: int, *, born: date = date(1979, 4, 12)) -> Person:
    return Person(
        first=f"Given{number}",
        last=f"Family{number}",
        street="1 Main St",
        city="Troy",
        state="MI",
        zip_code="48083",
        ssn=f"{666_000_000 + number}",
        born=born,
    )


FILES = [file_for(person(number), AS_OF) for number in range(200)]


def answered(
    file: File, settings: TransUnionSettings, kind: PullKind
) -> tuple[CreditFile, Element]:
    subject_request = build_request(
        _subject(file), kind, settings, reference=f"rep_{file.person.ssn}"
    )
    asked = read_request(subject_request, SimulatorAccount())
    body = file_answer(replace(file, person=asked.person), asked, SimulatorAccount()).encode()
    read = read_answer(
        body, kind, settings, reference=f"rep_{file.person.ssn}", vendor="transunion"
    )
    stated = parse_document(body).find(
        *(() if settings.request_form is RequestForm.BARE else ("productresponse", "creditBureau")),
        *("product", "subject", "subjectRecord", "custom", "credit", "creditSummary"),
    )
    assert stated is not None
    return read, stated


def _subject(file: File) -> CreditSubject:
    who = file.person
    return CreditSubject(
        name=PersonName(given=who.first, family=who.last),
        ssn=who.ssn,
        date_of_birth=who.born,
        address=Address(line1=who.street, city=who.city, state=who.state, postal_code=who.zip_code),
    )


@pytest.mark.parametrize("kind", PullKind)
@pytest.mark.parametrize("form", RequestForm)
def test_every_file_reproduces_its_own_summary(
    settings: TransUnionSettings, kind: PullKind, form: RequestForm
) -> None:
    """Two implementations of the vendor's sums, one in each codec, agree on every file."""
    for file in FILES[:60]:
        read, stated = answered(file, replace(settings, request_form=form), kind)
        summary = read.summary
        assert summary is not None
        for portfolio in ("revolving", "installment", "mortgage", "total"):
            ours = getattr(summary, portfolio)
            for element, attribute in AMOUNTS.items():
                theirs = stated.text(f"{portfolio}Amount", element)
                assert getattr(ours, attribute) == Decimal(theirs or "")
        percent = stated.text("revolvingAmount", "percentAvailableCredit")
        expected = Decimal(percent) if percent else None
        assert summary.revolving.percent_available == expected
        counts = stated.find("recordCounts")
        assert counts is not None
        assert summary.tradeline_count == int(counts.text("totalTradeCount") or "")
        assert summary.inquiry_count == int(counts.text("totalInquiryCount") or "")
        assert summary.collection_count == int(counts.text("collectionCount") or "")
        assert summary.public_record_count == int(counts.text("publicRecordCount") or "")
        assert len(read.inquiries) == len(file.inquiries) + (kind is PullKind.HARD)


def test_patterns_counters_and_ratings_tell_one_story() -> None:
    """Late months climb one step at a time, and counters, rating and past due follow from them."""
    for trade in (trade for file in FILES for trade in file.trades):
        assert re.fullmatch(r"[1-5X]{0,48}", trade.pattern)
        months = list(reversed(trade.pattern))
        for before, after in pairwise(months):
            if "X" not in before + after and after > before:
                assert int(after) - int(before) == 1
        if trade.rating in {"01", "02", "03", "04", "05"} and trade.closed is None:
            assert (trade.past_due > 0) == (trade.rating != "01" and trade.balance > 0)
        assert 0 <= trade.past_due <= max(trade.balance, 0)
        assert trade.balance <= trade.high_credit
        assert trade.limit is None or trade.balance <= trade.limit
        assert trade.payment is None or trade.balance > 0


def test_dates_are_in_order() -> None:
    """Nothing is reported before it was opened, closed before it began, or later than today."""
    for file in FILES:
        for trade in file.trades:
            assert trade.opened <= trade.effective <= AS_OF
            assert trade.closed is None or trade.opened < trade.closed <= AS_OF
            assert trade.last_paid is None or trade.opened <= trade.last_paid <= AS_OF
            assert file.since <= trade.opened
            reviewed = (trade.effective - trade.opened).days / 30.4 + 1
            assert len(trade.pattern) <= reviewed
        assert all(inquiry.asked < AS_OF for inquiry in file.inquiries)


def test_nobody_borrows_before_they_are_grown() -> None:
    """A person's accounts begin at 18 at the earliest; a minor has none, and is marked so."""
    young = [file_for(person(n, born=date(2005 - n % 6, 3, 1)), AS_OF) for n in range(60)]
    for file in young:
        eighteenth = file.person.born.replace(year=file.person.born.year + 18)
        assert all(
            trade.opened >= eighteenth
            for trade in file.trades
            if trade.relation != "authorizedUser"
        )
    minor = file_for(person(1, born=date(2012, 1, 1)), AS_OF)
    assert minor.trades == ()
    assert minor.flags == {"minor"}


def test_everything_occurs_that_agencies_meet(settings: TransUnionSettings) -> None:
    """Over 200 people: every portfolio, lateness, collections, bankruptcies, flags, thin files."""
    trades = [trade for file in FILES for trade in file.trades]
    portfolios = Counter(trade.portfolio for trade in trades)
    assert set(portfolios) == {"revolving", "installment", "mortgage", "open", "lineOfCredit"}
    relations = Counter(trade.relation for trade in trades)
    assert relations["authorizedUser"] > 20
    assert {"individual", "jointContractLiability", "coSigner"} <= set(relations)
    ratings = Counter(trade.rating for trade in trades)
    assert {"01", "02", "03", "09"} <= set(ratings)
    assert sum(trade.closed is not None for trade in trades) > 100
    assert sum(bool(trade.late("2345")) for trade in trades) > 100
    assert sum(bool(file.collections) for file in FILES) > 20
    assert any(file.bankruptcies for file in FILES)
    assert any(file.statement for file in FILES)
    assert {"disputed", "addressMismatch"} <= {flag for file in FILES for flag in file.flags}
    scores = [file.score for file in FILES if file.score is not None]
    assert min(scores) < 550
    assert max(scores) > 720
    thin = [file for file in FILES if file.score is None]
    assert 0 < len(thin) < 30
    read = [answered(file, settings, PullKind.SOFT)[0] for file in FILES[:60]]
    assert {line.portfolio for file in read for line in file.tradelines} == set(PortfolioType)
    assert {"DISPUTE", "ADDRESS_MISMATCH"} <= {alert for file in read for alert in file.alerts}
    assert any(file.score is not None and file.score.value is None for file in read)


def test_the_same_person_has_the_same_file() -> None:
    """Files come from the person alone: again the same, for another person another."""
    assert file_for(person(7), AS_OF) == FILES[7]
    assert len({repr(replace(file, person=FILES[0].person)) for file in FILES}) == len(FILES)


def test_a_known_person_keeps_their_file() -> None:
    """A generated file does not change with Python's version or the order of anything."""
    file = file_for(person(1), AS_OF)
    told = [(t.furnisher.name, t.portfolio, t.balance, t.rating) for t in file.trades]
    assert told == KNOWN_FILE


KNOWN_FILE: list[tuple[str, str, int, str]] = [
    ("UNION HARBOR CARD", "revolving", 14734, "01"),
    ("HOMESTEAD MORTGAGE", "mortgage", 162794, "01"),
    ("NORTHERN CARD SVC", "revolving", 1321, "01"),
    ("PRAIRIE STATE CU", "revolving", 1438, "02"),
    ("UNION HARBOR CARD", "revolving", 12869, "02"),
    ("MERIDIAN CHARGE", "open", 763, "01"),
    ("HARVEST LENDING", "installment", 122, "01"),
    ("UNION HARBOR CARD", "revolving", 1499, "02"),
]


def client_of(certificates: CertificateFiles) -> httpx.AsyncClient:
    context = mutual_tls_context(
        certificate_file=certificates.client_certificate,
        key_file=certificates.client_key,
        ca_file=certificates.ca_certificate,
    )
    return httpx.AsyncClient(verify=context, trust_env=False)


async def test_inquiries_are_told_without_numbers(
    running: "Running", certificates: CertificateFiles, persona: CreditSubject
) -> None:
    """The control path counts by reference and by hash, and never says whose number it was."""
    request = build_request(persona, PullKind.HARD, running.settings, reference="rep_7")
    async with client_of(certificates) as client:
        for _ in range(2):
            await client.post(running.url, content=request)
        told = await client.get(f"{running.url}{CONTROL_PATH}")
    inquiries = told.json()["inquiries"]
    assert told.json()["total"] == 2
    assert [(i["reference"], i["kind"], i["product"]) for i in inquiries] == [
        ("rep_7", "HARD", "07000")
    ] * 2
    assert len({i["subject"] for i in inquiries}) == 1
    assert "666484418" not in told.text


async def test_the_count_is_for_loopback_alone() -> None:
    """Anybody who asks from elsewhere finds nothing there."""
    transport = httpx.ASGITransport(Simulator(), client=("192.0.2.7", 4711))
    async with httpx.AsyncClient(transport=transport, base_url="https://simulator") as client:
        assert (await client.get(CONTROL_PATH)).status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (b"", 400, ""),
        (b"<creditBureau/>", 400, ""),
        (b"<!DOCTYPE x><x/>", 400, ""),
        (b"x" * 100_001, 413, ""),
    ],
)
async def test_what_is_no_request_is_refused_by_status(body: bytes, status: int, told: str) -> None:
    """What is no request document is not answered in XML."""
    simulator = Simulator()
    transport = httpx.ASGITransport(simulator)
    async with httpx.AsyncClient(transport=transport, base_url="https://simulator") as client:
        answer = await client.post("/", content=body)
    assert (answer.status_code, answer.text) == (status, told)
    assert simulator.inquiries == []


REQUIRED = (
    "version",
    "document",
    "industryCode",
    "memberCode",
    "inquirySubscriberPrefixCode",
    "password",
    "processingEnvironment",
    "country",
    "contractualRelationship",
    "first",
    "last",
    "unparsed",
    "city",
    "state",
    "zipCode",
    "dateOfBirth",
    "inquiryECOADesignator",
)


@pytest.mark.parametrize("form", RequestForm)
@pytest.mark.parametrize("element", REQUIRED)
async def test_what_is_missing_is_named(
    settings: TransUnionSettings, persona: CreditSubject, form: RequestForm, element: str
) -> None:
    """A required element that is missing is an embedded error, in the form of the request."""
    request = build_request(
        persona, PullKind.SOFT, replace(settings, request_form=form), reference="r"
    ).decode()
    without = re.sub(f"<{element}>[^<]*</{element}>", "", request, count=1)
    assert without != request
    simulator = Simulator()
    transport = httpx.ASGITransport(simulator)
    async with httpx.AsyncClient(transport=transport, base_url="https://simulator") as client:
        answer = await client.post("/", content=without.encode())
    assert answer.status_code == 200
    assert f"{element} is missing</description></error>" in answer.text
    assert answer.text.count("<xmlresponse") == (form is RequestForm.ENVELOPE)
    assert simulator.inquiries == []


async def test_closing_waits_for_nobody(
    certificates: CertificateFiles, settings: TransUnionSettings, make_subject: MakeSubject
) -> None:
    """A simulator that is closed lets go of those whom it keeps waiting."""
    simulator = Simulator()
    request = build_request(make_subject("Timeout"), PullKind.SOFT, settings, reference="r")
    async with client_of(certificates) as client:
        async with running_simulator(simulator, certificates) as url:
            waiting = asyncio.create_task(client.post(url, content=request))
            while not simulator.inquiries:  # noqa: ASYNC110 - the server has no bell to ring
                await asyncio.sleep(0.005)
        answer = await asyncio.wait_for(waiting, 3)
    assert answer.status_code == 503


async def test_a_taken_port_is_an_error(certificates: CertificateFiles) -> None:
    """Two simulators do not share a port: the second says so."""
    async with running_simulator(Simulator(), certificates) as url:
        with pytest.raises(OSError, match="in use"):
            async with running_simulator(
                Simulator(), certificates, port=int(url.rpartition(":")[2])
            ):
                pass
