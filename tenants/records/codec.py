"""Records ↔ bodies: JSON with wire names and wire values, a schema number first.

msgspec does the work in C on both ways, through struct mirrors of the records that are made when a
kind is first met. A body of an older schema number takes the slower way through its upcasts. Where
a sealer is given, each sealed group of a kind is encrypted within the body, and put back in the
open before the body is read.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from domain.actors import PrincipalKind
from domain.audit import CONSUMER_NAME, AuditLine, AuditOutcome
from domain.errors import StoreUnavailable
from domain.events import Event
from tenants.records.excerpts import Excerpt
from tenants.records.kinds import KINDS, Body, KindSpec, R, Record
from tenants.records.mirrors import EMPTY_OBJECT_BYTES, BodyForm, Head
from tenants.records.sealing import Sealer

T = TypeVar("T")
IN_THE_OPEN = "open"
NAMES_KEPT_MAX = 256
SHORT_CHARACTERS, SHORT_FIELDS_BYTES = 300, 1200


class Codec:
    """Encodes and decodes the records of a table of kinds."""

    def __init__(self, kinds: Sequence[KindSpec[Any]] = KINDS) -> None:
        self._by_record = {spec.record: spec for spec in kinds}
        self._by_kind = {spec.kind: spec for spec in kinds}
        self._forms: dict[str, BodyForm[Any]] = {}

    def encode(self, record: Record, sealer: Sealer | None = None) -> bytes:
        """Return the record's body; with a sealer, its sealed groups are encrypted in it."""
        spec = self._by_record[type(record)]
        form = self._form(spec)
        if sealer is None or not spec.sealed:
            return form.encode(record)
        sealed = [
            b'"%s":"%s"'
            % (group.encode(), sealer.seal(spec.kind, record.id, group, plain).encode())
            for group, plain in form.encode_groups(record)
        ]
        body = form.encode_open(record)
        return body[:-1] + b',"sealed":{%s}}' % b",".join(sealed) if sealed else body

    def decode(self, kind: str, body: bytes, sealer: Sealer | None = None) -> Any:
        """Return the record in a body of that kind; an older schema number is upcast.

        Raises StoreUnavailable for a newer schema number, and for a body that is no such record.
        """
        spec = self._by_kind[kind]
        form = self._form(spec)
        if spec.sealed:
            body = _unsealed(spec, form, body, sealer)
        try:
            row = form.decode(body)
        except msgspec.MsgspecError:
            row = None
        if row is None or row.schema != spec.schema:
            row = _upcast(spec, form, body)
        return form.to_record(row)

    def decode_excerpt(
        self, excerpt: Excerpt[R], body: bytes, sealer: Sealer | None, whole: Callable[[], R]
    ) -> R | None:
        """Return an excerpt of the record in a body, for which only the groups it is in are opened.

        None where the body is an older one, or has another form. Raises StoreUnavailable.
        """
        spec = self._by_kind[excerpt.kind]
        if spec.sealed:
            body = _unsealed(spec, self._form(spec), body, sealer, excerpt.groups)
        return excerpt.decode(body, whole)

    def sealed_under(self, kind: str, body: bytes) -> frozenset[str]:
        """Return the ids of the data keys that a body's groups are sealed under.

        IN_THE_OPEN stands for a body from before its kind was sealed; empty: nothing to seal.
        """
        spec = self._by_kind[kind]
        if not spec.sealed:
            return frozenset()
        open_part, groups = _cut(spec, body)
        if not groups:
            older = _head(spec, open_part).schema < spec.schema
            return frozenset({IN_THE_OPEN} if older else ())
        return frozenset(text.partition(".")[0] for text in groups.values())

    def _form(self, spec: KindSpec[Any]) -> BodyForm[Any]:
        form = self._forms.get(spec.kind)
        if form is None:
            form = self._forms[spec.kind] = BodyForm(spec.record, spec.schema, spec.sealed)
        return form


def _head(spec: KindSpec[Any], body: bytes) -> Head:
    try:
        return _decode_head(body)
    except msgspec.MsgspecError as error:
        raise _damaged(spec) from error


_decode_head = msgspec.json.Decoder(Head).decode
_decode_groups = msgspec.json.Decoder(str | dict[str, str]).decode
_SEALED = b',"sealed":'


def _cut(spec: KindSpec[Any], body: bytes) -> tuple[bytes, Mapping[str | None, str]]:
    """Return what lies open in a body, and its sealed groups, which come last.

    None is the name of the one group that bodies had before groups had names. The mark cannot
    stand within a text: quotes are escaped there.
    """
    at = body.rfind(_SEALED)
    if at < 0:
        return body, {}
    try:
        groups = _decode_groups(body[at + len(_SEALED) : -1])
    except msgspec.MsgspecError as error:
        raise _damaged(spec) from error
    return body[:at] + b"}", {None: groups} if isinstance(groups, str) else {**groups}


def _unsealed(
    spec: KindSpec[Any],
    form: BodyForm[Any],
    body: bytes,
    sealer: Sealer | None,
    only: Collection[str] | None = None,
) -> bytes:
    """Return the body with its sealed groups put back in the open; `only`: no others than these."""
    open_part, groups = _cut(spec, body)
    if sealer is None:
        if groups:
            raise StoreUnavailable("A record's sealed fields cannot be opened without its keys.")
        return body
    head = _checked_head(spec, form, open_part)
    if not groups:
        return body
    parts = [open_part[:-1]]
    for group, text in groups.items():
        if only is not None and group not in only:
            continue
        hidden = sealer.unseal(spec.kind, head.id, group, text)
        if len(hidden) > EMPTY_OBJECT_BYTES:
            parts.append(hidden[1:-1])
    return b",".join(parts) + b"}"


def _checked_head(spec: KindSpec[Any], form: BodyForm[Any], open_part: bytes) -> Head:
    """Return the head of a stored body; raise StoreUnavailable where a sealed value lies open.

    Whoever has the file's key and no data key could otherwise write one in a group's place.
    """
    try:
        return form.decode_head(open_part)
    except msgspec.MsgspecError as error:
        head = _head(spec, open_part)
        if spec.sealed_since <= head.schema <= spec.schema:
            raise StoreUnavailable(
                f"A stored record of kind {spec.kind} has in the open what is always sealed: it "
                "was changed by somebody without the agency's keys, and is not believed."
            ) from error
        return head


def _upcast(spec: KindSpec[Any], form: BodyForm[Any], body: bytes) -> Any:
    """Return the row of an older body, or raise StoreUnavailable for one that cannot be read."""
    try:
        document: Body = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise _damaged(spec) from error
    number = document.get("schema")
    if not isinstance(number, int):
        raise _damaged(spec)
    if number > spec.schema:
        raise StoreUnavailable(
            f"A record was written by a newer version of Almoner: {spec.kind} has schema number "
            f"{number}, and this version reads up to {spec.schema}. Upgrade this process."
        )
    for step in range(number, spec.schema):
        if step not in spec.upcasts:
            raise _damaged(spec)
        document = spec.upcasts[step](document)
    try:
        return form.to_row({**document, "schema": spec.schema})
    except msgspec.MsgspecError as error:
        raise _damaged(spec) from error


def _damaged(spec: KindSpec[Any]) -> StoreUnavailable:
    return StoreUnavailable(f"A stored record of kind {spec.kind} is damaged and cannot be read.")


_CODEC = Codec()
encode = _CODEC.encode
decode = _CODEC.decode
decode_excerpt = _CODEC.decode_excerpt
sealed_under = _CODEC.sealed_under
_FORMS: dict[type[Any], BodyForm[Any]] = {}


def _plain_form(record: type[T]) -> BodyForm[T]:
    if record not in _FORMS:
        _FORMS[record] = BodyForm(record)
    return _FORMS[record]


def encode_event(event: Event) -> bytes:
    """Return an event as it waits in the outbox."""
    return _plain_form(Event).encode(event)


def decode_event(body: bytes) -> Event:
    """Return the event in an outbox row; raises StoreUnavailable where it is damaged."""
    return _decode_plain(Event, body)


class ActorRow(msgspec.Struct, rename="camel", gc=False):
    """Whoever did it, as a line names them."""

    id: str
    kind: PrincipalKind
    display_name: str


class AuditRow(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True, gc=False):
    """An audit line about to be written: attributes as AuditLine has them, fields by `spelled`.

    It is written byte for byte as its mirror is, for a third of what making that costs: every
    request that reads leaves a line. id: None until it is written.
    """

    id: str | None = None
    at: datetime
    actor: ActorRow
    action: str
    subject: str | None = None
    consumers: tuple[str, ...]
    purpose: str | None = None
    fields: msgspec.Raw
    outcome: AuditOutcome
    request_id: str
    source_ip: str | None = None

    def is_short(self) -> bool:
        """Say whether it can be written, and fits into any bundle however it is spelled there.

        A character takes seven bytes at most: a control character within JSON within JSON.
        """
        actor = self.actor
        subject, purpose, source_ip = self.subject or "", self.purpose or "", self.source_ip or ""
        own = (actor.id, actor.display_name, self.action, subject, purpose, source_ip)
        texts = "".join((*own, self.request_id, *self.consumers))
        if len(texts) > SHORT_CHARACTERS or len(memoryview(self.fields)) > SHORT_FIELDS_BYTES:
            return False
        try:
            return texts.isascii() or bool(texts.encode())
        except UnicodeEncodeError:
            return False


def actor_row(actor_id: str, kind: PrincipalKind, display_name: str) -> ActorRow:
    """Return the doer of a line: a consumer is called no name there."""
    name = CONSUMER_NAME if kind is PrincipalKind.CONSUMER else display_name
    return ActorRow(actor_id, kind, name)


@lru_cache(NAMES_KEPT_MAX)
def spelled(fields: tuple[str, ...]) -> msgspec.Raw:
    """Return names of fields as they are written: the same operation reads the same ones."""
    return msgspec.Raw(msgspec.json.encode(fields))


def encode_audit(line: AuditLine | AuditRow) -> bytes:
    """Return an audit line as it is kept."""
    return _encode_row(line if isinstance(line, AuditRow) else _row_of(line))


def _row_of(line: AuditLine) -> AuditRow:
    actor = line.actor
    return AuditRow(
        id=line.id,
        at=line.at,
        actor=ActorRow(actor.id, actor.kind, actor.display_name),
        action=line.action,
        subject=line.subject,
        consumers=line.consumers,
        purpose=line.purpose,
        fields=spelled(line.fields),
        outcome=line.outcome,
        request_id=line.request_id,
        source_ip=line.source_ip,
    )


_encode_row = msgspec.json.Encoder().encode


def decode_audit(body: bytes) -> AuditLine:
    """Return a kept audit line; raises StoreUnavailable where it is damaged."""
    return _decode_plain(AuditLine, body)


def check_audit(body: bytes) -> None:
    """Raise StoreUnavailable where this is no audit line that can be read."""
    try:
        _plain_form(AuditLine).decode(body)
    except msgspec.MsgspecError as error:
        raise _damaged_plain(AuditLine) from error


def _decode_plain(record: type[T], body: bytes) -> T:
    form = _plain_form(record)
    try:
        return form.to_record(form.decode(body))
    except msgspec.MsgspecError as error:
        raise _damaged_plain(record) from error


def _damaged_plain(record: type[Any]) -> StoreUnavailable:
    return StoreUnavailable(f"A stored {record.__name__} is damaged.")
