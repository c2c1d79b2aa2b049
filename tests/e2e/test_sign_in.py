"""Signing in at the local identity provider, and what both kinds of gateway make of its tokens."""

import re
import time
from typing import Any

import pytest
from pycognito import AWSSRP

from gateway.local.demo_world import AGENCIES, CLIENT_ID, OPERATOR, OPERATOR_POOL, PASSWORD
from tests.e2e.platform_process import Running, code_of, data_of
from tests.gateway.local.identity_provider.running import aws_client

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

HARBOR, SUMMIT = (agency.pool_id for agency in AGENCIES)
ME = "{ me { kind subject agency { slug } } }"


def provider_of(dev: Running, pool_id: str | None = None) -> Any:
    address = f"http://127.0.0.1:{dev.environment['ALMONER_ISSUER_PORT']}"
    return aws_client(address if pool_id is None else f"{address}/{pool_id}")


def sign_in(dev: Running, name: str, pool_id: str = HARBOR) -> dict[str, str]:
    """Return the tokens of a sign-in by SRP, at the provider's root."""
    srp = AWSSRP(
        username=name,
        password=PASSWORD,
        pool_id=pool_id,
        client_id=CLIENT_ID,
        client=provider_of(dev),
    )
    tokens: dict[str, str] = srp.authenticate_user()["AuthenticationResult"]
    return tokens


def code_for(dev: Running, email: str) -> str:
    """Return the code that the console shows."""
    found = re.findall(rf"confirmation code for {re.escape(email)} \(\S+\): (\d+)", _said(dev))
    return str(found[-1])


def _said(dev: Running) -> str:
    return dev.log.read_text()


def sign_up(dev: Running, email: str, pool_id: str) -> dict[str, str]:
    """Sign up, confirm with the code on the console, and sign in."""
    client = provider_of(dev, pool_id)
    client.sign_up(ClientId=CLIENT_ID, Username=email, Password=PASSWORD)
    code = code_for(dev, email)
    client.confirm_sign_up(ClientId=CLIENT_ID, Username=email, ConfirmationCode=code)
    return sign_in(dev, email, pool_id)


@pytest.mark.parametrize(
    ("name", "pool_id", "kind"),
    [
        ("consumer@harbor.test", HARBOR, "CONSUMER"),
        ("counselor@summit.test", SUMMIT, "COUNSELOR"),
        ("analyst@summit.test", SUMMIT, "ANALYST"),
        ("admin@harbor.test", HARBOR, "ADMIN"),
        (OPERATOR.email, OPERATOR_POOL, "OPERATOR"),
    ],
)
def test_the_demos_users_sign_in(
    dev: Running, gateway: Running, name: str, pool_id: str, kind: str
) -> None:
    """With the published password, by SRP; either token is good for the gateway."""
    tokens = sign_in(dev, name, pool_id)
    for token in (tokens["AccessToken"], tokens["IdToken"]):
        me = data_of(gateway.ask(ME, token=token))["me"]
        assert me["kind"] == kind


def test_a_sign_up_is_a_consumer_of_that_agency(dev: Running, gateway: Running) -> None:
    """Who signed up at an agency's pool is its consumer, with no application yet."""
    email = f"new-{time.monotonic_ns()}@people.test"
    token = sign_up(dev, email, SUMMIT)["AccessToken"]
    me = data_of(gateway.ask(ME, token=token))["me"]

    assert (me["kind"], me["agency"]["slug"]) == ("CONSUMER", "summit")
    mine = gateway.ask("{ applications(first: 5) { edges { node { id } } } }", token=token)
    assert data_of(mine)["applications"]["edges"] == []


@pytest.mark.parametrize("how", ["RevokeToken", "GlobalSignOut", "AdminDisableUser"])
def test_what_is_revoked_is_refused_within_a_second(dev: Running, serve: Running, how: str) -> None:
    """In every process, verdicts they had kept included; another sign-in is let in at once."""
    email = f"gone-{time.monotonic_ns()}@people.test"
    tokens = sign_up(dev, email, HARBOR)
    access, client = tokens["AccessToken"], provider_of(dev, HARBOR)
    for _ in range(4):  # several workers keep a verdict each
        for running in (dev, serve):
            data_of(running.ask(ME, token=access))

    if how == "RevokeToken":
        client.revoke_token(ClientId=CLIENT_ID, Token=tokens["RefreshToken"])
    elif how == "GlobalSignOut":
        client.global_sign_out(AccessToken=access)
    else:
        address = client.meta.endpoint_url
        aws_client(address, signed=True).admin_disable_user(UserPoolId=HARBOR, Username=email)
    time.sleep(1)
    for _ in range(4):
        for running in (dev, serve):
            assert code_of(running.ask(ME, token=access)) == "UNAUTHENTICATED"
    if how != "AdminDisableUser":
        again = sign_in(dev, email)["AccessToken"]
        for running in (dev, serve):
            data_of(running.ask(ME, token=again))


def test_the_console_shows_codes_and_nothing_else_that_lets_in(dev: Running) -> None:
    """Of a person's whole way in, the code alone is said, once: no password and no token."""
    email = f"quiet-{time.monotonic_ns()}@people.test"
    before = len(_said(dev))
    tokens = sign_up(dev, email, HARBOR)
    client = provider_of(dev, HARBOR)
    totp = client.associate_software_token(AccessToken=tokens["AccessToken"])["SecretCode"]
    with pytest.raises(client.exceptions.NotAuthorizedException):
        client.change_password(
            AccessToken=tokens["AccessToken"],
            PreviousPassword="Wrong-Password-1",
            ProposedPassword="Chosen-Password-2",
        )
    said = _said(dev)[before:]

    assert said.count(code_for(dev, email)) == 1
    for secret in (*tokens.values(), totp, PASSWORD, "Wrong-Password-1", "Chosen-Password-2"):
        assert str(secret) not in said or secret in ("Bearer", 3600)
