"""The wording of agreements: warnings, services and rights, in words that a consumer can read.

The three warnings are those of the Uniform Debt-Management Services Act, section 17. The days to
cancel are those of its section 20, which was not read in the source: they are one value here. A
change of wording never alters an agreement that was shown: its text is kept whole.
"""

from decimal import Decimal

from domain.analysis import Recommendation
from domain.contractual import Payoff
from domain.money import total
from domain.plans import setup_fee
from domain.proposal import Proposal
from domain.reasons import dollars
from domain.settings import Participation

VERSION = "2026-01"
CANCEL_BUSINESS_DAYS = 3

REQUIRED_WARNINGS = (
    "A debt management plan is not right for everybody. You may ask us about other ways of dealing "
    "with debt, bankruptcy among them.",
    "A plan may hurt your credit rating or credit scores, and may make it harder to get credit.",
    "We may be paid by your creditors for what we do under this plan.",
)
SERVICES = (
    "We take your monthly payment, keep it apart from our own money, and pay your creditors from "
    "it.",
    "We ask your creditors to accept the terms listed here, and tell you what each of them answers."
    " A creditor may refuse; then we go through your options with you.",
    "We go on counseling you about your budget for as long as the plan lasts.",
    "We send you a statement every month of what we received, what we paid to whom and when, and "
    "what we kept as a fee; and another within 5 business days whenever you ask for one, once a "
    "month.",
    "We may end this agreement for good cause, and then return what we hold of yours and have not "
    "yet paid to creditors.",
)
EXPECTED_OF_YOU = (
    "You make each payment by its day. Tell us at once when you cannot: we then look at your budget"
    " with you.",
    "Creditors usually close accounts that are in a plan. You take on no new credit while it "
    "lasts.",
)
CANCELLATION = (
    f"You may cancel within {CANCEL_BUSINESS_DAYS} business days after you sign, and get back all "
    "that you paid to us. You may also end this agreement at any later time, by telling us; we then"
    " return what we hold of yours and have not yet paid to creditors.",
    "No fee is charged before you sign. If you do not sign, you can still be counseled.",
)
SIGNING = (
    "You sign by typing your full name beside the fingerprint (SHA-256) of this very text. We keep "
    "the text, your name as you typed it, the time and the network address that it came from; "
    "nothing of it is changed afterwards. You may ask for a copy on paper free of charge."
)
CLASSES = {
    Participation.WITH_CONCESSIONS: (
        "Creditors expected to take part, with concessions",
        "They are expected to accept these payments and the interest in the plan as shown.",
    ),
    Participation.WITHOUT_CONCESSIONS: (
        "Creditors expected to take part, without concessions",
        "They are expected to accept these payments. Interest stays as it is.",
    ),
    Participation.NOT_EXPECTED: (
        "Creditors not expected to take part",
        "We do not pay them under this plan. You go on paying them yourself.",
    ),
}
CONTRACTUAL = (
    "The contractual terms are an estimate: a card is paid the month's interest and 1% of its "
    "balance, at least $25, the common form of a card's minimum payment; any other debt its stated "
    "payment. Nothing new is bought, and nothing is paid late. Whoever pays more is done sooner and"
    " pays less interest."
)
ESTIMATE = (
    "Creditors have not agreed to this plan yet. Until one does, its interest and late fees go on "
    "as they are; then dates and amounts may change."
)
NO_SUCH_CREDITOR = "None."
_PLANS = frozenset({Recommendation.PLAN_STANDARD, Recommendation.PLAN_HARDSHIP})
_PROPOSED = {
    Recommendation.SELF_MANAGE: "that you can pay your debts without a plan",
    Recommendation.BUDGET_FOLLOW_UP: "to work on income and expenses before a plan",
    Recommendation.BANKRUPTCY_REFERRAL: "to discuss legal aid and bankruptcy",
}


def warnings_of(
    proposal: Proposal, recommendation: Recommendation, disposable: Decimal
) -> tuple[str, ...]:
    """Return the warnings that a proposal carries: the three required ones, then its own.

    A counselor decides, whatever the analysis recommends; the consumer is told where they differ.
    disposable: what the budget leaves a month after a cushion and after what is paid by oneself to
    creditors that take no part.
    """
    own = []
    if recommendation not in _PLANS:
        proposed = _PROPOSED[recommendation]
        own.append(f"The analysis of your figures did not propose a plan, but {proposed}.")
    if proposal.monthly_deposit > disposable:
        own.append(_beyond_budget(proposal, disposable))
    setup = setup_fee(proposal.fees)
    if setup > 0 and proposal.monthly_deposit + setup > disposable:
        own.append(
            f"With the set-up fee of {dollars(setup)} your first payment is "
            f"{dollars(proposal.monthly_deposit + setup)}, more than the {dollars(disposable)} "
            "that your budget leaves after a cushion. Sign only if you know where the rest comes "
            "from."
        )
    if _costs_more(proposal):
        own.append(
            "With its fees this plan costs more than paying the same debts at their contractual "
            "terms would, if you can keep these up."
        )
    return (*REQUIRED_WARNINGS, *own)


def _beyond_budget(proposal: Proposal, left: Decimal) -> str:
    beside = total(one.debt.minimum_payment for one in proposal.creditors if not one.payments)
    after = "a cushion"
    if beside > 0:
        after += f" and the {dollars(beside)} that you go on paying to other creditors yourself"
    return (
        f"The monthly payment of {dollars(proposal.monthly_deposit)} is more than the "
        f"{dollars(left)} that your budget leaves after {after}. Sign only if you know where the "
        "rest comes from."
    )


def _costs_more(proposal: Proposal) -> bool:
    contractual: Payoff = proposal.without_plan
    if contractual.total_interest is None:
        return False
    return proposal.total_interest + proposal.total_fees > contractual.total_interest
