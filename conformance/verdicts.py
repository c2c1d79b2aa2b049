"""What came of asking one server for one fact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from conformance.facts import Fact


class Outcome(StrEnum):
    """In one word. NOTED: what is not known of AppSync for certain is told, and not judged."""

    OK = "ok"
    DIFFERS = "differs"
    NOTED = "noted"
    NOT_ASKED = "not asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was expected and what came, each in a few words, and each place where they differ."""

    expected: str
    got: str
    differences: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A fact, and how a server stands to it. why: the differences, or why it was not asked."""

    fact: Fact
    outcome: Outcome
    expected: str = ""
    got: str = ""
    why: Sequence[str] = ()

    def row(self, server: str) -> Mapping[str, object]:
        """Return it as JSON has it."""
        return {
            "server": server,
            "fact": self.fact.id,
            "says": self.fact.says,
            "confidence": self.fact.confidence.value,
            "source": self.fact.source,
            "verdict": self.outcome.value,
            "expected": self.expected,
            "got": self.got,
            "why": list(self.why),
        }


def judged(fact: Fact, seen: Seen) -> Verdict:
    """Return the verdict on what came."""
    if not fact.confidence.is_judged:
        outcome = Outcome.NOTED
    else:
        outcome = Outcome.DIFFERS if seen.differences else Outcome.OK
    return Verdict(
        fact=fact,
        outcome=outcome,
        expected=seen.expected,
        got=seen.got,
        why=tuple(seen.differences) if outcome is not Outcome.NOTED else (),
    )
