"""What introspection tells of an unknown schema: what can be subscribed to, where a scalar goes in.

Every document made here selects its field under `@skip(if: true)`: it is validated, arguments and
all, and nothing runs.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_REFERENCE = "kind name"
for _ in range(6):
    _REFERENCE = f"kind name ofType {{ {_REFERENCE} }}"
_INPUT = f"name defaultValue type {{ {_REFERENCE} }}"
INTROSPECTION = (
    "query Conformance { __schema { queryType { name } mutationType { name } "
    "subscriptionType { name } types { kind name enumValues { name } "
    f"inputFields {{ {_INPUT} }} "
    f"fields {{ name type {{ {_REFERENCE} }} args {{ {_INPUT} }} }} }} }} }}"
)
_NESTED_MAX = 4
_SAMPLES: Mapping[str, object] = {
    "Int": 1,
    "Float": 1.5,
    "Boolean": True,
    "AWSDate": "2026-01-15",
    "AWSTime": "09:30:00",
    "AWSDateTime": "2026-01-15T09:30:00Z",
    "AWSTimestamp": 1,
    "AWSEmail": "name@example.com",
    "AWSJSON": "{}",
    "AWSPhone": "+1 415 555 2671",
    "AWSURL": "https://example.com",
    "AWSIPAddress": "203.0.113.7",
}

Put = Callable[[str], str]
"""Takes a literal and returns what it is a part of, as a literal."""


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema as introspection shows it; types by name."""

    root_names: Mapping[str, str]
    types: Mapping[str, Any]

    def subscription(self) -> str | None:
        """Return a document that subscribes to a field which needs no argument, if there is one."""
        for field in self._fields("subscription"):
            if not any(_is_needed(argument) for argument in field["args"]):
                return f"subscription {{ {field['name']}{self._selection(field)} }}"
        return None

    def taking(self, scalar: str) -> Put | None:
        """Return what makes a document of a scalar's literal; None where nothing takes one."""
        for operation in ("query", "mutation"):
            for field in self._fields(operation):
                for argument in field["args"]:
                    put = self._put(argument["type"], scalar, ())
                    if put is not None:
                        return self._document(operation, field, argument["name"], put)
        return None

    def _fields(self, operation: str) -> Iterator[Any]:
        yield from self.types.get(self.root_names.get(operation, ""), {}).get("fields") or ()

    def _document(self, operation: str, field: Any, name: str, put: Put) -> Put:
        others = [
            f"{one['name']}: {self._sample(one['type'])}"
            for one in field["args"]
            if one["name"] != name and _is_needed(one)
        ]

        def document(text: str) -> str:
            arguments = ", ".join([f"{name}: {put(text)}", *others])
            chosen = f"{field['name']}({arguments}) @skip(if: true){self._selection(field)}"
            return f"{operation} {{ {chosen} }}"

        return document

    def _put(self, reference: Any, scalar: str, within: tuple[str, ...]) -> Put | None:
        """Return how a literal of the scalar gets into a value of a type, if it can."""
        named = _named(reference)
        if named["kind"] == "SCALAR":
            return (lambda text: text) if named["name"] == scalar else None
        if named["kind"] != "INPUT_OBJECT" or named["name"] in within:
            return None
        if len(within) == _NESTED_MAX:
            return None
        fields = self.types[named["name"]]["inputFields"]
        for field in fields:
            put = self._put(field["type"], scalar, (*within, named["name"]))
            if put is not None:
                return self._object(fields, field["name"], put)
        return None

    def _object(self, fields: Any, name: str, put: Put) -> Put:
        others = [
            f"{one['name']}: {self._sample(one['type'])}"
            for one in fields
            if one["name"] != name and _is_needed(one)
        ]
        # One item stands for a list of itself, so that lists need no brackets.
        return lambda text: "{" + ", ".join([f"{name}: {put(text)}", *others]) + "}"

    def _sample(self, reference: Any) -> str:
        """Return some literal of a type."""
        named = _named(reference)
        if named["kind"] == "ENUM":
            return str(self.types[named["name"]]["enumValues"][0]["name"])
        if named["kind"] == "INPUT_OBJECT":
            needed = [one for one in self.types[named["name"]]["inputFields"] if _is_needed(one)]
            return "{" + ", ".join(f"{o['name']}: {self._sample(o['type'])}" for o in needed) + "}"
        return literal(_SAMPLES.get(named["name"], "1"))

    def _selection(self, field: Any) -> str:
        leaf = _named(field["type"])["kind"] in ("SCALAR", "ENUM")
        return "" if leaf else " { __typename }"


def read_schema(data: Any) -> Schema:
    """Return the schema that an answer to INTROSPECTION tells of."""
    told = data["__schema"]
    roots = {
        operation: told[f"{operation}Type"]["name"]
        for operation in ("query", "mutation", "subscription")
        if told.get(f"{operation}Type")
    }
    return Schema(roots, {one["name"]: one for one in told["types"]})


def literal(value: object) -> str:
    """Return a JSON value as it is written into a document."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {literal(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(literal(inner) for inner in value) + "]"
    return json.dumps(value)


def _named(reference: Any) -> Any:
    while reference["kind"] in ("NON_NULL", "LIST"):
        reference = reference["ofType"]
    return reference


def _is_needed(one: Any) -> bool:
    return one["type"]["kind"] == "NON_NULL" and one["defaultValue"] is None
