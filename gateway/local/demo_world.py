"""What the demo world holds: two agencies, their users and 200 applications each.

A pure plan, the same every time, ids included: writing it is gateway/local/demo.py's business.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID, uuid5

from domain.actors import KIND_OF_GROUP, Actor, Group
from domain.applications import (
    PLAN_KINDS,
    Application,
    ApplicationStatus,
    Debt,
    Expense,
    Income,
    compute_totals,
)
from domain.consumers import Consumer, PersonName
from domain.ids import GlobalId, new_ulid
from domain.money import monthly
from gateway.local.demo_example import (
    EXAMPLE_DEBTS,
    EXAMPLE_EXPENSES,
    EXAMPLE_INCOMES,
    EXAMPLE_PEOPLE,
)
from gateway.local.demo_people import (
    SAMPLE_PERSONA,
    DebtFigures,
    ExpenseFigures,
    IncomeFigures,
    Person,
    make_debts,
    make_expenses,
    make_incomes,
    make_person,
)

SEED_DATE = datetime(2026, 1, 15, 12, tzinfo=UTC)
PASSWORD = "Almoner-Demo-1"  # noqa: S105  the demo's users share it, and it is printed at every start
CLIENT_ID = "almonerweb"
OPERATOR_POOL = "us-east-1_Almoner1"
FAULTS = ("Timeout", "Garbage", "Nohit", "Frozen", "Servererror", "Slow")
_APPLICATIONS = 200
_SUBJECTS = UUID("6d1f9a52-3c1e-4d0b-8f0e-0d5c2a6b7e11")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoAgency:
    """One of the demo's agencies."""

    slug: str
    name: str
    states: tuple[str, ...]
    pool_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoUser:
    """Somebody who can sign in. agency: a slug, None for the operator."""

    email: str
    display_name: str
    group: Group
    agency: str | None
    pool_id: str

    @property
    def subject(self) -> str:
        """Return the `sub` of their tokens: the same on every machine."""
        return str(uuid5(_SUBJECTS, self.email))

    @property
    def actor(self) -> Actor:
        """Return the trace they leave in records."""
        return Actor(
            id=self.subject, kind=KIND_OF_GROUP[self.group], display_name=self.display_name
        )


AGENCIES = (
    DemoAgency(
        slug="harbor",
        name="Harbor Credit Counseling",
        states=("MI", "OH", "IN"),
        pool_id="us-east-1_Harbor01",
    ),
    DemoAgency(
        slug="summit",
        name="Summit Debt Relief",
        states=("CO", "UT", "AZ"),
        pool_id="us-east-1_Summit01",
    ),
)

_PEOPLE: tuple[tuple[str, dict[str, str], Group], ...] = (
    ("consumer", {"harbor": "Dana Whitfield", "summit": "Luz Ibarra"}, Group.CONSUMERS),
    ("consumer2", {"harbor": "Robert Uphold", "summit": "Owen Park"}, Group.CONSUMERS),
    ("consumer3", {"harbor": "Marta Vance", "summit": "Joel Kern"}, Group.CONSUMERS),
    ("counselor", {"harbor": "Nora Quist", "summit": "Abel Stroud"}, Group.COUNSELORS),
    ("counselor2", {"harbor": "Teo Marsh", "summit": "Ida Renner"}, Group.COUNSELORS),
    ("admin", {"harbor": "Priya Holt", "summit": "Gil Sandoval"}, Group.ADMINS),
    ("analyst", {"harbor": "Jonas Weld", "summit": "Mina Cho"}, Group.ANALYSTS),
)

OPERATOR = DemoUser(
    email="operator@almoner.test",
    display_name="Platform Operator",
    group=Group.OPERATORS,
    agency=None,
    pool_id=OPERATOR_POOL,
)


def users_of(agency: DemoAgency) -> dict[str, DemoUser]:
    """Return an agency's users by the part of their address before the @."""
    return {
        local: DemoUser(
            email=f"{local}@{agency.slug}.test",
            display_name=names[agency.slug],
            group=group,
            agency=agency.slug,
            pool_id=agency.pool_id,
        )
        for local, names, group in _PEOPLE
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What an applicant is in the demo for.

    owner, counselor: local parts of the users who own it and who hold a grant over it.
    family: a family name that the simulator answers specially. persona: the sample file's.
    example: the worked example's.
    """

    status: ApplicationStatus
    owner: str | None = None
    counselor: str | None = None
    family: str | None = None
    persona: bool = False
    example: bool = False

    @property
    def consented(self) -> bool:
        """Say whether the demo keeps a live consent for a soft pull here."""
        return self.counselor is not None and (self.persona or self.family is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Applicant:
    """One consumer with one application, before versions."""

    role: Role
    consumer: Consumer
    application: Application
    grant_id: str
    consent_id: str
    note_id: str


def plan_applicants(agency: DemoAgency) -> list[Applicant]:
    """Return the agency's applicants, oldest first."""
    rng = Random(f"almoner:{agency.slug}")  # noqa: S311  the demo must come out the same each time
    roles = _roles(agency)
    rng.shuffle(roles)
    users = users_of(agency)
    begin = SEED_DATE - timedelta(hours=20 * _APPLICATIONS)
    return [
        _plan_one(rng, agency, users, role, number, begin + timedelta(hours=20 * number))
        for number, role in enumerate(roles, start=1)
    ]


def _roles(agency: DemoAgency) -> list[Role]:
    status = ApplicationStatus
    persona = agency.slug == "harbor"
    first = [
        Role(status=status.DRAFT, owner="consumer"),
        Role(status=status.IN_REVIEW, owner="consumer2", counselor="counselor", persona=persona),
        *(Role(status=status.IN_REVIEW, counselor="counselor", family=name) for name in FAULTS),
    ]
    held = [
        Role(status=status.IN_REVIEW, owner="consumer3", counselor="counselor", example=True),
        *[Role(status=status.IN_REVIEW, counselor="counselor")] * 26,
        *[Role(status=status.RETURNED, counselor="counselor")] * 6,
        *[Role(status=status.IN_REVIEW, counselor="counselor2")] * 34,
        *[Role(status=status.RETURNED, counselor="counselor2")] * 6,
    ]
    others = [
        *[Role(status=status.SUBMITTED)] * 30,
        *[Role(status=status.DRAFT)] * 39,
        *[Role(status=status.CLOSED)] * 25,
        *[Role(status=status.WITHDRAWN)] * 25,
    ]
    return [*first, *held, *others]


def _plan_one(
    rng: Random,
    agency: DemoAgency,
    users: dict[str, DemoUser],
    role: Role,
    number: int,
    created_at: datetime,
) -> Applicant:
    person = make_person(rng, number, agency.states, role.family)
    if role.persona:
        person = SAMPLE_PERSONA
    elif role.example:
        person = EXAMPLE_PEOPLE[agency.slug]
    elif role.owner is not None:
        given, _, family = users[role.owner].display_name.partition(" ")
        person = replace(person, name=PersonName(given=given, family=family))
    root = _ulid(rng, created_at)
    consumer_root = _ulid(rng, created_at)
    consumer = Consumer(
        id=str(GlobalId("con", consumer_root, consumer_root)),
        created_at=created_at,
        updated_at=created_at,
        subject=users[role.owner].subject if role.owner else None,
        name=person.name,
        email=users[role.owner].email if role.owner and not role.persona else person.email,
        phone=person.phone,
        date_of_birth=person.date_of_birth,
        address=person.address,
        ssn=person.ssn,
    )
    return Applicant(
        role=role,
        consumer=consumer,
        application=_plan_application(rng, root, consumer.id, person, role, created_at),
        grant_id=str(GlobalId("grant", root, _ulid(rng, created_at))),
        consent_id=str(GlobalId("cons", root, _ulid(rng, created_at))),
        note_id=str(GlobalId("note", root, _ulid(rng, created_at))),
    )


def _plan_application(
    rng: Random, root: str, consumer_id: str, person: Person, role: Role, created_at: datetime
) -> Application:
    def line_id(prefix: str) -> str:
        return str(GlobalId(prefix, root, _ulid(rng, created_at)))

    incomes = _incomes(line_id, make_incomes(rng))
    expenses = _expenses(line_id, make_expenses(rng))
    debts = _debts(line_id, make_debts(rng))
    submitted_at = created_at + timedelta(hours=rng.randrange(1, 18))
    if role.example:  # last, so that everybody else comes out as without it
        rng = Random(f"almoner:{root}")  # noqa: S311  as above
        incomes = _incomes(line_id, EXAMPLE_INCOMES)
        expenses = _expenses(line_id, EXAMPLE_EXPENSES)
        debts = _debts(line_id, EXAMPLE_DEBTS)
    submitted = role.status is not ApplicationStatus.DRAFT
    return Application(
        id=str(GlobalId("app", root, root)),
        consumer_id=consumer_id,
        status=role.status,
        state=person.address.state,
        household_size=person.household_size,
        hardship_reason=person.hardship_reason,
        created_at=created_at,
        updated_at=submitted_at if submitted else created_at,
        submitted_at=submitted_at if submitted else None,
        incomes=incomes,
        expenses=expenses,
        debts=debts,
        totals=compute_totals(incomes, expenses, debts),
    )


def _incomes(line_id: Callable[[str], str], figures: Iterable[IncomeFigures]) -> tuple[Income, ...]:
    return tuple(
        Income(
            id=line_id("inc"),
            source=line.source,
            description=line.description,
            gross=line.gross,
            net=line.net,
            frequency=line.frequency,
            monthly=monthly(line.net, line.frequency),
        )
        for line in figures
    )


def _expenses(
    line_id: Callable[[str], str], figures: Iterable[ExpenseFigures]
) -> tuple[Expense, ...]:
    return tuple(
        Expense(
            id=line_id("exp"),
            category=line.category,
            description=line.description,
            amount=line.amount,
            frequency=line.frequency,
            monthly=monthly(line.amount, line.frequency),
        )
        for line in figures
    )


def _debts(line_id: Callable[[str], str], figures: Iterable[DebtFigures]) -> tuple[Debt, ...]:
    return tuple(
        Debt(
            id=line_id("debt"),
            creditor=line.creditor,
            kind=line.kind,
            account_last4=line.account_last4,
            balance=line.balance,
            apr=line.apr,
            minimum_payment=line.minimum_payment,
            past_due=line.past_due,
            eligible_for_plan=line.kind in PLAN_KINDS,
        )
        for line in figures
    )


def _ulid(rng: Random, at: datetime) -> str:
    return new_ulid(at, randomness=rng.getrandbits(80))
