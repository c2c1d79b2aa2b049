"""Links to documents: short-lived, of one agency, for one document, one use and one principal.

A link is sealed by a key of the agency's (an HMAC, as cursors are) and carries ids alone. It stands
for the principal that asked for it and gives them no reach: whoever's grant has ended since is
refused as everywhere else.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from domain.access import Principal, Scope
from domain.actors import KIND_OF_GROUP, PrincipalKind
from domain.documents import Document
from domain.errors import GatewayError
from resolvers.context import RequestContext, store_of
from tenants.store import AgencyStore

_LISTING = "document links"  # no listing has blanks in its name
_SCOPES = {"upload": Scope.APPLICATIONS_WRITE, "download": Scope.DOCUMENTS_READ}
PATH = "/documents/"
_PARTS = 7


class LinkUse(StrEnum):
    """What a link is for."""

    UPLOAD = "upload"
    DOWNLOAD = "download"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentLink:
    """What a link says. version: of the document, which a link to upload is good for once."""

    use: LinkUse
    document_id: str
    version: int
    made_at: datetime
    expires_at: datetime
    kind: PrincipalKind
    subject: str

    def principal(self, agency_id: str) -> Principal:
        """Return for whom the link stands, with no more scope than its use takes."""
        kind = self.kind
        group = next((group for group, one in KIND_OF_GROUP.items() if one is kind), None)
        machine = kind is PrincipalKind.INTEGRATION
        return Principal(
            kind=kind,
            subject=self.subject,
            display_name=kind.capitalize(),
            agency_id=None if kind is PrincipalKind.OPERATOR else agency_id,
            group=group,
            scopes=frozenset({_SCOPES[self.use]}) if machine else frozenset(),
            expires_at=self.expires_at,
        )


def link_to(context: RequestContext, document: Document, use: LinkUse) -> tuple[str, datetime]:
    """Return the address of a link for the principal, and when it ends."""
    terms, at = context.request.documents, context.request.at
    ends = at + timedelta(seconds=terms.link_seconds)
    principal, store = context.principal, store_of(context)
    said = (
        use.value,
        document.id,
        str(document.version),
        str(int(at.timestamp())),
        str(int(ends.timestamp())),
        principal.kind.value,
        principal.subject,
    )
    sealed = store.seal_cursor(_LISTING, "|".join(said))
    return f"{terms.base_url}{PATH}{store.agency_id}.{sealed}", ends


def agency_named(token: str) -> str | None:
    """Return the id of the agency that a link says it is of, for what that is worth; or None."""
    agency_id, found, _ = token.partition(".")
    return agency_id if found else None


def open_link(store: AgencyStore, token: str) -> DocumentLink | None:
    """Return what a link of this agency's says; None for what the agency did not seal."""
    try:
        text = store.open_cursor(_LISTING, token.partition(".")[2])
    except GatewayError:
        return None
    use, document_id, version, made, ends, kind, subject = text.split("|", _PARTS - 1)
    return DocumentLink(
        use=LinkUse(use),
        document_id=document_id,
        version=int(version),
        made_at=datetime.fromtimestamp(int(made), UTC),
        expires_at=datetime.fromtimestamp(int(ends), UTC),
        kind=PrincipalKind(kind),
        subject=subject,
    )
