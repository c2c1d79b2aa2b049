"""The campaign: every operation, by everybody, over everybody's objects, at once and at random.

One draw is one form of an operation, one role and one target; it is asked in all agencies at the
same moment, because what is confused is confused between requests that look alike. The seed alone
decides the order of the draws. Every answer is judged by who may see what was planted.
"""

import asyncio
import itertools
import json
import random
import re
from collections import Counter, deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec
from graphql import GraphQLSchema

from domain.ids import new_ulid
from domain.settings import SETTINGS_ROOT
from tests.isolation.canaries import EVERYBODYS, Canary
from tests.isolation.documents import AFTER, Form, forms, spoilt
from tests.isolation.gateway_run import Answer, Running, in_address
from tests.isolation.listening import Listening
from tests.isolation.people import AGENCIES, NOWHERE, OPERATOR, ROLES, Session
from tests.isolation.planting import (
    ADMIN,
    AGENCY_KEY,
    ANALYST,
    CONSUMER_ROLE,
    COUNSELOR,
    GRANTED,
    KEY,
    MEMBERS,
    OTHER_CONSUMER,
    OTHER_COUNSELOR,
    SHARING_CONSUMER,
)
from tests.isolation.surfaces import Finding, deep_findings, quick_findings
from tests.isolation.targets import QUEUED, SHARED, TARGETS, TWIN
from tests.isolation.world import World
from tests.tenants.record_samples import AT

DRAWS_AT_ONCE = 6
ONE_BY_ONE_IN = 2
BY_GET_ONE_IN = 10
FOREIGN_CURSOR_ONE_IN = 4
CURSORS_KEPT = 40
WRONG_BY = frozenset({CONSUMER_ROLE, COUNSELOR, KEY, OPERATOR, ADMIN})
"""Who sends what is wrongly typed: it is refused before it matters who they are."""

ENDING_REACH = frozenset({"revokeAccess"})
"""What an admin may do without reaching anything, and others then reach less."""

APPROVAL = "approveAccess"
"""What an admin may do, and an operator then reaches more."""

_WITHOUT_REACH = {
    TWIN: frozenset(
        {OTHER_CONSUMER, SHARING_CONSUMER, OTHER_COUNSELOR, ADMIN, ANALYST, AGENCY_KEY}
    ),
    QUEUED: frozenset({CONSUMER_ROLE, SHARING_CONSUMER, ADMIN, ANALYST, AGENCY_KEY}),
}
"""Who may try to change what is planted for good: those who must not succeed."""

_ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
_PLANTED = new_ulid(AT, randomness=0)[:10]  # all that is planted was made at one moment
_CURSOR = re.compile(r'"(?:cursor|startCursor|endCursor)":"([^"]+)"')


@dataclass(frozen=True, slots=True)
class Draw:
    """What one draw asks."""

    form: Form
    role: str
    target: str

    def is_about(self, fields: Collection[str], roles: Collection[str]) -> bool:
        """Say whether it asks for one of these root fields as one of these; none: as any."""
        return self.form.name in fields and (not roles or self.role in roles)


@dataclass(slots=True)
class Score:
    """What a campaign came to."""

    requests: int = 0
    answered: Counter[int] = field(default_factory=Counter)
    sightings: Counter[tuple[str, str]] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    executed: Counter[str] = field(default_factory=Counter)

    def unseen(self, world: World) -> list[tuple[str, Canary]]:
        """Return who has not seen what they have to see: of them the run has proved nothing."""
        return [
            (role, canary)
            for canary in world.canaries
            for role in sorted(canary.must)
            if not self.sightings[role, canary.value]
        ]

    def unexecuted(self, draws: list[Draw]) -> list[str]:
        """Return the forms that nobody got an answer to but that of their being refused."""
        return sorted(
            {str(draw.form) for draw in draws if not draw.form.wrong} - set(self.executed)
        )


def deck(schema: GraphQLSchema) -> list[Draw]:
    """Return every draw there is."""
    drawn = []
    for form in forms(schema):
        for role in ROLES:
            for target in TARGETS:
                draw = Draw(form, role, target)
                if _is_fair(draw):
                    drawn.append(draw)
    return drawn


def _is_fair(draw: Draw) -> bool:
    """Say whether a draw leaves what others have to see as it is, and asks anything of its own."""
    form, role, target = draw.form, draw.role, draw.target
    if form.wrong:
        return role in WRONG_BY and target == TWIN
    if form.typed and form.mutates and role in GRANTED:
        return False  # refused by what they are, as the rows of operations.py show already
    if form.typed and form.name == "startApplication" and role in (CONSUMER_ROLE, OTHER_CONSUMER):
        return False  # it would give another name to whom the others know by theirs
    return not form.mutates or target not in _WITHOUT_REACH or _may_try(form, role, target)


def _may_try(form: Form, role: str, target: str) -> bool:
    """Say whether a role may try to change what is planted for good."""
    if form.name == APPROVAL and target == QUEUED:
        return role != ADMIN
    if form.name in ENDING_REACH and target == TWIN:
        return role not in MEMBERS or role in (OTHER_CONSUMER, OTHER_COUNSELOR)
    return role in _WITHOUT_REACH[target] or role not in MEMBERS


def requests_in(draws: Sequence[Draw]) -> int:
    """Return how many requests it takes to make every draw once."""
    return sum(1 if draw.role in NOWHERE else len(AGENCIES) for draw in draws)


def order_of(draws: Sequence[Draw], seed: int) -> Iterator[Draw]:
    """Yield draws for ever, the whole deck in a random order, again and again."""
    chance = random.Random(seed)
    while True:
        shuffled = list(draws)
        chance.shuffle(shuffled)
        yield from shuffled


def order_near(draws: Sequence[Draw], seed: int, near: Sequence[Draw]) -> Iterator[Draw]:
    """Yield draws as `order_of` does; where some are near, each second one is of those."""
    whole = order_of(draws, seed)
    if not near:
        return whole
    return itertools.chain.from_iterable(zip(order_of(near, seed), whole, strict=False))


@dataclass(slots=True)
class Campaign:
    """One run over a world. near: draws that are made more often. listening: who is told live."""

    world: World
    running: Running
    draws: list[Draw]
    seed: int
    score: Score = field(default_factory=Score)
    stop_at_first: bool = False
    draws_per_turn: int = 200
    turns_per_search: int = 10
    near: Sequence[Draw] = ()
    listening: Listening | None = None
    _asked: int = 0
    _born: dict[str, str] = field(default_factory=dict)
    _cursors: dict[str, deque[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._cursors = {slug: deque(maxlen=CURSORS_KEPT) for slug in AGENCIES}

    @property
    def is_over(self) -> bool:
        """Return whether all is found out."""
        return self.stop_at_first and bool(self.score.findings)

    async def run(self, requests: int) -> Score:
        """Draw until so many requests have been answered; look everywhere after each turn.

        Where that was every draw, those who have not seen what is theirs are asked for once more.
        """
        drawing = order_near(self.draws, self.seed, self.near)
        turns = 0
        while self.score.requests < requests and not self.is_over:
            await self.world.begin_turn(self.running.parts.directory)
            if self.listening is not None:
                await self.listening.begin()
            await self._take_turn([next(drawing) for _ in range(self.draws_per_turn)])
            if self.listening is not None:
                self.score.findings += await self.listening.end()
            self.score.findings += quick_findings(self.world, self.running)
            turns += 1
            if turns % self.turns_per_search == 0 and not self.is_over:
                self.score.findings += await deep_findings(self.world, self.running)
        if not self.is_over:
            if self.score.requests >= requests_in(self.draws):
                await self._make_up()
            self.score.findings += await deep_findings(self.world, self.running)
        return self.score

    async def _make_up(self) -> None:
        """Ask again for who has not seen what is theirs.

        Their agency was suspended when they asked for it, or they asked with a foreign cursor.
        """
        late = {role for role, _ in self.score.unseen(self.world)}
        await self.world.reopen(self.running.parts.directory)
        await self.world.begin_turn(self.running.parts.directory)
        for draw in self.draws:
            if draw.role in late and draw.form.deep and not draw.form.mutates:
                await self._ask_everywhere(draw, by_foreign_cursors=False)
        self.score.findings += quick_findings(self.world, self.running)

    async def _take_turn(self, draws: list[Draw]) -> None:
        waiting = deque(draws)
        middle = len(draws) // 2

        async def work() -> None:
            while waiting and not self.is_over:
                draw = waiting.popleft()
                if len(waiting) == middle:
                    await self._change_things()
                await self._ask_everywhere(draw)

        async with asyncio.TaskGroup() as group:
            for _ in range(DRAWS_AT_ONCE):
                group.create_task(work())

    async def _change_things(self) -> None:
        """Change what changes from turn to turn; what visitors ask for is granted every other."""
        await self.world.take_turn(self.running.parts.directory, self.running.stores.lease)
        if self.listening is not None:
            await self.listening.things_changed()
        if self.world.turn % 2 == 0:
            for draw in self.draws:
                if (draw.form.name, draw.role, draw.target) == (APPROVAL, ADMIN, SHARED):
                    await self._ask_everywhere(draw)

    async def _ask_everywhere(self, draw: Draw, *, by_foreign_cursors: bool = True) -> None:
        self._asked += 1
        chance = random.Random(f"{self.seed} {self._asked}")
        agencies = list(AGENCIES)
        chance.shuffle(agencies)
        if draw.role in NOWHERE:
            agencies = agencies[:1]
        requests = [
            self._request(draw, slug, chance, by_foreign_cursors=by_foreign_cursors)
            for slug in agencies
        ]
        if chance.randrange(ONE_BY_ONE_IN) == 0:  # what one leaves behind, the next may find
            for request in requests:
                await self._ask(request)
            return
        async with asyncio.TaskGroup() as group:
            for request in requests:
                group.create_task(self._ask(request))

    def _request(
        self, draw: Draw, slug: str, chance: random.Random, *, by_foreign_cursors: bool
    ) -> "_Request":
        house = self.world.houses[slug]
        form, session = draw.form, self.world.session(draw.role, slug)
        variables = form.variables(house.ids[draw.target], house.typed)
        cursor = None
        if form.wrong:
            variables = {name: spoilt(value, house.typed.text) for name, value in variables.items()}
        elif form.paged and by_foreign_cursors and chance.randrange(FOREIGN_CURSOR_ONE_IN) == 0:
            others = [one for one in AGENCIES if one != slug and self._cursors[one]]
            if others:
                cursor = chance.choice(self._cursors[chance.choice(others)])
                variables[AFTER] = cursor
        headers = list(session.headers)
        asked: dict[str, Any] = {"query": form.text, "variables": variables}
        text = json.dumps(asked)
        if form.mutates and "idempotencyKey" not in text and not form.wrong:
            # The same in every agency, and for both forms of the same row.
            key = f"{form.row}-{draw.role}-{draw.target}-{house.typed.turn}"
            headers.append((b"idempotency-key", key.encode()))
        by_get = not form.mutates and len(text) < 4000 and chance.randrange(BY_GET_ONE_IN) == 0
        return _Request(
            draw=draw,
            slug=slug,
            session=session,
            body=b"" if by_get else text.encode(),
            query_string=in_address(asked) if by_get else b"",
            headers=tuple(headers),
            foreign_cursor=cursor is not None,
            keyed=len(headers) > len(session.headers),
        )

    async def _ask(self, request: "_Request") -> None:
        house = self.world.houses[request.slug]
        refused, suspended, changes = request.session.refused, house.suspended, house.changes
        answer = await self.running.ask(
            request.body, request.headers, query_string=request.query_string
        )
        settled = changes == house.changes and changes % 2 == 0
        closed = request.session.agency is not None and settled and suspended
        self._judge(
            request,
            answer,
            refused=refused or (closed and not request.session.outside),
            blind=refused or closed,
        )

    def _judge(self, request: "_Request", answer: Answer, *, refused: bool, blind: bool) -> None:
        """Judge an answer. refused: it has to be a refusal. blind: nothing of anybody is in it."""
        self.score.requests += 1
        self.score.answered[answer.status] += 1
        text = answer.body.decode()
        headers = "\n".join(f"{name.decode()}: {value.decode()}" for name, value in answer.headers)
        found = [
            *self._seen(request, text, blind=blind),
            *(f"in a header, {canary}" for canary in self.world.canaries.found_in(headers)),
            *self._errors(request, text),
            *self._strangers(request, text),
            *(
                "its own credential"
                for secret in request.session.secrets
                if secret in text + headers
            ),
        ]
        if answer.status == HTTPStatus.OK and '"GRAPHQL_' not in text:
            self.score.executed[str(request.draw.form)] += 1
        if refused and answer.status != HTTPStatus.UNAUTHORIZED:
            found.append(f"an answer of status {answer.status}, and not a refusal")
        if request.foreign_cursor and answer.status == HTTPStatus.OK and '"errors"' not in text:
            found.append("a page by another agency's cursor")
        self.score.findings += [Finding("answer", f"{request} got {what}") for what in found]
        if not request.foreign_cursor:
            self._cursors[request.slug].extend(_CURSOR.findall(text)[:3])

    def _seen(self, request: "_Request", text: str, *, blind: bool) -> Iterator[str]:
        role = request.draw.role
        for canary in self.world.canaries.found_in(text):
            own = canary.agency in (request.session.agency, EVERYBODYS)
            if blind or not own or role not in canary.may:
                yield str(canary)
            else:
                self.score.sightings[role, canary.value] += 1

    def _errors(self, request: "_Request", text: str) -> Iterator[str]:
        """Judge what is said of errors: no value at all, and no memory of another agency's key."""
        if '"errors"' not in text:
            return
        errors = msgspec.json.encode(msgspec.json.decode(text)["errors"]).decode()
        for canary in self.world.canaries.found_in(errors):
            yield f"in an error, {canary}"
        if request.keyed and "IDEMPOTENCY_MISMATCH" in errors:
            yield "an idempotency key's record that it had not made"

    def _strangers(self, request: "_Request", text: str) -> Iterator[str]:
        """Judge the ids in an answer: what was made in one agency is never named in another."""
        slug = request.slug
        if request.session.agency is None:
            return
        for ulid in set(_ULID.findall(text)):
            if ulid.startswith(_PLANTED) or ulid == SETTINGS_ROOT:
                continue
            if self._born.setdefault(ulid, slug) != slug:
                yield f"an id that was made in {self._born[ulid]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """One request of a draw."""

    draw: Draw
    slug: str
    session: Session
    body: bytes
    query_string: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    foreign_cursor: bool
    keyed: bool

    def __str__(self) -> str:
        return f"{self.draw.role} of {self.slug} ({self.draw.form}, {self.draw.target})"
