"""Asks a server for facts, one subject after the other, some of each at once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx

from conformance.conversations import converse, handshake_of
from conformance.exchanges import exchange, introspected, run, scalar_values
from conformance.facts import SUBJECTS, Fact
from conformance.schemas import Schema
from conformance.servers import ANSWER_SECONDS_MAX, NotAsked, Server
from conformance.verdicts import Outcome, Verdict, judged

AT_ONCE_MAX = 4
PROBE = "{ __typename }"


class Unreachable(Exception):
    """Nothing answers at a server's address."""


async def ask(
    server: Server, facts: Sequence[Fact], *, asked: Callable[[], None] = lambda: None
) -> list[Verdict]:
    """Return a verdict for each fact, in their order; `asked` hears of each. Raises Unreachable.

    What the caller gave no document for is taken from the schema, where introspection tells it.
    """
    async with _client(server) as client:
        try:
            schema = await introspected(server, client)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(f"{server.url}: {type(error).__name__}: {error}") from error
        found = schema.subscription() if schema is not None else None
        known = {"query": PROBE} | ({"subscription": found} if found else {})
        server = replace(server, documents={**known, **server.documents})
        if any(fact.handshake is not None for fact in facts):
            server = replace(server, handshake=await handshake_of(server))
        places = asyncio.Semaphore(AT_ONCE_MAX)

        async def verdict(fact: Fact) -> Verdict:
            async with places:
                given = await _verdict(fact, server, schema, client)
            asked()
            return given

        verdicts: list[Verdict] = []
        for subject in SUBJECTS:
            of_subject = [verdict(fact) for fact in facts if fact.subject == subject]
            verdicts += await asyncio.gather(*of_subject)
        return verdicts


async def _verdict(
    fact: Fact, server: Server, schema: Schema | None, client: httpx.AsyncClient
) -> Verdict:
    if fact.unaskable is not None:
        return Verdict(fact=fact, outcome=Outcome.NOT_ASKED, why=[fact.unaskable])
    try:
        if fact.request is not None:
            return judged(fact, await exchange(fact, server, client))
        if fact.scalar is not None:
            return judged(fact, await scalar_values(fact, server, schema, client))
        return judged(
            fact, await converse(fact, server, lambda document: run(server, document, client))
        )
    except NotAsked as lacking:
        return Verdict(fact=fact, outcome=Outcome.NOT_ASKED, why=[str(lacking)])


@asynccontextmanager
async def _client(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        timeout=ANSWER_SECONDS_MAX,
        verify=server.tls if server.tls is not None else True,
        follow_redirects=False,
    ) as client:
        yield client
