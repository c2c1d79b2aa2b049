"""Documents: announced, uploaded by a link, judged from their bytes, sealed, and downloaded.

The file is kept before the record says so, and the record says so in one unit with its event and
audit line; a file whose record was lost is swept later. Nothing is acknowledged before.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta

from domain.access import Scope
from domain.applications import ENDED, Application
from domain.credit import BlobRef
from domain.documents import (
    DOCUMENTS_PER_APPLICATION_MAX,
    Document,
    DocumentStatus,
    UploadPlace,
    clean_file_name,
    clean_media_type,
)
from domain.errors import (
    InvalidTransition,
    NotFound,
    StoreUnavailable,
    TooLarge,
    VersionConflict,
)
from domain.events import Event, EventName
from domain.ids import new_child_id, new_ulid
from domain.media import DocumentRejection, judge
from domain.validation import Faults, clean_integer
from resolvers.applications import application_named, children_within, grounds_for
from resolvers.context import RequestContext, store_of
from resolvers.document_links import DocumentLink, LinkUse, link_to
from resolvers.inputs import CreateDocumentUploadInput
from resolvers.once import Attempt, once
from resolvers.trail import audited, commit, happened

_FORGOTTEN_AFTER = timedelta(days=1)  # announced and never sent: it counts no longer


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentUpload:
    """A document that was announced, and where its file is to be sent."""

    document: Document
    place: UploadPlace


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A document and its file."""

    document: Document
    content: bytes = field(repr=False)


async def create_document_upload(
    context: RequestContext, input: CreateDocumentUploadInput
) -> DocumentUpload:
    """Announce a document, and say where its file goes: one PUT, within minutes.

    Raises InvalidInput, NotFound, Forbidden, InvalidTransition for an application that has ended,
    TooLarge where it has as many documents as it may.
    """

    async def perform(attempt: Attempt) -> DocumentUpload:
        application = await application_named(context, input.application_id)
        document = _announced(context, input, application)
        _check_open(application)
        await _check_count(context, application)
        document = await commit(
            context,
            document,
            check=await grounds_for(context, application),
            event=_event(context, EventName.DOCUMENT_ANNOUNCED, document),
            audit=audited(
                context,
                "createDocumentUpload",
                document.id,
                consumers=(application.consumer_id,),
                fields=("Document.fileName",),
            ),
            begin=attempt.done(document.id),
        )
        return await _upload(context, document)

    async def replay(reference: str) -> DocumentUpload:
        document = await context.guard.child(Document, reference)
        if document is None:
            raise NotFound
        if document.status is not DocumentStatus.AWAITING_UPLOAD:
            raise InvalidTransition("This document has been uploaded already.")
        return await _upload(context, document)

    return await once(context, "createDocumentUpload", input, perform=perform, replay=replay)


async def complete_document_upload(context: RequestContext, id: str) -> Document:
    """Take in what was sent to a presigned address: judged, sealed, kept, and removed there.

    What came by the gateway's own link is complete already, and answered as it is. Raises NotFound,
    Forbidden, InvalidTransition where nothing has come.
    """

    async def perform(_attempt: Attempt) -> Document:
        document = await _document_to_write(context, id)
        incoming = store_of(context).blobs.incoming
        if document.status is not DocumentStatus.AWAITING_UPLOAD:
            return document
        content = None
        if incoming is not None:
            most = document.bytes_announced
            content = await incoming.take_incoming(document.id, bytes_max=most)
        if incoming is None or content is None:
            raise InvalidTransition("Nothing has come for this document yet. Send it first.")
        settled = await receive(context, document, content)
        with suppress(StoreUnavailable):  # the bucket's own rule removes it then
            await incoming.drop_incoming(document.id)
        return settled

    async def replay(reference: str) -> Document:
        return await _document_to_write(context, reference)

    body = {"id": id}
    return await once(context, "completeDocumentUpload", body, perform=perform, replay=replay)


async def _document_to_write(context: RequestContext, id: str) -> Document:
    document = await context.guard.child(Document, id)
    if document is None:
        raise NotFound
    _check_open(await application_named(context, document.application_id))
    return document


async def documents_of(
    context: RequestContext, applications: Sequence[Application]
) -> list[list[Document] | None]:
    """Return the documents of each application, oldest first; None where they are out of reach."""
    return await children_within(context, Document, applications, Scope.DOCUMENTS_READ)


async def document_named(context: RequestContext, id: str) -> Document | None:
    """Return the document, or None where there is none within reach."""
    return await context.guard.child(Document, id)


def download_url(context: RequestContext, document: Document) -> str | None:
    """Return a short-lived link to the document's file; None where it has none."""
    if document.file is None:
        return None
    return link_to(context, document, LinkUse.DOWNLOAD)[0]


async def awaited_document(context: RequestContext, link: DocumentLink) -> Document:
    """Return the document that a link to upload is for.

    Raises NotFound and Forbidden where it is out of reach by now, InvalidTransition where the link
    was used.
    """
    document = await _document_to_write(context, link.document_id)
    if (document.version, document.status) != (link.version, DocumentStatus.AWAITING_UPLOAD):
        raise InvalidTransition("This link has been used. Ask for another one.")
    return document


async def receive(context: RequestContext, document: Document, content: bytes) -> Document:
    """Judge and keep the file of a document that awaits it; return it AVAILABLE or REJECTED.

    Of two files at once one is kept. Raises InvalidTransition for the other, StoreUnavailable.
    """
    application = await application_named(context, document.application_id)
    why, digest = await asyncio.to_thread(_judged, content, document)
    if why is not None:
        rejected = replace(document, status=DocumentStatus.REJECTED, rejection=why)
        return await _settle(context, application, rejected, EventName.DOCUMENT_REJECTED)
    file = BlobRef(
        id=new_ulid(context.request.at),
        sha256=digest,
        bytes=len(content),
        media_type=document.media_type,
    )
    await store_of(context).blobs.put(file.id, content)
    kept = replace(document, status=DocumentStatus.AVAILABLE, file=file)
    try:
        return await _settle(context, application, kept, EventName.DOCUMENT_UPLOADED)
    except (InvalidTransition, NotFound):
        with suppress(StoreUnavailable):  # it is swept later then
            await store_of(context).blobs.delete(file.id)
        raise


async def deliver(context: RequestContext, link: DocumentLink) -> Download:
    """Return a document with its file, once the line that tells of it is on the disk.

    Raises NotFound where it is out of reach by now, StoreUnavailable where the file is not the one
    that was kept.
    """
    document = await context.guard.child(Document, link.document_id)
    if document is None or document.file is None:
        raise NotFound
    store = store_of(context)
    content = await store.blobs.get(document.file.id)
    if content is None or await asyncio.to_thread(_digest, content) != document.file.sha256:
        raise StoreUnavailable("The document's file is not the one that was kept.")
    await store.record_audit(audited(context, "downloadDocument", document.id))
    return Download(document=document, content=content)


def _announced(
    context: RequestContext, input: CreateDocumentUploadInput, application: Application
) -> Document:
    faults = Faults()
    media_type = clean_media_type(faults, "input.mediaType", input.media_type)
    greatest = context.request.documents.bytes_max
    document = Document(
        id=new_child_id("doc", application.id, context.request.at),
        application_id=application.id,
        kind=input.kind,
        file_name=clean_file_name(faults, "input.fileName", input.file_name, media_type),
        media_type=media_type,
        bytes_announced=clean_integer(
            faults, "input.bytes", input.bytes, least=1, greatest=greatest
        ),
        created_at=context.request.at,
    )
    faults.raise_any()
    return document


async def _upload(context: RequestContext, document: Document) -> DocumentUpload:
    terms, incoming = context.request.documents, store_of(context).blobs.incoming
    if terms.presigned and incoming is not None:
        url, headers = await incoming.upload_address(
            document.id,
            media_type=document.media_type,
            size=document.bytes_announced,
            seconds=terms.link_seconds,
        )
        ends = context.request.at + timedelta(seconds=terms.link_seconds)
    else:
        url, ends = link_to(context, document, LinkUse.UPLOAD)
        headers = {"content-type": document.media_type}
    place = UploadPlace(url=url, headers=headers, expires_at=ends)
    return DocumentUpload(document=document, place=place)


def _check_open(application: Application) -> None:
    if application.status in ENDED:
        raise InvalidTransition(f"An application that is {application.status} has ended.")


async def _check_count(context: RequestContext, application: Application) -> None:
    earliest = context.request.at - _FORGOTTEN_AFTER
    count = sum(
        one.status is DocumentStatus.AVAILABLE or one.created_at > earliest
        for one in await store_of(context).children(Document, application.id)
    )
    if count >= DOCUMENTS_PER_APPLICATION_MAX:
        raise TooLarge(f"An application holds at most {DOCUMENTS_PER_APPLICATION_MAX} documents.")


async def _settle(
    context: RequestContext, application: Application, document: Document, name: EventName
) -> Document:
    settled = replace(document, uploaded_at=context.request.at)
    rejection = settled.rejection
    try:
        return await commit(
            context,
            settled,
            check=await grounds_for(context, application),
            event=_event(context, name, settled),
            audit=audited(
                context,
                "uploadDocument",
                settled.id,
                consumers=(application.consumer_id,),
                purpose=None if rejection is None else rejection.value,
                fields=() if rejection else ("Document.file",),
            ),
        )
    except VersionConflict as conflict:
        raise InvalidTransition("This link has been used. Ask for another one.") from conflict


def _event(context: RequestContext, name: EventName, document: Document) -> Event:
    version = document.version + 1
    application_id = document.application_id
    return happened(context, name, document.id, version, applicationId=application_id)


def _judged(content: bytes, document: Document) -> tuple[DocumentRejection | None, str]:
    why = judge(content, document.media_type, document.bytes_announced)
    return why, _digest(content)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
