"""The whole gateway in this process over a world; everything that leaves it is kept.

It is made as `almoner serve` makes it: `create_app` and its own `open_parts`. A test build of the
wiring may put other parts in their place (`rewire`).
"""

import asyncio
import gc
import io
import json
import logging
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import strawberry
import structlog
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.applications import Starlette

from domain.agencies import Agency
from domain.credit import CreditBureau, CreditReport, CreditSubject, PulledFile, PullKind
from domain.errors import UpstreamTimeout
from gateway.app import create_app
from gateway.config import Config, load_config
from gateway.events.port import Broker
from gateway.logs import configure_logs
from gateway.metrics import Metrics, new_metrics
from gateway.parts import LeasesStores, Parts, open_parts
from resolvers.context import Vendors
from resolvers.loaders import Batcher
from tenants.store import AgencyStore
from tests.isolation.targets import shared_record
from tests.isolation.world import World

Rewire = Callable[[Parts], Parts]
LIMITS = {
    "limits.cost": 10_000_000,
    "limits.tokens": 50_000,
    "limits.depth": 75,
    "limits.aliases": 1000,
    "limits.document_characters": 1_048_576,
    "limits.validation_steps": 1_000_000,
    "limits.checking_percent": 100,
}
"""The campaign selects all there is, which no client may."""


@dataclass(slots=True)
class Outbound:
    """What the gateway has told a bureau, by the slug of the agency that it was told for."""

    told: list[tuple[str, str]] = field(default_factory=list)


class CampaignBureau(CreditBureau):
    """The far end: answers with the agency's own canaries, fails often, keeps what it heard."""

    name = "TransUnion"

    def __init__(self, world: World, slug: str, outbound: Outbound) -> None:
        self._planter = world.houses[slug].planter
        self._slug = slug
        self._outbound = outbound
        self._asked = 0

    async def pull(self, subject: CreditSubject, kind: PullKind, *, reference: str) -> PulledFile:
        """Answer a file, a time-out, or with a fault that repeats what it was asked."""
        del kind
        self._outbound.told.append((self._slug, f"{subject} {reference}"))
        self._asked += 1
        await asyncio.sleep(0)
        if self._asked % 3 == 1:
            raise ValueError(f"no such person: {subject}")
        if self._asked % 3 == 2:
            raise UpstreamTimeout(vendor="transunion", retryable=True)
        report: CreditReport = shared_record(self._planter, "credit_report", self._asked)
        assert report.raw is not None
        raw = self._planter.files.pop(report.raw.id)
        return PulledFile(file=report.file, raw=raw, media_type=report.raw.media_type)


class CampaignVendors:
    """Every agency's vendors."""

    def __init__(self, world: World, outbound: Outbound) -> None:
        self._of = {slug: CampaignBureau(world, slug, outbound) for slug in world.houses}

    def of(self, agency: Agency) -> Vendors:
        """Return the agency's vendors."""
        return Vendors(credit=self._of[agency.slug])


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


@dataclass(slots=True, kw_only=True)
class Running:
    """A running gateway with all that it lets out.

    stores, events: as they are without a leak. earlier: open stores that were there before, and
    may keep what another run has left in them.
    """

    app: Starlette
    parts: Parts
    stores: LeasesStores
    events: Broker
    metrics: Metrics
    log: io.StringIO
    spans: InMemorySpanExporter
    outbound: Outbound
    home: Path
    temporary: Path
    earlier: tuple[AgencyStore, ...]

    async def ask(
        self, body: bytes, headers: tuple[tuple[bytes, bytes], ...], *, query_string: bytes = b""
    ) -> Answer:
        """Return the answer to a request; by GET where it is all in the address."""
        received: list[dict[str, Any]] = []
        await self._call(body, headers, received.append, asyncio.Event(), query_string)
        return Answer(
            status=received[0]["status"],
            headers=tuple(received[0]["headers"]),
            body=b"".join(message["body"] for message in received[1:]),
        )

    async def listen(
        self,
        body: bytes,
        headers: tuple[tuple[bytes, bytes], ...],
        heard: Callable[[dict[str, Any]], None],
        left: asyncio.Event,
    ) -> None:
        """Pass on what is answered as it comes, until it has ended or its client has left."""
        await self._call(body, headers, heard, left)

    async def _call(
        self,
        body: bytes,
        headers: tuple[tuple[bytes, bytes], ...],
        heard: Callable[[dict[str, Any]], None],
        left: asyncio.Event,
        query_string: bytes = b"",
    ) -> None:
        sent = False

        async def receive() -> dict[str, Any]:
            nonlocal sent
            if sent:
                await left.wait()
                return {"type": "http.disconnect"}
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            heard(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET" if query_string else "POST",
            "scheme": "https",
            "path": "/graphql",
            "raw_path": b"/graphql",
            "query_string": query_string,
            "root_path": "",
            "headers": [
                (b"host", b"gateway.test"),
                (b"content-type", b"application/json"),
                *headers,
            ],
            "client": ("192.0.2.7", 4711),
            "server": ("gateway.test", 443),
        }
        await self.app(scope, receive, send)


def in_address(asked: dict[str, Any]) -> bytes:
    """Return a query as the query string of a GET."""
    variables = quote(json.dumps(asked["variables"]))
    return f"query={quote(asked['query'])}&variables={variables}".encode()


@asynccontextmanager
async def running(
    world: World,
    schema: strawberry.Schema,
    temporary: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    rewire: Rewire = lambda parts: parts,
) -> AsyncIterator[Running]:
    """Run the gateway over a world."""
    config: Config = load_config(
        {"ALMONER_HOME": str(world.home)}, {**LIMITS, "server_timing": True}, command="serve"
    )
    outbound = Outbound()
    earlier = open_stores()
    honest: list[Parts] = []
    opened: list[Parts] = []

    @asynccontextmanager
    async def campaign_parts(config: Config, metrics: Metrics) -> AsyncIterator[Parts]:
        async with open_parts(config, metrics) as parts:
            honest.append(parts)
            opened.append(rewire(replace(parts, vendors=CampaignVendors(world, outbound))))
            yield opened[0]

    metrics, exporter, provider = new_metrics(), InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    defaults: Any = Batcher.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "tracer", provider.get_tracer("almoner.resolvers"))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with _logs() as log:
        app = create_app(
            config, schema=schema, metrics=metrics, tracer_provider=provider, parts=campaign_parts
        )
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(app.router.lifespan_context(app))
            yield Running(
                app=app,
                parts=opened[0],
                stores=honest[0].stores,
                events=honest[0].events,
                metrics=metrics,
                log=log,
                spans=exporter,
                outbound=outbound,
                home=world.home,
                temporary=temporary,
                earlier=earlier,
            )
    provider.shutdown()


def open_stores() -> tuple[AgencyStore, ...]:
    """Return all open stores of this process."""
    # By its type: what a dead proxy is an instance of cannot be asked.
    return tuple(one for one in gc.get_objects() if issubclass(type(one), AgencyStore))


@contextmanager
def _logs() -> Iterator[io.StringIO]:
    """Write all log lines into a text, from the lowest level on, and put things back at the end."""
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers, root.level
    log = io.StringIO()
    configure_logs("debug", "json", log)
    root.setLevel(logging.DEBUG)
    try:
        yield log
    finally:
        structlog.configure(**before)
        root.handlers = handlers
        root.setLevel(level)
