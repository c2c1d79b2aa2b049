"""`almoner token` and `almoner token-revoke`: the local issuer's tokens, and ending any token."""

import asyncio
from datetime import UTC, datetime, timedelta

import click

from domain.errors import NotFound
from gateway.cli.terminal import (
    agency_argument,
    agency_named,
    configured,
    in_workspace,
    reason_option,
    reason_or_ask,
)
from gateway.config import Config
from gateway.local.issuer import LocalIssuer, TokenUse, User
from gateway.provisioning import cli_audit
from gateway.settings import CannotStart
from gateway.workspace import ISSUER_FILE, Workspace, open_home_keys
from tenants.directory.port import Revocation, RevocationKind

VALUE_CHARACTERS_MAX = 512
_REVOKED: dict[RevocationKind, str] = {
    "sub": "tokens of subject {value} issued until now are refused",
    "origin_jti": "tokens of sign-in {value} are refused",
    "jti": "token {value} is refused",
}
_TOKEN_DAYS_MAX = 1  # the verifier accepts no token that lives longer


@click.command()
@click.argument("user")
@click.option("--id", "use_id", is_flag=True, help="An ID token instead of an access token.")
@click.option("--agency", default=None, help="Where several agencies have a user of that address.")
def token(*, user: str, use_id: bool, agency: str | None) -> None:
    """Print a signed token of the local issuer for USER (an e-mail address), and nothing else.

    \b
    Example:
      curl -H "Authorization: $(almoner token counselor@harbor.test)" …
    """
    config = configured("command")
    if not (config.home / ISSUER_FILE).is_file():
        raise CannotStart(
            f"there is no local issuer in {config.home}. `almoner dev` makes one; the tokens of a "
            "real user pool come from its own sign-in."
        )
    issuer_key = asyncio.run(_issuer_key(config))
    issuer = LocalIssuer.open(config.home / ISSUER_FILE, issuer_key, create=False)
    try:
        found = issuer.user(user, agency)
        if found is None:
            raise NotFound(_why_nobody(issuer.users(), user, agency))
        use: TokenUse = "id" if use_id else "access"
        click.echo(issuer.mint(found, base_url=config.issuer_url, use=use, now=datetime.now(UTC)))
    finally:
        issuer.close()


async def _issuer_key(config: Config) -> bytes:
    async with open_home_keys(config.home, config.keys) as keys:
        return keys.derive("issuer")


def _why_nobody(users: list[User], email: str, agency: str | None) -> str:
    """Say which of the two names is not known here, and what is."""
    agencies = {item.agency for item in users if item.agency is not None}
    if agency is not None and agency not in agencies:
        return (
            f"there is no agency {agency}. There are: {', '.join(sorted(agencies)) or 'none yet'}"
        )
    of_them = [item for item in users if agency in (None, item.agency)]
    known = ", ".join(sorted(item.email for item in of_them)) or "none yet"
    if agency is not None:
        return f"{email} is not of agency {agency}. Its users are: {known}"
    return f"there is no user {email}. There are: {known}"


@click.command("token-revoke")
@agency_argument
@click.option(
    "--subject",
    default=None,
    help="All tokens issued until now of this `sub`; of a further issuer or authorizer `name:sub`.",
)
@click.option("--origin-jti", default=None, help="All tokens of one sign-in.")
@click.option("--jti", default=None, help="One token.")
@reason_option
def token_revoke(
    *,
    agency: str,
    subject: str | None,
    origin_jti: str | None,
    jti: str | None,
    reason: str | None,
) -> None:
    """Refuse tokens of AGENCY's people, within a second, in every process.

    \b
    Example:
      almoner token-revoke harbor --subject 7c0e… --reason "telephone lost"
    """
    named: dict[RevocationKind, str | None] = {
        "sub": subject,
        "origin_jti": origin_jti,
        "jti": jti,
    }
    given = [(kind, value) for kind, value in named.items() if value]
    if len(given) != 1:
        raise click.UsageError("name one of --subject, --origin-jti and --jti")
    kind, value = given[0]
    if len(value) > VALUE_CHARACTERS_MAX or not (value.isascii() and value.isprintable()):
        raise click.UsageError("a token's claims are printable ASCII: copy the value from its text")
    why = reason_or_ask(reason, demanded=True)

    async def run(workspace: Workspace) -> None:
        found = await agency_named(workspace, agency)
        now = datetime.now(UTC)
        revocation = Revocation(
            kind=kind, value=value, at=now, expires_at=now + timedelta(days=_TOKEN_DAYS_MAX + 1)
        )
        audit = cli_audit("token-revoke", subject=None, reason=why)
        await workspace.directory.revoke(found.id, revocation, audit)

    in_workspace(run)
    click.echo(_REVOKED[kind].format(value=value))
    click.echo("Whether there is such a one is not known here: its issuer keeps them.", err=True)
