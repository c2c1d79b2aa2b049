"""`python -m bench.parts`: what each part of the full path costs, in one process and without HTTP.

Two tables. The first is of the gateway itself: the application is called as its server calls it,
and its own stage clock tells how long each stage took. The second calls the parts one by one, each
as a stage does. Times are wall times of a process that does nothing else: the best of some rounds.
"""

import asyncio
import json
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx
import uvloop
from starlette.applications import Starlette

from bench.full_path import COUNSELOR, MEDIUM, started
from bench.machine import SERVER_CORE, end_cleanly, held_to
from domain.applications import Application
from domain.consumers import Consumer
from gateway.agency import settle_agency
from gateway.app import create_app
from gateway.config import Config, load_config
from gateway.engine.cost import Prices
from gateway.engine.execute import Engine
from gateway.identity.authenticator import Authenticator
from gateway.identity.credentials import Credential, Occasion
from gateway.identity.jwks import KeySets
from gateway.parts import Parts
from gateway.server import spare_the_collector
from resolvers.context import NO_VENDORS, RequestMeta, open_context
from schema.build import core_schema, create_schema
from tenants.directory.port import AgencyDirectory
from tests.e2e.platform_process import data_of, dev_environment

WARM_UP, REQUESTS = 300, 2_000
ROUNDS, TIMES = 5, 400
_MILLION = 1_000_000
NEWEST = "{ applications(first: 1) { edges { node { id consumer { id } } } } }"

Work = Callable[[], Awaitable[object]]


def main() -> None:
    """Start the demo world, which issues the token, and measure over its home folder."""
    end_cleanly()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        environment = dev_environment(folder / "home")
        with started(["dev"], environment, folder / "dev.log") as dev:
            token = dev.token(COUNSELOR)
            node = data_of(dev.ask(NEWEST, token=token))["applications"]["edges"][0]["node"]
            config = load_config(environment, command="serve")
            with (
                held_to(SERVER_CORE),
                asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
            ):
                runner.run(_measure(config, token, node["id"], node["consumer"]["id"]))


async def _measure(config: Config, token: str, application: str, consumer: str) -> None:
    app = create_app(config)
    async with app.router.lifespan_context(app):
        spare_the_collector()
        await _stages(app, token, application)
        await _parts(config, app.state.parts, token, application, consumer)


async def _stages(app: Starlette, token: str, application: str) -> None:
    """Call the application as a server does, and print what its stage clock has counted."""
    body = json.dumps({"query": MEDIUM, "variables": {"id": application}}).encode()
    for _ in range(WARM_UP):
        await _call(app, token, body)
    registry = app.state.metrics.registry

    def counted() -> dict[str, float]:
        return {
            sample.labels["stage"]: sample.value
            for family in registry.collect()
            for sample in family.samples
            if sample.name == "almoner_stage_seconds_sum"
        }

    before, began = counted(), perf_counter()
    for _ in range(REQUESTS):
        await _call(app, token, body)
    whole = (perf_counter() - began) / REQUESTS * _MILLION
    after = counted()
    stages = {
        name: (seconds - before.get(name, 0.0)) / REQUESTS * _MILLION
        for name, seconds in after.items()
    }
    print("stage of the medium query        µs")
    for name, microseconds in stages.items():
        print(f"{name:28}{microseconds:7.1f}")
    print(f"{'around the stages':28}{whole - sum(stages.values()):7.1f}")
    print(f"{'the whole application':28}{whole:7.1f}")


async def _parts(config: Config, parts: Parts, token: str, application: str, consumer: str) -> None:
    """Call what the stages call, and print the best of several rounds of each."""
    credential, occasion = Credential(kind="jwt", value=token), Occasion(request_id="bench")
    principal = await parts.authenticator.authenticate(credential, occasion)
    at = datetime.now(UTC)
    agency = (await settle_agency(principal, None, parts.directory, at=at)).agency
    assert agency is not None, "a counselor has an agency"
    schema = create_schema()
    engine = Engine(schema, config.limits)
    prices = Prices(core_schema(schema), config.limits)
    variables = {"id": application}
    meta = RequestMeta(id="bench", at=at)
    directory = AgencyDirectory(parts.directory, agency)
    for _ in range(3):  # seen often enough to be compiled
        operation = await engine.find(MEDIUM, None)
        async with parts.stores.lease(agency) as store:
            context = open_context(principal, agency, store, directory, NO_VENDORS, meta)
            await engine.execute(operation, variables, context)
    cost = prices.of(operation, variables)

    async def execute() -> None:
        async with parts.stores.lease(agency) as store:
            context = open_context(principal, agency, store, directory, NO_VENDORS, meta)
            await engine.execute(operation, variables, context)

    async def judge() -> None:
        prices.of(operation, variables)

    async def lease() -> None:
        async with parts.stores.lease(agency):
            pass

    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
        key_sets = KeySets(client)  # asked over HTTP once; after that a verdict is computing alone
        stack.push_async_callback(key_sets.aclose)
        store = await stack.enter_async_context(parts.stores.lease(agency))
        measured: dict[str, Work] = {
            "a token whose verdict is cached": lambda: parts.authenticator.authenticate(
                credential, occasion
            ),
            "a token seen for the first time": lambda: Authenticator(
                parts.directory, key_sets
            ).authenticate(credential),
            "the agency settled": lambda: settle_agency(principal, None, parts.directory, at=at),
            "a store leased": lease,
            "an application read": lambda: store.get(Application, application),
            "a consumer read, groups opened": lambda: store.get(Consumer, consumer),
            "a document found": lambda: engine.find(MEDIUM, None),
            "its cost judged": judge,
            "its cost charged": lambda: parts.budgets.charge(agency, principal, cost),
            "executed, store included": execute,
        }
        print("\npart                              µs")
        for name, work in measured.items():
            print(f"{name:32}{await _best(work):7.1f}")
    engine.close()


async def _best(work: Work) -> float:
    """Return the microseconds of one call in the best of the rounds."""
    rounds = []
    for _ in range(ROUNDS):
        began = perf_counter()
        for _ in range(TIMES):
            await work()
        rounds.append(perf_counter() - began)
    return min(rounds) / TIMES * _MILLION


async def _call(app: Starlette, token: str, body: bytes) -> None:
    """Send a request through the application, without a server."""
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "query_string": b"",
        "root_path": "",
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8_000),
        "headers": [
            (b"host", b"127.0.0.1"),
            (b"content-type", b"application/json"),
            (b"accept", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"authorization", token.encode()),
        ],
    }
    status = 0
    read = False

    async def receive() -> dict[str, Any]:
        nonlocal read
        if read:
            await asyncio.Event().wait()  # the client stays, and says nothing more
        read = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(scope, receive, send)
    assert status == 200, f"the application answers {status}"


if __name__ == "__main__":
    main()
