"""How a field's value is had: read off its parent, or fetched for one parent or for many at once.

Declared beside the field (`schema/declare.py`) and put into the schema field's `extensions`
(`schema/build.py`), where an executor finds it. A field without one is resolved as graphql-core
resolves it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FETCH = "fetch"
"""The name under which the way lies in a schema field's extensions."""
TYPE_NAMES = "type-names"
"""Under which an abstract type's extensions name the runtime type of each class of values."""

RECORD = "record"
"""Under which an object type's extensions name the class of the records that are of it, or None."""
AS_IS = "as-is"
"""Under which a scalar's extensions tell the values that need no function to be written."""
Arguments = Mapping[str, Any]
TakeArguments = Callable[[Arguments], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Attribute:
    """Read off the parent, dots included; the empty path is the parent itself.

    Reading has no effect and may be done twice.
    """

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Fetched by a function of one parent.

    function: takes the parent, what it may know of the request, and the arguments by name.
    arguments: from graphql-core's coerced arguments to the function's own; None: they are the same.
    """

    function: Callable[..., Any]
    arguments: TakeArguments | None = None
    is_async: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Fetched by a coroutine function of all parents of a level, which returns one result each.

    The results are in the parents' order; one that is an exception is that parent's alone.
    """

    function: Callable[..., Awaitable[Sequence[Any]]]
    arguments: TakeArguments | None = None


Fetch = Attribute | Call | Batch


@dataclass(frozen=True, slots=True)
class AsIs:
    """Which values of a scalar are written by the encoder just as the scalar's function would.

    check: a Python expression of `{v}`, the value, and of `names`. stored: the class of values that
    lie in stored bodies as they are written; Decimal, where an amount there has two places.
    """

    check: str
    names: Mapping[str, Any]
    stored: type
