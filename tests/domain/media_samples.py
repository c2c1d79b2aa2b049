"""The smallest files of each type that documents may have."""

import struct
import zlib


def a_pdf(more: bytes = b"", *, stream: bytes = b"BT ET") -> bytes:
    """Return a PDF of one empty page; more: what its catalog has beside."""
    return (
        b"%PDF-1.7\n1 0 obj << /Type /Catalog /Pages 2 0 R " + more + b" >> endobj\n"
        b"2 0 obj << /Type /Pages /Kids [3 0 R] /Count 1 >> endobj\n"
        b"3 0 obj << /Type /Page /Parent 2 0 R /Contents 4 0 R >> endobj\n"
        b"4 0 obj << /Length %d >>\nstream\n"
        % len(stream)
        + stream
        + b"\nendstream\nendobj\ntrailer << /Root 1 0 R /Size 5 >>\nstartxref\n0\n%%EOF\n"
    )


def png_chunk(name: bytes, content: bytes) -> bytes:
    """Return a part of a PNG."""
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def a_png(more: bytes = b"", *, width: int = 1, height: int = 1) -> bytes:
    """Return a gray PNG."""
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    pixels = png_chunk(b"IDAT", zlib.compress(b"\0\0"))
    return b"\x89PNG\r\n\x1a\n" + head + more + pixels + png_chunk(b"IEND", b"")


def a_jpeg(*, width: int = 1, height: int = 1) -> bytes:
    """Return the frame of a JPEG; there is a scan, and nothing to see."""
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\x00"
    scan = b"\xff\xda" + struct.pack(">HB", 8, 1) + b"\x01\x00\x00\x3f\x00" + b"\x7f"
    return b"\xff\xd8\xff\xe0" + struct.pack(">H", 4) + b"JF" + frame + scan + b"\xff\xd9"


def a_tiff(*, width: int = 1, height: int = 1) -> bytes:
    """Return a TIFF of one page."""
    entries = struct.pack("<HHII", 256, 4, 1, width) + struct.pack("<HHII", 257, 4, 1, height)
    return b"II*\x00" + struct.pack("<IH", 8, 2) + entries + struct.pack("<I", 0)


def a_heic() -> bytes:
    """Return the boxes of a HEIC."""
    boxes = ((b"ftyp", b"heic\0\0\0\0mif1heic"), (b"meta", bytes(12)), (b"mdat", bytes(16)))
    return b"".join(struct.pack(">I", 8 + len(body)) + name + body for name, body in boxes)


FILES = {
    "application/pdf": a_pdf(),
    "image/png": a_png(),
    "image/jpeg": a_jpeg(),
    "image/tiff": a_tiff(),
    "image/heic": a_heic(),
}
"""A file of each type."""
