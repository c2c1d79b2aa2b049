"""Draws arguments and variables: of every kind of input, literal, in a variable or in between."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    Undefined,
    is_list_type,
    is_non_null_type,
    is_required_argument,
    is_required_input_field,
)

from tests.gateway.engine.oracle.draws import Draws

_DEEP = 3
_TEXTS = ("", "a", "ü☃", 'q\\"\\n', "RED")
_INTS = (0, 1, -1, 2_147_483_647, -2_147_483_648)
_FLOATS = ("0.0", "1", "-2.5", "1e300")

_VALUES: dict[str, tuple[Any, ...]] = {
    "Int": (0, 1, -1, 2_147_483_647, 7.0),
    "Float": (0.5, 1, -2, 1e300, 9_007_199_254_740_991),
    "String": ("", "a", "ü☃", 'q"\n'),
    "Boolean": (False, True),
    "ID": ("id", 12, "", 3.0),
    "Odd": (1, 3, -1),
    "Any": (1, "a", [1, {"a": None}], {"a": 1}, True),
}
_WRONG: dict[str, tuple[Any, ...]] = {
    "Int": ("1", 1.5, True, 2_147_483_648, 1e100, float("nan"), [], {}),
    "Float": ("1", True, float("nan"), float("inf"), 2**1100, 9_007_199_254_740_993, {}),
    "String": (1, True, ["a"], {}),
    "Boolean": (1, "true", 0, []),
    "ID": (True, 1.5, {}, float("inf")),
    "Odd": (2, "told", "undefined", {"a": 1}),
    "Any": ({"a": float("nan")},),
}


@dataclass(slots=True)
class Variable:
    """A variable of a document. type: as the document spells it. default: its literal, or None."""

    name: str
    input_type: GraphQLInputType
    type: str
    default: str | None

    @property
    def definition(self) -> str:
        """Return how the operation declares it."""
        return f"${self.name}: {self.type}" + (f" = {self.default}" if self.default else "")


@dataclass(slots=True)
class Inputs:
    """Draws the inputs of one document, and remembers the variables that it came to use."""

    draws: Draws
    variables: dict[str, Variable] = field(default_factory=dict)

    def arguments(self, definitions: dict[str, GraphQLArgument]) -> str:
        """Return arguments as a document spells them, with their brackets; empty for none."""
        given = [
            f"{name}: {self.value(definition.type, has_default=_has_default(definition))}"
            for name, definition in definitions.items()
            if is_required_argument(definition) or self.draws.chance(45)
        ]
        return f"({', '.join(given)})" if given else ""

    def condition(self) -> str:
        """Return what steers @skip or @include."""
        literal = self.draws.pick(("true", "false", None, None))
        return self._steering() if literal is None else literal

    def _steering(self) -> str:
        name = self.draws.pick(("skip1", "skip2", "skip3"))
        if name not in self.variables:
            default = self.draws.pick((None, "true", "false"))
            kind = "Boolean" if default and self.draws.chance(30) else "Boolean!"
            self.variables[name] = Variable(name, GraphQLBoolean, kind, default)
        return f"${name}"

    def value(self, kind: GraphQLInputType, *, has_default: bool = False, depth: int = 0) -> str:
        """Return a value of a type, as a document spells it."""
        if self.draws.chance(25) and not (depth and self.draws.chance(50)):
            return self._variable(kind, has_default=has_default)
        if is_non_null_type(kind):
            return self._given(kind.of_type, depth)
        return "null" if self.draws.chance(12) else self._given(kind, depth)

    def constant(self, kind: GraphQLInputType) -> str:
        """Return a value without variables: a variable's own default."""
        inner = Inputs(self.draws)
        text = inner.value(kind)
        return text if not inner.variables else "null"

    def _given(self, kind: Any, depth: int) -> str:
        draws = self.draws
        if is_list_type(kind):
            if draws.chance(15):  # one stands for a list of one
                item = kind.of_type
                return self._given(item.of_type if is_non_null_type(item) else item, _DEEP)
            count = draws.below(4) if depth < _DEEP else 0
            items = [self.value(kind.of_type, depth=depth + 1) for _ in range(count)]
            return f"[{', '.join(items)}]"
        if isinstance(kind, GraphQLInputObjectType):
            return self._object(kind, depth)
        if isinstance(kind, GraphQLEnumType):
            name: str = draws.pick(tuple(kind.values))
            return name
        literals: dict[str, tuple[str, ...]] = {
            "Int": tuple(map(str, _INTS)),
            "Float": _FLOATS,
            "String": tuple(f'"{text}"' for text in _TEXTS),
            "Boolean": ("false", "true"),
            "ID": ('"id"', "12", '""'),
            "Odd": ("1", "-3"),
            "Any": ("1", '"a"', "[1, {a: 2}]", "RED"),
        }
        return draws.pick(literals[kind.name])

    def _object(self, kind: GraphQLInputObjectType, depth: int) -> str:
        if kind.is_one_of:
            name = self.draws.pick(tuple(kind.fields))
            inner = kind.fields[name].type
            if self.draws.chance(25):
                return f"{{{name}: {self._variable(inner, has_default=False, strict=True)}}}"
            return f"{{{name}: {self._given(inner, depth + 1)}}}"
        parts = [
            f"{name}: {self.value(one.type, has_default=_has_default(one), depth=depth + 1)}"
            for name, one in kind.fields.items()
            if is_required_input_field(one) or (depth < _DEEP and self.draws.chance(30))
        ]
        return f"{{{', '.join(parts)}}}"

    def _variable(self, kind: GraphQLInputType, *, has_default: bool, strict: bool = False) -> str:
        """Return a variable that may stand where a value of the type does."""
        draws = self.draws
        inner: Any = kind.of_type if is_non_null_type(kind) else kind
        default = None
        if not strict and draws.chance(25):
            default = Inputs(draws)._given(inner, _DEEP) if draws.chance(80) else "null"
            default = None if "$" in default else default
        needed = strict or (
            is_non_null_type(kind) and not has_default and default in {None, "null"}
        )
        if needed and default == "null":
            default = None
        spelled = f"{inner}!" if needed or (draws.chance(15) and default != "null") else str(inner)
        name = f"v{len(self.variables)}"
        known = next((v for v in self.variables.values() if v.type == spelled), None)
        if known is not None and known.default == default and draws.chance(60):
            return f"${known.name}"
        self.variables[name] = Variable(name, kind, spelled, default)
        return f"${name}"


def _has_default(definition: GraphQLArgument | GraphQLInputField) -> bool:
    """Say whether a variable that may be null can stand there though null may not."""
    default = definition.default
    if default is None:
        return definition.default_value not in {None, Undefined}
    return default.value is not None or default.literal is not None


def draw_variables(
    draws: Draws, variables: dict[str, Variable], *, wrong_percent: float
) -> dict[str, Any]:
    """Return values to send for the variables, some of them wrong, null or left out."""
    given: dict[str, Any] = {}
    for name, variable in variables.items():
        required = variable.type.endswith("!")
        if draws.chance(wrong_percent if required and variable.default is None else 20):
            continue
        given[name] = _json(draws, variable.input_type, variable.type, wrong_percent, 0)
    return given


def _json(  # noqa: PLR0911 -- one a kind of input
    draws: Draws, kind: Any, spelled: str, wrong_percent: float, depth: int
) -> Any:
    required = spelled.endswith("!")
    kind = kind.of_type if is_non_null_type(kind) else kind
    if draws.chance(wrong_percent if required else 10):
        return None
    if draws.chance(wrong_percent):
        return _wrong(draws, kind)
    if is_list_type(kind):
        if draws.chance(10):
            return _json(draws, kind.of_type, f"{kind.of_type}", wrong_percent, depth)
        inner = kind.of_type
        count = draws.below(3) if depth < _DEEP else 0
        return [_json(draws, inner, str(inner), wrong_percent, depth + 1) for _ in range(count)]
    if isinstance(kind, GraphQLInputObjectType):
        return dict(_fields(draws, kind, wrong_percent, depth + 1))
    if isinstance(kind, GraphQLEnumType):
        return draws.pick(tuple(kind.values))
    return draws.pick(_VALUES[kind.name])


def _fields(
    draws: Draws, kind: GraphQLInputObjectType, wrong_percent: float, depth: int
) -> Iterator[tuple[str, Any]]:
    if kind.is_one_of:
        name = draws.pick(tuple(kind.fields))
        yield name, _json(draws, kind.fields[name].type, "!", wrong_percent, depth)
        if draws.chance(wrong_percent):
            yield draws.pick(tuple(kind.fields)), None
        return
    for name, one in kind.fields.items():
        required = is_required_input_field(one)
        if required or (depth < _DEEP and draws.chance(25)):
            yield name, _json(draws, one.type, str(one.type), wrong_percent, depth)
    if draws.chance(wrong_percent):
        yield "unknown", 1


def _wrong(draws: Draws, kind: Any) -> Any:
    if is_list_type(kind):
        return draws.pick(([None], {"a": 1}, ["wrong", [None]], "wrong"))
    if isinstance(kind, GraphQLInputObjectType):
        return draws.pick(({}, [], 1, {"a": None}, {"b": 1, "a": "x"}, {"a": 1, "c": "PINK"}))
    if isinstance(kind, GraphQLEnumType):
        return draws.pick(("PINK", 1, "", "red", ["RED"], {}))
    return draws.pick(_WRONG[kind.name])
