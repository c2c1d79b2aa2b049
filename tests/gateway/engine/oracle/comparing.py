"""When two answers are the same.

Data are compared as the bytes they are sent as, so that 1 is not 1.0 and the order of keys counts.
Errors are compared by path, places in the document and message, in no order. One thing is left to
the executor: when a null has wiped out a part of the answer, how much of what went wrong beneath it
is told. There, `Everything` decides: graphql-core once more, without any wiping out. What is told
beneath a wiped-out position has to be among its errors, none twice, and one at least has to be an
error that reaches the position.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from graphql import GraphQLError

Steps = tuple[str | int, ...]


def _plain(value: Any) -> Any:
    """Return what msgspec does not know and JSON does: a text of a class of its own."""
    if isinstance(value, str):
        return str.__str__(value)
    raise TypeError(f"not JSON: {value!r}")


as_json = msgspec.json.Encoder(enc_hook=_plain).encode
"""Encodes graphql-core's answers."""
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_as_shown = msgspec.json.Encoder(enc_hook=lambda value: _ADDRESS.sub("", repr(value))).encode
# A batch is as large as its executor makes it.
_BATCH = re.compile(r"^\d+ results came back for \d+ objects$")


@dataclass(frozen=True, slots=True)
class Told:
    """One error: path, places and message; cause: the class of what was raised, and extensions."""

    path: Steps | None
    places: tuple[tuple[int, int], ...]
    message: str
    cause: str = ""

    def __str__(self) -> str:
        where = ".".join(map(str, self.path)) if self.path is not None else "-"
        places = " ".join(f"{line}:{column}" for line, column in self.places)
        return f"{where} at {places}: {self.message}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What an executor answered. data: as bytes. refused: it was not begun.

    unsendable: something in the data is not JSON, and stands there as it is shown.
    """

    data: bytes
    errors: tuple[Told, ...]
    refused: bool = False
    unsendable: bool = False

    @property
    def value(self) -> Any:
        """Return the data as values."""
        return msgspec.json.decode(self.data)


@dataclass(slots=True)
class Everything:
    """All errors of an execution without null propagation, and which positions may not be null."""

    errors: tuple[Told, ...]
    strict: dict[Steps, bool] = field(default_factory=dict)


def answer_of(data: Any, errors: Iterable[GraphQLError], encode: Callable[[Any], bytes]) -> Answer:
    """Return an executor's result as it is compared."""
    told = tuple(told_of(error) for error in errors)
    refused = data is None and bool(told) and all(one.path is None for one in told)
    try:
        return Answer(encode(data), told, refused)
    except (NotImplementedError, TypeError):
        return Answer(_as_shown(data), told, refused, unsendable=True)


def told_of(error: GraphQLError) -> Told:
    """Return what of an error is compared."""
    places = tuple((place.line, place.column) for place in error.locations or ())
    path = None if error.path is None else tuple(error.path)
    message = _BATCH.sub("a batch of another size", error.message)
    cause = "" if error.original_error is None else type(error.original_error).__name__
    return Told(path, places, message, f"{cause}{error.extensions or ''}")


def differences(ours: Answer, theirs: Answer, everything: Everything | None) -> list[str]:
    """Return in what ours is unlike theirs; nothing where they are the same.

    everything: may be left out as long as the errors of both are equal.
    """
    found = []
    if ours.data != theirs.data:
        found.append(f"data: ours {ours.data.decode()}\n      not {theirs.data.decode()}")
    if ours.unsendable != theirs.unsendable:
        found.append(f"unsendable: ours {ours.unsendable}, theirs {theirs.unsendable}")
    if ours.refused != theirs.refused:
        found.append(f"refused: ours {ours.refused}, theirs {theirs.refused}")
    if Counter(ours.errors) == Counter(theirs.errors):
        return found
    if everything is None or ours.refused or theirs.refused:
        return found + _unequal(ours.errors, theirs.errors)
    return found + _unlike(ours.errors, theirs.errors, everything, theirs.value)


def _unequal(ours: Sequence[Told], theirs: Sequence[Told]) -> list[str]:
    more, less = Counter(ours) - Counter(theirs), Counter(theirs) - Counter(ours)
    return [f"ours alone: {one}" for one in more] + [f"theirs alone: {one}" for one in less]


def _unlike(
    ours: Sequence[Told], theirs: Sequence[Told], everything: Everything, data: Any
) -> list[str]:
    """Return in what errors differ where there is a choice, and where there is none."""
    found = [f"ours twice: {one}" for one, count in Counter(ours).items() if count > 1]
    our_part, their_part, all_parts = (
        _by_position(errors, data) for errors in (ours, theirs, everything.errors)
    )
    for position in {**our_part, **their_part}:
        own, core = our_part.get(position, []), their_part.get(position, [])
        if Counter(own) == Counter(core):
            continue
        possible = all_parts.get(position, [])
        if all(one.path == position for one in possible):  # its own error alone
            found += _unequal(own, core)
            continue
        found += [f"ours cannot be: {one}" for one in own if one not in possible]
        found += [f"theirs cannot be: {one}" for one in core if one not in possible]
        if not any(_reaches(one, position, everything) for one in own):
            found.append(f"ours does not say why {_spelled(position)} is null: {own} not {core}")
    return found


def _by_position(errors: Iterable[Told], data: Any) -> dict[Steps, list[Told]]:
    """Return errors by the position that is null because of them."""
    parts: dict[Steps, list[Told]] = {}
    for one in errors:
        parts.setdefault(_null_above(one.path or (), data), []).append(one)
    return parts


def _null_above(path: Steps, data: Any) -> Steps:
    """Return the beginning of the path, up to where the data is null."""
    for length, step in enumerate(path):
        if data is None:
            return path[:length]
        inside = isinstance(data, dict) and step in data
        if inside or (isinstance(data, list) and isinstance(step, int) and step < len(data)):
            data = data[step]
        else:
            return path
    return path


def wiped_out(answer: Answer) -> dict[Steps, bool]:
    """Return the positions beneath those that are null because of errors further down."""
    data = answer.value
    paths = [one.path for one in answer.errors if one.path is not None]
    return {
        path[:length]: True
        for path in paths
        for length in range(len(_null_above(path, data)) + 1, len(path) + 1)
    }


def _reaches(one: Told, position: Steps, everything: Everything) -> bool:
    """Say whether null goes up from the error to the position, or the error is the position's."""
    path = one.path or ()
    return all(
        everything.strict.get(path[:length], False)
        for length in range(len(position) + 1, len(path) + 1)
    )


def _spelled(position: Steps) -> str:
    return ".".join(map(str, position)) or "all of the data"
