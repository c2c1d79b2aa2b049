"""The full path: `almoner serve` with one worker over the demo world, real tokens, real stores.

Every request is authenticated, settled to its agency and answered out of its encrypted store; reads
of consumers' data are audited before the answer leaves. Beside it runs an endpoint that has the
same bytes in memory.
"""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.machine import SERVER_CORE, held_to
from bench.peers import OWN, Peer, PeerFailed, Started, running
from bench.synthetic.data import Query, leaves
from tests.e2e.platform_process import Running, data_of, dev_environment, free_ports

COUNSELOR = "counselor@harbor.test"
PERSONA = "Uphold"
SCOPES = ("applications:read", "consumers:read", "credit:read")
MEDIUM_LEAVES = 139
FULL_PATH = "almoner serve, the full path"
FULL_DIRECT = "almoner serve, directly"
FLOOR = "Starlette, the same bytes from memory"

# One counselor asks as often here as some thousand do elsewhere.
AMPLE = {
    f"ALMONER_BUDGETS_{name}": "100000000"
    for name in (
        "AGENCY_POINTS",
        "AGENCY_POINTS_PER_SECOND",
        "KEY_POINTS",
        "KEY_POINTS_PER_SECOND",
        "PERSON_POINTS",
        "PERSON_POINTS_PER_SECOND",
    )
}
OF_APPLICATION = "id version status state householdSize hardshipReason createdAt"
LINES = """incomes { id source gross net frequency monthly }
  expenses { id category amount frequency monthly }
  debts { id creditor kind balance apr minimumPayment pastDue eligibleForPlan }
  totals { monthlyIncome monthlyExpenses monthlyDebtPayments unsecuredBalance }"""
SMALL = "query Small { agency { slug name } }"
MEDIUM = f"""query Medium($id: ID!) {{ application(id: $id) {{ {OF_APPLICATION} submittedAt {LINES}
  consumer {{ id name {{ given family }} email phone }} }} }}"""
EVERYTHING = f"""query Everything($id: ID!) {{ application(id: $id) {{
  {OF_APPLICATION} submittedAt {LINES}
  consumer {{ id name {{ given family }} email phone dateOfBirth address {{ line1 city state }} }}
  counselor {{ displayName }} consents {{ id purpose givenAt usedAt }} notes {{ id text }}
  creditReports {{ id hit score {{ value }} summary {{ total {{ balance }} }} }} }} }}"""
PAGE = f"""query Page($first: Int!) {{ applications(first: $first) {{
  edges {{ cursor node {{ id version status state createdAt {LINES} }} }}
  pageInfo {{ hasNextPage endCursor }} }} }}"""
CHOICE = """query Choice($first: Int!) { applications(first: $first) { edges { node { id
  consumer { name { family } } consents { id } } } } }"""
PULL = """mutation Pull($input: PullCreditReportInput!) {
  pullCreditReport(input: $input) { id } }"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One of the operations that are measured. size: bytes of the answer."""

    query: Query
    headers: dict[str, str]
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FullPath:
    """What is running. operations: small, medium, everything around one application, a page.

    gateways: by ASGI, and past it.
    """

    gateways: tuple[Started, Started]
    floor: Started
    operations: tuple[Operation, ...]


@contextmanager
def full_path(folder: Path) -> Iterator[FullPath]:
    """Run the platform, a gateway of one worker beside it, and the floor."""
    with _platform(folder) as (serve, direct):
        gateways = _gateway(serve, FULL_PATH), _gateway(direct, FULL_DIRECT)
        operations = _operations(serve, gateways[0])
        answers = {
            one.query.text: gateways[0].ask(one.query, one.headers).body.decode()
            for one in operations
        }
        file = folder / "answers.json"
        file.write_text(json.dumps(answers))
        peer = Peer(name=FLOOR, program="bench.servers.bytes_peer", python=OWN)
        with running(peer, file, folder / "floor.log") as floor:
            for one in operations:
                for other, headers in ((floor, None), (gateways[1], one.headers)):
                    if other.ask(one.query, headers).body.decode() != answers[one.query.text]:
                        raise PeerFailed(f"{other.name} answers {one.query.name} differently")
            yield FullPath(gateways=gateways, floor=floor, operations=operations)


@contextmanager
def started(command: list[str], environment: dict[str, str], log: Path) -> Iterator[Running]:
    """Run an `almoner` command that serves, until the block ends."""
    served = Running(command, environment, log)
    try:
        yield served.start()
    finally:
        if hasattr(served, "process"):  # a start that was interrupted has one too
            served.stop()


@contextmanager
def _platform(folder: Path) -> Iterator[tuple[Running, Running]]:
    """Run the demo world, which issues tokens, and the gateways that are measured."""
    environment = dev_environment(folder / "home")
    with ExitStack() as stack:
        stack.enter_context(started(["dev"], environment, folder / "dev.log"))
        with held_to(SERVER_CORE):
            both = [
                stack.enter_context(_serving(environment, protocol, folder))
                for protocol in ("asgi", "direct")
            ]
        yield both[0], both[1]


def _serving(
    environment: dict[str, str], protocol: str, folder: Path
) -> AbstractContextManager[Running]:
    """Return a gateway of one worker over the demo world's home folder."""
    port, operations = free_ports(2)
    own = environment | {
        "ALMONER_CONFIG": str(folder / "home" / "serve.toml"),
        "ALMONER_PORT": str(port),
        "ALMONER_OPERATIONS_PORT": str(operations),
        "ALMONER_HTTP_PROTOCOL": protocol,
        **AMPLE,
    }
    return started(["serve", "--workers", "1"], own, folder / f"serve-{protocol}.log")


def _gateway(serve: Running, name: str) -> Started:
    return Started(name=name, port=int(serve.environment["ALMONER_PORT"]), pid=serve.process.pid)


def _operations(serve: Running, gateway: Started) -> tuple[Operation, ...]:
    token = {"Authorization": serve.token(COUNSELOR)}
    scopes = [part for scope in SCOPES for part in ("--scope", scope)]
    key = {"x-api-key": serve.command_output("key", "create", "harbor", *scopes)}
    answer = serve.ask(CHOICE, {"first": 40}, token=token["Authorization"])
    nodes = [edge["node"] for edge in data_of(answer)["applications"]["edges"]]
    persona = next(node for node in nodes if node["consumer"]["name"]["family"] == PERSONA)
    wanted = {
        "applicationId": persona["id"],
        "consentId": persona["consents"][0]["id"],
        "idempotencyKey": "bench",
    }
    data_of(serve.ask(PULL, {"input": wanted}, token=token["Authorization"]))

    def operation(
        name: str, text: str, variables: dict[str, object], headers: dict[str, str]
    ) -> Operation:
        unknown = Query(name=name, text=text, variables=variables, leaves=0)
        body = gateway.ask(unknown, headers).body
        query = Query(name=name, text=text, variables=variables, leaves=leaves(json.loads(body)))
        return Operation(query=query, headers=headers, size=len(body))

    every = [operation("full medium", MEDIUM, {"id": node["id"]}, token) for node in nodes]
    return (
        operation("full small", SMALL, {}, token),
        min(every, key=lambda one: abs(one.query.leaves - MEDIUM_LEAVES)),
        operation("full everything", EVERYTHING, {"id": persona["id"]}, token),
        operation("full page of 50", PAGE, {"first": 50}, key),
    )
