"""From Strawberry's declarations to how each field's value is had (`schema/fetch.py`)."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import strawberry
from strawberry.relay import GlobalID
from strawberry.scalars import is_scalar
from strawberry.types.arguments import StrawberryArgument, convert_arguments
from strawberry.types.base import StrawberryOptional
from strawberry.types.field import StrawberryField

from schema.fetch import FETCH, Attribute, Batch, Call, Fetch, TakeArguments

_PARENTS = frozenset({"root", "self"})
"""What Strawberry calls the parent in a resolver's parameters."""


def fetch_of(schema: strawberry.Schema, declared: StrawberryField) -> Fetch:
    """Return how the value of a declared field is had."""
    stated: object = declared.metadata.get(FETCH)
    if isinstance(stated, Attribute):
        return stated
    resolver = declared.base_resolver
    if resolver is None:
        return Attribute(declared.python_name)
    arguments = _taking(schema, declared.arguments)
    if callable(stated):
        return Batch(function=stated, arguments=arguments)
    function: Any = resolver.wrapped_func
    taken = inspect.signature(function).parameters
    return Call(
        function=_of_parent(
            function, takes_root=not _PARENTS.isdisjoint(taken), takes_info="info" in taken
        ),
        arguments=arguments,
        is_async=declared.is_async,
    )


def _of_parent(
    function: Callable[..., Any], *, takes_root: bool, takes_info: bool
) -> Callable[..., Any]:
    """Return the function as one of the parent, `info` and the arguments."""

    def of_info(_parent: Any, info: Any, **arguments: Any) -> Any:
        return function(info=info, **arguments)

    def of_root(parent: Any, _info: Any, **arguments: Any) -> Any:
        return function(parent, **arguments)

    def of_neither(_parent: Any, _info: Any, **arguments: Any) -> Any:
        return function(**arguments)

    if takes_root:
        return function if takes_info else of_root
    return of_info if takes_info else of_neither


def _taking(schema: strawberry.Schema, declared: list[StrawberryArgument]) -> TakeArguments | None:
    """Return what turns graphql-core's arguments into the function's, as Strawberry would.

    None where there is nothing to turn.
    """
    if not declared:
        return None
    config, registry = schema.config, schema.schema_converter.scalar_registry
    names = [(config.name_converter.from_argument(one), one.python_name) for one in declared]
    if all(_goes_as_it_is(one.type, registry) for one in declared):
        if all(name == python_name for name, python_name in names):
            return None

        def rename(coerced: Mapping[str, Any]) -> dict[str, Any]:
            return {python_name: coerced[name] for name, python_name in names if name in coerced}

        return rename

    def take(coerced: Mapping[str, Any]) -> dict[str, Any]:
        return convert_arguments(dict(coerced), declared, registry, config)

    return take


def _goes_as_it_is(kind: Any, registry: Mapping[object, Any]) -> bool:
    """Say whether Strawberry hands on what graphql-core coerced: a scalar, or null for it."""
    inner = kind.of_type if kind.__class__ is StrawberryOptional else kind
    return is_scalar(inner, registry) and inner is not GlobalID
