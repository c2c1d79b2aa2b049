"""The table of what each server does, as lines of text, and as rows for programs."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from conformance.verdicts import Outcome, Verdict

CELL_CHARACTERS_MAX = 48

Verdicts = Mapping[str, Sequence[Verdict]]
"""The verdicts on each server, by its address; all in the same order of facts."""


def rows(verdicts: Verdicts) -> list[Mapping[str, object]]:
    """Return every verdict as JSON has it."""
    return [one.row(server) for server, given in verdicts.items() for one in given]


def table(verdicts: Verdicts) -> Iterator[str]:
    """Give the table's lines: a fact each, then what differs, or was not asked, and why."""
    several = len(verdicts) > 1
    if several:
        yield from (f"{place}: {server}" for place, server in enumerate(verdicts, 1))
    places = [f" {place}" if several else "" for place in range(1, len(verdicts) + 1)]
    heading = ["FACT", "", "EXPECTED", *(f"{w}{p}" for p in places for w in ("VERDICT", "GOT"))]
    lines = [_cells(of_fact) for of_fact in zip(*verdicts.values(), strict=True)]
    widths = [max(len(line[i]) for line in [heading, *lines]) for i in range(len(heading))]
    for line in [heading, *lines]:
        yield "  ".join(
            cell.ljust(width) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
    for place, (server, given) in zip(places, verdicts.items(), strict=True):
        yield ""
        yield f"{server}: {_counts(given)}" if not several else f"{place.strip()}: {_counts(given)}"
        yield from _reasons(given)


def deviates(verdicts: Verdicts) -> bool:
    """Say whether any server does otherwise than a fact that is judged."""
    return any(one.outcome is Outcome.DIFFERS for given in verdicts.values() for one in given)


def _cells(of_fact: Sequence[Verdict]) -> list[str]:
    fact = of_fact[0].fact
    expected = next((one.expected for one in of_fact if one.expected), "-")
    answers = [cell for one in of_fact for cell in (one.outcome.value, _cut(one.got or "-"))]
    return [fact.id, fact.confidence.value, _cut(expected), *answers]


def _cut(text: str) -> str:
    return text if len(text) <= CELL_CHARACTERS_MAX else f"{text[: CELL_CHARACTERS_MAX - 1]}…"


def _reasons(given: Sequence[Verdict]) -> Iterator[str]:
    """Give what differs and why what was not asked was not; facts of the same reasons together."""
    alike: dict[tuple[Outcome, Sequence[str]], list[str]] = {}
    for one in given:
        if one.why:
            alike.setdefault((one.outcome, tuple(one.why)), []).append(one.fact.id)
    for outcome in (Outcome.DIFFERS, Outcome.NOT_ASKED):
        for (found, reasons), ids in alike.items():
            if found is outcome:
                yield f"  {outcome}: {', '.join(ids)}"
                yield from (f"      {why}" for why in reasons)


def _counts(given: Sequence[Verdict]) -> str:
    counts = Counter(one.outcome for one in given)
    each = ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome if counts[outcome])
    return f"{len(given)} facts: {each}"
