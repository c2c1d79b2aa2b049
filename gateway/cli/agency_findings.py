"""What `almoner doctor` finds out about each agency: its store, its seals, its ledger, its pool."""

import os
import shlex
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from domain.addresses import is_loopback
from domain.agencies import Agency
from domain.errors import GatewayError
from gateway.cli.findings import Finding, fine
from gateway.cli.terminal import working
from gateway.identity.jwks import key_set_address
from gateway.workspace import ISSUER_FILE, Workspace
from tenants.backends import place_of, sqlite_path
from tenants.keys.keyring import unwrap_agency_keys
from tenants.keys.rotation import under_each_key
from tenants.ledger.sequencer import Sequencer
from tenants.ledger.signed_notes import InvalidNote
from tenants.records.codec import IN_THE_OPEN
from tenants.sqlite.formats import APPLICATION_ID, FORMATS
from tenants.sqlite.sqlcipher import NewerFormat, format_of
from tenants.store import AgencyStore

POOL_TIMEOUT_SECONDS = 5
UPGRADE = (
    "back up, stop every process of the release before, then start this one: "
    "docs/operations.md, Upgrading"
)
_WAIT = "another process holds the file: repeat in a moment"
_ROOM = "make room on the disk, or look at its health"
_RELEASE = "install the release that wrote it, or a later one; the data is sound"
_PRIMARY_CODE = 0xFF
_SQLITE = "sqlite:"


def remedy_for(error: BaseException, home: Path, otherwise: str) -> str:
    """Return what mends a file that does not open, by what the system or the driver said of it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, NewerFormat):
            return _RELEASE
        code = getattr(cause, "sqlite_errorcode", 0) & _PRIMARY_CODE
        if isinstance(cause, PermissionError) or code in (
            sqlite3.SQLITE_READONLY,
            sqlite3.SQLITE_CANTOPEN,
            sqlite3.SQLITE_PERM,
        ):
            return owner_of(home)
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return _WAIT
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            return _ROOM
        cause = cause.__cause__
    return otherwise


def owner_of(home: Path) -> str:
    """Return how somebody comes to own the files."""
    return (
        f"run as the user who owns the files, or: chown -R {os.geteuid()} {shlex.quote(str(home))}"
    )


async def of_agencies(workspace: Workspace) -> AsyncIterator[Finding]:
    """Check every agency; one that is broken is its own trouble alone."""
    agencies = await workspace.directory.agencies()
    if not agencies:
        yield Finding(
            check="agencies",
            state="warn",
            finding="none yet",
            remedy="almoner agency add --help",
        )
    for agency in agencies:
        async for item in _store(workspace, agency):
            yield item
        for pool in agency.pools:
            yield await _pool(workspace.home, agency, pool.issuer)
        if not agency.pools:
            yield Finding(
                check=f"{agency.slug}: pool",
                state="warn",
                finding="none: its people cannot sign in, only API keys work",
                remedy=_pool_command(agency),
            )


async def _store(workspace: Workspace, agency: Agency) -> AsyncIterator[Finding]:
    check = f"{agency.slug}: store"
    try:
        older = await _older_format(workspace, agency)
        if older is not None:
            finding = f"its file has format {older} of {len(FORMATS)}; it was not opened"
            yield Finding(check=check, state="warn", finding=finding, remedy=UPGRADE)
            return
        async with workspace.registry.lease(agency) as store:
            count = await store.count("application_all", "")
            yield fine(check, f"opens; {count} applications")
            yield await _seals(workspace, agency, store)
            yield await _ledger(workspace, agency, store)
    except GatewayError as error:
        otherwise = "bring its file back from a backup; the other agencies are not affected"
        remedy = remedy_for(error, workspace.home, otherwise)
        yield Finding(check=check, state="FAIL", finding=error.message, remedy=remedy)


async def _older_format(workspace: Workspace, agency: Agency) -> int | None:
    """Return the format of a store's file from an earlier release; None for this one's."""
    if not agency.store_url.startswith(_SQLITE):
        return None
    wrapped = await workspace.directory.wrapped_keys(agency.id)
    keys = await unwrap_agency_keys(workspace.keyring, agency.id, wrapped)
    _, place = place_of(agency, workspace.home)
    found = format_of(sqlite_path(place), keys.store_key, application_id=APPLICATION_ID)
    return found if 0 < found < len(FORMATS) else None


async def _seals(workspace: Workspace, agency: Agency, store: AgencyStore) -> Finding:
    """Say whether everything personal lies under the newest data key."""
    check = f"{agency.slug}: seals"
    async with working(f"counting what is sealed in {agency.slug}"):
        uses = await under_each_key(store, await workspace.directory.wrapped_keys(agency.id))
    left = sum(use.records + use.files for use in uses if not use.newest)
    if not left:
        return fine(check, "everything lies under the newest data key")
    bare = sum(use.records + use.files for use in uses if use.key_id == IN_THE_OPEN)
    older = f"{left - bare} under an older data key" if left > bare else ""
    unsealed = f"{bare} records that an earlier release wrote are not sealed" if bare else ""
    return Finding(
        check=check,
        state="warn",
        finding="; ".join(part for part in (unsealed, older) if part),
        remedy=f'almoner key-rotation resume {agency.slug} --reason "…"',
    )


async def _ledger(workspace: Workspace, agency: Agency, store: AgencyStore) -> Finding:
    """Say whether the audit ledger takes lines, and goes on from what was witnessed of it."""
    check, directory = f"{agency.slug}: ledger", workspace.directory
    remedy = f'almoner audit verify {agency.slug} --reason "…"'
    finding = None
    try:
        await Sequencer(store.ledger, directory, agency.id).merge()
        left = [row async for row in store.ledger.waiting() if row.fault is not None]
        kept = await directory.witnessed(agency.id)
        if kept and not await store.ledger.goes_on_from(kept[-1]):
            finding = "it does not go on from what the directory has witnessed of it"
        elif left:
            finding = f"it does not take {len(left)} of the rows that wait, first {left[0].id}"
        size = await store.ledger.size()
    except GatewayError as error:
        finding = error.message
    except InvalidNote as error:
        finding = f"a checkpoint that the directory has witnessed cannot be used: {error}"
    if finding is not None:
        return Finding(check=check, state="FAIL", finding=finding, remedy=remedy)
    return fine(check, f"{size} lines, and goes on from what was witnessed of it")


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
        return Finding(check=check, state="FAIL", finding=finding, remedy=new_demo())
    return fine(check, f"{len(keys)} keys at {address}")


def _pool_command(agency: Agency) -> str:
    return f'almoner agency update {agency.slug} --issuer URL --client-id ID --reason "…"'


def new_demo() -> str:
    """Return how a demo whose files are lost is made anew."""
    return (
        f"bring {ISSUER_FILE} back from a copy, or set ALMONER_HOME to another folder: "
        "`almoner dev` makes the demo anew there"
    )
