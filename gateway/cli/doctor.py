"""`almoner doctor`: checks what a running system needs, and says how to mend what is missing."""

import asyncio
import os
import shlex
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click
import httpx

from domain.addresses import is_loopback
from domain.agencies import Agency
from domain.errors import GatewayError
from gateway.bureaus import open_bureaus
from gateway.cli.age_findings import of_ages, of_certificate
from gateway.cli.findings import Finding, fine, machine
from gateway.cli.terminal import configured, json_option, print_rows
from gateway.config import Config
from gateway.identity.jwks import key_set_address
from gateway.local.issuer import LocalIssuer
from gateway.local.serve_file import SERVE_FILE
from gateway.secret_ages import aged_keys, aged_secrets
from gateway.secrets import open_secrets
from gateway.settings import CannotStart
from gateway.workspace import (
    CERTIFICATES_FOLDER,
    ISSUER_FILE,
    Workspace,
    open_home_keys,
    open_workspace,
)
from tenants.directory_backup import DIRECTORY_FILE
from tenants.home_keys import IN_FILE, IN_KMS, KEYRING_FILE, ROOT_KEY_FILE
from tenants.keyring import KeyringUnreachable
from tenants.keyring_file import is_locked

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
    try:
        async with open_home_keys(config.home, config.keys) as keys:
            issuer_key = keys.derive("issuer")
    except GatewayError as error:
        findings.append(_no_keys(config, error))
    else:
        findings.append(fine("keyring", _where_keys_are(config)))
        findings += [item async for item in _directory(config)]
        findings += [*_issuer(config, issuer_key)]
    findings += [item async for item in _bureau(config)]
    if config.tls_certificate_file is not None:
        again = "renew it; the gateway sees the new one within half a minute"
        findings.append(
            of_certificate(
                config.tls_certificate_file, check="tls", whose="gateway's", remedy=again
            )
        )
    return findings


def _where_keys_are(config: Config) -> str:
    if config.keyring != IN_FILE:
        return f"AWS KMS unwraps with {config.keyring.removeprefix(IN_KMS)}"
    if is_locked(config.home / KEYRING_FILE):
        return "under a passphrase, and can be read by its owner alone"
    return "can be read by its owner alone"


def _no_keys(config: Config, error: GatewayError) -> Finding:
    file = config.home / (KEYRING_FILE if config.keyring == IN_FILE else ROOT_KEY_FILE)
    remedy = f"bring {file.name} back from a copy, or: {_RESTORE}"
    if file.is_file() and file.stat().st_mode & 0o077:
        remedy = f"chmod 600 {shlex.quote(str(file))}"
    elif isinstance(error.__cause__, PermissionError):
        remedy = _owner(file.parent)
    elif isinstance(error, KeyringUnreachable):
        remedy = "check the network, ALMONER_AWS_REGION and ALMONER_AWS_ENDPOINT_URL"
    elif config.keyring != IN_FILE and file.is_file():
        remedy = "the role of this process must be allowed kms:Decrypt and kms:GenerateDataKey"
    elif isinstance(error, CannotStart) or is_locked(file):
        remedy = "ALMONER_KEYRING_PASSPHRASE_FILE names the file that holds the right passphrase"
    return Finding(check="keyring", state="FAIL", finding=error.message, remedy=remedy)


async def _directory(config: Config) -> AsyncIterator[Finding]:
    try:
        async with open_workspace(config.home, keys=config.keys) as workspace:
            yield fine("directory", "opens with the keyring's key")
            async for item in _agencies(workspace):
                yield item
            at = datetime.now(UTC)
            for item in of_ages(await aged_keys(workspace.directory, at), at):
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


def _issuer(config: Config, key: bytes) -> Iterator[Finding]:
    """Check the local issuer of a demo home; a home with pools elsewhere has none."""
    file = config.home / ISSUER_FILE
    if not file.is_file():
        if (config.home / SERVE_FILE).is_file():
            finding = f"this is a demo home without its {ISSUER_FILE}: nobody can get a token"
            yield Finding(check="token issuer", state="FAIL", finding=finding, remedy=_new_demo())
        return
    try:
        issuer = LocalIssuer.open(file, key, create=False)
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
        async with open_secrets(config, watch=False) as secrets:
            bureaus = await open_bureaus(config.transunion, lambda *_: None, secrets)
            await bureaus.aclose()
            aged = list(aged_secrets(config, secrets))
    except CannotStart as error:
        yield Finding(check="transunion", state="FAIL", finding=str(error), remedy=_BUREAU_PAGE)
        return
    certificate = config.transunion.certificate_file
    if certificate is not None:
        yield of_certificate(
            certificate, check="transunion", whose="client", remedy="renew it with the bureau"
        )
    for item in of_ages(aged, datetime.now(UTC)):
        yield item


def _simulator(file: Path) -> Finding:
    again = "start `almoner dev` again: it makes the simulator's certificates anew"
    found = of_certificate(file, check="transunion", whose="client", remedy=again)
    if found.state != "ok":
        return found
    return fine("transunion", f"the simulator of `almoner dev`; {found.finding}")
