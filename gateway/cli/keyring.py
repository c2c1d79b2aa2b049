"""`almoner keyring …`: the file that wraps every agency's keys, and its passphrase."""

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
from gateway.settings import CannotStart
from gateway.workspace import Workspace
from tenants.keys.home import IN_FILE, KEYRING_FILE
from tenants.keys.keyring_file import replace_key


@click.group()
def keyring() -> None:
    """The keyring: what wraps every agency's keys.

    \b
    Example:
      almoner keyring passphrase --new-passphrase-file /run/secrets/keyring
    """


@keyring.command()
@click.option(
    "--new-passphrase-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=None,
    help="First line is the new passphrase; without it, it is asked for or read from standard "
    "input.",
)
@click.option("--remove", is_flag=True, help="Keep the keyring without a passphrase again.")
@reason_option
def passphrase(*, new_passphrase_file: Path | None, remove: bool, reason: str | None) -> None:
    """Set, change or remove the passphrase of the keyring's file.

    The one that holds now is where ALMONER_KEYRING_PASSPHRASE_FILE says. Running gateways are not
    affected; the next start wants the new one. No agency's key changes, and backups stay good.

    \b
    Example:
      almoner keyring passphrase --new-passphrase-file /run/secrets/keyring --reason "first setup"
    """
    if remove and new_passphrase_file is not None:
        raise click.UsageError("--remove and --new-passphrase-file exclude each other")
    config = configured("command")
    if config.keyring != IN_FILE:
        raise CannotStart(
            f"the keys of {config.home} are in AWS KMS (ALMONER_KEYRING): there is no file to put "
            "under a passphrase."
        )

    async def run(workspace: Workspace) -> None:
        new = None if remove else passphrase_or_ask(new_passphrase_file, confirm=True)
        audit = cli_audit(
            f"keyring passphrase {'removed' if remove else 'set'}",
            subject=None,
            reason=reason_or_ask(reason),
        )
        await workspace.directory.record_audit(None, audit)
        replace_key(config.home / KEYRING_FILE, workspace.keys.root, new)

    in_workspace(run)
    if remove:
        click.echo("the keyring has no passphrase now; unset ALMONER_KEYRING_PASSPHRASE_FILE")
        return
    click.echo(
        "the keyring is under the new passphrase; ALMONER_KEYRING_PASSPHRASE_FILE names the file "
        "that it is in from now on (a file of mode 0600, or secretsmanager://name)"
    )
