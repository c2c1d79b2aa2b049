"""amazon-cognito-identity-js, unchanged, against the running provider over real HTTP."""

from collections.abc import Iterator

import pyotp
import pytest

from tests.gateway.local.identity_provider.node_clients import NodeClient, Refused, node_client
from tests.gateway.local.identity_provider.running import (
    CLIENT,
    COUNSELOR,
    HARBOR,
    PASSWORD,
    Running,
)


@pytest.fixture
def client(provider: Running) -> Iterator[NodeClient]:
    with node_client("identity_js.cjs", provider.url, HARBOR, CLIENT) as found:
        yield found


def test_it_signs_in_every_time(client: NodeClient) -> None:
    """Its big numbers are its own: a dozen sign-ins meet every case of padding."""
    for _ in range(12):
        assert set(client("authenticate", COUNSELOR, PASSWORD)["tokens"]) == {
            "access",
            "id",
            "refresh",
        }


@pytest.mark.slow
def test_it_refreshes_and_signs_out_everywhere(client: NodeClient) -> None:
    """A refresh keeps the refresh token; after globalSignOut it is refused."""
    tokens = client("authenticate", COUNSELOR, PASSWORD, "USER_PASSWORD_AUTH")["tokens"]
    assert client("attributes")["email"] == COUNSELOR
    again = client("refresh", None)
    assert again["refresh"] == tokens["refresh"]
    assert again["access"] != tokens["access"]

    client("globalSignOut")
    with pytest.raises(Refused, match="NotAuthorizedException"):
        client("refresh", tokens["refresh"])
    # It repeats a refused refresh for seconds: nobody is locked out by that.
    assert "tokens" in client("authenticate", COUNSELOR, PASSWORD)


def test_its_challenges(provider: Running, client: NodeClient) -> None:
    """A new password where it was temporary, and the code of an authenticator app."""
    provider.aws(signed=True).admin_create_user(
        UserPoolId=HARBOR, Username="new@harbor.test", TemporaryPassword="Temporary-1"
    )
    asked = client("authenticate", "new@harbor.test", "Temporary-1")
    assert asked["challenge"] == "NEW_PASSWORD_REQUIRED"
    assert "tokens" in client("completeNewPassword", PASSWORD)

    app = pyotp.TOTP(client("associate"))
    client("verify", app.at(provider.clock()))
    client("prefer", True)
    provider.clock.turn(30)
    asked = client("authenticate", "new@harbor.test", PASSWORD)
    assert asked == {"challenge": "SOFTWARE_TOKEN_MFA"}
    with pytest.raises(Refused, match="CodeMismatchException"):
        client("sendCode", app.at(0))
    assert "tokens" in client("sendCode", app.at(provider.clock()))
