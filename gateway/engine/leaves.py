"""How leaves are written: which values go out as they are, and what is done with the others."""

import enum
import math
from collections.abc import Callable
from functools import lru_cache
from inspect import iscoroutine
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLString,
    Undefined,
)
from graphql.pyutils import is_awaitable

LEAVES_KEPT_MAX = 256
_INT_CHECK = "{v}.__class__ is not int or not -2147483648 <= {v} <= 2147483647"
FAST_CHECKS: dict[object, str] = {
    GraphQLString: "{v}.__class__ is not str",
    GraphQLID: "{v}.__class__ is not str",
    GraphQLInt: _INT_CHECK,
    GraphQLBoolean: "{v} is not True and {v} is not False",
    GraphQLFloat: "{v}.__class__ is not float or {v} - {v} != 0.0",
}
"""When a value needs a closer look; all others go out as they are."""


class Abnormal(Exception):
    """A value is not as its type says."""


def leaf_writer(leaf: GraphQLLeafType) -> Callable[[Any], Any]:
    """Return how a value other than null is written; it raises where it cannot be.

    The checks are those of graphql-core's completion, but that it awaits what can be awaited: the
    value, and what a scalar that takes its time gives for it.
    """
    coerce = leaf.coerce_output_value

    def write(value: Any) -> Any:
        if isinstance(value, Exception):
            raise value
        if value is Undefined or is_awaitable(value):
            raise Abnormal
        coerced = coerce(value)
        if coerced.__class__ is str:
            return coerced
        if coerced is None or coerced is Undefined:
            raise Abnormal
        if is_awaitable(coerced):
            if iscoroutine(coerced):  # another one will be awaited
                coerced.close()
            raise Abnormal
        return coerced

    return write


@lru_cache(LEAVES_KEPT_MAX)
def names_of_members(leaf: GraphQLLeafType) -> tuple[type, dict[str, str]] | None:
    """Return the class of an enum's members, and what each is called, by the text of its value.

    None for other types. The text is looked up because a member's own hash is made in Python.
    """
    if not isinstance(leaf, GraphQLEnumType):
        return None
    cls = getattr(leaf, "wrapped_cls", None)
    if not (isinstance(cls, type) and issubclass(cls, enum.Enum)):
        return None
    if not all(isinstance(member.value, str) for member in cls):
        return None
    return cls, {member.value: leaf.coerce_output_value(member) for member in cls}


assert math.inf - math.inf != 0.0  # what the check of Float relies on  # nosec B101
