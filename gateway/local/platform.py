"""`almoner dev`: gateway, identity provider and simulated vendors in one process, with demo data.

One process, so that ending it in whatever way ends everything: no orphan can keep a port. Every
port is tried before anything is written, and a first start builds its home folder beside the real
one and puts it in place whole.
"""

import asyncio
import fcntl
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from domain.errors import GatewayError
from gateway.config import Config
from gateway.edge import EDGE_FILE
from gateway.inprocess import run_in_process
from gateway.listening import bind
from gateway.local.agency_pools import adopt_pools
from gateway.local.authority import LocalTls
from gateway.local.demo import renew_demo, renew_passwords, seed_demo
from gateway.local.demo_world import AGENCIES
from gateway.local.edge import local_edge
from gateway.local.explorer.routes import explorer_routes
from gateway.local.identity_provider.dispatch import Provider
from gateway.local.identity_provider.http import provider_app
from gateway.local.issuer import LocalIssuer
from gateway.local.messages import shown
from gateway.local.revoking import GatewayRevoker
from gateway.local.serve_file import SERVE_FILE, write_serve_file
from gateway.server import Server, Tls
from gateway.settings import CannotStart
from gateway.workspace import (
    CERTIFICATES_FOLDER,
    ISSUER_FILE,
    RUN_FOLDER,
    STORES_FOLDER,
    TLS_FOLDER,
    Workspace,
    open_workspace,
)
from integrations.plaid import local as plaid_local
from integrations.plaid.simulator import Simulator as PlaidSimulator
from integrations.transunion.certificates import CertificateFiles, ensure_certificates
from integrations.transunion.local import simulator_settings
from integrations.transunion.simulator import Simulator
from tenants.directory.sqlite import DIRECTORY_FILE
from tenants.keys.home import KEYRING_FILE, ROOT_KEY_FILE, KeySettings
from tenants.outbox.traces import TRACES_FOLDER

Tell = Callable[[str], None]
LOOPBACK = "127.0.0.1"
_DATABASES = (DIRECTORY_FILE, ISSUER_FILE)
_OF_A_DEMO = frozenset(
    {
        *(f"{name}{end}" for name in _DATABASES for end in ("", "-wal", "-shm")),
        KEYRING_FILE,
        ROOT_KEY_FILE,
        SERVE_FILE,
        EDGE_FILE,
        STORES_FOLDER,
        CERTIFICATES_FOLDER,
        TLS_FOLDER,
        RUN_FOLDER,
        TRACES_FOLDER,
    }
)
_OF_THE_SIMULATOR = (
    "url",
    "system_id",
    "system_password",
    "industry_code",
    "member_code_soft",
    "member_code_hard",
    "inquiry_prefix",
    "password",
    "certificate_file",
    "key_file",
    "ca_file",
)


async def run_platform(
    config: Config, *, reset: bool, progress: Tell, ready: Callable[[Config], None]
) -> None:
    """Run until SIGINT or SIGTERM, then drain.

    progress hears what takes long; ready is called once everything answers. Raises CannotStart
    where something is in the way, with nothing half-made.
    """
    _try_ports(config)
    if reset and config.home.exists():
        await _forget(config.home, config.keys)
    if not (config.home / DIRECTORY_FILE).is_file():
        await _make_home(config, progress)
    _demand_demo(config.home)
    with _alone_in(config.home):
        async with _running(config, progress) as running:
            ready(running)
            await _told_to_stop()
            progress("stopping: requests in flight are finished first …")


@asynccontextmanager
async def _running(config: Config, progress: Tell) -> AsyncIterator[Config]:
    """Start everything; yield the configuration that the gateway runs with."""
    async with AsyncExitStack() as stack:
        opening = open_workspace(config.home, keys=config.keys)
        workspace = await stack.enter_async_context(opening)
        await renew_demo(workspace, issuer_url=config.issuer_url, at=datetime.now(UTC))
        issuer_key = workspace.keys.derive("issuer")
        issuer = LocalIssuer.open(config.home / ISSUER_FILE, issuer_key, create=False)
        stack.callback(issuer.close)
        renew_passwords(issuer)
        await adopt_pools(workspace.directory, issuer, config.issuer_url)
        provider = Provider(
            file=issuer.file,
            deliver=lambda message: progress(shown(message)),
            tell_revoked=GatewayRevoker(workspace.directory, config.issuer_url),
        )
        await stack.enter_async_context(
            Server(
                provider_app(provider, base_url=config.issuer_url),
                bind(config.host, config.issuer_port, "ALMONER_ISSUER_PORT"),
            )
        )
        config = await _simulate_bureau(stack, config)
        config = await _simulate_banks(stack, config)
        write_serve_file(config)
        await stack.enter_async_context(
            Server(
                local_edge(workspace, config),
                bind(config.host, config.edge.port, "ALMONER_EDGE_PORT"),
            )
        )
        gateway = run_in_process(
            config, also=_local_tls(config), routes=explorer_routes(config, issuer)
        )
        await stack.enter_async_context(gateway)
        yield config


async def _simulate_bureau(stack: AsyncExitStack, config: Config) -> Config:
    """Start TransUnion's simulator; return the configuration, with it where no other is named."""
    certificates = ensure_certificates(config.home / CERTIFICATES_FOLDER)
    simulator = Simulator()
    await stack.enter_async_context(
        Server(
            simulator,
            bind(config.host, config.transunion_port, "ALMONER_TRANSUNION_PORT"),
            tls=Tls(
                certificate_file=certificates.server_certificate,
                key_file=certificates.server_key,
                client_ca_file=certificates.ca_certificate,
            ),
        )
    )
    stack.callback(simulator.close)  # before its server drains: some are kept waiting on purpose
    if config.transunion.url is not None:
        return config
    return with_simulator(config, f"https://localhost:{config.transunion_port}", certificates)


async def _simulate_banks(stack: AsyncExitStack, config: Config) -> Config:
    """Start Plaid's simulator; return the configuration, with it where no other is named."""
    simulator = PlaidSimulator()
    port = bind(config.host, config.plaid_port, "ALMONER_PLAID_PORT")
    await stack.enter_async_context(Server(simulator, port))
    stack.callback(simulator.close)
    if config.plaid.url is not None:
        return config
    return with_simulated_banks(config, f"http://127.0.0.1:{config.plaid_port}")


def with_simulated_banks(config: Config, url: str) -> Config:
    """Return the configuration with the simulator as Plaid, which tells this very gateway."""
    settings = plaid_local.simulator_settings(url)
    plaid = replace(
        config.plaid,
        url=url,
        client_id=settings.client_id,
        secret=settings.secret,
        webhook_url=f"http://127.0.0.1:{config.port}",
    )
    return replace(config, plaid=plaid)


def _local_tls(config: Config) -> Tls | None:
    """Return what the gateway is served with at https://localhost, made where it has to be."""
    if not config.tls_port:
        return None
    files = LocalTls.within(config.home)
    files.ensure()
    return Tls(certificate_file=files.certificate, key_file=files.key_file)


def with_simulator(config: Config, url: str, certificates: CertificateFiles) -> Config:
    """Return the configuration with the simulator as its credit bureau."""
    settings = simulator_settings(url, certificates)
    known = {name: getattr(settings, name) for name in _OF_THE_SIMULATOR}
    return replace(config, transunion=replace(config.transunion, **known))


def _try_ports(config: Config) -> None:
    """Raise CannotStart where a port cannot be had, before anything is made."""
    if config.host != LOOPBACK:
        raise CannotStart(
            f"`almoner dev` is for this machine alone and listens on {LOOPBACK}, not on "
            f"{config.host} (ALMONER_HOST). For others there is `almoner serve`."
        )
    ports = {
        "ALMONER_PORT": config.port,
        "ALMONER_ISSUER_PORT": config.issuer_port,
        "ALMONER_OPERATIONS_PORT": config.operations_port,
        "ALMONER_TRANSUNION_PORT": config.transunion_port,
        "ALMONER_PLAID_PORT": config.plaid_port,
        "ALMONER_EDGE_PORT": config.edge.port,
    }
    if config.tls_port:
        ports["ALMONER_TLS_PORT"] = config.tls_port
    named_by: dict[int, str] = {}
    for setting, port in ports.items():
        if port == 0:
            raise CannotStart(f"{setting} is 0, and `almoner dev` wants ports that it can name.")
        if port in named_by:
            raise CannotStart(f"{setting} and {named_by[port]} are both {port}: choose another.")
        named_by[port] = setting
        bind(config.host, port, setting).close()


async def _forget(home: Path, keys: KeySettings) -> None:
    """Remove a demo's home folder; what holds anything else is left alone."""
    _demand_demo_alone(home)
    with _alone_in(home):
        others = await _other_agencies(home, keys)
        if others:
            raise CannotStart(
                f"{home} holds agencies that are not the demo's: {', '.join(others)}. "
                "`almoner agency remove` them first, if you mean it."
            )
        shutil.rmtree(home)


def _demand_demo_alone(home: Path) -> None:
    """Raise CannotStart where a home folder holds anything that a demo's does not."""
    _demand_demo(home)
    strangers = sorted(path.name for path in home.iterdir() if path.name not in _OF_A_DEMO)
    if strangers:
        raise CannotStart(
            f"{home} holds what is not the demo's: {', '.join(strangers)}. Move it away first."
        )


async def _other_agencies(home: Path, keys: KeySettings) -> list[str]:
    """Return the slugs of agencies that the demo did not make; none where nothing can be opened."""
    try:
        async with open_workspace(home, keys=keys) as workspace:
            slugs = {agency.slug for agency in await workspace.directory.agencies()}
    except GatewayError:
        return []  # the keys are gone, and with them all that they opened
    return sorted(slugs - {agency.slug for agency in AGENCIES})


def _demand_demo(home: Path) -> None:
    """Raise CannotStart where a home folder was not made by `almoner dev`, or lost its issuer."""
    if (home / ISSUER_FILE).is_file():
        return
    if (home / SERVE_FILE).is_file():
        raise CannotStart(
            f"{ISSUER_FILE} is missing from the demo in {home}: without it nobody can sign in. "
            "Bring it back, or set ALMONER_HOME to another folder for a new demo."
        )
    raise CannotStart(
        f"{home} holds no demo world. `almoner dev` uses a home folder that it made itself: set "
        "ALMONER_HOME to another one."
    )


async def _make_home(config: Config, progress: Tell) -> None:
    """Build the demo world beside the home folder, and put it in place whole."""
    home = config.home
    if home.exists() and not (home.is_dir() and not any(home.iterdir())):
        raise CannotStart(
            f"{home} is something else than a demo world. Set ALMONER_HOME to another folder."
        )
    seeding = home.with_name(f"{home.name}.seeding")
    try:
        shutil.rmtree(seeding, ignore_errors=True)  # what a killed first start left
        seeding.mkdir(mode=0o700, parents=True)
        progress("making the demo world (the first start only) …")
        async with open_workspace(seeding, keys=config.keys, create=True) as workspace:
            await _seed(workspace, config)
        seeding.replace(home)
    except OSError as error:
        raise CannotStart(
            f"cannot make {home}: {error.strerror}. Set ALMONER_HOME to a folder that you may "
            "write to."
        ) from error
    finally:
        shutil.rmtree(seeding, ignore_errors=True)


async def _seed(workspace: Workspace, config: Config) -> None:
    key = workspace.keys.derive("issuer")
    issuer = LocalIssuer.open(workspace.home / ISSUER_FILE, key, create=True)
    try:
        await seed_demo(
            workspace,
            issuer,
            issuer_url=config.issuer_url,
            gateway_port=config.port,
            at=datetime.now(UTC),
        )
    finally:
        issuer.close()


@contextmanager
def _alone_in(home: Path) -> Iterator[None]:
    """Hold the home folder: two platforms over one demo would answer for each other's ports."""
    folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise CannotStart(f"another `almoner dev` is running with {home}.") from error
    finally:
        os.close(folder)


async def _told_to_stop() -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    await told.wait()
