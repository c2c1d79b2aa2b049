"""Agreements: complete, accessible, printable, the same bytes each time, and nothing unescaped."""

import hashlib
import re
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from domain.agreement import Parties, agreement_of
from domain.agreement_chart import Curves, chart, described
from domain.agreement_words import (
    CANCELLATION,
    CONTRACTUAL,
    ESTIMATE,
    REQUIRED_WARNINGS,
    warnings_of,
)
from domain.analysis import Recommendation
from domain.applications import DebtKind
from domain.months import add_months
from domain.payoff import PayoffStrategy
from domain.plans import Plan, deposits, schedule
from domain.proposal import Proposal
from domain.settings import Participation
from tests.domain.plan_samples import (
    DEBTS,
    PARTIES,
    POLICIES,
    a_debt,
    a_plan,
    a_policy,
    a_proposal,
    settings,
)


def page(html: str) -> ET.Element:
    """Return the page as a tree: void elements closed, so that a parser of XML takes it."""
    text = html.removeprefix("<!DOCTYPE html>\n")
    return ET.fromstring(re.sub(r"<meta ([^>]*)>", r"<meta \1/>", text))  # noqa: S314 -- our own page


def words(element: ET.Element) -> str:
    """Return all that the page says, on one line."""
    return " ".join(" ".join(element.itertext()).split())


@pytest.fixture(scope="module")
def plan() -> Plan:
    """Return a plan with a creditor of each class, a set-up fee and names to escape."""
    debts = (
        *DEBTS,
        replace(a_debt("<b>Bank & Sons</b>", "500.00", "0.00", "20.00", number=5)),
        a_debt("STORE", "300.00", None, "15.00", DebtKind.RETAIL_CARD, number=6),
    )
    policies = (*POLICIES, a_policy("STORE", "0.00", participation=Participation.NOT_EXPECTED))
    chosen = settings(setup_fee=Decimal("50.00"), creditor_policies=policies)
    return a_plan(a_proposal(debts=debts, deposit="460.00", chosen=chosen))


def test_the_same_plan_gives_the_same_bytes(plan: Plan) -> None:
    """The hash is of the very text, and a second making gives the same."""
    again = agreement_of(plan, PARTIES)
    assert again == plan.agreement
    assert plan.agreement.sha256 == hashlib.sha256(plan.agreement.html.encode()).hexdigest()
    other = agreement_of(plan, replace(PARTIES, consumer="Roberta Uphold"))
    assert other.sha256 != again.sha256


def test_it_holds_what_an_agreement_has_to(plan: Plan) -> None:
    """Parties, warnings, fees, every payment and its day, each creditor, cancellation, contact."""
    said = words(page(plan.agreement.html))
    for text in (
        *(PARTIES.agency, PARTIES.consumer, "https://harbor.example", plan.id),
        *REQUIRED_WARNINGS,
        *CANCELLATION,
        *(fee.name for fee in plan.fees),
        *("$50.00", "February 15, 2026", "with concessions", "without concessions"),
        *("not expected to take part", "You go on paying them yourself"),
        *("SHA-256", "attorney general", f"{plan.months} months"),
    ):
        assert text in said, text
    for creditor in plan.creditors:
        assert creditor.debt.creditor in said
    for one in deposits(plan):
        assert f"${one.total:,.2f}" in said


def test_what_people_wrote_is_escaped(plan: Plan) -> None:
    """A name with markup in it shows as it was written and makes no element."""
    evil = Parties(agency="A & B", website=None, consumer='<script>alert("1")</script>')
    html = agreement_of(plan, evil).html
    tree = page(html)
    assert not list(tree.iter("script"))
    assert not list(tree.iter("b"))
    assert evil.consumer in words(tree)
    assert "<b>Bank & Sons</b>" in words(tree)


def test_each_creditor_s_expected_payments_are_there_with_their_days(plan: Plan) -> None:
    """Unfolded, the lines of each debt are its rows of the schedule: every amount and every day."""
    unfolded: list[tuple[str, str, str]] = []
    for row in page(plan.agreement.html).iter("tr"):
        cells = ["".join(cell.itertext()) for cell in row]
        if len(cells) != 7 or cells[0] == "Creditor":
            continue
        *runs, in_all = cells[5].split("; ")
        paid = 0
        for run in runs:
            number, each, first, last = _run(run)
            begins = datetime.strptime(first, "%B %d, %Y").date()  # noqa: DTZ007 -- a day alone
            days = [add_months(begins, month) for month in range(number)]
            assert f"{days[-1]:%B} {days[-1].day}, {days[-1].year}" == last
            unfolded += [(cells[0], day.isoformat(), each) for day in days]
            paid += number
        assert re.match(rf"{paid} payments?, \$", in_all)
    expected = [
        (one.creditor, one.due_on.isoformat(), f"${one.payment:,.2f}") for one in schedule(plan)
    ]
    assert sorted(unfolded) == sorted(expected)


def test_a_reader_is_not_misled(plan: Plan) -> None:
    """How the comparison is estimated, that nobody agreed yet, and what the figures leave out."""
    said = words(page(plan.agreement.html))
    assert CONTRACTUAL in said
    assert ESTIMATE in said
    assert "$300.00 that you owe to creditors that take no part" in said
    assert "$15.00 a month for it yourself" in said
    assert "regulator of Michigan" in said
    assert "take no part" not in words(page(a_plan().agreement.html))
    nowhere = agreement_of(replace(plan, state=None), PARTIES)
    assert "regulator of your state" in words(page(nowhere.html))


def _run(text: str) -> tuple[int, str, str, str]:
    """Return of a run of payments how many, each, the first day and the last."""
    many = re.fullmatch(r"(\d+) of (\S+) from (.+) to (.+)", text)
    if many is not None:
        return int(many[1]), many[2], many[3], many[4]
    each, _, day = text.partition(" on ")
    return 1, each, day, day


ODD_NAMES = (
    "<i>&amp;\"'</i>",
    "بنك \u05d1\u05e0\u05e7 24",
    "💳🏦 Émile's",
    "W" * 120,
    "A\u0301 · 銀行",
)


def test_thirty_creditors_of_odd_names_over_sixty_months() -> None:
    """It stays a page of modest size, each name as it was written, each month once."""
    debts = tuple(
        a_debt(
            f"{ODD_NAMES[number % 5]} {number}",
            f"{9_000 + 777 * number}.13",
            "29.99",
            "1",
            number=number,
        )
        for number in range(30)
    )
    proposal = a_proposal(debts=debts, deposit="99999.99", chosen=settings(creditor_policies=()))
    needed = sum(one.payment for one in proposal.creditors) + Decimal(50)
    plan = a_plan(
        a_proposal(debts=debts, deposit=f"{needed}", chosen=settings(creditor_policies=()))
    )
    html = plan.agreement.html
    assert len(html.encode()) < 100_000
    tree = page(html)
    cells = {"".join(one.itertext()) for one in tree.iter("th")}
    assert {debt.creditor for debt in debts} <= cells
    assert not list(tree.iter("i"))
    assert len(deposits(plan)) == plan.months


def test_it_is_accessible(plan: Plan) -> None:
    """Language, title, one first heading, headings in order, captions, scopes, a named chart."""
    tree = page(plan.agreement.html)
    assert tree.get("lang") == "en"
    assert tree.findtext("head/title")
    levels = [int(one.tag[1]) for one in tree.iter() if re.fullmatch(r"h[1-6]", str(one.tag))]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    tables = list(tree.iter("table"))
    assert tables
    for table in tables:
        assert table.findtext("caption")
        assert all(cell.get("scope") in ("col", "row") for cell in table.iter("th"))
        widths = {len(row) for row in table.iter("tr")}
        assert len(widths) == 1
    (svg,) = tree.iter("svg")
    assert svg.get("role") == "img"
    named = {one.get("id") for one in svg.iter()}
    assert set((svg.get("aria-labelledby") or "").split()) <= named
    assert svg.findtext("title")
    assert svg.findtext("desc")
    for one in tree.iter():
        label = one.get("aria-labelledby")
        if label is not None:
            assert set(label.split()) <= {other.get("id") for other in tree.iter()}
    ids = [one.get("id") for one in tree.iter() if one.get("id")]
    assert len(ids) == len(set(ids))


def luminance(color: str) -> float:
    """Return the relative luminance of a color by WCAG 2.2."""
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_colors_are_told_apart_and_not_by_color_alone(plan: Plan) -> None:
    """Text and lines have 7 to 1 on white; the chart's second line is dashed and says so."""
    html = plan.agreement.html
    for color in ("#1a1a1a", "#0b4884", "#7a2e00"):
        assert color in html
        assert 1.05 / (luminance(color) + 0.05) >= 7
    assert "stroke-dasharray" in html
    assert "(dashed)" in html
    assert "@media print" in html


def test_it_loads_nothing_and_runs_nothing(plan: Plan) -> None:
    """No address to load from, no script, no handler; a policy in the page forbids them too."""
    tree = page(plan.agreement.html)
    for element in tree.iter():
        assert element.tag not in ("script", "img", "link", "iframe", "object", "form", "a")
        for name in element.attrib:
            assert name not in ("src", "href", "style")
            assert not name.startswith("on")
    assert "default-src 'none'" in plan.agreement.html


def test_the_chart_says_in_words_what_it_shows(plan: Plan) -> None:
    """What is owed at first, in how many months it is gone, and what would be owed without."""
    (svg,) = page(plan.agreement.html).iter("svg")
    said = svg.findtext("desc") or ""
    assert "$17,000.00" in said
    assert f"{plan.months} months" in said
    assert "At the contractual terms" in said
    lines = [one for one in svg.iter("polyline") if len((one.get("points") or "").split()) > 2]
    assert len(lines) == 2
    for line in lines:
        points = (line.get("points") or "").split()
        assert len(points) == plan.months + 1
        for point in points:
            across, down = map(Decimal, point.split(","))
            assert 0 <= across <= 720
            assert 0 <= down <= 360


def test_a_chart_of_one_month_and_of_one_cent() -> None:
    """The shortest plan and the smallest debt are drawn; without a comparison there is none."""
    curves = Curves(within=(Decimal("0.01"), Decimal("0.00")), without=None)
    assert chart(curves).count("<polyline") == 2
    assert described(curves) == "With the plan the debt falls from $0.01 to nothing in 1 month."


@pytest.mark.parametrize("strategy", PayoffStrategy)
def test_every_strategy_is_explained(strategy: PayoffStrategy) -> None:
    """The page says what becomes of what is left over, and the figures are the plan's."""
    plan = a_plan(strategy=strategy)
    said = words(page(plan.agreement.html))
    assert f"{plan.total_interest:,.2f}" in said
    assert ("left over" in said) is (strategy is not PayoffStrategy.NO_ROLLOVER)


def warned(
    proposal: Proposal,
    disposable: str = "425.00",
    recommendation: Recommendation = Recommendation.PLAN_STANDARD,
) -> tuple[str, ...]:
    """Return the warnings beside the three required ones, which come first."""
    warnings = warnings_of(proposal, recommendation, Decimal(disposable))
    assert warnings[:3] == REQUIRED_WARNINGS
    return warnings[3:]


@pytest.mark.parametrize("recommendation", Recommendation)
def test_a_plan_that_was_not_proposed_says_so(recommendation: Recommendation) -> None:
    """A differing analysis adds what it proposed."""
    said = warned(a_proposal(), recommendation=recommendation)
    proposed = recommendation in (Recommendation.PLAN_STANDARD, Recommendation.PLAN_HARDSHIP)
    assert any("did not propose a plan" in one for one in said) is not proposed


def test_a_deposit_beyond_the_budget_is_warned_of() -> None:
    """To the cent: what the budget leaves is fine, a cent more is not."""
    assert not warned(a_proposal(deposit="425.00"))
    (said,) = warned(a_proposal(deposit="425.01"))
    assert "$425.01" in said


def test_a_first_payment_beyond_the_budget_is_warned_of() -> None:
    """The set-up fee is due on top of the first deposit: to the cent; a waived one is not."""
    charging = settings(setup_fee=Decimal("50.00"))
    proposal = a_proposal(deposit="425.00", chosen=charging)
    assert not warned(proposal, "475.00")
    (said,) = warned(proposal, "474.99")
    for figure in ("$50.00", "$475.00", "$474.99"):
        assert figure in said
    assert len(warned(proposal, "424.99")) == 2
    assert not warned(a_proposal(deposit="425.00", chosen=charging, waived=True), "425.00")


def test_what_is_paid_beside_the_plan_is_named_where_the_budget_is_short() -> None:
    """A creditor that takes no part still gets its 261, which the budget has left already."""
    outside = a_policy("CARD_A", "0.00", participation=Participation.NOT_EXPECTED)
    chosen = settings(creditor_policies=(*POLICIES[1:], outside), monthly_fee_max=Decimal(0))
    fine = a_proposal(PayoffStrategy.SNOWBALL, deposit="200.00", chosen=chosen)
    assert not warned(fine, "200.00")
    (said,) = warned(a_proposal(PayoffStrategy.SNOWBALL, deposit="200.01", chosen=chosen), "200.00")
    for figure in ("$200.01", "$261.00", "$200.00"):
        assert figure in said


def test_a_plan_that_costs_more_is_warned_of() -> None:
    """Debts without interest need no plan to get cheaper: its fees make it dearer."""
    free = (a_debt("CLINIC", "600.00", "0.00", "60.00", DebtKind.MEDICAL),)
    proposal = a_proposal(debts=free, deposit="100.00")
    assert any("costs more" in one for one in warned(proposal))
