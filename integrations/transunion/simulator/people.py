"""Makes up a whole credit file for a person: the same person, the same file.

The clients of credit counseling are what is meant to come out: most are stretched or in distress,
some are sound, a few have hardly any file.
"""

# ruff: noqa: PLR2004, S311 - shares and spans of made-up files, which must repeat
import hashlib
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from integrations.transunion.simulator import accounts
from integrations.transunion.simulator.history import months_before, months_between
from integrations.transunion.simulator.records import (
    Bankruptcy,
    Collection,
    File,
    Furnisher,
    Inquiry,
    Person,
    Trade,
)

ADULT_MONTHS = 18 * 12
MONTHS_BACK_MAX = 15 * 12
STATEMENT = "I DISPUTE THE LATE PAYMENTS OF 2024: I WAS ILL. THE CREDITORS HAVE BEEN TOLD."

_COLLECTORS = (("LAKESIDE RECOVERY", "Y"), ("TRIPLE OAK COLLECT", "Y"), ("B & K RECEIVABLES", "Y"))
_ORIGINALS = (
    ("ST BRENDAN HOSPITAL", "medicalOrHealthCare"),
    ("ORCHARD DENTAL PC", "medicalOrHealthCare"),
    ("BLUEWATER MOBILE", "utilities"),
    ("CORNERSTONE APTS", "rentalOrLeasing"),
)
_ASKERS = (
    ("CASCADE BANK", "B"),
    ("MIDLAND AUTO", "F"),
    ("HARVEST LEND", "F"),
    ("BELLWOOD ST", "D"),
)
_FACTORS = ("05", "07", "09", "14", "18", "30", "68", "85", "97")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Profile:
    habits: accounts.Habits
    weight: int
    cards: tuple[int, int]
    loans: tuple[int, int]
    trouble: float
    scores: tuple[int, int]


_PROFILES = (
    _Profile(
        habits=accounts.Habits(used=(0.02, 0.35), late=0.005, late_now=0.0),
        weight=20,
        cards=(2, 5),
        loans=(1, 3),
        trouble=0.03,
        scores=(690, 805),
    ),
    _Profile(
        habits=accounts.Habits(used=(0.5, 0.9), late=0.03, late_now=0.15),
        weight=45,
        cards=(3, 7),
        loans=(1, 4),
        trouble=0.35,
        scores=(580, 680),
    ),
    _Profile(
        habits=accounts.Habits(used=(0.8, 1.0), late=0.07, late_now=0.45),
        weight=30,
        cards=(3, 8),
        loans=(1, 3),
        trouble=0.85,
        scores=(430, 575),
    ),
)
_THIN_SHARE = 0.05


def file_for(person: Person, as_of: date) -> File:
    """Return the person's file as of a day."""
    chance = Random(_seed(person))
    adult_months = months_between(person.born, as_of) - ADULT_MONTHS
    if adult_months < 0:
        return File(person=person, since=as_of, score=None, flags=frozenset({"minor"}))
    # A month less: accounts are counted back from their last report, up to a month ago.
    back = min(adult_months - 1, MONTHS_BACK_MAX)
    if back < 12 or chance.random() < _THIN_SHARE:
        return _thin(chance, person, as_of, max(back, 2))
    profile = chance.choices(_PROFILES, weights=[p.weight for p in _PROFILES])[0]
    troubled = chance.random() < profile.trouble
    trades = _trades(chance, profile, as_of, back, troubled=troubled)
    flags = {
        "disputed": chance.random() < 0.05,
        "addressMismatch": chance.random() < 0.06,
    }
    return File(
        person=person,
        since=months_before(min(trade.opened for trade in trades), 0),
        score=chance.randint(*profile.scores),
        factors=tuple(chance.sample(_FACTORS, 4)),
        trades=trades,
        collections=_collections(chance, as_of) if troubled else (),
        bankruptcies=_bankruptcies(chance, as_of, back) if troubled else (),
        inquiries=_inquiries(chance, as_of, chance.randint(0, 6), back),
        statement=STATEMENT if chance.random() < 0.06 else None,
        flags=frozenset(name for name, present in flags.items() if present),
    )


def _trades(
    chance: Random, profile: _Profile, as_of: date, back: int, *, troubled: bool
) -> tuple[Trade, ...]:
    def age() -> int:
        return chance.randint(4, max(5, back))

    habits = profile.habits
    made = [
        accounts.card(
            chance,
            habits,
            as_of,
            months=age(),
            store=chance.random() < 0.3,
            relation=_relation(chance),
        )
        for _ in range(chance.randint(*profile.cards))
    ]
    for _ in range(chance.randint(*profile.loans)):
        kind = chance.choice((accounts.AUTO, accounts.STUDENT, accounts.PERSONAL))
        made.append(
            accounts.loan(
                chance, habits, as_of, kind=kind, months=age(), relation=_relation(chance)
            )
        )
    if chance.random() < 0.4:
        made.append(
            accounts.loan(
                chance,
                habits,
                as_of,
                kind=accounts.MORTGAGE,
                months=age(),
                relation="jointContractLiability",
            )
        )
    if chance.random() < 0.25:
        made.append(accounts.line_of_credit(chance, habits, as_of, months=age()))
    if chance.random() < 0.3:
        made.append(accounts.open_charge(chance, as_of, months=age()))
    made.extend(
        accounts.closed_account(chance, as_of, months=max(age(), 8))
        for _ in range(chance.randint(0, 5))
    )
    if troubled:
        made.extend(
            accounts.charged_off(chance, as_of, back=back) for _ in range(chance.randint(0, 2))
        )
    return tuple(sorted(made, key=lambda trade: trade.effective, reverse=True))


def _relation(chance: Random) -> str:
    return chance.choices(
        ("individual", "jointContractLiability", "authorizedUser", "coSigner"),
        weights=(78, 9, 9, 4),
    )[0]


def _thin(chance: Random, person: Person, as_of: date, back: int) -> File:
    """Return a file of one card on somebody else's account, too little for a score."""
    habits = accounts.Habits(used=(0.0, 0.3), late=0.0, late_now=0.0)
    trade = accounts.card(
        chance, habits, as_of, months=min(back, 8), store=False, relation="authorizedUser"
    )
    return File(person=person, since=trade.opened, score=None, trades=(trade,))


def _collections(chance: Random, as_of: date) -> tuple[Collection, ...]:
    made = []
    for _ in range(chance.randint(0, 3)):
        opened = months_before(as_of, chance.randint(3, 40))
        original = chance.randrange(80, 4_000)
        paid = chance.random() < 0.2
        name, kind = chance.choice(_ORIGINALS)
        made.append(
            Collection(
                furnisher=accounts.furnisher(chance, _COLLECTORS),
                number=f"{chance.randrange(10**6, 10**7)}",
                opened=opened,
                effective=as_of - timedelta(days=chance.randint(5, 40)),
                closed=months_before(as_of, 1) if paid else None,
                balance=0 if paid else original,
                original_name=name,
                original_class=kind,
                original_balance=original,
                rating="9P" if paid else "9B",
            )
        )
    return tuple(made)


def _bankruptcies(chance: Random, as_of: date, back: int) -> tuple[Bankruptcy, ...]:
    if chance.random() > 0.12:
        return ()
    filed = months_before(as_of, chance.randint(8, min(80, max(back, 8))))
    docket = f"{filed:%y}{chance.randrange(10_000, 99_999)}"
    return (
        Bankruptcy(
            kind="7X", docket=docket, filed=filed, liabilities=chance.randrange(8_000, 90_000)
        ),
    )


def _inquiries(chance: Random, as_of: date, number: int, back: int) -> tuple[Inquiry, ...]:
    made = []
    for _ in range(number):
        asker: Furnisher = accounts.furnisher(chance, _ASKERS)
        made.append(
            Inquiry(
                name=asker.name,
                industry=asker.industry,
                member_code=asker.member_code,
                asked=as_of - timedelta(days=chance.randint(8, min(700, back * 30))),
            )
        )
    return tuple(sorted(made, key=lambda inquiry: inquiry.asked, reverse=True))


def _seed(person: Person) -> int:
    text = f"{person.ssn}|{person.last.upper()}|{person.first.upper()}"
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "big")
