"""Mutations of documents."""

import strawberry

from domain.documents import Document as DocumentRecord
from resolvers import (
    documents,
)
from schema.declare import Info, field
from schema.documents import Document, DocumentUpload
from schema.inputs import (
    CreateDocumentUploadInput,
    plain,
)
from schema.rules import (
    DOCUMENT_WRITERS,
)


async def _create_document_upload(
    info: Info, input: CreateDocumentUploadInput
) -> documents.DocumentUpload:
    return await documents.create_document_upload(info.context, plain(input))


create_document_upload = field(
    _create_document_upload,
    DocumentUpload | None,
    rule=DOCUMENT_WRITERS,
    description="A sealed place to upload to, and then the document's record. Consumers, "
    "counselors [applications:write or documents:write].",
)


async def _complete_document_upload(info: Info, id: strawberry.ID) -> DocumentRecord:
    return await documents.complete_document_upload(info.context, id)


complete_document_upload = field(
    _complete_document_upload,
    Document | None,
    rule=DOCUMENT_WRITERS,
    description="After the file was sent to a presigned address: it is judged and kept. What "
    "was sent to the gateway itself is complete already. Consumers, counselors "
    "[applications:write or documents:write].",
)
