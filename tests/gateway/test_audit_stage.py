"""The audit stage in the running gateway: lines come before answers, or no answer comes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.access import ApiKey, Scope
from domain.agencies import Agency
from domain.audit import AuditLine, AuditOutcome
from gateway.app import create_app
from gateway.config import load_config
from gateway.front import Gateway
from gateway.provisioning import add_agency, cli_audit
from gateway.workspace import open_workspace
from tests.gateway.served import add_key
from tests.gateway.small_gateway import STRANGER, SUSPENDED, World, client_of, small_app

START = """mutation { startApplication(input: {name: {given: "Ada", family: "Byron"}}) {
  id consumer { id email } } }"""
READ = "{ applications(first: 5) { edges { node { id hardshipReason } } } }"


@dataclass(slots=True)
class Served:
    """A gateway over real files, in this process, and a client of one agency's machine."""

    app: Gateway
    client: httpx.AsyncClient
    agency: Agency

    async def ask(self, document: str, **options: Any) -> httpx.Response:
        """Ask, by POST."""
        return await self.client.post("/graphql", json={"query": document}, **options)

    async def ledger(self) -> list[AuditLine]:
        """Return the agency's lines once none waits any more."""
        parts = self.app.state.parts
        async with parts.stores.lease(self.agency) as store:
            await store.flush_reads()
            for _ in range(200):
                waiting = await store.audit_lines(None, 1)
                if not waiting and not await parts.directory.audit_unmerged(self.agency.id, 1):
                    break
                await asyncio.sleep(0.02)
            return [one.line for one in await store.ledger.lines(limit=1000)]


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    """Give a gateway with one agency and one key with all scopes."""
    async with open_workspace(tmp_path, create=True) as workspace:
        agency = await add_agency(
            workspace, slug="harbor", name="Harbor", states=("MI",), reason="test"
        )
        secret = await add_key(workspace, agency, Scope)
    app = create_app(load_config({"ALMONER_HOME": str(tmp_path)}, {}, command="serve"))
    async with _client(app, secret) as client:
        yield Served(app, client, agency)


@asynccontextmanager
async def _client(app: Gateway, secret: str) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, None) as client:
        client.headers["x-api-key"] = secret
        yield client


async def test_what_comes_in_and_what_is_read_is_in_the_ledger(served: Served) -> None:
    """Keys unwrapped, the machine's coming in, its change, its read: with whose data it was."""
    started = (await served.ask(START)).json()["data"]["startApplication"]
    answers = [await served.ask(READ, headers={"x-request-id": "chosen"}) for _ in range(2)]
    assert all("errors" not in answer.json() for answer in answers)
    lines = await served.ledger()
    by_action: dict[str, list[AuditLine]] = {}
    for line in lines:
        by_action.setdefault(line.action, []).append(line)
    assert set(by_action) == {
        "cli:agency add",
        "cli:key create",
        "unwrapKeys",
        "useApiKey",
        "startApplication",
        "applications",
    }
    assert len(by_action["useApiKey"]) == 1
    consumer = started["consumer"]["id"]
    assert {one.consumers for one in by_action["startApplication"]} == {(consumer,)}
    reads = by_action["applications"]
    assert [one.consumers for one in reads] == [(consumer,)] * 2
    assert {one.fields for one in reads} == {("Application.id", "Application.hardshipReason")}
    assert {one.source_ip for one in reads} == {"192.0.2.7"}
    told = [answer.headers["x-amzn-requestid"] for answer in answers]
    assert {one.request_id for one in reads} == set(told)
    assert len(set(told)) == len(told)
    assert "chosen" not in told, "a client names no request"
    assert "Byron" not in repr(lines)


async def test_without_its_line_no_answer_leaves(served: Served) -> None:
    """A read is refused as unavailable; a change is done, and its answer says to look again."""
    assert (await served.ask(READ)).status_code == 200
    async with served.app.state.parts.stores.lease(served.agency) as store:
        await store.flush_reads()
        store._reads._closed = True
    empty = await served.ask(READ)
    assert empty.status_code == 200, "nobody's data needs no line"
    changed = await served.ask(START)
    assert changed.status_code == 200, "clients repeat a mutation that is answered 5xx"
    (error,) = changed.json()["errors"]
    assert error["errorInfo"]["code"] == "OUTCOME_UNKNOWN"
    read = await served.ask(READ)
    assert read.status_code == 503
    assert "app_" not in read.text


async def test_a_refused_key_is_in_its_agencys_ledger(served: Served) -> None:
    """A key that was revoked is turned away, and its agency hears of it."""
    await served.ask(READ)
    directory = served.app.state.parts.directory
    (key,) = await directory.api_keys(served.agency.id)
    revoked = ApiKey(
        **{n: getattr(key, n) for n in key.__slots__} | {"revoked_at": datetime.now(UTC)}
    )
    line = cli_audit("key revoke", subject=key.id, reason="test")
    await directory.replace_api_key(served.agency.id, revoked, line)
    for _ in range(3):
        assert (await served.ask(READ)).status_code == 401
    refused = [one for one in await served.ledger() if one.outcome is AuditOutcome.REFUSED]
    assert [(one.action, one.purpose) for one in refused] == [("signIn", "ended-api-key")]
    assert refused[0].source_ip == "192.0.2.7"


async def test_the_ledger_is_read_over_http(served: Served) -> None:
    """What happened a second ago is in auditEvents."""
    await served.ask(START)
    await served.ledger()
    answer = await served.ask(
        '{ auditEvents(first: 1, action: "startApplication") { edges { node {'
        " id action leafHash actor { displayName } } } } }"
    )
    (edge,) = answer.json()["data"]["auditEvents"]["edges"]
    assert edge["node"]["action"] == "startApplication"
    assert len(bytes.fromhex(edge["node"]["leafHash"])) == 32


@pytest.mark.parametrize(
    ("token", "agency_id", "reason"),
    [(SUSPENDED, "2", "suspended-agency"), (STRANGER, "nowhere", "another-agency")],
)
async def test_who_is_stopped_behind_their_credential_is_told_by_name(
    world: World, token: str, agency_id: str, reason: str
) -> None:
    """A credential that held, of an agency that may not: the line says whose it was."""
    async with client_of(small_app(world), token) as client:
        answer = await client.post("/graphql", json={"query": "{ hello }"})
    assert answer.status_code == 401
    ((told, line),) = world.audit
    assert (told, line.purpose, line.outcome) == (agency_id, reason, AuditOutcome.REFUSED)
    assert line.actor.id == "subject-1"
