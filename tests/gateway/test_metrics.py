"""What is counted, and that processes' counts are added up."""

import asyncio
import subprocess
import sys
from pathlib import Path

import httpx
from prometheus_client import CollectorRegistry

from gateway.config import child_environment
from gateway.health import operations_app
from gateway.metrics import (
    MULTIPROCESS_VARIABLE,
    clean_folder,
    exposition,
    exposition_of_folder,
    measuring_backlog,
    new_metrics,
    process_ended,
)
from tenants.ledger.sequencer import Backlog
from tests.gateway.small_gateway import BROKEN_STORE, World, client_of, small_app

COUNT = """
from gateway.metrics import new_metrics
metrics = new_metrics()
metrics.request_ended(outcome="ok", seconds=0.01, agency="harbor", codes=["FORBIDDEN"])
metrics.in_flight.now += 1
metrics.tallies.hand_on()
"""


def samples(text: bytes) -> dict[str, float]:
    lines = [line for line in text.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


async def test_waiting_audit_lines_are_shown_as_they_are_now() -> None:
    """The gauge follows what the process's stores say, by what becomes of the lines."""
    registry = CollectorRegistry()
    async with measuring_backlog(registry, lambda: Backlog(queued=7, set_aside=1)):
        await asyncio.sleep(0.01)
    found = samples(exposition(registry))
    assert found['almoner_audit_lines_waiting{state="queued"}'] == 7
    assert found['almoner_audit_lines_waiting{state="set_aside"}'] == 1


async def test_requests_are_counted_by_how_they_ended(world: World) -> None:
    """Outcomes, codes, stages, documents and store errors each have their counter."""
    metrics = new_metrics()
    async with client_of(small_app(world, metrics=metrics)) as client:
        for query in ("{ hello }", "{ hello }", "{ boom }", "{ hello", "{ node { forbidden } }"):
            await client.post("/graphql", json={"query": query})
        broken = {"Authorization": BROKEN_STORE}
        await client.post("/graphql", json={"query": "{ hello }"}, headers=broken)
    metrics.vendor_called("transunion", "ok", 0.2)

    found = samples(exposition(metrics.registry))
    harbor = {
        outcome: found.get(f'almoner_requests_total{{agency="harbor",outcome="{outcome}"}}')
        for outcome in ("ok", "failed", "refused", "partial")
    }
    assert harbor == {"ok": 2, "failed": 1, "refused": 1, "partial": 1}
    assert found['almoner_requests_total{agency="broken",outcome="failed"}'] == 1
    assert found['almoner_store_errors_total{agency="broken"}'] == 1
    assert found['almoner_errors_total{code="INTERNAL"}'] == 1
    assert found['almoner_documents_total{result="hit"}'] == 1
    assert found['almoner_documents_total{result="miss"}'] == 4
    assert found['almoner_stage_seconds_count{stage="execute"}'] == 4
    assert found["almoner_request_seconds_count"] == 6
    assert found["almoner_requests_in_flight"] == 0
    assert found['almoner_vendor_calls_total{outcome="ok",vendor="transunion"}'] == 1


def test_processes_counts_are_added_up(tmp_path: Path) -> None:
    """Two workers' counters are summed; what an ended one had in flight is forgotten."""
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "counter_1.db").write_bytes(b"what an earlier run left")
    folder = clean_folder(tmp_path, 8000)
    environment = child_environment({MULTIPROCESS_VARIABLE: str(folder)})

    ended = []
    for _ in range(2):
        process = subprocess.Popen([sys.executable, "-c", COUNT], env=environment)
        process.wait(timeout=20)
        ended.append(process.pid)
    both = samples(exposition_of_folder(folder))
    for process_id in ended:
        process_ended(folder, process_id)
    after = samples(exposition_of_folder(folder))

    name = 'almoner_requests_total{agency="harbor",outcome="ok"}'
    assert (both[name], after[name]) == (2, 2)
    assert both['almoner_errors_total{code="FORBIDDEN"}'] == 2
    assert both["almoner_requests_in_flight"] == 2
    assert after.get("almoner_requests_in_flight", 0) == 0


async def test_the_operations_port_serves_metrics_and_health() -> None:
    """Metrics in Prometheus' format, and what the supervisor says of itself."""
    metrics = new_metrics()
    app = operations_app(lambda: exposition(metrics.registry), lambda: {"workers": 2})
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://ops.test") as client:
        told, health = await client.get("/metrics"), await client.get("/health")
        nothing = await client.get("/graphql")

    assert told.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert b"almoner_requests_in_flight 0.0" in told.content
    assert health.json() == {"workers": 2}
    assert nothing.status_code == 404


async def test_the_public_port_has_no_metrics(client: httpx.AsyncClient) -> None:
    """Counters are for the operations port alone."""
    assert (await client.get("/metrics")).status_code == 404
