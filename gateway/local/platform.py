"""`almoner dev`: gateway, token issuer and bureau simulator in one process, with demo data.

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

from gateway.config import Config
from gateway.inprocess import run_in_process
from gateway.listening import bind
from gateway.local.demo import renew_demo, seed_demo
from gateway.local.issuer import LocalIssuer, issuer_app
from gateway.local.serve_file import write_serve_file
from gateway.server import Server
from gateway.settings import CannotStart
from gateway.workspace import (
    CERTIFICATES_FOLDER,
    ISSUER_FILE,
    Workspace,
    open_workspace,
)
from integrations.transunion.certificates import CertificateFiles, ensure_certificates
from integrations.transunion.local import simulator_settings
from integrations.transunion.simulator import Simulator, running_simulator
from tenants.directory_backup import DIRECTORY_FILE, KEYRING_FILE
from tenants.keyring import LocalKeyring

Tell = Callable[[str], None]
LOOPBACK = ("127.0.0.1", "::1", "localhost")
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
    if config.host not in LOOPBACK:
        raise CannotStart(
            f"`almoner dev` is for this machine alone and listens on 127.0.0.1, not on "
            f"{config.host} (ALMONER_HOST). For others there is `almoner serve`."
        )
    _try_ports(config)
    if reset:
        _forget(config.home)
    if not (config.home / DIRECTORY_FILE).is_file():
        await _make_home(config, progress)
    with _alone_in(config.home):
        async with _running(config) as running:
            ready(running)
            await _told_to_stop()
            progress("stopping: requests in flight are finished first …")


@asynccontextmanager
async def _running(config: Config) -> AsyncIterator[Config]:
    """Start everything; yield the configuration that the gateway runs with."""
    keyring = LocalKeyring.from_file(config.home / KEYRING_FILE, create=False)
    async with AsyncExitStack() as stack:
        async with open_workspace(config.home) as workspace:
            await renew_demo(workspace, issuer_url=config.issuer_url, at=datetime.now(UTC))
        issuer = LocalIssuer.open(config.home / ISSUER_FILE, keyring.derive("issuer"), create=False)
        stack.callback(issuer.close)
        await stack.enter_async_context(
            Server(
                issuer_app(issuer, base_url=config.issuer_url),
                bind(config.host, config.issuer_port, "ALMONER_ISSUER_PORT"),
            )
        )
        certificates = ensure_certificates(config.home / CERTIFICATES_FOLDER)
        url = await stack.enter_async_context(
            running_simulator(Simulator(), certificates, port=config.transunion_port)
        )
        if config.transunion.url is None:
            config = with_simulator(config, url, certificates)
        write_serve_file(config)
        await stack.enter_async_context(run_in_process(config))
        yield config


def with_simulator(config: Config, url: str, certificates: CertificateFiles) -> Config:
    """Return the configuration with the simulator as its credit bureau."""
    settings = simulator_settings(url, certificates)
    known = {name: getattr(settings, name) for name in _OF_THE_SIMULATOR}
    return replace(config, transunion=replace(config.transunion, **known))


def _try_ports(config: Config) -> None:
    """Raise CannotStart where a port is taken, before anything is made."""
    for port, setting in (
        (config.port, "ALMONER_PORT"),
        (config.issuer_port, "ALMONER_ISSUER_PORT"),
        (config.operations_port, "ALMONER_OPERATIONS_PORT"),
        (config.transunion_port, "ALMONER_TRANSUNION_PORT"),
    ):
        bind(config.host, port, setting).close()


def _forget(home: Path) -> None:
    """Remove a demo's home folder; anything else is left alone."""
    if not home.exists():
        return
    if not (home / ISSUER_FILE).is_file():
        raise CannotStart(f"{home} holds no demo world, so --reset leaves it alone.")
    with _alone_in(home):
        shutil.rmtree(home)


async def _make_home(config: Config, progress: Tell) -> None:
    """Build the demo world beside the home folder, and put it in place whole."""
    home = config.home
    if home.is_dir() and any(home.iterdir()):
        raise CannotStart(
            f"{home} has something in it that is no demo world. Set ALMONER_HOME to another "
            "folder, or remove it."
        )
    seeding = home.with_name(f"{home.name}.seeding")
    try:
        shutil.rmtree(seeding, ignore_errors=True)  # what a killed first start left
        seeding.mkdir(mode=0o700, parents=True)
        progress("making the demo world (the first start only) …")
        async with open_workspace(seeding, create=True) as workspace:
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
    key = workspace.keyring.derive("issuer")
    issuer = LocalIssuer.open(workspace.home / ISSUER_FILE, key, create=True)
    try:
        await seed_demo(workspace, issuer, issuer_url=config.issuer_url, at=datetime.now(UTC))
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
