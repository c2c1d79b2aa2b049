"""The one table of record kinds: names, schema numbers, index and unique entries, sealed fields.

A new kind of record touches its record in `domain/` and this table, never a backend.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from domain.access import AccessGrant, Scope, claim_limit
from domain.analysis import FinancialAnalysis
from domain.applications import IN_COUNSELING, Application, Note
from domain.bank_connections import BankConnection, BankFindings, BankMonth, BankSync
from domain.consents import Consent
from domain.consumers import Consumer
from domain.credit import CreditReport
from domain.documents import Document
from domain.ids import GlobalId, parse_global_id
from domain.invitations import Invitation
from domain.plans import Plan
from domain.retention import LegalHold
from domain.settings import AgencySettings
from tenants.backend import IndexEntry, Key, UniqueEntry

Record = (
    Consumer
    | Application
    | Note
    | Consent
    | CreditReport
    | AccessGrant
    | LegalHold
    | BankConnection
    | BankSync
    | BankMonth
    | BankFindings
    | AgencySettings
    | FinancialAnalysis
    | Plan
    | Document
    | Invitation
)
R = TypeVar("R", bound=Record)
Body = dict[str, Any]
Blind = Callable[[str, str], str]
"""Turns (field, value) into the agency's keyed blind index of it."""


def _no_indexes(record: Any, blind: Blind) -> tuple[IndexEntry, ...]:  # noqa: ARG001 -- the shape
    return ()


def _no_uniques(record: Any, blind: Blind) -> tuple[UniqueEntry, ...]:  # noqa: ARG001 -- the shape
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KindSpec(Generic[R]):
    """What the store knows of one kind of record.

    schema: the number that bodies are written with now. upcasts: for each older number, what turns
    its body into one of the next number. sealed: groups of attributes, each encrypted under the
    agency's data key within the body; `debts.account_last4` is that attribute of every debt.
    sealed_since: the first schema number of which no body was ever stored with that in the open.
    kept_decoded: whether a decoded record may stay in memory for the next who reads it.
    needed: what is asked of every record of the kind that is read, whatever is wanted of it.
    """

    record: type[R]
    kind: str
    prefix: str
    schema: int = 1
    upcasts: Mapping[int, Callable[[Body], Body]] = field(default_factory=dict)
    indexes: Callable[[R, Blind], tuple[IndexEntry, ...]] = _no_indexes
    uniques: Callable[[R, Blind], tuple[UniqueEntry, ...]] = _no_uniques
    sealed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sealed_since: int = 1
    kept_decoded: bool = True
    needed: tuple[str, ...] = ("id", "version")

    def key(self, global_id: str) -> Key | None:
        """Return where the record of that global id lives; None where it is not of this kind."""
        parsed = parse_global_id(global_id)
        if parsed is None or parsed.prefix != self.prefix:
            return None
        return Key(parsed.root, self.kind, parsed.id)

    def global_id(self, key: Key) -> str:
        """Return the id that clients see for the record at `key`."""
        return str(GlobalId(self.prefix, key.root, key.id))


def sort_time(moment: datetime) -> str:
    """Return the moment in UTC with microseconds, fixed in width, so that text orders as time."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone cannot be ordered")
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def normalize(name: str, value: str) -> str:
    """Return the form under which a personal value is looked up; normalizing twice changes nothing.

    email: trimmed, lower case. phone: E.164, North American where no country is given. ssn: digits.
    """
    return _NORMALIZERS[name](value)


def _normalize_email(value: str) -> str:
    return value.strip().lower()


def _normalize_phone(value: str) -> str:
    digits = _digits(value)
    national = len(digits) == _NANP_DIGITS and not value.strip().startswith("+")
    return f"+1{digits}" if national else f"+{digits}"


def _digits(value: str) -> str:
    return "".join(sign for sign in value if sign in "0123456789")


_NANP_DIGITS = 10
_NORMALIZERS: dict[str, Callable[[str], str]] = {
    "email": _normalize_email,
    "phone": _normalize_phone,
    "ssn": _digits,
    "invitation": str,
}


def _own_id(global_id: str) -> str:
    return global_id.rpartition("_")[2]


def _application_indexes(application: Application, blind: Blind) -> tuple[IndexEntry, ...]:  # noqa: ARG001 -- the shape
    own = _own_id(application.id)
    entries = [
        IndexEntry("application_all", "", own),
        IndexEntry("application_by_status", application.status.value, own),
        IndexEntry("application_by_consumer", _own_id(application.consumer_id), own),
    ]
    if application.status in IN_COUNSELING:
        if application.assignment is not None:
            lapse = sort_time(application.assignment.expires_at)
            entries.append(IndexEntry("application_lapse", "", lapse))
        elif application.submitted_at is not None:
            entries.append(IndexEntry("application_queue", "", sort_time(application.submitted_at)))
    return tuple(entries)


def _consumer_indexes(consumer: Consumer, blind: Blind) -> tuple[IndexEntry, ...]:
    own = _own_id(consumer.id)
    held = (("email", consumer.email), ("phone", consumer.phone), ("ssn", consumer.ssn))
    return tuple(
        IndexEntry(f"consumer_by_{name}", blind(name, normalize(name, value)), own)
        for name, value in held
        if value
    )


def _consumer_uniques(consumer: Consumer, blind: Blind) -> tuple[UniqueEntry, ...]:  # noqa: ARG001 -- the shape
    if consumer.subject is None:
        return ()
    return (UniqueEntry("consumer_subject", consumer.subject),)


def _grant_indexes(grant: AccessGrant, blind: Blind) -> tuple[IndexEntry, ...]:  # noqa: ARG001 -- the shape
    own, grantee = _own_id(grant.id), grant.grantee.id
    newest = (IndexEntry("grant_all", "", own), IndexEntry("grant_of_grantee", grantee, own))
    if grant.revoked_at is not None:
        return newest
    return (*newest, IndexEntry("grant_by_grantee", grantee, sort_time(grant.expires_at)))


def _settings_indexes(settings: AgencySettings, blind: Blind) -> tuple[IndexEntry, ...]:  # noqa: ARG001 -- the shape
    number = f"{settings.number:010}"
    return (
        IndexEntry("settings_all", "", number),
        IndexEntry("settings_by_day", "", f"{settings.effective_from.isoformat()}_{number}"),
    )


def _settings_uniques(settings: AgencySettings, blind: Blind) -> tuple[UniqueEntry, ...]:  # noqa: ARG001 -- the shape
    return (UniqueEntry("settings_number", str(settings.number)),)


def _invitation_uniques(invitation: Invitation, blind: Blind) -> tuple[UniqueEntry, ...]:  # noqa: ARG001 -- the shape
    if not invitation.is_open:
        return ()
    return (UniqueEntry("invitation_code", invitation.code_index),)


def _grant_2(body: Body) -> Body:
    """Return a grant of when only the queue gave any, over applications, for thirty days."""
    requested_at = datetime.fromisoformat(body["requestedAt"])
    span = datetime.fromisoformat(body["expiresAt"]) - requested_at
    claimed = body["approvedBy"] == body["grantee"]  # now nobody approves what the queue gives
    approval = {} if claimed else {"approvedAt": body["requestedAt"]}
    return {
        **{name: value for name, value in body.items() if name != "approvedBy" or not claimed},
        **approval,
        "scope": Scope.APPLICATIONS_WRITE.value,
        "minutes": span // timedelta(minutes=1),
        "renewableUntil": claim_limit((), requested_at).isoformat(),
    }


def _bank_connection_indexes(connection: BankConnection, blind: Blind) -> tuple[IndexEntry, ...]:  # noqa: ARG001 -- the shape
    consumer, own = _own_id(connection.consumer_id), _own_id(connection.id)
    return (IndexEntry("bank_connection_by_consumer", consumer, own),)


def _bank_connection_uniques(connection: BankConnection, blind: Blind) -> tuple[UniqueEntry, ...]:  # noqa: ARG001 -- the shape
    return (UniqueEntry("bank_item", f"{connection.vendor} {connection.item_id}"),)


def _bank_sync_indexes(sync: BankSync, blind: Blind) -> tuple[IndexEntry, ...]:  # noqa: ARG001 -- the shape
    due_at = sync.due_at
    return () if due_at is None else (IndexEntry("bank_sync_due", "", sort_time(due_at)),)


def _sealed_in_groups(body: Body) -> Body:
    """Return a body of before there were groups: once it is opened, its names are the same."""
    return body


KINDS: tuple[KindSpec[Any], ...] = (
    KindSpec(
        record=Consumer,
        kind="consumer",
        prefix="con",
        schema=2,
        upcasts={1: _sealed_in_groups},
        indexes=_consumer_indexes,
        uniques=_consumer_uniques,
        sealed={
            "name": ("name",),
            "contact": ("email", "phone", "address"),
            "identity": ("ssn", "date_of_birth"),
        },
        kept_decoded=False,
    ),
    KindSpec(
        record=Application,
        kind="application",
        prefix="app",
        schema=2,
        sealed_since=2,
        upcasts={1: _sealed_in_groups},
        indexes=_application_indexes,
        sealed={
            # All that people write in their own words; lines' figures stay open for projections.
            "hardship": (
                "hardship_reason",
                "status_reason",
                "incomes.description",
                "expenses.description",
            ),
            "accounts": ("debts.account_last4",),
        },
        needed=("id", "version", "consumer_id", "status", "assignment"),
    ),
    KindSpec(
        record=Note,
        kind="note",
        needed=("id", "version", "application_id"),
        prefix="note",
        schema=2,
        sealed_since=2,
        upcasts={1: _sealed_in_groups},
        sealed={"text": ("text",)},
    ),
    KindSpec(
        record=Consent,
        kind="consent",
        needed=("id", "version", "application_id"),
        prefix="cons",
        schema=2,
        sealed_since=2,
        upcasts={1: _sealed_in_groups},
        # Who gave it is a consumer, whose name lies open nowhere.
        sealed={"given": ("given_by", "source_ip")},
    ),
    KindSpec(
        record=CreditReport,
        kind="credit_report",
        needed=("id", "version", "application_id"),
        prefix="rep",
        schema=2,
        sealed_since=2,
        upcasts={1: _sealed_in_groups},
        sealed={"file": ("file",)},
        kept_decoded=False,
    ),
    KindSpec(
        record=AccessGrant,
        kind="access_grant",
        prefix="grant",
        schema=2,
        sealed_since=2,
        upcasts={1: _grant_2},
        indexes=_grant_indexes,
        sealed={"reason": ("reason",)},
    ),
    KindSpec(
        record=LegalHold,
        kind="legal_hold",
        prefix="hold",
        sealed={"reason": ("reason",)},
    ),
    KindSpec(
        record=BankConnection,
        kind="bank_connection",
        needed=("id", "version", "application_id"),
        prefix="bank",
        indexes=_bank_connection_indexes,
        uniques=_bank_connection_uniques,
        sealed={"access": ("access_token",), "accounts": ("institution", "accounts")},
        kept_decoded=False,
    ),
    KindSpec(
        record=BankSync,
        kind="bank_sync",
        prefix="bsync",
        indexes=_bank_sync_indexes,
        sealed={"cursor": ("cursor",)},
        kept_decoded=False,
    ),
    KindSpec(
        record=BankMonth,
        kind="bank_month",
        prefix="bmonth",
        sealed={"transactions": ("transactions",)},
        kept_decoded=False,
    ),
    KindSpec(
        record=BankFindings,
        kind="bank_findings",
        prefix="bfind",
        sealed={"findings": ("streams", "liabilities")},
        kept_decoded=False,
    ),
    KindSpec(
        record=AgencySettings,
        kind="settings",
        prefix="set",
        indexes=_settings_indexes,
        uniques=_settings_uniques,
        # Nobody's data, but what creditors concede to an agency is told to it in confidence.
        sealed={"policies": ("creditor_policies",)},
    ),
    KindSpec(
        record=FinancialAnalysis,
        kind="analysis",
        needed=("id", "version", "application_id"),
        prefix="ana",
        sealed={"reasons": ("reasons",)},  # sentences; figures lie open, as an application's do
    ),
    KindSpec(
        record=Plan,
        kind="plan",
        needed=("id", "version", "application_id"),
        prefix="plan",
        sealed={
            "debts": ("creditors",),
            "agreement": ("agreement",),
            # Who signed is a consumer, whose name lies open nowhere.
            "signed": ("acceptance", "decline_reason"),
        },
        kept_decoded=False,
    ),
    KindSpec(
        record=Document,
        kind="document",
        needed=("id", "version", "application_id"),
        prefix="doc",
        sealed={"name": ("file_name",)},
    ),
    KindSpec(
        record=Invitation,
        kind="invitation",
        prefix="inv",
        uniques=_invitation_uniques,
        sealed={"maker": ("made_by",)},
    ),
)

_BY_RECORD: dict[type[Any], KindSpec[Any]] = {spec.record: spec for spec in KINDS}
_BY_KIND: dict[str, KindSpec[Any]] = {spec.kind: spec for spec in KINDS}


def is_kept(record_type: type) -> bool:
    """Say whether stores keep records of a class."""
    return record_type in _BY_RECORD


def spec_of(record_type: type[R]) -> KindSpec[R]:
    """Return what the store knows of a record class; raises KeyError for one it does not keep."""
    return _BY_RECORD[record_type]


def record_of(kind: str) -> type[Any]:
    """Return the class of a kind's records; raises KeyError for a kind that there is not."""
    return _BY_KIND[kind].record


def key_of(record: Record) -> Key:
    """Return where the record lives; raises ValueError where its id is not one of its kind."""
    key = _BY_RECORD[type(record)].key(record.id)
    if key is None:
        raise ValueError(f"not the global id of a {type(record).__name__}: {record.id!r}")
    return key
