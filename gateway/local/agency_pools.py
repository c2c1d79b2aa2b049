"""Gives every agency whose user pool is at this machine's identity provider that pool.

`almoner agency add lakeside … --issuer http://127.0.0.1:8001/us-east-1_Lakeside1 --client-id web`
is enough: the pool is there from the next start of `almoner dev`, empty, with a key of its own.
"""

import re

from gateway.local.identity_provider.pools import POOL_ID_PATTERN
from gateway.local.issuer import LocalIssuer
from tenants.directory.port import Directory


async def adopt_pools(directory: Directory, issuer: LocalIssuer, issuer_url: str) -> None:
    """Make the pools that there are not yet; one has the app client that is named first."""
    for agency in await directory.agencies():
        for pool in agency.pools:
            base, _, pool_id = pool.issuer.rpartition("/")
            if base == issuer_url and pool.client_ids and re.fullmatch(POOL_ID_PATTERN, pool_id):
                issuer.ensure_pool(pool_id, pool.client_ids[0], agency=agency.slug)
