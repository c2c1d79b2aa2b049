"""Documents: what is uploaded to an application, and what an upload has to be."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from domain.credit import BlobRef
from domain.media import EXTENSIONS, DocumentRejection
from domain.validation import Faults, clean_text

DOCUMENTS_PER_APPLICATION_MAX = 200
FILE_NAME_CHARACTERS_MAX = 120
BYTES_MAX_DEFAULT = 15 * 1024 * 1024
LINK_SECONDS_DEFAULT = 300
_NOT_IN_NAMES = re.compile(r'[<>:"|?*%;]')  # what file systems or headers read otherwise


class DocumentKind(StrEnum):
    """What a document shows."""

    PAY_STUB = "PAY_STUB"
    BANK_STATEMENT = "BANK_STATEMENT"
    CREDITOR_STATEMENT = "CREDITOR_STATEMENT"
    IDENTITY = "IDENTITY"
    AGREEMENT = "AGREEMENT"
    OTHER = "OTHER"


class DocumentStatus(StrEnum):
    """Where a document stands: REJECTED ones have no file."""

    AWAITING_UPLOAD = "AWAITING_UPLOAD"
    AVAILABLE = "AVAILABLE"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document of an application. media_type, bytes_announced: what was said before it came.

    file: where it is kept; None until it is there, and where it was rejected. uploaded_at: when it
    came, for rejected ones too.
    """

    id: str
    version: int = 0
    application_id: str
    kind: DocumentKind
    file_name: str
    media_type: str
    bytes_announced: int
    status: DocumentStatus = DocumentStatus.AWAITING_UPLOAD
    created_at: datetime
    uploaded_at: datetime | None = None
    file: BlobRef | None = None
    rejection: DocumentRejection | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentTerms:
    """On what terms documents are moved: where links lead, how long they hold, what fits.

    base_url: the gateway as clients reach it, without a slash at its end. presigned: uploads go to
    where files are kept, wherever that takes them, and are completed afterwards.
    """

    base_url: str = "http://127.0.0.1:8000"
    link_seconds: int = LINK_SECONDS_DEFAULT
    bytes_max: int = BYTES_MAX_DEFAULT
    presigned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPlace:
    """Where to send a file to, by PUT and with these headers, and until when."""

    url: str = field(repr=False)
    headers: dict[str, str]
    expires_at: datetime


def clean_media_type(faults: Faults, path: str, value: str) -> str:
    """Return the type in lower case; refuses those that are not taken."""
    text = value.strip().lower()
    if text not in EXTENSIONS:
        faults.add(path, "INVALID", f"Give one of {', '.join(EXTENSIONS)}.")
    return text


def clean_file_name(faults: Faults, path: str, value: str, media_type: str) -> str:
    """Return the last part of a path, without what file systems forbid, ending as its type does."""
    name = re.split(r"[/\\]", value.strip())[-1].lstrip(".")
    text = clean_text(faults, path, name, characters_max=FILE_NAME_CHARACTERS_MAX, worded=True)
    text = _NOT_IN_NAMES.sub("_", text)
    endings = EXTENSIONS.get(media_type, ())
    if endings and text.rpartition(".")[2].lower() not in endings:
        text = f"{text}.{endings[0]}"
    return text
