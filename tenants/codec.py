"""Records ↔ bodies: JSON with wire names and wire values, a schema number first.

msgspec does the work in C on both ways, through struct mirrors of the records that are made when a
kind is first met. A body of an older schema number takes the slower way through its upcasts. The
personal fields of a kind are sealed as one group within the body, where a sealer is given.
"""

import base64
import dataclasses
import functools
import operator
import secrets
import types
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, Protocol, TypeVar, Union, get_args, get_origin
from typing import get_type_hints as hints_of

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.audit import AuditLine
from domain.errors import StoreUnavailable
from domain.events import Event
from tenants.keyring import AgencyKeys, associated_data
from tenants.kinds import KINDS, Body, KindSpec, Record

T = TypeVar("T")
_NONCE_BYTES = 12
_EMPTY_OBJECT_BYTES = 2


class Sealer(Protocol):
    """Encrypts a record's personal fields under the agency's data key."""

    def seal(self, kind: str, record_id: str, plain: bytes) -> str:
        """Return the fields encrypted for this record, as text."""
        ...

    def unseal(self, kind: str, record_id: str, sealed: str) -> bytes:
        """Return the fields; raises StoreUnavailable where they were not sealed for this record."""
        ...


class FieldSealer:
    """Seals by AES-GCM; agency, kind, id and key are associated data, so nothing can be moved."""

    def __init__(self, agency_id: str, keys: AgencyKeys) -> None:
        self._agency_id = agency_id
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.data_keys.items()}
        self._current = keys.current_data_key

    def seal(self, kind: str, record_id: str, plain: bytes) -> str:
        """Return `<key id>.<base64url>` of nonce and ciphertext, under the current data key."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        context = self._context(kind, record_id, self._current)
        sealed = nonce + self._ciphers[self._current].encrypt(nonce, plain, context)
        return f"{self._current}.{base64.urlsafe_b64encode(sealed).decode()}"

    def unseal(self, kind: str, record_id: str, sealed: str) -> bytes:
        """Return what was sealed for this record, under whichever data key it was."""
        key_id, _, text = sealed.partition(".")
        try:
            raw = base64.urlsafe_b64decode(text)
            context = self._context(kind, record_id, key_id)
            return self._ciphers[key_id].decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], context)
        except (InvalidTag, KeyError, ValueError) as error:
            raise StoreUnavailable(
                "A record's sealed fields cannot be opened: they were sealed for another record "
                "or under a key that is not here."
            ) from error

    def _context(self, kind: str, record_id: str, key_id: str) -> bytes:
        return associated_data(
            {"agency": self._agency_id, "kind": kind, "id": record_id, "key": key_id}
        )


class Codec:
    """Encodes and decodes the records of a table of kinds."""

    def __init__(self, kinds: Sequence[KindSpec[Any]] = KINDS) -> None:
        self._by_record = {spec.record: spec for spec in kinds}
        self._by_kind = {spec.kind: spec for spec in kinds}
        self._wires: dict[str, _Wire[Any]] = {}

    def encode(self, record: Record, sealer: Sealer | None = None) -> bytes:
        """Return the record's body; with a sealer, its personal fields are encrypted in it."""
        spec = self._by_record[type(record)]
        wire = self._wire(spec)
        if sealer is None or not spec.sealed:
            return wire.encode(record)
        hidden = wire.encode_sealed(record)
        sealed = sealer.seal(spec.kind, record.id, hidden)
        return wire.encode_open(record)[:-1] + b',"sealed":"' + sealed.encode() + b'"}'

    def decode(self, kind: str, body: bytes, sealer: Sealer | None = None) -> Any:
        """Return the record in a body of that kind; an older schema number is upcast.

        Raises StoreUnavailable for a newer schema number, and for a body that is no such record.
        """
        spec = self._by_kind[kind]
        wire = self._wire(spec)
        if spec.sealed:
            body = _unsealed(spec, body, sealer)
        try:
            row = wire.decode(body)
        except msgspec.MsgspecError:
            row = None
        if row is None or row.schema != spec.schema:
            row = _upcast(spec, wire, body)
        return wire.to_record(row)

    def _wire(self, spec: KindSpec[Any]) -> "_Wire[Any]":
        wire = self._wires.get(spec.kind)
        if wire is None:
            wire = self._wires[spec.kind] = _Wire(spec.record, spec.schema, spec.sealed)
        return wire


class _Header(msgspec.Struct):
    """What can be told of a body before its kind's mirror reads it."""

    schema: int = 0
    id: str = ""
    sealed: str | None = None


class _Wire(Generic[T]):
    """The struct mirror of one dataclass with its encoder and decoder."""

    def __init__(
        self, record: type[T], schema: int | None = None, sealed: frozenset[str] = frozenset()
    ) -> None:
        names = {field.name for field in dataclasses.fields(record)}  # type: ignore[arg-type]  # every kept record is a dataclass
        mirrors: dict[type[Any], type[Any]] = {}
        self._record = record
        self._schema = schema
        self._mirror = _mirror_of(record, mirrors, numbered=schema is not None)
        self._open = _mirror_of(record, {}, numbered=schema is not None, only=names - sealed)
        self._sealed = _mirror_of(record, {}, only=sealed)
        self._encoder = msgspec.json.Encoder()
        self.decode: Callable[[bytes], Any] = msgspec.json.Decoder(self._mirror).decode

    def encode(self, record: T) -> bytes:
        return self._encode_as(self._mirror, record)

    def encode_open(self, record: T) -> bytes:
        return self._encode_as(self._open, record)

    def encode_sealed(self, record: T) -> bytes:
        return self._encoder.encode(msgspec.convert(record, self._sealed, from_attributes=True))

    def to_row(self, body: Body) -> Any:
        return msgspec.convert(body, self._mirror)

    def to_record(self, row: Any) -> T:
        return msgspec.convert(row, self._record, from_attributes=True)

    def _encode_as(self, mirror: type[Any], record: T) -> bytes:
        row = msgspec.convert(record, mirror, from_attributes=True)
        if self._schema is not None:
            row.schema = self._schema
        return self._encoder.encode(row)


def _unsealed(spec: KindSpec[Any], body: bytes, sealer: Sealer | None) -> bytes:
    """Return the body with its sealed group put back in the open."""
    try:
        header = msgspec.json.decode(body, type=_Header)
    except msgspec.MsgspecError as error:
        raise _damaged(spec) from error
    if header.sealed is None:
        return body
    if sealer is None:
        raise StoreUnavailable("A record's sealed fields cannot be opened without its keys.")
    hidden = sealer.unseal(spec.kind, header.id, header.sealed)
    if len(hidden) <= _EMPTY_OBJECT_BYTES:
        return body
    return body[:-1] + b"," + hidden[1:]


def _upcast(spec: KindSpec[Any], wire: _Wire[Any], body: bytes) -> Any:
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
        return wire.to_row({**document, "schema": spec.schema})
    except msgspec.MsgspecError as error:
        raise _damaged(spec) from error


def _damaged(spec: KindSpec[Any]) -> StoreUnavailable:
    return StoreUnavailable(f"A stored record of kind {spec.kind} is damaged and cannot be read.")


def _mirror_of(
    record: type[Any],
    made: dict[type[Any], type[Any]],
    *,
    numbered: bool = False,
    only: frozenset[str] | set[str] | None = None,
) -> type[Any]:
    """Return a struct with a dataclass's fields under camelCase names.

    What is None is left out of a body. Every other value is written even where it is the default,
    so that a default may change later without changing what older bodies mean.
    """
    if record in made:
        return made[record]
    hints = hints_of(record)
    fields: list[Any] = [("schema", int, msgspec.field(default_factory=int))] if numbered else []
    for attribute in dataclasses.fields(record):
        if only is None or attribute.name in only:
            mirrored = _mirror_type(hints[attribute.name], made)
            fields.append((attribute.name, mirrored, *_default_of(attribute, mirrored)))
    mirror = msgspec.defstruct(
        f"{record.__name__}Row", fields, rename="camel", omit_defaults=True, kw_only=True, gc=False
    )
    made[record] = mirror
    return mirror


def _default_of(attribute: "dataclasses.Field[Any]", mirrored: Any) -> tuple[Any, ...]:
    if attribute.default is None:
        return (None,)
    if attribute.default is not dataclasses.MISSING:
        default = msgspec.convert(attribute.default, mirrored, from_attributes=True)
        return (msgspec.field(default_factory=lambda: default),)
    if attribute.default_factory is not dataclasses.MISSING:
        make = attribute.default_factory
        return (msgspec.field(default_factory=lambda: make()),)  # noqa: PLW0108 -- `dict` itself would be left out when empty
    return ()


def _mirror_type(hint: Any, made: dict[type[Any], type[Any]]) -> Any:
    if dataclasses.is_dataclass(hint):
        return _mirror_of(hint, made)  # type: ignore[arg-type]  # a hint is a class, not an instance
    if hint is datetime:
        return Annotated[datetime, msgspec.Meta(tz=True)]
    origin = get_origin(hint)
    if origin is None:
        return hint
    arguments = tuple(part if part is ... else _mirror_type(part, made) for part in get_args(hint))
    if origin in (Union, types.UnionType):
        return functools.reduce(operator.or_, arguments)
    return origin[arguments]


_CODEC = Codec()
encode = _CODEC.encode
decode = _CODEC.decode
_WIRES: dict[type[Any], _Wire[Any]] = {}


def _plain_wire(record: type[T]) -> _Wire[T]:
    if record not in _WIRES:
        _WIRES[record] = _Wire(record)
    return _WIRES[record]


def encode_event(event: Event) -> bytes:
    """Return an event as it waits in the outbox."""
    return _plain_wire(Event).encode(event)


def decode_event(body: bytes) -> Event:
    """Return the event in an outbox row; raises StoreUnavailable where it is damaged."""
    return _decode_plain(Event, body)


def encode_audit(line: AuditLine) -> bytes:
    """Return an audit line as it is kept."""
    return _plain_wire(AuditLine).encode(line)


def decode_audit(body: bytes) -> AuditLine:
    """Return a kept audit line; raises StoreUnavailable where it is damaged."""
    return _decode_plain(AuditLine, body)


def _decode_plain(record: type[T], body: bytes) -> T:
    wire = _plain_wire(record)
    try:
        return wire.to_record(wire.decode(body))
    except msgspec.MsgspecError as error:
        raise StoreUnavailable(f"A stored {record.__name__} is damaged.") from error
