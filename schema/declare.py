"""How types and fields are declared: as Strawberry's, each with its access rule.

Types are declarations alone. Resolvers return records of the domain, whose attributes are read; no
instance of a Strawberry output type is ever made.
"""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, TypeVar, get_args

import strawberry

from resolvers.context import RequestContext
from schema.fetch import FETCH, Attribute
from schema.gates import Owner
from schema.rules import Rule, directives_of

Info = strawberry.Info[RequestContext, None]
T = TypeVar("T", bound=type)

RULE = "rule"
"""The name under which a field's rule lies in its metadata."""
PERSONAL = "personal"
"""The name under which a field's metadata says whether a consumer is told of by it."""


def object_type(
    *,
    rule: Rule | None,
    record: type | None = None,
    about: Owner | None = None,
    durable: bool = False,
) -> Callable[[T], T]:
    """Declare an object type whose fields have `rule`, unless they have one of their own.

    rule: None for a root type, whose fields all have their own. record: the class of the values
    that are of this type, which is what tells nodes apart. about: whose data such a record is;
    every read of its fields is audited then. durable: before the answer leaves.
    """

    def declare(cls: T) -> T:
        declared: Any = strawberry.type(
            cls,
            description=_description(cls),
            directives=[] if rule is None else directives_of(rule),
        )
        declared.rule_of_type = rule
        declared.record_of_type = record
        declared.about_of_type = about
        declared.durable_type = durable
        return declared  # type: ignore[no-any-return]  # it is the class that was given

    return declare


def input_type(plain_type: type) -> Callable[[T], T]:
    """Declare an input type that turns into `plain_type`, whose fields are called the same."""

    def declare(cls: T) -> T:
        declared: Any = strawberry.input(cls, description=_description(cls))
        names, plain_names = ({item.name for item in fields(one)} for one in (declared, plain_type))
        if names != plain_names:
            raise TypeError(f"{cls.__name__} and its plain input differ: {names ^ plain_names}")
        declared.plain_type = plain_type
        return declared  # type: ignore[no-any-return]  # it is the class that was given

    return declare


def field(
    resolver: Callable[..., Any] | None = None,
    graphql_type: Any = None,
    *,
    rule: Rule | None = None,
    personal: bool = True,
    name: str | None = None,
    description: str | None = None,
    fetch: Attribute | Callable[..., Awaitable[Sequence[Any]]] | None = None,
) -> Any:
    """Declare a field; without a resolver it reads the attribute of its name.

    personal: of a record about a consumer it tells more than that the record is there. fetch: how
    its value is had otherwise than by the resolver, by whoever can do better.
    """
    declared: Any = strawberry.field  # its overloads have no word for "a resolver or none"
    metadata: dict[str, object] = {PERSONAL: personal, FETCH: fetch}
    if rule is not None:
        metadata[RULE] = rule
    return declared(
        resolver=resolver,
        graphql_type=graphql_type,
        name=name,
        description=description,
        metadata=metadata,
        directives=[] if rule is None else directives_of(rule),
    )


def reads(path: str, graphql_type: Any, *, description: str | None = None) -> Any:
    """Declare a field that reads another attribute than that of its name, dots included.

    The empty path is the object itself.
    """
    read = attrgetter(path) if path else _itself

    def resolve(root: Any) -> Any:
        return read(root)

    return field(resolve, graphql_type, description=description, fetch=Attribute(path))


def batched(
    resolver: Callable[..., Awaitable[Sequence[Any]]],
    graphql_type: Any,
    *,
    rule: Rule | None = None,
    description: str | None = None,
) -> Any:
    """Declare a field that is fetched for all objects of a level at once.

    resolver: takes those objects, `info` and the arguments, and returns one result each, in their
    order; one that is an exception is that object's alone. graphql-core, which asks for one object
    after the other, is answered from one call too.
    """
    return field(
        one_by_one(resolver), graphql_type, rule=rule, description=description, fetch=resolver
    )


def one_by_one(resolver: Callable[..., Awaitable[Sequence[Any]]]) -> Callable[..., Any]:
    """Return a resolver of one object that gathers with its like in the request."""
    parents, *others = inspect.signature(resolver).parameters.values()

    async def resolve(root: Any, info: Info, **arguments: Any) -> Any:
        return await info.context.loaders.gathered(resolver, root, info, arguments)

    annotations = dict(resolver.__annotations__)
    (item,) = get_args(annotations.pop(parents.name))
    resolve.__annotations__ = {**annotations, "root": item}
    resolve.__module__ = resolver.__module__
    resolve.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # what Strawberry reads
        [parents.replace(name="root", annotation=item), *others]
    )
    return resolve


def _itself(root: Any) -> Any:
    return root


def _description(cls: type) -> str | None:
    """Return the class's docstring as one paragraph a paragraph."""
    paragraphs = inspect.cleandoc(cls.__doc__ or "").split("\n\n")
    return "\n".join(" ".join(one.split()) for one in paragraphs) or None
