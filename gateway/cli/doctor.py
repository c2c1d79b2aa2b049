"""`almoner doctor`: checks what a running system needs, and says how to mend what is missing."""

import asyncio
import shutil
import socket
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import httpx
from cryptography import x509

from domain.agencies import Agency
from domain.errors import GatewayError
from gateway.cli.terminal import configured, json_option, print_rows
from gateway.config import Config
from gateway.local.serve_file import SERVE_FILE
from gateway.settings import CannotStart
from gateway.workspace import Workspace, open_workspace
from tenants.directory_backup import DIRECTORY_FILE

FREE_BYTES_MIN = 500 * 1024 * 1024
CERTIFICATE_DAYS_MIN = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check's outcome. state: `ok`, `warn` (runs, look at it) or `FAIL`."""

    check: str
    state: str
    finding: str
    remedy: str = ""


@click.command()
@json_option
def doctor(*, as_json: bool) -> None:
    """Check the installation; exit 1 where something would not work.

    \b
    Example:
      almoner doctor --json
    """
    config = configured("doctor")
    findings = asyncio.run(_examine(config))
    if as_json:
        print_rows([asdict(item) for item in findings], as_json=True, empty="")
    else:
        for item in findings:
            click.echo(f"{item.state:4}  {item.check}: {item.finding}")
            if item.remedy:
                click.echo(f"      → {item.remedy}")
    if any(item.state == "FAIL" for item in findings):
        sys.exit(1)


async def _examine(config: Config) -> list[Finding]:
    findings = [*_machine(config)]
    if not (config.home / DIRECTORY_FILE).is_file():
        findings.append(
            Finding(
                check="directory",
                state="FAIL",
                finding=f"there is none in {config.home}",
                remedy="`almoner dev` for a demo, `almoner agency add --help` for a real one, or "
                "`almoner directory restore FILE`; ALMONER_HOME names the folder",
            )
        )
        return findings
    try:
        async with open_workspace(config.home) as workspace:
            findings.append(_ok("directory", "opens with the keyring's key"))
            findings += [item async for item in _agencies(workspace)]
    except (GatewayError, CannotStart) as error:
        remedy = "restore the keyring that belongs to it, or: almoner directory restore FILE"
        findings.append(Finding(check="directory", state="FAIL", finding=str(error), remedy=remedy))
    findings += [*_bureau(config)]
    return findings


def _machine(config: Config) -> Iterator[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    yield _ok("python", version)
    home = config.home
    if home.is_dir():
        if stat.S_IMODE(home.stat().st_mode) & 0o077:
            yield Finding(
                check="home",
                state="FAIL",
                finding=f"others on this machine can look into {home}",
                remedy=f"chmod 700 {home}",
            )
        else:
            yield _ok("home", str(home))
        free = shutil.disk_usage(home).free
        if free < FREE_BYTES_MIN:
            yield Finding(
                check="disk",
                state="warn",
                finding=f"{free // 1024 // 1024} MB free under {home}",
                remedy="writes are refused, and nothing is lost, once it is full: make room",
            )
        else:
            yield _ok("disk", f"{free // 1024 // 1024} MB free")
    names = {"port": "gateway", "operations_port": "operations"}
    for setting, what in names.items():
        port = getattr(config, setting)
        taken = _answers(config.host, port)
        state = "something listens (a running gateway?)" if taken else "free"
        yield _ok(f"port {port}", f"{what}: {state}")


async def _agencies(workspace: Workspace) -> AsyncIterator[Finding]:
    agencies = await workspace.directory.agencies()
    if not agencies:
        yield Finding(
            check="agencies",
            state="warn",
            finding="none yet",
            remedy="almoner agency add --help",
        )
    for agency in agencies:
        yield await _store(workspace, agency)
        for pool in agency.pools:
            yield await _pool(agency, pool.issuer)
        if not agency.pools:
            yield Finding(
                check=f"{agency.slug}: pool",
                state="warn",
                finding="none: its people cannot sign in, only API keys work",
                remedy="add it with --issuer and --client-id",
            )


async def _store(workspace: Workspace, agency: Agency) -> Finding:
    try:
        async with workspace.registry.lease(agency) as store:
            count = await store.count("application_all", "")
    except GatewayError as error:
        return Finding(
            check=f"{agency.slug}: store",
            state="FAIL",
            finding=error.message,
            remedy="bring its file back from a backup; the other agencies are not affected",
        )
    return _ok(f"{agency.slug}: store", f"opens; {count} applications")


async def _pool(agency: Agency, issuer: str) -> Finding:
    address = f"{issuer}/.well-known/jwks.json"
    try:
        async with httpx.AsyncClient(timeout=5) as client:
            keys = (await client.get(address)).raise_for_status().json()["keys"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        return Finding(
            check=f"{agency.slug}: pool",
            state="warn",
            finding=f"no key set at {address} ({type(error).__name__})",
            remedy="under `almoner dev` the local issuer answers it; else check the issuer's URL",
        )
    return _ok(f"{agency.slug}: pool", f"{len(keys)} keys at {address}")


def _bureau(config: Config) -> Iterator[Finding]:
    if config.transunion.url is None and (config.home / SERVE_FILE).is_file():
        yield _ok("transunion", "the simulator of `almoner dev`")
        return
    if config.transunion.url is None:
        yield Finding(
            check="transunion",
            state="warn",
            finding="not configured: pulls answer UPSTREAM_UNAVAILABLE",
            remedy="docs/credit.md",
        )
        return
    for name in ("certificate_file", "key_file", "ca_file"):
        file: Path | None = getattr(config.transunion, name)
        if file is not None and not file.is_file():
            yield Finding(
                check="transunion",
                state="FAIL",
                finding=f"{name}: there is no {file}",
                remedy=f"ALMONER_TRANSUNION_{name.upper()} names it",
            )
    certificate = config.transunion.certificate_file
    if certificate is not None and certificate.is_file():
        yield _certificate(certificate)


def _certificate(file: Path) -> Finding:
    try:
        end = x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc
    except ValueError:
        return Finding(
            check="transunion",
            state="FAIL",
            finding=f"{file} is no certificate in PEM form",
            remedy="ask the bureau for it again, or convert it: docs/credit.md",
        )
    left = end - datetime.now(UTC)
    if left < timedelta(days=CERTIFICATE_DAYS_MIN):
        return Finding(
            check="transunion",
            state="warn" if left > timedelta(0) else "FAIL",
            finding=f"the client certificate ends on {end:%Y-%m-%d}",
            remedy="renew it with the bureau",
        )
    return _ok("transunion", f"client certificate until {end:%Y-%m-%d}")


def _answers(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((host, port)) == 0


def _ok(check: str, finding: str) -> Finding:
    return Finding(check=check, state="ok", finding=finding)
