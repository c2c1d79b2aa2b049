"""`almoner directory …`: back the control plane up and bring it back."""

import asyncio
from pathlib import Path

import click

from gateway.cli.terminal import (
    configured,
    in_workspace,
    passphrase_or_ask,
    reason_option,
    reason_or_ask,
)
from gateway.provisioning import cli_audit
from gateway.secrets import read_passphrase
from gateway.workspace import Workspace
from tenants.directory import backup as directory_backup

_passphrase_option = click.option(
    "--passphrase-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=None,
    help="First line is the passphrase; without it, it is asked for or read from standard input.",
)


@click.group()
def directory() -> None:
    """The control plane: agencies, staff, key hashes and wrapped keys.

    \b
    Example:
      almoner directory backup almoner-directory.backup
    """


@directory.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace the backup of that name.")
@_passphrase_option
@reason_option
def backup(
    *, file: Path, overwrite: bool, passphrase_file: Path | None, reason: str | None
) -> None:
    """Write the directory and its keys into one file, sealed under a passphrase.

    Without this file and its passphrase, a lost home folder means that every agency's data is lost.

    \b
    Example:
      almoner directory backup almoner-directory.backup --passphrase-file secret.txt
    """

    async def run(workspace: Workspace) -> None:
        directory_backup.demand_room(file, overwrite=overwrite)  # before anybody is asked anything
        passphrase = passphrase_or_ask(passphrase_file, confirm=True)
        given = reason_or_ask(reason)
        await directory_backup.backup(
            workspace.directory, workspace.keys, file, passphrase, overwrite=overwrite
        )
        audit = cli_audit("directory backup", subject=None, reason=given)
        await workspace.directory.record_audit(None, audit)

    in_workspace(run)
    click.echo(f"wrote {file}; keep it and the passphrase apart from each other")


@directory.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace the directory that is there.")
@_passphrase_option
@reason_option
def restore(
    *, file: Path, overwrite: bool, passphrase_file: Path | None, reason: str | None
) -> None:
    """Bring the directory and its keys back into ALMONER_HOME.

    \b
    Example:
      ALMONER_HOME=/srv/almoner almoner directory restore almoner-directory.backup
    """
    config = configured("command")
    passphrase = passphrase_or_ask(passphrase_file, confirm=False)
    given = reason_or_ask(reason)

    async def bring_back() -> None:
        keys = config.keys
        await directory_backup.restore(
            file,
            config.home,
            passphrase,
            settings=keys,
            keyring_passphrase=await read_passphrase(keys.passphrase_file, keys.aws),
            overwrite=overwrite,
        )

    asyncio.run(bring_back())

    async def run(workspace: Workspace) -> None:
        audit = cli_audit("directory restore", subject=None, reason=given)
        await workspace.directory.record_audit(None, audit)

    in_workspace(run)
    click.echo(f"restored into {config.home}; now: almoner doctor")
