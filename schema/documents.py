"""Documents and where they are uploaded to, as the API shows them."""

from typing import Any

import strawberry

from domain.documents import Document as DocumentRecord
from domain.documents import DocumentKind, DocumentStatus
from domain.media import DocumentRejection
from resolvers import documents
from schema.connections import Node
from schema.declare import Info, field, object_type, reads
from schema.gates import of_its_application
from schema.rules import DOCUMENT_IDENTITY, DOCUMENT_READERS
from schema.scalars import AWSJSON, AWSURL, AWSDateTime


def _bytes(root: DocumentRecord) -> int | None:
    return None if root.file is None else root.file.bytes


def _sha256(root: DocumentRecord) -> str | None:
    return None if root.file is None else root.file.sha256


def _download_url(root: DocumentRecord, info: Info) -> str | None:
    return documents.download_url(info.context, root)


@object_type(rule=DOCUMENT_READERS, record=DocumentRecord, about=of_its_application, durable=True)
class Document(Node):
    """A file of an application's. bytes and sha256 are of what is kept; null until something is.

    rejection says why a file was refused: send another one, by another createDocumentUpload.
    """

    id: strawberry.ID = field(rule=DOCUMENT_IDENTITY)
    kind: DocumentKind
    file_name: str
    media_type: str
    bytes: int | None = field(_bytes, int | None)
    sha256: str | None = field(_sha256, str | None, name="sha256")
    status: DocumentStatus = field(rule=DOCUMENT_IDENTITY, personal=False)
    uploaded_at: AWSDateTime | None
    download_url: AWSURL | None = field(
        _download_url,
        AWSURL | None,
        description="Short-lived; audited. For whoever asked for it alone, while they may read it.",
    )
    rejection: DocumentRejection | None


def _headers(root: documents.DocumentUpload) -> Any:
    return root.place.headers


@object_type(rule=DOCUMENT_IDENTITY)
class DocumentUpload:
    """Where a file goes: by one PUT with these headers, before expiresAt."""

    document: Document
    url: AWSURL = reads("place.url", AWSURL)
    headers: AWSJSON = field(_headers, AWSJSON)
    expires_at: AWSDateTime = reads("place.expires_at", AWSDateTime)
