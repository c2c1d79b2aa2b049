"""`almoner doctor`: checks what a running system needs, and says how to mend what is missing."""

import asyncio
import os
import shlex
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import httpx
from cryptography import x509

from domain.addresses import is_loopback
from domain.agencies import Agency
from domain.errors import GatewayError
from gateway.bureaus import open_bureaus
from gateway.cli.findings import Finding, fine, machine
from gateway.cli.terminal import configured, json_option, print_rows
from gateway.config import Config
from gateway.identity.jwks import key_set_address
from gateway.local.issuer import LocalIssuer
from gateway.local.serve_file import SERVE_FILE
from gateway.settings import CannotStart
from gateway.workspace import CERTIFICATES_FOLDER, ISSUER_FILE, Workspace, open_workspace
from tenants.directory_backup import DIRECTORY_FILE, KEYRING_FILE
from tenants.keyring import LocalKeyring

CERTIFICATE_DAYS_MIN = 30
POOL_TIMEOUT_SECONDS = 5
_SIMULATOR_CERTIFICATE = "client.pem"
_RESTORE = "almoner directory restore FILE --overwrite"
_WAIT = "another process holds the file: repeat in a moment"
_ROOM = "make room on the disk, or look at its health"
_PRIMARY_CODE = 0xFF
_BUREAU_PAGE = "docs/credit.md says what the bureau gives you, and where it is set"


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
    findings = [*machine(config)]
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
    keyring = _keyring(config.home / KEYRING_FILE)
    if isinstance(keyring, Finding):
        findings.append(keyring)
    else:
        findings.append(fine("keyring", "can be read by its owner alone"))
        findings += [item async for item in _directory(config)]
        findings += [*_issuer(config, keyring)]
    findings += [item async for item in _bureau(config)]
    return findings


def _keyring(file: Path) -> LocalKeyring | Finding:
    try:
        return LocalKeyring.from_file(file, create=False)
    except GatewayError as error:
        remedy = f"bring {KEYRING_FILE} back from a copy, or: {_RESTORE}"
        if file.is_file() and file.stat().st_mode & 0o077:
            remedy = f"chmod 600 {shlex.quote(str(file))}"
        elif isinstance(error.__cause__, PermissionError):
            remedy = _owner(file.parent)
        return Finding(check="keyring", state="FAIL", finding=error.message, remedy=remedy)


async def _directory(config: Config) -> AsyncIterator[Finding]:
    try:
        async with open_workspace(config.home) as workspace:
            yield fine("directory", "opens with the keyring's key")
            async for item in _agencies(workspace):
                yield item
    except GatewayError as error:
        otherwise = (
            "where the finding names no other way, bring the keyring back that belongs to it, or "
            f"both from a backup: {_RESTORE}"
        )
        remedy = remedy_for(error, config.home, otherwise)
        yield Finding(check="directory", state="FAIL", finding=str(error), remedy=remedy)


def remedy_for(error: BaseException, home: Path, otherwise: str) -> str:
    """Return what mends a file that does not open, by what the system or the driver said of it."""
    cause: BaseException | None = error
    while cause is not None:
        code = getattr(cause, "sqlite_errorcode", 0) & _PRIMARY_CODE
        if isinstance(cause, PermissionError) or code in (
            sqlite3.SQLITE_READONLY,
            sqlite3.SQLITE_CANTOPEN,
            sqlite3.SQLITE_PERM,
        ):
            return _owner(home)
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return _WAIT
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            return _ROOM
        cause = cause.__cause__
    return otherwise


def _owner(home: Path) -> str:
    return (
        f"run as the user who owns the files, or: chown -R {os.geteuid()} {shlex.quote(str(home))}"
    )


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
            yield await _pool(workspace.home, agency, pool.issuer)
        if not agency.pools:
            yield Finding(
                check=f"{agency.slug}: pool",
                state="warn",
                finding="none: its people cannot sign in, only API keys work",
                remedy=_pool_command(agency),
            )


async def _store(workspace: Workspace, agency: Agency) -> Finding:
    try:
        async with workspace.registry.lease(agency) as store:
            count = await store.count("application_all", "")
    except GatewayError as error:
        otherwise = "bring its file back from a backup; the other agencies are not affected"
        return Finding(
            check=f"{agency.slug}: store",
            state="FAIL",
            finding=error.message,
            remedy=remedy_for(error, workspace.home, otherwise),
        )
    return fine(f"{agency.slug}: store", f"opens; {count} applications")


async def _pool(home: Path, agency: Agency, issuer: str) -> Finding:
    check = f"{agency.slug}: pool"
    try:
        address = key_set_address(issuer)
    except ValueError:
        return Finding(
            check=check,
            state="FAIL",
            finding=f"keys are never asked for at {issuer}: everybody's tokens are refused",
            remedy=f"an issuer is an https address: {_pool_command(agency)}",
        )
    try:
        async with httpx.AsyncClient(timeout=POOL_TIMEOUT_SECONDS) as client:
            keys = (await client.get(address)).raise_for_status().json()["keys"]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        finding = f"no key set at {address} ({type(error).__name__})"
        if not is_loopback(issuer):
            remedy = f"check the network; if the issuer is another one: {_pool_command(agency)}"
            return Finding(check=check, state="warn", finding=finding, remedy=remedy)
        if (home / ISSUER_FILE).is_file():
            remedy = "`almoner dev` answers it while it runs"
            return Finding(check=check, state="warn", finding=finding, remedy=remedy)
        finding += f", and there is no {ISSUER_FILE} that `almoner dev` could answer from"
        return Finding(check=check, state="FAIL", finding=finding, remedy=_new_demo())
    return fine(check, f"{len(keys)} keys at {address}")


def _pool_command(agency: Agency) -> str:
    return f'almoner agency update {agency.slug} --issuer URL --client-id ID --reason "…"'


def _issuer(config: Config, keyring: LocalKeyring) -> Iterator[Finding]:
    """Check the local issuer of a demo home; a home with pools elsewhere has none."""
    file = config.home / ISSUER_FILE
    if not file.is_file():
        if (config.home / SERVE_FILE).is_file():
            finding = f"this is a demo home without its {ISSUER_FILE}: nobody can get a token"
            yield Finding(check="token issuer", state="FAIL", finding=finding, remedy=_new_demo())
        return
    try:
        issuer = LocalIssuer.open(file, keyring.derive("issuer"), create=False)
        try:
            users = len(issuer.users())
        finally:
            issuer.close()
    except GatewayError as error:
        remedy = remedy_for(error, config.home, _new_demo())
        yield Finding(check="token issuer", state="FAIL", finding=error.message, remedy=remedy)
    else:
        yield fine("token issuer", f"opens; {users} users")


def _new_demo() -> str:
    return (
        f"bring {ISSUER_FILE} back from a copy, or set ALMONER_HOME to another folder: "
        "`almoner dev` makes the demo anew there"
    )


async def _bureau(config: Config) -> AsyncIterator[Finding]:
    if config.transunion.url is None and (config.home / SERVE_FILE).is_file():
        yield _simulator(config.home / CERTIFICATES_FOLDER / _SIMULATOR_CERTIFICATE)
        return
    if config.transunion.url is None:
        yield Finding(
            check="transunion",
            state="warn",
            finding="not configured: pulls answer UPSTREAM_UNAVAILABLE",
            remedy=_BUREAU_PAGE,
        )
        return
    try:
        bureaus = await open_bureaus(config.transunion, lambda *_: None)
    except CannotStart as error:
        yield Finding(check="transunion", state="FAIL", finding=str(error), remedy=_BUREAU_PAGE)
        return
    await bureaus.aclose()
    certificate = config.transunion.certificate_file
    if certificate is not None:
        yield _certificate(certificate, "renew it with the bureau")


def _simulator(file: Path) -> Finding:
    again = "start `almoner dev` again: it makes the simulator's certificates anew"
    found = _certificate(file, again)
    if found.state != "ok":
        return found
    return fine("transunion", f"the simulator of `almoner dev`; {found.finding}")


def _certificate(file: Path, remedy: str) -> Finding:
    try:
        end = x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        finding = f"{file} is no certificate in PEM form, or cannot be read"
        return Finding(check="transunion", state="FAIL", finding=finding, remedy=remedy)
    left = end - datetime.now(UTC)
    if left < timedelta(days=CERTIFICATE_DAYS_MIN):
        return Finding(
            check="transunion",
            state="warn" if left > timedelta(0) else "FAIL",
            finding=f"the client certificate ends on {end:%Y-%m-%d}",
            remedy=remedy,
        )
    return fine("transunion", f"client certificate until {end:%Y-%m-%d}")
