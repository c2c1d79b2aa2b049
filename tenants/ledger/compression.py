"""Rows of many audit lines, pressed into a twentieth: lines of the same operation are alike.

What is not written need not be sealed page by page, three times over: a line as it waits, that row
once it is wiped, and the bundle. The lines themselves, and what is hashed of them, are as ever.
"""

import zlib

_MARK = b"z"  # no JSON begins with it
_LEVEL = 1
PLAIN_BYTES_MIN = 1024
"""What is shorter lies open: there is little to gain."""


class NotPressed(ValueError):
    """What claims to be pressed and is not, or would become larger than anything that was."""


def pressed(body: bytes) -> bytes:
    """Return a body as it is stored."""
    return body if len(body) < PLAIN_BYTES_MIN else _MARK + zlib.compress(body, _LEVEL)


def plain(stored: bytes, bytes_max: int) -> bytes:
    """Return what was pressed; raises NotPressed beyond `bytes_max`, and for what is damaged."""
    if not stored.startswith(_MARK):
        return stored
    inflating = zlib.decompressobj()
    try:
        body = inflating.decompress(stored[len(_MARK) :], bytes_max)
    except zlib.error as error:
        raise NotPressed("it cannot be decompressed") from error
    if not inflating.eof or inflating.unused_data:
        raise NotPressed("it is larger than any row that is written, or cut off")
    return body
