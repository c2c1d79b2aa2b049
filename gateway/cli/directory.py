"""`almoner directory …`: back the control plane up and bring it back."""

import sys
from pathlib import Path

import click

from gateway.cli.terminal import configured, in_workspace, reason_option, reason_or_ask
from gateway.provisioning import cli_audit
from gateway.workspace import Workspace
from tenants import directory_backup

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
        passphrase = _passphrase(passphrase_file, confirm=True)
        given = reason_or_ask(reason)
        await directory_backup.backup(
            workspace.directory, workspace.keyring, file, passphrase, overwrite=overwrite
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
    home = configured("command").home
    passphrase = _passphrase(passphrase_file, confirm=False)
    given = reason_or_ask(reason)
    directory_backup.restore(file, home, passphrase, overwrite=overwrite)

    async def run(workspace: Workspace) -> None:
        audit = cli_audit("directory restore", subject=None, reason=given)
        await workspace.directory.record_audit(None, audit)

    in_workspace(run)
    click.echo(f"restored into {home}; now: almoner doctor")


def _passphrase(file: Path | None, *, confirm: bool) -> str:
    if file is not None:
        text = file.read_text(encoding="utf-8").split("\n", 1)[0]
    elif sys.stdin.isatty():
        text = click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True)
    else:
        text = sys.stdin.readline().rstrip("\n")
    if len(text) < directory_backup.PASSPHRASE_LENGTH_MIN:
        raise click.UsageError(
            f"the passphrase needs at least {directory_backup.PASSPHRASE_LENGTH_MIN} characters"
        )
    return text
