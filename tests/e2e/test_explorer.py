"""The explorer, as a person at a browser has it: real Chromium, a real platform."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from gateway.local.demo_world import AGENCIES, PASSWORD
from gateway.local.explorer.routes import TOKEN_PATH
from tests.e2e.platform_process import Running, data_of
from tests.gateway.local.identity_provider.node_clients import NodeClient, node_client
from tests.gateway.local.identity_provider.running import aws_client
from tests.node.chromium import chromium_or_skip, explorer_or_skip

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

SCRIPT = Path(__file__).with_name("explorer.cjs")
REBOUND = "rebound.example"
HARBOR, SUMMIT = (agency.pool_id for agency in AGENCIES)
CHANGE = "mutation ($input: UpdateApplicationInput!) { updateApplication(input: $input) { id } }"
NEW_TOKEN = {
    "method": "POST",
    "headers": {"content-type": "application/json"},
    "body": '{"user":"admin@harbor.test"}',
}


@pytest.fixture(scope="module")
def browser() -> Iterator[NodeClient]:
    """Give a browser that also takes a name of the web for this machine."""
    explorer_or_skip()
    with node_client(str(SCRIPT), chromium_or_skip(), REBOUND) as started:
        yield started


@pytest.fixture
def explorer(browser: NodeClient, dev: Running) -> NodeClient:
    """Give the explorer, opened anew; at its end it has complained of nothing."""
    assert browser("open", address_of(dev)) == 200
    browser("greeted", "Nora Quist")
    return browser


def address_of(running: Running) -> str:
    return running.url.removesuffix("graphql")


def issuer_of(dev: Running) -> str:
    return f"http://127.0.0.1:{dev.environment['ALMONER_ISSUER_PORT']}"


def sent_to_gateway(explorer: NodeClient) -> list[dict[str, str]]:
    """Return the headers of all requests to the endpoint."""
    return [one["headers"] for one in explorer("asked") if one["url"].endswith("/graphql")]


def test_a_person_asks_and_sees_the_answer(explorer: NodeClient) -> None:
    """Whoever opens it is a counselor, one click away from the first answer."""
    explorer("run")
    assert "IN_REVIEW" in explorer("answered", '"applications"')


def test_another_person_asks_as_themselves(explorer: NodeClient) -> None:
    """The switched user is the one who is answered; what the first one saw is gone."""
    explorer("choose", "Who am I?")
    explorer("run")
    explorer("answered", "Nora Quist")

    explorer("pick", "consumer@summit.test")
    explorer("greeted", "Luz Ibarra")
    assert "Nora" not in explorer("answer")
    explorer("run")
    answer = explorer("answered", "Luz Ibarra")

    assert "Summit Debt Relief" in answer
    assert "consumers" in explorer("bar")
    assert f"/{SUMMIT}" in explorer("claims")


def test_variables_are_filled_in(explorer: NodeClient) -> None:
    """An operation on one application is opened with one that the person may read."""
    explorer("choose", "One application in full")
    explorer("run")
    assert '"id": "app_' in explorer("answered", '"application"')


def test_what_is_of_another_kind_is_passed_over(explorer: NodeClient) -> None:
    """The plan that waits is what signing it is opened with, by its hash and the caller's name."""
    explorer("pick", "consumer3@harbor.test")
    explorer("greeted", "Marta Vance")
    explorer("choose", "Sign the plan")
    explorer("run")
    assert "ENROLLED" in explorer("answered", '"ACCEPTED"')


def test_signing_in_by_password(explorer: NodeClient) -> None:
    """At the identity provider; a wrong password is told, and the right one is somebody else."""
    explorer("signIn", HARBOR, "admin@harbor.test", "Wrong-Password-1")
    assert explorer("trouble") == "Incorrect username or password."

    explorer("open", explorer("asked")[0]["url"])
    explorer("greeted", "Nora Quist")
    explorer("signIn", HARBOR, "admin@harbor.test", PASSWORD)
    explorer("greeted", "Priya Holt")
    explorer("choose", "Who works here")
    explorer("run")
    assert "admin@harbor.test" in explorer("answered", '"staff"')


def test_a_new_password_is_asked_for(explorer: NodeClient, dev: Running) -> None:
    """Who was invited chooses one where they sign in, and is then in."""
    invited = "invited@harbor.test"
    admin = aws_client(issuer_of(dev), signed=True)
    named = {"UserPoolId": HARBOR, "Username": invited}
    admin.admin_create_user(**named, TemporaryPassword="Temporary-1", MessageAction="SUPPRESS")
    admin.admin_add_user_to_group(**named, GroupName="consumers")

    explorer("signIn", HARBOR, invited, "Temporary-1")
    explorer("answerChallenge", "New password", "Chosen-Myself-1")
    explorer("greeted", invited)
    explorer("choose", "Who am I?")
    explorer("run")
    assert "Harbor Credit Counseling" in explorer("answered", "CONSUMER")


def test_a_machine_asks_with_its_key(explorer: NodeClient) -> None:
    """A key is made in one step, and is what is sent from then on."""
    explorer("makeKey", "summit")
    explorer("choose", "Who am I?")
    explorer("run")

    answer = explorer("answered", "INTEGRATION")
    assert "Summit Debt Relief" in answer
    assert "authorization" not in sent_to_gateway(explorer)[-1]
    assert sent_to_gateway(explorer)[-1]["x-api-key"].startswith("da2-")


def test_an_operator_says_where_they_act(explorer: NodeClient) -> None:
    """The agency travels as x-agency, and none does before one is named."""
    explorer("pick", "operator@almoner.test")
    explorer("greeted", "Platform Operator")
    explorer("choose", "Who am I?")
    explorer("run")
    explorer("answered", "OPERATOR")
    assert "x-agency" not in sent_to_gateway(explorer)[-1]

    explorer("actIn", "harbor")
    explorer("choose", "Grants and requests")
    explorer("run")
    explorer("answered", '"accessGrants"')
    assert sent_to_gateway(explorer)[-1]["x-agency"] == "harbor"


def test_an_agencys_own_address_begins_with_its_people(browser: NodeClient, dev: Running) -> None:
    """Where the edge sends visitors, the counselor is that agency's."""
    assert browser("open", address_of(dev).replace("127.0.0.1", "summit.localhost")) == 200
    browser("greeted", "Abel Stroud")


def test_a_live_event_is_seen(explorer: NodeClient, dev: Running) -> None:
    """What a counselor changes shows up where they watch; whoever comes next does not see it."""
    counselor = dev.token("counselor@harbor.test")
    listed = dev.ask("{ applications(first: 1) { edges { node { id } } } }", token=counselor)
    changed = {"id": data_of(listed)["applications"]["edges"][0]["node"]["id"]}
    explorer("choose", "Watch applications")
    explorer("run")
    for number in count():  # nothing tells when a subscription has begun but its first event
        change = changed | {"hardshipReason": f"Change {number}."}
        data_of(dev.ask(CHANGE, {"input": change}, token=counselor))
        if "Change" in explorer("answer"):
            break
    data_of(dev.ask(CHANGE, {"input": changed | {"hardshipReason": "The last."}}, token=counselor))
    explorer("answered", "The last.")

    explorer("pick", "counselor2@harbor.test")
    explorer("greeted", "Teo Marsh")
    explorer("ended")
    assert "The last." not in explorer("answer")
    assert explorer("complaints") == []


def test_no_request_leaves_this_machine(explorer: NodeClient, dev: Running) -> None:
    """Fonts, scripts, workers and answers are all of the gateway's and the sign-in's addresses."""
    explorer("run")
    explorer("answered", '"applications"')
    explorer("signIn", HARBOR, "analyst@harbor.test", PASSWORD)
    explorer("greeted", "Jonas Weld")

    to = {urlsplit(one["url"]).netloc for one in explorer("asked") if "data:" not in one["url"]}
    assert to == {urlsplit(address_of(dev)).netloc, urlsplit(issuer_of(dev)).netloc}
    assert explorer("complaints") == []


def test_another_page_of_this_machine_is_given_no_token(browser: NodeClient, dev: Running) -> None:
    """A script of another port can neither read a token nor have one made."""
    browser("open", f"{issuer_of(dev)}/health/live")
    target = address_of(dev).removesuffix("/") + TOKEN_PATH
    blind = {**NEW_TOKEN, "mode": "no-cors", "headers": {"content-type": "text/plain"}}

    assert browser("attempt", target, NEW_TOKEN) == {"error": "TypeError"}
    assert browser("attempt", target, blind) == {"status": 0, "body": ""}
    assert browser("attempt", address_of(dev) + "explorer/world", {}) == {"error": "TypeError"}
    statuses = [one["status"] for one in browser("asked") if one["url"] == target]
    assert 403 in statuses
    assert 200 not in statuses


def test_a_name_led_to_this_machine_is_given_nothing(browser: NodeClient, dev: Running) -> None:
    """DNS rebinding: the page of such a name is refused, and so is what its script posts."""
    rebound = address_of(dev).replace("127.0.0.1", REBOUND)
    assert browser("open", rebound) == 403
    assert browser("attempt", TOKEN_PATH, NEW_TOKEN)["status"] == 403


@pytest.mark.parametrize("path", ["/", "/explorer/world", TOKEN_PATH])
def test_serve_has_none_of_it(serve: Running, path: str) -> None:
    """`almoner serve`, over the very same demo, answers 404 wherever the explorer would be."""
    address = address_of(serve).removesuffix("/")
    headers = {"Origin": address}
    assert httpx.get(address + path, headers=headers).status_code == 404
    posted = httpx.post(address + path, json={"user": "admin@harbor.test"}, headers=headers)
    assert posted.status_code == 404
