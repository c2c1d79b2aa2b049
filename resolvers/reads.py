"""What one request reads of consumers' data and what it is refused, noted while it happens.

Nothing is written here: resolvers/audit_lines.py turns the notes into audit lines before the answer
leaves. A note says whose data and which fields, never a value. Fields have a bit each, so that
noting one of a thousand costs an addition, and what was read alike falls into one line by itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domain.access import AccessGrant
from domain.applications import Application
from domain.consumers import Consumer
from domain.ids import GlobalId, parse_global_id
from tenants.records.excerpts import class_of

__all__ = ["FieldNames", "Reads", "class_of", "owner_named"]  # class_of: the schema knows no stores

NAMES_KEPT_MAX = 1024
REASONS_NAMED_MAX = 8
# A line has a greatest length, and reading must not run into it: many names become several lines.
NAMES_CHARACTERS_PER_LINE_MAX = 900
_CHARACTERS_BESIDE_NAME = 5  # quotes, escaped within a bundle, and a comma
_OF_APPLICATIONS = frozenset(
    {"acct", "ana", "app", "bank", "cons", "debt", "doc", "exp", "grant", "inc", "note", "plan"}
    | {"queue", "rep", "txn"}
)


def owner_named(global_id: str | None) -> str | None:
    """Return the consumer or application that a global id names or lies under; None for others."""
    parsed = None if global_id is None else parse_global_id(global_id)
    if parsed is None or (parsed.prefix != "con" and parsed.prefix not in _OF_APPLICATIONS):
        return None
    return str(GlobalId("con" if parsed.prefix == "con" else "app", parsed.root, parsed.root))


class FieldNames:
    """The fields that say something of a consumer: what each is called, and how its reads count.

    personal: fields that a mutation's own audit line does not cover. durable: fields whose reads
    are written to the disk before the answer leaves.
    """

    __slots__ = ("_known", "_names", "durable", "personal")

    def __init__(self) -> None:
        self.personal = 0
        self.durable = 0
        self._names: list[str] = []
        self._known: dict[int, tuple[tuple[str, ...], ...]] = {}

    def add(self, name: str, *, personal: bool, durable: bool) -> int:
        """Return the bit of a further field."""
        bit = 1 << len(self._names)
        self._names.append(name)
        self.personal |= bit if personal else 0
        self.durable |= bit if durable else 0
        return bit

    def of(self, fields: int) -> tuple[tuple[str, ...], ...]:
        """Return the names of a set of fields, in as many parts as they take lines."""
        parts = self._known.get(fields)
        if parts is None:
            if len(self._known) >= NAMES_KEPT_MAX:  # clients choose the sets
                self._known.clear()
            numbered = enumerate(self._names)
            parts = in_lines(name for number, name in numbered if fields >> number & 1)
            self._known[fields] = parts
        return parts


def in_lines(names: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Return names in parts that a line holds each; one empty part where there are none."""
    parts: list[tuple[str, ...]] = []
    part: list[str] = []
    characters = 0
    for name in names:
        characters += len(name) + _CHARACTERS_BESIDE_NAME
        if part and characters > NAMES_CHARACTERS_PER_LINE_MAX:
            parts.append(tuple(part))
            part, characters = [], len(name) + _CHARACTERS_BESIDE_NAME
        part.append(name)
    return (*parts, tuple(part))


@dataclass(frozen=True, slots=True)
class Stated:
    """One read for which the caller had to state a purpose."""

    owner: str
    field: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Refused:
    """What was refused: a field by its rule, or an object of the agency that is out of reach."""

    field: str | None
    owner: str | None


class Reads:
    """The notes of one request. An owner is the global id of a consumer or of an application.

    passed: the rules that the principal has passed, by identity: a verdict holds for a request.
    """

    __slots__ = (
        "_asked",
        "_consumers",
        "_covered",
        "_fields",
        "_reasons",
        "consulted",
        "passed",
        "refused",
        "stated",
    )

    def __init__(self) -> None:
        self._asked: dict[str, None] = {}
        self._consumers: dict[str, str] = {}
        self._reasons: dict[str | None, dict[str, None]] = {}
        self._fields: dict[str, int] = {}
        self._covered: set[str] = set()
        self.passed: set[int] = set()
        self.consulted: dict[tuple[str, str | None], None] = {}
        self.stated: dict[Stated, None] = {}
        self.refused: dict[Refused, None] = {}

    def ask(self, root_field: str) -> None:
        """Note that a root field is asked for."""
        self._asked[root_field] = None

    def open(self, owner: str | None, grant: AccessGrant) -> None:
        """Note by which grant the owner's data is reached; None is the whole agency's.

        A claim's reason is ours. One that somebody typed is sealed, and the ledger never is: in its
        place stands the grant.
        """
        reason = grant.reason if grant.claimed else grant.id
        self._reasons.setdefault(owner, {})[reason] = None

    def application(self, application: Application) -> None:
        """Note that an application is handed out."""
        self.learn(application)
        self._fields.setdefault(application.id, 0)

    def consumer(self, consumer: Consumer) -> None:
        """Note that a consumer is handed out."""
        self._fields.setdefault(consumer.id, 0)

    def learn(self, application: Application) -> None:
        """Learn whose application it is, without a note that it was read."""
        self._consumers[application.id] = application.consumer_id

    def read(self, owner: str | None, fields: int) -> None:
        """Note that fields are read of what is the owner's; None is nobody's."""
        if owner is not None:
            self._fields[owner] = self._fields.get(owner, 0) | fields

    def state(self, owner: str, field: str, purpose: str) -> None:
        """Note that a field is read for a stated purpose."""
        self.stated[Stated(owner, field, purpose)] = None

    def consult(self, field: str, subject: str | None) -> None:
        """Note that the audit ledger is read, for lines about what is there and was named."""
        self.consulted[field, subject] = None

    def refuse(self, field: str | None, owner: str | None = None) -> None:
        """Note that a field, or an object of the owner's, is refused."""
        self.refused[Refused(field, owner)] = None

    def refuse_application(self, application: Application) -> None:
        """Note that an application is refused: it is there, and out of reach."""
        self.learn(application)
        self.refuse(None, application.id)

    def cover(self, consumers: tuple[str, ...]) -> None:
        """Note that an audit line about these consumers was written with what was changed."""
        self._covered.update(consumers)

    @property
    def action(self) -> str:
        """Return what was asked for: the root fields, in their order."""
        return ",".join(self._asked)

    @property
    def is_empty(self) -> bool:
        """Say whether there is nothing to tell."""
        return not (self._fields or self.refused or self.stated or self.consulted)

    def consumer_of(self, owner: str | None) -> str | None:
        """Return whose the owner's data is; None where that is not known yet."""
        if owner is None or owner.startswith("con_"):
            return owner
        return self._consumers.get(owner)

    def unknown(self) -> list[str]:
        """Return the applications of which it is not known yet whose they are."""
        owners: Iterable[str] = self._fields
        if self.stated or self.refused:
            refused = (one.owner for one in self.refused if one.owner is not None)
            owners = {*owners, *(one.owner for one in self.stated), *refused}
        known = self._consumers
        return [one for one in owners if one not in known and not one.startswith("con_")]

    def alike(self, personal: int) -> dict[tuple[int, str | None], list[str]]:
        """Return by fields and purpose what was read of each consumer: what was come to first.

        What a change's own audit line covers is left out, unless more was read than what was done.
        """
        fields_of: dict[str, int] = {}
        owners_of: dict[str, list[str]] = {}
        known = self._consumers
        for owner, fields in self._fields.items():
            whose = known.get(owner, owner)
            if whose in fields_of:
                fields_of[whose] |= fields
                owners_of[whose].append(owner)
            else:
                fields_of[whose], owners_of[whose] = fields, [owner]
        groups: dict[tuple[int, str | None], list[str]] = {}
        for whose, fields in fields_of.items():
            if fields & personal or whose not in self._covered:
                purpose = self._purpose(owners_of[whose]) if self._reasons else None
                groups.setdefault((fields, purpose), []).append(owners_of[whose][0])
        return groups

    def _purpose(self, owners: Sequence[str]) -> str | None:
        """Return the reasons of all grants that open one consumer's data, which is these owners'.

        None where there is none: consumers read their own, machines within their scopes.
        """
        found: dict[str, None] = {}
        over, *others = self._reasons
        if not others and over in owners:  # nearly always; nothing else can open any of them
            found = self._reasons[over]
        else:
            for owner in owners:
                found |= self._reasons_of(owner)
        reasons = list(found)
        if len(reasons) > REASONS_NAMED_MAX:
            reasons[REASONS_NAMED_MAX:] = [f"{len(reasons) - REASONS_NAMED_MAX} more"]
        return ", ".join(reasons) or None

    def _reasons_of(self, owner: str) -> dict[str, None]:
        """Return why the owner's data is read: by a grant over it, or else over what holds it."""
        own = self._reasons.get(owner)
        if own is not None:
            return own
        through = (one for one, whose in self._consumers.items() if whose == owner)
        for over in (self._consumers.get(owner), *through, None):
            found = self._reasons.get(over)
            if found is not None:
                return found
        return {}
