"""What operations name: where it lies, who may see it, and the records that are planted there.

Whatever stands under a target lies under the same ids in every agency, but for what one agency has
and the others name.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from domain.agencies import Agency
from domain.applications import ApplicationStatus
from domain.ids import new_ulid
from tests.isolation import planting
from tests.isolation.canaries import Canary
from tests.isolation.operations import Ids
from tests.isolation.people import SUBJECTS
from tests.isolation.planting import AUDIENCES, COUNSELORS, NOBODY, Cast, Planter
from tests.isolation.typed import CONSENTS, Typed
from tests.tenants.record_samples import AT, SETTINGS, child

TWIN, QUEUED, SHARED, ELSEWHERE = "twin", "queued", "shared", "elsewhere"
TARGETS = (TWIN, QUEUED, SHARED, ELSEWHERE)
"""Whose objects an operation names: those with the same ids in every agency (a claimed one, one in
the queue, one that everybody works on), and those that another agency alone has."""
OWN = "own"
"""What an agency has for the next one to name as ELSEWHERE."""

FILE_KINDS = frozenset({"application", "consent", "consumer"})
"""What operators' grants over an application open: none of them is for reports."""
VISITED_KINDS = frozenset({"application", "consent", "credit_report"})
"""What a visitor's request opens once it is approved; debts imported from a report are among it."""

ROOTS = {name: new_ulid(AT, randomness=7_000 + n) for n, name in enumerate(TARGETS)}
CONSUMERS = {name: new_ulid(AT, randomness=8_000 + n) for n, name in enumerate(TARGETS)}
CASTS = {
    TWIN: Cast(
        owner=planting.CONSUMER_ROLE,
        counselors=COUNSELORS,
        operators={planting.FILE_OPERATOR: FILE_KINDS},
    ),
    QUEUED: Cast(owner=planting.OTHER_CONSUMER),
    SHARED: Cast(
        owner=planting.SHARING_CONSUMER,
        counselors=COUNSELORS | {planting.OTHER_COUNSELOR},
        operators={planting.VISITOR: VISITED_KINDS},
        strict=False,
    ),
    # A draft shows no analysis: its own id alone leads to it, and here nobody names that.
    ELSEWHERE: Cast(owner=None, unnamed=frozenset({"analysis"})),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spare:
    """Objects of an agency that belong to none of the targets."""

    key: str
    staff: str


def roots_elsewhere(number: int) -> tuple[str, str]:
    """Return the ULIDs of the consumer and the application that the agency of a number has."""
    consumer, application = (int(f"9{number:02}{part}") for part in (1, 2))
    return new_ulid(AT, randomness=consumer), new_ulid(AT, randomness=application)


def shared_root(turn: int) -> str:
    """Return the ULID of the application that a turn's people share."""
    return new_ulid(AT, randomness=10_000 + turn)


def planted(planter: Planter, target: str, consumer: str, application: str) -> Iterator[Any]:
    """Yield a record of every kind, full of canaries."""
    cast, twin = CASTS[target], target == TWIN
    status = {
        TWIN: ApplicationStatus.IN_REVIEW,
        QUEUED: ApplicationStatus.SUBMITTED,
        SHARED: ApplicationStatus.DRAFT,
        ELSEWHERE: ApplicationStatus.DRAFT,
    }[target]
    fixed: dict[str, dict[str, Any]] = {
        "consumer": {"subject": None if cast.owner is None else SUBJECTS[cast.owner]},
        "application": {"status": status} | ({} if twin else {"assignment": None}),
        "consent": {"used_at": None, "ssn_index": None},
        "bank_connection": {"item_id": f"item-{application}"},
        "bank_sync": {"lease": None, "loose": ()},
        "access_grant": {
            "revoked_at": None if twin else planter.now,
            # Asked for and approved: a claim's reason is ours, and is told in audit lines.
            "approved_by": planter.actors["ADMIN"],
            "approved_at": planter.now,
            "renewable_until": None,
        },
    }
    for kind in AUDIENCES:
        if kind == "settings" and not twin:
            continue  # an agency has them once, under the same ids everywhere
        mine = cast
        if kind == "settings":  # which are no file's: all counselors look at them
            mine = replace(cast, counselors=COUNSELORS | {planting.OTHER_COUNSELOR})
        if kind == "access_grant":  # which its holder may always look at, where it is asked for
            mine = replace(cast, counselors=COUNSELORS, strict=target in (TWIN, QUEUED))
        yield planter.record(
            kind,
            mine,
            called=target,
            consumer=consumer,
            application=application,
            twin=twin,
            **fixed.get(kind, {}),
        )


def shared_record(planter: Planter, kind: str, turn: int, **fixed: Any) -> Any:
    """Return a record of a kind under the application that a turn's people share."""
    return planter.record(
        kind,
        CASTS[SHARED],
        called=SHARED,
        consumer=CONSUMERS[SHARED],
        application=shared_root(turn),
        **fixed,
    )


def ids_of(agency: Agency, consumer: str, application: str, request: str, spare: Spare) -> Ids:
    """Return how the objects under two roots are named; a new member has to be known here.

    request: the id of what an operator asks for beside them.
    """

    def plan(sample: str) -> str:
        return planting.placed(sample, consumer, application)

    known = {
        "account": plan(child("acct", 21)),
        "agency": f"agency_{agency.id}",
        "bank": plan(child("bank", 20)),
        "analysis": plan(child("ana", 1)),
        "application": f"app_{application}",
        "consumer": f"con_{consumer}",
        "consent": plan(child("cons", 1)),
        "debt": plan(child("debt", 1)),
        "document": plan(child("doc", 1)),
        "grant": plan(child("grant", 9)),
        "key": spare.key,
        "note": plan(child("note", 1)),
        "plan": plan(child("plan", 1)),
        "queue": f"queue_{application}",
        "report": plan(child("rep", 1)),
        "request": request,
        "settings": SETTINGS,
        "staff": spare.staff,
        "transaction": plan(child("txn", 25)),
    }
    return Ids(**{one.name: known[one.name] for one in fields(Ids)})


def typed_in(planter: Planter, agency: Agency, turn: int) -> Typed:
    """Return what the agency's people type in a turn: seen by those who share the application."""
    cast = CASTS[SHARED]
    readers = cast.counselors | {
        planting.KEY,
        planting.AGENCY_OPERATOR,
        planting.SHARING_CONSUMER,
    }

    def new(path: str, may: frozenset[str], ending: str = "") -> str:
        text = planter.canaries.text() + ending
        return planter.canaries.add(
            Canary(value=text, agency=agency.slug, path=path, subject="typed", may=may, must=NOBODY)
        )

    consents = [
        planting.placed(child("cons", 1), "", shared_root(turn), n) for n in range(1, CONSENTS + 1)
    ]
    return Typed(
        text=new("typed.text", readers | {planting.VISITOR}),
        note=new("typed.note", cast.counselors),
        email=new("typed.email", readers, "@mail.test"),
        agency_name=agency.name,
        application=f"app_{shared_root(turn)}",
        consents=tuple(consents),
        turn=turn,
    )
