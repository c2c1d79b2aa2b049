"""Masking: a copy of an agency's records for environments with fewer safeguards than production.

Every record is read twice: once to learn whose values there are, so that no stand-in is one of
them, and once to be written under other keys, by the table in mask_rules.py. Then the copy is
searched for all of them. Audit lines, events, API keys, operators' grants and raw bureau files are
left out. What is left of somebody are figures near theirs, kinds and counts: see docs/security.md.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from domain.agencies import Staff
from domain.applications import Application
from domain.consumers import Consumer
from domain.credit import CreditReport
from domain.errors import TooLarge
from domain.ids import parse_global_id, root_of
from tenants.masking.pseudonyms import Originals, Pseudonyms
from tenants.masking.rules import (
    DERIVATIONS,
    DROPPED_TEXT,
    optional_fields,
    person_in,
    treatments_of,
)
from tenants.masking.scan import Found, Needles, identifying, name_words, names_shown, unhidden
from tenants.masking.treatments import Treatment
from tenants.records.codec import encode
from tenants.records.kinds import KINDS, Record, normalize
from tenants.store import AgencyStore, Change

T = TypeVar("T")
M = TypeVar("M", Record, Staff)
CREDITOR_CONSUMERS_MIN = 3
_BUREAU = "bureau"
_NOBODY = ""
_RECORDS_PER_UNIT = 25

Progress = Callable[[str, int], None]
"""Told the step and how many records it has done."""


@dataclass(slots=True)
class Personal:
    """Whose values an agency's records hold; filled as they are read."""

    needles: Needles = field(default_factory=Needles)
    originals: Originals = field(default_factory=Originals)
    people: dict[str, str] = field(default_factory=dict)
    ssns: dict[str, str] = field(default_factory=dict)
    creditors: dict[str, set[str]] = field(default_factory=dict)

    def learn(self, record: Record | Staff) -> None:
        """Take in what a record says of people; the same record again changes nothing."""
        person = self.person_of(record)
        for name, value in identifying(record):
            self.needles.add(value, name)
        self.originals.name_words.update(name_words(record))
        if isinstance(record, Consumer):
            self._learn_consumer(record, person)
        elif isinstance(record, Staff):
            self.originals.emails.add(normalize("email", record.email))
        elif isinstance(record, Application):
            for debt in record.debts:
                self._name_creditor(debt.creditor, person)
        elif isinstance(record, CreditReport):
            for line in (*record.file.tradelines, *record.file.collections):
                self._name_creditor(line.creditor, _BUREAU)

    def person_of(self, record: Record | Staff) -> str:
        """Return whose record it is: the consumer's by their root, or the root's own."""
        if isinstance(record, Staff):
            return record.subject
        root = root_of(record.id)
        if isinstance(record, Application):
            self.people[root] = root_of(record.consumer_id)
        return self.people.get(root, root)

    def is_common(self, creditor: str) -> bool:
        """Say whether a bureau or three consumers name a creditor, so that it is nobody's own."""
        named = self.creditors.get(creditor.casefold(), set())
        return _BUREAU in named or len(named) >= CREDITOR_CONSUMERS_MIN

    def _learn_consumer(self, consumer: Consumer, person: str) -> None:
        if consumer.ssn:
            self.ssns[person] = consumer.ssn
            self.originals.ssns.add(normalize("ssn", consumer.ssn))
        if consumer.email:
            self.originals.emails.add(normalize("email", consumer.email))
        if consumer.phone:
            self.originals.phones.add(normalize("phone", consumer.phone))

    def _name_creditor(self, creditor: str, person: str) -> None:
        if not self.is_common(creditor):
            self.creditors.setdefault(creditor.casefold(), set()).add(person)


class Masking:
    """Masks the records of one agency into another store, under the pseudonyms of a key."""

    def __init__(self, source: AgencyStore, key: bytes, progress: Progress) -> None:
        self._source = source
        self._progress = progress
        self.personal = Personal()
        self.pseudonyms = Pseudonyms(key, self.personal.originals)

    async def learn(self, staff: Sequence[Staff]) -> None:
        """Read everything once, to know what must not be in the copy."""
        for person in staff:
            self.personal.learn(person)
        async for record in self._everything("reading"):
            self.personal.learn(record)

    async def write(self, target: AgencyStore) -> int:
        """Write every record masked into an empty store; return how many.

        What has come since it was read is learned too.
        """
        waiting: list[Record] = []
        written = 0
        async for record in self._everything("masking"):
            self.personal.learn(record)
            waiting.append(self.masked(record, target))
            if len(waiting) == _RECORDS_PER_UNIT:
                await _commit(target, waiting)
                written += len(waiting)
                waiting = []
        await _commit(target, waiting)
        return written + len(waiting)

    async def check(self, target: AgencyStore) -> list[Found]:
        """Compare every record with its copy, and search the copies for all original values.

        A record that has come since the copy was written has none.
        """
        words = self.personal.originals.name_words
        found: list[Found] = []
        for spec in KINDS:
            seen = 0
            async for record in self._source.scan(spec.record):
                global_id = self.pseudonyms.global_id(record.id, self.personal.person_of(record))
                masked = await target.get(spec.record, global_id)
                if masked is not None:
                    found += [Found(name, spec.kind) for name in unhidden(record, masked)]
                seen += 1
                self._progress(f"comparing {spec.kind}", seen)
            async for copy in target.scan(spec.record):
                name = self.personal.needles.find(encode(copy))
                found += [] if name is None else [Found(name, spec.kind)]
                found += [Found(shown, spec.kind) for shown in names_shown(copy, words)]
        return found

    def masked(self, record: M, target: AgencyStore) -> M:
        """Return a record of the agency masked, as it is first written to the target."""
        return _Copy(self, target).of(record, self.personal.person_of(record))

    async def _everything(self, step: str) -> AsyncIterator[Record]:
        for spec in KINDS:
            seen = 0
            async for record in self._source.scan(spec.record):
                yield record
                seen += 1
                self._progress(f"{step} {spec.kind}", seen)

    def blind(self, value: str, person: str, target: AgencyStore) -> str:
        """Return the target's index of the number where it still is the consumer's own."""
        ssn = self.personal.ssns.get(person)
        if ssn is not None and value == self._source.blind("ssn", ssn):
            return target.blind("ssn", self.pseudonyms.ssn(ssn))
        return self.pseudonyms.digest(value)


class _Copy:
    """Makes the masked copies of records and their parts, for one target."""

    def __init__(self, masking: Masking, target: AgencyStore) -> None:
        self._masking = masking
        self._make = masking.pseudonyms
        self._target = target

    def of(self, record: T, person: str) -> T:
        """Return the record with every field treated as the table says."""
        person = person_in(record, person)
        optional = optional_fields(type(record))  # type: ignore[arg-type]  # a class does hash
        values: dict[str, Any] = {}
        for name, treatment in treatments_of(record).items():
            value = getattr(record, name)
            if treatment is Treatment.PARTS:
                values[name] = self._parts(value, person)
            elif treatment is Treatment.NONE_OF_THEM:
                values[name] = ()
            elif value is not None and treatment is Treatment.DROP:
                values[name] = None if name in optional else DROPPED_TEXT
            elif value is not None:
                values[name] = self._value(treatment, value, person)
        made: T = replace(record, **values)  # type: ignore[type-var]  # every record is a dataclass
        derive = DERIVATIONS.get(type(record))
        return made if derive is None else derive(made)

    def _parts(self, value: Any, person: str) -> Any:
        if isinstance(value, tuple):
            return tuple(self.of(part, person) for part in value)
        return None if value is None else self.of(value, person)

    def _value(self, treatment: Treatment, value: Any, person: str) -> Any:  # noqa: C901, PLR0911, PLR0912  a line each
        make = self._make
        match treatment:
            case Treatment.ID:
                return make.global_id(value, person)
            case Treatment.SUBJECT:
                known = parse_global_id(value) is not None
                return make.global_id(value, person) if known else make.subject(value)
            case Treatment.WORDS:
                return make.words(value, person)
            case Treatment.EMAIL:
                return make.email(value)
            case Treatment.PHONE:
                return make.phone(value)
            case Treatment.SSN:
                return make.ssn(value)
            case Treatment.BLIND:
                return self._masking.blind(value, person, self._target)
            case Treatment.POSTAL_CODE:
                return make.postal_code(value, person)
            case Treatment.ACCOUNT:
                return make.account(value, person)
            case Treatment.SHIFT:
                assert isinstance(value, date)
                return make.shift(value, person)
            case Treatment.NOISE:
                assert isinstance(value, Decimal)
                return make.amount(value, person)
            case Treatment.RATE:
                assert isinstance(value, Decimal)
                return make.rate(value, person)
            case Treatment.SCORE:
                return make.score(value, person)
            case Treatment.CREDITOR:
                common = self._masking.personal.is_common(value)
                return value if common else make.words(value, _NOBODY)
            case Treatment.ANEW:
                return 0
            case _:  # KEEP; DERIVED comes once the rest is masked
                return value


async def _commit(target: AgencyStore, records: Sequence[Record]) -> None:
    """Write records; halved where they are too many bytes for one unit."""
    if not records:
        return
    try:
        await target.commit(Change(put=tuple(records)))
    except TooLarge:
        if len(records) == 1:
            raise
        half = len(records) // 2
        await _commit(target, records[:half])
        await _commit(target, records[half:])
