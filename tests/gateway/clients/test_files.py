"""What configures clients, as the clients themselves take it."""

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.clients.files import FILES, amplify_config, amplify_outputs
from gateway.clients.target import ClientTarget
from tests.node.packages import NODE_MODULES, node_or_skip

TARGET = ClientTarget(
    agency="harbor",
    url="https://localhost:8443/graphql",
    region="us-east-1",
    pool_id="us-east-1_Harbor01",
    pool_client_id="web",
    pool_endpoint=None,
)
PARSE = """
const { parseAmplifyConfig } = require("aws-amplify/utils");
console.log(JSON.stringify(parseAmplifyConfig(JSON.parse(process.argv[1]))));
"""


def parsed(text: str) -> dict[str, Any]:
    """Return what Amplify makes of a configuration."""
    done = subprocess.run(
        [node_or_skip(), "-e", PARSE, text],
        env={"NODE_PATH": str(NODE_MODULES)},
        capture_output=True,
        text=True,
        check=True,
    )
    members: dict[str, Any] = json.loads(done.stdout)
    return members


def test_amplify_reads_the_same_out_of_both() -> None:
    """The outputs and the configuration come to one thing, whatever else the outputs tell."""
    assert parsed(amplify_outputs(TARGET)) == parsed(amplify_config(TARGET))


def test_the_rules_of_a_local_pool_reach_amplify() -> None:
    """Passwords, second factors and what people are called, from the outputs."""
    local = replace(TARGET, pool_endpoint="http://127.0.0.1:8001/us-east-1_Harbor01")
    pool = parsed(amplify_outputs(local))["Auth"]["Cognito"]

    assert pool["passwordFormat"]["minLength"] == 8
    assert pool["mfa"] == {"status": "optional", "smsEnabled": False, "totpEnabled": True}
    assert pool["loginWith"]["email"] is True
    assert "userPoolEndpoint" not in pool


@pytest.mark.parametrize("name", ["apollo", "urql", "relay"])
def test_modules_are_javascript(name: str, tmp_path: Path) -> None:
    """Node can read them, and each exports what signs in and what connects."""
    module = tmp_path / "almoner.mjs"
    module.write_text(FILES[name](TARGET), "utf-8")
    done = subprocess.run(
        [node_or_skip(), "--check", str(module)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    exported = re.findall(r"^export (?:async )?function (\w+)", module.read_text(), re.MULTILINE)
    assert exported == ["accessToken", "connect"]


def test_every_scalar_has_its_type() -> None:
    """Code is generated for each of the schema's scalars, and for none that it has not."""
    root = Path(__file__).parent.parent.parent.parent
    served = re.findall(
        r"^scalar (\w+)", (root / "schema/schema.graphql").read_text(), re.MULTILINE
    )
    (mapped,) = re.findall(r"scalars: \{(.*?)\}", FILES["codegen"](TARGET), re.DOTALL)
    assert sorted(re.findall(r"(\w+):", mapped)) == sorted(served)
