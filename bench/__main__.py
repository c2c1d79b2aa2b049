"""`make bench`: the full path beside a hand-written endpoint, interleaved, as a table.

Server processes are held to the first core, the load to the second. The figure to trust is CPU per
request (user and system time of the server's processes); requests per second of a window of two
seconds move by half on a shared machine.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.load import Job, Result
from tests.e2e.platform_process import Running, data_of, dev_environment, free_ports

CONNECTIONS = 32
ROUNDS = 3
SECONDS = 2.0
WARM_UP_SECONDS = 0.5
MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One of the operations that are measured."""

    name: str
    query: str
    headers: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One window of one server. cpu_us: CPU microseconds per request."""

    cpu_us: float
    rps: float
    p50_ms: float
    p99_ms: float


LINES = """incomes { id source gross net frequency monthly }
  expenses { id category amount frequency monthly }
  debts { id creditor kind balance apr minimumPayment pastDue eligibleForPlan }
  totals { monthlyIncome monthlyExpenses monthlyDebtPayments unsecuredBalance }"""
SMALL = "{ agency { slug name } }"
PAGE = f"""{{ applications(first: 50) {{ edges {{ cursor node {{
  id version status state createdAt {LINES} }} }} pageInfo {{ hasNextPage endCursor }} }} }}"""


def everything(identifier: str) -> str:
    """Return the query of one application with everything around it."""
    return f"""{{ application(id: "{identifier}") {{
  id version status state householdSize hardshipReason createdAt submittedAt {LINES}
  consumer {{ id name {{ given family }} email phone dateOfBirth address {{ line1 city state }} }}
  counselor {{ displayName }} consents {{ id purpose givenAt usedAt }} notes {{ id text }}
  creditReports {{ id hit score {{ value }} summary {{ total {{ balance }} }} }} }} }}"""


def main() -> int:
    """Start everything, measure, print the table."""
    rounds = int(sys.argv[1]) if sys.argv[1:] else ROUNDS
    print(f"almoner: {platform.platform()}, {os.cpu_count()} cores, {_cpu_name()}")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        print("almoner: starting the platform and a gateway of one worker …", flush=True)
        serve = stack.enter_context(_gateway(folder))
        operations = _operations(serve)
        answers = {item.query: _ask(serve.url, item).text for item in operations}
        peer = stack.enter_context(_peer(folder, answers))
        for item in operations:
            url = f"http://127.0.0.1:{peer[0]}/graphql"
            assert _ask(url, item).text == answers[item.query], "the peer answers something else"
        print(f"almoner: {rounds} interleaved rounds of {SECONDS:g} s each …", flush=True)
        port = int(serve.environment["ALMONER_PORT"])
        for item in operations:
            ours, theirs = [], []
            for _ in range(rounds):
                ours.append(_measure(port, serve.process.pid, item))
                theirs.append(_measure(peer[0], peer[1], item))
            _print_rows(item, len(answers[item.query]), ours, theirs)
    return 0


def _print_rows(item: Operation, size: int, ours: list[Figures], theirs: list[Figures]) -> None:
    print(f"\n{item.name} ({size / 1000:.1f} kB)")
    print(f"  {'':32}{'CPU µs/request':>16}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}")
    for name, rows in (
        ("almoner serve, full path", ours),
        ("Starlette, bytes from memory", theirs),
    ):
        print(
            f"  {name:32}{_median(rows, 'cpu_us'):16.0f}{_median(rows, 'rps'):12.0f}"
            f"{_median(rows, 'p50_ms'):9.2f}{_median(rows, 'p99_ms'):9.2f}"
        )
    ratio = statistics.median(a.cpu_us / b.cpu_us for a, b in zip(ours, theirs, strict=True))
    print(f"  {'CPU ratio, median of pairs':32}{ratio:15.1f}×")


def _median(rows: list[Figures], name: str) -> float:
    return statistics.median(float(getattr(row, name)) for row in rows)


@contextmanager
def _gateway(folder: Path) -> Iterator[Running]:
    environment = dev_environment(folder / "home")
    dev = Running(["dev"], environment, folder / "dev.log").start()
    try:
        port, operations = free_ports(2)
        own = environment | {
            "ALMONER_CONFIG": str(folder / "home" / "serve.toml"),
            "ALMONER_PORT": str(port),
            "ALMONER_OPERATIONS_PORT": str(operations),
        }
        serve = Running(["serve", "--workers", "1"], own, folder / "serve.log").start()
        for pid in _tree(serve.process.pid):
            _pin(pid)
        try:
            yield serve
        finally:
            serve.stop()
    finally:
        dev.stop()


@contextmanager
def _peer(folder: Path, answers: dict[str, str]) -> Iterator[tuple[int, int]]:
    (port,) = free_ports(1)
    file = folder / "answers.json"
    file.write_text(json.dumps(answers))
    process = subprocess.Popen([sys.executable, "-m", "bench.peer", str(file), str(port)])
    try:
        for _ in range(200):
            try:
                httpx.get(f"http://127.0.0.1:{port}/")
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def _operations(serve: Running) -> list[Operation]:
    token = {"Authorization": serve.token("counselor@harbor.test")}
    scopes = [
        part
        for scope in ("applications:read", "consumers:read", "credit:read")
        for part in ("--scope", scope)
    ]
    key = {"x-api-key": serve.command_output("key", "create", "harbor", *scopes)}
    document = """{ applications(first: 40) { edges { node { id
      consumer { name { family } } consents { id } } } } }"""
    edges = data_of(serve.ask(document, token=token["Authorization"]))["applications"]["edges"]
    persona = next(e["node"] for e in edges if e["node"]["consumer"]["name"]["family"] == "Uphold")
    pull = (
        """mutation ($input: PullCreditReportInput!) { pullCreditReport(input: $input) { id } }"""
    )
    wanted = {
        "applicationId": persona["id"],
        "consentId": persona["consents"][0]["id"],
        "idempotencyKey": "bench",
    }
    data_of(serve.ask(pull, {"input": wanted}, token=token["Authorization"]))
    return [
        Operation(name="small", query=SMALL, headers=token),
        Operation(name="one application", query=everything(persona["id"]), headers=token),
        Operation(name="a page of 50", query=PAGE, headers=key),
    ]


def _ask(url: str, item: Operation) -> httpx.Response:
    response = httpx.post(url, json={"query": item.query}, headers=item.headers, timeout=30)
    assert response.status_code == httpx.codes.OK, response.text
    assert "errors" not in response.json(), response.text
    return response


def _measure(port: int, pid: int, item: Operation) -> Figures:
    _load(port, item, WARM_UP_SECONDS)
    before = _cpu_seconds(pid)
    result = _load(port, item, SECONDS)
    cpu = _cpu_seconds(pid) - before
    assert result.failures == 0, f"{result.failures} requests failed"
    return Figures(
        cpu_us=cpu * MILLION / result.requests,
        rps=result.requests / result.seconds,
        p50_ms=result.p50_ms,
        p99_ms=result.p99_ms,
    )


def _load(port: int, item: Operation, seconds: float) -> Result:
    body = json.dumps({"query": item.query})
    headers = {
        "Host": f"127.0.0.1:{port}",
        "Content-Type": "application/json",
        "Content-Length": str(len(body.encode())),
        **item.headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    job = Job(
        port=port,
        request=f"POST /graphql HTTP/1.1\r\n{head}\r\n{body}",
        connections=CONNECTIONS,
        seconds=seconds,
        core=1 if (os.cpu_count() or 1) > 1 else None,
    )
    job_text = json.dumps({name: getattr(job, name) for name in Job.__slots__})
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=job_text,
        capture_output=True,
        text=True,
        check=True,
    )
    return Result(**json.loads(done.stdout))


def _tree(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    if not children.exists():
        return [pid]
    found = [pid]
    for child in children.read_text().split():
        found += _tree(int(child))
    return found


def _pin(pid: int) -> None:
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {0})


def _cpu_seconds(pid: int) -> float:
    ticks = 0
    for process in _tree(pid):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor()
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
    return names[0].partition(": ")[2] if names else platform.processor()


if __name__ == "__main__":
    sys.exit(main())
