"""`almoner dev`: the whole platform on this machine."""

import asyncio

import click

from gateway.cli.terminal import configured
from gateway.config import Config
from gateway.local.demo_world import AGENCIES, OPERATOR, PASSWORD, users_of
from gateway.local.explorer.routes import is_built
from gateway.local.platform import run_platform
from gateway.local.serve_file import SERVE_FILE
from gateway.logs import configure_logs


@click.command()
@click.option("--reset", is_flag=True, help="Forget the demo world and make it anew.")
def dev(*, reset: bool) -> None:
    """Start gateway, identity provider and simulated vendors, with a demo world. Ctrl-C stops.

    \b
    Example:
      almoner dev
      ALMONER_PORT=9000 almoner dev --reset
    """
    config = configured("dev")
    configure_logs(config.log_level, config.log_format)

    def progress(text: str) -> None:
        click.echo(f"almoner: {text}", err=True)

    asyncio.run(run_platform(config, reset=reset, progress=progress, ready=_greet))


def _over_tls(config: Config) -> list[str]:
    if not config.tls_port:
        return []
    return [f"  over TLS      https://localhost:{config.tls_port}/graphql (`almoner trust`)"]


def _greet(config: Config) -> None:
    harbor, *_ = AGENCIES
    gateway = f"http://127.0.0.1:{config.port}"
    lines = [
        "",
        "Almoner is ready.",
        "",
        f"  explorer      {gateway}/{'' if is_built() else '  (not set up: it says how)'}",
        f"  GraphQL       {gateway}/graphql",
        *_over_tls(config),
        f"  health        {gateway}/health/ready",
        f"  metrics       http://127.0.0.1:{config.operations_port}/metrics",
        f"  sign-in       {config.issuer_url}/{harbor.pool_id}  (the Cognito API)",
        f"  edge router   http://127.0.0.1:{config.edge.port}/?state=MI",
        f"  TransUnion    {config.transunion.url}",
        f"  Plaid         {config.plaid.url}  (Link: /link?token=…)",
        f"  state         {config.home}",
        "",
        f"  Users, password {PASSWORD}:",
    ]
    for agency in AGENCIES:
        names = " ".join(user.email.partition("@")[0] for user in users_of(agency).values())
        lines.append(f"    @{agency.slug}.test  {names}")
    lines += [
        f"    {OPERATOR.email}",
        "",
        "  Paste this into another terminal, in this folder:",
        "",
        f"    curl -s {gateway}/graphql \\",
        '      -H "Authorization: $(.venv/bin/almoner token counselor@harbor.test)" \\',
        "      -H 'Content-Type: application/json' \\",
        '      -d \'{"query":"{ applications(first: 3) { edges { node { id status } } } }"}\'',
        "",
        f"  `almoner serve` beside it: ALMONER_CONFIG={config.home / SERVE_FILE} "
        "ALMONER_PORT=9000 ALMONER_OPERATIONS_PORT=9002 almoner serve",
        "  Ctrl-C stops.",
        "",
    ]
    click.echo("\n".join(lines))
