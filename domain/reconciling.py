"""Debts reconciled: what the consumer says, what the bureau reports and what the bank shows.

Pure. The same creditor and account are one debt, matched here and nowhere else. A line that is not
the consumer's to pay, or not to be relied on, is excluded and says why. Where two of the three
differ by more than a tolerance, both figures are shown; nobody's is dropped in silence.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from domain.applications import Debt, DebtKind, Source
from domain.bank_connections import BankAccount
from domain.banking import LiabilityFacts
from domain.credit import Tradeline
from domain.money import ZERO, to_cents

# Whose debt it is not: somebody else's, nobody's any more, or an estate's (TransUnion's ECOA).
NOT_OWED_BY_CONSUMER = frozenset({"authorizedUser", "terminated", "deceased"})
DISPUTE_REMARKS = frozenset({"AID", "XB", "XF"})
"""Remarks and compliance codes of an account under dispute. From memory and no public source: AID
(account information disputed by consumer), Metro 2's XB and XF (under investigation)."""

BALANCE_TOLERANCE = (Decimal("25.00"), Decimal("0.05"))
PAYMENT_TOLERANCE = (Decimal("5.00"), Decimal("0.10"))
APR_TOLERANCE = Decimal("0.50")
"""What figures may differ by: money by the greater of an amount and a share, rates by points."""

_LAST4_LENGTH = 4
_NO_NAME = frozenset(
    {"card", "cards", "co", "company", "corp", "inc", "llc", "ltd", "n", "a", "na", "fsb", "plc"}
    | {"services", "svcs", "the", "usa"}
)
_KNOWN_AS = {
    "amex": "americanexpress",
    "bofa": "bankofamerica",
    "bkofamer": "bankofamerica",
    "capone": "capitalone",
    "jpmcb": "chase",
    "jpmorganchase": "chase",
    "jpmorganchasebank": "chase",
}


class Exclusion(StrEnum):
    """Why a reported account is no debt to be counted."""

    AUTHORIZED_USER = "AUTHORIZED_USER"
    TERMINATED = "TERMINATED"
    DECEASED = "DECEASED"
    CLOSED = "CLOSED"
    NO_BALANCE = "NO_BALANCE"
    DISPUTED = "DISPUTED"


_OF_ECOA = {
    "authorizedUser": Exclusion.AUTHORIZED_USER,
    "terminated": Exclusion.TERMINATED,
    "deceased": Exclusion.DECEASED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Two sources that differ: a field's name, and what each says of it."""

    field: str
    source: Source
    figure: Decimal
    other: Source
    other_figure: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account of what is owed, as one source has it; None where it does not tell.

    source_key: the source's own name for it, to know it again. excluded: why it is not counted.
    """

    source: Source
    source_key: str | None
    creditor: str
    kind: DebtKind
    last4: str | None
    balance: Decimal | None
    payment: Decimal | None
    apr: Decimal | None
    past_due: Decimal | None
    excluded: Exclusion | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """One debt with all that say something of it. stated: what stands in the application.

    accounts: bank first, then bureau. excluded: why it is not to be counted, None where it is.
    """

    stated: Debt | None
    accounts: tuple[Account, ...]
    conflicts: tuple[Conflict, ...]
    excluded: Exclusion | None

    def figure(self, name: str) -> Decimal | None:
        """Return a figure as the first source has it that tells it: the bank knows it best."""
        told = (getattr(account, name) for account in self.accounts)
        return next((one for one in told if one is not None), None)


def exclusion_of(line: Tradeline) -> Exclusion | None:
    """Return why a line of a credit file is not to be counted; None where it is."""
    if line.ecoa in NOT_OWED_BY_CONSUMER:
        return _OF_ECOA[line.ecoa]
    if line.closed_on is not None or line.paid_out_on is not None:
        return Exclusion.CLOSED
    if (line.balance or ZERO) <= 0:
        return Exclusion.NO_BALANCE
    if not DISPUTE_REMARKS.isdisjoint(line.remarks):
        return Exclusion.DISPUTED
    return None


def account_of_line(line: Tradeline, kind: DebtKind) -> Account:
    """Return a line of a credit file as an account."""
    return Account(
        source=Source.CREDIT_REPORT,
        source_key=line.source_key,
        creditor=line.creditor,
        kind=kind,
        last4=line.account_last4,
        balance=_cents(line.balance),
        payment=_cents(line.monthly_payment),
        apr=None,
        past_due=_cents(line.past_due),
        excluded=exclusion_of(line),
    )


_KIND_OF_SUBTYPE = {
    "auto": DebtKind.AUTO,
    "home equity": DebtKind.MORTGAGE,
    "mortgage": DebtKind.MORTGAGE,
    "student": DebtKind.STUDENT_LOAN,
}


def account_of_bank(
    account: BankAccount, institution: str, liability: LiabilityFacts | None
) -> Account | None:
    """Return an account on which something is owed; None for others.

    A credit account's balance is what is owed on it. One that is paid off or overpaid has none.
    """
    if account.type not in ("credit", "loan"):
        return None
    default = DebtKind.CREDIT_CARD if account.type == "credit" else DebtKind.PERSONAL_LOAN
    balance = account.current
    owed = liability is None or liability.past_due is None
    return Account(
        source=Source.BANK,
        source_key=account.id,
        creditor=institution,
        kind=_KIND_OF_SUBTYPE.get(account.subtype or "", default),
        last4=account.mask,
        balance=balance,
        payment=None if liability is None else _cents(liability.minimum_payment),
        apr=None if liability is None else _cents(liability.apr),
        past_due=None if owed or liability is None else _cents(liability.past_due),
        excluded=Exclusion.NO_BALANCE if balance is not None and balance <= 0 else None,
    )


def reconcile(debts: Sequence[Debt], accounts: Sequence[Account]) -> tuple[Reconciled, ...]:
    """Return what the application says and what others say, each account once.

    In the order of the debts, then what nobody has stated. Debts that no other source knows are not
    among them: there is nothing to propose. What is excluded by one source and counted by another
    is counted, and the balances show where they differ.
    """
    joined = _joined(accounts)
    taken: set[int] = set()
    of_debt: dict[int, tuple[Account, ...]] = {}
    unstated: list[tuple[Account, ...]] = []
    for some in joined:
        place = next(
            (
                found
                for one in some
                for look in (_by_name, _by_number)
                if (found := look(debts, one, taken)) is not None
            ),
            None,
        )
        if place is None:
            unstated.append(some)
        else:
            taken.add(place)
            of_debt[place] = some
    stated = [_reconciled(debts[place], of_debt[place]) for place in sorted(of_debt)]
    return (*stated, *(_reconciled(None, some) for some in unstated))


def match(
    debts: Sequence[Debt], account: Account, taken: set[int], called: Callable[[str], str]
) -> int | None:
    """Return the place of the debt that the account is, the surest ground first; None for none.

    called: turns a creditor's name into what two spellings of it have in common.

    taken: places that are other accounts already. A debt that is known to be another account of the
    same source is not this one; one of which neither side tells the number is, if the creditor is.
    """
    free = [place for place in range(len(debts)) if place not in taken]
    if account.source_key is not None:
        for place in free:
            if debts[place].source_key == account.source_key:
                return place
    of_bureau = account.source is Source.CREDIT_REPORT and account.source_key is not None
    typed = [place for place in free if not (of_bureau and debts[place].source_key is not None)]
    named = called(account.creditor)
    alike = [place for place in typed if called(debts[place].creditor) == named]
    for is_same in (has_same_number, may_have_same_number):
        for place in alike:
            if is_same(debts[place].account_last4, account.last4):
                return place
    return None


def _by_name(debts: Sequence[Debt], account: Account, taken: set[int]) -> int | None:
    return match(debts, account, taken, creditor_key)


def _by_number(debts: Sequence[Debt], account: Account, taken: set[int]) -> int | None:
    """Return the debt that is the account under another name: see `_is_known_by_number`."""
    for place, debt in enumerate(debts):
        if place not in taken and _is_known_by_number(_as_account(debt), account):
            return place
    return None


def spelled(creditor: str) -> str:
    """Return a creditor's letters and digits: what may be overwritten without being shown first."""
    return "".join(sign for sign in creditor.casefold() if sign.isalnum())


def creditor_key(creditor: str) -> str:
    """Return a creditor's name without what sources add to it: for what is shown and accepted."""
    folded = "".join(sign if sign.isalnum() else " " for sign in creditor.casefold())
    words = folded.split()
    named = [word for word in words if word not in _NO_NAME] or words
    joined = "".join(named)
    return _KNOWN_AS.get(joined, joined)


def has_same_number(ours: str | None, theirs: str | None) -> bool:
    """Say whether the last four characters agree; the bureau masks some of them with an X."""
    if ours is None or theirs is None or len(ours) != len(theirs):
        return False
    return all(a == b or "X" in (a, b) for a, b in zip(ours.upper(), theirs.upper(), strict=True))


def may_have_same_number(ours: str | None, theirs: str | None) -> bool:
    """Say whether one of the numbers is not known, so that they do not differ."""
    return ours is None or theirs is None


def last4(number: str | None) -> str | None:
    """Return the last four characters where all four are known."""
    return number if number is not None and len(number) == _LAST4_LENGTH else None


def _joined(accounts: Sequence[Account]) -> list[tuple[Account, ...]]:
    """Return the bank's accounts, each with the bureau's line that it is, and the other lines."""
    of_bank = [one for one in accounts if one.source is Source.BANK]
    lines = [one for one in accounts if one.source is not Source.BANK]
    groups: list[tuple[Account, ...]] = []
    free = list(range(len(lines)))
    for account in of_bank:
        place = next((one for one in free if _is_same(account, lines[one])), None)
        if place is None:
            groups.append((account,))
        else:
            free.remove(place)
            groups.append((account, lines[place]))
    groups += ((lines[place],) for place in free)
    return groups


def _is_same(account: Account, line: Account) -> bool:
    """Say whether a bank's account is a bureau's line: the number has to be known for that."""
    alike = creditor_key(account.creditor) == creditor_key(line.creditor)
    same = alike and has_same_number(account.last4, line.last4)
    return same or _is_known_by_number(account, line)


def _is_known_by_number(one: Account, other: Account) -> bool:
    """Say whether two accounts are one, whatever they are called: all four digits, and the balance.

    A bank links under its own name what a bureau has under the card's or the servicer's. That two
    accounts of one person end alike and owe the same is less likely than that.
    """
    if one.balance is None or other.balance is None or min(one.balance, other.balance) <= 0:
        return False
    digits = one.last4 is not None and one.last4.isdigit() and len(one.last4) == _LAST4_LENGTH
    same = digits and one.last4 == other.last4
    return same and not _differ("balance", one.balance, other.balance)


def _reconciled(stated: Debt | None, accounts: tuple[Account, ...]) -> Reconciled:
    reasons = [one.excluded for one in accounts]
    counted = tuple(one for one in accounts if one.excluded is None)
    figures = counted or accounts
    return Reconciled(
        stated=stated,
        accounts=figures,
        conflicts=tuple(_conflicts(stated, accounts)),
        excluded=None if counted else next(one for one in reasons if one is not None),
    )


def _conflicts(stated: Debt | None, accounts: tuple[Account, ...]) -> Iterable[Conflict]:
    """Yield where two sources differ: the consumer and each other, and the bank and the bureau."""
    said = () if stated is None else (_as_account(stated),)
    everyone = (*said, *accounts)
    for number, one in enumerate(everyone):
        for other in everyone[number + 1 :]:
            for name in ("balance", "payment", "apr"):
                ours, theirs = getattr(one, name), getattr(other, name)
                if ours is not None and theirs is not None and _differ(name, ours, theirs):
                    yield Conflict(
                        field=name,
                        source=one.source,
                        figure=ours,
                        other=other.source,
                        other_figure=theirs,
                    )


def _as_account(debt: Debt) -> Account:
    return Account(
        source=debt.source,
        source_key=debt.source_key,
        creditor=debt.creditor,
        kind=debt.kind,
        last4=debt.account_last4,
        balance=debt.balance,
        payment=debt.minimum_payment,
        apr=debt.apr,
        past_due=debt.past_due,
    )


def _differ(name: str, one: Decimal, other: Decimal) -> bool:
    apart = abs(one - other)
    if name == "apr":
        return apart > APR_TOLERANCE
    least, share = BALANCE_TOLERANCE if name == "balance" else PAYMENT_TOLERANCE
    return apart > max(least, share * max(one, other))


def _cents(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else to_cents(amount)
