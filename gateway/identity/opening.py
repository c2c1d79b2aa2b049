"""Opens stage 2: who vouches for whom, and the client by which they are asked."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx

from gateway.config import Config
from gateway.identity.authenticator import Authenticator
from gateway.identity.authorizers import Authorizers
from gateway.identity.jwks import KeySets
from gateway.identity.providers import read_providers
from integrations.tls import client_tls_context
from tenants.directory.port import Directory


def new_client() -> httpx.AsyncClient:
    """Return a client for issuers and authorizers: it follows nobody, and trusts no environment."""
    return httpx.AsyncClient(
        verify=client_tls_context(), trust_env=False, follow_redirects=False, timeout=5.0
    )


@asynccontextmanager
async def open_authenticator(config: Config, directory: Directory) -> AsyncIterator[Authenticator]:
    """Give the authenticator; raises CannotStart where the file of providers is not right."""
    providers = read_providers(config.providers_file, only=config.agency)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(new_client())
        key_sets = KeySets(client)
        stack.push_async_callback(key_sets.aclose)
        authorizers = Authorizers(providers.authorizers, client)
        authenticator = Authenticator(
            directory, key_sets, providers=providers, authorizers=authorizers
        )
        stack.push_async_callback(authenticator.aclose)
        yield authenticator
