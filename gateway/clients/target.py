"""Where a frontend's client turns to: the gateway's address, and the user pool of an agency."""

import re
from dataclasses import dataclass

from domain.agencies import Agency
from domain.errors import NotFound

_POOL = re.compile(r"(?P<endpoint>https?://\S+)/(?P<id>(?P<region>[a-z]{2}(-[a-z]+)+-\d)_\w+)")
_AWS = re.compile(r"https://cognito-idp\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTarget:
    """One agency, as a client reaches it.

    url: of GraphQL. pool_endpoint: where the pool is called, None for AWS's own address.
    """

    agency: str
    url: str
    region: str
    pool_id: str
    pool_client_id: str
    pool_endpoint: str | None

    @property
    def socket_url(self) -> str:
        """Return the address for WebSockets of graphql-ws."""
        return re.sub("^http", "ws", self.url)

    @property
    def realtime_url(self) -> str:
        """Return the address that AppSync's clients make of `url` for themselves."""
        return f"{self.socket_url}/realtime"


def client_target(agency: Agency, url: str) -> ClientTarget:
    """Return how clients reach an agency; raises NotFound where it has no pool of Cognito's."""
    for pool in agency.pools:
        named = _POOL.fullmatch(pool.issuer)
        if named is None or not pool.client_ids:
            continue
        return ClientTarget(
            agency=agency.slug,
            url=url,
            region=named["region"],
            pool_id=named["id"],
            pool_client_id=pool.client_ids[0],
            pool_endpoint=None if _AWS.fullmatch(named["endpoint"]) else pool.issuer,
        )
    raise NotFound(
        f"{agency.slug} has no user pool with an app client: `almoner agency update "
        f"{agency.slug} --issuer … --client-id …` names one"
    )
