"""Declares what a setting is, and reads settings from text: the machinery under gateway/config.py.

A setting is a field of a configuration dataclass, made by `setting()`. Its name, its environment
variable, its key in the TOML file, its type, default, bounds and meaning all follow from that one
line, so that the reader, `almoner config` and docs/configuration.md cannot disagree.
"""

import dataclasses
import difflib
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from domain.errors import GatewayError

PREFIX = "ALMONER_"
FILE_VARIABLE = "ALMONER_CONFIG"
MASK = "********"

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


class CannotStart(GatewayError):
    """Something that a person must mend first; the message is one clear line for the terminal."""

    code = "SETUP"


class ConfigFault(CannotStart):
    """A setting is unknown, missing or out of bounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What one line of the table says beside name, type and default.

    under_dev: the default where `almoner dev` has another one. at_least, at_most: bounds, both
    included. choices: the only texts allowed. secret: never printed, never taken from arguments.
    """

    doc: str
    under_dev: object = None
    at_least: int | None = None
    at_most: int | None = None
    choices: tuple[str, ...] = ()
    secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One setting as the table has it; `name` is dotted for settings of a block."""

    name: str
    kind: type
    optional: bool
    default: object
    about: About

    @property
    def variable(self) -> str:
        """Return the name of its environment variable."""
        return PREFIX + self.name.replace(".", "_").upper()


def setting(  # the type of what a field is declared as, so that type checkers see the field's own
    default: typing.Any,
    doc: str,
    *,
    under_dev: object = None,
    at_least: int | None = None,
    at_most: int | None = None,
    choices: tuple[str, ...] = (),
    secret: bool = False,
) -> typing.Any:
    """Declare a setting: a dataclass field that knows its meaning and its bounds."""
    about = About(
        doc=doc,
        under_dev=under_dev,
        at_least=at_least,
        at_most=at_most,
        choices=choices,
        secret=secret,
    )
    return dataclasses.field(default=default, repr=not secret, metadata={"about": about})


def block(kind: Callable[[], object]) -> typing.Any:
    """Declare a block: settings of one subject, in a dataclass of their own."""
    return dataclasses.field(default_factory=kind)


def rows_of(config_class: type, prefix: str = "") -> Iterator[Row]:
    """Return every setting of a configuration class, blocks included, in the order declared."""
    hints = typing.get_type_hints(config_class)
    for field in dataclasses.fields(config_class):
        hint = hints[field.name]
        if "about" in field.metadata:
            kind, optional = _plain_type(hint)
            yield Row(
                name=prefix + field.name,
                kind=kind,
                optional=optional,
                default=field.default,
                about=field.metadata["about"],
            )
        elif isinstance(hint, type) and dataclasses.is_dataclass(hint):
            yield from rows_of(hint, f"{prefix}{field.name}.")


def build(config_class: type, values: Mapping[str, object], prefix: str = "") -> typing.Any:
    """Return the configuration object holding `values`, which are keyed by dotted name."""
    hints = typing.get_type_hints(config_class)
    arguments: dict[str, object] = {}
    for field in dataclasses.fields(config_class):
        name, hint = prefix + field.name, hints[field.name]
        if "about" in field.metadata:
            arguments[field.name] = values[name]
        elif isinstance(hint, type) and dataclasses.is_dataclass(hint):
            arguments[field.name] = build(hint, values, name + ".")
        elif name in values:
            arguments[field.name] = values[name]
    return config_class(**arguments)


def value_of(config: object, name: str) -> object:
    """Return a configuration's value by dotted name."""
    found = config
    for part in name.split("."):
        found = getattr(found, part)
    return found


def read_value(row: Row, given: object, *, where: str) -> object:
    """Return `given` as the setting's type; raises ConfigFault, which never repeats a secret."""
    if given is None and row.optional:
        return None
    value = _from_text(row, given, where) if isinstance(given, str) else given
    if row.kind is tuple and isinstance(value, list):
        value = tuple(value)
    if not _fits(row, value):
        raise ConfigFault(f"{where} wants {_wanted(row)}{_instead(row, given)}.")
    if isinstance(value, int) and not isinstance(value, bool):
        _check_bounds(row, value, where)
    if row.about.choices and value not in row.about.choices:
        raise ConfigFault(
            f"{where} is one of {', '.join(row.about.choices)}{_instead(row, given)}."
        )
    return value


def shown(row: Row, value: object) -> str:
    """Return a value as `almoner config` prints it: secrets masked, nothing for None."""
    if value is None:
        return ""
    if row.about.secret:
        return MASK
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(str(item) for item in value)
    return str(value)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence: `; did you mean X?` for what is most like `name`, or a stop."""
    bare = {item.removeprefix(PREFIX): item for item in known}
    found = difflib.get_close_matches(name.removeprefix(PREFIX), list(bare), n=1, cutoff=0.5)
    return f"; did you mean {bare[found[0]]}?" if found else "."


def _plain_type(hint: object) -> tuple[type, bool]:
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    plain = [option for option in options if option is not types.NoneType]
    kind = typing.get_origin(plain[0]) or plain[0]
    assert isinstance(kind, type)
    return kind, len(options) > len(plain)


def _from_text(row: Row, text: str, where: str) -> object:
    if text == "" and row.optional:
        return None
    if row.kind is bool:
        lowered = text.strip().lower()
        if lowered in _TRUE or lowered in _FALSE:
            return lowered in _TRUE
    elif row.kind is int:
        digits = text.strip().replace("_", "")
        if digits.isascii() and digits.isdecimal() and len(digits) < 20:  # noqa: PLR2004 - 64 bits
            return int(digits)
    elif row.kind is tuple:
        return tuple(item for item in (part.strip() for part in text.split(",")) if item)
    elif row.kind is Path:
        if not text.strip():
            raise ConfigFault(f"{where} is empty: give a path, or leave it out.")
        return Path(text)
    elif "\x00" in text:
        raise ConfigFault(f"{where} holds a character that no value can have.")
    return text


def _fits(row: Row, value: object) -> bool:
    if row.kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if row.kind is tuple:
        return isinstance(value, tuple) and all(isinstance(item, str) for item in value)
    return isinstance(value, row.kind)


def _wanted(row: Row) -> str:
    names = {bool: "true or false", int: "a whole number", Path: "a path", tuple: "a list of texts"}
    return names.get(row.kind, "a text")


def _instead(row: Row, given: object) -> str:
    return "" if row.about.secret else f", not {given!r}"


def _check_bounds(row: Row, value: int, where: str) -> None:
    low, high = row.about.at_least, row.about.at_most
    if low is not None and value < low:
        raise ConfigFault(f"{where} is at least {low}, not {value}.")
    if high is not None and value > high:
        raise ConfigFault(f"{where} is at most {high}, not {value}.")
