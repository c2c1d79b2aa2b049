"""What a file is, judged from its bytes alone: neither its name nor who sends it is believed.

A file passes where it is of the kind that was announced from its first byte to its last: what is
cut off, what has something appended (a ZIP archive behind a picture is both), and what would run
something is refused. Kinds are few on purpose: PDF, PNG, JPEG, TIFF and HEIC are what scanners,
telephones and banks make. Text, HTML, SVG, office files and archives are none of them.

This is no search for viruses: a reader's own flaws, and what lies in compressed parts of a PDF, are
not looked at. Sources: ISO 32000-2 7.5; PNG (W3C, third edition) 5; ITU-T T.81 annex B; TIFF 6.0
part 1; ISO/IEC 14496-12 4.2 and 23008-12.
"""

import re
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum

PIXELS_MAX = 200_000_000
SIDE_PIXELS_MAX = 60_000
PAGES_MAX = 500
_TAIL_BYTES = 65_557  # within which an archive's directory has to end
_HEAD_BYTES = 1024
_EOF_WITHIN_BYTES = 1024


class DocumentRejection(StrEnum):
    """Why an upload was refused."""

    SIZE_DIFFERS = "SIZE_DIFFERS"
    TYPE_DIFFERS = "TYPE_DIFFERS"
    DAMAGED = "DAMAGED"
    ACTIVE_CONTENT = "ACTIVE_CONTENT"
    TOO_MANY_PIXELS = "TOO_MANY_PIXELS"


class _Rejected(Exception):
    """The file is refused."""

    def __init__(self, why: DocumentRejection) -> None:
        super().__init__(why)
        self.why = why


def judge(content: bytes, media_type: str, size: int) -> DocumentRejection | None:
    """Return why a file that was announced with this type and size is refused; None where not.

    Takes time in proportion to the file's length, whatever is in it. Raises KeyError for a type
    that is not in EXTENSIONS.
    """
    starts, check = _KINDS[media_type]
    if len(content) != size:
        return DocumentRejection.SIZE_DIFFERS
    if not starts(content):
        return DocumentRejection.TYPE_DIFFERS
    try:
        _refuse_other_readings(content)
        check(content)
    except _Rejected as rejected:
        return rejected.why
    except (struct.error, IndexError):  # it ends where it should go on
        return DocumentRejection.DAMAGED
    return None


_MARKUP = re.compile(
    rb"<(?:script|html|svg|!doctype|\?php|\?xml\s|iframe|body|head)", re.IGNORECASE
)


def _refuse_other_readings(content: bytes) -> None:
    """Refuse what something else than its own viewer would read: an archive, a page, a script."""
    if b"PK\x05\x06" in content[-_TAIL_BYTES:] or _MARKUP.search(content[:_HEAD_BYTES]):
        raise _Rejected(DocumentRejection.ACTIVE_CONTENT)


_ACTIVE_NAMES = re.compile(
    rb"/(?:JavaScript|JS|Launch|EmbeddedFiles?|RichMedia|ImportData)(?![A-Za-z0-9])"
)
_HEX_IN_NAME = re.compile(rb"#([0-9A-Fa-f]{2})")


def _check_pdf(content: bytes) -> None:
    tail = content[-_EOF_WITHIN_BYTES:]
    _, found, after = tail.rpartition(b"%%EOF")
    if not found or after.strip(b"\r\n\t \x00"):
        raise _Rejected(DocumentRejection.DAMAGED)
    for part in _outside_streams(content):
        named = _HEX_IN_NAME.sub(lambda match: bytes((int(match[1], 16),)), part)
        if _ACTIVE_NAMES.search(named):
            raise _Rejected(DocumentRejection.ACTIVE_CONTENT)


def _outside_streams(content: bytes) -> Iterator[bytes]:
    """Yield what of a PDF is not the inside of a stream, whose bytes may look like anything."""
    at = 0
    while True:
        begins = content.find(b"stream", at)
        ends = -1 if begins < 0 else content.find(b"endstream", begins)
        if ends < 0:
            yield content[at:]
            return
        yield content[at:begins]
        at = ends + len(b"endstream")


_PNG = b"\x89PNG\r\n\x1a\n"


def _check_png(content: bytes) -> None:
    at, name = len(_PNG), b""
    while name != b"IEND":
        length, name = struct.unpack_from(">I4s", content, at)
        if at == len(_PNG):
            if name != b"IHDR":
                raise _Rejected(DocumentRejection.DAMAGED)
            _check_pixels(*struct.unpack_from(">II", content, at + 8))
        (checksum,) = struct.unpack_from(">I", content, at + 8 + length)
        if zlib.crc32(memoryview(content)[at + 4 : at + 8 + length]) != checksum:
            raise _Rejected(DocumentRejection.DAMAGED)
        at += 12 + length
    if at != len(content):
        raise _Rejected(DocumentRejection.DAMAGED)


_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE = frozenset({0x01, *range(0xD0, 0xD8)})
_SCAN, _END = 0xDA, 0xD9


def _check_jpeg(content: bytes) -> None:
    at, framed = 2, False
    while True:
        if content[at] != 0xFF:  # noqa: PLR2004 -- what every marker begins with
            raise _Rejected(DocumentRejection.DAMAGED)
        marker = content[at + 1]
        if marker == 0xFF:  # noqa: PLR2004 -- fill
            at += 1
            continue
        if marker == _END:
            raise _Rejected(DocumentRejection.DAMAGED)
        if marker == _SCAN:
            break
        if marker in _BARE:
            at += 2
            continue
        (length,) = struct.unpack_from(">H", content, at + 2)
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", content, at + 5)
            _check_pixels(width, max(height, 1))  # 0: told later, after the scan
            framed = True
        at += 2 + length
    # Some telephones append what other pictures of the moment they have, in a block of their own.
    after = content[content.rfind(b"\xff\xd9") + 2 :]
    if not framed or not (after.endswith(b"SEFT") or not after.strip(b"\x00\r\n ")):
        raise _Rejected(DocumentRejection.DAMAGED)


_WIDTH, _HEIGHT = 256, 257
_SHORT = 3


def _check_tiff(content: bytes) -> None:
    order = "<" if content.startswith(b"II") else ">"
    (at,) = struct.unpack_from(order + "I", content, 4)
    pages = 0
    while at:
        pages += 1
        (count,) = struct.unpack_from(order + "H", content, at)
        if pages > PAGES_MAX or count == 0:
            raise _Rejected(DocumentRejection.DAMAGED)
        sides = {_WIDTH: 1, _HEIGHT: 1}
        for number in range(count):
            entry = at + 2 + 12 * number
            tag, kind = struct.unpack_from(order + "HH", content, entry)
            (value,) = struct.unpack_from(
                order + ("H" if kind == _SHORT else "I"), content, entry + 8
            )
            if tag in sides:
                sides[tag] = value
        _check_pixels(sides[_WIDTH], sides[_HEIGHT])
        (at,) = struct.unpack_from(order + "I", content, at + 2 + 12 * count)
    if pages == 0:
        raise _Rejected(DocumentRejection.DAMAGED)


_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1"})
_LONG_BOX, _LONG_BOX_BYTES, _BOX_BYTES = 1, 16, 8


def _is_heic(content: bytes) -> bool:
    if content[4:8] != b"ftyp":
        return False
    size = int.from_bytes(content[:4], "big")
    brands = {content[8:12], *(content[at : at + 4] for at in range(16, min(size, 256), 4))}
    return not _HEIC_BRANDS.isdisjoint(brands)


def _check_heic(content: bytes) -> None:
    at, names = 0, set()
    while at < len(content):
        size, name = struct.unpack_from(">I4s", content, at)
        least = _BOX_BYTES
        if size == _LONG_BOX:
            (size,) = struct.unpack_from(">Q", content, at + 8)
            least = _LONG_BOX_BYTES
        elif size == 0:
            size = len(content) - at
        if size < least:
            raise _Rejected(DocumentRejection.DAMAGED)
        names.add(name)
        at += size
    if at != len(content) or not {b"meta", b"mdat"} <= names:
        raise _Rejected(DocumentRejection.DAMAGED)


def _check_pixels(width: int, height: int) -> None:
    """Refuse a picture that is small to send and beyond all bounds to show."""
    if width == 0 or height == 0:
        raise _Rejected(DocumentRejection.DAMAGED)
    if max(width, height) > SIDE_PIXELS_MAX or width * height > PIXELS_MAX:
        raise _Rejected(DocumentRejection.TOO_MANY_PIXELS)


_PDF_HEAD = re.compile(rb"%PDF-[12]\.[0-9]")
_KINDS: Mapping[str, tuple[Callable[[bytes], bool], Callable[[bytes], None]]] = {
    "application/pdf": (lambda content: bool(_PDF_HEAD.match(content)), _check_pdf),
    "image/png": (lambda content: content.startswith(_PNG), _check_png),
    "image/jpeg": (lambda content: content.startswith(b"\xff\xd8\xff"), _check_jpeg),
    "image/tiff": (lambda content: content.startswith((b"II*\x00", b"MM\x00*")), _check_tiff),
    "image/heic": (_is_heic, _check_heic),
}
EXTENSIONS: Mapping[str, tuple[str, ...]] = {
    "application/pdf": ("pdf",),
    "image/png": ("png",),
    "image/jpeg": ("jpg", "jpeg"),
    "image/tiff": ("tif", "tiff"),
    "image/heic": ("heic", "heif"),
}
"""The types that are taken, each with the extensions that a name may end with."""
