"""The command line: `almoner COMMAND`. Exit status 0, 1 (failed) or 2 (misuse)."""

import importlib
import sys

import click

from domain.errors import GatewayError, InvalidInput
from gateway.settings import CannotStart

COMMANDS: dict[str, str] = {
    "access": "gateway.cli.access:access",
    "agency": "gateway.cli.agency:agency",
    "audit": "gateway.cli.audit:audit",
    "config": "gateway.cli.configuration:config",
    "consumer": "gateway.cli.consumer:consumer",
    "dev": "gateway.cli.dev:dev",
    "directory": "gateway.cli.directory:directory",
    "doctor": "gateway.cli.doctor:doctor",
    "key": "gateway.cli.key:key",
    "key-rotation": "gateway.cli.rotation:rotation",
    "mask": "gateway.cli.mask:mask",
    "keyring": "gateway.cli.keyring:keyring",
    "retention": "gateway.cli.retention:retention",
    "schema": "gateway.cli.schema:schema",
    "serve": "gateway.cli.serve:serve",
    "staff": "gateway.cli.staff:staff",
    "token": "gateway.cli.token:token",
    "token-revoke": "gateway.cli.token:token_revoke",
}


class LazyGroup(click.Group):
    """Imports a command when it is asked for, so that the small ones start at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the help page."""
        del ctx
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, or None where there is none of that name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="almoner", prog_name="almoner")
def root() -> None:
    """One GraphQL API for credit-counseling agencies and lenders.

    \b
    Begin with:
      almoner dev                                the whole platform on this machine
      almoner token counselor@harbor.test        a token to sign requests with
    """


def main() -> None:
    """Run a command; every error is one clear line on standard error."""
    try:
        root.main(prog_name="almoner", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except InvalidInput as error:
        for fault in error.fields:
            click.echo(f"almoner: {fault.path}: {fault.message}", err=True)
        sys.exit(1)
    except (GatewayError, CannotStart) as error:
        # Notes say which file it was: for whoever sits here, never for a client.
        notes = "; ".join(getattr(error, "__notes__", ()))
        click.echo(f"almoner: {error}{f' ({notes})' if notes else ''}", err=True)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)
