"""`almoner config`: the effective configuration, and where each value came from."""

import click

from gateway.cli.terminal import configured, json_option, print_rows


@click.command()
@json_option
def config(*, as_json: bool) -> None:
    """Print every setting, secrets masked, with where it came from.

    \b
    Example:
      ALMONER_PORT=9000 almoner config
    """
    print_rows(configured("config").described(), as_json=as_json, empty="")
