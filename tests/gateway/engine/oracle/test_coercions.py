"""What is wrong with a variable is told by plans as graphql-core tells it, for every kind of it."""

from typing import Any

import pytest

from tests.gateway.engine.oracle.coercions import ABSENT, COERCIONS, FIELDS
from tests.gateway.engine.oracle.executors import Case, Oracle, parsed
from tests.gateway.engine.oracle.things import Thing

_BEGINNING = "Variable '$v' has invalid value"


@pytest.mark.parametrize(("kind", "value", "told"), COERCIONS)
async def test_a_variable_is_coerced_or_refused(
    oracle: Oracle, kind: str, value: Any, told: str | tuple[str, ...]
) -> None:
    """Its value reaches the resolver as its type says, or nothing runs and every fault is told."""
    text = f"query ($v: {kind}) {{ {FIELDS[kind]} }}"
    given = {} if value is ABSENT else {"v": value}
    verdict = await oracle.both(Case(text, parsed(text), given, lambda: Thing("root")))

    assert verdict.found == []
    assert verdict.ours.refused is isinstance(told, tuple)
    if isinstance(told, str):
        assert list(verdict.ours.value.values()) == [told]
    else:
        messages = [error.message for error in verdict.ours.errors]
        assert [one.removeprefix(_BEGINNING).removeprefix(": ").strip() for one in messages] == [
            *told
        ]


async def test_faults_are_told_up_to_a_limit(oracle: Oracle) -> None:
    """After so many faults graphql-core stops, and so does a plan."""
    text = "query ($v: [Int!]) { call_lists(n: $v) }"
    verdict = await oracle.both(Case(text, parsed(text), {"v": ["x"] * 90}, lambda: Thing("root")))

    assert verdict.found == []
    assert len(verdict.ours.errors) == 51
    assert "error limit reached" in verdict.ours.errors[-1].message
