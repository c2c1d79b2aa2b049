"""Every form of credential on the one endpoint, with issuer and authorizer over real HTTP."""

import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.agencies import Pool
from gateway.app import create_app
from gateway.cli.findings import Finding
from gateway.cli.provider_findings import of_providers
from gateway.config import Config
from gateway.identity.credentials import Occasion, authenticate
from gateway.provisioning import cli_audit
from tenants.directory.port import Revocation
from tests.gateway.identity.far_end import FarEnd, serving_far_end
from tests.gateway.identity.forge import Signer, access_claims, id_claims
from tests.gateway.served import make_home
from tests.gateway.small_gateway import small_config

ME = "{ me { subject kind agency { slug } } }"
FIXED = "You are not authorized to make this call."


@pytest.fixture
def far_end() -> Iterator[FarEnd]:
    """Serve an issuer, a pool's keys and an authorizer."""
    with serving_far_end() as given:
        given.answers["door-person"] = {
            "isAuthorized": True,
            "resolverContext": {"agency": "harbor", "subject": "u-1", "group": "counselors"},
        }
        given.answers["door-machine"] = {
            "isAuthorized": True,
            "resolverContext": {"agency": "harbor", "subject": "m-1", "scopes": "agency:read"},
        }
        yield given


@dataclass(slots=True)
class Platform:
    """A gateway over a home folder of its own, and credentials of each form that hold."""

    client: httpx.AsyncClient
    config: Config
    far_end: FarEnd
    app: Any
    key: str

    @property
    def forms(self) -> dict[str, tuple[dict[str, str], str, str]]:
        """Return by the form its headers, whom they name, and what kind that is."""
        access, id_token, oidc = self.pool_token(), self.pool_token(use="id"), self.oidc_token()
        return {
            "access token": ({"authorization": access}, "p-1", "COUNSELOR"),
            "access token, Bearer": ({"authorization": f"Bearer {access}"}, "p-1", "COUNSELOR"),
            "ID token": ({"authorization": id_token}, "p-1", "COUNSELOR"),
            "ID token, Bearer": ({"authorization": f"Bearer {id_token}"}, "p-1", "COUNSELOR"),
            "OIDC": ({"authorization": oidc}, "login:o-1", "COUNSELOR"),
            "OIDC, Bearer": ({"authorization": f"Bearer {oidc}"}, "login:o-1", "COUNSELOR"),
            "authorizer, person": ({"authorization": "door-person"}, "door:u-1", "COUNSELOR"),
            "authorizer, machine": ({"authorization": "door-machine"}, "door:m-1", "INTEGRATION"),
            "API key": ({"x-api-key": self.key}, "", "INTEGRATION"),
        }

    def pool_token(self, *, use: str = "access", **changes: Any) -> str:
        """Return a token of harbor's user pool."""
        issuer = f"{self.far_end.url}/pool"
        moments = _moments() | {"auth_time": int(time.time()) - 60}
        claims = (access_claims if use == "access" else id_claims)(issuer)
        claims |= moments | {"sub": "p-1"} | changes
        return self._signer(issuer).text({}, json.dumps(claims))

    def oidc_token(self, **changes: Any) -> str:
        """Return a token of harbor's OIDC issuer."""
        claims = {"iss": self.far_end.signer.issuer, "sub": "o-1", "aud": "web"}
        claims |= {"groups": ["Counselors"], "jti": "t-1"} | _moments() | changes
        return self._signer(self.far_end.signer.issuer).text({}, json.dumps(claims))

    def _signer(self, issuer: str) -> Signer:
        return Signer(issuer, self.far_end.signer.key_id, self.far_end.signer.key)

    async def ask(self, headers: dict[str, str], query: str = ME) -> httpx.Response:
        """Ask by POST."""
        return await self.client.post("/graphql", json={"query": query}, headers=headers)


def _moments() -> dict[str, int]:
    now = int(time.time())
    return {"iat": now - 60, "exp": now + 3000}


@pytest.fixture
async def platform(far_end: FarEnd, tmp_path: Path) -> AsyncIterator[Platform]:
    """Run the gateway as `almoner serve` makes it."""
    async with _platform(far_end, tmp_path) as given:
        yield given


@asynccontextmanager
async def _platform(far_end: FarEnd, folder: Path) -> AsyncIterator[Platform]:
    home = folder / "home"
    key = await make_home(home)
    pool = Pool(issuer=f"{far_end.url}/pool", client_ids=("almonerweb",))
    file = folder / "providers.toml"
    file.write_text(far_end.file, encoding="utf-8")
    config = small_config(home=home, providers_file=file)
    app = create_app(config)
    transport = httpx.ASGITransport(app=app, client=("192.0.2.7", 4711))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as client,
    ):
        directory = app.state.parts.directory
        harbor = await directory.agency_by_slug("harbor")
        audit = cli_audit("agency update", subject=None, reason="test")
        await directory.update_agency(replace(harbor, pools=(pool,)), audit)
        yield Platform(client, config, far_end, app, key)


async def test_every_form_is_its_principal(platform: Platform) -> None:
    """ID and access tokens raw and after `Bearer`, OIDC, authorizer and key, at one address."""
    for name, (headers, subject, kind) in platform.forms.items():
        answered = await platform.ask(headers)
        assert answered.status_code == 200, name
        me = answered.json()["data"]["me"]
        assert (me["kind"], me["agency"]["slug"]) == (kind, "harbor"), name
        assert me["subject"] == subject or name == "API key"
    (person, machine) = platform.far_end.events[:2]
    assert person["requestContext"]["queryString"] == ME
    assert machine["authorizationToken"] == "door-machine"


async def test_realtime_s_headers_are_the_same_credentials(platform: Platform) -> None:
    """A mapping of header names, however they are written, names the same principals."""
    authenticator = platform.app.state.parts.authenticator
    for headers, subject, kind in platform.forms.values():
        shouted = {name.title(): value for name, value in headers.items()} | {"host": "h"}
        found = await authenticate(shouted, authenticator, Occasion(request_id="r"))
        assert (found.principal.kind, found.agency_hint) == (kind, None)
        assert found.principal.subject == subject or kind == "INTEGRATION"


async def test_what_does_not_hold_is_refused_alike_in_each_form(platform: Platform) -> None:
    """Forged, ended, foreign and unknown credentials get one answer, which tells nothing."""
    past = int(time.time()) - 1
    stranger = "http://127.0.0.1:9/elsewhere"
    bodies = set()
    for headers in (
        {"authorization": platform.pool_token()[:-8] + "AAAAAAAA"},
        {"authorization": platform.pool_token(exp=past)},
        {"authorization": platform.pool_token(iss=stranger)},
        {"authorization": platform.pool_token(client_id="other")},
        {"authorization": platform.oidc_token()[:-8] + "AAAAAAAA"},
        {"authorization": platform.oidc_token(exp=past)},
        {"authorization": platform.oidc_token(iss=stranger)},
        {"authorization": platform.oidc_token(iss=platform.far_end.signer.issuer + "/")},
        {"authorization": platform.oidc_token(aud="other")},
        {"authorization": "door-unknown"},
        {"authorization": "window-person"},
        {"authorization": "door-person", "x-agency": "summit"},
        {"x-api-key": "da2-" + "a" * 26},
        {},
    ):
        answered = await platform.ask(headers)
        assert answered.status_code == 401
        assert answered.headers["x-amzn-errortype"] == "UnauthorizedException"
        bodies.add(answered.text)
    (body,) = bodies
    assert json.loads(body)["message"] == FIXED


async def test_what_is_revoked_is_refused_alike(platform: Platform) -> None:
    """A subject of each form, from the next request on."""
    directory = platform.app.state.parts.directory
    harbor = await directory.agency_by_slug("harbor")
    now = datetime.now(UTC)
    for name in ("access token", "OIDC", "authorizer, person", "authorizer, machine"):
        headers, subject, _ = platform.forms[name]
        assert (await platform.ask(headers)).status_code == 200
        revocation = Revocation(
            kind="sub", value=subject, at=now, expires_at=now + timedelta(days=1)
        )
        audit = cli_audit("token-revoke", subject=None, reason="test")
        await directory.revoke(harbor.id, revocation, audit)
        assert (await platform.ask(headers)).json()["message"] == FIXED


async def test_a_doubtful_request_is_told_what_to_send(platform: Platform) -> None:
    """Two credentials, two Authorization headers and IAM signatures, with words that help."""
    token = platform.pool_token()
    cases: list[tuple[list[tuple[str, str]], str]] = [
        ([("authorization", token), ("x-api-key", platform.key)], "one credential"),
        ([("authorization", token), ("authorization", token)], "once each"),
        ([("authorization", "AWS4-HMAC-SHA256 Credential=a/b, Signature=c")], "IAM"),
    ]
    for headers, told in cases:
        answered = await platform.client.post("/graphql", json={"query": ME}, headers=headers)
        assert answered.status_code == 401
        assert told in answered.json()["message"]


async def test_an_authorizer_that_is_down_is_a_503(platform: Platform) -> None:
    """With a time to come back, and for those alone whose answer is not at hand."""
    assert (await platform.ask({"authorization": "door-machine"})).status_code == 200
    platform.far_end.status = 500
    answered = await platform.ask({"authorization": "door-person"})
    assert answered.status_code == 503
    assert int(answered.headers["retry-after"]) > 0
    assert answered.headers["x-amzn-errortype"] == "ServiceUnavailable"
    assert answered.json()["errors"][0]["errorInfo"]["code"] == "STORE_UNAVAILABLE"
    assert (await platform.ask({"authorization": "door-machine"})).status_code == 200
    platform.far_end.status = 200
    assert (await platform.ask({"authorization": "door-person"})).status_code == 200


async def test_a_denied_field_is_null_and_its_siblings_are_not(platform: Platform) -> None:
    """By graphql-core at first sight and by the plan afterwards, to the same bytes."""
    platform.far_end.answers["door-person"] |= {
        "deniedFields": [
            "Agency.slug",
            "arn:aws:appsync:us-east-1:1:apis/harbor/types/Viewer/fields/agency",
        ]
    }
    query = "{ me { kind agency { name } } applicationCounts { count } }"
    bodies = set()
    for _ in range(4):
        answered = await platform.ask({"authorization": "door-person"}, query)
        assert answered.status_code == 200
        bodies.add(answered.text)
        free = await platform.ask({"authorization": platform.oidc_token()}, query)
        assert "errors" not in free.json()
    (body,) = bodies
    told = json.loads(body)
    assert told["data"]["me"] == {"kind": "COUNSELOR", "agency": None}
    assert isinstance(told["data"]["applicationCounts"], list)
    (error,) = told["errors"]
    assert (error["path"], error["errorType"]) == (["me", "agency"], "Unauthorized")
    assert error["message"] == "Not Authorized to access agency on type Viewer"


async def test_a_denied_subscription_does_not_begin(platform: Platform) -> None:
    """It is refused when it is asked for, and the authorizer is told what that was."""
    denied = {"deniedFields": ["Subscription.onQueueChanged"], "ttlOverride": 0}
    platform.far_end.answers["door-person"] |= denied
    query = "subscription { onQueueChanged { id } }"
    headers = {"authorization": "door-person", "accept": "text/event-stream"}
    answered = await platform.ask(headers, query)
    assert "Not Authorized to access onQueueChanged on type Subscription" in answered.text
    assert platform.far_end.events[-1]["requestContext"]["queryString"] == query


async def test_who_comes_from_elsewhere_has_a_file_of_their_own(platform: Platform) -> None:
    """A consumer of an OIDC issuer begins an application, and nobody of the same `sub` sees it."""
    own = {"authorization": platform.oidc_token(groups="Clients", sub="s" * 128)}
    names = '{given: "Ada", family: "Byron"}'
    start = f"mutation {{ startApplication(input: {{name: {names}}}) {{ id }} }}"
    application = (await platform.ask(own, start)).json()["data"]["startApplication"]
    read = f'{{ application(id: "{application["id"]}") {{ status }} }}'
    assert (await platform.ask(own, read)).json()["data"]["application"]["status"] == "DRAFT"
    claims: dict[str, Any] = {"sub": "s" * 128, "cognito:groups": ["consumers"]}
    other = {"authorization": platform.pool_token(**claims)}
    assert (await platform.ask(other, read)).json()["data"]["application"] is None


async def _findings(platform: Platform) -> dict[str, Finding]:
    directory = platform.app.state.parts.directory
    return {item.check: item async for item in of_providers(platform.config, directory)}


async def test_the_doctor_asks_issuers_and_authorizers(platform: Platform) -> None:
    """One that answers is well; one that lets everybody in, or answers oddly, fails."""
    found = await _findings(platform)
    assert [item.state for item in found.values()] == ["ok", "ok"]
    assert set(found) == {"harbor: issuer login", "harbor: authorizer door"}
    asked = platform.far_end.events[-1]["authorizationToken"]
    assert asked.startswith("almoner-doctor-")

    platform.far_end.answers.clear()
    platform.far_end.signer = Signer(
        f"{platform.far_end.url}/other", "k", platform.far_end.signer.key
    )
    platform.far_end.status = 500
    found = await _findings(platform)
    assert [item.state for item in found.values()] == ["warn", "warn"]
    assert "another issuer" in found["harbor: issuer login"].finding
    assert all(item.remedy for item in found.values())


async def test_the_doctor_finds_what_cannot_work(platform: Platform) -> None:
    """No such agency, a pool's issuer, an authorizer that lets in anybody, a file that is wrong."""
    file = platform.config.providers_file
    assert file is not None
    whole = platform.far_end.file

    class Anybody(dict[str, Any]):
        def get(self, _token: str, _refusal: Any = None) -> Any:
            context = {"agency": "harbor", "subject": "u", "group": "admins"}
            return {"isAuthorized": True, "resolverContext": context}

    platform.far_end.answers = Anybody()
    file.write_text(whole.replace("/login", "/pool"), encoding="utf-8")
    found = await _findings(platform)
    assert "user pool of the directory" in found["harbor: issuer login"].finding
    assert "lets in whoever" in found["harbor: authorizer door"].finding
    platform.far_end.answers = {}
    platform.far_end.status = 418
    found |= await _findings(platform)
    assert "cannot be used" in found["harbor: authorizer door"].finding
    file.write_text(whole.replace('"harbor"', '"nowhere"'), encoding="utf-8")
    found |= await _findings(platform)
    file.write_text("[[oidc", encoding="utf-8")
    found |= await _findings(platform)
    assert [item.state for item in found.values()] == ["FAIL"] * 5
    assert all(item.remedy for item in found.values())
