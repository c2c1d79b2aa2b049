"""The facts themselves: each file is one, whole, and of a kind that can be asked."""

import json
from pathlib import Path

import pytest

from conformance.facts import FOLDER, SUBJECTS, Fact, load_facts

FACTS = load_facts()


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.id)
def test_a_fact_is_asked_in_one_way(fact: Fact) -> None:
    """A fact is an exchange, a conversation, a scalar or unaskable; it has words and a source."""
    exchange = fact.request is not None and fact.answer is not None
    conversation = fact.handshake is not None and bool(fact.steps)
    scalar = fact.scalar is not None and bool(fact.accepted) and bool(fact.refused)
    assert [exchange, conversation, scalar, fact.unaskable is not None].count(True) == 1
    assert (fact.request is None) == (fact.answer is None)
    assert fact.says.endswith(".")
    assert fact.source
    for step in fact.steps:
        given = [step.send is not None, step.send_text is not None, step.expect is not None]
        assert [*given, step.trigger, step.closed].count(True) == 1


def test_every_file_is_a_fact() -> None:
    """No file lies where no fact is read from, and no two say the same."""
    files = {f"{file.parent.name}/{file.stem}" for file in FOLDER.rglob("*.*")}
    assert files == {fact.id for fact in FACTS}
    assert {fact.subject for fact in FACTS} == set(SUBJECTS)
    assert len({fact.says for fact in FACTS}) == len(FACTS)


def test_every_scalar_of_appsync_is_a_fact() -> None:
    """The nine scalars of AppSync's page are all there."""
    names = "Date Time DateTime Timestamp Email JSON Phone URL IPAddress".split()
    assert sorted(fact.scalar for fact in FACTS if fact.scalar) == sorted(f"AWS{n}" for n in names)


def test_facts_are_chosen_by_how_their_names_begin() -> None:
    """`only` takes subjects and single facts, and keeps the order in which they are asked."""
    chosen = load_facts(["realtime/data", "answers/em"])
    assert [fact.id for fact in chosen] == [
        "answers/empty_body",
        "answers/empty_list",
        "answers/empty_object",
        "realtime/data",
    ]
    assert load_facts(["nothing"]) == []


def test_no_fact_holds_a_credential() -> None:
    """Credentials are named by kind; none is written into a file."""
    for file in FOLDER.rglob("*.json"):
        text = json.dumps(json.loads(file.read_text("utf-8")))
        assert "da2-" not in text
        assert "eyJ" not in text


def test_the_page_shows_every_fact() -> None:
    """The table of docs/conformance.md has each fact in its order, and says how many there are."""
    page = (Path(__file__).parent.parent.parent / "docs" / "conformance.md").read_text("utf-8")
    table = page.rpartition("```text\n")[2].partition("\n\n")[0].splitlines()[1:]
    assert [line.split()[0] for line in table] == [fact.id for fact in FACTS]
    assert f"the same {len(FACTS)} facts" in page
