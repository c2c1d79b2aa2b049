"""`almoner token` and `almoner token-revoke`: the local issuer's tokens, and ending any token."""

from datetime import UTC, datetime, timedelta

import click

from domain.errors import NotFound
from gateway.cli.terminal import (
    agency_named,
    configured,
    in_workspace,
    reason_option,
    reason_or_ask,
)
from gateway.local.issuer import LocalIssuer, TokenUse
from gateway.provisioning import cli_audit
from gateway.settings import CannotStart
from gateway.workspace import ISSUER_FILE, Workspace
from tenants.directory import Revocation, RevocationKind
from tenants.directory_backup import KEYRING_FILE
from tenants.keyring import LocalKeyring

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
    keyring = LocalKeyring.from_file(config.home / KEYRING_FILE, create=False)
    issuer = LocalIssuer.open(config.home / ISSUER_FILE, keyring.derive("issuer"), create=False)
    try:
        found = issuer.user(user, agency)
        if found is None:
            known = ", ".join(sorted(item.email for item in issuer.users()))
            raise NotFound(f"there is no user {user}. There are: {known or 'none yet'}")
        use: TokenUse = "id" if use_id else "access"
        click.echo(issuer.mint(found, base_url=config.issuer_url, use=use, now=datetime.now(UTC)))
    finally:
        issuer.close()


@click.command("token-revoke")
@click.argument("agency")
@click.option("--subject", default=None, help="All tokens of this `sub` issued until now.")
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
    """Refuse tokens of AGENCY's pool, within a second, in every process.

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
    why = reason_or_ask(reason)

    async def run(workspace: Workspace) -> None:
        found = await agency_named(workspace, agency)
        now = datetime.now(UTC)
        revocation = Revocation(
            kind=kind, value=value, at=now, expires_at=now + timedelta(days=_TOKEN_DAYS_MAX + 1)
        )
        audit = cli_audit("token-revoke", subject=None, reason=why)
        await workspace.directory.revoke(found.id, revocation, audit)

    in_workspace(run)
    click.echo("revoked")
