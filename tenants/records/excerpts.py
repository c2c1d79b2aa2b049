"""Excerpts of records: what somebody wants to read of a kind, decoded without all the rest.

An excerpt stands for its record. What was not wanted is had all the same by whoever asks for it:
then the whole record is decoded. So nobody has to know what they were given: what an excerpt
leaves out costs time. Where the rest is damaged, whoever asks for it is told, and nobody else.

Lines can also be had as they lie in the body: as JSON that is written out just so. That takes a
body whose amounts are exact (mirrors.EXACT), so that none is spelled otherwise than in an answer.
"""

import dataclasses
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache
from operator import attrgetter
from types import FunctionType, GenericAlias
from typing import Any, ClassVar, Generic, Literal, get_args, get_origin

import msgspec

from tenants.records.kinds import R, record_of, spec_of
from tenants.records.mirrors import EXACT, camel, default_of, hints_of, mirror_type

EXCERPTS_KEPT_MAX = 256
TYPE_NAME = "__typename"
_LAID = "laid_"
_AMOUNT = r"-?(?:0|[1-9][0-9]*)\.[0-9]{2}"
_AMOUNTS = re.compile(rf"{_AMOUNT}(?:\|{_AMOUNT})*")
_Amounts = Callable[[Any], tuple[str | None, ...]]
_NO_NAME = ""  # what nothing in a body is called


@dataclass(frozen=True, slots=True)
class LaidField:
    """What is written of a line under a name: a constant, or an attribute.

    kind: what it must be, in a body as in the answer; Decimal stands for an exact amount.
    """

    name: str
    attribute: str | None = None
    kind: Any = None
    nullable: bool = False
    constant: str | None = None


@dataclass(frozen=True, slots=True)
class Laid:
    """What is written of an attribute as it lies: of one object, or of each of a list."""

    attribute: str
    fields: tuple[LaidField, ...]
    is_list: bool
    nullable: bool = False

    def lies_in(self, record_type: type[Any]) -> bool:
        """Say whether bodies hold all of it in the open, under the keys that it is written by."""
        spec = spec_of(record_type)
        hint = hints_of(record_type).get(self.attribute)
        line = _line_of(hint)
        if line is None or (get_origin(hint) is tuple) != self.is_list:
            return False
        sealed = {path for paths in spec.sealed.values() for path in paths}
        if self.attribute in sealed:
            return False
        stored = {one.name for one in dataclasses.fields(line)}
        return all(
            # No body has the name of a constant, or what lies there would stand in its place.
            one.name == TYPE_NAME
            if one.attribute is None
            else one.attribute in stored
            and camel(one.attribute) == one.name
            and f"{self.attribute}.{one.attribute}" not in sealed
            for one in self.fields
        )


class StandIn(msgspec.Struct, gc=False, kw_only=True):
    """Stands for a record whose excerpt it is.

    rest: the whole record, or what gives it; set once the excerpt is decoded.
    """

    stands_for: ClassVar[type]
    rest: Any = msgspec.field(default=None, name=_NO_NAME)

    def __getattr__(self, name: str) -> Any:
        """Return what was not wanted of the record."""
        if not hasattr(self.stands_for, name) or name.startswith("_"):
            raise AttributeError(name)
        if callable(self.rest):
            self.rest = self.rest()
        return getattr(self.rest, name)

    def __repr__(self) -> str:
        """Say what it stands for, and nothing of what is in it."""
        return f"<excerpt of a record: {self.stands_for.__name__}>"


class Excerpt(Generic[R]):
    """What of a kind's records is wanted: some attributes, and others as they lie.

    Compared by identity: what is kept of one is not taken for another's.
    """

    @classmethod
    def of(
        cls, record_type: type[R], attributes: Collection[str], laid: Collection[Laid] = ()
    ) -> "Excerpt[R]":
        """Return the excerpt; the same one where the same is wanted again, for it takes long.

        attributes: of those that are none of the record's, nothing comes. laid: what lies in bodies
        of the kind (`Laid.lies_in`), each attribute once.
        """
        kind = spec_of(record_type).kind
        excerpt: Excerpt[R] = _excerpt(kind, frozenset(attributes), tuple(laid))
        return excerpt

    def __init__(
        self, record_type: type[R], attributes: Collection[str], laid: Collection[Laid]
    ) -> None:
        spec = spec_of(record_type)
        self.record_type = record_type
        self.kind = spec.kind
        columns = {path.partition(".")[0] for paths in spec.sealed.values() for path in paths}
        sealed = {name for paths in spec.sealed.values() for name in paths}
        wanted = {*spec.needed, *attributes} - (columns - sealed)
        self.groups = frozenset(
            group for group, names in spec.sealed.items() if not wanted.isdisjoint(names)
        )
        self._converted: list[tuple[str, Any]] = []
        self.struct = self._struct(spec.schema, wanted, laid)
        self._laid = tuple((laid_name(one.attribute), _amounts_of(one)) for one in laid)
        self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(self.struct).decode

    def decode(self, body: bytes, whole: Callable[[], R]) -> R | None:
        """Return the excerpt of a body with its groups in the open; None where its form is another.

        whole: gives the whole record, should somebody ask for more.
        """
        try:
            found = self._decode(body)
        except msgspec.MsgspecError:
            return None
        for name, hint in self._converted:
            value = msgspec.convert(getattr(found, name), hint, from_attributes=True)
            setattr(found, name, value)
        for name, amounts_in in self._laid:
            lines = getattr(found, name)
            if lines:
                if not _are_exact(amounts_in, lines if lines.__class__ is list else (lines,)):
                    return None
                setattr(found, name, msgspec.Raw(msgspec.json.encode(lines)))
        found.rest = whole
        return found  # type: ignore[no-any-return]  # it stands for one

    def _struct(self, schema: int, wanted: Collection[str], laid: Collection[Laid]) -> type[Any]:
        hints = hints_of(self.record_type)
        fields: list[Any] = [("schema", Literal[schema])]
        for attribute in dataclasses.fields(self.record_type):
            if attribute.name in wanted:
                hint = hints[attribute.name]
                mirrored = _mirrored(self.kind, attribute.name)
                if _line_of(hint) is not None:
                    self._converted.append((attribute.name, hint))
                fields.append((attribute.name, mirrored, *default_of(attribute, mirrored)))
        for one in laid:
            default = {"default": None} if one.nullable else {}
            spelled = msgspec.field(name=camel(one.attribute), **default)
            fields.append((laid_name(one.attribute), _type_of(one), spelled))
        if any(field.kind is Decimal for one in laid for field in one.fields):
            fields.append((EXACT, Literal[True]))
        return msgspec.defstruct(
            f"{self.record_type.__name__}Excerpt",
            fields,
            bases=(StandIn,),
            namespace=_behaviour_of(self.record_type),
            rename="camel",
            kw_only=True,
            gc=False,
        )


@lru_cache(EXCERPTS_KEPT_MAX)
def _excerpt(kind: str, attributes: Collection[str], laid: Collection[Laid]) -> Excerpt[Any]:
    return Excerpt(record_of(kind), attributes, laid)


@cache
def _mirrored(kind: str, attribute: str) -> Any:
    return mirror_type(hints_of(record_of(kind))[attribute], {}, {})


def laid_name(attribute: str) -> str:
    """Return under which name an excerpt has an attribute as it lies: None, empty, or JSON."""
    return _LAID + attribute


def class_of(record: object) -> type:
    """Return the class of a record, or of the one that an excerpt stands for."""
    cls = type(record)
    return cls.stands_for if issubclass(cls, StandIn) else cls


def _amounts_of(laid: Laid) -> "_Amounts":
    """Return what gives the amounts of a line."""
    slots = [f"f{number}" for number, one in enumerate(laid.fields) if one.kind is Decimal]
    if not slots:
        return lambda _line: ()
    if len(slots) == 1:
        return lambda line: (getattr(line, slots[0]),)
    return attrgetter(*slots)


def _are_exact(amounts_in: "_Amounts", lines: Sequence[Any]) -> bool:
    """Say whether all amounts of lines are spelled as in an answer."""
    amounts = [one for line in lines for one in amounts_in(line) if one is not None]
    if not amounts:
        return True
    joined = "|".join(amounts)
    return joined.count("|") == len(amounts) - 1 and _AMOUNTS.fullmatch(joined) is not None


def _type_of(laid: Laid) -> Any:
    """Return what lines are decoded as that are encoded as they are written out."""
    fields: list[Any] = []
    for number, one in enumerate(laid.fields):
        if one.constant is not None:
            written = msgspec.field(default=one.constant, name=one.name)
            fields.append((f"f{number}", Literal[one.constant], written))
            continue
        kind = str if one.kind is Decimal else one.kind
        if one.nullable:
            fields.append((f"f{number}", kind | None, msgspec.field(default=None, name=one.name)))
        else:
            fields.append((f"f{number}", kind, msgspec.field(name=one.name)))
    line = msgspec.defstruct("Line", fields, kw_only=True, gc=False)
    kind = GenericAlias(list, (line,)) if laid.is_list else line
    return kind | None if laid.nullable else kind


def _line_of(hint: Any) -> Any:
    """Return the class of what an attribute holds, or holds many of; None where it is plain."""
    held = [one for one in (hint, *get_args(hint)) if dataclasses.is_dataclass(one)]
    return held[0] if held else None


def _behaviour_of(record_type: type[Any]) -> dict[str, Any]:
    """Return a record's own methods and properties, which an excerpt has as well."""
    own = {
        name: value
        for name, value in vars(record_type).items()
        if isinstance(value, (FunctionType, property)) and not name.startswith("__")
    }
    return {**own, "stands_for": record_type}
