"""Nothing leaves the machine in plain: what is refused at the start, and the gateway's own TLS."""

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from gateway import server as server_module
from gateway.config import load_config
from gateway.listening import bind
from gateway.server import Server, gateway_server
from gateway.settings import CannotStart
from integrations.tls import client_tls_context
from integrations.transunion.certificates import CertificateFiles, ensure_certificates
from tests.gateway.small_gateway import COUNSELOR, World, small_app, small_config

EVERYWHERE = "0.0.0.0"  # noqa: S104 - it is what is refused


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ALMONER_HOST": EVERYWHERE}, "plain HTTP is for this machine alone"),
        ({"ALMONER_HOST": "::"}, "plain HTTP is for this machine alone"),
        ({"ALMONER_HOST": "gateway.example"}, "plain HTTP is for this machine alone"),
        ({"ALMONER_OPERATIONS_HOST": "10.0.0.1"}, "metrics go out in plain"),
        ({"ALMONER_BEHIND_TLS_PROXY": "true"}, "does not say which proxy"),
        ({"ALMONER_TLS_KEY_FILE": "key.pem"}, "go together"),
        ({"ALMONER_TRANSUNION_URL": "http://bureau.example"}, "wants https"),
        ({"ALMONER_OTLP_ENDPOINT": "http://traces.example:4318"}, "wants https"),
        ({"ALMONER_AWS_ENDPOINT_URL": "http://10.0.0.1:4566"}, "wants https"),
        ({"ALMONER_OTLP_ENDPOINT": "traces"}, "is not an address"),
        ({"ALMONER_KEYRING": "kms:"}, "without a key"),
        ({"ALMONER_KEYRING": "vault"}, "`file`, or `kms:`"),
    ],
)
def test_nothing_is_spoken_in_plain_beyond_this_machine(
    settings: dict[str, str], words: str
) -> None:
    """`almoner serve` does not start where something would go over a network in plain."""
    with pytest.raises(CannotStart, match=words):
        load_config({"ALMONER_HOME": "/srv/almoner"} | settings, command="serve")


@pytest.mark.parametrize(
    "settings",
    [
        {"ALMONER_HOST": "::1"},
        {"ALMONER_HOST": "localhost"},
        {
            "ALMONER_HOST": EVERYWHERE,
            "ALMONER_OPERATIONS_HOST": "10.0.0.1",
            "ALMONER_BEHIND_TLS_PROXY": "true",
            "ALMONER_TRUSTED_PROXIES": "10.0.0.0/8",
        },
        {
            "ALMONER_HOST": EVERYWHERE,
            "ALMONER_TLS_CERTIFICATE_FILE": "a.pem",
            "ALMONER_TLS_KEY_FILE": "b.pem",
        },
        {"ALMONER_OTLP_ENDPOINT": "http://localhost:4318"},
        {"ALMONER_AWS_ENDPOINT_URL": "https://kms.example"},
        {"ALMONER_KEYRING": "kms:alias/almoner"},
    ],
)
def test_what_stays_private_is_allowed(settings: dict[str, str]) -> None:
    """Loopback, TLS of the gateway's own, and a named proxy that ends TLS are all well."""
    config = load_config({"ALMONER_HOME": "/srv/almoner"} | settings, command="serve")
    assert config.command == "serve"


@pytest.fixture
def certificates(tmp_path: Path) -> CertificateFiles:
    return ensure_certificates(tmp_path / "first")


@asynccontextmanager
async def serving(
    world: World, certificate: Path, key: Path, http_protocol: str = "asgi"
) -> AsyncIterator[Server]:
    """Serve the small gateway with TLS of its own."""
    config = small_config(
        "serve",
        linger_ms=0,
        tls_certificate_file=certificate,
        tls_key_file=key,
        http_protocol=http_protocol,
    )
    async with gateway_server(small_app(world, config), bind("127.0.0.1", 0), config) as server:
        yield server


async def health(server: Server, context: ssl.SSLContext) -> int:
    async with httpx.AsyncClient(verify=context, trust_env=False) as client:
        answer = await client.get(f"https://localhost:{server.port}/health/live")
        return answer.status_code


async def test_the_gateway_speaks_tls_itself(world: World, certificates: CertificateFiles) -> None:
    """With a certificate the port takes TLS 1.2 and 1.3, nothing older, and no plain HTTP."""
    files = certificates
    async with serving(world, files.server_certificate, files.server_key) as server:
        assert server.url.startswith("https://")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = client_tls_context(files.ca_certificate)
            context.minimum_version = context.maximum_version = version
            assert await health(server, context) == httpx.codes.OK
        old = client_tls_context(files.ca_certificate)
        old.set_ciphers("DEFAULT@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.minimum_version = ssl.TLSVersion.TLSv1_1
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(httpx.ConnectError):
            await health(server, old)
        async with httpx.AsyncClient(trust_env=False) as client:
            with pytest.raises(httpx.TransportError):
                await client.get(f"http://localhost:{server.port}/health/live")


async def test_a_renewed_certificate_is_shown_without_a_restart(
    world: World, certificates: CertificateFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New connections get what is in the files; a certificate without its key changes nothing."""
    monkeypatch.setattr(server_module, "CERTIFICATE_POLL_SECONDS", 0.05)
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"
    await asyncio.to_thread(shutil.copy, certificates.server_certificate, certificate)
    await asyncio.to_thread(shutil.copy, certificates.server_key, key)
    others = await asyncio.to_thread(ensure_certificates, tmp_path / "second")
    async with serving(world, certificate, key) as server:
        assert await health(server, client_tls_context(certificates.ca_certificate)) == 200
        await asyncio.to_thread(shutil.copy, others.server_certificate, certificate)
        await asyncio.sleep(0.3)
        assert await health(server, client_tls_context(certificates.ca_certificate)) == 200
        await asyncio.to_thread(shutil.copy, others.server_key, key)
        await asyncio.sleep(0.3)
        assert await health(server, client_tls_context(others.ca_certificate)) == 200
        with pytest.raises(httpx.ConnectError):
            await health(server, client_tls_context(certificates.ca_certificate))


async def test_a_certificate_that_cannot_be_used_is_told_at_the_start(
    world: World, certificates: CertificateFiles, tmp_path: Path
) -> None:
    """A missing file, or a key that is another's, keeps the gateway from starting."""
    for certificate, key in (
        (tmp_path / "nowhere.pem", certificates.server_key),
        (certificates.server_certificate, certificates.client_key),
    ):
        with pytest.raises(CannotStart, match=r"no file|no certificate with its key"):
            async with serving(world, certificate, key):
                pass


@pytest.mark.parametrize("http_protocol", ["asgi", "direct"])
async def test_requests_are_answered_over_tls(
    world: World, certificates: CertificateFiles, http_protocol: str
) -> None:
    """Either way takes requests over TLS, several on one connection."""
    files = certificates
    async with (
        serving(world, files.server_certificate, files.server_key, http_protocol) as server,
        httpx.AsyncClient(
            verify=client_tls_context(files.ca_certificate),
            trust_env=False,
            headers={"Authorization": COUNSELOR},
        ) as client,
    ):
        address = f"https://localhost:{server.port}/graphql"
        for _ in range(3):
            answer = await client.post(address, json={"query": "{ hello }"})
            assert answer.json() == {"data": {"hello": "hello world"}}
