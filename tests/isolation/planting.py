"""Makes records full of canaries out of the samples of each kind, for any agency, under any ids.

A new kind of record needs its sample in tests/tenants/record_samples.py and a row in AUDIENCES
here; every text of it is replaced by a canary then, unless its name is in KEPT.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from domain.actors import Actor
from domain.credit import BlobRef
from domain.ids import new_ulid, parse_global_id
from tests.isolation.canaries import EVERYBODYS, Canaries, Canary
from tests.tenants.record_samples import APPLICATION_ULID, AT, CONSUMER, SAMPLES, SETTINGS

T = TypeVar("T")

CONSUMER_ROLE, OTHER_CONSUMER, SHARING_CONSUMER = "consumer", "other consumer", "sharing consumer"
COUNSELOR, OTHER_COUNSELOR = "counselor", "other counselor"
STALE_COUNSELOR = "counselor, signed in long ago"
ADMIN, ANALYST = "admin", "analyst"
KEY, AGENCY_KEY, WRITING_KEY = "key", "key for agency:read", "key for writing"
ENDING = "counselor whose sign-in is revoked"
FILE_OPERATOR = "operator with grants over an application"
AGENCY_OPERATOR = "operator with grants over the agency"
VISITOR = "operator with grants in another agency"

COUNSELORS = frozenset({COUNSELOR, STALE_COUNSELOR, ENDING})
"""Three sign-ins of one counselor."""
LOOSE = frozenset({ENDING, VISITOR})
"""Roles that come and go, and need not have seen anything."""
MEMBERS = frozenset(
    {
        CONSUMER_ROLE, OTHER_CONSUMER, SHARING_CONSUMER, COUNSELOR, STALE_COUNSELOR,
        OTHER_COUNSELOR, ADMIN, ANALYST, KEY, AGENCY_KEY, WRITING_KEY, ENDING,
    }
)  # fmt: skip
GRANTED = frozenset({FILE_OPERATOR, AGENCY_OPERATOR, VISITOR})
"""Operators whose requests name the agency, and who have or may get a grant there."""
NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Who is allowed to see what hangs on one consumer.

    owner: the consumer's own role, None where they have no sign-in. counselors: those who hold a
    grant. operators: those who hold grants over the application, each with the kinds that these
    open. strict: all of them have to see it in a whole run; else they may. unnamed: kinds that
    nothing leads to but an id that nobody asks for: these they may see as well.
    """

    owner: str | None
    counselors: frozenset[str] = NOBODY
    operators: Mapping[str, frozenset[str]] = field(default_factory=dict)
    strict: bool = True
    unnamed: frozenset[str] = NOBODY


# Who may see a kind's texts: the owner, counselors with a grant, the agency's machine and operators
# with grants to read all of the agency. `nobody` is for what no operation shows.
_OWNER, _COUNSELORS, _MACHINE, _ADMINS = "owner", "counselors", "machine", "admins"
AUDIENCES: Mapping[str, frozenset[str]] = {
    "consumer": frozenset({_OWNER, _COUNSELORS, _MACHINE}),
    "application": frozenset({_OWNER, _COUNSELORS, _MACHINE}),
    "note": frozenset({_COUNSELORS}),
    "consent": frozenset({_OWNER, _COUNSELORS, _MACHINE}),
    "credit_report": frozenset({_OWNER, _COUNSELORS, _MACHINE}),
    "access_grant": frozenset({_COUNSELORS, _ADMINS}),
    "legal_hold": frozenset(),
    "document": frozenset({_OWNER, _COUNSELORS, _MACHINE}),
    "bank_connection": frozenset({_OWNER, _COUNSELORS, _MACHINE}),
    "bank_sync": frozenset(),
    "bank_month": frozenset({_OWNER, _COUNSELORS, _MACHINE}),
    "bank_findings": frozenset(),
    "settings": frozenset({_COUNSELORS, _ADMINS}),
    "analysis": frozenset({_OWNER, _COUNSELORS, _MACHINE}),
    "plan": frozenset({_OWNER, _COUNSELORS, _MACHINE}),
}
NOT_PLANTED: Mapping[str, str] = {
    "invitation": "a code's keyed hash, and which counselor gave it out",
}
"""Kinds of record that hold no text of anybody's, with the reason."""

NEVER_SHOWN = frozenset(
    {
        "legal_hold.reason",
        "plan.creditors.debt.source_key",
        "plan.decline_reason",
        "plan.acceptance.signature",
        "plan.acceptance.source_ip",
        "plan.acceptance.agreement_sha256",
        "document.file",  # which comes by a link, and is planted to be looked for elsewhere
        "application.status_reason",
        "application.debts.source_key",
        "credit_report.file.tradelines.original_creditor",
        "credit_report.file.collections.original_creditor",
        "credit_report.file.tradelines.industry_code",
        "credit_report.file.collections.industry_code",
        "credit_report.file.tradelines.source_key",
        "credit_report.file.collections.source_key",
        "bank_connection.access_token",
        "bank_connection.institution_id",
        "bank_connection.accounts.source_id",
        "bank_connection.accounts.official_name",
        "bank_month.transactions.source_id",
        "bank_month.transactions.detail",
        "bank_month.transactions.pending_id",
    }
)
"""Attributes that no field of the schema shows: planted all the same, and seen by nobody."""

KEPT = frozenset(
    {"state", "postal_code", "account_last4", "code_index", "subject", "ssn_index"}
    | {"currency", "item_id", "media_type", "month", "vendor"}
)
"""Texts whose form means something; all others become canaries."""

TWIN = {"email": "canary@mail.test", "phone": "+1 303 555 0177", "ssn": "900771234"}
"""What the consumer of the same name has in every agency."""


@dataclass(slots=True)
class Planter:
    """Fills records of one agency with canaries."""

    agency: str
    canaries: Canaries
    now: datetime
    actors: Mapping[str, Actor] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    """What the records planted so far name beside the store, by blob id."""

    def record(
        self,
        kind: str,
        cast: Cast,
        *,
        called: str,
        consumer: str,
        application: str,
        number: int = 1,
        twin: bool = False,
        **fixed: Any,
    ) -> Any:
        """Return a sample of a kind as this agency's.

        called: how findings call it. consumer, application: ULIDs of its roots. number: tells
        several of a kind under one root apart. fixed: attributes as they shall be.
        """
        plan = _Plan(kind, cast, called, consumer, application, number, twin)
        filled = self._filled(SAMPLES[kind], kind, plan)
        return replace(filled, version=0, **fixed)

    def plant(self, path: str, value: str, *, subject: str, may: frozenset[str]) -> str:
        """Keep a value that this agency has; those who may see it, and stay, have to."""
        must = may - LOOSE
        return self.canaries.add(
            Canary(value=value, agency=self.agency, path=path, subject=subject, may=may, must=must)
        )

    def _filled(self, value: T, path: str, plan: "_Plan") -> T:
        made: Any = value
        if isinstance(value, Actor):
            made = self.actors[value.kind.value]
        elif isinstance(value, BlobRef):
            made = self._file(path, plan)
        elif is_dataclass(value) and not isinstance(value, type):
            changes = {
                item.name: self._filled(getattr(value, item.name), f"{path}.{item.name}", plan)
                for item in fields(value)
            }
            made = replace(value, **changes)
        elif isinstance(value, tuple):
            made = tuple(self._filled(one, path, plan) for one in value)
        elif type(value) is str:
            made = self._text(str(value), path, plan)
        elif isinstance(value, datetime):
            made = value + (self.now - AT - timedelta(days=1))
        elif isinstance(value, date) and path.endswith(".date_of_birth"):
            birthday = self.canaries.birthday()
            self._add(birthday.isoformat(), path, plan)
            made = birthday
        elif isinstance(value, Decimal) and path.endswith(".gross"):
            made = Decimal(self._add(self.canaries.amount(), path, plan))
        return made  # type: ignore[no-any-return]  # of the type that came in

    def _file(self, path: str, plan: "_Plan") -> BlobRef:
        """Return a reference to a file of one canary; files have the same ids in every agency."""
        content = self._add(self.canaries.text(), path, plan).encode()
        digest = hashlib.sha256(f"{plan.application} {path} {plan.number}".encode()).digest()
        blob_id = new_ulid(AT, randomness=int.from_bytes(digest[:10]))
        self.files[blob_id] = content
        sha256 = hashlib.sha256(content).hexdigest()
        return BlobRef(id=blob_id, sha256=sha256, bytes=len(content), media_type="text/xml")

    def _text(self, value: str, path: str, plan: "_Plan") -> str:
        name = path.rpartition(".")[2]
        placed_id = placed(value, plan.consumer, plan.application, plan.number)
        if placed_id != value or value == SETTINGS:  # whose root is the same everywhere
            return placed_id
        if name in KEPT:
            return value
        if plan.twin and name in TWIN:
            return self._add(TWIN[name], path, plan, agency=EVERYBODYS)
        maker = {
            "email": lambda: f"{self.canaries.text()}@mail.test",
            "phone": self.canaries.phone,
            "ssn": self.canaries.ssn,
            "source_ip": self.canaries.address,
        }.get(name, self.canaries.text)
        return self._add(maker(), path, plan)

    def _add(self, value: str, path: str, plan: "_Plan", agency: str | None = None) -> str:
        may, must = plan.audience(path)
        return self.canaries.add(
            Canary(
                value=value,
                agency=agency or self.agency,
                path=path,
                subject=plan.called,
                may=may,
                must=must,
            )
        )


@dataclass(frozen=True, slots=True)
class _Plan:
    """What one record is filled for."""

    kind: str
    cast: Cast
    called: str
    consumer: str
    application: str
    number: int
    twin: bool

    def audience(self, path: str) -> tuple[frozenset[str], frozenset[str]]:
        """Return who may see what stands at a path, and who of them has to."""
        parties = AUDIENCES[self.kind]
        may: frozenset[str] = self.cast.counselors if _COUNSELORS in parties else NOBODY
        if path in ("consumer.ssn", "credit_report.raw"):  # with a fresh sign-in alone
            may -= {STALE_COUNSELOR}
        else:
            may |= {ADMIN} if _ADMINS in parties else NOBODY
            may |= {KEY, AGENCY_OPERATOR} if _MACHINE in parties else NOBODY
            may |= {role for role, kinds in self.cast.operators.items() if self.kind in kinds}
            may |= {self.cast.owner} if self.cast.owner and _OWNER in parties else NOBODY
        if path in NEVER_SHOWN:
            may = NOBODY
        shown = self.cast.strict and self.kind not in self.cast.unnamed
        return may, may - LOOSE if shown else NOBODY


def placed(value: str, consumer: str, application: str, number: int = 1) -> str:
    """Return a sample's global id as it is under other roots; what is no such id stays as it is.

    Children have the same ULIDs in every agency, and wherever they are named.
    """
    named = parse_global_id(value)
    roots = {CONSUMER.partition("_")[2]: consumer, APPLICATION_ULID: application}
    if named is None or named.root not in roots:
        return value
    root = roots[named.root]
    if named.id == named.root:
        return f"{named.prefix}_{root}"
    digest = hashlib.sha256(f"{root} {named.id} {number}".encode()).digest()
    return f"{named.prefix}_{root}_{new_ulid(AT, randomness=int.from_bytes(digest[:10]))}"
