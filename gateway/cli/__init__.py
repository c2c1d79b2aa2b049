"""The command line: `almoner COMMAND`. Exit status 0, 1 (failed) or 2 (misuse)."""

import importlib
import sys
from dataclasses import dataclass

import click

from domain.errors import GatewayError, InvalidInput
from gateway.settings import CannotStart


@dataclass(frozen=True, slots=True)
class Lazy:
    """A command that is not imported before it is asked for: where it is, and what it does."""

    place: str
    does: str


COMMANDS: dict[str, Lazy] = {
    "access": Lazy("gateway.cli.access:access", "Access: review."),
    "agency": Lazy(
        "gateway.cli.agency:agency", "Agencies: add, list, show, update, suspend, resume, remove."
    ),
    "amplify": Lazy(
        "gateway.cli.amplify:amplify",
        "Write what configures a frontend's client: Amplify, Apollo, urql, Relay, code generation.",
    ),
    "audit": Lazy(
        "gateway.cli.audit:audit", "The audit ledger: verify, tail, export, prove, checkpoint."
    ),
    "config": Lazy(
        "gateway.cli.configuration:config",
        "Print every setting, secrets masked, with where it came from.",
    ),
    "conformance": Lazy(
        "gateway.cli.conformance:conformance",
        "Ask servers for what is known of AppSync's wire, and print what each does.",
    ),
    "consumer": Lazy("gateway.cli.consumer:consumer", "Consumers: export, erase."),
    "dev": Lazy(
        "gateway.cli.dev:dev",
        "Start gateway, identity provider and simulated vendors, with a demo world.",
    ),
    "directory": Lazy(
        "gateway.cli.directory:directory",
        "The control plane: agencies, staff, key hashes and wrapped keys.",
    ),
    "doctor": Lazy(
        "gateway.cli.doctor:doctor",
        "Check the installation; exit 1 where something would not work.",
    ),
    "edge": Lazy("gateway.cli.edge:edge", "The edge router: route, compile, show, verify, bundle."),
    "key": Lazy("gateway.cli.key:key", "API keys: create, list, revoke."),
    "key-rotation": Lazy(
        "gateway.cli.rotation:rotation",
        "Data keys of an agency: a new one, what lies under which, the end of an old one.",
    ),
    "keyring": Lazy("gateway.cli.keyring:keyring", "The keyring: what wraps every agency's keys."),
    "mask": Lazy(
        "gateway.cli.mask:mask",
        "Write a masked copy of an agency as a home folder of its own, with new keys.",
    ),
    "retention": Lazy(
        "gateway.cli.retention:retention", "Retention: years, run, hold, release, holds."
    ),
    "schema": Lazy("gateway.cli.schema:schema", "Print the SDL, access directives included."),
    "serve": Lazy(
        "gateway.cli.serve:serve",
        "Serve until SIGTERM or Ctrl-C, then drain: requests in flight are answered.",
    ),
    "staff": Lazy("gateway.cli.staff:staff", "Staff: add, list, deactivate."),
    "token": Lazy(
        "gateway.cli.token:token",
        "Print a signed token of the local issuer for USER (an e-mail address), and nothing else.",
    ),
    "token-revoke": Lazy(
        "gateway.cli.token:token_revoke",
        "Refuse tokens of AGENCY's people, within a second, in every process.",
    ),
    "trust": Lazy(
        "gateway.cli.trust:trust",
        "Say how to have programs trust the gateway at https://localhost.",
    ),
}


class LazyGroup(click.Group):
    """Imports a command when it is asked for, so that the small ones and the list start at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the help page."""
        del ctx
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, or None where there is none of that name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of the help page, without importing what is in it."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].does) for name in sorted(COMMANDS)])


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
