"""Struct mirrors of records: what msgspec encodes and decodes in C in the records' place.

A record with sealed groups has a mirror of the whole, one of what lies open, one of each group, and
one of its head, which refuses to hold what is sealed. An attribute of lines is sealed as a column:
one list with the value of every line.
"""

import dataclasses
import functools
import operator
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import (
    Annotated,
    Any,
    Generic,
    NamedTuple,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import msgspec

from domain.errors import StoreUnavailable
from domain.money import CENT

T = TypeVar("T")
Body = dict[str, Any]
EMPTY_OBJECT_BYTES = 2
EXACT = "exact"
"""In a body: each amount in the open has two places, and goes out in an answer just as it lies."""


_HINTS: dict[type[Any], Mapping[str, Any]] = {}


def hints_of(record: type[Any]) -> Mapping[str, Any]:
    """Return the types of a class's attributes, worked out once."""
    if record not in _HINTS:
        _HINTS[record] = get_type_hints(record)
    return _HINTS[record]


class _Column(NamedTuple):
    """An attribute of the lines of a list: `debts`, `account_last4`, and the row's name for it."""

    lines: str
    attribute: str
    name: str


class Head(msgspec.Struct):
    """What can be told of a body before its kind's mirror reads it."""

    schema: int = 0
    id: str = ""


class BodyForm(Generic[T]):
    """The struct mirror of one dataclass with its encoder and decoder.

    decode_head: raises msgspec.ValidationError where a sealed attribute has a value in the open.
    """

    def __init__(
        self,
        record: type[T],
        schema: int | None = None,
        sealed: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        mirrors = _Mirrors(record, numbered=schema is not None, sealed=sealed or {})
        self._record = record
        self._schema = schema
        self._mirror = mirrors.whole()
        self._open = mirrors.open()
        self._groups = {group: mirrors.group(group) for group in sealed or {}}
        self._columns = mirrors.columns
        self._amounts = None if schema is None else Amounts.of(record, mirrors.hidden())
        self.decode_head: Callable[[bytes], Head] = msgspec.json.Decoder(mirrors.head()).decode
        self._encoder = msgspec.json.Encoder()
        self.decode: Callable[[bytes], Any] = msgspec.json.Decoder(self._mirror).decode

    def encode(self, record: T) -> bytes:
        """Return the record's body with everything in the open."""
        return self._encode_as(self._mirror, record)

    def encode_open(self, record: T) -> bytes:
        """Return the record's body without its sealed groups."""
        return self._encode_as(self._open, record)

    def encode_groups(self, record: T) -> list[tuple[str, bytes]]:
        """Return each group that is not all empty as the object it is sealed as."""
        encoded = []
        for group, mirror in self._groups.items():
            row = msgspec.convert(record, mirror, from_attributes=True)
            for column in self._columns[group]:
                values = [getattr(line, column.attribute) for line in getattr(record, column.lines)]
                if any(value is not None for value in values):
                    setattr(row, column.name, values)
            plain = self._encoder.encode(row)
            if len(plain) > EMPTY_OBJECT_BYTES:
                encoded.append((group, plain))
        return encoded

    def to_row(self, body: Body) -> Any:
        """Return the mirror's value of a document; raises msgspec.ValidationError."""
        return msgspec.convert(body, self._mirror)

    def to_record(self, row: Any) -> T:
        """Return the record of a mirror's value."""
        for columns in self._columns.values():
            for column in columns:
                _spread(row, column)
        return msgspec.convert(row, self._record, from_attributes=True)

    def _encode_as(self, mirror: type[Any], record: T) -> bytes:
        row = msgspec.convert(record, mirror, from_attributes=True)
        if self._schema is not None:
            row.schema = self._schema
        if self._amounts is not None:
            row.exact = self._amounts.are_exact(record)
        return self._encoder.encode(row)


def _spread(row: Any, column: _Column) -> None:
    """Give each line its value of a column; raise StoreUnavailable where they are not as many."""
    values = getattr(row, column.name)
    if values is None:
        return
    lines = getattr(row, column.lines)
    if len(lines) != len(values):
        raise StoreUnavailable("A record's sealed fields do not belong to the lines beside them.")
    for line, value in zip(lines, values, strict=True):
        setattr(line, column.attribute, value)


class Amounts(NamedTuple):
    """Where the amounts of a record are that lie open: its own, and those of what it holds."""

    own: tuple[str, ...]
    held: "tuple[tuple[str, bool, Amounts], ...]"

    @classmethod
    def of(cls, record: type[Any], hidden: Mapping[type[Any], set[str]]) -> "Amounts | None":
        """Return where they are, None where there are none."""
        own: list[str] = []
        held: list[tuple[str, bool, Amounts]] = []
        for name, hint in hints_of(record).items():
            if name in hidden.get(record, ()):
                continue
            parts = {part for part in _plain_parts(hint) if isinstance(part, type)}
            if Decimal in parts:
                own.append(name)
            for inner in parts:
                below = cls.of(inner, hidden) if dataclasses.is_dataclass(inner) else None
                if below is not None:
                    held.append((name, get_origin(hint) is tuple, below))
        return cls(tuple(own), tuple(held)) if own or held else None

    def are_exact(self, record: Any) -> bool:
        """Say whether each has two places."""
        amounts = (one for name in self.own for one in _each(getattr(record, name)))
        return all(one is None or one.same_quantum(CENT) for one in amounts) and all(
            below.are_exact(one)
            for name, many, below in self.held
            for one in (getattr(record, name) if many else (getattr(record, name),))
            if one is not None
        )


def _each(value: Decimal | tuple[Decimal, ...] | None) -> tuple[Decimal | None, ...]:
    """Return the amounts of an attribute that is one, or several, or None."""
    return value if isinstance(value, tuple) else (value,)


def _plain_parts(hint: Any) -> Iterator[Any]:
    """Yield the classes that a type is put together from."""
    arguments = get_args(hint)
    if not arguments:
        yield hint
    for one in arguments:
        yield from _plain_parts(one)


class _Mirrors:
    """Makes the structs that a record's body is written and read through.

    Names are camelCase. What is None is left out of a body. Every other value is written even where
    it is the default, so that a default may change later without changing what older bodies mean.
    """

    def __init__(
        self, record: type[Any], *, numbered: bool, sealed: Mapping[str, tuple[str, ...]]
    ) -> None:
        self._record = record
        self._numbered = numbered
        self._own = {
            group: {path for path in paths if "." not in path} for group, paths in sealed.items()
        }
        self.columns = {
            group: [_column(path) for path in paths if "." in path]
            for group, paths in sealed.items()
        }
        self._made: dict[type[Any], type[Any]] = {}

    def whole(self) -> type[Any]:
        """Return the mirror with everything in it, in the open."""
        columns = [column for columns in self.columns.values() for column in columns]
        return self._mirror({}, columns=columns)

    def open(self) -> type[Any]:
        """Return the mirror of what is left when the sealed groups are taken out."""
        return self._mirror(self.hidden())

    def hidden(self) -> dict[type[Any], set[str]]:
        """Return by class the attributes that are sealed."""
        hidden = {self._record: set().union(*self._own.values())}
        for columns in self.columns.values():
            for column in columns:
                hidden.setdefault(self._line_of(column), set()).add(column.attribute)
        return hidden

    def group(self, group: str) -> type[Any]:
        """Return the mirror of one sealed group."""
        names = {attribute.name for attribute in dataclasses.fields(self._record)}
        hidden = {self._record: names - self._own[group]}
        return self._mirror(hidden, columns=self.columns[group], numbered=False)

    def head(self) -> type[Head]:
        """Return the mirror of a body's head, in which all that is sealed can only be null.

        Everything else is passed by unread.
        """
        columns = [column for columns in self.columns.values() for column in columns]
        fields: list[Any] = [(name, None, None) for own in self._own.values() for name in own]
        fields += [
            (column.name, None, msgspec.field(default=None, name=_column_name(column)))
            for column in columns
        ]
        for lines in {column.lines for column in columns}:
            only_null = [(one.attribute, None, None) for one in columns if one.lines == lines]
            line = msgspec.defstruct("LineHead", only_null, rename="camel", gc=False)
            many = types.GenericAlias(list, (line,))
            fields.append((lines, many, msgspec.field(default_factory=list)))
        head: type[Any] = msgspec.defstruct(
            f"{self._record.__name__}Head", fields, bases=(Head,), rename="camel", gc=False
        )
        return head

    def _line_of(self, column: _Column) -> type[Any]:
        line: type[Any] = get_args(hints_of(self._record)[column.lines])[0]
        return line

    def _mirror(
        self,
        hidden: Mapping[type[Any], set[str]],
        *,
        columns: Sequence[_Column] = (),
        numbered: bool = True,
    ) -> type[Any]:
        fields: list[Any] = []
        if self._numbered and numbered:
            fields.append(("schema", int, msgspec.field(default_factory=int)))
        made: dict[type[Any], type[Any]] = {}
        fields += _fields_of(self._record, made, hidden)
        for column in columns:
            hints = hints_of(self._line_of(column))
            value = mirror_type(hints[column.attribute], made, hidden)
            column_type = types.GenericAlias(list, (value,)) | None
            spelled = msgspec.field(default=None, name=_column_name(column))
            fields.append((column.name, column_type, spelled))
        if self._numbered and numbered:
            fields.append((EXACT, bool, False))
        return _struct(self._record, fields)


def _column(path: str) -> _Column:
    lines, _, attribute = path.partition(".")
    return _Column(lines, attribute, f"{lines}_{attribute}")


def _column_name(column: _Column) -> str:
    return ".".join(map(camel, (column.lines, column.attribute)))


def camel(name: str) -> str:
    """Return what an attribute is called in a body."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _mirror_of(
    record: type[Any], made: dict[type[Any], type[Any]], hidden: Mapping[type[Any], set[str]]
) -> type[Any]:
    if record not in made:
        made[record] = _struct(record, _fields_of(record, made, hidden))
    return made[record]


def _struct(record: type[Any], fields: list[Any]) -> type[Any]:
    return msgspec.defstruct(
        f"{record.__name__}Row", fields, rename="camel", omit_defaults=True, kw_only=True, gc=False
    )


def _fields_of(
    record: type[Any], made: dict[type[Any], type[Any]], hidden: Mapping[type[Any], set[str]]
) -> list[Any]:
    hints = hints_of(record)
    fields: list[Any] = []
    for attribute in dataclasses.fields(record):
        if attribute.name not in hidden.get(record, ()):
            mirrored = mirror_type(hints[attribute.name], made, hidden)
            fields.append((attribute.name, mirrored, *default_of(attribute, mirrored)))
    return fields


def default_of(attribute: "dataclasses.Field[Any]", mirrored: Any) -> tuple[Any, ...]:
    """Return an attribute's default, as a struct's field of the mirrored type takes it."""
    if attribute.default is None:
        return (None,)
    if attribute.default is not dataclasses.MISSING:
        default = msgspec.convert(attribute.default, mirrored, from_attributes=True)
        return (msgspec.field(default_factory=lambda: default),)
    if attribute.default_factory is not dataclasses.MISSING:
        make = attribute.default_factory
        return (msgspec.field(default_factory=lambda: make()),)  # noqa: PLW0108 -- `dict` itself would be left out when empty
    return ()


def mirror_type(
    hint: Any, made: dict[type[Any], type[Any]], hidden: Mapping[type[Any], set[str]]
) -> Any:
    """Return what stands for an attribute's type in a mirror; `made`: of classes met before."""
    if dataclasses.is_dataclass(hint):
        return _mirror_of(hint, made, hidden)  # type: ignore[arg-type]  # a hint is a class, not an instance
    if hint is datetime:
        return Annotated[datetime, msgspec.Meta(tz=True)]
    origin = get_origin(hint)
    if origin is None:
        return hint
    arguments = tuple(
        part if part is ... else mirror_type(part, made, hidden) for part in get_args(hint)
    )
    if origin in (Union, types.UnionType):
        return functools.reduce(operator.or_, arguments)
    return origin[arguments]
