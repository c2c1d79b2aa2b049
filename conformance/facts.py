"""The facts: one file each under `facts/`, in folders by subject, read into values.

A fact is either an exchange over HTTP (`request`, `answer`), a conversation over the realtime
socket (`handshake`, `steps`), the values of a scalar (`scalar`, `accepted`, `refused`), or
`unaskable`: known, and nothing that a client can bring about. docs/conformance.md has its language.
"""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import msgspec

FOLDER = Path(__file__).parent / "facts"
# In this order; the frames that a fragile server may not survive come last.
SUBJECTS = (
    "answers",
    "headers",
    "authorization",
    "clients",
    "scalars",
    "realtime",
    "frames",
)


class Confidence(StrEnum):
    """How a fact is known. What is second-hand or not verified is noted, and never judged."""

    DOCUMENTED = "D"
    WIRE = "W"  # a capture of the real service, quoted in public
    CODE = "C"  # read in the code of a client, which demands it
    SECOND_HAND = "S"
    UNVERIFIED = "U"

    @property
    def is_judged(self) -> bool:
        """Say whether a server that does otherwise deviates."""
        return self not in (Confidence.SECOND_HAND, Confidence.UNVERIFIED)


CredentialKind = Literal[
    "good",
    "none",
    "key",
    "token",
    "bearer",
    "wrong_key",
    "wrong_token",
    "both",
    "signature",
    "other",
]


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is sent. members: of the JSON body, or of the query string of a GET.

    body: sent as it stands. body_bytes: as many of them, whatever they are. beside: another path.
    """

    members: dict[str, Any] | None = None
    body: str | None = None
    body_bytes: int | None = None
    method: Literal["POST", "GET", "OPTIONS"] = "POST"
    beside: str | None = None
    headers: dict[str, str] = {}
    credential: CredentialKind = "good"


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to come back: a status, or one of several; patterns of headers and of the body."""

    status: int | list[int]
    headers: dict[str, str] = {}
    body: Any = msgspec.UNSET


HandshakeKind = Literal["query", "subprotocol", "headers"]


class Handshake(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a socket is opened: where the credential is, and which. by: None where any will do."""

    by: HandshakeKind | None = None
    credential: CredentialKind = "good"


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step of a conversation; exactly one member is given, and `seconds` beside `expect`.

    send: a frame. send_text: what is no frame. expect: a pattern of the next frame; keep-alives and
    others' data are passed over. trigger: the mutation is run. closed: the server hangs up.
    """

    send: dict[str, Any] | None = None
    send_text: str | None = None
    expect: dict[str, Any] | None = None
    seconds: float | None = None
    trigger: bool = False
    closed: bool = False


class Fact(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One fact of the wire. id: its file's folder and name. says: it, in one sentence."""

    id: str = ""
    says: str
    source: str
    confidence: Confidence
    request: Request | None = None
    answer: Answer | None = None
    handshake: Handshake | None = None
    steps: list[Step] = []
    scalar: str | None = None
    accepted: list[Any] = []
    refused: list[Any] = []
    unaskable: str | None = None

    @property
    def subject(self) -> str:
        """Return the folder that it is in."""
        return self.id.partition("/")[0]


def load_facts(only: Sequence[str] = ()) -> list[Fact]:
    """Return the facts in the order they are asked; `only`: those whose ids begin with one."""
    found = [
        _read(file, f"{subject}/{file.stem}")
        for subject in SUBJECTS
        for file in sorted((FOLDER / subject).glob("*.json"))
    ]
    return [fact for fact in found if not only or fact.id.startswith(tuple(only))]


def _read(file: Path, id_: str) -> Fact:
    fact = msgspec.json.decode(file.read_bytes(), type=Fact)
    return msgspec.structs.replace(fact, id=id_)
