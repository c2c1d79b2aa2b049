"""Who subscribes: stages 2 to 5 of a request, gone through at the start and for each event."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domain.access import Principal
from domain.clock import utc_now
from domain.errors import Forbidden, Unauthenticated
from gateway.agency import settle_agency
from gateway.front import new_request_id
from gateway.http import Asked
from gateway.identity.credentials import Credential, occasion_of, present
from gateway.parts import Parts, Served
from resolvers.context import RequestContext, RequestMeta, open_context


class Admission:
    """Lets in who presents a credential, to their agency's store and no other."""

    def __init__(self, served: Served, parts: Parts) -> None:
        self._config = served.config
        self._documents = served.documents
        self._parts = parts

    @asynccontextmanager
    async def context(
        self, credential: Credential | None, source_ip: str | None, asked: Asked | None = None
    ) -> AsyncIterator[RequestContext]:
        """Give the context of whoever presents the credential, as of now, and what is asked for.

        Raises Unauthenticated, Forbidden for an operator who acts for no agency, and
        StoreUnavailable.
        """
        parts, principal = self._parts, None
        meta = RequestMeta(
            id=new_request_id(),
            at=utc_now(),
            source_ip=source_ip,
            allow_test_ssn=self._config.allow_test_ssn,
            documents=self._documents,
        )
        try:
            presented = await present(credential, parts.authenticator, occasion_of(meta.id, asked))
            principal = presented.principal
            settled = await settle_agency(
                principal,
                presented.agency_hint,
                parts.directory,
                at=meta.at,
                only=self._config.agency,
            )
        except Unauthenticated as error:
            await parts.sightings.turned_away(error, principal, meta, parts.directory)
            raise
        agency = settled.agency
        if agency is None:
            raise Forbidden(
                "A subscription is to one agency's events: name it by x-agency, and have a grant."
            )
        async with parts.stores.lease(agency) as store:
            await parts.sightings.arrived(settled.principal, meta, store, parts.directory)
            directory, vendors = settled.directory_in(parts.directory), parts.vendors.of(agency)
            yield open_context(settled.principal, agency, store, directory, vendors, meta)

    async def check(self, credential: Credential | None, source_ip: str | None) -> Principal:
        """Return who presents the credential; raises as `context` does."""
        async with self.context(credential, source_ip) as context:
            return context.principal
