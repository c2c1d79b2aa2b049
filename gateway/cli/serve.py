"""`almoner serve`: the gateway alone, from configuration."""

import sys

import click

from gateway.cli.terminal import configured
from gateway.serve import serve as run


@click.command()
@click.option("--workers", type=int, default=None, help="Processes that answer requests.")
@click.option("--agency", default=None, help="Serve this agency alone (its slug).")
def serve(*, workers: int | None, agency: str | None) -> None:
    """Serve until SIGTERM or Ctrl-C, then drain: requests in flight are answered.

    \b
    Example:
      ALMONER_HOME=/var/lib/almoner almoner serve --workers 2
    """
    sys.exit(run(configured("serve", {"workers": workers, "agency": agency})))
