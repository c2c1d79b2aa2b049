"""`almoner doctor`: checks what a running system needs, and says how to mend what is missing."""

import asyncio
import shlex
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from domain.errors import GatewayError
from gateway.bureaus import open_bureaus
from gateway.cli.age_findings import of_ages, of_certificate
from gateway.cli.agency_findings import UPGRADE, new_demo, of_agencies, owner_of, remedy_for
from gateway.cli.bank_findings import of_banks
from gateway.cli.event_findings import of_events
from gateway.cli.findings import Finding, fine, machine
from gateway.cli.protection_findings import of_protection
from gateway.cli.provider_findings import of_providers
from gateway.cli.terminal import configured, json_option, print_rows
from gateway.config import Config, transit_fault
from gateway.local.identity_provider.file import APPLICATION_ID as ISSUER_APPLICATION_ID
from gateway.local.identity_provider.file import FORMAT as ISSUER_FORMAT
from gateway.local.issuer import LocalIssuer
from gateway.local.serve_file import SERVE_FILE
from gateway.secret_ages import aged_keys, aged_secrets
from gateway.secrets import open_secrets
from gateway.settings import CannotStart
from gateway.workspace import (
    CERTIFICATES_FOLDER,
    ISSUER_FILE,
    blobs_of,
    open_home_keys,
    open_workspace,
)
from tenants.directory.rows import FORMATS
from tenants.directory.sqlite import APPLICATION_ID, DIRECTORY_FILE
from tenants.keys.home import IN_FILE, IN_KMS, KEYRING_FILE, ROOT_KEY_FILE
from tenants.keys.keyring import KeyringUnreachable
from tenants.keys.keyring_file import is_locked
from tenants.sqlite.sqlcipher import format_of

_SIMULATOR_CERTIFICATE = "client.pem"
_RESTORE = "almoner directory restore FILE --overwrite"
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
    findings = [*machine(config), *_transit(config)]
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
            issuer_key, directory_key = keys.derive("issuer"), keys.derive("directory")
    except GatewayError as error:
        findings.append(_no_keys(config, error))
    else:
        findings.append(_where_keys_are(config))
        findings += [item async for item in _directory(config, directory_key)]
        findings += [*_issuer(config, issuer_key)]
    findings += [item async for item in _bureau(config)]
    findings += [item async for item in of_banks(config)]
    findings += [item async for item in of_protection(config)]
    findings += [item async for item in of_events(config)]
    if config.tls_certificate_file is not None:
        again = "renew it; the gateway sees the new one within half a minute"
        findings.append(
            of_certificate(
                config.tls_certificate_file, check="tls", whose="gateway's", remedy=again
            )
        )
    return findings


def _is_demo(home: Path) -> bool:
    return (home / SERVE_FILE).is_file() or (home / ISSUER_FILE).is_file()


def _transit(config: Config) -> Iterator[Finding]:
    """Say what `almoner serve` would refuse to start for; in a demo, `almoner dev` starts."""
    fault = transit_fault(config)
    if fault is not None:
        state = "warn" if _is_demo(config.home) else "FAIL"
        told = f"`almoner serve` does not start: {fault}"
        remedy = "docs/operations.md, TLS"
        yield Finding(check="transit", state=state, finding=told, remedy=remedy)


def _where_keys_are(config: Config) -> Finding:
    if config.keyring != IN_FILE:
        return fine("keyring", f"AWS KMS unwraps with {config.keyring.removeprefix(IN_KMS)}")
    if is_locked(config.home / KEYRING_FILE):
        return fine("keyring", "under a passphrase, and can be read by its owner alone")
    if _is_demo(config.home):
        return fine("keyring", "can be read by its owner alone")
    return Finding(
        check="keyring",
        state="warn",
        finding=f"{KEYRING_FILE} is under no passphrase: a copy of the disk opens every store",
        remedy="almoner keyring passphrase --new-passphrase-file FILE, or keys in AWS KMS: "
        "docs/operations.md, Keys",
    )


def _no_keys(config: Config, error: GatewayError) -> Finding:
    file = config.home / (KEYRING_FILE if config.keyring == IN_FILE else ROOT_KEY_FILE)
    remedy = f"bring {file.name} back from a copy, or: {_RESTORE}"
    if file.is_file() and file.stat().st_mode & 0o077:
        remedy = f"chmod 600 {shlex.quote(str(file))}"
    elif isinstance(error.__cause__, PermissionError):
        remedy = owner_of(file.parent)
    elif isinstance(error, KeyringUnreachable):
        remedy = "check the network, ALMONER_AWS_REGION and ALMONER_AWS_ENDPOINT_URL"
    elif config.keyring != IN_FILE and file.is_file():
        remedy = "the role of this process must be allowed kms:Decrypt and kms:GenerateDataKey"
    elif isinstance(error, CannotStart) or is_locked(file):
        remedy = "ALMONER_KEYRING_PASSPHRASE_FILE names the file that holds the right passphrase"
    return Finding(check="keyring", state="FAIL", finding=error.message, remedy=remedy)


async def _directory(config: Config, key: bytes) -> AsyncIterator[Finding]:
    try:
        file = config.home / DIRECTORY_FILE
        found = format_of(file, key, application_id=APPLICATION_ID)
        if 0 < found < len(FORMATS):
            finding = f"it has format {found} of {len(FORMATS)}; nothing behind it was opened"
            yield Finding(check="directory", state="warn", finding=finding, remedy=UPGRADE)
            return
        async with open_workspace(
            config.home, keys=config.keys, blobs=blobs_of(config)
        ) as workspace:
            yield fine("directory", "opens with the keyring's key")
            async for item in of_agencies(workspace):
                yield item
            async for item in of_providers(config, workspace.directory):
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


def _issuer(config: Config, key: bytes) -> Iterator[Finding]:
    """Check the local issuer of a demo home; a home with pools elsewhere has none."""
    file = config.home / ISSUER_FILE
    if not file.is_file():
        if (config.home / SERVE_FILE).is_file():
            finding = f"this is a demo home without its {ISSUER_FILE}: nobody can get a token"
            yield Finding(check="token issuer", state="FAIL", finding=finding, remedy=new_demo())
        return
    try:
        if format_of(file, key, application_id=ISSUER_APPLICATION_ID) < ISSUER_FORMAT:
            finding = "its file is of an earlier release; nothing in it was opened"
            remedy = "`almoner dev` brings it forward when it next starts"
            yield Finding(check="token issuer", state="warn", finding=finding, remedy=remedy)
            return
        issuer = LocalIssuer.open(file, key, create=False)
        try:
            users = len(issuer.users())
        finally:
            issuer.close()
    except GatewayError as error:
        remedy = remedy_for(error, config.home, new_demo())
        yield Finding(check="token issuer", state="FAIL", finding=error.message, remedy=remedy)
    else:
        yield fine("token issuer", f"opens; {users} users")


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
