"""Live subscriptions in the campaign: everybody listens, and each frame is judged as answers are.

Each turn another part of all who may ask listens to all there is, in every agency at once, while
things are changed and sign-ins end. Some come back with a cursor of another agency.
"""

import asyncio
import json
import random
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from graphql import GraphQLSchema

from domain.agencies import Agency
from gateway.events.port import read_cursor
from resolvers.subscriptions import TOPICS
from tests.isolation.canaries import EVERYBODYS
from tests.isolation.documents import told_in_full
from tests.isolation.gateway_run import Running
from tests.isolation.people import AGENCIES, NOWHERE, REFUSED, ROLES, Session
from tests.isolation.planting import ENDING
from tests.isolation.surfaces import Finding
from tests.isolation.world import World

EARS_ONE_IN = 3
"""How many of all who may ask listen in one turn."""
FOREIGN_CURSOR_ONE_IN = 4
CURSORS_KEPT = 40
PATIENCE_SECONDS = 20.0


@dataclass(slots=True, eq=False)
class Ear:
    """One subscription. ended_at: the number of the last event that it may still be told of."""

    role: str
    slug: str
    topic: str
    session: Session
    refused: bool
    left: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    status: int = 0
    text: str = ""
    ended_at: int | None = None

    def __str__(self) -> str:
        """Return who listens to what."""
        return f"{self.role} of {self.slug} ({self.topic})"


@dataclass(slots=True)
class Listening:
    """All subscriptions of a run. heard: by topic and role, how many frames with data."""

    world: World
    running: Running
    schema: GraphQLSchema
    seed: int
    findings: list[Finding] = field(default_factory=list)
    heard: Counter[tuple[str, str]] = field(default_factory=Counter)
    _ears: list[Ear] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _waiting: deque[tuple[str, str]] = field(default_factory=deque)
    _lines: dict[str, str] = field(default_factory=dict)
    _cursors: dict[str, deque[str]] = field(default_factory=dict)
    _turn: int = 0

    async def begin(self) -> None:
        """Have the next part of all who may ask listen; return once each has its answer."""
        self._turn += 1
        chance = random.Random(f"{self.seed} listening {self._turn}")
        for slug, house in self.world.houses.items():
            self._lines[slug], _ = await self._place(house.agency)
        for role, topic in self._next(chance):
            agencies = AGENCIES[:1] if role in NOWHERE else AGENCIES
            for slug in agencies:
                self._open(role, slug, topic, chance)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*(ear.begun.wait() for ear in self._ears))
        for ear in self._ears:
            if ear.refused and ear.status == HTTPStatus.OK:
                self._found(ear, "a stream, and not a refusal")

    async def things_changed(self) -> None:
        """Note after which event whose sign-in or agency has ended may be told of nothing more."""
        for slug, house in self.world.houses.items():
            _, number = await self._place(house.agency)
            for ear in self._ears:
                closed = house.suspended and ear.session.agency is not None
                if ear.slug == slug and (closed or ear.role == ENDING):
                    ear.ended_at = number

    async def end(self) -> list[Finding]:
        """Let all have been told what there is, and leave; return what was found."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self._is_telling():  # noqa: ASYNC110 -- told by nobody
                await asyncio.sleep(0.005)
        for ear in self._ears:
            ear.left.set()
        await asyncio.gather(*self._tasks)
        for ear in self._ears:
            self._judge(ear)
        self._ears.clear()
        self._tasks.clear()
        found, self.findings = self.findings, []
        return found

    def _next(self, chance: random.Random) -> Iterator[tuple[str, str]]:
        """Yield who listens to what in this turn: everybody has their turn before anybody again."""
        pairs = [(role, topic) for role in ROLES for topic in TOPICS]
        for _ in range(len(pairs) // EARS_ONE_IN):
            if not self._waiting:
                self._waiting.extend(chance.sample(pairs, len(pairs)))
            yield self._waiting.popleft()

    def _open(self, role: str, slug: str, topic: str, chance: random.Random) -> None:
        session, house = self.world.session(role, slug), self.world.houses[slug]
        closed = house.suspended and session.agency is not None
        refused = role in REFUSED or role in NOWHERE or session.refused or closed
        ear = Ear(role, slug, topic, session, refused=refused)
        asked: dict[str, Any] = {"query": told_in_full(self.schema, topic)}
        others = [one for one in AGENCIES if one != slug and self._cursors.get(one)]
        if others and chance.randrange(FOREIGN_CURSOR_ONE_IN) == 0:
            cursor = chance.choice(self._cursors[chance.choice(others)])
            asked["extensions"] = {"cursor": cursor}
        self._ears.append(ear)
        self._tasks.append(asyncio.create_task(self._hear(ear, json.dumps(asked).encode())))

    async def _hear(self, ear: Ear, body: bytes) -> None:
        def heard(message: dict[str, Any]) -> None:
            ear.status = message.get("status", ear.status)
            ear.text += message.get("body", b"").decode()
            if ear.text:  # registered by the first comment, or refused
                ear.begun.set()

        accept = (b"accept", b"text/event-stream")
        headers = (accept, *ear.session.headers)
        try:
            await self.running.listen(body, headers, heard, ear.left)
        finally:
            ear.begun.set()

    def _is_telling(self) -> bool:
        """Say whether anybody is still to be told of something that has happened."""
        hub: Any = self.running.app.live._hub  # type: ignore[attr-defined]  # who tells
        channels = hub._channels.values()
        told = [one for channel in channels for one in channel._subscriptions()]
        return any(one._waiting or one._task is not None for one in told)

    async def _place(self, agency: Agency) -> tuple[str, int]:
        """Return the name of an agency's line of events, and the number of its last."""
        async with self.running.events.listen(agency) as deliveries:
            found = read_cursor(deliveries.cursor)
        assert found is not None
        line, place = found
        return line, place.number

    def _judge(self, ear: Ear) -> None:
        """Judge all that came out for a subscriber."""
        canaries = self.world.canaries
        for secret in ear.session.secrets:
            if secret in ear.text:
                self._found(ear, "its own credential")
        for text in _frames(ear.text):
            payload = json.loads(text)
            for canary in canaries.found_in(json.dumps(payload.get("errors"))):
                self._found(ear, f"in an error, {canary}")
            for canary in canaries.found_in(text):
                own = canary.agency in (ear.session.agency, EVERYBODYS)
                if not own or ear.role not in canary.may:
                    self._found(ear, str(canary))
            self._judge_place(ear, payload)
            if payload.get("data"):
                self.heard[ear.topic, ear.role] += 1

    def _judge_place(self, ear: Ear, payload: dict[str, Any]) -> None:
        """Judge where an event comes from, and when it came."""
        cursor = (payload.get("extensions") or {}).get("cursor")
        if cursor is None:
            return
        found = read_cursor(cursor)
        assert found is not None
        line, place = found
        if line != self._lines[ear.slug]:
            self._found(ear, "an event that is not of its agency")
        if ear.ended_at is not None and place.number > ear.ended_at:
            self._found(ear, "an event after its sign-in or its agency had ended")
        self._cursors.setdefault(ear.slug, deque(maxlen=CURSORS_KEPT)).append(cursor)

    def _found(self, ear: Ear, what: str) -> None:
        self.findings.append(Finding("frame", f"{ear} got {what}"))


def _frames(text: str) -> Sequence[str]:
    """Return the data of the events of a stream; a refusal is one by itself."""
    if text.startswith("{"):
        return (text,)
    lines = (line.removeprefix("data: ") for line in text.splitlines() if line[:6] == "data: ")
    return [line for line in lines if line]
