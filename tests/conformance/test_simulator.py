"""The kit against Amplify's own simulator of AppSync, where it is installed: what that one does."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.asking import ask
from conformance.facts import load_facts
from conformance.servers import Server, realtime_url_of
from conformance.verdicts import Outcome
from tests.gateway.served import free_port

pytestmark = pytest.mark.slow

MODULES = Path(sys.prefix) / "appsync_simulator" / "node_modules"
SCRIPT = Path(__file__).parent / "simulator" / "simulator.mjs"
KEY = "da2-" + 26 * "s"
# The simulator's first keep-alive comes after four minutes; some of the frames it never answers,
# and nothing about those is judged.
FACTS = [
    fact for fact in load_facts() if fact.id != "realtime/keep_alive" and fact.subject != "frames"
]
DOCUMENTS = {"trigger": 'mutation { change(id: "7") { id } }', "failing": "{ failing }"}

DIFFERS = {
    "answers": "empty_body empty_list empty_object failed_field get no_json no_operation_named "
    "subscription syntax_error unknown_field",
    "headers": "error_type request_id request_id_of_refusal shown_to_pages",
    "authorization": "none refusal_message wrong_key wrong_token",
    "clients": "amplify_refusal apollo_refusal apollo_validation_error urql_get",
    "scalars": "date date_time ip_address time url",
    "realtime": "acknowledged_with_timeout duplicate_id handshake_by_headers "
    "handshake_by_subprotocol refused_by_headers refused_by_query refused_by_subprotocol "
    "refused_start refused_without_credential unknown_type",
}


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Give the address of a running simulator."""
    node = shutil.which("node")
    if node is None or not MODULES.is_dir():
        pytest.skip("no simulator: `sh scripts/appsync_simulator.sh PORT KEY` installs it")
    port = free_port()
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [node, str(SCRIPT), str(port), KEY],
            env=os.environ | {"NODE_PATH": str(MODULES)},
            stdout=subprocess.PIPE,
            stderr=log,
        )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n", (tmp_path / "log").read_text()
        yield f"http://127.0.0.1:{port}/graphql"
    finally:
        process.kill()
        process.communicate()


async def test_the_simulator_deviates_where_it_is_known_to(url: str) -> None:
    """Of Amplify's simulator the kit tells each deviation, over HTTP and over its socket."""
    server = Server(
        url=url,
        realtime_url=realtime_url_of(url),
        api_key=KEY,
        documents=DOCUMENTS,
    )
    verdicts = await ask(server, FACTS)

    found = {one.fact.id for one in verdicts if one.outcome is Outcome.DIFFERS}
    assert found == {f"{on}/{name}" for on, names in DIFFERS.items() for name in names.split()}
    told = {one.fact.id for one in verdicts if one.outcome is Outcome.OK}
    assert {"realtime/data", "realtime/handshake_by_query", "scalars/json"} <= told
