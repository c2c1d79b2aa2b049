"""`almoner conformance`: what a server does, beside what is known of AppSync's wire."""

import asyncio
import json
import ssl
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import click

from conformance.asking import Unreachable, ask
from conformance.facts import Fact, load_facts
from conformance.report import Verdicts, deviates, rows, table
from conformance.servers import DEFAULT_ORIGIN, FRAME_SECONDS_MAX, Server, realtime_url_of
from gateway.cli.terminal import json_option, working

DOCUMENTS: Mapping[str, str] = {
    "query": "A query that is answered without an error; `{ __typename }` if left out.",
    "subscription": "A subscription; one that needs no argument is found where there is one.",
    "trigger": "A mutation that the subscription hears of. It is run once for each such fact.",
    "refused": "A query with a field that these credentials may not read.",
    "failing": "An operation whose field answers with an error.",
}
_FILE_MARK = "@"


@click.command()
@click.argument("urls", metavar="URL...", nargs=-1, required=True)
@click.option("--api-key", default=None, help="An API key.")
@click.option("--api-key-file", type=click.File(), default=None, help="Its file; - for stdin.")
@click.option("--token", default=None, help="A JWT.")
@click.option("--token-file", type=click.File(), default=None, help="Its file; - for stdin.")
@click.option("--realtime", default=None, help="The socket's URL, where it is not as AppSync's.")
@click.option("--query", default=None, help=DOCUMENTS["query"])
@click.option("--subscription", default=None, help=DOCUMENTS["subscription"])
@click.option("--trigger", default=None, help=DOCUMENTS["trigger"])
@click.option("--refused", default=None, help=DOCUMENTS["refused"])
@click.option("--failing", default=None, help=DOCUMENTS["failing"])
@click.option("--origin", default=DEFAULT_ORIGIN, help="The origin of the page that would call.")
@click.option("--only", multiple=True, help="Facts whose names begin so, such as realtime.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0.1, max=300),
    default=FRAME_SECONDS_MAX,
    help="How long a frame of the socket is waited for.",
)
@click.option(
    "--ca-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=None,
    help="Certificates to trust beside the system's.",
)
@json_option
def conformance(
    *,
    urls: tuple[str, ...],
    realtime: str | None,
    origin: str,
    only: tuple[str, ...],
    seconds: float,
    ca_file: Path | None,
    as_json: bool,
    **given: object,
) -> None:
    """Ask servers for what is known of AppSync's wire, and print what each does.

    Exits with 1 where one does otherwise. Documents are texts, or @FILE. Several servers are asked
    with the same credentials, and shown side by side. docs/conformance.md has more.

    \b
    Example:
      almoner token counselor@harbor.test |
        almoner conformance http://127.0.0.1:8000/graphql --token-file -
    """
    if realtime is not None and len(urls) > 1:
        raise click.UsageError("--realtime belongs to one URL")
    key, token = _secret(given, "api_key"), _secret(given, "token")
    if key is None and token is None:
        raise click.UsageError("give --api-key-file or --token-file")
    documents = {name: _document(str(given[name])) for name in DOCUMENTS if given[name]}
    servers = [
        Server(
            url=_address(url),
            realtime_url=realtime or realtime_url_of(url),
            api_key=key,
            token=token,
            documents=documents,
            origin=origin,
            frame_seconds_max=seconds,
            tls=_tls(ca_file),
        )
        for url in urls
    ]
    facts = load_facts(only)
    if not facts:
        raise click.UsageError(f"no fact's name begins with {' or '.join(only)}")
    try:
        verdicts = asyncio.run(_ask_all(servers, facts))
    except Unreachable as error:
        raise click.ClickException(f"nothing answers at {error}") from error
    if as_json:
        click.echo(json.dumps(rows(verdicts), indent=2))
    else:
        for line in table(verdicts):
            click.echo(line)
    if deviates(verdicts):
        sys.exit(1)


async def _ask_all(servers: Sequence[Server], facts: Sequence[Fact]) -> Verdicts:
    """Ask all servers at once, and show how far it is."""
    count, total = 0, len(servers) * len(facts)
    async with working("asking") as tell:

        def asked() -> None:
            nonlocal count
            count += 1
            tell(f"{count} of {total} facts")

        given = await asyncio.gather(*(ask(one, facts, asked=asked) for one in servers))
    return {one.url: verdicts for one, verdicts in zip(servers, given, strict=True)}


def _secret(given: Mapping[str, object], name: str) -> str | None:
    """Return a credential. On the command line it is taken, and told that others can see it."""
    option = f"--{name.replace('_', '-')}"
    file, text = given[f"{name}_file"], given[name]
    if file is not None and text is not None:
        raise click.UsageError(f"{option} and {option}-file exclude each other")
    if file is not None:
        read: str = file.readline().strip()  # type: ignore[attr-defined] # click opened it
        if not read:
            raise click.UsageError(f"{option}-file: its first line is empty")
        return _sendable(read, option)
    if text is None:
        return None
    click.echo(f"almoner: others on this machine can see {option}; {option}-file is safe", err=True)
    return _sendable(str(text), option)


def _sendable(secret: str, option: str) -> str:
    if not (secret.isascii() and secret.isprintable()):
        raise click.UsageError(f"{option}: a credential is one line of ASCII")
    return secret


def _address(url: str) -> str:
    with suppress(ValueError):  # also for what is no address at all
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and not parts.username:
            return url
    raise click.UsageError(f"{url} is no http or https address, or has a password in it")


def _document(text: str) -> str:
    """Return a document, from its file where it is `@FILE`."""
    if not text.startswith(_FILE_MARK):
        return text
    try:
        return Path(text[1:]).read_text(encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{text[1:]} cannot be read: {error.strerror}") from error


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    tls = ssl.create_default_context()
    if ca_file is not None:
        tls.load_verify_locations(ca_file)
    return tls
