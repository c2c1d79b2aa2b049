"""What `almoner doctor` finds out about the OIDC issuers and authorizers of the configuration."""

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from domain.agencies import Agency
from gateway.cli.findings import Finding, fine
from gateway.config import Config
from gateway.identity.authorizers import NOT_REACHED, Authorizers, NotUnderstood
from gateway.identity.credentials import Occasion
from gateway.identity.jwks import NOT_FETCHED, KeySets, discovery_address
from gateway.identity.opening import new_client
from gateway.identity.providers import Authorizer, OidcIssuer, read_providers
from gateway.identity.refusals import Refusal
from gateway.settings import CannotStart
from tenants.directory.port import Directory

_PAGE = "docs/credentials.md says what the file holds and what an authorizer answers"
_NETWORK = "check the network, and the address in the file that ALMONER_PROVIDERS_FILE names"


async def of_providers(config: Config, directory: Directory) -> AsyncIterator[Finding]:
    """Check each issuer and each authorizer; nothing is said where there are none."""
    try:
        providers = read_providers(config.providers_file, only=config.agency)
    except CannotStart as error:
        yield Finding(check="providers", state="FAIL", finding=error.message, remedy=_PAGE)
        return
    async with new_client() as client:
        key_sets, authorizers = KeySets(client), Authorizers(providers.authorizers, client)
        for issuer in providers.issuers.values():
            yield await _issuer(issuer, key_sets, directory)
        for authorizer in providers.authorizers:
            yield await _authorizer(authorizer, authorizers, directory)


async def _issuer(provider: OidcIssuer, key_sets: KeySets, directory: Directory) -> Finding:
    check = f"{provider.agency}: issuer {provider.name}"
    agency = await directory.agency_by_slug(provider.agency)
    if agency is None:
        return _no_agency(check, provider.agency)
    operators = await directory.operator_pool()
    taken = await directory.agency_by_issuer(provider.issuer) is not None
    if taken or (operators is not None and operators.issuer == provider.issuer):
        return Finding(
            check=check,
            state="FAIL",
            finding=f"{provider.issuer} is a user pool of the directory, which comes first",
            remedy="remove it from the file, or the pool from its agency",
        )
    try:
        keys = await key_sets.fetch(provider.issuer, discovered=True)
    except NOT_FETCHED as error:
        why = str(error) if isinstance(error, ValueError | Refusal) else type(error).__name__
        finding = f"no keys by way of {discovery_address(provider.issuer)}: {why}"
        return Finding(check=check, state="warn", finding=finding, remedy=_NETWORK)
    return fine(check, f"{len(keys)} keys by way of {discovery_address(provider.issuer)}")


async def _authorizer(
    provider: Authorizer, authorizers: Authorizers, directory: Directory
) -> Finding:
    """Ask about a token that nobody has: whoever is let in by it, everybody is."""
    check = f"{provider.agency}: authorizer {provider.name}"
    agency: Agency | None = await directory.agency_by_slug(provider.agency)
    if agency is None:
        return _no_agency(check, provider.agency)
    token, occasion = f"almoner-doctor-{secrets.token_hex(16)}", Occasion(request_id="doctor")
    try:
        await authorizers.answer(provider, agency, token, occasion, datetime.now(UTC))
    except Refusal:
        return fine(check, f"{provider.url} answers, and refuses a token that nobody has")
    except NotUnderstood as error:
        finding = f"{provider.url} gives an answer that cannot be used: {error}"
        return Finding(check=check, state="FAIL", finding=finding, remedy=_PAGE)
    except NOT_REACHED as error:
        finding = f"{provider.url} does not answer ({type(error).__name__})"
        return Finding(check=check, state="warn", finding=finding, remedy=_NETWORK)
    return Finding(
        check=check,
        state="FAIL",
        finding=f"{provider.url} lets in whoever comes with a token that nobody has",
        remedy="isAuthorized is false for what the authorizer does not know",
    )


def _no_agency(check: str, slug: str) -> Finding:
    return Finding(
        check=check,
        state="FAIL",
        finding=f"there is no agency {slug}: whoever it vouches for is refused",
        remedy="almoner agency list; mend the file that ALMONER_PROVIDERS_FILE names",
    )
