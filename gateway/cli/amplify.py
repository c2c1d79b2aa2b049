"""`almoner amplify`: the files with which a frontend's client is configured."""

import re
from pathlib import Path

import click

from domain.agencies import Agency
from gateway.cli.terminal import (
    agency_named,
    configured,
    in_workspace,
    json_option,
    print_record,
)
from gateway.clients.files import CONFIG_FILE, FILES
from gateway.clients.target import ClientTarget, client_target
from gateway.front import PATH
from gateway.workspace import Workspace

_NO_PLACE = (
    "The outputs format has no place for the address of the local identity provider. Give Amplify "
    "{instead} instead: Amplify.configure takes it as it is."
)


@click.command()
@click.argument("agency", required=False)
@click.option(
    "--for", "client", type=click.Choice(sorted(FILES)), default="amplify", show_default=True
)
@click.option(
    "--url", default=None, help="The GraphQL address; else that of `almoner dev`, by TLS."
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    default=None,
    help="A file to write; else it is printed.",
)
@json_option
def amplify(
    *, agency: str | None, client: str, url: str | None, out: Path | None, as_json: bool
) -> None:
    """Write what configures a frontend's client: Amplify, Apollo, urql, Relay, code generation.

    Without AGENCY it is the first of the agencies, by name. --json says where the client turns to.

    \b
    Example:
      almoner amplify harbor --out src/amplify_outputs.json
      almoner amplify harbor --for apollo --out src/almoner.mjs
    """
    address = url or f"https://localhost:{configured('dev').tls_port}{PATH}"
    if not re.fullmatch(r"https?://[^\s/?#@]+/\S*", address):
        raise click.UsageError("--url is the whole address: https://api.example.com/graphql")
    target = client_target(_chosen(agency), address)
    files = _written(target, client, out) if out else []
    if as_json:
        print_record(_record(target, files), as_json=True)
    elif out is None:
        click.echo(FILES[client](target), nl=False)
    for line in _remarks(target, client, files):
        click.echo(line, err=True)


def _chosen(slug: str | None) -> Agency:
    async def run(workspace: Workspace) -> Agency:
        if slug is None:
            there = sorted(await workspace.directory.agencies(), key=lambda agency: agency.slug)
            if there:
                return there[0]
        return await agency_named(workspace, slug or "")

    return in_workspace(run)


def _written(target: ClientTarget, client: str, out: Path) -> list[Path]:
    """Write the file, and beside the outputs for a local pool what takes their place."""
    files = {out: FILES[client](target)}
    if client == "amplify" and target.pool_endpoint is not None:
        files[out.with_name(CONFIG_FILE)] = FILES["amplify-config"](target)
    for file, text in files.items():
        try:
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise click.FileError(str(file), hint=error.strerror) from error
    return list(files)


def _record(target: ClientTarget, files: list[Path]) -> dict[str, object]:
    return {
        "agency": target.agency,
        "url": target.url,
        "realtimeUrl": target.realtime_url,
        "socketUrl": target.socket_url,
        "region": target.region,
        "userPoolId": target.pool_id,
        "userPoolClientId": target.pool_client_id,
        "userPoolEndpoint": target.pool_endpoint,
        "files": [str(file) for file in files],
    }


def _remarks(target: ClientTarget, client: str, files: list[Path]) -> list[str]:
    """Return what whoever sits here has to know besides."""
    remarks = [f"Wrote {file}, for {target.agency}." for file in files]
    if target.pool_endpoint is not None and client == "amplify":
        instead = files[-1] if files else "what `--for amplify-config` prints"
        remarks.append(_NO_PLACE.format(instead=instead))
    if target.url.startswith("https://localhost"):
        remarks.append("Browsers and Node have to trust its certificate: `almoner trust`.")
    return remarks
