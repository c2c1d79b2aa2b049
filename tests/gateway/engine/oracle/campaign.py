"""Thousands of cases, drawn by Hypothesis: what they came to, and the first that differed."""

import asyncio
import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from graphql import GraphQLError, parse, validate
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.gateway.engine.oracle.cases import Drawn, Seeds, seeds
from tests.gateway.engine.oracle.documents import Shapes
from tests.gateway.engine.oracle.executors import Case, Oracle, Verdict, parsed, sweep
from tests.gateway.engine.oracle.reducing import reduced


class Different(Exception):
    """A case in which ours is unlike theirs."""

    def __init__(self, drawn: Seeds, case: Case) -> None:
        super().__init__(str(drawn))
        self.seeds = drawn
        self.case = case


@dataclass(slots=True)
class Tally:
    """What cases were made of, and what came of them. used: fields, by type and name."""

    documents: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    used: Counter[tuple[str, str]] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)

    def note(self, drawn: Drawn, verdicts: list[Verdict]) -> None:
        """Count one document, and what came of it."""
        self.documents += 1
        document = drawn.document
        self.counts[document.kind] += 1
        self.counts["with fragments"] += "fragment F" in document.text
        self.counts["with variables"] += bool(document.variables)
        steers = any(name.startswith("skip") for name in document.variables)
        self.counts["steered"] += steers
        for type_name, names in document.used.items():
            self.used.update((type_name, name) for name in names)
        for data, verdict in zip(drawn.data, verdicts, strict=True):
            theirs = verdict.theirs
            self.counts["executions"] += 1
            self.counts["with errors"] += bool(theirs.errors)
            self.counts["with several errors"] += len(theirs.errors) > 1
            self.counts["refused"] += theirs.refused
            self.counts["without data"] += theirs.data == b"null"
            self.counts["odd"] += data.odd > 0
            self.counts["wrong"] += data.wrong > 0
            self.counts["as the schema says"] += not data.odd and not data.wrong
            self.messages.update(one.message[:40] for one in theirs.errors)

    def share(self, name: str) -> float:
        """Return how many of a hundred executions, or documents, something is true of."""
        of_executions = name in _OF_EXECUTIONS
        whole = self.counts["executions"] if of_executions else self.documents
        return 100 * self.counts[name] / whole

    def __str__(self) -> str:
        """Return all shares in one line."""
        names = sorted(name for name in self.counts if name != "executions")
        shares = ", ".join(f"{name} {self.share(name):.0f} %" for name in names)
        return f"{self.documents} documents, {self.counts['executions']} executions: {shares}"


_OF_EXECUTIONS = frozenset(
    (
        "with errors",
        "with several errors",
        "refused",
        "without data",
        "odd",
        "wrong",
        "as the schema says",
    )
)


SWEPT_EACH = 200


def run_campaign(shapes: Shapes, oracle: Oracle, *, documents: int, seed_of_all: int) -> Tally:
    """Compare so many documents; raises Different with the simplest case that differs."""
    tally = Tally()
    with _frozen(), asyncio.Runner() as runner:

        @seed(seed_of_all)
        @settings(
            max_examples=documents,
            database=None,
            deadline=None,
            derandomize=False,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @given(seeds())
        def compare(drawn_seeds: Seeds) -> None:
            drawn = drawn_seeds.draw(shapes)
            verdicts = []
            for case in drawn.cases:
                verdict = runner.run(oracle.both(case))
                if verdict.found:
                    raise Different(drawn_seeds, case)
                verdicts.append(verdict)
            tally.note(drawn, verdicts)
            if tally.documents % SWEPT_EACH == 0:
                sweep()

        compare()
    return tally


@contextmanager
def _frozen() -> Iterator[None]:
    """Keep the collector from walking the schema, thousands of fields, again and again."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def compare_case(shapes: Shapes, oracle: Oracle, text: str) -> None:
    """Compare one case, spelled as a failing run prints it; raises Different."""
    drawn_seeds = Seeds.of(text)
    for case in drawn_seeds.draw(shapes).cases:
        if asyncio.run(oracle.both(case)).found:
            raise Different(drawn_seeds, case)


async def told_of(oracle: Oracle, different: Different) -> str:
    """Return all that helps to find out why a case differs, its document made small."""
    case = different.case

    async def shows(text: str) -> bool:
        try:
            if validate(oracle.schema, parse(text)):
                return False
            again = replace(case, text=text, operation=parsed(text, case.operation.name))
            return bool((await oracle.both(again)).found)
        except GraphQLError:
            return False

    text = await reduced(case.operation.document, shows)
    again = replace(case, text=text, operation=parsed(text, case.operation.name))
    verdict = await oracle.both(again)
    named: dict[str, Any] = {
        name: value for name, value in case.variables.items() if f"${name}" in text
    }
    return "\n".join(
        (
            "ours is unlike graphql-core's:",
            *(f"  {one}" for one in verdict.found),
            text,
            f"variables {named}",
            f"ours   {verdict.ours.data.decode()}",
            *(f"       {one}" for one in verdict.ours.errors),
            f"theirs {verdict.theirs.data.decode()}",
            *(f"       {one}" for one in verdict.theirs.errors),
            f"again: --oracle-case {different.seeds}",
        )
    )
