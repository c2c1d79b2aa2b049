"""What Amplify makes of a token that is revoked beneath its subscription."""

from pathlib import Path

import pytest

from gateway.local.demo_world import PASSWORD
from tests.e2e.platform_process import Running
from tests.gateway.local.identity_provider.node_clients import node_client

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

SCRIPT = Path(__file__).with_name("amplify_client.cjs")
MINE = "{ applications(first: 1) { edges { node { id } } } }"
UPDATED = "subscription { onApplicationUpdated { id hardshipReason } }"
CHANGE = "mutation ($input: UpdateApplicationInput!) { updateApplication(input: $input) { id } }"


def test_a_revoked_token_ends_a_subscription_and_the_next_one_begins_another(
    dev: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The subscription is told UnauthorizedException; with a renewed token Amplify is back."""
    home = Path(dev.environment["ALMONER_HOME"])
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", str(home / "tls/ca.pem"))
    config = tmp_path / "amplify_config.json"
    dev.command_output("amplify", "harbor", "--for", "amplify-config", "--out", str(config))
    with node_client(str(SCRIPT), str(config)) as amplify:
        amplify("signIn", "consumer@harbor.test", PASSWORD)
        mine = amplify("ask", MINE)["applications"]["edges"][0]["node"]["id"]
        amplify("subscribe", UPDATED)
        amplify("ask", CHANGE, {"input": {"id": mine, "hardshipReason": "Before."}})
        assert amplify("event")["onApplicationUpdated"]["hardshipReason"] == "Before."

        jti = amplify("claims")["jti"]
        dev.command_output("token-revoke", "harbor", "--jti", jti, "--reason", "test")
        assert "UnauthorizedException" in amplify("error")

        assert amplify("claims", {"forceRefresh": True})["jti"] != jti
        amplify("subscribe", UPDATED)
        amplify("ask", CHANGE, {"input": {"id": mine, "hardshipReason": "After."}})
        assert amplify("event")["onApplicationUpdated"]["hardshipReason"] == "After."
