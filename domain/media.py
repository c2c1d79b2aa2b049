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
# What compressed bytes do not spell by chance. Where a stream begins is what the file says, and a
# comment says it as well: these are looked for in all of it. Without /JavaScript no /JS runs.
_PLAIN_NAMES = re.compile(
    rb"/(?:JavaScript|Launch|EmbeddedFiles?|RichMedia|ImportData)(?![A-Za-z0-9])"
)
_HEX_IN_NAME = re.compile(rb"#([0-9A-Fa-f]{2})")
_HEX_IN_NAMES_MAX = 100_000  # by chance there are some hundreds


def _check_pdf(content: bytes) -> None:
    tail = content[-_EOF_WITHIN_BYTES:]
    _, found, after = tail.rpartition(b"%%EOF")
    if not found or after.strip(b"\r\n\t \x00"):
        raise _Rejected(DocumentRejection.DAMAGED)
    _refuse_names(_PLAIN_NAMES, content, 0, len(content))
    for begins, ends in _outside_streams(content):
        _refuse_names(_ACTIVE_NAMES, content, begins, ends)


def _refuse_names(names: re.Pattern[bytes], content: bytes, begins: int, ends: int) -> None:
    """Refuse what has one of the names, in whatever spelling."""
    escapes = 0
    for start, end in _pieces(begins, ends):
        piece, count = _HEX_IN_NAME.subn(
            lambda match: bytes((int(match[1], 16),)), content[start:end]
        )
        escapes += count
        if escapes > _HEX_IN_NAMES_MAX:
            raise _Rejected(DocumentRejection.DAMAGED)
        for match in names.finditer(piece):
            if match.end() < len(piece) or end == ends:  # cut off, it is whole in the next piece
                raise _Rejected(DocumentRejection.ACTIVE_CONTENT)


def _outside_streams(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield from where to where a PDF is not the inside of a stream, which may look like anything.

    As the file says it: a comment that says so hides what is behind it, and must not be relied on.
    """
    at = 0
    while True:
        begins = _find(content, b"stream", at)
        ends = -1 if begins < 0 else _find(content, b"endstream", begins)
        if ends < 0:
            yield at, len(content)
            return
        yield at, begins
        at = ends + len(b"endstream")


_PIECE_BYTES = 64 * 1024
_OVERLAP_BYTES = 64  # more than anything that is looked for


def _pieces(begins: int, ends: int) -> Iterator[tuple[int, int]]:
    """Yield where pieces begin and end, each with the end of the one before.

    One search holds the interpreter for as long as it takes, and everybody who is waiting for an
    answer with it; between pieces others have their turn.
    """
    for at in range(begins, ends, _PIECE_BYTES):
        yield max(at - _OVERLAP_BYTES, begins), min(at + _PIECE_BYTES, ends)


def _find(content: bytes, what: bytes, at: int) -> int:
    for start, end in _pieces(at, len(content)):
        found = content.find(what, start, end)
        if found >= 0:
            return found
    return -1


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


_IN_SCAN = re.compile(rb"\xff[^\xff\x00\xd0-\xd7]")  # the marker that ends a scan
_FILLING = b"\x00\r\n "


def _check_jpeg(content: bytes) -> None:
    """Follow one picture after the other to its own end; nothing else may stand behind them.

    Telephones append what other pictures of the moment they have; one maker's, a block of its own.
    """
    at = 0
    while at < len(content):
        if content[at : at + 3] != b"\xff\xd8\xff":
            if at == 0 or not content.endswith(b"SEFT"):
                raise _Rejected(DocumentRejection.DAMAGED)
            if any(_MARKUP.search(content, *piece) for piece in _pieces(at, len(content))):
                raise _Rejected(DocumentRejection.ACTIVE_CONTENT)
            return
        at = _after_filling(content, _after_picture(content, at + 2))


def _after_filling(content: bytes, at: int) -> int:
    for start in range(at, len(content), _PIECE_BYTES):
        rest = content[start : start + _PIECE_BYTES].lstrip(_FILLING)
        if rest:
            return min(start + _PIECE_BYTES, len(content)) - len(rest)
    return len(content)


def _after_picture(content: bytes, at: int) -> int:
    """Return where the picture ends whose first marker is at `at`."""
    framed = scanned = False
    while True:
        if content[at] != 0xFF:  # noqa: PLR2004 -- what every marker begins with
            raise _Rejected(DocumentRejection.DAMAGED)
        marker = content[at + 1]
        if marker == 0xFF:  # noqa: PLR2004 -- fill
            at += 1
            continue
        if marker == _END:
            if not (framed and scanned):
                raise _Rejected(DocumentRejection.DAMAGED)
            return at + 2
        if marker in _BARE:
            at += 2
            continue
        (length,) = struct.unpack_from(">H", content, at + 2)
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", content, at + 5)
            _check_pixels(width, max(height, 1))  # 0: told later, after the scan
            framed = True
        at += 2 + length
        if marker == _SCAN:
            scanned = True
            at = _after_scan(content, at)


def _after_scan(content: bytes, at: int) -> int:
    for piece in _pieces(at, len(content)):
        found = _IN_SCAN.search(content, *piece)
        if found is not None:
            return found.start()
    raise _Rejected(DocumentRejection.DAMAGED)


_WIDTH, _HEIGHT = 256, 257
_SHORT = 3


def _check_tiff(content: bytes) -> None:
    order = "<" if content.startswith(b"II") else ">"
    (at,) = struct.unpack_from(order + "I", content, 4)
    pages = entries = 0
    while at:
        pages += 1
        (count,) = struct.unpack_from(order + "H", content, at)
        entries += count
        # Pages may lie over one another: all of them together are no more than the file has room
        # for, or a list of 65,535 entries would be read once for each page.
        if pages > PAGES_MAX or count == 0 or 12 * entries > len(content):
            raise _Rejected(DocumentRejection.DAMAGED)
        sides, seen = {_WIDTH: 1, _HEIGHT: 1}, set[int]()
        for number in range(count):
            entry = at + 2 + 12 * number
            tag, kind = struct.unpack_from(order + "HH", content, entry)
            (value,) = struct.unpack_from(
                order + ("H" if kind == _SHORT else "I"), content, entry + 8
            )
            if tag in sides:
                sides[tag] = max(sides[tag], value) if tag in seen else value
                seen.add(tag)  # readers differ in which of two they take
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
    at, missing = 0, {b"meta", b"mdat"}
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
        missing.discard(name)
        at += size
    if at != len(content) or missing:
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
