"""The gateway inside another process's event loop, as `almoner dev` runs it."""

import socket
import ssl
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from gateway.config import Config, load_config
from gateway.inprocess import run_in_process
from gateway.local.authority import LocalTls
from gateway.server import Tls
from gateway.settings import CannotStart
from tests.gateway.served import free_port, make_home
from tests.gateway.small_gateway import World, small_app


def config_for(home: Path) -> Config:
    return load_config({"ALMONER_HOME": str(home), "ALMONER_LINGER_MS": "0"}, command="dev")


async def test_it_serves_and_ends_cleanly(tmp_path: Path) -> None:
    """Gateway and metrics answer on their ports, over a real home folder, and free them."""
    secret = await make_home(tmp_path)
    config = replace(config_for(tmp_path), port=0, operations_port=0)
    async with run_in_process(config) as running, httpx.AsyncClient() as client:
        answer = await client.post(
            f"{running.gateway.url}/graphql",
            json={"query": "{ me { kind agency { slug } } }"},
            headers={"x-api-key": secret},
        )
        metrics = await client.get(f"{running.operations.url}/metrics")
        port = running.gateway.port

    data = answer.json()["data"]
    assert data == {"me": {"kind": "INTEGRATION", "agency": {"slug": "harbor"}}}
    assert 'almoner_requests_total{agency="harbor",outcome="ok"} 1.0' in metrics.text
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))


async def test_it_is_served_over_tls_as_well(tmp_path: Path) -> None:
    """The same application at https://localhost, for whoever trusts the authority, opened once."""
    secret = await make_home(tmp_path)
    files = LocalTls.within(tmp_path)
    files.ensure()
    tls = Tls(certificate_file=files.certificate, key_file=files.key_file)
    trusting = ssl.create_default_context(cafile=files.authority)
    config = replace(config_for(tmp_path), port=0, operations_port=0, tls_port=0)
    async with (
        run_in_process(config, also=tls) as running,
        httpx.AsyncClient(verify=trusting) as client,
        httpx.AsyncClient() as trustless,
    ):
        assert running.secure is not None
        url = f"https://localhost:{running.secure.port}/graphql"
        for address in (url, f"{running.gateway.url}/graphql"):
            answer = await client.post(
                address, json={"query": "{ me { kind } }"}, headers={"x-api-key": secret}
            )
            assert answer.json() == {"data": {"me": {"kind": "INTEGRATION"}}}
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await trustless.post(url, json={"query": "{ me { kind } }"})
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", running.secure.port))


@pytest.mark.parametrize("name", ["port", "operations_port"])
async def test_a_taken_port_opens_nothing(tmp_path: Path, name: str) -> None:
    """Both ports are bound before anything else; a taken one is named, the other set free."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        other = free_port()
        ports = {"port": other, "operations_port": other} | {name: taken.getsockname()[1]}
        with pytest.raises(CannotStart, match=f"ALMONER_{name.upper()}"):
            async with run_in_process(replace(config_for(tmp_path), **ports)):
                raise AssertionError

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", other))


async def test_what_the_application_cannot_open_is_told(tmp_path: Path) -> None:
    """Without a home folder the start fails with the remedy, and the port is free again."""
    port = free_port()
    config = replace(config_for(tmp_path), port=port, operations_port=0)
    with pytest.raises(CannotStart, match="there is no directory"):
        async with run_in_process(config):
            raise AssertionError

    async with run_in_process(config, app=small_app(World(), config)) as running:
        assert running.gateway.port == port
