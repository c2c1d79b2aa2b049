"""`almoner mask`: a copy of an agency without personal data, for use outside production."""

import asyncio
import os
import secrets
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from domain.agencies import Agency
from domain.errors import GatewayError
from gateway.cli.terminal import (
    agency_argument,
    agency_named,
    in_workspace,
    json_option,
    print_record,
    reason_option,
    reason_or_ask,
)
from gateway.provisioning import add_agency, cli_audit
from gateway.settings import CannotStart
from gateway.workspace import STORES_FOLDER, Workspace, open_workspace
from tenants.directory.sqlite import APPLICATION_ID as DIRECTORY_ID
from tenants.directory.sqlite import DIRECTORY_FILE
from tenants.keys.keyring import derive_key, unwrap_agency_keys
from tenants.masking.masking import Masking
from tenants.masking.scan import Found, Needles
from tenants.sqlite.formats import APPLICATION_ID as STORE_ID
from tenants.sqlite.sqlcipher import open_encrypted
from tenants.store import AgencyStore

_KEY_PURPOSE = "masking"
_SHOWN_EVERY = 100
_FINDINGS_SHOWN = 20


class NotMasked(GatewayError):
    """The finished copy held an original value, and was deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """What was made: how many records, and how many original values it was searched for."""

    records: int
    staff: int
    values: int
    files: int


@click.command()
@agency_argument
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Home folder to make; must not exist yet.",
)
@reason_option
@json_option
def mask(*, agency: str, out: Path, reason: str | None, as_json: bool) -> None:
    """Write a masked copy of an agency as a home folder of its own, with new keys.

    Pseudonyms keep type, length and joins, and are the same at the next time. Free text, audit
    lines, API keys and raw bureau files are left out. The copy is searched for every original value
    before it gets its name; if one is found, it is deleted.

    \b
    Example:
      almoner mask harbor --out staging-home --reason "load test of the new queue"
    """
    given = reason_or_ask(reason, demanded=True)
    if out.exists():
        raise click.UsageError(f"{out} is there already; name a folder that is not")

    async def run(workspace: Workspace) -> Masked:
        found = await agency_named(workspace, agency)
        with _unfinished(out) as folder:
            return await _mask(workspace, found, folder, reason=given)

    done = in_workspace(run)
    print_record(
        {
            "home": str(out),
            "agency": agency,
            "records": done.records,
            "staff": done.staff,
            "original values searched for": done.values,
            "files searched": done.files,
            "original values found": 0,
        },
        as_json=as_json,
    )
    if not as_json:
        click.echo(
            f"Nobody can sign in to the copy until it has a user pool: ALMONER_HOME={out} almoner "
            f"agency update {agency} --issuer … --client-id …",
            err=True,
        )


async def _mask(workspace: Workspace, agency: Agency, folder: Path, *, reason: str) -> Masked:
    wrapped = await workspace.directory.wrapped_keys(agency.id)
    keys = await unwrap_agency_keys(workspace.keyring, agency.id, wrapped)
    staff = await workspace.directory.staff(agency.id)
    async with workspace.registry.lease(agency) as store:
        await store.record_audit(
            cli_audit("mask", subject=f"agency_{agency.id}", reason=reason)
        )  # first of all: no copy without a line
        masking = Masking(store, derive_key(keys.index_key, _KEY_PURPOSE), _progress)
        await masking.learn(staff)
        async with _store_in(folder, agency, create=True) as (home, copied, target):
            records = await masking.write(target)
            for person in staff:
                masked = masking.masked(person, target)
                audit = cli_audit("mask", subject=masked.id, reason="masked copy")
                await home.directory.put_staff(copied.id, masked, audit)
        async with _store_in(folder, agency, create=False) as (home, copied, target):
            found = await masking.check(target)
        found += [item async for item in _in_tables(folder, masking.personal.needles)]
    files, exposed = await asyncio.to_thread(_in_files, folder, masking.personal.needles)
    if found or exposed:
        raise NotMasked(_told([*found, *exposed]))
    return Masked(
        records=records, staff=len(staff), values=len(masking.personal.needles), files=files
    )


@asynccontextmanager
async def _store_in(
    folder: Path, agency: Agency, *, create: bool
) -> AsyncIterator[tuple[Workspace, Agency, AgencyStore]]:
    """Yield the copy's home, agency and store; with `create`, they are made."""
    async with open_workspace(folder, create=create) as home:
        if create:
            copied = await add_agency(
                home,
                slug=agency.slug,
                name=agency.name,
                states=agency.states,
                website=agency.website,
                reason="masked copy",
            )
        else:
            copied = await agency_named(home, agency.slug)
        async with home.registry.lease(copied) as store:
            yield home, copied, store


async def _in_tables(folder: Path, needles: Needles) -> AsyncIterator[Found]:
    """Search every row of the copy's decrypted files."""
    async with open_workspace(folder) as home:
        (agency,) = await home.directory.agencies()
        wrapped = await home.directory.wrapped_keys(agency.id)
        keys = await unwrap_agency_keys(home.keyring, agency.id, wrapped)
        files = [(folder / DIRECTORY_FILE, home.keys.derive("directory"), DIRECTORY_ID)]
        stores = sorted((folder / STORES_FOLDER).glob("*.db"))
        files += [(path, keys.store_key, STORE_ID) for path in stores]
        for path, key, application_id in files:
            connection = open_encrypted(
                path, key, application_id=application_id, create=False, read_only=True
            )
            try:
                for found in await asyncio.to_thread(list, needles.find_in_tables(connection)):
                    yield Found(found.field, f"{path.relative_to(folder)}, {found.place}")
            finally:
                connection.close()


def _in_files(folder: Path, needles: Needles) -> tuple[int, list[Found]]:
    """Search every byte of the copy's files as they lie; return how many there are, and finds."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    found = []
    for number, path in enumerate(files, start=1):
        name = needles.find_in_file(path)
        if name is not None:
            found.append(Found(name, str(path.relative_to(folder))))
        _progress("searching files", number)
    return len(files), found


@contextmanager
def _unfinished(out: Path) -> Iterator[Path]:
    """Yield a folder that gets its name at the end, and is gone if that is not reached."""
    folder = out.with_name(f".{out.name}.{secrets.token_hex(4)}.unfinished")
    try:
        folder.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise CannotStart(f"cannot make {folder}: {error.strerror}") from error
    try:
        yield folder
        os.rename(folder, out)  # noqa: PTH104  pathlib's rename says less of what it does
    except BaseException:
        shutil.rmtree(folder)
        raise


def _told(found: list[Found]) -> str:
    """Return which fields were found where; never the values."""
    places = dict.fromkeys(f"{item.field} in {item.place}" for item in found)
    shown = "; ".join(list(places)[:_FINDINGS_SHOWN])
    return f"the copy held original values and was deleted: {shown}"


def _progress(step: str, count: int) -> None:
    """Show on a terminal how far it is."""
    if sys.stderr.isatty() and count % _SHOWN_EVERY == 0:
        click.echo(f"\r{step}: {count}\033[K", nl=False, err=True)
