"""Enhanced filters: what of a subscription's events its client wants, in AppSync's JSON.

    {"filterGroup": [{"filters": [{"fieldName": "status", "operator": "in",
                                   "value": ["SUBMITTED", "IN_REVIEW"]}]}]}

Groups are alternatives, the filters of a group all have to hold. A filter only narrows. What it
looks at is read through the schema, as the subscriber: `selection` is the text of what to select,
and what the schema refuses there is refused with the filter. Operators and limits are AppSync's;
but where AppSync passes over what it cannot do (a path that is too deep, an unknown field), it is
an error here: nobody would find out why nothing comes, or why everything does.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import msgspec
from graphql import (
    GraphQLOutputType,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
    is_object_type,
    is_required_argument,
)

from domain.errors import FieldFault, InvalidInput

GROUPS_MAX = 10
FILTERS_MAX = 10
FIELDS_MAX = 5
DEPTH_MAX = 5
VALUES_MAX = 5
CONTAINED_VALUES_MAX = 20
CHARACTERS_MAX = 256

Value = str | int | float | bool | None
_Name = Annotated[str, msgspec.Meta(pattern=r"^[_A-Za-z]\w*(\.[_A-Za-z]\w*)*\Z", max_length=256)]


class Filter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One condition on one field, dots between the names of a path."""

    fieldName: _Name  # noqa: N815 -- AppSync's name
    operator: str
    value: Value | list[Value]


class _Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    filters: Annotated[list[Filter], msgspec.Meta(min_length=1, max_length=FILTERS_MAX)]


class FilterGroups(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A filter as a client gives it."""

    filterGroup: Annotated[list[_Group], msgspec.Meta(min_length=1, max_length=GROUPS_MAX)]  # noqa: N815

    def selection(self) -> str:
        """Return the selection set that has all the fields of the filter."""
        tree: dict[str, Any] = {}
        for group in self.filterGroup:
            for one in group.filters:
                inner = tree
                for name in one.fieldName.split("."):
                    inner = inner.setdefault(name, {})
        return _spelled(tree)

    def matches(self, found: Mapping[str, Any]) -> bool:
        """Say whether what was selected passes the filter."""
        return any(all(_holds(one, found) for one in group.filters) for group in self.filterGroup)


def read_filter(given: object, path: str) -> FilterGroups:
    """Return the filter at that path; raises InvalidInput with all that is wrong with it."""
    try:
        groups = msgspec.convert(given, FilterGroups)
    except msgspec.ValidationError as error:
        raise InvalidInput([_fault(path, f"{error}"[:CHARACTERS_MAX])]) from None
    faults = [
        fault
        for number, group in enumerate(groups.filterGroup)
        for fault in _faults(f"{path}.filterGroup.{number}", group.filters)
    ]
    if faults:
        raise InvalidInput(faults)
    return groups


def check_fields(only: FilterGroups, told: GraphQLOutputType, path: str) -> None:
    """Raise InvalidInput where the filter at that path looks at what has no value to compare."""
    faults = [
        _fault(f"{path}.filterGroup.{number}.filters.{place}.fieldName", fault)
        for number, group in enumerate(only.filterGroup)
        for place, one in enumerate(group.filters)
        if (fault := _field_fault(one.fieldName, told)) is not None
    ]
    if faults:
        raise InvalidInput(faults)


def _field_fault(path: str, told: GraphQLOutputType) -> str | None:
    for name in path.split("."):
        if is_list_type(get_nullable_type(told)):
            return f"{name} is of a list of objects, which no filter looks into."
        parent = get_named_type(told)
        field = parent.fields.get(name) if is_object_type(parent) else None
        if field is None:
            return f"{parent.name} has no field {name}."
        if any(is_required_argument(argument) for argument in field.args.values()):
            return f"{name} wants arguments, which no filter can give."
        told = field.type
    return None if is_leaf_type(get_named_type(told)) else f"{name} has fields: name one of them."


def _fault(path: str, message: str) -> FieldFault:
    return FieldFault(path=path, code="INVALID", message=message)


def _faults(path: str, filters: Sequence[Filter]) -> list[FieldFault]:
    faults: list[FieldFault] = []
    if len({one.fieldName for one in filters}) > FIELDS_MAX:
        faults.append(_fault(path, f"A group is about at most {FIELDS_MAX} fields."))
    for number, one in enumerate(filters):
        at = f"{path}.filters.{number}"
        if one.fieldName.count(".") >= DEPTH_MAX:
            faults.append(_fault(f"{at}.fieldName", f"At most {DEPTH_MAX} names in a path."))
        kind = _OPERATORS.get(one.operator)
        if kind is None:
            known = ", ".join(_OPERATORS)
            faults.append(_fault(f"{at}.operator", f"There are the operators {known}."))
        elif (fault := _value_fault(one, kind)) is not None:
            faults.append(_fault(f"{at}.value", fault))
    return faults


def _value_fault(one: Filter, kind: "_Operator") -> str | None:
    """Return what is wrong with a filter's value for its operator."""
    given = one.value
    values = given if isinstance(given, list) else [given]
    if any(isinstance(value, str) and len(value) > CHARACTERS_MAX for value in values):
        return f"A text has at most {CHARACTERS_MAX} characters."
    return None if kind.takes(given) else kind.wants


def _spelled(tree: Mapping[str, Any]) -> str:
    fields = (f"{name} {_spelled(inner)}" if inner else name for name, inner in tree.items())
    return "{ " + " ".join(fields) + " }"


def _holds(one: Filter, found: Any) -> bool:
    for name in one.fieldName.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return _OPERATORS[one.operator].holds(found, one.value)


def _amount(value: Any) -> Any:
    """Return what is to be compared as a number as one: amounts are texts in answers."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return value
    return amount if amount.is_finite() else value


def _equal(found: Any, value: Any) -> bool:
    if isinstance(found, bool) is not isinstance(value, bool):
        return False
    if isinstance(found, str) and isinstance(value, str):
        return found == value
    return bool(_amount(found) == _amount(value))


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def holds(found: Any, value: Any) -> bool:
        if not isinstance(found, str | int | float) or isinstance(found, bool):
            return False
        first, second = _amount(found), _amount(value)
        if isinstance(first, str) is not isinstance(second, str):
            first, second = found, value
        try:
            return compare(first, second)
        except TypeError:  # a text and a number have no order
            return False

    return holds


def _contains(found: Any, value: Any) -> bool:
    if isinstance(found, str):
        return isinstance(value, str) and value in found
    return isinstance(found, list) and any(_equal(one, value) for one in found)


def _is_plain(value: object) -> bool:
    return not isinstance(value, list)


def _is_ordered(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _list_of(most: int) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list) and 1 <= len(value) <= most


def _is_span(value: object) -> bool:
    return isinstance(value, list) and len(value) == _ENDS and all(map(_is_ordered, value))


@dataclass(frozen=True, slots=True)
class _Operator:
    """An operator: whether it holds for what was found and its value, and what value it takes."""

    holds: Callable[[Any, Any], bool]
    takes: Callable[[object], bool] = _is_plain
    wants: str = "One value, not a list."

    def negated(self) -> "_Operator":
        return replace(self, holds=lambda found, value: not self.holds(found, value))


def _order(compare: Callable[[Any, Any], bool]) -> _Operator:
    return _Operator(_ordered(compare), _is_ordered, "A number or a text.")


_ENDS = 2
_EQUAL = _Operator(_equal)
_CONTAINS = _Operator(_contains)
_AT_LEAST, _AT_MOST = _order(operator.ge), _order(operator.le)
_IN = _Operator(
    lambda found, value: any(_equal(found, one) for one in value),
    _list_of(VALUES_MAX),
    f"A list of 1 to {VALUES_MAX} values.",
)
_OPERATORS: Mapping[str, _Operator] = {
    "eq": _EQUAL,
    "ne": _EQUAL.negated(),
    "le": _AT_MOST,
    "lt": _order(operator.lt),
    "ge": _AT_LEAST,
    "gt": _order(operator.gt),
    "contains": _CONTAINS,
    "notContains": _CONTAINS.negated(),
    "beginsWith": _Operator(
        lambda found, value: isinstance(found, str) and found.startswith(value),
        lambda value: isinstance(value, str),
        "A text.",
    ),
    "in": _IN,
    "notIn": _IN.negated(),
    "between": _Operator(
        lambda found, ends: _AT_LEAST.holds(found, ends[0]) and _AT_MOST.holds(found, ends[1]),
        _is_span,
        "A list of the least and the greatest value.",
    ),
    "containsAny": _Operator(
        lambda found, value: any(_contains(found, one) for one in value),
        _list_of(CONTAINED_VALUES_MAX),
        f"A list of 1 to {CONTAINED_VALUES_MAX} values.",
    ),
}
