"""Cursors: opaque positions in a listing, sealed so that only this agency's own are accepted."""

import base64
import binascii
import hashlib
import hmac
from typing import NoReturn

from domain.errors import FieldFault, InvalidInput

CURSOR_CHARACTERS_MAX = 512
_TAG_BYTES = 16


class CursorSigner:
    """Seals positions with one agency's key; what another agency or listing sealed is refused."""

    def __init__(self, key: bytes) -> None:
        self._mac = hmac.new(key, digestmod=hashlib.sha256)

    def seal(self, listing: str, position: str) -> str:
        """Return a cursor for a position in a listing."""
        body = position.encode()
        text = base64.urlsafe_b64encode(self._tag(listing, body) + body).rstrip(b"=").decode()
        if len(text) > CURSOR_CHARACTERS_MAX:
            raise ValueError("a position this long does not fit a cursor")
        return text

    def open(self, listing: str, cursor: str, *, path: str = "after") -> str:
        """Return the position in a cursor.

        Raises InvalidInput, naming `path`, for anything that this agency did not seal for this
        listing, spelled exactly so.
        """
        if not cursor or len(cursor) > CURSOR_CHARACTERS_MAX or not cursor.isascii():
            _refuse(path)
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            _refuse(path)
        tag, body = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(listing, body)):
            _refuse(path)
        position = body.decode()
        if not hmac.compare_digest(self.seal(listing, position), cursor):
            _refuse(path)  # stray low bits or other alphabet: one position has one spelling
        return position

    def _tag(self, listing: str, body: bytes) -> bytes:
        mac = self._mac.copy()
        name = listing.encode()
        mac.update(len(name).to_bytes(4, "big") + name + body)
        return mac.digest()[:_TAG_BYTES]


def _refuse(path: str) -> NoReturn:
    raise InvalidInput(
        [
            FieldFault(
                path=path,
                code="INVALID",
                message="This is not a cursor of this listing. Pass one as it was answered.",
            )
        ]
    )
